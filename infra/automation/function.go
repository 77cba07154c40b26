package automation

import (
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// batchSize is how many messages the function gets at once; messages do not wait for one another.
const batchSize = 10

// newFunction makes the rollout function with its log, its role and its queue.
func newFunction(made *Automation, configuration *config.Configuration, functions string) awslambda.Function {
	settings := configuration.Automation
	logs := foundation.NewLogGroup(made.Stack, jsii.String("RolloutLog"), configuration,
		"/aws/lambda/"+names.RolloutFunction, settings.LogDays)
	code := filepath.Join(functions, settings.Architecture.GOARCH(), "rollout")
	function := awslambda.NewFunction(made.Stack, jsii.String("RolloutFunction"), &awslambda.FunctionProps{
		FunctionName:                 jsii.String(names.RolloutFunction),
		Description:                  jsii.String("Rolls out pushed images on the workloads that opted in."),
		Runtime:                      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:                 lambdaArchitecture(settings.Architecture),
		Handler:                      jsii.String("bootstrap"),
		Code:                         awslambda.Code_FromAsset(jsii.String(code), nil),
		MemorySize:                   jsii.Number(settings.Memory),
		Timeout:                      awscdk.Duration_Seconds(jsii.Number(settings.TimeoutSeconds)),
		ReservedConcurrentExecutions: reserved(settings),
		Role:                         newRole(made, configuration, logs),
		LogGroup:                     logs,
		LoggingFormat:                awslambda.LoggingFormat_JSON,
		ApplicationLogLevelV2:        awslambda.ApplicationLogLevel(settings.LogLevel),
		Tracing:                      tracing(settings),
		Environment: &map[string]*string{
			names.EnvironmentTable:              made.Table.TableName(),
			names.EnvironmentBus:                made.Bus.EventBusName(),
			names.EnvironmentQueueURL:           made.Queue.QueueUrl(),
			names.EnvironmentDeadLetterQueueURL: made.DeadLetterQueue.QueueUrl(),
			names.EnvironmentSettingsParameter:  made.Settings.ParameterName(),
		},
	})
	function.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	// The CDK has each function depend on its role, which it refers to as well.
	foundation.AcceptLint(function, "W3005")
	foundation.AcceptQueueFunction(function, settings.ReservedConcurrency)
	function.AddEventSourceMapping(jsii.String("Queue"), &awslambda.EventSourceMappingOptions{
		EventSourceArn:          made.Queue.QueueArn(),
		BatchSize:               jsii.Number(batchSize),
		MaxBatchingWindow:       awscdk.Duration_Seconds(jsii.Number(0)),
		MaxConcurrency:          jsii.Number(settings.MaximumConcurrency),
		ReportBatchItemFailures: jsii.Bool(true),
	})
	return function
}

func lambdaArchitecture(architecture config.Architecture) awslambda.Architecture {
	if architecture == config.X8664 {
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}

func reserved(settings *config.Automation) *float64 {
	if settings.ReservedConcurrency == 0 {
		return nil
	}
	return jsii.Number(settings.ReservedConcurrency)
}

func tracing(settings *config.Automation) awslambda.Tracing {
	if settings.Tracing {
		return awslambda.Tracing_ACTIVE
	}
	return awslambda.Tracing_DISABLED
}
