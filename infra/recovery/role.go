package recovery

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// newRole makes the function's own role. All that it may do is written here; nothing else adds to it. Which action can
// be limited to which resource and condition is from the Service Authorization Reference.
func newRole(made *Recovery, configuration *config.Configuration, logs awslogs.LogGroup) awsiam.IRole {
	role := awsiam.NewRole(made.Stack, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("What the function " + names.RecoverFunction + " may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own":       document(ownStatements(made, configuration, logs)),
			"workloads": document(append(workloadStatements(configuration), foundation.ReachClusters(configuration)...)),
			"hosts":     document(hostStatements(configuration)),
		},
	})
	foundation.AcceptReach(role, configuration)
	return role.WithoutPolicyUpdates(nil)
}

// ownStatements are for what belongs to the installation.
func ownStatements(made *Recovery, configuration *config.Configuration, logs awslogs.LogGroup) []awsiam.PolicyStatement {
	statements := []awsiam.PolicyStatement{
		allow("Log", *logs.LogGroupArn(), nil, "logs:CreateLogStream", "logs:PutLogEvents"),
		foundation.Ledger(foundation.ARN(configuration, "dynamodb", "table/"+names.Table)),
		allow("Queue", *made.Queue.QueueArn(), nil, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility",
			"sqs:GetQueueAttributes", "sqs:SendMessage"),
		allow("DeadLetters", *made.DeadLetterQueue.QueueArn(), nil, "sqs:SendMessage"),
		allow("Rollbacks", foundation.ARN(configuration, "sqs", names.RolloutQueue), nil, "sqs:SendMessage"),
		allow("Bus", foundation.ARN(configuration, "events", "event-bus/"+names.Bus), nil, "events:PutEvents"),
		allow("Page", foundation.ARN(configuration, "sns", names.Topic), nil, "sns:Publish"),
		allow("Parameters", foundation.ARN(configuration, "ssm", "parameter/davit/*"), nil, "ssm:GetParameters"),
	}
	if configuration.Automation.Tracing {
		statements = append(statements, allow("Traces", "*", nil, "xray:PutTraceSegments", "xray:PutTelemetryRecords"))
	}
	return statements
}

// workloadStatements are for looking at alarms and services, and for remedying the services that opted in.
func workloadStatements(configuration *config.Configuration) []awsiam.PolicyStatement {
	services := foundation.ARN(configuration, "ecs", "service/*")
	statements := []awsiam.PolicyStatement{
		allow("FindByTag", "*", nil, "tag:GetResources"),
		// It answers no composite alarm to who may call it on less than everything ("DescribeAlarms" in the CloudWatch API
		// reference).
		allow("ReadAlarms", "*", nil, "cloudwatch:DescribeAlarms"),
		allow("ReadAlarmTags", foundation.ARN(configuration, "cloudwatch", "alarm:*"), nil, "cloudwatch:ListTagsForResource"),
		allow("ReadServices", services, nil, "ecs:DescribeServices"),
		allow("ReadTasks", foundation.ARN(configuration, "ecs", "task/*"), nil, "ecs:DescribeTasks"),
		// These take no resource; ListTasks is kept to this account's clusters by the condition that it does take.
		allow("ReadTaskDefinitions", "*", nil, "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"),
		allow("ListTasks", "*", conditions{"ArnLike": {"ecs:cluster": foundation.ARN(configuration, "ecs", "cluster/*")}}, "ecs:ListTasks"),
		// IAM asks for this on "*", though the reference has task definitions, which are for the tags that come with it.
		// What a revision can do is limited by the roles that may be passed.
		allow("Register", "*", nil, "ecs:RegisterTaskDefinition"),
		allow("TagRevisions", foundation.ARN(configuration, "ecs", "task-definition/*"), conditions{"StringEquals": {
			"ecs:CreateAction": "RegisterTaskDefinition",
		}}, "ecs:TagResource"),
		// The opt-in, where davit cannot get around it: a service without the tag is not remedied.
		allow("Remedy", services, conditions{"StringLike": {"aws:ResourceTag/" + names.TagPlaybook: "*"}}, "ecs:UpdateService"),
		// This takes no resource.
		allow("ReadBounds", "*", nil, "application-autoscaling:DescribeScalableTargets"),
		allow("MoveBounds", foundation.ARN(configuration, "application-autoscaling", "scalable-target/*"),
			conditions{"StringLike": {"aws:ResourceTag/" + names.TagPlaybook: "*"}}, "application-autoscaling:RegisterScalableTarget"),
	}
	var roles []string
	for _, role := range configuration.Automation.PassRoles {
		if strings.HasPrefix(role, "role/") {
			role = foundation.RoleARN(configuration, role)
		}
		roles = append(roles, role)
	}
	if len(roles) == 0 {
		return statements
	}
	pass := allow("PassRoles", roles[0], conditions{"StringEquals": { // #nosec G101 -- a condition of IAM and no credential
		"iam:PassedToService": "ecs-tasks.amazonaws.com",
	}}, "iam:PassRole")
	pass.AddResources(*jsii.Strings(roles[1:]...)...)
	return append(statements, pass)
}

