package scaling

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// newRole makes the function's own role. All that it may do is written here; nothing else adds to it. Which action can
// be limited to which resource and condition is from the Service Authorization Reference.
func newRole(made *Scaling, configuration *config.Configuration, logs awslogs.LogGroup) awsiam.IRole {
	role := awsiam.NewRole(made.Stack, jsii.String("Role"), &awsiam.RoleProps{
		Description: jsii.String("What the function " + names.ScaleFunction + " may do."),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"own":       document(ownStatements(made, configuration, logs)),
			"workloads": document(append(workloadStatements(configuration), foundation.ReachClusters(configuration)...)),
		},
	})
	foundation.AcceptReach(role, configuration)
	return role.WithoutPolicyUpdates(nil)
}

// ownStatements are for what belongs to the installation.
func ownStatements(made *Scaling, configuration *config.Configuration, logs awslogs.LogGroup) []awsiam.PolicyStatement {
	statements := []awsiam.PolicyStatement{
		allow("Log", *logs.LogGroupArn(), nil, "logs:CreateLogStream", "logs:PutLogEvents"),
		foundation.Ledger(foundation.ARN(configuration, "dynamodb", "table/"+names.Table)),
		allow("Queue", *made.Queue.QueueArn(), nil, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility",
			"sqs:GetQueueAttributes", "sqs:SendMessage"),
		allow("DeadLetters", *made.DeadLetterQueue.QueueArn(), nil, "sqs:SendMessage"),
		allow("Bus", foundation.ARN(configuration, "events", "event-bus/"+names.Bus), nil, "events:PutEvents"),
		allow("Parameters", foundation.ARN(configuration, "ssm", "parameter/davit/*"), nil, "ssm:GetParameters"),
	}
	if configuration.Automation.Tracing {
		statements = append(statements, allow("Traces", "*", nil, "xray:PutTraceSegments", "xray:PutTelemetryRecords"))
	}
	return statements
}

// workloadStatements are for looking at alarms, services and hosts, and for moving the counts of those that opted in.
func workloadStatements(configuration *config.Configuration) []awsiam.PolicyStatement {
	services := foundation.ARN(configuration, "ecs", "service/*")
	// The opt-in, where davit cannot get around it: nothing without the tag is scaled.
	optedIn := conditions{"StringLike": {"aws:ResourceTag/" + names.TagScaling: "*"}}
	return []awsiam.PolicyStatement{
		allow("FindByTag", "*", nil, "tag:GetResources"),
		// It answers no composite alarm to who may call it on less than everything ("DescribeAlarms" in the CloudWatch API
		// reference).
		allow("ReadAlarms", "*", nil, "cloudwatch:DescribeAlarms"),
		allow("ReadAlarmTags", foundation.ARN(configuration, "cloudwatch", "alarm:*"), nil, "cloudwatch:ListTagsForResource"),
		// These take no resource.
		allow("ReadLoad", "*", nil, "cloudwatch:GetMetricData", "ecs:DescribeTaskDefinition",
			"application-autoscaling:DescribeScalableTargets", "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribePolicies"),
		allow("ReadServices", services, nil, "ecs:DescribeServices"),
		allow("ReadClusters", foundation.ARN(configuration, "ecs", "cluster/*"), nil, "ecs:DescribeClusters"),
		allow("ReadCapacity", foundation.ARN(configuration, "ecs", "capacity-provider/*"), nil, "ecs:DescribeCapacityProviders"),
		allow("Scale", services, optedIn, "ecs:UpdateService"),
		allow("MoveBounds", foundation.ARN(configuration, "application-autoscaling", "scalable-target/*"), optedIn,
			"application-autoscaling:RegisterScalableTarget"),
		allow("ScaleHosts", foundation.ARN(configuration, "autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"), optedIn,
			"autoscaling:UpdateAutoScalingGroup", "autoscaling:SetDesiredCapacity"),
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
