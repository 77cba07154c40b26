package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/names"
)

// unlimited are the actions that may be allowed on every resource, with the reason. Which action takes no resource is
// from the Service Authorization Reference.
var unlimited = map[string]string{
	"cloudwatch:PutMetricData":                        "takes no resource; the condition cloudwatch:namespace limits it",
	"ec2:DescribeSnapshots":                           "takes no resource",
	"ec2:DescribeTags":                                "takes no resource",
	"ec2:DescribeVolumes":                             "takes no resource",
	"ecr:GetAuthorizationToken":                       "takes no resource: it signs in to the registry",
	"ec2:DescribeSecurityGroups":                      "takes no resource; it reads rules",
	"ecs:DescribeTaskDefinition":                      "takes no resource",
	"ecs:ListTaskDefinitions":                         "takes no resource",
	"ecs:RegisterTaskDefinition":                      "is asked for on *; what a revision can do is limited by iam:PassRole",
	"ecs:ListTasks":                                   "takes container instances only, which Fargate has not; the condition ecs:cluster limits it",
	"eks:ListClusters":                                "takes no resource; it reads names",
	"logs:DescribeLogGroups":                          "takes no resource; it reads names and no events",
	"tag:GetResources":                                "takes no resource",
	"ssm:DescribeParameters":                          "takes no resource; it reads names and no values",
	"ec2:AssignPrivateIpAddresses":                    "asked for on * of a function in a VPC",
	"ec2:CreateNetworkInterface":                      "asked for on * of a function in a VPC",
	"ec2:DeleteNetworkInterface":                      "asked for on * of a function in a VPC",
	"ec2:DescribeNetworkInterfaces":                   "takes no resource",
	"ec2:DescribeSubnets":                             "takes no resource",
	"ec2:UnassignPrivateIpAddresses":                  "asked for on * of a function in a VPC",
	"xray:PutTraceSegments":                           "takes no resource",
	"xray:PutTelemetryRecords":                        "takes no resource",
	"application-autoscaling:DescribeScalableTargets": "takes no resource",
	"cloudwatch:DescribeAlarms":                       "answers no composite alarm where it is allowed on less",
	"cloudwatch:GetMetricData":                        "takes no resource; it reads metrics and no logs",
	"autoscaling:DescribeAutoScalingGroups":           "takes no resource",
	"autoscaling:DescribeAutoScalingInstances":        "takes no resource",
	"autoscaling:DescribeLaunchConfigurations":        "takes no resource",
	"autoscaling:DescribeScalingActivities":           "takes no resource",
	"autoscaling:DescribeTags":                        "takes no resource",
	"ec2:DescribeImages":                              "takes no resource",
	"ec2:DescribeInstanceTypes":                       "takes no resource",
	"ec2:DescribeLaunchTemplateVersions":              "takes no resource",
	"ec2:GetInstanceTypesFromInstanceRequirements":    "takes no resource",
	"autoscaling:DescribePolicies":                    "takes no resource",
	"ec2:DescribeInstanceStatus":                      "takes no resource",
	"ec2:DescribeInstances":                           "takes no resource",
	"ecs:ListClusters":                                "takes no resource",
	"ssm:ListCommands":                                "is asked for on *; it reads what was asked of hosts",
	"ecs:DiscoverPollEndpoint":                        "takes no resource",
	"ssmmessages:CreateControlChannel":                "is asked for on *, by tasks with ECS Exec alone",
	"ssmmessages:CreateDataChannel":                   "is asked for on *, by tasks with ECS Exec alone",
	"ssmmessages:OpenControlChannel":                  "is asked for on *, by tasks with ECS Exec alone",
	"ssmmessages:OpenDataChannel":                     "is asked for on *, by tasks with ECS Exec alone",
}

func TestNothingIsAllowedOnEverythingThatCouldBeLimited(t *testing.T) {
	everyTemplate(t, func(t *testing.T, have template) {
		for _, s := range have.statements() {
			if s.fields["Effect"] != "Allow" || !s.isIdentity {
				continue
			}
			for _, action := range texts(s.fields["Action"]) {
				if strings.Contains(action, "*") {
					t.Errorf("%s allows the actions %s", s.where, action)
				}
				if action == "cloudwatch:PutMetricData" && at(s.fields, "Condition", "StringEquals", "cloudwatch:namespace") == nil {
					t.Errorf("%s may publish metrics under any name", s.where)
				}
				if _, accepted := unlimited[action]; slices.Contains(texts(s.fields["Resource"]), "*") && !accepted {
					t.Errorf("%s allows %s on everything", s.where, action)
				}
			}
			if s.fields["NotAction"] != nil || s.fields["NotResource"] != nil {
				t.Errorf("%s allows by exclusion: %s", s.where, asText(s.fields))
			}
		}
	})
}

func TestOnlyServicesThatOptedInCanBeUpdated(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		found := 0
		for _, s := range have.statements() {
			if !s.allows("ecs:UpdateService") {
				continue
			}
			found++
			want := map[string]any{"StringLike": map[string]any{"aws:ResourceTag/" + names.TagPolicy: "*"}}
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
	})
}

