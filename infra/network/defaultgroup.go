package network

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
)

// runbook is AWS's own Systems Manager runbook that takes all rules away from a default security group.
const runbook = "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules"

// closeDefaultSecurityGroup has State Manager run the runbook when the stack is made and each day after.
//
// CloudFormation has no property for the rules of that group, and a resource of it can add rules and take none away. The
// CDK's way is a custom resource with a function of its own in the account. A State Manager association is a plain
// resource that does the same, and does it again when somebody adds a rule ("Scheduling automations with State Manager
// associations" in the Systems Manager user guide). The stack does not wait for it.
func closeDefaultSecurityGroup(stack awscdk.Stack, vpc awsec2.Vpc, configuration *config.Configuration) {
	role := awsiam.NewRole(stack, jsii.String("DefaultGroupRole"), &awsiam.RoleProps{
		Description: jsii.String("Lets Systems Manager take the rules of the VPC's default security group away."),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("ssm.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{
				"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account},
			},
		}),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"close": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{
				Statements: &[]awsiam.PolicyStatement{
					foundation.Allow("Look", "*", "ec2:DescribeSecurityGroups"),
					foundation.Allow("Close", foundation.ARN(configuration, "ec2", "security-group/"+*vpc.VpcDefaultSecurityGroup()),
						"ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
					// "Setting up identity-based policies for Automation" in the Systems Manager user guide asks for the document,
					// which in AWS's own has no account, and for the execution; the reference of permissions has the definition too.
					foundation.AllowWhere("Run", []string{
						"arn:" + *awscdk.Aws_PARTITION() + ":ssm:" + configuration.Region + ":*:automation-definition/" + runbook + ":*",
						"arn:" + *awscdk.Aws_PARTITION() + ":ssm:" + configuration.Region + "::document/" + runbook,
						foundation.ARN(configuration, "ssm", "automation-execution/*"),
					}, nil, "ssm:StartAutomationExecution"),
					foundation.Allow("Follow", foundation.ARN(configuration, "ssm", "automation-execution/*"),
						"ssm:GetAutomationExecution"),
				},
			}),
		},
	})
	awsssm.NewCfnAssociation(stack, jsii.String("DefaultGroupClosed"), &awsssm.CfnAssociationProps{
		AssociationName: jsii.String("davit-close-default-security-group"),
		Name:            jsii.String(runbook),
		Parameters: map[string][]string{
			"AutomationAssumeRole": {*role.RoleArn()},
			"GroupId":              {*vpc.VpcDefaultSecurityGroup()},
		},
		ScheduleExpression: jsii.String("rate(1 day)"),
	})
}
