package foundation

import (
	"maps"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/shared/names"
)

// FunctionProps are the properties of one of davit's functions.
type FunctionProps struct {
	// Prefix begins the construct IDs, for a stack that has other functions too.
	Prefix string
	// Name is the function's name, and Folder that of its folder below functions.
	Name   string
	Folder string
	// Description is what the function is for, a sentence.
	Description string
	// Functions is the folder with the built functions, as ARCH/FOLDER/bootstrap with ARCH amd64 or arm64.
	Functions    string
	Architecture config.Architecture
	// Memory is in MiB.
	Memory         int
	TimeoutSeconds int
	LogLevel       config.LogLevel
	// LogDays is how long the log is kept, one of config.LogDays.
	LogDays int
	Tracing bool
	// ReservedConcurrency is how many invocations are kept for the function; 0 reserves none.
	ReservedConcurrency int
	Environment         map[string]*string
	// VPC is where the function runs; nil outside of any.
	VPC *config.FunctionVPC
	// Role makes the function's own role, which may write to the log.
	Role func(logs awslogs.LogGroup) awsiam.IRole
}

// NewFunction makes a function with its log and its role. The caller accepts the findings of checkov for it, since how the
// function is invoked decides what can be accepted.
func NewFunction(stack awscdk.Stack, configuration *config.Configuration, props FunctionProps) awslambda.Function {
	logs := NewLogGroup(stack, jsii.String(props.Prefix+"Log"), configuration, "/aws/lambda/"+props.Name, props.LogDays)
	code := filepath.Join(props.Functions, props.Architecture.GOARCH(), props.Folder)
	architecture, tracing := awslambda.Architecture_ARM_64(), awslambda.Tracing_DISABLED
	if props.Architecture == config.X8664 {
		architecture = awslambda.Architecture_X86_64()
	}
	if props.Tracing {
		tracing = awslambda.Tracing_ACTIVE
	}
	var reserved *float64
	if props.ReservedConcurrency > 0 {
		reserved = jsii.Number(props.ReservedConcurrency)
	}
	environment := maps.Clone(props.Environment)
	if environment == nil {
		environment = map[string]*string{}
	}
	environment[names.EnvironmentLogLevel] = jsii.String(string(props.LogLevel))
	function := awslambda.NewFunction(stack, jsii.String(props.Prefix+"Function"), &awslambda.FunctionProps{
		FunctionName:                 jsii.String(props.Name),
		Description:                  jsii.String(props.Description),
		Runtime:                      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:                 architecture,
		Handler:                      jsii.String("bootstrap"),
		Code:                         awslambda.Code_FromAsset(jsii.String(code), nil),
		MemorySize:                   jsii.Number(props.Memory),
		Timeout:                      awscdk.Duration_Seconds(jsii.Number(props.TimeoutSeconds)),
		ReservedConcurrentExecutions: reserved,
		Role:                         props.Role(logs),
		LogGroup:                     logs,
		LoggingFormat:                awslambda.LoggingFormat_JSON,
		// The function filters its log itself: Lambda's own filter takes a line without a level, such as a metric, for INFO
		// ("Log-level filtering" in the Lambda developer guide), and with WARN no metric would come through.
		ApplicationLogLevelV2: awslambda.ApplicationLogLevel_DEBUG,
		Tracing:               tracing,
		Environment:           &environment,
	})
	function.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	if props.VPC != nil {
		resource := function.Node().DefaultChild().(awslambda.CfnFunction)
		resource.SetVpcConfig(&awslambda.CfnFunction_VpcConfigProperty{
			SubnetIds:        jsii.Strings(props.VPC.Subnets...),
			SecurityGroupIds: jsii.Strings(props.VPC.SecurityGroups...),
		})
	}
	// The CDK has each function depend on its role, which it refers to as well.
	AcceptLint(function, "W3005")
	return function
}

// NetworkInterfaces is what "Giving Lambda functions access to resources in an Amazon VPC" of the Lambda developer guide asks
// for; none of these can be limited before there is an interface.
func NetworkInterfaces() awsiam.PolicyStatement {
	return Allow("Network", "*", "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
		"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses")
}

// AcceptNetworkInterfaces accepts what checkov finds in a role with NetworkInterfaces.
func AcceptNetworkInterfaces(role awsiam.Role) {
	AcceptFindings(role, map[string]string{
		"CKV_AWS_111": "The interfaces of a function in a VPC cannot be named before they are made.",
	})
}
