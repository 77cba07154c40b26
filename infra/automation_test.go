package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/names"
	"davit/shared/settings"
)

func TestTheFunctionIsAStaticBinaryBehindItsQueue(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		functionName, function := have.only(t, "AWS::Lambda::Function")
		if function.Properties["Runtime"] != "provided.al2023" || function.Properties["Handler"] != "bootstrap" {
			t.Errorf("it runs %v of %v", function.Properties["Handler"], function.Properties["Runtime"])
		}
		queueName, queue := have.with(t, "AWS::SQS::Queue", "QueueName", names.RolloutQueue)
		timeout, _ := function.Properties["Timeout"].(float64)
		if hidden, _ := queue.Properties["VisibilityTimeout"].(float64); timeout == 0 || hidden < 6*timeout {
			t.Errorf("a message is hidden for %v s, and the function works for up to %v s", hidden, timeout)
		}
		_, mapping := have.only(t, "AWS::Lambda::EventSourceMapping")
		if !refersTo(mapping.Properties["EventSourceArn"], queueName) ||
			!refersTo(mapping.Properties["FunctionName"], functionName) {
			t.Errorf("the mapping is %s", asText(mapping.Properties))
		}
		want := map[string]any{
			"BatchSize": 10.0, "MaximumBatchingWindowInSeconds": 0.0, "FunctionResponseTypes": []any{"ReportBatchItemFailures"},
		}
		for property, value := range want {
			if difference := cmp.Diff(value, mapping.Properties[property]); difference != "" {
				t.Errorf("%s: -want +have:\n%s", property, difference)
			}
		}
		reserved, isReserved := function.Properties["ReservedConcurrentExecutions"].(float64)
		most, _ := at(mapping.Properties, "ScalingConfig", "MaximumConcurrency").(float64)
		if isReserved && reserved < most {
			t.Errorf("%v executions are reserved, and the queue starts %v", reserved, most)
		}
	})
}

func TestTheFunctionIsToldWhereEverythingIs(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		_, function := have.only(t, "AWS::Lambda::Function")
		variables, _ := at(function.Properties, "Environment", "Variables").(map[string]any)
		kinds := map[string]string{
			names.EnvironmentTable:              "AWS::DynamoDB::Table",
			names.EnvironmentBus:                "AWS::Events::EventBus",
			names.EnvironmentQueueURL:           "AWS::SQS::Queue",
			names.EnvironmentDeadLetterQueueURL: "AWS::SQS::Queue",
			names.EnvironmentSettingsParameter:  "AWS::SSM::Parameter",
		}
		if len(variables) != len(kinds)+2 {
			t.Errorf("it has %s", asText(variables))
		}
		// Lambda's own filter must let everything through: it takes a metric, which has no level, for INFO.
		if level, filter := variables[names.EnvironmentLogLevel], at(function.Properties, "LoggingConfig", "ApplicationLogLevel"); level == nil || filter != "DEBUG" {
			t.Errorf("the function logs from %v on, and Lambda from %v", level, filter)
		}
		_, queue := have.with(t, "AWS::SQS::Queue", "QueueName", names.RolloutQueue)
		receives, _ := at(queue.Properties, "RedrivePolicy", "maxReceiveCount").(float64)
		if told := variables[names.EnvironmentMaximumReceives]; receives == 0 || told != fmt.Sprint(receives) {
			t.Errorf("a message becomes a dead letter after %v attempts, and the function is told of %v", receives, told)
		}
		for variable, kind := range kinds {
			target, _ := at(variables[variable], "Ref").(string)
			if have.Resources[target].Type != kind {
				t.Errorf("%s is %s", variable, asText(variables[variable]))
			}
		}
		dead, _ := at(variables[names.EnvironmentDeadLetterQueueURL], "Ref").(string)
		if have.Resources[dead].Properties["QueueName"] != names.RolloutDeadLetterQueue {
			t.Errorf("%s is %s", names.EnvironmentDeadLetterQueueURL, dead)
		}
	})
}

