package foundation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/jsii-runtime-go"
)

// PublicPush is the pattern of a push to a public repository that succeeded. ECR Public has no events of its own;
// CloudTrail tells of its calls in us-east-1, where a trail records management events ("AWS service events delivered via
// AWS CloudTrail" in the EventBridge user guide).
func PublicPush() *awsevents.EventPattern {
	return &awsevents.EventPattern{
		Source:     jsii.Strings("aws.ecr-public"),
		DetailType: jsii.Strings("AWS API Call via CloudTrail"),
		Detail: &map[string]any{
			"eventSource": []string{"ecr-public.amazonaws.com"},
			"eventName":   []string{"PutImage"},
			"errorCode":   []map[string]any{{"exists": false}},
		},
	}
}
