package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/names"
	"davit/shared/settings"
)

// scalingNeeds are all actions that the scale function may do, each with where: on everything, or on what a resource and
// a condition name.
var scalingNeeds = map[string]string{
	"application-autoscaling:DescribeScalableTargets": "*",
	"application-autoscaling:RegisterScalableTarget":  ":scalable-target/*",
	"autoscaling:DescribeAutoScalingGroups":           "*",
	"autoscaling:DescribePolicies":                    "*",
	"autoscaling:SetDesiredCapacity":                  ":autoScalingGroup:*:autoScalingGroupName/*",
	"autoscaling:UpdateAutoScalingGroup":              ":autoScalingGroup:*:autoScalingGroupName/*",
	"cloudwatch:DescribeAlarms":                       "*",
	"cloudwatch:GetMetricData":                        "*",
	"cloudwatch:ListTagsForResource":                  ":alarm:*",
	"dynamodb:BatchGetItem":                           ":table/" + names.Table,
	"dynamodb:DeleteItem":                             ":table/" + names.Table,
	"dynamodb:GetItem":                                ":table/" + names.Table,
	"dynamodb:PutItem":                                ":table/" + names.Table,
	"dynamodb:Query":                                  ":table/" + names.Table,
	"ecs:DescribeCapacityProviders":                   ":capacity-provider/*",
	"ecs:DescribeClusters":                            ":cluster/*",
	"ecs:DescribeServices":                            ":service/*",
	"ecs:DescribeTaskDefinition":                      "*",
	"ecs:UpdateService":                               ":service/*",
	"events:PutEvents":                                ":event-bus/" + names.Bus,
	"logs:CreateLogStream":                            "Log",
	"logs:PutLogEvents":                               "Log",
	"sqs:ChangeMessageVisibility":                     "Queue",
	"sqs:DeleteMessage":                               "Queue",
	"sqs:GetQueueAttributes":                          "Queue",
	"sqs:ReceiveMessage":                              "Queue",
	"sqs:SendMessage":                                 "Queue",
	"ssm:GetParameters":                               ":parameter/davit/*",
	"tag:GetResources":                                "*",
}

func TestTheScaleFunctionMayDoWhatItNeedsAndNoMore(t *testing.T) {
	have := map[string]string{}
	for _, s := range synthesised[chosen][scalingStack].statements() {
		if !s.isIdentity || s.fields["Effect"] != "Allow" {
			continue
		}
		for _, action := range texts(s.fields["Action"]) {
			have[action] = asText(s.fields["Resource"])
		}
	}
	for action, where := range scalingNeeds {
		if on, allowed := have[action]; !allowed || !strings.Contains(on, where) || (where == "*") != (on == `"*"`) {
			t.Errorf("%s is allowed on %q, want %s", action, on, where)
		}
		delete(have, action)
	}
	if len(have) > 0 && !onlyTraces(have) {
		t.Errorf("it may do more: %v", have)
	}
}

// onlyTraces tells whether the actions are those of tracing, which this configuration turns on.
func onlyTraces(actions map[string]string) bool {
	for action := range actions {
		if !strings.HasPrefix(action, "xray:") {
			return false
		}
	}
	return true
}

func TestOnlyWhatOptedInToScalingCanBeScaled(t *testing.T) {
	changing := []string{"ecs:UpdateService", "application-autoscaling:RegisterScalableTarget", "autoscaling:UpdateAutoScalingGroup",
		"autoscaling:SetDesiredCapacity"}
	want := map[string]any{"StringLike": map[string]any{"aws:ResourceTag/" + names.TagScaling: "*"}}
	found := 0
	for _, s := range synthesised[chosen][scalingStack].statements() {
		for _, action := range texts(s.fields["Action"]) {
			if !slices.Contains(changing, action) {
				continue
			}
			found++
			if difference := cmp.Diff(any(want), s.fields["Condition"]); difference != "" {
				t.Errorf("%s: -want +have:\n%s", action, difference)
			}
		}
	}
	if found != len(changing) {
		t.Errorf("%d statements allow it", found)
	}
}

func TestEveryTriggerOfScalingReachesItsQueueAndNothingIsDropped(t *testing.T) {
	have := synthesised[chosen][scalingStack]
	queue, _ := have.with(t, "AWS::SQS::Queue", "QueueName", names.ScaleQueue)
	dead, _ := have.with(t, "AWS::SQS::Queue", "QueueName", names.ScaleDeadLetterQueue)
	var rules []string
	for _, rule := range have.of("AWS::Events::Rule") {
		name, _ := rule.Properties["Name"].(string)
		rules = append(rules, name)
		target := at(rule.Properties, "Targets", 0)
		if !refersTo(at(target, "Arn"), queue) || !refersTo(at(target, "DeadLetterConfig", "Arn"), dead) {
			t.Errorf("%s has the targets %s", name, asText(rule.Properties["Targets"]))
		}
	}
	slices.Sort(rules)
	if difference := cmp.Diff([]string{"davit-load", "davit-placement", "davit-scaling-sweep", "davit-scaling-tag"}, rules); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	if alarms := len(have.of("AWS::CloudWatch::Alarm")); alarms != 4 {
		t.Errorf("%d alarms watch the way of an event", alarms)
	}
}

func TestNamedScalingPoliciesReachTheFunction(t *testing.T) {
	_, parameter := synthesised[chosen][automationStack].with(t, "AWS::SSM::Parameter", "Name", names.SettingsParameter)
	value, _ := parameter.Properties["Value"].(string)
	read, err := settings.Parse([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	if policy, err := read.ParseScaling("policy:shop"); err != nil || policy.Target != 60 {
		t.Errorf("it reads %+v, %v", policy, err)
	}
}

func TestAServiceThatScalesCarriesItsPolicy(t *testing.T) {
	for _, service := range synthesised[chosen][ecsStack].of("AWS::ECS::Service") {
		want := map[any]string{"web": "policy:shop"}[service.Properties["ServiceName"]]
		if have := service.tags()[names.TagScaling]; have != want {
			t.Errorf("%v has %q, want %q", service.Properties["ServiceName"], have, want)
		}
	}
}
