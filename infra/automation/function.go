package automation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// batchSize is how many messages the function gets at once; messages do not wait for one another.
const batchSize = 10

// newFunction makes the rollout function with its log, its role and its queue.
func newFunction(made *Automation, configuration *config.Configuration, functions string) awslambda.Function {
	settings := configuration.Automation
	return made.NewFunction(configuration, foundation.FunctionProps{
		Name:                names.RolloutFunction,
		Folder:              "rollout",
		Description:         "Rolls out pushed images on the workloads that opted in.",
		Functions:           functions,
		Architecture:        settings.Architecture,
		Memory:              settings.Memory,
		LogLevel:            settings.LogLevel,
		LogDays:             settings.LogDays,
		Tracing:             settings.Tracing,
		ReservedConcurrency: settings.ReservedConcurrency,
		Role:                func(logs awslogs.LogGroup) awsiam.IRole { return newRole(made, configuration, logs) },
		Environment: map[string]*string{
			names.EnvironmentTable:              made.Table.TableName(),
			names.EnvironmentBus:                made.Bus.EventBusName(),
			names.EnvironmentQueueURL:           made.Queue.QueueUrl(),
			names.EnvironmentDeadLetterQueueURL: made.DeadLetterQueue.QueueUrl(),
			names.EnvironmentSettingsParameter:  made.Settings.ParameterName(),
		},
	}, batchSize, settings.MaximumConcurrency)
}
