package foundation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
)

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
