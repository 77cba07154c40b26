package ecs

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
	"davit/shared/names"
)

// addHosts makes the Auto Scaling group of container hosts and its capacity provider.
//
// A stack with both is known to hang when it is deleted (aws-cdk #18179, #19275; containers-roadmap #2862): ECS protects the
// hosts from scale-in, does not take that back when the provider goes, and CloudFormation then waits for a group that
// cannot shrink. So hosts are protected only in an installation that retains its data, or where the configuration says so;
// everywhere ECS drains a host before it goes, by a hook of its own and no function. And each service depends on the
// association of its provider, so that it is gone, with its tasks, before the provider is taken from the cluster.
func addHosts(made *ECS, vpc awsec2.IVpc, configuration *config.Configuration) {
	hosts := configuration.ECS.Hosts
	group := awsec2.NewSecurityGroup(made.Stack, jsii.String("HostsSecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              vpc,
		Description:      jsii.String("Container hosts: tasks have security groups of their own."),
		AllowAllOutbound: jsii.Bool(true),
	})
	template := newLaunchTemplate(made, configuration, group)
	scaling := awsautoscaling.NewAutoScalingGroup(made.Stack, jsii.String("Hosts"), &awsautoscaling.AutoScalingGroupProps{
		Vpc:                              vpc,
		VpcSubnets:                       network.Subnets(configuration.Network.TaskTier()),
		LaunchTemplate:                   template,
		MinCapacity:                      jsii.Number(hosts.Minimum),
		MaxCapacity:                      jsii.Number(hosts.Maximum),
		NewInstancesProtectedFromScaleIn: hosts.TerminationProtection,
		DefaultInstanceWarmup:            awscdk.Duration_Seconds(jsii.Number(60)),
		// A deploy with a newer image replaces the hosts one by one, and does not set their number back.
		UpdatePolicy: awsautoscaling.UpdatePolicy_RollingUpdate(&awsautoscaling.RollingUpdateOptions{
			MaxBatchSize:          jsii.Number(1),
			MinInstancesInService: jsii.Number(min(hosts.Minimum, hosts.Maximum-1)),
		}),
		IgnoreUnmodifiedSizeProperties: jsii.Bool(true),
	})
	if hosts.Playbook != "" {
		awscdk.Tags_Of(scaling).Add(jsii.String(names.TagPlaybook), jsii.String(hosts.Playbook), nil)
	}
	protection := "DISABLED"
	if *hosts.TerminationProtection {
		protection = "ENABLED"
	}
	made.hosts = awsecs.NewCfnCapacityProvider(made.Stack, jsii.String("HostsProvider"), &awsecs.CfnCapacityProviderProps{
		Name: jsii.String(providerName(configuration, "hosts")),
		AutoScalingGroupProvider: &awsecs.CfnCapacityProvider_AutoScalingGroupProviderProperty{
			AutoScalingGroupArn: scaling.AutoScalingGroupName(),
			ManagedDraining:     jsii.String("ENABLED"),
			ManagedScaling: &awsecs.CfnCapacityProvider_ManagedScalingProperty{
				Status:                 jsii.String("ENABLED"),
				TargetCapacity:         jsii.Number(hosts.TargetPercent),
				MinimumScalingStepSize: jsii.Number(1),
				MaximumScalingStepSize: jsii.Number(10),
				InstanceWarmupPeriod:   jsii.Number(60),
			},
			ManagedTerminationProtection: jsii.String(protection),
		},
	})
}

// providerName is a capacity provider's name, which must not begin with ecs, aws or fargate.
func providerName(configuration *config.Configuration, kind string) string {
	return fmt.Sprintf("davit-%s-%s", configuration.ECS.Cluster, kind)
}

