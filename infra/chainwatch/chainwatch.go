// Package chainwatch is the stack davit-chainwatch: a function that looks at blockchain nodes on a schedule, and alarms
// for each of them. It stands alone. Its alarms are tagged for what recovers workloads, and tell the topic of the stack
// davit-automation where the configuration has one.
package chainwatch

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
	"davit/shared/settings/nodes"
)

// ChainwatchProps are the properties of the stack.
type ChainwatchProps struct {
	// Configuration is the installation, with Configuration.Chainwatch.
	Configuration *config.Configuration
	// Functions is the folder with the built functions, as ARCH/NAME/bootstrap with ARCH amd64 or arm64.
	Functions string
}

// Chainwatch is the stack.
type Chainwatch struct {
	Stack    awscdk.Stack
	Nodes    awsssm.StringParameter
	Function awslambda.Function
}

// timeoutSeconds is above what a look takes at most: 20 seconds for all nodes, and the reading of parameters.
const timeoutSeconds = 40

// standardParameter is how many characters a standard SSM parameter holds; an advanced one has a price.
const standardParameter = 4096

// NewChainwatch makes the stack. It panics where the configuration was not validated or the function was not built, as
// constructs do.
func NewChainwatch(scope constructs.Construct, id *string, props *ChainwatchProps) *Chainwatch {
	configuration := props.Configuration
	made := &Chainwatch{Stack: awscdk.NewStack(scope, id, foundation.StackProps(configuration,
		"davit: what watches blockchain nodes"))}
	made.Nodes = newNodes(made.Stack, configuration)
	made.Function = newFunction(made, configuration, props.Functions)
	addSchedule(made, configuration)
	addAlarms(made, configuration)
	return made
}

// newNodes makes the parameter with the nodes. Addresses with keys are in parameters of their own, which the owner makes.
func newNodes(stack awscdk.Stack, configuration *config.Configuration) awsssm.StringParameter {
	document, err := configuration.Chainwatch.Document().Encode()
	if err != nil {
		panic(err)
	}
	tier := awsssm.ParameterTier_STANDARD
	if len(document) > standardParameter {
		tier = awsssm.ParameterTier_ADVANCED
	}
	parameter := awsssm.NewStringParameter(stack, jsii.String("Nodes"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(names.ChainwatchParameter),
		StringValue:   jsii.String(string(document)),
		Description:   jsii.String("davit: the blockchain nodes that are watched."),
		Tier:          tier,
	})
	parameter.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	return parameter
}

func newFunction(made *Chainwatch, configuration *config.Configuration, functions string) awslambda.Function {
	settings := configuration.Chainwatch
	function := foundation.NewFunction(made.Stack, configuration, foundation.FunctionProps{
		Name:           names.ChainwatchFunction,
		Folder:         "chainwatch",
		Description:    "Looks at blockchain nodes and writes how they are as metrics.",
		Functions:      functions,
		Architecture:   settings.Architecture,
		Memory:         settings.Memory,
		TimeoutSeconds: timeoutSeconds,
		LogLevel:       settings.LogLevel,
		LogDays:        settings.LogDays,
		Role:           func(logs awslogs.LogGroup) awsiam.IRole { return newRole(made, configuration, logs) },
		Environment:    map[string]*string{names.EnvironmentNodesParameter: made.Nodes.ParameterName()},
		VPC:            settings.VPC,
	})
	accepted := map[string]string{
		"CKV_AWS_115": "Its schedule starts it once at a time.",
		"CKV_AWS_116": "A look that fails is made again by the next, and a look that is missing is an alarm.",
		"CKV_AWS_173": "Its variable is the name of a parameter, and no secret.",
	}
	if settings.VPC == nil {
		accepted["CKV_AWS_117"] = "All its nodes have public addresses; the configuration puts it into a VPC by vpc."
	}
	foundation.AcceptFindings(function, accepted)
	return function
}

// newRole makes the function's own role: its log, the parameters that hold nodes and addresses, and in a VPC the network
// interface.
func newRole(made *Chainwatch, configuration *config.Configuration, logs awslogs.LogGroup) awsiam.IRole {
	statements := []awsiam.PolicyStatement{
		foundation.Allow("Log", *logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents"),
		foundation.Allow("Nodes", foundation.ARN(configuration, "ssm", "parameter"+names.ChainwatchParameter),
			"ssm:GetParameters"),
		foundation.Allow("Addresses", foundation.ARN(configuration, "ssm", "parameter"+nodes.ParameterPrefix+"*"),
			"ssm:GetParameters"),
	}
	if configuration.Chainwatch.VPC != nil {
		statements = append(statements, foundation.NetworkInterfaces())
	}
	role := awsiam.NewRole(made.Stack, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("What the function " + names.ChainwatchFunction + " may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	if configuration.Chainwatch.VPC != nil {
		foundation.AcceptNetworkInterfaces(role)
	}
	return role.WithoutPolicyUpdates(nil)
}

// addSchedule has the function look. A look that could not be made is not made later: it would be of another time.
func addSchedule(made *Chainwatch, configuration *config.Configuration) {
	minutes := configuration.Chainwatch.Minutes
	rule := awsevents.NewRule(made.Stack, jsii.String("Schedule"), &awsevents.RuleProps{
		RuleName:    jsii.String(names.ChainwatchFunction),
		Description: jsii.String("Every blockchain node is looked at."),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(minutes))),
	})
	rule.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	rule.AddTarget(awseventstargets.NewLambdaFunction(made.Function, &awseventstargets.LambdaFunctionProps{
		RetryAttempts: jsii.Number(0),
		MaxEventAge:   awscdk.Duration_Minutes(jsii.Number(1)),
	}))
}
