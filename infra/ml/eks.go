package ml

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseksv2"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// device is what Kubernetes calls an accelerator, and which image of EKS has its driver.
type device struct {
	// resource is what a pod asks for, and the key of the taint that it must tolerate.
	resource string
	system   config.OperatingSystem
	image    awseksv2.NodegroupAmiType
	// metric is the utilisation that Container Insights publishes.
	metric string
}

// devices: the image for NVIDIA brings the device plugin. For Neuron an administrator of the cluster installs it, as the
// stack's output says.
var devices = map[config.Accelerator]device{
	config.GPU: {
		resource: "nvidia.com/gpu", system: config.Bottlerocket, metric: "node_gpu_utilization",
		image: awseksv2.NodegroupAmiType_BOTTLEROCKET_X86_64_NVIDIA,
	},
	config.Neuron: {
		resource: "aws.amazon.com/neuron", system: config.AmazonLinux, metric: "node_neuroncore_utilization",
		image: awseksv2.NodegroupAmiType_AL2023_X86_64_NEURON,
	},
}

// addNodeGroups makes a node group a pool, which pods reach that ask for the device and tolerate its taint.
func addNodeGroups(stack awscdk.Stack, props *MLProps) {
	settings := props.Configuration.ML
	limits := map[config.Accelerator]*config.Accelerators{}
	for i := range settings.Accelerators {
		pool := &settings.Accelerators[i]
		what := devices[pool.Kind()]
		props.Cluster.AddNodeGroup(stack, &config.NodeGroup{
			Name:            pool.Name,
			OperatingSystem: what.system,
			Architecture:    config.X8664,
			InstanceTypes:   pool.InstanceTypes,
			Spot:            pool.Spot,
			Minimum:         &pool.Minimum,
			Maximum:         pool.Maximum,
			DiskGiB:         pool.DiskGiB,
			Labels:          map[string]string{"davit/accelerator": string(pool.Kind())},
			Taints:          []config.Taint{{Key: what.resource, Value: "present", Effect: "NoSchedule"}},
		}, what.image)
		if limits[pool.Kind()] == nil {
			limits[pool.Kind()] = pool
		}
	}
	for _, kind := range []config.Accelerator{config.GPU, config.Neuron} {
		if pool := limits[kind]; pool != nil && *props.Configuration.EKS.ContainerInsights {
			addClusterAlarms(stack, props, kind, pool)
		}
	}
	if limits[config.Neuron] != nil {
		awscdk.NewCfnOutput(stack, jsii.String("NeuronDevicePlugin"), &awscdk.CfnOutputProps{
			Description: jsii.String("Makes Inferentia and Trainium known to Kubernetes, by an administrator of the cluster."),
			Value: jsii.String("helm upgrade --install neuron oci://public.ecr.aws/neuron/neuron-helm-chart --namespace kube-system " +
				"--set npd.enabled=false"),
		})
	}
}

// addClusterAlarms are for all nodes of the cluster with the device, as Container Insights has no dimension for a node
// group. The limits are those of the first pool.
func addClusterAlarms(stack awscdk.Stack, props *MLProps, kind config.Accelerator, pool *config.Accelerators) {
	cluster := props.Configuration.EKS.Cluster
	addUtilisationAlarms(stack, props.Topic, utilisation{
		id: string(kind), name: string(kind), of: "the cluster " + cluster, idle: pool.IdlePercent, busy: pool.BusyPercent,
		metric: awscloudwatch.MetricProps{
			Namespace: jsii.String("ContainerInsights"), MetricName: jsii.String(devices[kind].metric),
			DimensionsMap: &map[string]*string{"ClusterName": jsii.String(cluster)},
		},
	})
}