// newLaunchTemplate makes what a host is: the newest ECS-optimised Amazon Linux 2023 at the time of the deploy, reached by
// Session Manager alone. Tasks with network interfaces of their own do not reach the host's metadata service, nor does
// anything that is more than one hop away.
func newLaunchTemplate(made *ECS, configuration *config.Configuration, group awsec2.ISecurityGroup) awsec2.LaunchTemplate {
	hosts := configuration.ECS.Hosts
	hardware := awsecs.AmiHardwareType_ARM
	switch {
	case hosts.GPU():
		hardware = awsecs.AmiHardwareType_GPU
	case hosts.Architecture == config.X8664:
		hardware = awsecs.AmiHardwareType_STANDARD
	}
	data := awsec2.UserData_ForLinux(nil)
	data.AddCommands(
		jsii.String("echo ECS_CLUSTER="+configuration.ECS.Cluster+" >> /etc/ecs/ecs.config"),
		jsii.String("echo ECS_AWSVPC_BLOCK_IMDS=true >> /etc/ecs/ecs.config"),
		// What opts a host in opts it in as a container instance, too.
		jsii.String("echo ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM=ec2_instance >> /etc/ecs/ecs.config"),
		// Turning the protection off makes other hosts: those that were protected stay so for as long as they live.
		jsii.String(fmt.Sprintf("echo ECS_INSTANCE_ATTRIBUTES='{\"davit.protected\":\"%t\"}' >> /etc/ecs/ecs.config",
			*hosts.TerminationProtection)),
	)
	if hosts.GPU() {
		data.AddCommands(jsii.String("echo ECS_ENABLE_GPU_SUPPORT=true >> /etc/ecs/ecs.config"))
	}
	return awsec2.NewLaunchTemplate(made.Stack, jsii.String("HostsTemplate"), &awsec2.LaunchTemplateProps{
		MachineImage:            awsecs.EcsOptimizedImage_AmazonLinux2023(hardware, nil),
		InstanceType:            awsec2.NewInstanceType(jsii.String(hosts.InstanceType)),
		SecurityGroup:           group,
		Role:                    newHostRole(made, configuration),
		UserData:                data,
		RequireImdsv2:           jsii.Bool(true),
		HttpPutResponseHopLimit: jsii.Number(1),
		BlockDevices: &[]*awsec2.BlockDevice{{
			DeviceName: jsii.String("/dev/xvda"),
			Volume: awsec2.BlockDeviceVolume_Ebs(jsii.Number(hosts.RootGiB), &awsec2.EbsDeviceOptions{
				VolumeType: awsec2.EbsDeviceVolumeType_GP3, Encrypted: jsii.Bool(true), DeleteOnTermination: jsii.Bool(true),
			}),
		}},
	})
}

// newHostRole makes the role of the hosts: what the ECS agent calls, in this cluster, and Session Manager. Which action can
// be limited to which resource is from the Service Authorization Reference.
func newHostRole(made *ECS, configuration *config.Configuration) awsiam.IRole {
	cluster := configuration.ECS.Cluster
	inCluster := awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String("Report"),
		Actions: jsii.Strings("ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange",
			"ecs:SubmitTaskStateChange"),
		Resources: jsii.Strings(foundation.ARN(configuration, "ecs", "cluster/"+cluster)),
	})
	role := awsiam.NewRole(made.Stack, jsii.String("HostRole"), &awsiam.RoleProps{
		Description: jsii.String("What the container hosts of the cluster " + cluster + " may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("ec2.amazonaws.com"), nil),
		ManagedPolicies: &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String("AmazonSSMManagedInstanceCore")),
		},
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"agent": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
				// These take no resource.
				foundation.Allow("Discover", "*", "ecs:DiscoverPollEndpoint", "ec2:DescribeTags"),
				foundation.Allow("Join", foundation.ARN(configuration, "ecs", "cluster/"+cluster),
					"ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance"),
				awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
					Sid: jsii.String("TagItself"), Actions: jsii.Strings("ecs:TagResource"),
					Resources:  jsii.Strings(foundation.ARN(configuration, "ecs", "container-instance/"+cluster+"/*")),
					Conditions: &map[string]any{"StringEquals": map[string]string{"ecs:CreateAction": "RegisterContainerInstance"}},
				}),
				foundation.Allow("Work", foundation.ARN(configuration, "ecs", "container-instance/"+cluster+"/*"),
					"ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"),
				inCluster,
			}}),
		},
	})
	return role
}

