package automation

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
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
		VPC:                 settings.VPC,
		Role:                func(logs awslogs.LogGroup) awsiam.IRole { return newRole(made, configuration, logs) },
		Environment: map[string]*string{
			names.EnvironmentTable:              made.Table.TableName(),
			names.EnvironmentBus:                made.Bus.EventBusName(),
			names.EnvironmentQueueURL:           made.Queue.QueueUrl(),
			names.EnvironmentDeadLetterQueueURL: made.DeadLetterQueue.QueueUrl(),
			names.EnvironmentSettingsParameter:  made.Settings.ParameterName(),
			names.EnvironmentMaximumReceives:    jsii.String(strconv.Itoa(settings.MaximumReceives)),
		},
	}, batchSize, settings.MaximumConcurrency)
}

// admit lets the functions of rollouts, remedies and scaling, which share a security group, in to the API servers of clusters by
// the rules of their security groups.
func admit(stack awscdk.Stack, settings *config.Automation) {
	for i, group := range settings.ClusterSecurityGroups {
		awsec2.NewCfnSecurityGroupIngress(stack, jsii.String(fmt.Sprintf("Cluster-%d", i)), &awsec2.CfnSecurityGroupIngressProps{
			GroupId:               jsii.String(group),
			SourceSecurityGroupId: jsii.String(settings.VPC.SecurityGroups[0]),
			IpProtocol:            jsii.String("tcp"),
			FromPort:              jsii.Number(443),
			ToPort:                jsii.Number(443),
			Description:           jsii.String("davit's functions to the cluster"),
		})
	}
}