func TestTheFunctionIsBuiltForTheArchitectureThatItRunsOn(t *testing.T) {
	for configuration, want := range map[string]string{local: "x86_64", development: "arm64", alone: "arm64"} {
		have := synthesised[configuration][automationStack]
		_, function := have.only(t, "AWS::Lambda::Function")
		if architecture := at(function.Properties, "Architectures", 0); architecture != want {
			t.Errorf("%s: it is %v, want %s", configuration, architecture, want)
		}
	}
	_, first := synthesised[local][automationStack].only(t, "AWS::Lambda::Function")
	_, second := synthesised[development][automationStack].only(t, "AWS::Lambda::Function")
	if at(first.Properties, "Code", "S3Key") == at(second.Properties, "Code", "S3Key") {
		t.Error("both architectures have the same code")
	}
}

func TestTheFunctionHasItsOwnRoleAndNothingAddsToIt(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		_, function := have.only(t, "AWS::Lambda::Function")
		for name, role := range have.of("AWS::IAM::Role") {
			if !refersTo(function.Properties["Role"], name) {
				continue
			}
			if _, managed := role.Properties["ManagedPolicyArns"]; managed {
				t.Errorf("it has managed policies: %s", asText(role.Properties["ManagedPolicyArns"]))
			}
			if service := at(role.Properties, "AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service"); service != "lambda.amazonaws.com" {
				t.Errorf("%v may assume it", service)
			}
		}
		if added := have.of("AWS::IAM::Policy"); len(added) > 0 {
			t.Errorf("these policies were added: %v", slices.Collect(maps.Keys(added)))
		}
	})
}

func TestTheLedgerKeepsWhatItMustAndForgetsWhatItMay(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		_, table := have.only(t, "AWS::DynamoDB::Table")
		want := map[string]any{
			"TableName":   names.Table,
			"BillingMode": "PAY_PER_REQUEST",
			"KeySchema": []any{
				map[string]any{"AttributeName": names.TablePartitionKey, "KeyType": "HASH"},
				map[string]any{"AttributeName": names.TableSortKey, "KeyType": "RANGE"},
			},
			"TimeToLiveSpecification":          map[string]any{"AttributeName": names.TableTimeToLive, "Enabled": true},
			"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true},
			"SSESpecification":                 map[string]any{"SSEEnabled": true},
		}
		for property, value := range want {
			if difference := cmp.Diff(value, table.Properties[property]); difference != "" {
				t.Errorf("%s: -want +have:\n%s", property, difference)
			}
		}
	})
	for configuration, want := range map[string]bool{local: false, development: true, alone: true, chosen: false} {
		_, table := synthesised[configuration][automationStack].only(t, "AWS::DynamoDB::Table")
		if have := table.Properties["DeletionProtectionEnabled"]; have != want {
			t.Errorf("%s: protected from deletion: %v, want %v", configuration, have, want)
		}
	}
}

func TestQueuesAreEncryptedAndReachedByTLSOnly(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		queues := have.of("AWS::SQS::Queue")
		if len(queues) != 2 {
			t.Fatalf("there are %d", len(queues))
		}
		for name, queue := range queues {
			if queue.Properties["SqsManagedSseEnabled"] != true {
				t.Errorf("%s is not encrypted", name)
			}
			if !refusesPlainText(have, "sqs:*", name) {
				t.Errorf("%s is reached without TLS", name)
			}
		}
	})
}

// refusesPlainText tells whether a resource policy denies everybody the action on the resource without TLS.
func refusesPlainText(have template, action, resourceName string) bool {
	return slices.ContainsFunc(have.statements(), func(s statement) bool {
		about := slices.ContainsFunc(list(s.fields["Resource"]), func(value any) bool { return refersTo(value, resourceName) })
		everybody := s.fields["Principal"] == "*" || at(s.fields, "Principal", "AWS") == "*"
		return about && everybody && s.fields["Effect"] == "Deny" && slices.Contains(texts(s.fields["Action"]), action) &&
			at(s.fields, "Condition", "Bool", "aws:SecureTransport") == "false"
	})
}

func TestAMessageThatFailsAgainAndAgainGoesToTheDeadLetters(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		dead, deadQueue := have.with(t, "AWS::SQS::Queue", "QueueName", names.RolloutDeadLetterQueue)
		_, queue := have.with(t, "AWS::SQS::Queue", "QueueName", names.RolloutQueue)
		if !refersTo(at(queue.Properties, "RedrivePolicy", "deadLetterTargetArn"), dead) {
			t.Errorf("it goes to %s", asText(queue.Properties["RedrivePolicy"]))
		}
		if kept := deadQueue.Properties["MessageRetentionPeriod"]; kept != float64(14*24*3600) {
			t.Errorf("it is kept for %v s", kept)
		}
	})
	for configuration, want := range map[string]float64{local: 10, development: 10, alone: 10, chosen: 9} {
		_, queue := synthesised[configuration][automationStack].with(t, "AWS::SQS::Queue", "QueueName", names.RolloutQueue)
		if attempts := at(queue.Properties, "RedrivePolicy", "maxReceiveCount"); attempts != want {
			t.Errorf("%s: after %v attempts, want %v", configuration, attempts, want)
		}
	}
}

