// Package scaling is the stack davit-scaling: what scales workloads. It stands beside the stack davit-automation,
// with whose ledger, bus and topic it works; it names them and refers to nothing, so that each is deployed by itself.
//
// Events reach the function through one queue. A message that fails again and again, and an event that a rule cannot
// deliver, end in the dead-letter queue, and an alarm on it tells the topic.
package scaling

import (
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// ScalingProps are the properties of the stack.
type ScalingProps struct {
	// Configuration is the installation, with Configuration.Scaling and Configuration.Automation.
	Configuration *config.Configuration
	// Functions is the folder with the built functions, as ARCH/NAME/bootstrap with ARCH amd64 or arm64.
	Functions string
}

// Scaling is the stack.
type Scaling struct {
	Stack           awscdk.Stack
	Queue           awssqs.Queue
	DeadLetterQueue awssqs.Queue
	Function        awslambda.Function
}

// batchSize is how many messages the function gets at once.
const batchSize = 10

// NewScaling makes the stack. It panics where the configuration was not validated or the function was not built, as
// constructs do.
func NewScaling(scope constructs.Construct, id *string, props *ScalingProps) *Scaling {
	configuration := props.Configuration
	made := &Scaling{Stack: awscdk.NewStack(scope, id, foundation.StackProps(configuration, "davit: what scales workloads"))}
	made.DeadLetterQueue = newDeadLetterQueue(made.Stack)
	made.Queue = newQueue(made, configuration)
	made.Function = newFunction(made, configuration, props.Functions)
	addRules(made, configuration)
	addAlarms(made, configuration)
	return made
}

// newDeadLetterQueue keeps what could not be handled for as long as SQS can, 14 days.
func newDeadLetterQueue(stack awscdk.Stack) awssqs.Queue {
	return awssqs.NewQueue(stack, jsii.String("DeadLetterQueue"), &awssqs.QueueProps{
		QueueName:       jsii.String(names.ScaleDeadLetterQueue),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   awscdk.RemovalPolicy_DESTROY,
	})
}

// newQueue makes the function's queue. A message that the function holds is hidden for six times the function's timeout,
// as "Using Lambda with Amazon SQS" in the Lambda developer guide asks.
func newQueue(made *Scaling, configuration *config.Configuration) awssqs.Queue {
	return awssqs.NewQueue(made.Stack, jsii.String("Queue"), &awssqs.QueueProps{
		QueueName:         jsii.String(names.ScaleQueue),
		Encryption:        awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(6 * configuration.Automation.TimeoutSeconds)),
		RetentionPeriod:   awscdk.Duration_Days(jsii.Number(4)),
		DeadLetterQueue: &awssqs.DeadLetterQueue{
			Queue:           made.DeadLetterQueue,
			MaxReceiveCount: jsii.Number(configuration.Automation.MaximumReceives),
		},
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}

func newFunction(made *Scaling, configuration *config.Configuration, functions string) awslambda.Function {
	shared := configuration.Automation
	logs := awslogs.NewLogGroup(made.Stack, jsii.String("Log"),
		foundation.LogGroupProps(configuration, "/aws/lambda/"+names.ScaleFunction, shared.LogDays))
	architecture := awslambda.Architecture_ARM_64()
	if shared.Architecture == config.X8664 {
		architecture = awslambda.Architecture_X86_64()
	}
	tracing := awslambda.Tracing_DISABLED
	if shared.Tracing {
		tracing = awslambda.Tracing_ACTIVE
	}
	code := filepath.Join(functions, shared.Architecture.GOARCH(), "scale")
	function := awslambda.NewFunction(made.Stack, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName:          jsii.String(names.ScaleFunction),
		Description:           jsii.String("Scales the workloads that opted in."),
		Runtime:               awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:          architecture,
		Handler:               jsii.String("bootstrap"),
		Code:                  awslambda.Code_FromAsset(jsii.String(code), nil),
		MemorySize:            jsii.Number(shared.Memory),
		Timeout:               awscdk.Duration_Seconds(jsii.Number(shared.TimeoutSeconds)),
		Role:                  newRole(made, configuration, logs),
		LogGroup:              logs,
		LoggingFormat:         awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel(shared.LogLevel),
		Tracing:               tracing,
		Environment: &map[string]*string{
			names.EnvironmentTable:              jsii.String(names.Table),
			names.EnvironmentBus:                jsii.String(names.Bus),
			names.EnvironmentQueueURL:           made.Queue.QueueUrl(),
			names.EnvironmentDeadLetterQueueURL: made.DeadLetterQueue.QueueUrl(),
			names.EnvironmentSettingsParameter:  jsii.String(names.SettingsParameter),
		},
	})
	function.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	// The CDK has each function depend on its role, which it refers to as well.
	foundation.AcceptLint(function, "W3005")
	function.AddEventSourceMapping(jsii.String("Mapping"), &awslambda.EventSourceMappingOptions{
		EventSourceArn:          made.Queue.QueueArn(),
		BatchSize:               jsii.Number(batchSize),
		MaxBatchingWindow:       awscdk.Duration_Seconds(jsii.Number(0)),
		MaxConcurrency:          jsii.Number(configuration.Scaling.MaximumConcurrency),
		ReportBatchItemFailures: jsii.Bool(true),
	})
	return function
}

// addRules sends what speaks of load or of want of capacity from the account's default bus to the queue, whole and as AWS
// sent it, and has every workload that opted in looked at now and then.
func addRules(made *Scaling, configuration *config.Configuration) {
	// "Alarm events and EventBridge" in the CloudWatch user guide. Which alarm is for scaling only its tags say.
	addRule(made, "AlarmRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-load"),
		Description: jsii.String("An alarm changed its state."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.cloudwatch"),
			DetailType: jsii.Strings("CloudWatch Alarm State Change"),
		},
	})
	// "Amazon ECS service action events" in the ECS developer guide.
	addRule(made, "PlacementRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-placement"),
		Description: jsii.String("An ECS service cannot place its tasks for want of capacity."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Service Action"),
			Detail:     &map[string]any{"eventName": []string{"SERVICE_TASK_PLACEMENT_FAILURE"}},
		},
	})
	// "Tag change events" in the guide to tagging AWS resources: opting in, and a hold that ends, count at once.
	addRule(made, "TagRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-scaling-tag"),
		Description: jsii.String("A service opted in to scaling or out of it."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.tag"),
			DetailType: jsii.Strings("Tag Change on Resource"),
			Detail: &map[string]any{
				"service":          []string{"ecs"},
				"resource-type":    []string{"service"},
				"changed-tag-keys": []string{names.TagScaling, names.TagHold},
			},
		},
	})
	addRule(made, "LookRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-scaling-sweep"),
		Description: jsii.String("Every workload that scales is looked at, whatever was lost."),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(configuration.Scaling.LookMinutes))),
	})
}

