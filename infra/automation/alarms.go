package automation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/shared/names"
)

// watch is an alarm: the metric is above the threshold in so many periods.
type watch struct {
	id, name, description string
	metric                awscloudwatch.Metric
	above                 float64
	periods               int
}

// addAlarms tells the topic when the way from event to function does not work.
func addAlarms(made *Automation, configuration *config.Configuration) {
	settings := configuration.Automation
	watches := []watch{{
		id:   "DeadLettersAlarm",
		name: names.RolloutDeadLetterQueue + "-not-empty",
		description: "Messages could not be handled, or events not delivered. Each message's attributes say why; when the " +
			"cause is gone, send them back with a redrive of the queue.",
		metric: made.DeadLetterQueue.MetricApproximateNumberOfMessagesVisible(metric("Maximum", 1)),
	}, {
		id:   "AgeAlarm",
		name: names.RolloutQueue + "-behind",
		description: "The oldest message has waited through two attempts: the function fails on it, is throttled or does " +
			"not keep up.",
		metric:  made.Queue.MetricApproximateAgeOfOldestMessage(metric("Maximum", 1)),
		above:   float64(12 * settings.TimeoutSeconds),
		periods: 3,
	}, {
		id:          "ErrorsAlarm",
		name:        names.RolloutFunction + "-errors",
		description: "The function failed as a whole. Its log says why; the messages come again.",
		metric:      made.Function.MetricErrors(metric("Sum", 5)),
	}, {
		id:   "ThrottlesAlarm",
		name: names.RolloutFunction + "-throttles",
		description: "The function was refused for want of concurrent executions. Raise the account's limit, or " +
			"automation.reservedConcurrency.",
		metric:  made.Function.MetricThrottles(metric("Sum", 5)),
		periods: 3,
	}}
	action := awscloudwatchactions.NewSnsAction(made.Topic)
	for _, watched := range watches {
		alarm := awscloudwatch.NewAlarm(made.Stack, jsii.String(watched.id), &awscloudwatch.AlarmProps{
			AlarmName:          jsii.String(watched.name),
			AlarmDescription:   jsii.String(watched.description),
			Metric:             watched.metric,
			Threshold:          jsii.Number(watched.above),
			EvaluationPeriods:  jsii.Number(max(1, watched.periods)),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		})
		alarm.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
		alarm.AddAlarmAction(action)
		alarm.AddOkAction(action)
	}
}

// metric are a metric's statistic and period.
func metric(statistic string, minutes int) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{
		Statistic: jsii.String(statistic),
		Period:    awscdk.Duration_Minutes(jsii.Number(minutes)),
	}
}

// addDashboard shows the way of an event from the queue to the function, on one page.
func addDashboard(made *Automation) {
	dashboard := awscloudwatch.NewDashboard(made.Stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: jsii.String("davit-" + *made.Stack.Region()),
	})
	dashboard.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	dashboard.AddWidgets(
		graph("Messages", made.Queue.MetricNumberOfMessagesSent(metric("Sum", 5)),
			made.Queue.MetricNumberOfMessagesDeleted(metric("Sum", 5)),
			made.Queue.MetricApproximateNumberOfMessagesVisible(metric("Maximum", 5))),
		graph("Age of the oldest message", made.Queue.MetricApproximateAgeOfOldestMessage(metric("Maximum", 5))),
		graph("Dead letters", made.DeadLetterQueue.MetricApproximateNumberOfMessagesVisible(metric("Maximum", 5))),
	)
	dashboard.AddWidgets(
		graph("Rollouts", own("RolloutsStarted"), own("RolloutsCompleted"), own("RolloutsFailed"), own("RolloutsOverdue"),
			own("Refusals")),
		graph("Conflicts", own("Conflicts")),
		graph("Ledger", made.Table.MetricConsumedReadCapacityUnits(metric("Sum", 5)),
			made.Table.MetricConsumedWriteCapacityUnits(metric("Sum", 5))),
	)
	dashboard.AddWidgets(
		graph("Invocations", made.Function.MetricInvocations(metric("Sum", 5)),
			made.Function.MetricErrors(metric("Sum", 5)), made.Function.MetricThrottles(metric("Sum", 5))),
		graph("Duration", made.Function.MetricDuration(metric("p50", 5)), made.Function.MetricDuration(metric("p95", 5)),
			made.Function.MetricDuration(metric("Maximum", 5))),
	)
}

// own is a metric that the function counts; none of these has a dimension.
func own(name string) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:  jsii.String(names.MetricNamespace),
		MetricName: jsii.String(name),
		Statistic:  jsii.String("Sum"),
		Period:     awscdk.Duration_Minutes(jsii.Number(5)),
	})
}

func graph(title string, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title:  jsii.String(title),
		Left:   &metrics,
		Width:  jsii.Number(8),
		Height: jsii.Number(6),
	})
}
