package cloudwatch_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"davit/events/cloudwatch"
)

func read(t *testing.T, name string) *cloudwatch.AlarmStateChange {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var event struct{ Detail cloudwatch.AlarmStateChange }
	if err := json.Unmarshal(body, &event); err != nil {
		t.Fatal(err)
	}
	return &event.Detail
}

func TestAlarmTellsItsKindAndDimensions(t *testing.T) {
	for _, test := range []struct {
		file, dimension, value string
		found, composite       bool
	}{
		{"metric.json", "InstanceId", "i-12345678901234567", true, false},
		{"metric.json", "ServiceName", "", false, false},
		{"metric_math.json", "InstanceId", "i-12345678901234567", true, false},
		{"composite.json", "InstanceId", "", false, true},
		{"metrics_insights.json", "TableName", "", false, false},
	} {
		alarm := read(t, test.file)
		if value, found := alarm.Dimension(test.dimension); value != test.value || found != test.found {
			t.Errorf("%s: %s is %q, %t; want %q, %t", test.file, test.dimension, value, found, test.value, test.found)
		}
		if alarm.Composite() != test.composite {
			t.Errorf("%s: composite %t", test.file, alarm.Composite())
		}
		if !strings.Contains(alarm.State.Reason, "ALARM") && !strings.Contains(alarm.State.Reason, "threshold") {
			t.Errorf("%s: lost the reason, has %q", test.file, alarm.State.Reason)
		}
	}
}

func TestDimensionIsNotFoundWhereMetricsDiffer(t *testing.T) {
	alarm := read(t, "metric_math.json")
	alarm.Configuration.Metrics[2].MetricStat.Metric.Dimensions = map[string]string{"InstanceId": "i-other"}
	if value, found := alarm.Dimension("InstanceId"); found {
		t.Errorf("found %q, though the metrics name two instances", value)
	}
	alarm.Configuration.Metrics[2].MetricStat.Metric.Dimensions = nil
	if value, found := alarm.Dimension("InstanceId"); found {
		t.Errorf("found %q, though one metric names no instance", value)
	}
}

func TestAlarmIsRaisedOnceOnly(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     bool
	}{
		{"OK", "ALARM", true}, {"INSUFFICIENT_DATA", "ALARM", true}, {"", "ALARM", true},
		{"ALARM", "ALARM", false}, {"ALARM", "OK", false}, {"OK", "INSUFFICIENT_DATA", false},
	} {
		alarm := cloudwatch.AlarmStateChange{
			State: cloudwatch.State{Value: test.to}, PreviousState: cloudwatch.State{Value: test.from},
		}
		if alarm.Raised() != test.want {
			t.Errorf("from %q to %q: raised %t", test.from, test.to, alarm.Raised())
		}
	}
}