// addRule makes the rule with the queue as its target. What EventBridge cannot deliver in a day goes to the dead-letter
// queue and is not dropped.
func addRule(made *Scaling, id string, props *awsevents.RuleProps) {
	rule := awsevents.NewRule(made.Stack, jsii.String(id), props)
	rule.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	rule.AddTarget(awseventstargets.NewSqsQueue(made.Queue, &awseventstargets.SqsQueueProps{
		DeadLetterQueue: made.DeadLetterQueue,
		MaxEventAge:     awscdk.Duration_Hours(jsii.Number(24)),
		RetryAttempts:   jsii.Number(185),
	}))
}

// addAlarms tells the topic when the way from event to function does not work.
func addAlarms(made *Scaling, configuration *config.Configuration) {
	options := func(statistic string, minutes int) *awscloudwatch.MetricOptions {
		return &awscloudwatch.MetricOptions{Statistic: jsii.String(statistic), Period: awscdk.Duration_Minutes(jsii.Number(minutes))}
	}
	topic := awssns.Topic_FromTopicArn(made.Stack, jsii.String("Topic"), jsii.String(foundation.ARN(configuration, "sns", names.Topic)))
	action := awscloudwatchactions.NewSnsAction(topic)
	for _, watched := range []struct {
		id, name, description string
		metric                awscloudwatch.Metric
		above, periods        float64
	}{
		{"DeadLettersAlarm", names.ScaleDeadLetterQueue + "-not-empty", "Messages could not be handled, or events not delivered. Each message's " +
			"attributes say why.", made.DeadLetterQueue.MetricApproximateNumberOfMessagesVisible(options("Maximum", 1)), 0, 1},
		{"AgeAlarm", names.ScaleQueue + "-behind", "The oldest message has waited through two attempts: the function fails on it or does not keep up.",
			made.Queue.MetricApproximateAgeOfOldestMessage(options("Maximum", 1)), float64(12 * configuration.Automation.TimeoutSeconds), 3},
		{"ErrorsAlarm", names.ScaleFunction + "-errors", "The function failed as a whole. Its log says why; the messages come again.",
			made.Function.MetricErrors(options("Sum", 5)), 0, 1},
		{"ThrottlesAlarm", names.ScaleFunction + "-throttles", "The function was refused for want of concurrent executions.",
			made.Function.MetricThrottles(options("Sum", 5)), 0, 3},
	} {
		alarm := awscloudwatch.NewAlarm(made.Stack, jsii.String(watched.id), &awscloudwatch.AlarmProps{
			AlarmName:          jsii.String(watched.name),
			AlarmDescription:   jsii.String(watched.description),
			Metric:             watched.metric,
			Threshold:          jsii.Number(watched.above),
			EvaluationPeriods:  jsii.Number(watched.periods),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		})
		alarm.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
		alarm.AddAlarmAction(action)
		alarm.AddOkAction(action)
	}
}
