// Package automation is the stack davit-automation: what rolls images out. It stands alone: it needs no VPC and no other
// stack, and it may be deployed into an account whose services exist already.
//
// Events reach the function through one queue. A message that fails again and again, and an event that a rule cannot
// deliver, end in the dead-letter queue, and an alarm on it tells the topic.
package automation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// AutomationProps are the properties of the stack.
type AutomationProps struct {
	// Configuration is the installation, with Configuration.Automation.
	Configuration *config.Configuration
	// Functions is the folder with the built functions, as ARCH/NAME/bootstrap with ARCH amd64 or arm64.
	Functions string
}

// Automation is the stack.
type Automation struct {
	foundation.Intake
	Table    awsdynamodb.Table
	Bus      awsevents.EventBus
	Topic    awssns.Topic
	Function awslambda.Function
	Settings awsssm.StringParameter
}

// standardParameter is how many characters a standard SSM parameter holds; an advanced one has a price.
const standardParameter = 4096

// NewAutomation makes the stack. It panics where the configuration was not validated or the function was not built, as
// constructs do.
func NewAutomation(scope constructs.Construct, id *string, props *AutomationProps) *Automation {
	configuration := props.Configuration
	settings := configuration.Automation
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration, "davit: what rolls images out on push"))
	made := &Automation{Intake: foundation.NewIntake(stack, foundation.IntakeProps{
		Prefix: "Rollout", Queue: names.RolloutQueue, DeadLetterQueue: names.RolloutDeadLetterQueue,
		TimeoutSeconds: settings.TimeoutSeconds, MaximumReceives: settings.MaximumReceives,
	})}
	made.Table = newTable(stack, configuration)
	made.Bus = newBus(stack)
	made.Topic = newTopic(stack, configuration)
	made.Settings = newSettings(made.Stack, configuration)
	made.Function = newFunction(made, configuration, props.Functions)
	admit(made.Stack, configuration.Automation)
	addRules(made, configuration)
	addNotifications(made)
	made.AddAlarms(made.Topic, made.Function, names.RolloutFunction)
	addDashboard(made)
	return made
}

// newTable makes the ledger.
func newTable(stack awscdk.Stack, configuration *config.Configuration) awsdynamodb.Table {
	table := awsdynamodb.NewTable(stack, jsii.String("Ledger"), &awsdynamodb.TableProps{
		TableName: jsii.String(names.Table),
		PartitionKey: &awsdynamodb.Attribute{
			Name: jsii.String(names.TablePartitionKey), Type: awsdynamodb.AttributeType_STRING,
		},
		SortKey: &awsdynamodb.Attribute{
			Name: jsii.String(names.TableSortKey), Type: awsdynamodb.AttributeType_STRING,
		},
		TimeToLiveAttribute: jsii.String(names.TableTimeToLive),
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		Encryption:          awsdynamodb.TableEncryption_AWS_MANAGED,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: configuration.Automation.DeletionProtection,
		RemovalPolicy:      foundation.RemovalPolicy(configuration.Removal),
	})
	foundation.AcceptFindings(table, map[string]string{
		"CKV_AWS_119": "It is encrypted by a KMS key of AWS, which the account can audit.",
	})
	return table
}

func newBus(stack awscdk.Stack) awsevents.EventBus {
	bus := awsevents.NewEventBus(stack, jsii.String("Bus"), &awsevents.EventBusProps{
		EventBusName: jsii.String(names.Bus),
		Description:  jsii.String("What davit did and what it refused, and why."),
	})
	bus.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	return bus
}

// newSettings makes the parameter that the functions and the command line read. It is the configuration's alone: what
// humans change at run time, such as holds, is in the ledger.
func newSettings(stack awscdk.Stack, configuration *config.Configuration) awsssm.StringParameter {
	document, err := configuration.Automation.Settings.JSON()
	if err != nil {
		panic(err)
	}
	tier := awsssm.ParameterTier_STANDARD
	if len(document) > standardParameter {
		tier = awsssm.ParameterTier_ADVANCED
	}
	parameter := awsssm.NewStringParameter(stack, jsii.String("Settings"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(names.SettingsParameter),
		StringValue:   jsii.String(document),
		Description:   jsii.String("davit: named policies, freeze windows and time limits."),
		Tier:          tier,
	})
	parameter.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	return parameter
}