func TestRolesArePassedToTasksOnlyAndOnlyThoseThatTheConfigurationNames(t *testing.T) {
	for configuration, want := range map[string][]string{
		local:       {":role/davit/*"},
		development: {":role/davit/*"},
		alone:       {":role/ecsTaskExecutionRole", ":role/services/*"},
		chosen:      {":role/davit/*", ":role/legacy"},
	} {
		t.Run(configuration, func(t *testing.T) {
			found := 0
			for _, s := range synthesised[configuration][automationStack].statements() {
				if !s.allows("iam:PassRole") {
					continue
				}
				found++
				condition := map[string]any{"StringEquals": map[string]any{"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
				if difference := cmp.Diff(any(condition), s.fields["Condition"]); difference != "" {
					t.Errorf("-want +have:\n%s", difference)
				}
				var have []string
				for _, resource := range list(s.fields["Resource"]) {
					text := asText(resource)
					at := strings.Index(text, ":role/")
					if at < 0 {
						t.Fatalf("%s is no role", text)
					}
					have = append(have, text[at:at+strings.IndexAny(text[at:], `"`)])
				}
				slices.Sort(have)
				if difference := cmp.Diff(want, have); difference != "" {
					t.Errorf("-want +have:\n%s", difference)
				}
			}
			if found != 1 {
				t.Errorf("%d statements allow it", found)
			}
		})
	}
}

func TestOnlyRevisionsThatAreBeingRegisteredCanBeTagged(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		found := 0
		for _, s := range have.statements() {
			if !s.allows("ecs:TagResource") {
				continue
			}
			found++
			if created := at(s.fields, "Condition", "StringEquals", "ecs:CreateAction"); created != "RegisterTaskDefinition" {
				t.Errorf("it is allowed with %v", created)
			}
			if resource := asText(s.fields["Resource"]); !strings.Contains(resource, ":task-definition/*") {
				t.Errorf("it is allowed on %s", resource)
			}
		}
		if found != 1 {
			t.Errorf("%d statements allow it", found)
		}
	})
}

func TestOnlyParametersOfRunningImagesCanBeWritten(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		for _, s := range have.statements() {
			if s.allows("ssm:PutParameter") && !strings.Contains(asText(s.fields["Resource"]), ":parameter/davit/image/*") {
				t.Errorf("it is allowed on %s", asText(s.fields["Resource"]))
			}
		}
	})
}

// needed are all actions that the function may do. Each is a call of the rollout function or of what runs it.
var needed = []string{
	"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
	"ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer",
	"ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:DescribeTasks", "ecs:ListTaskDefinitions", "ecs:ListTasks",
	"ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:UpdateService",
	"events:PutEvents",
	"iam:GetRole", "iam:PassRole",
	"logs:CreateLogStream", "logs:DescribeLogGroups", "logs:PutLogEvents",
	"secretsmanager:DescribeSecret",
	"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
	"ssm:DescribeParameters", "ssm:GetParameters", "ssm:PutParameter",
	"tag:GetResources",
}

func TestTheFunctionMayDoWhatItNeedsAndNoMore(t *testing.T) {
	for _, configuration := range []string{local, development, alone} {
		var have []string
		for _, s := range synthesised[configuration][automationStack].statements() {
			if s.isIdentity && s.fields["Effect"] == "Allow" {
				have = append(have, texts(s.fields["Action"])...)
			}
		}
		slices.Sort(have)
		if difference := cmp.Diff(needed, slices.Compact(have)); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
}

func TestOnlyTheRepositoriesThatTheConfigurationNamesAreRead(t *testing.T) {
	for _, s := range synthesised[chosen][automationStack].statements() {
		if !s.allows("ecr:BatchGetImage") {
			continue
		}
		have := asText(s.fields["Resource"])
		if len(list(s.fields["Resource"])) != 3 || !strings.Contains(have, `"arn:aws:ecr:us-east-1:999999999999:repository/shared/*"`) || !strings.Contains(have, ":repository/team/*") ||
			!strings.Contains(have, ":repository/worker") {
			t.Errorf("they are %s", have)
		}
	}
}

func TestTheExecutionRolePullsFromItsRepositoryAloneAndWritesItsLogAlone(t *testing.T) {
	for _, configuration := range []string{local, development, chosen} {
		have := synthesised[configuration][ecsStack]
		for name, definition := range have.of("AWS::ECS::TaskDefinition") {
			roleName, _ := at(definition.Properties, "ExecutionRoleArn", "Fn::GetAtt", 0).(string)
			role := have.Resources[roleName]
			if role.Properties["Path"] != "/davit/" || role.Properties["ManagedPolicyArns"] != nil {
				t.Errorf("%s: %s has the role %s", configuration, name, asText(role.Properties))
			}
			repository := "web"
			if configuration == chosen {
				repository = map[bool]string{true: "team/web", false: "worker"}[strings.Contains(name, "web")]
			}
			if !mayPull(have, roleName, ":repository/"+repository+`"`) {
				t.Errorf("%s: %s may not pull from %s alone", configuration, name, repository)
			}
			logs := at(definition.Properties, "ContainerDefinitions", 0, "LogConfiguration", "Options", "awslogs-group", "Ref")
			writes := slices.ContainsFunc(have.statements(), func(s statement) bool {
				group, _ := logs.(string)
				return s.where == roleName && s.allows("logs:PutLogEvents") && refersTo(s.fields["Resource"], group)
			})
			if !writes {
				t.Errorf("%s: %s may not write its log", configuration, name)
			}
			if at(role.Properties, "AssumeRolePolicyDocument", "Statement", 0, "Condition", "StringEquals", "aws:SourceAccount") == nil {
				t.Errorf("%s: tasks of others may have the role of %s", configuration, name)
			}
		}
		if added := have.of("AWS::IAM::Policy"); len(added) > 0 {
			t.Errorf("%s: there are policies beside the roles", configuration)
		}
	}
}

func mayPull(have template, role, from string) bool {
	return slices.ContainsFunc(have.statements(), func(s statement) bool {
		return s.where == role && s.allows("ecr:BatchGetImage") && s.allows("ecr:GetDownloadUrlForLayer") &&
			len(list(s.fields["Resource"])) == 1 && strings.Contains(asText(s.fields["Resource"]), from)
	})
}
