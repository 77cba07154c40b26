package emulator_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"davit/cmd/davit/emulator"
)

// isoOffset is how CloudWatch events write a time.
const isoOffset = "2006-01-02T15:04:05.000-0700"

func alarmArn(name string) string {
	return "arn:aws:cloudwatch:" + emulator.DefaultRegion + ":" + emulator.Account + ":alarm:" + name
}

// stateChanges listens to the alarm's changes of state.
func stateChanges(t *testing.T, alarm string) *bus {
	t.Helper()
	return listen(t, map[string]any{
		"source": []string{"aws.cloudwatch"}, "detail-type": []string{"CloudWatch Alarm State Change"},
		"resources": []string{alarmArn(alarm)},
	})
}

func putAlarm(t *testing.T, client *cloudwatch.Client, name string) {
	t.Helper()
	_, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, AlarmDescription: aws.String("too many errors"), Namespace: aws.String("Shop/" + name),
		MetricName: aws.String("Errors"), Statistic: cloudwatchtypes.StatisticSum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5),
		ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
		Dimensions:         []cloudwatchtypes.Dimension{{Name: aws.String("ServiceName"), Value: aws.String("web")}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func setState(t *testing.T, client *cloudwatch.Client, name string, state cloudwatchtypes.StateValue, reason, data string) {
	t.Helper()
	input := &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: &reason}
	if data != "" {
		input.StateReasonData = &data
	}
	if _, err := client.SetAlarmState(t.Context(), input); err != nil {
		t.Fatal(err)
	}
}

// alarmChange is the event of the alarm; the states come from the received one, whose times cannot be known.
func alarmChange(t *testing.T, got event, name string, configuration map[string]any, previous, state map[string]any) event {
	t.Helper()
	for field, want := range map[string]map[string]any{"previousState": previous, "state": state} {
		found, ok := got.Detail[field].(map[string]any)
		if !ok {
			t.Fatalf("the event has no %s: %v", field, got.Detail)
		}
		isTime(t, found, "timestamp", isoOffset)
		want["timestamp"] = found["timestamp"]
	}
	return event{
		Source: "aws.cloudwatch", DetailType: "CloudWatch Alarm State Change", Resources: []string{alarmArn(name)},
		Detail: map[string]any{
			"alarmName": name, "configuration": configuration, "previousState": previous, "state": state,
		},
	}
}

// metricConfiguration is that of putAlarm; the metric's ID is the emulator's own.
func metricConfiguration(t *testing.T, got event, name string) map[string]any {
	t.Helper()
	configuration, _ := got.Detail["configuration"].(map[string]any)
	metrics, _ := configuration["metrics"].([]any)
	if len(metrics) != 1 {
		t.Fatalf("the configuration is %v, want one metric", configuration)
	}
	return map[string]any{
		"description": "too many errors",
		"metrics": []any{map[string]any{
			"id": metrics[0].(map[string]any)["id"], "returnData": true,
			"metricStat": map[string]any{
				"metric": map[string]any{
					"dimensions": map[string]any{"ServiceName": "web"}, "name": "Errors", "namespace": "Shop/" + name,
				},
				"period": 60.0, "stat": "Sum",
			},
		}},
	}
}

func TestAlarmPublishesEachChangeOfItsState(t *testing.T) {
	client, name := cloudwatch.NewFromConfig(cloud(t)), unique(t)
	changes := stateChanges(t, name)
	putAlarm(t, client, name)
	setState(t, client, name, cloudwatchtypes.StateValueAlarm, "testing", `{"why":"test"}`)
	setState(t, client, name, cloudwatchtypes.StateValueAlarm, "still", "")
	setState(t, client, name, cloudwatchtypes.StateValueOk, "over", `{"why":"over"}`)

	raised := changes.next()
	equal(t, raised, alarmChange(t, raised, name, metricConfiguration(t, raised, name),
		map[string]any{"value": "INSUFFICIENT_DATA", "reason": "Unchecked: Initial alarm creation"},
		map[string]any{"value": "ALARM", "reason": "testing", "reasonData": `{"why":"test"}`}))
	cleared := changes.next()
	equal(t, cleared, alarmChange(t, cleared, name, metricConfiguration(t, cleared, name),
		map[string]any{"value": "ALARM", "reason": "testing", "reasonData": `{"why":"test"}`},
		map[string]any{"value": "OK", "reason": "over", "reasonData": `{"why":"over"}`}))
}

func TestEvaluatedAlarmPublishesItsDatapoint(t *testing.T) {
	client, name := cloudwatch.NewFromConfig(cloud(t)), unique(t)
	changes := stateChanges(t, name)
	putAlarm(t, client, name)
	_, err := client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{
		Namespace: aws.String("Shop/" + name),
		MetricData: []cloudwatchtypes.MetricDatum{{
			MetricName: aws.String("Errors"), Value: aws.Float64(9), Timestamp: aws.Time(time.Now()),
			Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("ServiceName"), Value: aws.String("web")}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	state := changes.next().Detail["state"].(map[string]any)
	var data struct {
		Version          string    `json:"version"`
		Statistic        string    `json:"statistic"`
		Period           int       `json:"period"`
		Threshold        float64   `json:"threshold"`
		RecentDatapoints []float64 `json:"recentDatapoints"`
	}
	text, _ := state["reasonData"].(string)
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatalf("reasonData %q: %v", text, err)
	}
	if state["value"] != "ALARM" || data.Version != "1.0" || data.Statistic != "Sum" || data.Period != 60 ||
		data.Threshold != 5 || len(data.RecentDatapoints) != 1 || data.RecentDatapoints[0] != 9 {
		t.Errorf("the state is %v", state)
	}
}

func TestCompositeAlarmPublishesItsRuleAndItsChildren(t *testing.T) {
	client, name := cloudwatch.NewFromConfig(cloud(t)), unique(t)
	child := name + "-child"
	changes := stateChanges(t, name)
	putAlarm(t, client, child)
	rule := "ALARM(" + child + ")"
	_, err := client.PutCompositeAlarm(t.Context(), &cloudwatch.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule})
	if err != nil {
		t.Fatal(err)
	}
	changes.next() // created: its rule evaluates to OK
	setState(t, client, child, cloudwatchtypes.StateValueAlarm, "testing", "")
	raised := changes.next()
	state := raised.Detail["state"].(map[string]any)
	var data struct {
		TriggeringAlarms []struct {
			Arn string `json:"arn"`
		} `json:"triggeringAlarms"`
	}
	text, _ := state["reasonData"].(string)
	if err := json.Unmarshal([]byte(text), &data); err != nil || len(data.TriggeringAlarms) != 1 ||
		data.TriggeringAlarms[0].Arn != alarmArn(child) {
		t.Errorf("reasonData is %q, want the child as the trigger: %v", text, err)
	}
	previous := raised.Detail["previousState"].(map[string]any)
	equal(t, raised, alarmChange(t, raised, name, map[string]any{"alarmRule": rule},
		map[string]any{"value": "OK", "reason": previous["reason"], "reasonData": previous["reasonData"]},
		map[string]any{"value": "ALARM", "reason": state["reason"], "reasonData": text}))
}
