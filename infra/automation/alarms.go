package automation

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/foundation"
	"davit/shared/names"
)

// addDashboard shows the way of an event from the queue to the function, on one page.
func addDashboard(made *Automation) {
	dashboard := awscloudwatch.NewDashboard(made.Stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: jsii.String("davit-" + *made.Stack.Region()),
	})
	dashboard.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	dashboard.AddWidgets(
		graph("Messages", made.Queue.MetricNumberOfMessagesSent(foundation.Metric("Sum", 5)),
			made.Queue.MetricNumberOfMessagesDeleted(foundation.Metric("Sum", 5)),
			made.Queue.MetricApproximateNumberOfMessagesVisible(foundation.Metric("Maximum", 5))),
		graph("Age of the oldest message", made.Queue.MetricApproximateAgeOfOldestMessage(foundation.Metric("Maximum", 5))),
		graph("Dead letters", made.DeadLetterQueue.MetricApproximateNumberOfMessagesVisible(foundation.Metric("Maximum", 5))),
	)
	dashboard.AddWidgets(
		graph("Rollouts", own("RolloutsStarted"), own("RolloutsCompleted"), own("RolloutsFailed"), own("RolloutsOverdue"),
			own("RolloutsPutBack"), own("Refusals"), own("HumanActs")),
		graph("Incidents and scaling", own("IncidentsOpened"), own("IncidentActs"), own("IncidentRefusals"), own("IncidentsPaged"), own("IncidentsEnded"),
			own("IncidentStorms"), own("ScalingsDone"), own("ScalingsRefused")),
		graph("Ledger", made.Table.MetricConsumedReadCapacityUnits(foundation.Metric("Sum", 5)),
			made.Table.MetricConsumedWriteCapacityUnits(foundation.Metric("Sum", 5))),
	)
	dashboard.AddWidgets(
		graph("Invocations", made.Function.MetricInvocations(foundation.Metric("Sum", 5)),
			made.Function.MetricErrors(foundation.Metric("Sum", 5)), made.Function.MetricThrottles(foundation.Metric("Sum", 5))),
		graph("Duration", made.Function.MetricDuration(foundation.Metric("p50", 5)), made.Function.MetricDuration(foundation.Metric("p95", 5)),
			made.Function.MetricDuration(foundation.Metric("Maximum", 5))),
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
