package eks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseksv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// addCompute makes what the pods run on; Auto Mode is of the cluster itself.
func addCompute(made *EKS, configuration *config.Configuration) {
	settings := configuration.EKS
	switch settings.Compute {
	case config.ComputeNodes:
		made.NodeRole = newNodeRole(made)
		for i := range settings.Nodes {
			group := &settings.Nodes[i]
			made.AddNodeGroup(made.Stack, group, amiType(group))
		}
	case config.ComputeFargate:
		role := newPodExecutionRole(made, configuration)
		for _, profile := range settings.Fargate {
			addFargateProfile(made, profile, role)
		}
	}
}

// AddNodeGroup makes a managed node group of the cluster in the scope, which may be another stack's. Its nodes have no
// way in but SSM's, and none of their pods reaches their credentials.
func (e *EKS) AddNodeGroup(scope constructs.Construct, settings *config.NodeGroup, ami awseksv2.NodegroupAmiType,
) awseksv2.Nodegroup {
	template := awsec2.NewLaunchTemplate(scope, jsii.String("LaunchTemplate-"+settings.Name), &awsec2.LaunchTemplateProps{
		BlockDevices:            blockDevices(settings),
		RequireImdsv2:           jsii.Bool(true),
		HttpPutResponseHopLimit: jsii.Number(1),
		HttpTokens:              awsec2.LaunchTemplateHttpTokens_REQUIRED,
		DetailedMonitoring:      jsii.Bool(false),
	})
	types := make([]awsec2.InstanceType, 0, len(settings.InstanceTypes))
	for _, name := range settings.InstanceTypes {
		types = append(types, awsec2.NewInstanceType(jsii.String(name)))
	}
	capacity := awseksv2.CapacityType_ON_DEMAND
	if settings.Spot {
		capacity = awseksv2.CapacityType_SPOT
	}
	// Not by a method of the cluster: for Neuron that applies a manifest, by a function with the run of the cluster.
	group := awseksv2.NewNodegroup(scope, jsii.String("Nodes-"+settings.Name), &awseksv2.NodegroupProps{
		Cluster:       e.Cluster,
		NodegroupName: jsii.String(settings.Name),
		NodeRole:      e.NodeRole,
		AmiType:       ami,
		InstanceTypes: &types,
		CapacityType:  capacity,
		Subnets:       e.Subnets,
		MinSize:       jsii.Number(*settings.Minimum),
		DesiredSize:   jsii.Number(*settings.Minimum),
		MaxSize:       jsii.Number(settings.Maximum),
		Labels:        labels(settings),
		Taints:        taints(settings),
		// A node that is not ready again within half an hour is replaced.
		EnableNodeAutoRepair:     jsii.Bool(true),
		MaxUnavailablePercentage: jsii.Number(33),
		// A version that cannot drain a node for a pod disruption budget stops, and does not delete the pod.
		ForceUpdate: jsii.Bool(false),
		LaunchTemplateSpec: &awseksv2.LaunchTemplateSpec{
			Id:      template.LaunchTemplateId(),
			Version: template.LatestVersionNumber(),
		},
	})
	group.Node().AddDependency(e.joined...)
	return group
}

// amiType is EKS's image for the group.
func amiType(settings *config.NodeGroup) awseksv2.NodegroupAmiType {
	switch {
	case settings.OperatingSystem == config.Bottlerocket && settings.Architecture == config.ARM64:
		return awseksv2.NodegroupAmiType_BOTTLEROCKET_ARM_64
	case settings.OperatingSystem == config.Bottlerocket:
		return awseksv2.NodegroupAmiType_BOTTLEROCKET_X86_64
	case settings.Architecture == config.ARM64:
		return awseksv2.NodegroupAmiType_AL2023_ARM_64_STANDARD
	}
	return awseksv2.NodegroupAmiType_AL2023_X86_64_STANDARD
}

// blockDevices are the node's disks. Bottlerocket keeps itself on the first and images and containers on the second.
func blockDevices(settings *config.NodeGroup) *[]*awsec2.BlockDevice {
	disk := func(name string, gib int) *awsec2.BlockDevice {
		return &awsec2.BlockDevice{
			DeviceName: jsii.String(name),
			Volume: awsec2.BlockDeviceVolume_Ebs(jsii.Number(gib), &awsec2.EbsDeviceOptions{
				VolumeType: awsec2.EbsDeviceVolumeType_GP3, Encrypted: jsii.Bool(true), DeleteOnTermination: jsii.Bool(true),
			}),
		}
	}
	if settings.OperatingSystem == config.Bottlerocket {
		return &[]*awsec2.BlockDevice{disk("/dev/xvda", 4), disk("/dev/xvdb", settings.DiskGiB)}
	}
	return &[]*awsec2.BlockDevice{disk("/dev/xvda", settings.DiskGiB)}
}

func labels(settings *config.NodeGroup) *map[string]*string {
	if len(settings.Labels) == 0 {
		return nil
	}
	translated := map[string]*string{}
	for key, value := range settings.Labels {
		translated[key] = jsii.String(value)
	}
	return &translated
}

func taints(settings *config.NodeGroup) *[]*awseksv2.TaintSpec {
	effects := map[string]awseksv2.TaintEffect{
		"NoSchedule":       awseksv2.TaintEffect_NO_SCHEDULE,
		"PreferNoSchedule": awseksv2.TaintEffect_PREFER_NO_SCHEDULE,
		"NoExecute":        awseksv2.TaintEffect_NO_EXECUTE,
	}
	var translated []*awseksv2.TaintSpec
	for _, taint := range settings.Taints {
		translated = append(translated, &awseksv2.TaintSpec{
			Key: jsii.String(taint.Key), Value: jsii.String(taint.Value), Effect: effects[taint.Effect],
		})
	}
	if translated == nil {
		return nil
	}
	return &translated
}

// newNodeRole makes the role of the nodes: joining the cluster, pulling images, SSM instead of SSH. What the network
// plugin may do is the plugin's own, by Pod Identity.
func newNodeRole(made *EKS) awsiam.Role {
	return awsiam.NewRole(made.Stack, jsii.String("NodeRole"), &awsiam.RoleProps{
		Description: jsii.String("What the nodes of the cluster may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("ec2.amazonaws.com"), nil),
		ManagedPolicies: managed("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly",
			"AmazonSSMManagedInstanceCore"),
	})
}

func newPodExecutionRole(made *EKS, configuration *config.Configuration) awsiam.Role {
	return awsiam.NewRole(made.Stack, jsii.String("PodExecutionRole"), &awsiam.RoleProps{
		Description: jsii.String("Lets Fargate pull the images of pods and join them to the cluster."),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("eks-fargate-pods.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account}},
		}),
		ManagedPolicies: managed("AmazonEKSFargatePodExecutionRolePolicy"),
	})
}

func addFargateProfile(made *EKS, settings config.FargateProfile, role awsiam.IRole) {
	selectors := make([]*awseksv2.Selector, 0, len(settings.Namespaces))
	for _, namespace := range settings.Namespaces {
		selectors = append(selectors, &awseksv2.Selector{Namespace: jsii.String(namespace)})
	}
	profile := awseksv2.NewFargateProfile(made.Stack, jsii.String("Fargate-"+settings.Name),
		&awseksv2.FargateProfileProps{
			Cluster:            made.Cluster,
			FargateProfileName: jsii.String(settings.Name),
			PodExecutionRole:   role,
			Vpc:                made.Cluster.Vpc(),
			SubnetSelection:    made.Subnets,
			Selectors:          &selectors,
		})
	made.joined = append(made.joined, profile)
}
