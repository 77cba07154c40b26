package ecs

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapplicationautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
	"davit/shared/names"
)

// newService makes the service with everything that is its own.
func newService(stack awscdk.Stack, cluster awsecs.Cluster, configuration *config.Configuration,
	settings *config.Service,
) awsecs.FargateService {
	taskDefinition := newTaskDefinition(stack, configuration, settings)
	group := awsec2.NewSecurityGroup(stack, identifier(settings, "SecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              cluster.Vpc(),
		Description:      jsii.String("Tasks of the service " + settings.Name),
		AllowAllOutbound: jsii.Bool(true),
	})
	tier := configuration.Network.TaskTier()
	service := awsecs.NewFargateService(stack, identifier(settings, "Service"), &awsecs.FargateServiceProps{
		ServiceName:          jsii.String(settings.Name),
		Cluster:              cluster,
		TaskDefinition:       taskDefinition,
		SecurityGroups:       &[]awsec2.ISecurityGroup{group},
		VpcSubnets:           network.Subnets(tier),
		AssignPublicIp:       jsii.Bool(tier == config.Public),
		CircuitBreaker:       circuitBreaker(settings),
		MinHealthyPercent:    jsii.Number(100),
		MaxHealthyPercent:    jsii.Number(200),
		PropagateTags:        awsecs.PropagatedTagSource_SERVICE,
		EnableECSManagedTags: jsii.Bool(true),
	})
	optIn(service, settings)
	if *settings.LoadBalancer {
		// The CDK has the service depend on its target group, which it refers to as well, along with the listener.
		foundation.AcceptLint(service, "W3005")
		addLoadBalancer(stack, service, cluster, configuration, settings)
	}
	if settings.Autoscaling != nil {
		addAutoscaling(service, settings.Autoscaling)
	}
	return service
}

func circuitBreaker(settings *config.Service) *awsecs.DeploymentCircuitBreaker {
	if !*settings.CircuitBreaker {
		return nil
	}
	return &awsecs.DeploymentCircuitBreaker{Enable: jsii.Bool(true), Rollback: jsii.Bool(true)}
}

// optIn puts the tags on the service by which davit finds it and IAM lets it be changed. The repository is named too,
// since the image that runs before the first rollout is not from there.
func optIn(service awsecs.FargateService, settings *config.Service) {
	tags := awscdk.Tags_Of(service)
	onService := &awscdk.TagProps{IncludeResourceTypes: jsii.Strings("AWS::ECS::Service")}
	if settings.Playbook != "" {
		tags.Add(jsii.String(names.TagPlaybook), jsii.String(settings.Playbook), onService)
	}
	if settings.MemoryLimit > 0 {
		tags.Add(jsii.String(names.TagMemoryLimit), jsii.String(strconv.Itoa(settings.MemoryLimit)), onService)
	}
	if settings.Policy == "" {
		return
	}
	tags.Add(jsii.String(names.TagPolicy), jsii.String(settings.Policy), onService)
	tags.Add(jsii.String(names.TagRepository), jsii.String(settings.Repository), onService)
}

func addAutoscaling(service awsecs.FargateService, settings *config.Autoscaling) {
	count := service.AutoScaleTaskCount(&awsapplicationautoscaling.EnableScalingProps{
		MinCapacity: jsii.Number(settings.Minimum),
		MaxCapacity: jsii.Number(settings.Maximum),
	})
	count.ScaleOnCpuUtilization(jsii.String("CPU"), &awsecs.CpuUtilizationScalingProps{
		TargetUtilizationPercent: jsii.Number(settings.CPUPercent),
	})
}
