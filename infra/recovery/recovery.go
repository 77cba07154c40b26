// Package recovery is the stack davit-recovery: what remedies incidents. It stands beside the stack davit-automation,
// with whose ledger, bus and topic it works; it names them and refers to nothing, so that each is deployed by itself.
//
// Events reach the function through one queue. A message that fails again and again, and an event that a rule cannot
// deliver, end in the dead-letter queue, and an alarm on it tells the topic.
package recovery

import (
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
	"davit/shared/settings"
)

// RecoveryProps are the properties of the stack.
type RecoveryProps struct {
	// Configuration is the installation, with Configuration.Recovery and Configuration.Automation.
	Configuration *config.Configuration
	// Functions is the folder with the built functions, as ARCH/NAME/bootstrap with ARCH amd64 or arm64.
	Functions string
}

// Recovery is the stack.
type Recovery struct {
	Stack           awscdk.Stack
	Queue           awssqs.Queue
	DeadLetterQueue awssqs.Queue
	Function        awslambda.Function
	Stop            awsssm.StringParameter
}

// batchSize is how many messages the function gets at once.
const batchSize = 10

// NewRecovery makes the stack. It panics where the configuration was not validated or the function was not built, as
// constructs do.
func NewRecovery(scope constructs.Construct, id *string, props *RecoveryProps) *Recovery {
	configuration := props.Configuration
	made := &Recovery{Stack: awscdk.NewStack(scope, id, foundation.StackProps(configuration, "davit: what remedies incidents"))}
	made.DeadLetterQueue = newDeadLetterQueue(made.Stack)
	made.Queue = newQueue(made, configuration)
	made.Stop = newStop(made.Stack)
	made.Function = newFunction(made, configuration, props.Functions)
	addRules(made, configuration)
	addAlarms(made, configuration)
	return made
}

// newDeadLetterQueue keeps what could not be handled for as long as SQS can, 14 days.
func newDeadLetterQueue(stack awscdk.Stack) awssqs.Queue {
	queue := awssqs.NewQueue(stack, jsii.String("DeadLetterQueue"), &awssqs.QueueProps{
		QueueName:       jsii.String(names.RecoverDeadLetterQueue),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      jsii.Bool(true),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   awscdk.RemovalPolicy_DESTROY,
	})
	foundation.AcceptFindings(queue, foundation.EncryptedBySQS)
	return queue
}

