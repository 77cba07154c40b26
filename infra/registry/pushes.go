package registry

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
)

// sendPublicPushes sends what CloudTrail says of pushes to public repositories on to the default buses of other regions,
// whose automations hear of them as those of us-east-1 do. A rule has at most five targets, hence one each.
func sendPublicPushes(stack awscdk.Stack, configuration *config.Configuration) {
	for _, region := range configuration.Registry.PublicPushesTo {
		bus := fmt.Sprintf("arn:%s:events:%s:%s:event-bus/default", *awscdk.Aws_PARTITION(), region, configuration.Account)
		role := awsiam.NewRole(stack, jsii.String("PublicPushesRole-"+region), &awsiam.RoleProps{
			Description: jsii.String("Lets EventBridge send pushes to public repositories on to " + region + "."),
			AssumedBy: awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), &awsiam.ServicePrincipalOpts{
				Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account}},
			}),
			InlinePolicies: &map[string]awsiam.PolicyDocument{
				"send": foundation.Policy(foundation.Allow("Send", bus, "events:PutEvents")),
			},
		})
		rule := awsevents.NewRule(stack, jsii.String("PublicPushes-"+region), &awsevents.RuleProps{
			RuleName:     jsii.String("davit-public-pushes-" + region),
			Description:  jsii.String("Pushes to public repositories are heard of in " + region + " too."),
			EventPattern: foundation.PublicPush(),
		})
		rule.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
		rule.AddTarget(awseventstargets.NewEventBus(
			awsevents.EventBus_FromEventBusArn(stack, jsii.String("Bus-"+region), jsii.String(bus)),
			&awseventstargets.EventBusProps{Role: role.WithoutPolicyUpdates(nil)}))
	}
}
