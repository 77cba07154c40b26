package ml

import (
	_ "embed"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssagemaker"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
)

// idle is the program that stops a notebook in which nothing happens.
//
//go:embed idle.py
var idle string

// addNotebooks makes the notebooks, all under one key and in one security group that lets nobody in: a notebook is
// opened through SageMaker, with its user's own credentials.
func addNotebooks(stack awscdk.Stack, vpc awsec2.IVpc, props *MLProps) {
	configuration := props.Configuration
	key := awskms.NewKey(stack, jsii.String("NotebookKey"), &awskms.KeyProps{
		Description:       jsii.String("Volumes of notebooks"),
		Alias:             jsii.String("alias/davit/ml/notebooks"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     foundation.RemovalPolicy(configuration.Removal),
	})
	group := awsec2.NewSecurityGroup(stack, jsii.String("NotebookSecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc: vpc, Description: jsii.String("Notebooks"), AllowAllOutbound: jsii.Bool(true),
	})
	subnet := (*vpc.SelectSubnets(network.Subnets(configuration.Network.PodTier())).SubnetIds)[0]
	for i := range configuration.ML.Notebooks {
		settings := &configuration.ML.Notebooks[i]
		stop := awssagemaker.NewCfnNotebookInstanceLifecycleConfig(stack, jsii.String("Stop-"+settings.Name),
			&awssagemaker.CfnNotebookInstanceLifecycleConfigProps{
				NotebookInstanceLifecycleConfigName: jsii.String("davit-" + settings.Name),
				OnStart: []*awssagemaker.CfnNotebookInstanceLifecycleConfig_NotebookInstanceLifecycleHookProperty{{
					Content: awscdk.Fn_Base64(jsii.String(onStart(settings))),
				}},
			})
		notebook := awssagemaker.NewCfnNotebookInstance(stack, jsii.String("Notebook-"+settings.Name),
			&awssagemaker.CfnNotebookInstanceProps{
				NotebookInstanceName: jsii.String(settings.Name),
				InstanceType:         jsii.String(settings.InstanceType),
				VolumeSizeInGb:       jsii.Number(settings.DiskGiB),
				KmsKeyId:             key.KeyArn(),
				RoleArn:              newNotebookRole(stack, props, settings).RoleArn(),
				SubnetId:             subnet,
				SecurityGroupIds:     &[]*string{group.SecurityGroupId()},
				DirectInternetAccess: jsii.String("Disabled"),
				RootAccess:           jsii.String("Disabled"),
				LifecycleConfigName:  stop.AttrNotebookInstanceLifecycleConfigName(),
				PlatformIdentifier:   jsii.String("notebook-al2023-v1"),
				InstanceMetadataServiceConfiguration: &awssagemaker.CfnNotebookInstance_InstanceMetadataServiceConfigurationProperty{
					MinimumInstanceMetadataServiceVersion: jsii.String("2"),
				},
			})
		notebook.ApplyRemovalPolicy(foundation.RemovalPolicy(configuration.Removal), nil)
	}
}

// onStart runs as root whenever the notebook starts: it has the program look every five minutes.
func onStart(settings *config.Notebook) string {
	return fmt.Sprintf(`#!/bin/bash
set -euo pipefail
cat > /usr/local/bin/davit-idle.py <<'PROGRAM'
%sPROGRAM
echo '*/5 * * * * root /usr/bin/python3 /usr/local/bin/davit-idle.py --minutes %d 2>&1 | logger -t davit-idle' > /etc/cron.d/davit-idle
`, idle, settings.IdleMinutes)
}

// newNotebookRole makes a notebook's role: its own log, its buckets, and stopping itself.
func newNotebookRole(stack awscdk.Stack, props *MLProps, settings *config.Notebook) awsiam.Role {
	configuration := props.Configuration
	statements := []awsiam.PolicyStatement{
		foundation.AllowWhere("StopItself", []string{foundation.ARN(configuration, "sagemaker", "notebook-instance/"+settings.Name)}, nil,
			"sagemaker:StopNotebookInstance"),
		foundation.AllowWhere("Log", []string{foundation.ARN(configuration, "logs", "log-group:/aws/sagemaker/NotebookInstances:*")}, nil,
			"logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
	}
	for _, name := range settings.Buckets {
		bucket := *props.Buckets[name].BucketArn()
		statements = append(statements,
			foundation.AllowWhere("List"+alphanumeric(name), []string{bucket}, nil, "s3:ListBucket", "s3:GetBucketLocation"),
			foundation.AllowWhere("Use"+alphanumeric(name), []string{bucket + "/*"}, nil, "s3:GetObject", "s3:PutObject",
				"s3:AbortMultipartUpload"))
	}
	return awsiam.NewRole(stack, jsii.String("NotebookRole-"+settings.Name), &awsiam.RoleProps{
		Description: jsii.String("What the notebook " + settings.Name + " may do."),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("sagemaker.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account}},
		}),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"notebook": foundation.Policy(statements...)},
	})
}

// alphanumeric is the bucket's name as the ID of a statement may have it.
func alphanumeric(name string) string {
	kept := make([]rune, 0, len(name))
	for _, letter := range name {
		if letter != '-' {
			kept = append(kept, letter)
		}
	}
	return string(kept)
}