// newQueue makes the function's queue. A message that the function holds is hidden for six times the function's timeout,
// as "Using Lambda with Amazon SQS" in the Lambda developer guide asks.
func newQueue(made *Recovery, configuration *config.Configuration) awssqs.Queue {
	queue := awssqs.NewQueue(made.Stack, jsii.String("Queue"), &awssqs.QueueProps{
		QueueName:         jsii.String(names.RecoverQueue),
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
	foundation.AcceptFindings(queue, foundation.EncryptedBySQS)
	return queue
}

// newStop makes the parameter of the global stop. Its value is the command line's: the template never changes it again.
func newStop(stack awscdk.Stack) awsssm.StringParameter {
	parameter := awsssm.NewStringParameter(stack, jsii.String("Stop"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(names.StopParameter),
		StringValue:   jsii.String(settings.NoStop),
		Description:   jsii.String("davit: who stopped it, and why; {} while it may act."),
	})
	parameter.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	return parameter
}

func newFunction(made *Recovery, configuration *config.Configuration, functions string) awslambda.Function {
	shared := configuration.Automation
	logs := foundation.NewLogGroup(made.Stack, jsii.String("Log"), configuration,
		"/aws/lambda/"+names.RecoverFunction, shared.LogDays)
	architecture := awslambda.Architecture_ARM_64()
	if shared.Architecture == config.X8664 {
		architecture = awslambda.Architecture_X86_64()
	}
	tracing := awslambda.Tracing_DISABLED
	if shared.Tracing {
		tracing = awslambda.Tracing_ACTIVE
	}
	code := filepath.Join(functions, shared.Architecture.GOARCH(), "recover")
	function := awslambda.NewFunction(made.Stack, jsii.String("Function"), &awslambda.FunctionProps{
		FunctionName:          jsii.String(names.RecoverFunction),
		Description:           jsii.String("Remedies the incidents of the workloads that opted in."),
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
			names.EnvironmentRolloutQueueURL:    rolloutQueue(made, configuration).QueueUrl(),
			names.EnvironmentSettingsParameter:  jsii.String(names.SettingsParameter),
			names.EnvironmentTopic:              jsii.String(foundation.ARN(configuration, "sns", names.Topic)),
			names.EnvironmentAccount:            jsii.String(configuration.Account),
		},
	})
	function.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	// The CDK has each function depend on its role, which it refers to as well.
	foundation.AcceptLint(function, "W3005")
	foundation.AcceptQueueFunction(function, 0)
	function.AddEventSourceMapping(jsii.String("Mapping"), &awslambda.EventSourceMappingOptions{
		EventSourceArn:          made.Queue.QueueArn(),
		BatchSize:               jsii.Number(batchSize),
		MaxBatchingWindow:       awscdk.Duration_Seconds(jsii.Number(0)),
		MaxConcurrency:          jsii.Number(configuration.Recovery.MaximumConcurrency),
		ReportBatchItemFailures: jsii.Bool(true),
	})
	return function
}

func rolloutQueue(made *Recovery, configuration *config.Configuration) awssqs.IQueue {
	return awssqs.Queue_FromQueueArn(made.Stack, jsii.String("RolloutQueue"),
		jsii.String(foundation.ARN(configuration, "sqs", names.RolloutQueue)))
}

// addRules sends what may open an incident from the account's default bus to the queue, whole and as AWS sent it, and has
// open incidents looked at again: alarms tell once and go quiet.
func addRules(made *Recovery, configuration *config.Configuration) {
	// "Alarm events and EventBridge" in the CloudWatch user guide. davit's own alarms are about davit.
	addRule(made, "AlarmRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-alarm"),
		Description: jsii.String("An alarm changed its state."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.cloudwatch"),
			DetailType: jsii.Strings("CloudWatch Alarm State Change"),
		},
	})
	// "Amazon ECS task state change events" in the ECS developer guide.
	addRule(made, "TaskRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-task"),
		Description: jsii.String("A task of an ECS service stopped."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Task State Change"),
			Detail:     &map[string]any{"lastStatus": []string{"STOPPED"}},
		},
	})
	// "Amazon ECS service action events" in the ECS developer guide.
	addRule(made, "ServiceRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-service-impaired"),
		Description: jsii.String("An ECS service cannot start or place its tasks."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Service Action"),
			Detail:     &map[string]any{"eventName": []string{"SERVICE_TASK_START_IMPAIRED", "SERVICE_TASK_PLACEMENT_FAILURE"}},
		},
	})
	addRule(made, "LookRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-incidents"),
		Description: jsii.String("Every open incident is looked at, whatever was lost."),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(configuration.Recovery.LookMinutes))),
	})
}

// addRule makes the rule with the queue as its target. What EventBridge cannot deliver in a day goes to the dead-letter
// queue and is not dropped.
func addRule(made *Recovery, id string, props *awsevents.RuleProps) {
	rule := awsevents.NewRule(made.Stack, jsii.String(id), props)
	rule.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	rule.AddTarget(awseventstargets.NewSqsQueue(made.Queue, &awseventstargets.SqsQueueProps{
		DeadLetterQueue: made.DeadLetterQueue,
		MaxEventAge:     awscdk.Duration_Hours(jsii.Number(24)),
		RetryAttempts:   jsii.Number(185),
	}))
}

// addAlarms tells the topic when the way from event to function does not work.
func addAlarms(made *Recovery, configuration *config.Configuration) {
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
		{"DeadLettersAlarm", names.RecoverDeadLetterQueue + "-not-empty", "Messages could not be handled, or events not delivered. Each message's " +
			"attributes say why.", made.DeadLetterQueue.MetricApproximateNumberOfMessagesVisible(options("Maximum", 1)), 0, 1},
		{"AgeAlarm", names.RecoverQueue + "-behind", "The oldest message has waited through two attempts: the function fails on it or does not keep up.",
			made.Queue.MetricApproximateAgeOfOldestMessage(options("Maximum", 1)), float64(12 * configuration.Automation.TimeoutSeconds), 3},
		{"ErrorsAlarm", names.RecoverFunction + "-errors", "The function failed as a whole. Its log says why; the messages come again.",
			made.Function.MetricErrors(options("Sum", 5)), 0, 1},
		{"ThrottlesAlarm", names.RecoverFunction + "-throttles", "The function was refused for want of concurrent executions.",
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
