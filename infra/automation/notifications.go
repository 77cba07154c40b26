package automation

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// newTopic makes the topic that tells humans. It is not encrypted with a KMS key: EventBridge and CloudWatch can
// publish to one that is only by a key of the installation's own, which has a price, and what is told here is no secret.
func newTopic(stack awscdk.Stack, configuration *config.Configuration) awssns.Topic {
	topic := awssns.NewTopic(stack, jsii.String("Topic"), &awssns.TopicProps{
		TopicName:   jsii.String(names.Topic),
		DisplayName: jsii.String("davit"),
		EnforceSSL:  jsii.Bool(true),
	})
	topic.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	foundation.AcceptFindings(topic, map[string]string{
		"CKV_AWS_26": "EventBridge and CloudWatch publish to an encrypted topic only by a key of its own; what is told is no secret.",
	})
	// A topic with a policy of its own loses the one by which the account's alarms may publish.
	topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("Alarms"),
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  &[]*string{topic.TopicArn()},
		Conditions: &map[string]any{
			"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account},
			"ArnLike": map[string]string{
				"aws:SourceArn": foundation.ARN(configuration, "cloudwatch", "alarm:davit-*"),
			},
		},
	}))
	for i, subscription := range configuration.Automation.Subscriptions {
		awssns.NewSubscription(stack, jsii.String(fmt.Sprintf("Subscription-%d", i)), &awssns.SubscriptionProps{
			Topic:    topic,
			Protocol: protocols[subscription.Protocol],
			Endpoint: jsii.String(subscription.Endpoint),
		})
	}
	return topic
}

// protocols are the CDK's names of the protocols that the configuration allows.
var protocols = map[string]awssns.SubscriptionProtocol{
	"email":      awssns.SubscriptionProtocol_EMAIL,
	"email-json": awssns.SubscriptionProtocol_EMAIL_JSON,
	"https":      awssns.SubscriptionProtocol_HTTPS,
	"sms":        awssns.SubscriptionProtocol_SMS,
}

// addNotifications tells the topic, in a sentence, of the rollouts that a human should know of.
func addNotifications(made *Automation) {
	rule := awsevents.NewRule(made.Stack, jsii.String("NotificationRule"), &awsevents.RuleProps{
		RuleName:    jsii.String("davit-notification"),
		Description: jsii.String("Tells humans of rollouts that failed, are overdue or were superseded."),
		EventBus:    made.Bus,
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings(names.EventSource),
			DetailType: jsii.Strings("Rollout Failed", "Rollout Overdue", "Rollout Superseded"),
		},
	})
	rule.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	field := func(path string) string { return *awsevents.EventField_FromPath(jsii.String(path)) }
	rule.AddTarget(awseventstargets.NewSnsTopic(made.Topic, &awseventstargets.SnsTopicProps{
		DeadLetterQueue: made.DeadLetterQueue,
		MaxEventAge:     awscdk.Duration_Hours(jsii.Number(24)),
		RetryAttempts:   jsii.Number(185),
		Message: awsevents.RuleTargetInput_FromText(jsii.String(fmt.Sprintf(
			"%s: %s, image %s (%s): %s. Next: %s (account %s, %s, %s)",
			field("$.detail-type"), field("$.detail.workload"), field("$.detail.image.tag"), field("$.detail.image.digest"),
			field("$.detail.reason"), field("$.detail.command"), field("$.account"), field("$.region"),
			field("$.time")))),
	}))
}
