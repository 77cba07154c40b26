// Package ecs is the stack davit-ecs: a Fargate cluster and its services, each behind a load balancer of its own.
//
// A service's image is read from its parameter when the stack is deployed, and is not in the template. A deploy thus
// keeps what was rolled out: at most it registers one more revision with the same image. The number of tasks is not in
// the template either, so that a deploy does not take back what autoscaling or a human set.
package ecs

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
)

// ECSProps are the properties of the stack.
type ECSProps struct {
	// Configuration is the installation, with Configuration.ECS and Configuration.Network.
	Configuration *config.Configuration
	// Network is where the services run.
	Network *network.Network
	// Registry is the stack with the repositories and the image parameters, which must be there first.
	Registry awscdk.Stack
}

// ECS is the stack.
type ECS struct {
	Stack   awscdk.Stack
	Cluster awsecs.Cluster
	// Services are the services by name.
	Services map[string]awsecs.FargateService
}

// NewECS makes the stack.
func NewECS(scope constructs.Construct, id *string, props *ECSProps) *ECS {
	configuration := props.Configuration
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration,
		"davit: a Fargate cluster and its services"))
	stack.AddStackDependency(props.Registry, jsii.String("The image parameters and repositories are there first."))

	insights := awsecs.ContainerInsights_DISABLED
	if configuration.ECS.ContainerInsights {
		insights = awsecs.ContainerInsights_ENABLED
	}
	cluster := awsecs.NewCluster(stack, jsii.String("Cluster"), &awsecs.ClusterProps{
		ClusterName:         jsii.String(configuration.ECS.Cluster),
		Vpc:                 props.Network.VPC(stack),
		ContainerInsightsV2: insights,
	})
	if !configuration.ECS.ContainerInsights {
		foundation.AcceptFindings(cluster, map[string]string{
			"CKV_AWS_65": "Container Insights has a price, and is the configuration's choice.",
		})
	}
	made := &ECS{Stack: stack, Cluster: cluster, Services: map[string]awsecs.FargateService{}}
	for i := range configuration.ECS.Services {
		settings := &configuration.ECS.Services[i]
		made.Services[settings.Name] = newService(stack, cluster, configuration, settings)
	}
	return made
}

// identifier is the construct's name for a part of a service.
func identifier(settings *config.Service, part string) *string {
	return jsii.String(fmt.Sprintf("Service-%s-%s", settings.Name, part))
}
