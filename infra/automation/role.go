package automation

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
func newRole(made *Automation, configuration *config.Configuration, logs awslogs.LogGroup) awsiam.IRole {
	role := awsiam.NewRole(made.Stack, jsii.String("RolloutRole"), &awsiam.RoleProps{
		Description: jsii.String("What the function " + names.RolloutFunction + " may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own":       document(ownStatements(made, configuration, logs)),
			"images":    document(imageStatements(configuration)),
			"workloads": document(append(workloadStatements(configuration), foundation.ReachClusters(configuration)...)),
			"verify":    document(verifyStatements(configuration)),
		},
	})
	foundation.AcceptReach(role, configuration)
	return role.WithoutPolicyUpdates(nil)
}

// ownStatements are for what belongs to the installation.
func ownStatements(made *Automation, configuration *config.Configuration, logs awslogs.LogGroup,
) []awsiam.PolicyStatement {
	statements := []awsiam.PolicyStatement{
		allow("Log", []string{*logs.LogGroupArn()}, nil, "logs:CreateLogStream", "logs:PutLogEvents"),
		foundation.Ledger(*made.Table.TableArn()),
		allow("Queue", []string{*made.Queue.QueueArn()}, nil, "sqs:ReceiveMessage", "sqs:DeleteMessage",
			"sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:SendMessage"),
		allow("DeadLetters", []string{*made.DeadLetterQueue.QueueArn()}, nil, "sqs:SendMessage"),
		allow("Bus", []string{*made.Bus.EventBusArn()}, nil, "events:PutEvents"),
		allow("Parameters", []string{foundation.ARN(configuration, "ssm", "parameter/davit/*")}, nil,
			"ssm:GetParameters"),
		allow("RunningImages", []string{foundation.ARN(configuration, "ssm", "parameter"+names.ImageParameterPrefix+"*")},
			nil, "ssm:PutParameter"),
	}
	if configuration.Automation.Tracing {
		statements = append(statements, allow("Traces", []string{"*"}, nil, "xray:PutTraceSegments",
			"xray:PutTelemetryRecords"))
	}
	return statements
}

// imageStatements are for reading what is in the repositories.
func imageStatements(configuration *config.Configuration) []awsiam.PolicyStatement {
	repositories := make([]string, 0, len(configuration.Automation.Repositories))
	for _, name := range configuration.Automation.Repositories {
		if !strings.HasPrefix(name, "arn:") {
			name = foundation.ARN(configuration, "ecr", "repository/"+name)
		}
		repositories = append(repositories, name)
	}
	statements := []awsiam.PolicyStatement{
		allow("Images", repositories, nil, "ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
	}
	if len(configuration.Automation.PublicRepositories) == 0 {
		return statements
	}
	var public []string
	for _, name := range configuration.Automation.PublicRepositories {
		public = append(public, fmt.Sprintf("arn:%s:ecr-public::%s:repository/%s", *awscdk.Aws_PARTITION(),
			configuration.Account, name))
	}
	// Their manifests are read as anybody may.
	return append(statements, allow("PublicImages", public, nil, "ecr-public:DescribeImages"))
}

// workloadStatements are for looking at services and for rolling out on those that opted in.
func workloadStatements(configuration *config.Configuration) []awsiam.PolicyStatement {
	services := []string{foundation.ARN(configuration, "ecs", "service/*")}
	definitions := []string{foundation.ARN(configuration, "ecs", "task-definition/*")}
	statements := []awsiam.PolicyStatement{
		allow("FindByTag", []string{"*"}, nil, "tag:GetResources"),
		allow("ReadServices", services, nil, "ecs:DescribeServices"),
		allow("ReadTasks", []string{foundation.ARN(configuration, "ecs", "task/*")}, nil, "ecs:DescribeTasks"),
		// These take no resource; ListTasks is kept to this account's clusters by the condition that it does take.
		allow("ReadTaskDefinitions", []string{"*"}, nil, "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"),
		allow("ListTasks", []string{"*"}, conditions{"ArnLike": {
			"ecs:cluster": foundation.ARN(configuration, "ecs", "cluster/*"),
		}}, "ecs:ListTasks"),
		// IAM asks for this on "*", though the reference has task definitions, which are for the tags that come with it.
		// What a revision can do is limited by the roles that may be passed.
		allow("Register", []string{"*"}, nil, "ecs:RegisterTaskDefinition"),
		allow("TagRevisions", definitions, conditions{"StringEquals": {
			"ecs:CreateAction": "RegisterTaskDefinition",
		}}, "ecs:TagResource"),
		// The opt-in, where davit cannot get around it: a service without the tag is not updated.
		allow("RollOut", services, conditions{"StringLike": {
			"aws:ResourceTag/" + names.TagPolicy: "*",
		}}, "ecs:UpdateService"),
	}
	roles := roleARNs(configuration)
	if len(roles) == 0 {
		return statements
	}
	return append(statements,
		allow("PassRoles", roles, conditions{"StringEquals": { // #nosec G101 -- a condition of IAM and no credential
			"iam:PassedToService": "ecs-tasks.amazonaws.com",
		}}, "iam:PassRole"),
		allow("ReadRoles", roles, nil, "iam:GetRole"))
}

// verifyStatements are for checking, before anything is touched, that what a task definition names is there. None of
// them reads a value.
func verifyStatements(configuration *config.Configuration) []awsiam.PolicyStatement {
	return []awsiam.PolicyStatement{
		allow("LogGroups", []string{"*"}, nil, "logs:DescribeLogGroups"),
		allow("Secrets", []string{foundation.ARN(configuration, "secretsmanager", "secret:*")}, nil,
			"secretsmanager:DescribeSecret"),
		allow("ParameterNames", []string{"*"}, nil, "ssm:DescribeParameters"),
	}
}

// roleARNs are the roles that the configuration names.
func roleARNs(configuration *config.Configuration) []string {
	var arns []string
	for _, role := range configuration.Automation.PassRoles {
		if strings.HasPrefix(role, "role/") {
			role = foundation.RoleARN(configuration, role)
		}
		arns = append(arns, role)
	}
	return arns
}

// conditions are a statement's, as operator, key and value.
type conditions map[string]map[string]string

func allow(sid string, resources []string, where conditions, actions ...string) awsiam.PolicyStatement {
	props := &awsiam.PolicyStatementProps{
		Sid:       jsii.String(sid),
		Actions:   jsii.Strings(actions...),
		Resources: jsii.Strings(resources...),
	}
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
