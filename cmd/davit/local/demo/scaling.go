package demo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"davit/cmd/davit/local/console"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/scaling"
)

// loadAlarm is the alarm of the demo that speaks of the service's load, as its tags say.
const loadAlarm = "web-load"

// scales has the load alarm go off and end: davit scales the service out, and in again after the cooldown.
func (s *stage) scales(ctx context.Context) error {
	input := &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(loadAlarm), Namespace: aws.String("Shop"), MetricName: aws.String("Load"), Statistic: types.StatisticAverage,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(70),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
		Tags: []types.Tag{{Key: aws.String(names.TagWorkload), Value: aws.String(s.view.workload.String())},
			{Key: aws.String(names.TagScaling), Value: aws.String(scaling.Out)}},
	}
	if err := s.setState(ctx, input, types.StateValueAlarm); err != nil {
		return err
	}
	if err := s.awaitTasks(ctx, 2); err != nil {
		return err
	}
	if err := s.setState(ctx, input, types.StateValueOk); err != nil {
		return err
	}
	if err := s.awaitTasks(ctx, 1); err != nil {
		return err
	}
	return s.tellScaling(ctx)
}

// awaitTasks waits until the service runs so many tasks, all of them.
func (s *stage) awaitTasks(ctx context.Context, tasks int32) error {
	wait := console.Wait{For: fmt.Sprintf("%s to run %d tasks", s.view.workload, tasks), Limit: rolloutLimit}
	return s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		seen, err := s.view.look(ctx)
		return seen.String(), seen.desired == tasks && seen.tasks == tasks, err
	})
}

// tellScaling tells the moves of the history, oldest first: one outwards, and one inwards, which is written a moment after
// the count has moved.
func (s *stage) tellScaling(ctx context.Context) error {
	var moves []ledger.Entry
	wait := console.Wait{For: "the history to have a move outwards and one inwards", Limit: rolloutLimit}
	err := s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		entries, err := s.view.ledger.History(ctx, s.view.workload, ledger.MaximumHistory, "")
		moves = slices.DeleteFunc(entries, func(entry ledger.Entry) bool { return entry.Action != string(scaling.Scale) })
		return fmt.Sprintf("the history has %d moves of the count", len(moves)), len(moves) == 2, err
	})
	slices.Reverse(moves)
	for _, move := range moves {
		s.Console.Good("scaled %s", move.Reason)
	}
	return err
}