func TestEveryTriggerReachesTheQueueAndNoOtherRuleMay(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		queueName, _ := have.with(t, "AWS::SQS::Queue", "QueueName", names.RolloutQueue)
		var allowed []string
		for _, s := range have.statements() {
			about := slices.ContainsFunc(list(s.fields["Resource"]), func(value any) bool { return refersTo(value, queueName) })
			if s.isIdentity || !about || !s.allows("sqs:SendMessage") {
				continue
			}
			source, _ := at(s.fields, "Condition", "ArnEquals", "aws:SourceArn", "Fn::GetAtt", 0).(string)
			allowed = append(allowed, source)
		}
		var rules []string
		for name, rule := range have.of("AWS::Events::Rule") {
			if _, own := rule.Properties["EventBusName"]; own {
				continue
			}
			rules = append(rules, name)
			target := at(rule.Properties, "Targets", 0)
			if len(list(rule.Properties["Targets"])) != 1 || !refersTo(at(target, "Arn"), queueName) {
				t.Errorf("%s has the targets %s", name, asText(rule.Properties["Targets"]))
			}
			for _, changed := range []string{"Input", "InputPath", "InputTransformer"} {
				if at(target, changed) != nil {
					t.Errorf("%s does not send the event as it is", name)
				}
			}
		}
		slices.Sort(allowed)
		slices.Sort(rules)
		want := 6
		if strings.Contains(have.text, `"davit-public-image"`) {
			want++
		}
		if len(rules) != want {
			t.Errorf("there are %d rules, want %d", len(rules), want)
		}
		if difference := cmp.Diff(rules, allowed); difference != "" {
			t.Errorf("-rules +allowed to send:\n%s", difference)
		}
	})
}

func TestWhatARuleCannotDeliverGoesToTheDeadLetters(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		dead, _ := have.with(t, "AWS::SQS::Queue", "QueueName", names.RolloutDeadLetterQueue)
		for name, rule := range have.of("AWS::Events::Rule") {
			for _, target := range list(rule.Properties["Targets"]) {
				if !refersTo(at(target, "DeadLetterConfig", "Arn"), dead) {
					t.Errorf("%s drops it: %s", name, asText(target))
				}
			}
			permitted := slices.ContainsFunc(have.statements(), func(s statement) bool {
				return s.allows("sqs:SendMessage") && refersTo(s.fields["Resource"], dead) &&
					refersTo(at(s.fields, "Condition", "ArnEquals", "aws:SourceArn"), name)
			})
			if !permitted {
				t.Errorf("%s may not send to the dead letters", name)
			}
		}
	})
}

func TestTheTriggers(t *testing.T) {
	have := synthesised[development][automationStack]
	tests := map[string]map[string]any{
		"davit-image": {
			"source":      []any{"aws.ecr"},
			"detail-type": []any{"ECR Image Action", "ECR Replication Action"},
			"detail":      map[string]any{"action-type": []any{"PUSH", "REPLICATE"}, "result": []any{"SUCCESS"}},
		},
		"davit-pull-through": {
			"source":      []any{"aws.ecr"},
			"detail-type": []any{"ECR Pull Through Cache Action"},
			"detail":      map[string]any{"sync-status": []any{"SUCCESS"}},
		},
		"davit-deployment": {"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Deployment State Change"}},
		"davit-service":    {"source": []any{"aws.ecs"}, "detail-type": []any{"ECS Service Action"}},
		"davit-tag": {
			"source":      []any{"aws.tag"},
			"detail-type": []any{"Tag Change on Resource"},
			"detail": map[string]any{
				"service":       []any{"ecs"},
				"resource-type": []any{"service"},
				"changed-tag-keys": []any{
					names.TagPolicy, names.TagHold, names.TagContainer, names.TagRepository,
				},
			},
		},
		"davit-notification": {
			"source":      []any{names.EventSource},
			"detail-type": []any{"Rollout Failed", "Rollout Overdue", "Rollout Superseded"},
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			_, rule := have.with(t, "AWS::Events::Rule", "Name", name)
			if difference := cmp.Diff(any(want), rule.Properties["EventPattern"]); difference != "" {
				t.Errorf("-want +have:\n%s", difference)
			}
			if rule.Properties["State"] != "ENABLED" {
				t.Errorf("it is %v", rule.Properties["State"])
			}
		})
	}
	_, sweep := have.with(t, "AWS::Events::Rule", "Name", "davit-sweep")
	if rate := sweep.Properties["ScheduleExpression"]; rate != "rate(15 minutes)" {
		t.Errorf("the sweep is at %v", rate)
	}
}

