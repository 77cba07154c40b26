package chain

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
	"davit/shared/names"
)

const (
	// FullNodeGroup is the name of the Auto Scaling group, and the dimension of the node's metrics.
	FullNodeGroup = "davit-chain-full"
	// MetricNamespace is of what the CloudWatch agent of the node publishes.
	MetricNamespace = "davit/chain"
	// FullNodeName is the full node's name in the VPC.
	FullNodeName = "ethereum." + zoneName

	zoneName = "chain.davit.internal"
	// diskFull is from how much use of its disk a node should get a larger one: it grows by some 2 % a month.
	diskFull = 85
)

// setup is the script that an instance runs when it starts for the first time.
//
//go:embed node.sh
var setup string

// FullNode is an Ethereum full node. What calls it takes Clients and asks FullNodeName.
type FullNode struct {
	// Clients is the group of those that may call it, on ExecutionPort and ConsensusPort.
	Clients awsec2.SecurityGroup
	// Volume has the chain's data.
	Volume awsec2.Volume
	// Log is the log group of the clients, in the streams "execution" and "consensus".
	Log awslogs.LogGroup
}

// newFullNode makes one instance in a group of one, so that AWS replaces it when its host fails. What must stay when an
// instance goes is not its own: the volume, which the next one takes over, and the name, which it moves to itself.
func newFullNode(stack awscdk.Stack, vpc awsec2.IVpc, props *ChainProps) *FullNode {
	configuration, settings := props.Configuration, props.Configuration.Chain.Full
	made := &FullNode{
		Log: foundation.NewLogGroup(stack, jsii.String("FullNodeLog"), configuration,
			"/davit/chain/full", settings.LogDays),
		Clients: awsec2.NewSecurityGroup(stack, jsii.String("FullNodeClients"), &awsec2.SecurityGroupProps{
			Vpc: vpc, Description: jsii.String("Calls the Ethereum full node"), AllowAllOutbound: jsii.Bool(true),
		}),
		Volume: newDataVolume(stack, settings),
	}
	group := newNodeSecurityGroup(stack, vpc, made.Clients, props.Cluster)
	zone := awsroute53.NewPrivateHostedZone(stack, jsii.String("Zone"), &awsroute53.PrivateHostedZoneProps{
		ZoneName: jsii.String(zoneName), Vpc: vpc, Comment: jsii.String("Where the full node is."),
	})
	template := awsec2.NewLaunchTemplate(stack, jsii.String("FullNodeTemplate"), &awsec2.LaunchTemplateProps{
		InstanceType:            awsec2.NewInstanceType(jsii.String(settings.InstanceType)),
		MachineImage:            machineImage(settings.Architecture),
		SecurityGroup:           group,
		Role:                    newNodeRole(stack, configuration, made, zone),
		RequireImdsv2:           jsii.Bool(true),
		HttpTokens:              awsec2.LaunchTemplateHttpTokens_REQUIRED,
		HttpPutResponseHopLimit: jsii.Number(1),
		DetailedMonitoring:      jsii.Bool(true),
		UserData:                userData(configuration, made, zone),
		BlockDevices: &[]*awsec2.BlockDevice{{
			DeviceName: jsii.String("/dev/xvda"),
			Volume: awsec2.BlockDeviceVolume_Ebs(jsii.Number(30), &awsec2.EbsDeviceOptions{
				VolumeType: awsec2.EbsDeviceVolumeType_GP3, Encrypted: jsii.Bool(true),
			}),
		}},
	})
	awscdk.Validations_Of(template).Acknowledge(&awscdk.Acknowledgment{
		Id:     jsii.String("CloudFormation-Validate::E1152"),
		Reason: jsii.String("A launch template takes resolve:ssm: and a parameter's name; see ImageId in its API reference."),
	})
	scaling := awsautoscaling.NewAutoScalingGroup(stack, jsii.String("FullNode"), &awsautoscaling.AutoScalingGroupProps{
		AutoScalingGroupName: jsii.String(FullNodeGroup),
		Vpc:                  vpc,
		VpcSubnets: &awsec2.SubnetSelection{
			SubnetType:        network.Subnets(config.Private).SubnetType,
			AvailabilityZones: jsii.Strings(settings.Zone),
		},
		LaunchTemplate: template,
		MinCapacity:    jsii.Number(1),
		MaxCapacity:    jsii.Number(1),
		// The old instance goes first, since both cannot have the volume.
		UpdatePolicy: awsautoscaling.UpdatePolicy_RollingUpdate(&awsautoscaling.RollingUpdateOptions{
			MaxBatchSize: jsii.Number(1), MinInstancesInService: jsii.Number(0),
		}),
		GroupMetrics: &[]awsautoscaling.GroupMetrics{awsautoscaling.NewGroupMetrics(
			awsautoscaling.GroupMetric_IN_SERVICE_INSTANCES())},
	})
	tagNode(scaling, settings)
	addDocuments(stack)
	addSnapshots(stack, configuration)
	addNodeAlarms(stack, props)
	awscdk.NewCfnOutput(stack, jsii.String("FullNodeAddress"), &awscdk.CfnOutputProps{
		Description: jsii.String("The full node's JSON-RPC, for who is in its clients' security group."),
		Value:       jsii.String(fmt.Sprintf("http://%s:%d", FullNodeName, ExecutionPort)),
	})
	return made
}

