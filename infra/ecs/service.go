package ecs

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapplicationautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
	"davit/shared/names"
)

// newService makes the service with everything that is its own.
func (e *ECS) newService(configuration *config.Configuration, settings *config.Service) awsecs.BaseService {
	taskDefinition := newTaskDefinition(e.Stack, configuration, settings)
	group := awsec2.NewSecurityGroup(e.Stack, identifier(settings, "SecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              e.Cluster.Vpc(),
		Description:      jsii.String("Tasks of the service " + settings.Name),
		AllowAllOutbound: jsii.Bool(true),
	})
	groups := []awsec2.ISecurityGroup{group}
	if settings.Connect {
		groups = append(groups, e.mesh)
	}
	service := e.newBaseService(configuration, settings, taskDefinition, groups)
	optIn(service, settings)
	if e.association != nil {
		service.Node().AddDependency(e.association)
	}
	if *settings.LoadBalancer {
		// The CDK has the service depend on its target group, which it refers to as well, along with the listener.
		foundation.AcceptLint(service, "W3005")
		e.addLoadBalancer(service, configuration, settings)
		return service
	}
	if settings.Autoscaling != nil {
		addAutoscaling(service, settings, nil)
	}
	return service
}

// newBaseService makes the service itself, on Fargate or on instances.
func (e *ECS) newBaseService(configuration *config.Configuration, settings *config.Service,
	taskDefinition awsecs.TaskDefinition, groups []awsec2.ISecurityGroup,
) awsecs.BaseService {
	tier := configuration.Network.TaskTier()
	deployment := settings.Deployment
	props := &awsecs.FargateServiceProps{
		ServiceName:                 jsii.String(settings.Name),
		Cluster:                     e.Cluster,
		TaskDefinition:              taskDefinition,
		SecurityGroups:              &groups,
		VpcSubnets:                  network.Subnets(tier),
		AssignPublicIp:              jsii.Bool(tier == config.Public),
		CapacityProviderStrategies:  e.strategies(settings),
		CircuitBreaker:              circuitBreaker(settings),
		MinHealthyPercent:           jsii.Number(*deployment.MinimumHealthyPercent),
		MaxHealthyPercent:           jsii.Number(deployment.MaximumPercent),
		HealthCheckGracePeriod:      gracePeriod(settings),
		DeploymentAlarms:            alarmsOf(configuration, settings),
		EnableExecuteCommand:        jsii.Bool(settings.Exec),
		ServiceConnectConfiguration: e.connection(settings),
		PropagateTags:               awsecs.PropagatedTagSource_SERVICE,
		EnableECSManagedTags:        jsii.Bool(true),
	}
	setStrategy(props, deployment)
	if settings.Capacity != config.CapacityEC2 && settings.Capacity != config.CapacityManagedInstances {
		return awsecs.NewFargateService(e.Stack, identifier(settings, "Service"), props)
	}
	return awsecs.NewEc2Service(e.Stack, identifier(settings, "Service"), &awsecs.Ec2ServiceProps{
		ServiceName:                 props.ServiceName,
		Cluster:                     e.withInstances(settings),
		TaskDefinition:              taskDefinition,
		SecurityGroups:              props.SecurityGroups,
		VpcSubnets:                  props.VpcSubnets,
		CapacityProviderStrategies:  props.CapacityProviderStrategies,
		CircuitBreaker:              props.CircuitBreaker,
		MinHealthyPercent:           props.MinHealthyPercent,
		MaxHealthyPercent:           props.MaxHealthyPercent,
		HealthCheckGracePeriod:      props.HealthCheckGracePeriod,
		DeploymentAlarms:            props.DeploymentAlarms,
		DeploymentStrategy:          props.DeploymentStrategy,
		BakeTime:                    props.BakeTime,
		LinearConfiguration:         props.LinearConfiguration,
		CanaryConfiguration:         props.CanaryConfiguration,
		EnableExecuteCommand:        props.EnableExecuteCommand,
		ServiceConnectConfiguration: props.ServiceConnectConfiguration,
		PropagateTags:               props.PropagateTags,
		EnableECSManagedTags:        props.EnableECSManagedTags,
	})
}

// withInstances is the cluster as the CDK must see it to put tasks on instances: it counts only those that it added itself.
func (e *ECS) withInstances(settings *config.Service) awsecs.ICluster {
	return awsecs.Cluster_FromClusterAttributes(e.Stack, identifier(settings, "Cluster"), &awsecs.ClusterAttributes{
		ClusterName:    e.Cluster.ClusterName(),
		ClusterArn:     e.Cluster.ClusterArn(),
		Vpc:            e.Cluster.Vpc(),
		HasEc2Capacity: jsii.Bool(true),
	})
}

// strategies say on what the tasks run; nil is Fargate.
func (e *ECS) strategies(settings *config.Service) *[]*awsecs.CapacityProviderStrategy {
	on := func(provider *string, base, weight int) *awsecs.CapacityProviderStrategy {
		return &awsecs.CapacityProviderStrategy{CapacityProvider: provider, Base: jsii.Number(base), Weight: jsii.Number(weight)}
	}
	switch settings.Capacity {
	case config.CapacityFargateSpot:
		strategies := []*awsecs.CapacityProviderStrategy{on(jsii.String("FARGATE_SPOT"), 0, 1)}
		if *settings.OnDemandTasks > 0 {
			strategies = append([]*awsecs.CapacityProviderStrategy{on(jsii.String("FARGATE"), *settings.OnDemandTasks, 0)}, strategies...)
		}
		return &strategies
	case config.CapacityEC2:
		return &[]*awsecs.CapacityProviderStrategy{on(e.hosts.Ref(), 0, 1)}
	case config.CapacityManagedInstances:
		return &[]*awsecs.CapacityProviderStrategy{on(e.managed.Ref(), 0, 1)}
	}
	return nil
}