func TestPublicRepositoriesAreHeardOfAndReadOnlyWhereTheyAreFollowed(t *testing.T) {
	have := synthesised[regional][automationStack]
	_, rule := have.with(t, "AWS::Events::Rule", "Name", "davit-public-image")
	if pattern := asText(rule.Properties["EventPattern"]); pattern != publicPush {
		t.Errorf("the rule hears %s", pattern)
	}
	reads := 0
	for _, s := range have.statements() {
		if s.allows("ecr-public:DescribeImages") {
			reads++
			if resource := asText(s.fields["Resource"]); !strings.Contains(resource, ":ecr-public::111122223333:repository/davit-web") {
				t.Errorf("it may read %s", resource)
			}
		}
	}
	if reads != 1 {
		t.Errorf("%d statements let it read images of public repositories", reads)
	}
	if text := synthesised[development][automationStack].text; strings.Contains(text, "ecr-public") {
		t.Error("an installation that follows none hears of public repositories")
	}
}

func TestHumansAreToldOfRolloutsThatNeedThem(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		topicName, topic := have.only(t, "AWS::SNS::Topic")
		busName, bus := have.only(t, "AWS::Events::EventBus")
		if topic.Properties["TopicName"] != names.Topic || bus.Properties["Name"] != names.Bus {
			t.Errorf("the topic is %v, the bus %v", topic.Properties["TopicName"], bus.Properties["Name"])
		}
		_, rule := have.with(t, "AWS::Events::Rule", "Name", "davit-notification")
		if !refersTo(rule.Properties["EventBusName"], busName) {
			t.Errorf("the rule is on %s", asText(rule.Properties["EventBusName"]))
		}
		target := at(rule.Properties, "Targets", 0)
		if !refersTo(at(target, "Arn"), topicName) {
			t.Errorf("its target is %s", asText(target))
		}
		paths, _ := at(target, "InputTransformer", "InputPathsMap").(map[string]any)
		sentence, _ := at(target, "InputTransformer", "InputTemplate").(string)
		for _, path := range []string{"$.detail-type", "$.detail.workload", "$.detail.reason", "$.detail.command"} {
			shown := slices.ContainsFunc(slices.Collect(maps.Keys(paths)), func(name string) bool {
				return paths[name] == path && strings.Contains(sentence, "<"+name+">")
			})
			if !shown {
				t.Errorf("%q does not show %s", sentence, path)
			}
		}
		if !refusesPlainText(have, "sns:Publish", topicName) {
			t.Error("the topic is reached without TLS")
		}
	})
	_, subscription := synthesised[chosen][automationStack].only(t, "AWS::SNS::Subscription")
	if subscription.Properties["Protocol"] != "email" || subscription.Properties["Endpoint"] != "platform@example.com" {
		t.Errorf("the subscription is %s", asText(subscription.Properties))
	}
}

func TestOnlyRulesAndAlarmsOfTheInstallationMayPublish(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		topicName, _ := have.only(t, "AWS::SNS::Topic")
		alarms := false
		for _, s := range have.statements() {
			if s.isIdentity || !s.allows("sns:Publish") || !refersTo(s.fields["Resource"], topicName) {
				continue
			}
			switch at(s.fields, "Principal", "Service") {
			case "cloudwatch.amazonaws.com":
				source := asText(at(s.fields, "Condition", "ArnLike", "aws:SourceArn"))
				alarms = strings.Contains(source, ":alarm:davit-*") &&
					at(s.fields, "Condition", "StringEquals", "aws:SourceAccount") != nil
			case "events.amazonaws.com":
			default:
				t.Errorf("%s may", asText(s.fields["Principal"]))
			}
		}
		if !alarms {
			t.Error("alarms may not, or those of others may")
		}
	})
}

