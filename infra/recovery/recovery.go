// Package recovery is the stack davit-recovery: what remedies incidents. It stands beside the stack davit-automation,
// with whose ledger, bus and topic it works; it names them and refers to nothing, so that each is deployed by itself.
//
// Events reach the function through one queue. A message that fails again and again, and an event that a rule cannot
// deliver, end in the dead-letter queue, and an alarm on it tells the topic.
package recovery

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
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
	foundation.Intake
	Function awslambda.Function
}

// batchSize is how many messages the function gets at once.
const batchSize = 10

// NewRecovery makes the stack. It panics where the configuration was not validated or the function was not built, as
// constructs do.
func NewRecovery(scope constructs.Construct, id *string, props *RecoveryProps) *Recovery {
	configuration := props.Configuration
	shared := configuration.Automation
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration, "davit: what remedies incidents"))
	made := &Recovery{Intake: foundation.NewIntake(stack, foundation.IntakeProps{
		Queue: names.RecoverQueue, DeadLetterQueue: names.RecoverDeadLetterQueue,
		TimeoutSeconds: shared.TimeoutSeconds, MaximumReceives: shared.MaximumReceives,
	})}
	made.Function = newFunction(made, configuration, props.Functions)
	addRules(made, configuration)
	made.AddAlarms(foundation.Topic(stack, configuration), made.Function, names.RecoverFunction)
	return made
}

func newFunction(made *Recovery, configuration *config.Configuration, functions string) awslambda.Function {
	shared := configuration.Automation
	return made.NewFunction(configuration, foundation.FunctionProps{
		Name:         names.RecoverFunction,
		Folder:       "recover",
		Description:  "Remedies the incidents of the workloads that opted in.",
		Functions:    functions,
		Architecture: shared.Architecture,
		Memory:       shared.Memory,
		LogLevel:     shared.LogLevel,
		LogDays:      shared.LogDays,
		Tracing:      shared.Tracing,
		VPC:          shared.VPC,
		Role:         func(logs awslogs.LogGroup) awsiam.IRole { return newRole(made, configuration, logs) },
		Environment: map[string]*string{
			names.EnvironmentTable:              jsii.String(names.Table),
			names.EnvironmentBus:                jsii.String(names.Bus),
			names.EnvironmentQueueURL:           made.Queue.QueueUrl(),
			names.EnvironmentDeadLetterQueueURL: made.DeadLetterQueue.QueueUrl(),
			names.EnvironmentRolloutQueueURL:    rolloutQueue(made, configuration).QueueUrl(),
			names.EnvironmentSettingsParameter:  jsii.String(names.SettingsParameter),
			names.EnvironmentTopic:              jsii.String(foundation.ARN(configuration, "sns", names.Topic)),
			names.EnvironmentAccount:            jsii.String(configuration.Account),
		},
	}, batchSize, configuration.Recovery.MaximumConcurrency)
}

func rolloutQueue(made *Recovery, configuration *config.Configuration) awssqs.IQueue {
	return awssqs.Queue_FromQueueArn(made.Stack, jsii.String("RolloutQueue"),
		jsii.String(foundation.ARN(configuration, "sqs", names.RolloutQueue)))
}

// addRules sends what may open an incident from the account's default bus to the queue, whole and as AWS sent it, and has
// open incidents looked at again: alarms tell once and go quiet.
func addRules(made *Recovery, configuration *config.Configuration) {
	// "Alarm events and EventBridge" in the CloudWatch user guide. davit's own alarms are about davit.
	made.AddRule("AlarmRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-alarm"),
		Description: jsii.String("An alarm changed its state."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.cloudwatch"),
			DetailType: jsii.Strings("CloudWatch Alarm State Change"),
		},
	})
	// "Amazon ECS task state change events" in the ECS developer guide.
	made.AddRule("TaskRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-task"),
		Description: jsii.String("A task of an ECS service stopped."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Task State Change"),
			Detail:     &map[string]any{"lastStatus": []string{"STOPPED"}},
		},
	})
	// "Amazon ECS service action events" in the ECS developer guide.
	made.AddRule("ServiceRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-service-impaired"),
		Description: jsii.String("An ECS service cannot start or place its tasks."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Service Action"),
			Detail:     &map[string]any{"eventName": []string{"SERVICE_TASK_START_IMPAIRED", "SERVICE_TASK_PLACEMENT_FAILURE"}},
		},
	})
	addHostRules(made)
	made.AddRule("LookRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-incidents"),
		Description: jsii.String("Every open incident is looked at, whatever was lost."),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(configuration.Recovery.LookMinutes))),
	})
}

// addHostRules sends what is told of hosts that go, or have trouble.
func addHostRules(made *Recovery) {
	// "Amazon ECS service deployment state change events" in the ECS developer guide: an incident need not wait for the
	// schedule.
	made.AddRule("DeploymentRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-deployment-over"),
		Description: jsii.String("A deployment of an ECS service ended."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Deployment State Change"),
			Detail:     &map[string]any{"eventName": []string{"SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED"}},
		},
	})
	// "Amazon ECS container instance state change events" in the ECS developer guide.
	made.AddRule("ContainerInstanceRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-container-instance"),
		Description: jsii.String("The agent of a container host lost its connection."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Container Instance State Change"),
			Detail:     &map[string]any{"agentConnected": []bool{false}, "status": []string{"ACTIVE"}},
		},
	})
	// "Spot Instance interruption notices" and "EC2 instance rebalance recommendations" in the EC2 user guide.
	made.AddRule("SpotRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-spot"),
		Description: jsii.String("EC2 takes a Spot instance back, or is likely to."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ec2"),
			DetailType: jsii.Strings("EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation"),
		},
	})
	// "Amazon EC2 Auto Scaling event reference" in its user guide.
	made.AddRule("LifecycleRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-host-ends"),
		Description: jsii.String("An Auto Scaling group ends an instance, which waits for a lifecycle hook."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.autoscaling"),
			DetailType: jsii.Strings("EC2 Instance-terminate Lifecycle Action"),
		},
	})
	// "Amazon EventBridge event schema for AWS Health" in the Health user guide.
	made.AddRule("HealthRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-health"),
		Description: jsii.String("AWS has trouble with an instance, or will retire it."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.health"),
			DetailType: jsii.Strings("AWS Health Event"),
			Detail:     &map[string]any{"service": []string{"EC2"}, "eventTypeCategory": []string{"issue", "scheduledChange"}},
		},
	})
}
