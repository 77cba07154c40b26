package foundation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/shared/names"
)

// Topic is the topic of the automation, or nil in an installation that has none.
func Topic(stack awscdk.Stack, configuration *config.Configuration) awssns.ITopic {
	if configuration.Automation == nil {
		return nil
	}
	return awssns.Topic_FromTopicArn(stack, jsii.String("Topic"), jsii.String(ARN(configuration, "sns", names.Topic)))
}

// AddAlarm makes an alarm that goes with its stack and tells the topic, if there is one. The topic of the automation
// hears alarms whose names start with "davit-".
func AddAlarm(stack awscdk.Stack, topic awssns.ITopic, id string, props *awscloudwatch.AlarmProps) {
	alarm := awscloudwatch.NewAlarm(stack, jsii.String(id), props)
	alarm.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	if topic == nil {
		return
	}
	action := awscloudwatchactions.NewSnsAction(topic)
	alarm.AddAlarmAction(action)
	alarm.AddOkAction(action)
}
