package ecs

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// alarmName is the name of an alarm of the service's: ECS knows alarms by name.
func alarmName(configuration *config.Configuration, settings *config.Service, kind string) string {
	return fmt.Sprintf("davit-%s-%s-%s", configuration.ECS.Cluster, settings.Name, kind)
}

// alarmsOf are the alarms that put a deployment of the service back; nil where there are none.
func alarmsOf(configuration *config.Configuration, settings *config.Service) *awsecs.DeploymentAlarmConfig {
	alarms := settings.Deployment.Alarms
	if !alarms.Any() {
		return nil
	}
	var names []string
	if alarms.ServerErrors > 0 {
		names = append(names, alarmName(configuration, settings, "server-errors"))
	}
	if alarms.LatencyMilliseconds > 0 {
		names = append(names, alarmName(configuration, settings, "latency"))
	}
	return &awsecs.DeploymentAlarmConfig{
		AlarmNames: jsii.Strings(append(names, alarms.Names...)...),
		Behavior:   awsecs.AlarmBehavior_ROLLBACK_ON_ALARM,
	}
}

// newAlarms makes those of the alarms that watch the load balancer, whichever of its target groups gets the traffic.
func newAlarms(stack awscdk.Stack, configuration *config.Configuration, settings *config.Service,
	balancer awselasticloadbalancingv2.ApplicationLoadBalancer,
) []awscloudwatch.Alarm {
	alarms := settings.Deployment.Alarms
	var made []awscloudwatch.Alarm
	if alarms.ServerErrors > 0 {
		errors := balancer.Metrics().HttpCodeTarget(awselasticloadbalancingv2.HttpCodeTarget_TARGET_5XX_COUNT,
			&awscloudwatch.MetricOptions{Period: awscdk.Duration_Minutes(jsii.Number(1)), Statistic: jsii.String("Sum")})
		made = append(made, newAlarm(stack, configuration, settings, "server-errors", errors, float64(alarms.ServerErrors),
			"The tasks of "+settings.Name+" answer 5xx too often."))
	}
	if alarms.LatencyMilliseconds > 0 {
		latency := balancer.Metrics().TargetResponseTime(&awscloudwatch.MetricOptions{
			Period: awscdk.Duration_Minutes(jsii.Number(1)), Statistic: jsii.String("p99"),
		})
		made = append(made, newAlarm(stack, configuration, settings, "latency", latency, float64(alarms.LatencyMilliseconds)/1000,
			"The tasks of "+settings.Name+" answer too slowly."))
	}
	return made
}

func newAlarm(stack awscdk.Stack, configuration *config.Configuration, settings *config.Service, kind string,
	metric awscloudwatch.IMetric, threshold float64, description string,
) awscloudwatch.Alarm {
	return awscloudwatch.NewAlarm(stack, identifier(settings, "Alarm-"+kind), &awscloudwatch.AlarmProps{
		AlarmName:          jsii.String(alarmName(configuration, settings, kind)),
		AlarmDescription:   jsii.String(description),
		Metric:             metric,
		Threshold:          jsii.Number(threshold),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		EvaluationPeriods:  jsii.Number(3),
		DatapointsToAlarm:  jsii.Number(2),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}
