// Package ml is the stack davit-ml: instances with GPUs or AWS's own accelerators, under ECS or under Kubernetes, and
// notebooks. Nothing of it runs, and nothing of it is paid for by the hour, until a task or a human asks.
package ml

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/eks"
	"davit/infra/foundation"
	"davit/infra/network"
)

// MetricNamespace is of what the CloudWatch agent of ECS instances publishes.
const MetricNamespace = "davit/ml"

// MLProps are the properties of the stack.
type MLProps struct {
	// Configuration is the installation, with Configuration.ML and Configuration.Network.
	Configuration *config.Configuration
	// Network is where the instances are.
	Network *network.Network
	// Cluster is the Kubernetes cluster that gets the node groups, where ML.Platform says so.
	Cluster *eks.EKS
	// Buckets are the installation's buckets by their name in the configuration.
	Buckets map[string]awss3.Bucket
	// Topic is told of alarms, if there is one.
	Topic awssns.ITopic
}

// ML is the stack.
type ML struct {
	Stack awscdk.Stack
}

// NewML makes the stack.
func NewML(scope constructs.Construct, id *string, props *MLProps) *ML {
	settings := props.Configuration.ML
	stack := awscdk.NewStack(scope, id, foundation.StackProps(props.Configuration,
		"davit: instances with accelerators, and notebooks"))
	vpc := props.Network.VPC(stack)
	if len(settings.Accelerators) > 0 && settings.Platform == config.PlatformEKS {
		addNodeGroups(stack, props)
	}
	if len(settings.Accelerators) > 0 && settings.Platform == config.PlatformECS {
		addCapacity(stack, vpc, props)
	}
	if len(settings.Notebooks) > 0 {
		addNotebooks(stack, vpc, props)
	}
	return &ML{Stack: stack}
}

// utilisation is how much accelerators do, and what is too little and too much of it.
type utilisation struct {
	// id is of the constructs, and name of the alarms.
	id, name string
	// of says of which instances, in the alarms' descriptions.
	of     string
	metric awscloudwatch.MetricProps
	// idle and busy are percentages.
	idle, busy int
}

// addUtilisationAlarms tell of accelerators that are paid for and not used, and of those that are too few.
func addUtilisationAlarms(stack awscdk.Stack, topic awssns.ITopic, of utilisation) {
	of.metric.Statistic, of.metric.Period = jsii.String("Average"), awscdk.Duration_Minutes(jsii.Number(5))
	metric := awscloudwatch.NewMetric(&of.metric)
	foundation.AddAlarm(stack, topic, of.id+"IdleAlarm", &awscloudwatch.AlarmProps{
		AlarmName: jsii.String("davit-ml-" + of.name + "-idle"),
		AlarmDescription: jsii.String("The accelerators of " + of.of + " have done next to nothing for an hour, and are paid for. " +
			"Stop what holds them, or lower minimum."),
		Metric:             metric,
		Threshold:          jsii.Number(of.idle),
		EvaluationPeriods:  jsii.Number(12),
		ComparisonOperator: awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	foundation.AddAlarm(stack, topic, of.id+"BusyAlarm", &awscloudwatch.AlarmProps{
		AlarmName: jsii.String("davit-ml-" + of.name + "-busy"),
		AlarmDescription: jsii.String("The accelerators of " + of.of + " have been busy for half an hour: work waits for them. Raise " +
			"maximum, or the number of tasks."),
		Metric:             metric,
		Threshold:          jsii.Number(of.busy),
		EvaluationPeriods:  jsii.Number(6),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}

// disk is an instance's encrypted root disk.
func disk(gib int) *[]*awsec2.BlockDevice {
	return &[]*awsec2.BlockDevice{{
		DeviceName: jsii.String("/dev/xvda"),
		Volume: awsec2.BlockDeviceVolume_Ebs(jsii.Number(gib), &awsec2.EbsDeviceOptions{
			VolumeType: awsec2.EbsDeviceVolumeType_GP3, Encrypted: jsii.Bool(true), DeleteOnTermination: jsii.Bool(true),
		}),
	}}
}