// nodeName is the node's name in the tag names.TagChainNode of its group, its instance, its volume and the copies of it:
// an instance takes the newest volume that has it. snapshotTag is on what is copied.
const (
	nodeName    = "full"
	snapshotTag = "davit/chain-snapshot"
)

// tagNode tags the group, and so its instance.
func tagNode(scaling awsautoscaling.AutoScalingGroup, settings *config.FullNode) {
	tags := awscdk.Tags_Of(scaling)
	tags.Add(jsii.String(names.TagChainNode), jsii.String(nodeName), nil)
	if settings.Playbook != "" {
		tags.Add(jsii.String(names.TagPlaybook), jsii.String(settings.Playbook), nil)
	}
	if settings.VolumeLimitGiB != 0 {
		tags.Add(jsii.String(names.TagVolumeLimit), jsii.String(fmt.Sprint(settings.VolumeLimitGiB)), nil)
	}
}

// addDocuments makes all that may be run on the node from outside: to restart its clients, and to have the file system
// use a volume that has grown, which takes EBS a while.
func addDocuments(stack awscdk.Stack) {
	for _, document := range []struct {
		id, name, description string
		commands              []string
	}{
		{"RestartClient", names.RestartClientDocument, "Restarts the clients of the full node.",
			[]string{"set -eu", "systemctl restart execution", "systemctl restart consensus"}},
		{"GrowFileSystem", names.GrowFileSystemDocument, "Has the file system of the full node's data use all of its volume.",
			[]string{"set -eu", "for _ in $(seq 30); do", "  xfs_growfs /data", "  sleep 10", "done"}},
	} {
		awsssm.NewCfnDocument(stack, jsii.String(document.id), &awsssm.CfnDocumentProps{
			Name:           jsii.String(document.name),
			DocumentType:   jsii.String("Command"),
			DocumentFormat: jsii.String("JSON"),
			UpdateMethod:   jsii.String("NewVersion"),
			TargetType:     jsii.String("/AWS::EC2::Instance"),
			Content: map[string]any{
				"schemaVersion": "2.2",
				"description":   document.description,
				"mainSteps": []any{map[string]any{
					"action": "aws:runShellScript", "name": "run",
					"inputs": map[string]any{"runCommand": document.commands, "timeoutSeconds": "900"},
				}},
			},
		})
	}
}

// machineImage is Amazon Linux 2023 as it is when an instance starts: a deploy does not replace the node for a newer
// image, and a replaced node has it.
func machineImage(architecture config.Architecture) awsec2.IMachineImage {
	name := map[config.Architecture]string{config.ARM64: "arm64", config.X8664: "x86_64"}[architecture]
	return awsec2.MachineImage_ResolveSsmParameterAtLaunch(
		jsii.String("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"+name), nil)
}

