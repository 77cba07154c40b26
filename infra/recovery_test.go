package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/names"
	"davit/shared/settings"
)

func theRecovery(t *testing.T) template {
	t.Helper()
	have, made := synthesised[local][recoveryStack]
	if !made {
		t.Fatal("the local configuration has no recovery")
	}
	return have
}

func TestOnlyServicesThatOptedInAreRemedied(t *testing.T) {
	found := 0
	for _, s := range theRecovery(t).statements() {
		if !s.allows("ecs:UpdateService") {
			continue
		}
		found++
		want := map[string]any{"StringLike": map[string]any{"aws:ResourceTag/" + names.TagPlaybook: "*"}}
		if difference := cmp.Diff(any(want), s.fields["Condition"]); difference != "" {
			t.Errorf("-want +have:\n%s", difference)
		}
		if resource := asText(s.fields["Resource"]); !strings.Contains(resource, ":service/*") {
			t.Errorf("it is allowed on %s", resource)
		}
	}
	if found != 1 {
		t.Errorf("%d statements allow it", found)
	}
}

func TestTheRecoveryMayDoWhatItNeedsAndNoMore(t *testing.T) {
	var have []string
	for _, s := range theRecovery(t).statements() {
		if s.isIdentity && s.fields["Effect"] == "Allow" {
			have = append(have, texts(s.fields["Action"])...)
		}
	}
	slices.Sort(have)
	want := []string{"cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
		"dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem",
		"dynamodb:Query", "dynamodb:UpdateItem",
		"ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:DescribeTasks", "ecs:ListTaskDefinitions", "ecs:ListTasks",
		"ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:UpdateService",
		"events:PutEvents", "iam:PassRole", "logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish",
		"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
		"ssm:GetParameters", "tag:GetResources"}
	if difference := cmp.Diff(want, slices.Compact(have)); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
}

func TestTheRecoveryHearsOfAlarmsTasksAndTheSchedule(t *testing.T) {
	have := theRecovery(t)
	for name, want := range map[string]any{
		"davit-alarm": map[string]any{"source": []any{"aws.cloudwatch"}, "detail-type": []any{"CloudWatch Alarm State Change"}},
		"davit-task": map[string]any{"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Task State Change"},
			"detail": map[string]any{"lastStatus": []any{"STOPPED"}}},
		"davit-service-impaired": map[string]any{"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Service Action"},
			"detail": map[string]any{"eventName": []any{"SERVICE_TASK_START_IMPAIRED", "SERVICE_TASK_PLACEMENT_FAILURE"}}},
		"davit-incidents": nil,
	} {
		_, rule := have.with(t, "AWS::Events::Rule", "Name", name)
		if difference := cmp.Diff(want, rule.Properties["EventPattern"]); difference != "" {
			t.Errorf("%s: -want +have:\n%s", name, difference)
		}
		if rule.Properties["State"] != "ENABLED" || at(rule.Properties, "Targets", 0, "DeadLetterConfig") == nil {
			t.Errorf("%s: %s", name, asText(rule.Properties))
		}
	}
	_, schedule := have.with(t, "AWS::Events::Rule", "Name", "davit-incidents")
	if schedule.Properties["ScheduleExpression"] != "rate(1 minute)" {
		t.Errorf("incidents are looked at %v", schedule.Properties["ScheduleExpression"])
	}
}

func TestTheStopParameterBeginsAsNoStop(t *testing.T) {
	_, parameter := theRecovery(t).with(t, "AWS::SSM::Parameter", "Name", names.StopParameter)
	stop, err := settings.ParseStop(parameter.Properties["Value"].(string))
	if stop != nil || err != nil {
		t.Errorf("it is %v, %v", stop, err)
	}
}
