package chain

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdlm"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
)

// addSnapshots has Amazon Data Lifecycle Manager copy the volume by schedule and delete its own old copies.
func addSnapshots(stack awscdk.Stack, configuration *config.Configuration) {
	settings := configuration.Chain.Full
	copies := fmt.Sprintf("arn:%s:ec2:%s::snapshot/*", *awscdk.Aws_PARTITION(), configuration.Region)
	sources := foundation.ARN(configuration, "ec2", "volume/*")
	ours := map[string]any{"StringEquals": map[string]string{"aws:ResourceTag/" + snapshotTag: nodeName}}
	everything := []string{"*"}
	role := awsiam.NewRole(stack, jsii.String("SnapshotRole"), &awsiam.RoleProps{
		Description: jsii.String("Lets Data Lifecycle Manager copy the full node's volume, and delete its copies."),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("dlm.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account}},
		}),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"snapshots": foundation.Policy(
			// One that was restored is copied like the one that it was made of.
			foundation.AllowWhere("Copy", []string{sources}, ours, "ec2:CreateSnapshot"),
			foundation.AllowWhere("CopyTo", []string{copies}, nil, "ec2:CreateSnapshot"),
			foundation.AllowWhere("Tag", []string{copies}, map[string]any{
				"StringEquals": map[string]string{"ec2:CreateAction": "CreateSnapshot"},
			}, "ec2:CreateTags"),
			foundation.AllowWhere("Delete", []string{copies}, ours, "ec2:DeleteSnapshot"),
			foundation.AllowWhere("See", everything, nil, "ec2:DescribeSnapshots", "ec2:DescribeVolumes"),
		)},
	})
	awsdlm.NewCfnLifecyclePolicy(stack, jsii.String("Snapshots"), &awsdlm.CfnLifecyclePolicyProps{
		Description:      jsii.String("Copies of the data of the Ethereum full node"),
		State:            jsii.String("ENABLED"),
		ExecutionRoleArn: role.RoleArn(),
		PolicyDetails: &awsdlm.CfnLifecyclePolicy_PolicyDetailsProperty{
			PolicyType:    jsii.String("EBS_SNAPSHOT_MANAGEMENT"),
			ResourceTypes: jsii.Strings("VOLUME"),
			TargetTags:    []*awscdk.CfnTag{{Key: jsii.String(snapshotTag), Value: jsii.String(nodeName)}},
			Schedules: []*awsdlm.CfnLifecyclePolicy_ScheduleProperty{{
				Name:     jsii.String("by-interval"),
				CopyTags: jsii.Bool(true),
				CreateRule: &awsdlm.CfnLifecyclePolicy_CreateRuleProperty{
					Interval: jsii.Number(settings.SnapshotHours), IntervalUnit: jsii.String("HOURS"), Times: jsii.Strings("03:00"),
				},
				RetainRule: &awsdlm.CfnLifecyclePolicy_RetainRuleProperty{Count: jsii.Number(settings.SnapshotsKept)},
			}},
		},
	})
}
