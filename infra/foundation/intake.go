package foundation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/shared/names"
)

// Intake is the way of events to one function: rules put them on a queue, and what fails again and again, or cannot be
// delivered, ends in the dead-letter queue.
type Intake struct {
	Stack           awscdk.Stack
	Queue           awssqs.Queue
	DeadLetterQueue awssqs.Queue
	props           IntakeProps
}

// IntakeProps are the properties of an Intake.
type IntakeProps struct {
	// Prefix begins the construct IDs, for a stack that has other queues too.
	Prefix string
	// Queue and DeadLetterQueue are the queues' names.
	Queue           string
	DeadLetterQueue string
	// TimeoutSeconds is the function's timeout. A message that the function holds is hidden for six times as long, as "Using
	// Lambda with Amazon SQS" in the Lambda developer guide asks.
	TimeoutSeconds int
	// MaximumReceives is how often a message is tried before it is a dead letter.
	MaximumReceives int
}

// NewIntake makes the two queues. Dead letters are kept for as long as SQS can, 14 days.
func NewIntake(stack awscdk.Stack, props IntakeProps) Intake {
	made := Intake{Stack: stack, props: props}
	made.DeadLetterQueue = newQueue(stack, props.Prefix+"DeadLetterQueue", &awssqs.QueueProps{
		QueueName:       jsii.String(props.DeadLetterQueue),
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
	})
	made.Queue = newQueue(stack, props.Prefix+"Queue", &awssqs.QueueProps{
		QueueName:         jsii.String(props.Queue),
		RetentionPeriod:   awscdk.Duration_Days(jsii.Number(4)),
		VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(6 * props.TimeoutSeconds)),
		DeadLetterQueue: &awssqs.DeadLetterQueue{
			Queue: made.DeadLetterQueue, MaxReceiveCount: jsii.Number(props.MaximumReceives),
		},
	})
	return made
}

func newQueue(stack awscdk.Stack, id string, props *awssqs.QueueProps) awssqs.Queue {
	props.Encryption = awssqs.QueueEncryption_SQS_MANAGED
	props.EnforceSSL = jsii.Bool(true)
	props.RemovalPolicy = awscdk.RemovalPolicy_DESTROY
	queue := awssqs.NewQueue(stack, jsii.String(id), props)
	AcceptFindings(queue, map[string]string{"CKV_AWS_27": "It is encrypted by SQS, with SqsManagedSseEnabled."})
	return queue
}

// NewFunction makes the function that the queue invokes with up to batch messages at once, at most concurrency times side by
// side. It answers for each message by itself.
func (i Intake) NewFunction(configuration *config.Configuration, props FunctionProps, batch, concurrency int) awslambda.Function {
	props.Prefix, props.TimeoutSeconds = i.props.Prefix, i.props.TimeoutSeconds
	function := NewFunction(i.Stack, configuration, props)
	accepted := map[string]string{
		"CKV_AWS_116": "It is invoked by its queue alone, which has a dead-letter queue.",
		"CKV_AWS_173": "Its variables are names and addresses, and no secrets.",
	}
	if props.VPC == nil {
		accepted["CKV_AWS_117"] = "It calls AWS alone; in a VPC it would need NAT or an endpoint for each service."
	}
	if props.ReservedConcurrency == 0 {
		accepted["CKV_AWS_115"] = "Its queue limits it, by the maximum concurrency of the mapping."
	}
	AcceptFindings(function, accepted)
	function.AddEventSourceMapping(jsii.String("Queue"), &awslambda.EventSourceMappingOptions{
		EventSourceArn:          i.Queue.QueueArn(),
		BatchSize:               jsii.Number(batch),
		MaxBatchingWindow:       awscdk.Duration_Seconds(jsii.Number(0)),
		MaxConcurrency:          jsii.Number(concurrency),
		ReportBatchItemFailures: jsii.Bool(true),
	})
	return function
}

// AddRule makes the rule with the queue as its target. What EventBridge cannot deliver in a day goes to the dead-letter
// queue and is not dropped.
func (i Intake) AddRule(id string, props *awsevents.RuleProps) {
	rule := awsevents.NewRule(i.Stack, jsii.String(id), props)
	rule.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	rule.AddTarget(awseventstargets.NewSqsQueue(i.Queue, &awseventstargets.SqsQueueProps{
		DeadLetterQueue: i.DeadLetterQueue,
		MaxEventAge:     awscdk.Duration_Hours(jsii.Number(24)),
		RetryAttempts:   jsii.Number(185),
	}))
}

// AddAlarms tells the topic, if there is one, when the way from event to the function of that name does not work.
func (i Intake) AddAlarms(topic awssns.ITopic, function awslambda.Function, name string) {
	for _, watched := range []struct {
		id, name, description string
		metric                awscloudwatch.Metric
		above, periods        float64
	}{
		{"DeadLettersAlarm", i.props.DeadLetterQueue + "-not-empty", "Messages could not be handled, or events not delivered. A message's " +
			"attributes say why, or the function's log where it has none. When the cause is gone, redrive them with " +
			i.props.Queue + " as the custom destination, but for events of the source " + names.EventSource + ": those were for humans to read.",
			i.DeadLetterQueue.MetricApproximateNumberOfMessagesVisible(Metric("Maximum", 1)), 0, 1},
		{"AgeAlarm", i.props.Queue + "-behind", "The oldest message has waited through two attempts: the function fails on it, is " +
			"throttled or does not keep up.",
			i.Queue.MetricApproximateAgeOfOldestMessage(Metric("Maximum", 1)), float64(12 * i.props.TimeoutSeconds), 3},
		{"ErrorsAlarm", name + "-errors", "The function failed as a whole. Its log says why; the messages come again.",
			function.MetricErrors(Metric("Sum", 5)), 0, 1},
		{"ThrottlesAlarm", name + "-throttles", "The function was refused for want of concurrent executions: raise the " +
			"account's limit or what is reserved for the function.",
			function.MetricThrottles(Metric("Sum", 5)), 0, 3},
	} {
		AddAlarm(i.Stack, topic, watched.id, &awscloudwatch.AlarmProps{
			AlarmName:          jsii.String(watched.name),
			AlarmDescription:   jsii.String(watched.description),
			Metric:             watched.metric,
			Threshold:          jsii.Number(watched.above),
			EvaluationPeriods:  jsii.Number(watched.periods),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		})
	}
}

// Metric are a metric's statistic and period.
func Metric(statistic string, minutes int) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{
		Statistic: jsii.String(statistic), Period: awscdk.Duration_Minutes(jsii.Number(minutes)),
	}
}
