package ml

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
)

// images are the parameters with ECS's machine images, which are looked up when an instance starts.
var images = map[config.Accelerator]string{
	config.GPU:    "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id",
	config.Neuron: "/aws/service/ecs/optimized-ami/amazon-linux-2023/neuron/recommended/image_id",
}

// addCapacity makes an ECS cluster whose capacity providers start instances for tasks that ask for accelerators, and end
// them when there are none. A task names its provider, "davit-ml-NAME", in its capacity provider strategy.
func addCapacity(stack awscdk.Stack, vpc awsec2.IVpc, props *MLProps) {
	settings := props.Configuration.ML
	cluster := awsecs.NewCfnCluster(stack, jsii.String("Cluster"), &awsecs.CfnClusterProps{
		ClusterName: jsii.String(settings.Cluster),
		ClusterSettings: []*awsecs.CfnCluster_ClusterSettingsProperty{{
			Name: jsii.String("containerInsights"), Value: jsii.String("enabled"),
		}},
	})
	role := newInstanceRole(stack, props.Configuration)
	group := awsec2.NewSecurityGroup(stack, jsii.String("SecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc: vpc, Description: jsii.String("Instances with accelerators"), AllowAllOutbound: jsii.Bool(true),
	})
	providers := make([]any, 0, len(settings.Accelerators))
	for i := range settings.Accelerators {
		pool := &settings.Accelerators[i]
		scaling := newScalingGroup(stack, vpc, pool, cluster, role, group)
		providers = append(providers, newCapacityProvider(stack, pool, scaling).Ref())
		if pool.Kind() == config.GPU {
			addUtilisationAlarms(stack, props.Topic, utilisation{
				id: pool.Name, name: pool.Name, of: groupName(pool), idle: pool.IdlePercent, busy: pool.BusyPercent,
				metric: awscloudwatch.MetricProps{
					Namespace: jsii.String(MetricNamespace), MetricName: jsii.String("nvidia_smi_utilization_gpu"),
					DimensionsMap: &map[string]*string{"AutoScalingGroupName": jsii.String(groupName(pool))},
				},
			})
		}
	}
	// Deleted first, as the cluster keeps its providers for as long as they are associated.
	awsecs.NewCfnClusterCapacityProviderAssociations(stack, jsii.String("Providers"),
		&awsecs.CfnClusterCapacityProviderAssociationsProps{
			Cluster:                         cluster.Ref(),
			CapacityProviders:               &providers,
			DefaultCapacityProviderStrategy: []any{},
		})
}

// groupName is the name of a pool's Auto Scaling group and capacity provider.
func groupName(pool *config.Accelerators) string {
	return "davit-ml-" + pool.Name
}

// newScalingGroup makes the pool's instances. Their user data names the cluster by reference, so that the stack deletes
// the instances before the cluster, which does not go while it has any.
func newScalingGroup(stack awscdk.Stack, vpc awsec2.IVpc, pool *config.Accelerators, cluster awsecs.CfnCluster,
	role awsiam.IRole, group awsec2.ISecurityGroup,
) awsautoscaling.AutoScalingGroup {
	template := awsec2.NewLaunchTemplate(stack, jsii.String("Template-"+pool.Name), &awsec2.LaunchTemplateProps{
		MachineImage:  awsec2.MachineImage_ResolveSsmParameterAtLaunch(jsii.String(images[pool.Kind()]), nil),
		SecurityGroup: group,
		Role:          role,
		BlockDevices:  disk(pool.DiskGiB),
		RequireImdsv2: jsii.Bool(true),
		HttpTokens:    awsec2.LaunchTemplateHttpTokens_REQUIRED,
		// One hop: containers have their task's role, and not the instance's.
		HttpPutResponseHopLimit: jsii.Number(1),
		DetailedMonitoring:      jsii.Bool(true),
		UserData:                userData(pool, *cluster.Ref()),
	})
	awscdk.Validations_Of(template).Acknowledge(&awscdk.Acknowledgment{
		Id:     jsii.String("CloudFormation-Validate::E1152"),
		Reason: jsii.String("A launch template takes resolve:ssm: and a parameter's name; see ImageId in its API reference."),
	})
	overrides := make([]*awsautoscaling.LaunchTemplateOverrides, 0, len(pool.InstanceTypes))
	for _, name := range pool.InstanceTypes {
		overrides = append(overrides, &awsautoscaling.LaunchTemplateOverrides{
			InstanceType: awsec2.NewInstanceType(jsii.String(name)),
		})
	}
	onDemand := 100
	if pool.Spot {
		onDemand = 0
	}
	return awsautoscaling.NewAutoScalingGroup(stack, jsii.String("Instances-"+pool.Name),
		&awsautoscaling.AutoScalingGroupProps{
			AutoScalingGroupName: jsii.String(groupName(pool)),
			Vpc:                  vpc,
			VpcSubnets:           network.Subnets(config.Private),
			MinCapacity:          jsii.Number(pool.Minimum),
			MaxCapacity:          jsii.Number(pool.Maximum),
			CapacityRebalance:    jsii.Bool(pool.Spot),
			MixedInstancesPolicy: &awsautoscaling.MixedInstancesPolicy{
				LaunchTemplate:          template,
				LaunchTemplateOverrides: &overrides,
				InstancesDistribution: &awsautoscaling.InstancesDistribution{
					OnDemandPercentageAboveBaseCapacity: jsii.Number(onDemand),
					OnDemandAllocationStrategy:          awsautoscaling.OnDemandAllocationStrategy_PRIORITIZED,
					SpotAllocationStrategy:              awsautoscaling.SpotAllocationStrategy_PRICE_CAPACITY_OPTIMIZED,
				},
			},
		})
}

