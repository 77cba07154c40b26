package recovery

import (
	"strings"

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
			"workloads": document(workloadStatements(configuration)),
		},
	})
	return role.WithoutPolicyUpdates(nil)
}

// ownStatements are for what belongs to the installation.
func ownStatements(made *Recovery, configuration *config.Configuration, logs awslogs.LogGroup) []awsiam.PolicyStatement {
	statements := []awsiam.PolicyStatement{
		allow("Log", *logs.LogGroupArn(), nil, "logs:CreateLogStream", "logs:PutLogEvents"),
		allow("Ledger", foundation.ARN(configuration, "dynamodb", "table/"+names.Table), nil, "dynamodb:GetItem", "dynamodb:BatchGetItem",
			"dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"),
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
	alarms := foundation.ARN(configuration, "cloudwatch", "alarm:*")
	statements := []awsiam.PolicyStatement{
		allow("FindByTag", "*", nil, "tag:GetResources"),
		allow("ReadAlarms", alarms, nil, "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"),
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
