package alarm

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	event "davit/events/cloudwatch"
	"davit/shared/names"
	"davit/shared/workload"
)

// account is what CloudWatch has, as its answers say it.
type account struct {
	tags   map[string]string
	alarms []types.MetricAlarm
}

func (a account) ListTagsForResource(context.Context, *cloudwatch.ListTagsForResourceInput, ...func(*cloudwatch.Options)) (
	*cloudwatch.ListTagsForResourceOutput, error) {
	if a.tags == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	output := &cloudwatch.ListTagsForResourceOutput{}
	for key, value := range a.tags {
		output.Tags = append(output.Tags, types.Tag{Key: &key, Value: &value})
	}
	return output, nil
}

func (a account) DescribeAlarms(_ context.Context, input *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (
	*cloudwatch.DescribeAlarmsOutput, error) {
	output := &cloudwatch.DescribeAlarmsOutput{}
	for _, name := range input.AlarmNames {
		for _, alarm := range a.alarms {
			if aws.ToString(alarm.AlarmName) == name {
				output.MetricAlarms = append(output.MetricAlarms, alarm)
			}
		}
	}
	return output, nil
}

func metric(dimensions ...string) event.Metric {
	read := event.Metric{ID: "m", MetricStat: &event.MetricStat{}}
	read.MetricStat.Metric.Dimensions = map[string]string{}
	for i := 1; i < len(dimensions); i += 2 {
		read.MetricStat.Metric.Dimensions[dimensions[i-1]] = dimensions[i]
	}
	return read
}

func described(name string, dimensions ...string) types.MetricAlarm {
	alarm := types.MetricAlarm{AlarmName: &name, StateValue: types.StateValueAlarm}
	for i := 1; i < len(dimensions); i += 2 {
		alarm.Dimensions = append(alarm.Dimensions, types.Dimension{Name: &dimensions[i-1], Value: &dimensions[i]})
	}
	return alarm
}

func TestResolveFindsTheWorkload(t *testing.T) {
	behind := func(_ context.Context, group string) (workload.Reference, error) {
		if group == "targetgroup/web/0123456789abcdef" {
			return workload.ECSService("production", "web")
		}
		return workload.Reference{}, nil
	}
	for _, test := range []struct {
		name     string
		account  account
		metrics  []event.Metric
		rule     string
		want     string
		playbook string
		refusal  string
	}{
		{"by its tag", account{tags: map[string]string{names.TagWorkload: "ecs:production/web", names.TagPlaybook: "mine"}},
			[]event.Metric{metric("InstanceId", "i-0123")}, "", "ecs:production/web", "mine", ""},
		{"by the dimensions of ECS", account{}, []event.Metric{metric("ClusterName", "production", "ServiceName", "web")}, "", "ecs:production/web", "", ""},
		{"by the dimensions that all metrics of an expression share", account{}, []event.Metric{{ID: "e", Expression: "m1/m2"},
			metric("ClusterName", "production", "ServiceName", "web"), metric("ClusterName", "production", "ServiceName", "web")}, "", "ecs:production/web", "", ""},
		{"not by dimensions that they do not share", account{}, []event.Metric{metric("ClusterName", "production", "ServiceName", "web"),
			metric("ClusterName", "production", "ServiceName", "worker")}, "", "", "", "davit/workload=ecs:CLUSTER/SERVICE"},
		{"by the target group of its load balancer", account{}, []event.Metric{metric("TargetGroup", "targetgroup/web/0123456789abcdef",
			"LoadBalancer", "app/web/0123")}, "", "ecs:production/web", "", ""},
		{"not by a target group of nobody", account{}, []event.Metric{metric("TargetGroup", "targetgroup/other/0123")}, "", "", "", "tag the alarm"},
		{"by Container Insights of EKS", account{}, []event.Metric{metric("ClusterName", "blue", "Namespace", "shop", "PodName", "cart")}, "",
			"eks:blue/shop/cart", "", ""},
		{"by the instance", account{}, []event.Metric{metric("InstanceId", "i-0123456789abcdef0")}, "", "ec2:i-0123456789abcdef0", "", ""},
		{"by the group of hosts", account{}, []event.Metric{metric("AutoScalingGroupName", "hosts")}, "", "asg:hosts", "", ""},
		{"not by a group whose name no reference can hold", account{}, []event.Metric{metric("AutoScalingGroupName", "our hosts")}, "", "", "", "our hosts"},
		{"not without dimensions", account{}, []event.Metric{{ID: "q", Expression: "SELECT AVG(X) FROM Y"}}, "", "", "", "tag the alarm"},
		{"by the alarms of a rule", account{alarms: []types.MetricAlarm{described("5xx", "ClusterName", "production", "ServiceName", "web"), described("odd")}},
			nil, `ALARM("5xx") AND NOT ALARM(odd)`, "ecs:production/web", "", ""},
		{"not by a rule about two workloads", account{alarms: []types.MetricAlarm{described("5xx", "ClusterName", "production", "ServiceName", "web"),
			described("slow", "ClusterName", "production", "ServiceName", "worker")}}, nil, "ALARM(5xx) OR ALARM('slow')", "", "", "ecs:production/worker"},
		{"not by a tag that names nothing", account{tags: map[string]string{names.TagWorkload: "web"}}, nil, "", "", "", "ecs:CLUSTER/SERVICE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			change := &event.AlarmStateChange{AlarmName: "the-alarm", ARN: "arn", Configuration: event.Configuration{Metrics: test.metrics, AlarmRule: test.rule}}
			got, err := New(test.account, behind).Resolve(t.Context(), change)
			if test.refusal != "" {
				if !errors.Is(err, ErrNoWorkload) || !strings.Contains(err.Error(), test.refusal) {
					t.Errorf("got %v, %v; want a refusal with %q", got, err, test.refusal)
				}
				return
			}
			if err != nil || got.Workload.String() != test.want || got.Playbook != test.playbook {
				t.Errorf("got %v, %v; want %s by %q", got, err, test.want, test.playbook)
			}
		})
	}
}

func TestStatesLeaveOutWhatDoesNotExist(t *testing.T) {
	states, err := New(account{alarms: []types.MetricAlarm{described("5xx")}}, nil).States(t.Context(), []string{"5xx", "gone"})
	if err != nil || len(states) != 1 || states["5xx"].State != "ALARM" {
		t.Errorf("got %v, %v", states, err)
	}
}
