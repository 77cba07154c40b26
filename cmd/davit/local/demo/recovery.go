package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"davit/cmd/davit/local/console"
	"davit/shared/ledger"
	"davit/shared/recovery"
)

// alarmName is the alarm of the demo, whose dimensions name the service.
const alarmName = "web-5xx"

// recovers rolls a version out that runs and is bad all the same: an alarm goes off, davit goes back, and the alarm is OK.
func (s *stage) recovers(ctx context.Context, bad, good string) error {
	if err := s.rollsOut(ctx, bad); err != nil {
		return err
	}
	digest, err := s.view.digestOf(ctx, good)
	if err != nil {
		return err
	}
	if err := s.setAlarm(ctx, types.StateValueAlarm); err != nil {
		return err
	}
	if err := s.awaitRunning(ctx, good, digest); err != nil {
		return err
	}
	if err := s.setAlarm(ctx, types.StateValueOk); err != nil {
		return err
	}
	incident, err := s.awaitEnded(ctx)
	if err != nil {
		return err
	}
	var tried []string
	for _, attempt := range incident.Tried {
		tried = append(tried, recovery.Describe(attempt))
	}
	s.Console.Good("%s ended: %s; tried: %s", incident.ID, incident.Outcome, strings.Join(tried, ", "))
	return s.sees(ctx, good)
}

// setAlarm does what `aws cloudwatch set-alarm-state` does, on an alarm that the demo makes.
func (s *stage) setAlarm(ctx context.Context, state types.StateValue) error {
	return s.setState(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(alarmName), Namespace: aws.String("AWS/ECS"), MetricName: aws.String("CPUUtilization"),
		Statistic: types.StatisticAverage, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(90),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
		Dimensions: []types.Dimension{{Name: aws.String("ClusterName"), Value: aws.String(cluster)},
			{Name: aws.String("ServiceName"), Value: aws.String(service)}},
	}, state)
}

// setState makes the alarm, and sets its state.
func (s *stage) setState(ctx context.Context, alarm *cloudwatch.PutMetricAlarmInput, state types.StateValue) error {
	name := aws.ToString(alarm.AlarmName)
	if _, err := s.view.alarms.PutMetricAlarm(ctx, alarm); err != nil {
		return fmt.Errorf("make the alarm %s: %w", name, err)
	}
	_, err := s.view.alarms.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state,
		StateReason: aws.String("the demo says so")})
	if err != nil {
		return fmt.Errorf("set the state of the alarm %s: %w", name, err)
	}
	s.Console.Line("$ aws cloudwatch set-alarm-state --alarm-name %s --state-value %s", name, state)
	return nil
}

// awaitEnded waits until the newest incident of the service has ended.
func (s *stage) awaitEnded(ctx context.Context) (ledger.Incident, error) {
	var found ledger.Incident
	wait := console.Wait{For: "the incident to end, healthy", Limit: rolloutLimit}
	err := s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		incidents, err := s.view.ledger.Incidents(ctx, ledger.MaximumListed, "")
		at := slices.IndexFunc(incidents, func(incident ledger.Incident) bool { return incident.Workload == s.view.workload })
		if err != nil || at < 0 {
			return "no incident yet", false, err
		}
		found = incidents[at]
		return fmt.Sprintf("%s: %d steps tried", found.ID, len(found.Tried)), !found.EndedAt.IsZero(), nil
	})
	if err != nil {
		return found, err
	}
	if found.Outcome != string(recovery.Recovered) {
		return found, fmt.Errorf("%s ended as %s: %s", found.ID, found.Outcome, found.Reason)
	}
	return found, nil
}
