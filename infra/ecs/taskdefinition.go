package ecs

import (
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// portName is the name of the container's port, by which Service Connect knows it.
const portName = "http"

// newTaskDefinition makes the task definition, whose image is the value of the service's parameter.
func newTaskDefinition(stack awscdk.Stack, configuration *config.Configuration, settings *config.Service,
) awsecs.TaskDefinition {
	cluster := configuration.ECS.Cluster
	logs := foundation.NewLogGroup(stack, identifier(settings, "Log"), configuration,
		"/davit/ecs/"+cluster+"/"+settings.Name, settings.LogDays)
	definition := newDefinition(stack, configuration, settings, newExecutionRole(stack, configuration, settings, logs))
	image := awsssm.StringParameter_ValueForStringParameter(stack,
		jsii.String(names.ImageParameter(cluster, settings.Name)), nil)
	container := &awsecs.ContainerDefinitionOptions{
		ContainerName: jsii.String(settings.Name),
		Image:         awsecs.ContainerImage_FromRegistry(image, nil),
		Essential:     jsii.Bool(true),
		Environment:   environment(settings),
		HealthCheck:   healthCheck(settings),
		PortMappings:  &[]*awsecs.PortMapping{portMapping(settings)},
		Logging: awsecs.LogDriver_AwsLogs(&awsecs.AwsLogDriverProps{
			LogGroup:     logs,
			StreamPrefix: jsii.String(settings.Name),
			Mode:         awsecs.AwsLogDriverMode_NON_BLOCKING,
		}),
	}
	if !onFargate(settings) {
		container.MemoryReservationMiB = jsii.Number(settings.Memory)
	}
	if settings.GPUs > 0 {
		container.GpuCount = jsii.Number(settings.GPUs)
	}
	definition.AddContainer(jsii.String(settings.Name), container)
	// A deploy that changes the task definition replaces it. The revision before stays registered, since a rollout may
	// be put back to it, and ECS starts no deployment of a revision that is no longer active. It costs nothing.
	definition.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN)
	return definition
}

func onFargate(settings *config.Service) bool {
	return settings.Capacity == config.CapacityFargate || settings.Capacity == config.CapacityFargateSpot
}

// newDefinition makes the task definition without its container, for what its tasks run on. On instances, too, each task
// has a network interface of its own, so that load balancers and security groups are the same everywhere.
func newDefinition(stack awscdk.Stack, configuration *config.Configuration, settings *config.Service,
	execution awsiam.IRole,
) awsecs.TaskDefinition {
	family := jsii.String(configuration.ECS.Cluster + "-" + settings.Name)
	role := newTaskRole(stack, configuration, settings)
	platform := &awsecs.RuntimePlatform{
		CpuArchitecture:       cpuArchitecture(settings.Architecture),
		OperatingSystemFamily: awsecs.OperatingSystemFamily_LINUX(),
	}
	if onFargate(settings) {
		return awsecs.NewFargateTaskDefinition(stack, identifier(settings, "TaskDefinition"),
			&awsecs.FargateTaskDefinitionProps{
				Family:          family,
				Cpu:             jsii.Number(settings.CPU),
				MemoryLimitMiB:  jsii.Number(settings.Memory),
				RuntimePlatform: platform,
				ExecutionRole:   execution,
				TaskRole:        role,
			})
	}
	definition := awsecs.NewTaskDefinition(stack, identifier(settings, "TaskDefinition"), &awsecs.TaskDefinitionProps{
		Compatibility: awsecs.Compatibility_EC2,
		NetworkMode:   awsecs.NetworkMode_AWS_VPC,
		Family:        family,
		Cpu:           jsii.String(strconv.Itoa(settings.CPU)),
		MemoryMiB:     jsii.String(strconv.Itoa(settings.Memory)),
		ExecutionRole: execution,
		TaskRole:      role,
	})
	resource := definition.Node().DefaultChild().(awsecs.CfnTaskDefinition)
	// The CDK's own kind of definition takes no platform. With it a rollout refuses an image of another architecture before it
	// starts, and on managed instances ECS chooses the instance by it.
	resource.SetRuntimePlatform(&awsecs.CfnTaskDefinition_RuntimePlatformProperty{
		CpuArchitecture:       jsii.String(map[config.Architecture]string{config.ARM64: "ARM64", config.X8664: "X86_64"}[settings.Architecture]),
		OperatingSystemFamily: jsii.String("LINUX"),
	})
	if settings.Capacity == config.CapacityManagedInstances {
		// Nor do the CDK's definitions for these go with its services on instances.
		resource.SetRequiresCompatibilities(jsii.Strings("MANAGED_INSTANCES"))
	}
	return definition
}

