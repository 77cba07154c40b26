// Package ecs is the stack davit-ecs: a cluster on Fargate, on hosts of its own or on managed instances, and its services.
//
// A service's image is read from its parameter when the stack is deployed, and is not in the template. A deploy thus
// keeps what was rolled out: at most it registers one more revision with the same image. The number of tasks is not in
// the template either, so that a deploy does not take back what autoscaling or a human set.
package ecs

import (
	"fmt"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsservicediscovery"
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
	Services map[string]awsecs.BaseService
	// The capacity providers beside Fargate's, nil where there are none, and what gives them to the cluster; nil where
	// there is nothing but Fargate's without Spot.
	hosts, managed awsecs.CfnCapacityProvider
	association    awsecs.CfnClusterCapacityProviderAssociations
	// mesh is the security group of those in Service Connect; nil where there are none.
	mesh awsec2.SecurityGroup
}

// NewECS makes the stack.
func NewECS(scope constructs.Construct, id *string, props *ECSProps) *ECS {
	configuration := props.Configuration
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration,
		"davit: a cluster and its services"))
	stack.AddStackDependency(props.Registry, jsii.String("The image parameters and repositories are there first."))

	insights := awsecs.ContainerInsights_DISABLED
	if configuration.ECS.ContainerInsights {
		insights = awsecs.ContainerInsights_ENABLED
	}
	vpc := props.Network.VPC(stack)
	cluster := awsecs.NewCluster(stack, jsii.String("Cluster"), &awsecs.ClusterProps{
		ClusterName:              jsii.String(configuration.ECS.Cluster),
		Vpc:                      vpc,
		ContainerInsightsV2:      insights,
		DefaultCloudMapNamespace: namespace(configuration),
	})
	if !configuration.ECS.ContainerInsights {
		foundation.AcceptFindings(cluster, map[string]string{
			"CKV_AWS_65": "Container Insights has a price, and is the configuration's choice.",
		})
	}
	made := &ECS{Stack: stack, Cluster: cluster, Services: map[string]awsecs.BaseService{}}
	if configuration.ECS.Hosts != nil {
		addHosts(made, vpc, configuration)
	}
	if configuration.ECS.ManagedInstances != nil {
		addManagedInstances(made, vpc, configuration)
	}
	if needsProviders(configuration) {
		associate(made)
	}
	if namespace(configuration) != nil {
		made.mesh = newMesh(stack, vpc)
	}
	for i := range configuration.ECS.Services {
		settings := &configuration.ECS.Services[i]
		made.Services[settings.Name] = made.newService(configuration, settings)
	}
	return made
}

// needsProviders tells whether the cluster needs capacity providers: all but Fargate without Spot does.
func needsProviders(configuration *config.Configuration) bool {
	return configuration.ECS.Hosts != nil || configuration.ECS.ManagedInstances != nil ||
		slices.ContainsFunc(configuration.ECS.Services, func(s config.Service) bool {
			return s.Capacity == config.CapacityFargateSpot
		})
}

// namespace is the cluster's for Service Connect, which has the cluster's name; nil where no service connects.
func namespace(configuration *config.Configuration) *awsecs.CloudMapNamespaceOptions {
	if !slices.ContainsFunc(configuration.ECS.Services, func(s config.Service) bool { return s.Connect }) {
		return nil
	}
	return &awsecs.CloudMapNamespaceOptions{
		Name:                 jsii.String(configuration.ECS.Cluster),
		Type:                 awsservicediscovery.NamespaceType_HTTP,
		UseForServiceConnect: jsii.Bool(true),
	}
}

// newMesh makes the security group whose members reach each other.
func newMesh(stack awscdk.Stack, vpc awsec2.IVpc) awsec2.SecurityGroup {
	group := awsec2.NewSecurityGroup(stack, jsii.String("ConnectSecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              vpc,
		Description:      jsii.String("Services that reach each other by Service Connect."),
		AllowAllOutbound: jsii.Bool(true),
	})
	group.AddIngressRule(group, awsec2.Port_AllTcp(), jsii.String("Service Connect"), nil)
	return group
}

// identifier is the construct's name for a part of a service.
func identifier(settings *config.Service, part string) *string {
	return jsii.String(fmt.Sprintf("Service-%s-%s", settings.Name, part))
}
