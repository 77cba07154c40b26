package chainwatch

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// watch is an alarm: a metric beyond a threshold.
type watch struct {
	name, metric, statistic, description string
	threshold                            int
	// below tells that less than the threshold is a breach, and not more.
	below bool
}

// watchesOf are the alarms of a node.
func watchesOf(node config.ChainNode) []watch {
	limits := node.Alarms
	watches := []watch{{
		name: "unhealthy", metric: names.MetricUnhealthy, statistic: "Maximum",
		description: "The node does not answer, is of another chain or on a fork, or says what cannot be so. The log of " +
			names.ChainwatchFunction + " says which. Without data the watch itself is dead.",
	}, {
		name: "behind", metric: names.MetricBlocksBehind, statistic: "Maximum", threshold: limits.BlocksBehind,
		description: "The node is behind its references, or nobody can say: the log of " + names.ChainwatchFunction + " says why.",
	}, {
		name: "head-age", metric: names.MetricHeadAge, statistic: "Maximum", threshold: limits.HeadAgeSeconds,
		description: "The node's head block is old: it is stuck, or the whole network is.",
	}, {
		name: "peers", metric: names.MetricPeers, statistic: "Minimum", threshold: limits.Peers, below: true,
		description: "The node has few peers: look at its ports, its address and its network.",
	}, {
		name: "latency", metric: names.MetricLatency, statistic: "Minimum", threshold: limits.LatencyMilliseconds,
		description: "The node is slow to answer, each time: look at its load and its disk.",
	}}
	if node.Disk != nil {
		watches = append(watches, watch{
			name: "disk", metric: names.MetricDiskUsed, statistic: "Maximum", threshold: limits.DiskPercent,
			description: "The node's disk fills up, or cannot be read: a chain only grows. Prune it, or enlarge the volume.",
		})
	}
	return watches
}

// addAlarms makes the alarms of every node. Missing data is a breach: a node that nothing is known of is not well.
func addAlarms(made *Chainwatch, configuration *config.Configuration) {
	topic := foundation.Topic(made.Stack, configuration)
	for _, node := range configuration.Chainwatch.Nodes {
		for _, watched := range watchesOf(node) {
			alarm := newAlarm(made.Stack, configuration.Chainwatch, node, watched)
			if topic != nil {
				alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
				alarm.AddOkAction(awscloudwatchactions.NewSnsAction(topic))
			}
		}
	}
}

func newAlarm(stack awscdk.Stack, settings *config.Chainwatch, node config.ChainNode, watched watch) awscloudwatch.Alarm {
	comparison := awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD
	if watched.below {
		comparison = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD
	}
	name := fmt.Sprintf("davit-node-%s-%s", node.Name, watched.name)
	alarm := awscloudwatch.NewAlarm(stack, jsii.String(name), &awscloudwatch.AlarmProps{
		AlarmName:        jsii.String(name),
		AlarmDescription: jsii.String(watched.description),
		Metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace:     jsii.String(names.MetricNamespace),
			MetricName:    jsii.String(watched.metric),
			DimensionsMap: &map[string]*string{names.DimensionNode: jsii.String(node.Name)},
			Statistic:     jsii.String(watched.statistic),
			Period:        awscdk.Duration_Minutes(jsii.Number(settings.Minutes)),
		}),
		Threshold:          jsii.Number(watched.threshold),
		ComparisonOperator: comparison,
		EvaluationPeriods:  jsii.Number(node.Alarms.Looks),
		TreatMissingData:   awscloudwatch.TreatMissingData_BREACHING,
	})
	alarm.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	tags := awscdk.Tags_Of(alarm)
	tags.Add(jsii.String(names.TagPlaybook), jsii.String(names.PlaybookChainNodeBehind), nil)
	if node.Workload != "" {
		tags.Add(jsii.String(names.TagWorkload), jsii.String(node.Workload), nil)
	}
	return alarm
}