// newDataVolume makes the volume, which stays whatever becomes of the stack: to fill it takes days.
func newDataVolume(stack awscdk.Stack, settings *config.FullNode) awsec2.Volume {
	volume := awsec2.NewVolume(stack, jsii.String("Data"), &awsec2.VolumeProps{
		VolumeName:       jsii.String("davit-chain-data"),
		AvailabilityZone: jsii.String(settings.Zone),
		Size:             awscdk.Size_Gibibytes(jsii.Number(settings.VolumeGiB)),
		VolumeType:       awsec2.EbsDeviceVolumeType_GP3,
		Iops:             jsii.Number(settings.VolumeIOPS),
		Throughput:       jsii.Number(settings.VolumeThroughput),
		Encrypted:        jsii.Bool(true),
		RemovalPolicy:    awscdk.RemovalPolicy_RETAIN,
	})
	awscdk.Tags_Of(volume).Add(jsii.String(snapshotTag), jsii.String(nodeName), nil)
	awscdk.Tags_Of(volume).Add(jsii.String(names.TagChainNode), jsii.String(nodeName), nil)
	return volume
}

// newNodeSecurityGroup lets in the node's clients and nobody else. It finds its peers by its own calls, as behind NAT
// nobody else can.
func newNodeSecurityGroup(stack awscdk.Stack, vpc awsec2.IVpc, clients awsec2.SecurityGroup, cluster awsec2.ISecurityGroup,
) awsec2.SecurityGroup {
	group := awsec2.NewSecurityGroup(stack, jsii.String("FullNodeSecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc: vpc, Description: jsii.String("The Ethereum full node"), AllowAllOutbound: jsii.Bool(true),
	})
	callers := []awsec2.ISecurityGroup{clients}
	if cluster != nil {
		callers = append(callers, cluster)
	}
	for _, caller := range callers {
		group.AddIngressRule(caller, awsec2.Port_Tcp(jsii.Number(ExecutionPort)), jsii.String("JSON-RPC"), nil)
		group.AddIngressRule(caller, awsec2.Port_Tcp(jsii.Number(ConsensusPort)), jsii.String("Beacon API"), nil)
	}
	return group
}

// newNodeRole makes the instance's role: its volume, its name, its log and metrics, and SSM instead of SSH.
func newNodeRole(stack awscdk.Stack, configuration *config.Configuration, made *FullNode, zone awsroute53.IHostedZone,
) awsiam.Role {
	volumes := foundation.ARN(configuration, "ec2", "volume/*")
	instances := foundation.ARN(configuration, "ec2", "instance/*")
	everything := []string{"*"}
	statements := []awsiam.PolicyStatement{
		foundation.AllowWhere("TakeVolume", []string{volumes, instances}, map[string]any{
			"StringEquals": map[string]string{"aws:ResourceTag/" + names.TagChainNode: nodeName},
		}, "ec2:AttachVolume"),
		foundation.AllowWhere("SeeVolumes", everything, nil, "ec2:DescribeVolumes"),
		foundation.AllowWhere("TakeName", []string{*zone.HostedZoneArn()}, map[string]any{
			"ForAllValues:StringEquals": map[string][]string{
				"route53:ChangeResourceRecordSetsNormalizedRecordNames": {FullNodeName},
				"route53:ChangeResourceRecordSetsRecordTypes":           {"A"},
			},
		}, "route53:ChangeResourceRecordSets"),
		foundation.AllowWhere("Log", []string{*made.Log.LogGroupArn()}, nil, "logs:CreateLogStream", "logs:PutLogEvents"),
		foundation.AllowWhere("Metrics", everything, foundation.Conditions{
			"StringEquals": map[string]string{"cloudwatch:namespace": MetricNamespace},
		}, "cloudwatch:PutMetricData"),
		foundation.AllowWhere("SeeItself", everything, nil, "ec2:DescribeTags"),
	}
	return awsiam.NewRole(stack, jsii.String("FullNodeRole"), &awsiam.RoleProps{
		Description:    jsii.String("What the Ethereum full node may do."),
		AssumedBy:      awsiam.NewServicePrincipal(jsii.String("ec2.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"node": foundation.Policy(statements...)},
		ManagedPolicies: &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String("AmazonSSMManagedInstanceCore")),
		},
	})
}

