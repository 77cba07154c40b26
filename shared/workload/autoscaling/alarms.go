package autoscaling

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	grouptypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/scaling"
)

func nonEmptyType(instance grouptypes.Instance) bool {
	return aws.ToString(instance.InstanceType) != ""
}

const (
	// readingsFor is how far back an alarm's metric is read, however long the cooldown that its readings are judged by.
	readingsFor = 30 * time.Minute
	// periodsRead bounds the readings of an alarm whose periods are long.
	periodsRead = 5
)

// Alarms are those that exist and carry the davit/scaling tag still, with their state and the readings of their metric.
func (d *Driver) Alarms(ctx context.Context, known []ledger.ScalingAlarm) ([]scaling.Alarm, error) {
	directions := map[string]string{}
	var wanted []string
	for _, alarm := range known {
		tags, err := d.AlarmTags(ctx, alarm.ARN)
		if err != nil {
			return nil, err
		}
		if direction := tags[names.TagScaling]; direction == scaling.Out || direction == scaling.In {
			directions[alarm.Name] = direction
			wanted = append(wanted, alarm.Name)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	described, err := d.clients.CloudWatch.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: wanted,
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}, MaxRecords: aws.Int32(100)})
	if err != nil {
		return nil, fmt.Errorf("cloudwatch:DescribeAlarms: %w", err)
	}
	var alarms []scaling.Alarm
	for _, alarm := range described.MetricAlarms {
		seen := scaling.Alarm{Name: aws.ToString(alarm.AlarmName), Direction: directions[aws.ToString(alarm.AlarmName)], State: string(alarm.StateValue),
			Since: since(alarm.StateTransitionedTimestamp, alarm.StateUpdatedTimestamp), Threshold: aws.ToFloat64(alarm.Threshold),
			Above: strings.HasPrefix(string(alarm.ComparisonOperator), "GreaterThan") && alarm.ThresholdMetricId == nil}
		if seen.Readings, err = d.readings(ctx, alarm); err != nil {
			return nil, err
		}
		alarms = append(alarms, seen)
	}
	for _, alarm := range described.CompositeAlarms {
		alarms = append(alarms, scaling.Alarm{Name: aws.ToString(alarm.AlarmName), Direction: directions[aws.ToString(alarm.AlarmName)],
			State: string(alarm.StateValue), Since: since(alarm.StateTransitionedTimestamp, alarm.StateUpdatedTimestamp)})
	}
	return alarms, nil
}

// since is when the state became what it is.
func since(transitioned, updated *time.Time) time.Time {
	if transitioned != nil {
		return *transitioned
	}
	return aws.ToTime(updated)
}

// readings are the values of the alarm's metric, or of its expression, oldest first, each at the end of its period.
// Alarms on an anomaly have two values and are not read.
func (d *Driver) readings(ctx context.Context, alarm types.MetricAlarm) ([]scaling.Reading, error) {
	if alarm.ThresholdMetricId != nil {
		return nil, nil
	}
	queries, period := queriesOf(alarm)
	now := time.Now()
	span := max(readingsFor, periodsRead*period)
	output, err := d.clients.CloudWatch.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{MetricDataQueries: queries,
		StartTime: aws.Time(now.Add(-span)), EndTime: &now, ScanBy: types.ScanByTimestampAscending})
	if err != nil {
		return nil, fmt.Errorf("cloudwatch:GetMetricData of alarm %s: %w", aws.ToString(alarm.AlarmName), err)
	}
	var readings []scaling.Reading
	for _, result := range output.MetricDataResults {
		for index, at := range result.Timestamps {
			if index < len(result.Values) {
				readings = append(readings, scaling.Reading{At: at.Add(period), Value: result.Values[index]})
			}
		}
	}
	return readings, nil
}

// queriesOf are the alarm's own queries, or one for its only metric, and its period.
func queriesOf(alarm types.MetricAlarm) ([]types.MetricDataQuery, time.Duration) {
	if len(alarm.Metrics) == 0 {
		statistic := string(alarm.Statistic)
		if extended := aws.ToString(alarm.ExtendedStatistic); extended != "" {
			statistic = extended
		}
		period := max(aws.ToInt32(alarm.Period), 1)
		return []types.MetricDataQuery{{Id: aws.String("load"), ReturnData: aws.Bool(true), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: alarm.Namespace, MetricName: alarm.MetricName, Dimensions: alarm.Dimensions},
			Period: &period, Stat: &statistic, Unit: alarm.Unit}}}, time.Duration(period) * time.Second
	}
	period := time.Minute
	for _, query := range alarm.Metrics {
		if query.MetricStat != nil {
			period = max(period, time.Duration(aws.ToInt32(query.MetricStat.Period))*time.Second)
		}
	}
	return alarm.Metrics, period
}