func TestTheSettingsParameterIsWhatTheFunctionReads(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		_, parameter := have.only(t, "AWS::SSM::Parameter")
		if parameter.Properties["Name"] != names.SettingsParameter {
			t.Errorf("it is %v", parameter.Properties["Name"])
		}
		value, _ := parameter.Properties["Value"].(string)
		if _, err := settings.Parse([]byte(value)); err != nil {
			t.Error(err)
		}
		if parameter.Properties["Tier"] == "Standard" && len(value) > 4096 {
			t.Errorf("%d characters are too many for a standard parameter", len(value))
		}
	})
}

// published are the metrics that AWS publishes, by namespace: their dimension and the type of resource that it names.
// From "Available CloudWatch metrics for Amazon SQS", "Types of metrics for Lambda functions" and "DynamoDB metrics and
// dimensions"; davit's own are counted by the functions, and have no dimension.
var published = map[string]struct {
	dimension, kind string
	metrics         []string
}{
	"AWS/SQS": {"QueueName", "AWS::SQS::Queue", []string{"ApproximateAgeOfOldestMessage",
		"ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent", "NumberOfMessagesDeleted"}},
	"AWS/Lambda": {"FunctionName", "AWS::Lambda::Function", []string{"Invocations", "Errors", "Throttles", "Duration"}},
	"AWS/DynamoDB": {"TableName", "AWS::DynamoDB::Table", []string{"ConsumedReadCapacityUnits",
		"ConsumedWriteCapacityUnits"}},
	"davit": {"", "", []string{"RolloutsStarted", "RolloutsCompleted", "RolloutsFailed", "RolloutsOverdue", "RolloutsPutBack", "Refusals",
		"HumanActs", "IncidentRefusals",
		"IncidentsOpened", "IncidentActs", "IncidentsPaged", "IncidentsEnded", "IncidentStorms", "ScalingsDone", "ScalingsRefused"}},
}

func TestEveryAlarmWatchesAMetricThatExists(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		topicName, _ := have.only(t, "AWS::SNS::Topic")
		for name, alarm := range have.of("AWS::CloudWatch::Alarm") {
			namespace, _ := alarm.Properties["Namespace"].(string)
			metric, _ := alarm.Properties["MetricName"].(string)
			known, found := published[namespace]
			if !found || !slices.Contains(known.metrics, metric) {
				t.Errorf("%s: nobody publishes %s %s", name, namespace, metric)
			}
			target, _ := at(alarm.Properties, "Dimensions", 0, "Value", "Ref").(string)
			if attribute, ok := at(alarm.Properties, "Dimensions", 0, "Value", "Fn::GetAtt", 0).(string); ok {
				target = attribute
			}
			if len(list(alarm.Properties["Dimensions"])) != 1 || have.Resources[target].Type != known.kind ||
				at(alarm.Properties, "Dimensions", 0, "Name") != known.dimension {
				t.Errorf("%s watches %s", name, asText(alarm.Properties["Dimensions"]))
			}
			if !refersTo(at(alarm.Properties, "AlarmActions", 0), topicName) {
				t.Errorf("%s tells nobody", name)
			}
			if full, _ := alarm.Properties["AlarmName"].(string); !strings.HasPrefix(full, "davit-") {
				t.Errorf("%s is called %s, and the topic lets alarms called davit-* publish", name, full)
			}
		}
	})
}

func TestTheWayOfAnEventIsWatched(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		var watched []string
		for _, alarm := range have.of("AWS::CloudWatch::Alarm") {
			target, _ := at(alarm.Properties, "Dimensions", 0, "Value", "Fn::GetAtt", 0).(string)
			if reference, ok := at(alarm.Properties, "Dimensions", 0, "Value", "Ref").(string); ok {
				target = reference
			}
			named := have.Resources[target].Properties
			name := fmt.Sprint(named["QueueName"])
			if function, ok := named["FunctionName"]; ok {
				name = fmt.Sprint(function)
			}
			watched = append(watched, name+" "+fmt.Sprint(alarm.Properties["MetricName"]))
		}
		slices.Sort(watched)
		want := []string{
			names.RolloutQueue + " ApproximateAgeOfOldestMessage",
			names.RolloutDeadLetterQueue + " ApproximateNumberOfMessagesVisible",
			names.RolloutFunction + " Errors",
			names.RolloutFunction + " Throttles",
		}
		slices.Sort(want)
		if difference := cmp.Diff(want, watched); difference != "" {
			t.Errorf("-want +have:\n%s", difference)
		}
	})
}

