package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/names"
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

// TestOnlyHostsThatOptedInAreRemedied holds each action that changes a host, its group or its volume against the condition
// that it must have, wherever it is allowed.
func TestOnlyHostsThatOptedInAreRemedied(t *testing.T) {
	const ofResource = "aws:ResourceTag/"
	found := map[string]int{}
	for _, s := range theRecovery(t).statements() {
		for action, key := range map[string]string{
			"ecs:UpdateContainerInstancesState":               ofResource + names.TagPlaybook,
			"autoscaling:TerminateInstanceInAutoScalingGroup": ofResource + names.TagPlaybook,
			"autoscaling:SetDesiredCapacity":                  ofResource + names.TagPlaybook,
			"autoscaling:UpdateAutoScalingGroup":              ofResource + names.TagPlaybook,
			"application-autoscaling:RegisterScalableTarget":  ofResource + names.TagPlaybook,
			"ec2:ModifyVolume":                                ofResource + names.TagChainNode,
			"ec2:DeleteTags":                                  ofResource + names.TagChainNode,
			"ec2:CreateVolume":                                "Tag/" + names.TagChainNode,
			"ec2:CreateTags":                                  "ec2:CreateAction",
			"ssm:SendCommand":                                 ofResource + names.TagPlaybook,
		} {
			if !s.isIdentity || !s.allows(action) {
				continue
			}
			found[action]++
			resource := asText(s.fields["Resource"])
			if resource == `"*"` {
				t.Errorf("%s is allowed on everything", action)
			}
			if strings.Contains(resource, ":document/davit-") {
				continue
			}
			if condition := asText(s.fields["Condition"]); !strings.Contains(condition, key) {
				t.Errorf("%s on %s has the condition %s, want %s", action, resource, condition, key)
			}
		}
	}
	if len(found) != 10 {
		t.Errorf("only %v are allowed", found)
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
	want := []string{"application-autoscaling:DescribeScalableTargets", "application-autoscaling:RegisterScalableTarget",
		"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribePolicies", "autoscaling:SetDesiredCapacity",
		"autoscaling:TerminateInstanceInAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup",
		"cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
		"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
		"ec2:CreateTags", "ec2:CreateVolume", "ec2:DeleteTags", "ec2:DescribeInstanceStatus", "ec2:DescribeInstances",
		"ec2:DescribeSnapshots", "ec2:DescribeVolumes", "ec2:ModifyVolume",
		"ecs:DescribeContainerInstances", "ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:DescribeTasks", "ecs:ListClusters",
		"ecs:ListContainerInstances", "ecs:ListTaskDefinitions", "ecs:ListTasks", "ecs:RegisterTaskDefinition", "ecs:TagResource",
		"ecs:UpdateContainerInstancesState", "ecs:UpdateService",
		"events:PutEvents", "iam:PassRole", "logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish",
		"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
		"ssm:GetParameters", "ssm:ListCommands", "ssm:SendCommand", "tag:GetResources"}
	if difference := cmp.Diff(want, slices.Compact(have)); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
}

func TestTheRecoveryHearsOfAllThatCanOpenAnIncident(t *testing.T) {
	have := theRecovery(t)
	for name, want := range map[string]any{
		"davit-alarm": map[string]any{"source": []any{"aws.cloudwatch"}, "detail-type": []any{"CloudWatch Alarm State Change"}},
		"davit-task": map[string]any{"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Task State Change"},
			"detail": map[string]any{"lastStatus": []any{"STOPPED"}}},
		"davit-service-impaired": map[string]any{"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Service Action"},
			"detail": map[string]any{"eventName": []any{"SERVICE_TASK_START_IMPAIRED", "SERVICE_TASK_PLACEMENT_FAILURE"}}},
		"davit-deployment-over": map[string]any{"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Deployment State Change"},
			"detail": map[string]any{"eventName": []any{"SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED"}}},
		"davit-container-instance": map[string]any{"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Container Instance State Change"},
			"detail": map[string]any{"agentConnected": []any{false}, "status": []any{"ACTIVE"}}},
		"davit-spot": map[string]any{"source": []any{"aws.ec2"},
			"detail-type": []any{"EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation"}},
		"davit-host-ends": map[string]any{"source": []any{"aws.autoscaling"}, "detail-type": []any{"EC2 Instance-terminate Lifecycle Action"}},
		"davit-health": map[string]any{"source": []any{"aws.health"}, "detail-type": []any{"AWS Health Event"},
			"detail": map[string]any{"service": []any{"EC2"}, "eventTypeCategory": []any{"issue", "scheduledChange"}}},
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

// CloudFormation writes a parameter whole on any change of it, its tags included, so that a deploy would end a stop.
func TestNoDeployEndsTheStop(t *testing.T) {
	everyTemplate(t, func(t *testing.T, have template) {
		for logical, parameter := range have.of("AWS::SSM::Parameter") {
			if parameter.Properties["Name"] == names.StopParameter {
				t.Errorf("%s is the stop, which is davit stop's alone", logical)
			}
		}
	})
}

// "DescribeAlarms" in the CloudWatch API reference: composite alarms are answered where it is allowed on everything alone.
func TestTheFunctionsSeeCompositeAlarms(t *testing.T) {
	for _, stack := range []string{recoveryStack, scalingStack} {
		seen := slices.ContainsFunc(synthesised[local][stack].statements(), func(s statement) bool {
			return s.isIdentity && s.allows("cloudwatch:DescribeAlarms") && asText(s.fields["Resource"]) == `"*"`
		})
		if !seen {
			t.Errorf("%s allows it on some alarms alone", stack)
		}
	}
}