func portMapping(settings *config.Service) *awsecs.PortMapping {
	mapping := &awsecs.PortMapping{ContainerPort: jsii.Number(settings.ContainerPort)}
	if settings.Connect {
		mapping.Name, mapping.AppProtocol = jsii.String(portName), awsecs.AppProtocol_Http()
	}
	return mapping
}

func cpuArchitecture(architecture config.Architecture) awsecs.CpuArchitecture {
	if architecture == config.X8664 {
		return awsecs.CpuArchitecture_X86_64()
	}
	return awsecs.CpuArchitecture_ARM64()
}

func environment(settings *config.Service) *map[string]*string {
	if len(settings.Environment) == 0 {
		return nil
	}
	variables := map[string]*string{}
	for _, name := range slices.Sorted(maps.Keys(settings.Environment)) {
		variables[name] = jsii.String(settings.Environment[name])
	}
	return &variables
}

func healthCheck(settings *config.Service) *awsecs.HealthCheck {
	if len(settings.HealthCommand) == 0 {
		return nil
	}
	return &awsecs.HealthCheck{
		Command:     jsii.Strings(settings.HealthCommand...),
		Interval:    awscdk.Duration_Seconds(jsii.Number(10)),
		Timeout:     awscdk.Duration_Seconds(jsii.Number(5)),
		Retries:     jsii.Number(3),
		StartPeriod: awscdk.Duration_Seconds(jsii.Number(30)),
	}
}

// tasksPrincipal is ECS starting tasks of this account and region, and of no other ("Confused deputy" in the ECS
// developer guide).
func tasksPrincipal(configuration *config.Configuration) awsiam.IPrincipal {
	return awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), &awsiam.ServicePrincipalOpts{
		Conditions: &map[string]any{
			"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account},
			"ArnLike":      map[string]string{"aws:SourceArn": foundation.ARN(configuration, "ecs", "*")},
		},
	})
}

// newExecutionRole makes the role by which ECS pulls the image, from the service's repository alone, and writes the
// container's log.
func newExecutionRole(stack awscdk.Stack, configuration *config.Configuration, settings *config.Service,
	logs awslogs.LogGroup,
) awsiam.IRole {
	repository := foundation.ARN(configuration, "ecr", "repository/"+settings.Repository)
	role := awsiam.NewRole(stack, identifier(settings, "ExecutionRole"), &awsiam.RoleProps{
		Path:        jsii.String(foundation.RolePath),
		Description: jsii.String("Lets ECS pull the image and write the log of the service " + settings.Name + "."),
		AssumedBy:   tasksPrincipal(configuration),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"execution": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{
				Statements: &[]awsiam.PolicyStatement{
					foundation.Allow("RegistryLogin", "*", "ecr:GetAuthorizationToken"),
					foundation.Allow("Pull", repository, "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage",
						"ecr:GetDownloadUrlForLayer"),
					foundation.Allow("Log", *logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents"),
				},
			}),
		},
	})
	return role.WithoutPolicyUpdates(nil)
}

// newTaskRole makes the role that the container itself has: none of AWS is open to it until somebody says what, but the
// channel of ECS Exec where that is on ("Using ECS Exec" in the ECS developer guide).
func newTaskRole(stack awscdk.Stack, configuration *config.Configuration, settings *config.Service) awsiam.IRole {
	props := &awsiam.RoleProps{
		Path:        jsii.String(foundation.RolePath),
		Description: jsii.String("What the containers of the service " + settings.Name + " may do in AWS."),
		AssumedBy:   tasksPrincipal(configuration),
	}
	if !settings.Exec {
		return awsiam.NewRole(stack, identifier(settings, "TaskRole"), props)
	}
	props.InlinePolicies = &map[string]awsiam.PolicyDocument{
		"exec": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			foundation.Allow("Exec", "*", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
				"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"),
		}}),
	}
	return awsiam.NewRole(stack, identifier(settings, "TaskRole"), props).WithoutPolicyUpdates(nil)
}