func TestTheDashboardShowsMetricsThatExist(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		_, dashboard := have.only(t, "AWS::CloudWatch::Dashboard")
		body := strings.Join(texts(at(dashboard.Properties, "DashboardBody", "Fn::Join", 1)), "…")
		shown := 0
		for namespace, known := range published {
			for rest := body; ; shown++ {
				_, after, found := strings.Cut(rest, `["`+namespace+`","`)
				if !found {
					break
				}
				metric, _, _ := strings.Cut(after, `"`)
				if !slices.Contains(known.metrics, metric) {
					t.Errorf("nobody publishes %s %s", namespace, metric)
				}
				rest = after
			}
		}
		if shown < 15 || shown != strings.Count(body, `["`) {
			t.Errorf("%d metrics are known, of %d", shown, strings.Count(body, `["`))
		}
	})
}

func TestTheFunctionsReachPrivateClustersFromTheirVPC(t *testing.T) {
	var opened []string
	for _, stack := range []string{automationStack, recoveryStack, scalingStack} {
		have := synthesised[privateRollouts][stack]
		_, function := have.only(t, "AWS::Lambda::Function")
		want := map[string]any{"SubnetIds": []any{"subnet-00000000000000001", "subnet-00000000000000002"}, "SecurityGroupIds": []any{"sg-00000000000000001"}}
		if difference := cmp.Diff(any(want), function.Properties["VpcConfig"]); difference != "" {
			t.Errorf("%s: -want +have:\n%s", stack, difference)
		}
		role, _ := at(function.Properties, "Role", "Fn::GetAtt", 0).(string)
		if !slices.ContainsFunc(have.statements(), func(s statement) bool { return s.where == role && s.allows("ec2:CreateNetworkInterface") }) {
			t.Errorf("%s: the function may make no interface in the VPC", stack)
		}
		// One rule lets all three in, since they share the group: EC2 takes none twice.
		opened = append(opened, openedBy(t, have)...)
	}
	slices.Sort(opened)
	if difference := cmp.Diff([]string{"sg-00000000000000002", "sg-00000000000000003"}, opened); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	for _, stack := range []string{automationStack, recoveryStack, scalingStack} {
		if _, function := synthesised[local][stack].only(t, "AWS::Lambda::Function"); function.Properties["VpcConfig"] != nil {
			t.Errorf("%s: without automation.vpc the function is in a VPC", stack)
		}
	}
}

// openedBy are the security groups of clusters that the stack opens.
func openedBy(t *testing.T, have template) []string {
	t.Helper()
	var opened []string
	for _, rule := range have.of("AWS::EC2::SecurityGroupIngress") {
		if rule.Properties["SourceSecurityGroupId"] != "sg-00000000000000001" || rule.Properties["FromPort"] != 443.0 || rule.Properties["ToPort"] != 443.0 {
			t.Errorf("a rule is %s", asText(rule.Properties))
		}
		opened = append(opened, rule.Properties["GroupId"].(string))
	}
	return opened
}

func TestTheFunctionsReachTheClustersOfTheirSettingsAlone(t *testing.T) {
	for _, test := range []struct {
		configuration, stack string
		want                 []string
	}{
		{alone, automationStack, nil},
		{privateRollouts, automationStack, []string{"cluster/blue", "cluster/green"}},
		{privateRollouts, recoveryStack, []string{"cluster/blue", "cluster/green"}},
		{privateRollouts, scalingStack, []string{"cluster/blue", "cluster/green"}},
	} {
		configuration, want := test.configuration, test.want
		var described []string
		for _, s := range synthesised[configuration][test.stack].statements() {
			if s.allows("eks:ListClusters") {
				t.Errorf("%s: %s lists clusters", configuration, s.where)
			}
			if s.allows("eks:DescribeCluster") {
				for _, resource := range list(s.fields["Resource"]) {
					text := asText(resource)
					described = append(described, strings.Trim(text[strings.LastIndex(text, "cluster/"):], `"]}`))
				}
			}
		}
		if difference := cmp.Diff(want, described); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
}