// userData is the script with what it must know.
func userData(configuration *config.Configuration, made *FullNode, zone awsroute53.IHostedZone) awsec2.UserData {
	settings := configuration.Chain.Full
	data := awsec2.UserData_ForLinux(nil)
	for _, pair := range [][2]string{
		{"REGION", configuration.Region},
		{"NODE_TAG", names.TagChainNode},
		{"NODE", nodeName},
		{"ZONE", *zone.HostedZoneId()},
		{"NAME", FullNodeName},
		{"LOG_GROUP", *made.Log.LogGroupName()},
		{"NETWORK", string(configuration.Chain.Network)},
		{"EXECUTION_IMAGE", settings.ExecutionImage},
		{"CONSENSUS_IMAGE", settings.ConsensusImage},
		{"CHECKPOINT_URL", settings.CheckpointURL},
		{"METRIC_NAMESPACE", MetricNamespace},
	} {
		data.AddCommands(jsii.String(fmt.Sprintf("export %s='%s'", pair[0], pair[1])))
	}
	data.AddCommands(jsii.String(strings.TrimPrefix(setup, "#!/bin/bash\n")))
	return data
}

// addNodeAlarms tell of what the instance and its disk do; whether it follows the chain is the node watch's to say.
func addNodeAlarms(stack awscdk.Stack, props *ChainProps) {
	byGroup := &map[string]*string{"AutoScalingGroupName": jsii.String(FullNodeGroup)}
	metric := func(namespace, name, statistic string) awscloudwatch.Metric {
		return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace: jsii.String(namespace), MetricName: jsii.String(name), DimensionsMap: byGroup,
			Statistic: jsii.String(statistic), Period: awscdk.Duration_Minutes(jsii.Number(5)),
		})
	}
	foundation.AddAlarm(stack, props.Topic, "DiskAlarm", &awscloudwatch.AlarmProps{
		AlarmName: jsii.String("davit-chain-full-disk"),
		AlarmDescription: jsii.String("The full node's volume is nearly full. Raise chain.full.volumeGiB, deploy, and grow the " +
			"file system: xfs_growfs /data."),
		Metric:             metric(MetricNamespace, "disk_used_percent", "Maximum"),
		Threshold:          jsii.Number(diskFull),
		EvaluationPeriods:  jsii.Number(3),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		// A node that does not say how full its disk is has other troubles, of which the next alarm tells.
		TreatMissingData: awscloudwatch.TreatMissingData_MISSING,
	})
	foundation.AddAlarm(stack, props.Topic, "InstanceAlarm", &awscloudwatch.AlarmProps{
		AlarmName:          jsii.String("davit-chain-full-instance"),
		AlarmDescription:   jsii.String("There is no full node in service. The group's activity history says why."),
		Metric:             metric("AWS/AutoScaling", "GroupInServiceInstances", "Minimum"),
		Threshold:          jsii.Number(1),
		EvaluationPeriods:  jsii.Number(3),
		ComparisonOperator: awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_BREACHING,
	})
	foundation.AddAlarm(stack, props.Topic, "StatusAlarm", &awscloudwatch.AlarmProps{
		AlarmName:          jsii.String("davit-chain-full-status"),
		AlarmDescription:   jsii.String("The full node's instance fails its status checks; the group replaces it."),
		Metric:             metric("AWS/EC2", "StatusCheckFailed", "Maximum"),
		Threshold:          jsii.Number(0),
		EvaluationPeriods:  jsii.Number(2),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}