// addManagedInstances makes the capacity provider whose instances ECS starts, patches and replaces by itself.
func addManagedInstances(made *ECS, vpc awsec2.IVpc, configuration *config.Configuration) {
	settings := configuration.ECS.ManagedInstances
	group := awsec2.NewSecurityGroup(made.Stack, jsii.String("ManagedSecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              vpc,
		Description:      jsii.String("Managed instances: tasks have security groups of their own."),
		AllowAllOutbound: jsii.Bool(true),
	})
	infrastructure := awsiam.NewRole(made.Stack, jsii.String("ManagedInfrastructureRole"), &awsiam.RoleProps{
		Description: jsii.String("Lets ECS start and end its managed instances."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("ecs.amazonaws.com"), nil),
		ManagedPolicies: &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String("AmazonECSInfrastructureRolePolicyForManagedInstances")),
		},
	})
	// The policy above lets ECS pass roles whose name begins like this, and no others.
	name := jsii.String("ecsInstanceRole-davit-" + configuration.ECS.Cluster)
	instance := awsiam.NewRole(made.Stack, jsii.String("ManagedInstanceRole"), &awsiam.RoleProps{
		RoleName:    name,
		Description: jsii.String("What managed instances may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("ec2.amazonaws.com"), nil),
		ManagedPolicies: &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String("AmazonECSInstanceRolePolicyForManagedInstances")),
		},
	})
	profile := awsiam.NewCfnInstanceProfile(made.Stack, jsii.String("ManagedProfile"), &awsiam.CfnInstanceProfileProps{
		InstanceProfileName: name, Roles: &[]any{instance.RoleName()},
	})
	subnets := vpc.SelectSubnets(network.Subnets(configuration.Network.TaskTier())).SubnetIds
	made.managed = awsecs.NewCfnCapacityProvider(made.Stack, jsii.String("ManagedProvider"), &awsecs.CfnCapacityProviderProps{
		Name:        jsii.String(providerName(configuration, "managed")),
		ClusterName: made.Cluster.ClusterName(),
		ManagedInstancesProvider: &awsecs.CfnCapacityProvider_ManagedInstancesProviderProperty{
			InfrastructureRoleArn: infrastructure.RoleArn(),
			PropagateTags:         jsii.String("CAPACITY_PROVIDER"),
			InstanceLaunchTemplate: &awsecs.CfnCapacityProvider_InstanceLaunchTemplateProperty{
				Ec2InstanceProfileArn: profile.AttrArn(),
				Monitoring:            jsii.String("BASIC"),
				NetworkConfiguration: &awsecs.CfnCapacityProvider_ManagedInstancesNetworkConfigurationProperty{
					Subnets: subnets, SecurityGroups: &[]*string{group.SecurityGroupId()},
				},
				StorageConfiguration: &awsecs.CfnCapacityProvider_ManagedInstancesStorageConfigurationProperty{
					StorageSizeGiB: jsii.Number(settings.StorageGiB),
				},
				InstanceRequirements: &awsecs.CfnCapacityProvider_InstanceRequirementsRequestProperty{
					AllowedInstanceTypes: instanceTypes(settings),
					AcceleratorCount:     withoutAccelerators(settings),
					VCpuCount: &awsecs.CfnCapacityProvider_VCpuCountRangeRequestProperty{
						Min: jsii.Number(settings.MinimumVCPUs), Max: jsii.Number(settings.MaximumVCPUs),
					},
					MemoryMiB: &awsecs.CfnCapacityProvider_MemoryMiBRequestProperty{
						Min: jsii.Number(settings.MinimumMemoryMiB), Max: jsii.Number(settings.MaximumMemoryMiB),
					},
				},
			},
		},
	})
}

// instanceTypes are the types that ECS may start; nil leaves it to the other requirements.
func instanceTypes(settings *config.ManagedInstances) *[]*string {
	if len(settings.InstanceTypes) == 0 {
		return nil
	}
	return jsii.Strings(settings.InstanceTypes...)
}

// withoutAccelerators leaves types with GPUs out, unless they are named.
func withoutAccelerators(settings *config.ManagedInstances) *awsecs.CfnCapacityProvider_AcceleratorCountRequestProperty {
	if len(settings.InstanceTypes) > 0 {
		return nil
	}
	return &awsecs.CfnCapacityProvider_AcceleratorCountRequestProperty{Max: jsii.Number(0)}
}

// associate gives the cluster its capacity providers. Services depend on it, and so go before it.
func associate(made *ECS) {
	providers := []any{"FARGATE", "FARGATE_SPOT"}
	for _, provider := range []awsecs.CfnCapacityProvider{made.hosts, made.managed} {
		if provider != nil {
			providers = append(providers, provider.Ref())
		}
	}
	made.association = awsecs.NewCfnClusterCapacityProviderAssociations(made.Stack, jsii.String("Capacity"),
		&awsecs.CfnClusterCapacityProviderAssociationsProps{
			Cluster:                         made.Cluster.ClusterName(),
			CapacityProviders:               &providers,
			DefaultCapacityProviderStrategy: []any{},
		})
}
