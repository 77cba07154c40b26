// Package scaling is the stack davit-scaling: what scales workloads. It stands beside the stack davit-automation,
// with whose ledger, bus and topic it works; it names them and refers to nothing, so that each is deployed by itself.
//
// Events reach the function through one queue. A message that fails again and again, and an event that a rule cannot
// deliver, end in the dead-letter queue, and an alarm on it tells the topic.
package scaling

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
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
	foundation.Intake
	Function awslambda.Function
}

// batchSize is how many messages the function gets at once.
const batchSize = 10

// NewScaling makes the stack. It panics where the configuration was not validated or the function was not built, as
// constructs do.
func NewScaling(scope constructs.Construct, id *string, props *ScalingProps) *Scaling {
	configuration := props.Configuration
	shared := configuration.Automation
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration, "davit: what scales workloads"))
	made := &Scaling{Intake: foundation.NewIntake(stack, foundation.IntakeProps{
		Queue: names.ScaleQueue, DeadLetterQueue: names.ScaleDeadLetterQueue,
		TimeoutSeconds: shared.TimeoutSeconds, MaximumReceives: shared.MaximumReceives,
	})}
	made.Function = newFunction(made, configuration, props.Functions)
	addRules(made, configuration)
	made.AddAlarms(foundation.Topic(stack, configuration), made.Function, names.ScaleFunction)
	return made
}

func newFunction(made *Scaling, configuration *config.Configuration, functions string) awslambda.Function {
	shared := configuration.Automation
	return made.NewFunction(configuration, foundation.FunctionProps{
		Name:         names.ScaleFunction,
		Folder:       "scale",
		Description:  "Scales the workloads that opted in.",
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
			names.EnvironmentSettingsParameter:  jsii.String(names.SettingsParameter),
		},
	}, batchSize, configuration.Scaling.MaximumConcurrency)
}

// addRules sends what speaks of load or of want of capacity from the account's default bus to the queue, whole and as AWS
// sent it, and has every workload that opted in looked at now and then.
func addRules(made *Scaling, configuration *config.Configuration) {
	// "Alarm events and EventBridge" in the CloudWatch user guide. Which alarm is for scaling only its tags say.
	made.AddRule("AlarmRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-load"),
		Description: jsii.String("An alarm changed its state."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.cloudwatch"),
			DetailType: jsii.Strings("CloudWatch Alarm State Change"),
		},
	})
	// "Amazon ECS service action events" in the ECS developer guide.
	made.AddRule("PlacementRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-placement"),
		Description: jsii.String("An ECS service cannot place its tasks for want of capacity."),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.ecs"),
			DetailType: jsii.Strings("ECS Service Action"),
			Detail:     &map[string]any{"eventName": []string{"SERVICE_TASK_PLACEMENT_FAILURE"}},
		},
	})
	// "Tag change events" in the guide to tagging AWS resources: opting in, and a hold that ends, count at once.
	made.AddRule("TagRule", &awsevents.RuleProps{
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
	made.AddRule("LookRule", &awsevents.RuleProps{
		RuleName:    jsii.String("davit-scaling-sweep"),
		Description: jsii.String("Every workload that scales is looked at, whatever was lost."),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(configuration.Scaling.LookMinutes))),
	})
}