// newCapacityProvider has ECS choose the number of instances. Instances are drained before they end, and are not
// protected from ending: protection would have the deletion of the stack wait for instances that nobody may end.
func newCapacityProvider(stack awscdk.Stack, pool *config.Accelerators, scaling awsautoscaling.AutoScalingGroup,
) awsecs.CfnCapacityProvider {
	return awsecs.NewCfnCapacityProvider(stack, jsii.String("Provider-"+pool.Name), &awsecs.CfnCapacityProviderProps{
		Name: jsii.String(groupName(pool)),
		AutoScalingGroupProvider: &awsecs.CfnCapacityProvider_AutoScalingGroupProviderProperty{
			AutoScalingGroupArn:          scaling.AutoScalingGroupName(),
			ManagedDraining:              jsii.String("ENABLED"),
			ManagedTerminationProtection: jsii.String("DISABLED"),
			ManagedScaling: &awsecs.CfnCapacityProvider_ManagedScalingProperty{
				Status:                 jsii.String("ENABLED"),
				TargetCapacity:         jsii.Number(100),
				MinimumScalingStepSize: jsii.Number(1),
				MaximumScalingStepSize: jsii.Number(pool.Maximum),
				InstanceWarmupPeriod:   jsii.Number(300),
			},
		},
	})
}

// userData joins the instance to the cluster, and has the agent publish what its GPUs do.
func userData(pool *config.Accelerators, cluster string) awsec2.UserData {
	data := awsec2.UserData_ForLinux(nil)
	data.AddCommands(
		jsii.String("set -euo pipefail"),
		jsii.String(fmt.Sprintf("echo 'ECS_CLUSTER=%s' >> /etc/ecs/ecs.config", cluster)),
		jsii.String("echo 'ECS_ENABLE_SPOT_INSTANCE_DRAINING=true' >> /etc/ecs/ecs.config"),
		jsii.String("echo 'ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM=ec2_instance' >> /etc/ecs/ecs.config"),
	)
	if pool.Kind() != config.GPU {
		return data
	}
	data.AddCommands(
		jsii.String("echo 'ECS_ENABLE_GPU_SUPPORT=true' >> /etc/ecs/ecs.config"),
		jsii.String("dnf install -y -q amazon-cloudwatch-agent"),
		jsii.String("cat > /opt/aws/amazon-cloudwatch-agent/etc/davit.json <<'CONFIGURATION'\n"+agent()+"\nCONFIGURATION"),
		jsii.String("amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s "+
			"-c file:/opt/aws/amazon-cloudwatch-agent/etc/davit.json"),
	)
	return data
}

// agent is the configuration of the CloudWatch agent: the GPUs of the group as one, after "Collect NVIDIA GPU metrics"
// in the CloudWatch user guide.
func agent() string {
	document, err := json.MarshalIndent(map[string]any{"metrics": map[string]any{
		"namespace":              MetricNamespace,
		"append_dimensions":      map[string]string{"AutoScalingGroupName": "${aws:AutoScalingGroupName}"},
		"aggregation_dimensions": [][]string{{"AutoScalingGroupName"}},
		"metrics_collected": map[string]any{"nvidia_gpu": map[string]any{
			"measurement": []string{"utilization_gpu"}, "metrics_collection_interval": 60,
		}},
	}}, "", " ")
	if err != nil {
		panic(err) // What is written here can be encoded.
	}
	return string(document)
}

// newInstanceRole makes the role of ECS's agent on the instances of this cluster. It pulls no images: that is by the
// execution role of each task.
func newInstanceRole(stack awscdk.Stack, configuration *config.Configuration) awsiam.Role {
	name := configuration.ML.Cluster
	cluster := foundation.ARN(configuration, "ecs", "cluster/"+name)
	instances := foundation.ARN(configuration, "ecs", "container-instance/"+name+"/*")
	return awsiam.NewRole(stack, jsii.String("InstanceRole"), &awsiam.RoleProps{
		Description: jsii.String("What instances with accelerators may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("ec2.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"instance": foundation.Policy(
			foundation.AllowWhere("Cluster", []string{cluster}, nil, "ecs:RegisterContainerInstance", "ecs:DeregisterContainerInstance",
				"ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange"),
			foundation.AllowWhere("Itself", []string{instances}, nil, "ecs:Poll", "ecs:StartTelemetrySession", "ecs:PutSystemLogEvents",
				"ecs:TagResource", "ecs:UpdateContainerInstancesState"),
			foundation.AllowWhere("Endpoint", []string{"*"}, nil, "ecs:DiscoverPollEndpoint", "ec2:DescribeTags"),
			foundation.AllowWhere("Metrics", []string{"*"}, map[string]any{
				"StringEquals": map[string]string{"cloudwatch:namespace": MetricNamespace},
			}, "cloudwatch:PutMetricData"),
		)},
		ManagedPolicies: &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String("AmazonSSMManagedInstanceCore")),
		},
	})
}