// setStrategy says how traffic moves to a new revision.
func setStrategy(props *awsecs.FargateServiceProps, deployment config.Deployment) {
	minutes := func(given *int) awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(*given)) }
	if deployment.Strategy == config.Rolling {
		return
	}
	props.BakeTime = minutes(deployment.BakeMinutes)
	switch deployment.Strategy {
	case config.BlueGreen:
		props.DeploymentStrategy = awsecs.DeploymentStrategy_BLUE_GREEN
		return
	case config.Linear:
		props.DeploymentStrategy = awsecs.DeploymentStrategy_LINEAR
		props.LinearConfiguration = &awsecs.TrafficShiftConfig{StepPercent: jsii.Number(deployment.StepPercent),
			StepBakeTime: minutes(deployment.StepBakeMinutes)}
	case config.Canary:
		props.DeploymentStrategy = awsecs.DeploymentStrategy_CANARY
		props.CanaryConfiguration = &awsecs.TrafficShiftConfig{StepPercent: jsii.Number(deployment.StepPercent),
			StepBakeTime: minutes(deployment.StepBakeMinutes)}
	}
}

// gracePeriod is for how long a task's health is not judged; ECS takes it with a load balancer alone.
func gracePeriod(settings *config.Service) awscdk.Duration {
	if !*settings.LoadBalancer {
		return nil
	}
	return awscdk.Duration_Seconds(jsii.Number(*settings.HealthGraceSeconds))
}

// connection joins the service to the namespace under its own name; nil where it does not.
func (e *ECS) connection(settings *config.Service) *awsecs.ServiceConnectProps {
	if !settings.Connect {
		return nil
	}
	return &awsecs.ServiceConnectProps{
		Namespace: e.Cluster.DefaultCloudMapNamespace().NamespaceArn(),
		Services: &[]*awsecs.ServiceConnectService{{
			PortMappingName: jsii.String(portName),
			DiscoveryName:   jsii.String(settings.Name),
			DnsName:         jsii.String(settings.Name),
			Port:            jsii.Number(settings.ContainerPort),
		}},
	}
}

func circuitBreaker(settings *config.Service) *awsecs.DeploymentCircuitBreaker {
	if !*settings.CircuitBreaker {
		return nil
	}
	return &awsecs.DeploymentCircuitBreaker{Enable: jsii.Bool(true), Rollback: jsii.Bool(true)}
}

// optIn puts the tags on the service by which davit finds it and IAM lets it be changed. The repository is named too,
// since the image that runs before the first rollout is not from there.
func optIn(service awsecs.BaseService, settings *config.Service) {
	tags := awscdk.Tags_Of(service)
	onService := &awscdk.TagProps{IncludeResourceTypes: jsii.Strings("AWS::ECS::Service")}
	if settings.Playbook != "" {
		tags.Add(jsii.String(names.TagPlaybook), jsii.String(settings.Playbook), onService)
	}
	if settings.Scaling != "" {
		tags.Add(jsii.String(names.TagScaling), jsii.String(settings.Scaling), onService)
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

// addAutoscaling gives the number of tasks to Application Auto Scaling. requests is the target group whose requests are
// counted; nil without one.
func addAutoscaling(service awsecs.BaseService, settings *config.Service,
	requests awselasticloadbalancingv2.ApplicationTargetGroup,
) {
	wanted := settings.Autoscaling
	count := service.AutoScaleTaskCount(&awsapplicationautoscaling.EnableScalingProps{
		MinCapacity: jsii.Number(wanted.Minimum),
		MaxCapacity: jsii.Number(wanted.Maximum),
	})
	if wanted.CPUPercent > 0 {
		count.ScaleOnCpuUtilization(jsii.String("CPU"), &awsecs.CpuUtilizationScalingProps{
			TargetUtilizationPercent: jsii.Number(wanted.CPUPercent),
		})
	}
	if wanted.MemoryPercent > 0 {
		count.ScaleOnMemoryUtilization(jsii.String("Memory"), &awsecs.MemoryUtilizationScalingProps{
			TargetUtilizationPercent: jsii.Number(wanted.MemoryPercent),
		})
	}
	if wanted.RequestsPerMinute > 0 && requests != nil {
		count.ScaleOnRequestCount(jsii.String("Requests"), &awsecs.RequestCountScalingProps{
			RequestsPerTarget: jsii.Number(wanted.RequestsPerMinute),
			TargetGroup:       requests,
		})
	}
	for i, moment := range wanted.Schedule {
		schedule := &awsapplicationautoscaling.ScalingSchedule{
			Schedule:    awsapplicationautoscaling.Schedule_Expression(jsii.String("cron(" + moment.Cron + ")")),
			MinCapacity: jsii.Number(moment.Minimum),
			MaxCapacity: jsii.Number(moment.Maximum),
		}
		if moment.TimeZone != "" {
			schedule.TimeZone = awscdk.TimeZone_Of(jsii.String(moment.TimeZone))
		}
		count.ScaleOnSchedule(jsii.String(fmt.Sprintf("Schedule%d", i+1)), schedule)
	}
}