// hostStatements are for looking at hosts, their groups and their volumes, and for remedying those that opted in. A chain
// node's volume carries the tag of the node.
func hostStatements(configuration *config.Configuration) []awsiam.PolicyStatement {
	optedIn := conditions{"StringLike": {"aws:ResourceTag/" + names.TagPlaybook: "*"}}
	ofNode := conditions{"StringLike": {"aws:ResourceTag/" + names.TagChainNode: "*"}}
	volumes := foundation.ARN(configuration, "ec2", "volume/*")
	run := allow("RunOnNodes", foundation.ARN(configuration, "ec2", "instance/*"), conditions{"StringLike": {
		"aws:ResourceTag/" + names.TagPlaybook: "*", "aws:ResourceTag/" + names.TagChainNode: "*",
	}}, "ssm:SendCommand")
	documents := allow("RunDocuments", foundation.ARN(configuration, "ssm", "document/"+names.RestartClientDocument), nil, "ssm:SendCommand")
	documents.AddResources(jsii.String(foundation.ARN(configuration, "ssm", "document/"+names.GrowFileSystemDocument)))
	return []awsiam.PolicyStatement{
		// These take no resource.
		allow("ReadHosts", "*", nil, "ec2:DescribeInstances", "ec2:DescribeInstanceStatus", "ec2:DescribeVolumes", "ec2:DescribeSnapshots",
			"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribePolicies", "ecs:ListClusters", "ssm:ListCommands"),
		allow("FindContainerInstances", foundation.ARN(configuration, "ecs", "cluster/*"), nil, "ecs:ListContainerInstances"),
		allow("ReadContainerInstances", foundation.ARN(configuration, "ecs", "container-instance/*"), nil, "ecs:DescribeContainerInstances"),
		allow("Drain", foundation.ARN(configuration, "ecs", "container-instance/*"), optedIn, "ecs:UpdateContainerInstancesState"),
		allow("ReplaceHosts", foundation.ARN(configuration, "autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"), optedIn,
			"autoscaling:TerminateInstanceInAutoScalingGroup", "autoscaling:SetDesiredCapacity", "autoscaling:UpdateAutoScalingGroup"),
		run, documents,
		allow("GrowVolume", volumes, ofNode, "ec2:ModifyVolume"),
		// Snapshots carry the tags of the volume that they are of.
		allow("RestoreFrom", fmt.Sprintf("arn:%s:ec2:%s::snapshot/*", *awscdk.Aws_PARTITION(), configuration.Region), ofNode, "ec2:CreateVolume"),
		allow("RestoreTo", volumes, conditions{"StringLike": {"aws:RequestTag/" + names.TagChainNode: "*"}}, "ec2:CreateVolume"),
		allow("TagRestored", volumes, conditions{"StringEquals": {"ec2:CreateAction": "CreateVolume"}}, "ec2:CreateTags"),
		allow("ReleaseName", volumes, conditions{
			"StringLike":                {"aws:ResourceTag/" + names.TagChainNode: "*"},
			"ForAllValues:StringEquals": {"aws:TagKeys": names.TagChainNode},
		}, "ec2:DeleteTags"),
	}
}

// conditions are a statement's, as operator, key and value.
type conditions map[string]map[string]string

func allow(sid, resource string, where conditions, actions ...string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{Sid: jsii.String(sid), Actions: jsii.Strings(actions...), Resources: jsii.Strings(resource)}
	if where != nil {
		translated := map[string]any{}
		for operator, keys := range where {
			translated[operator] = keys
		}
		props.Conditions = &translated
	}
	return awsiam.NewPolicyStatement(props)
}

func document(statements []awsiam.PolicyStatement) awsiam.PolicyDocument {
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})
}
