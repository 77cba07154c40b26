package scenarios

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/scaling"
)

func TestAnAlarmScalesOutAndItsEndScalesInAfterTheCooldown(t *testing.T) {
	t.Parallel()
	s := newService(t, "scaled")
	s.create(breaker(), tagged(names.TagScaling, "min=1 max=2 out=1s in=3s"))
	s.load("ALARM")
	s.awaitService("the service to be scaled out", func(seen sight) bool { return seen.desired == 2 })
	s.awaitAnswers("1.0.0", 2)

	s.load("OK")
	s.awaitService("the service to be scaled in", func(seen sight) bool { return seen.desired == 1 })
	record := s.awaitRecord("the act to be over", func(record ledger.Record) bool { return record.Scaling.Act == nil })
	if len(record.Scaling.Changes) != 2 {
		t.Errorf("it was scaled %d times: %+v", len(record.Scaling.Changes), record.Scaling.Changes)
	}
	out, in := s.scalings(scaling.AlarmOn), s.scalings(scaling.Calm)
	if len(out) != 1 || len(in) != 1 {
		t.Fatalf("the history has %d moves outwards and %d inwards", len(out), len(in))
	}
	if !strings.Contains(out[0].Reason, "from 1 tasks to 2 tasks") || !strings.Contains(out[0].Reason, "a month") {
		t.Errorf("the move outwards says %q, want counts and price", out[0].Reason)
	}
	if waited := in[0].At.Sub(out[0].At).Seconds(); waited < 3 {
		t.Errorf("it was scaled in after %.1f s, before its cooldown was over", waited)
	}
}

func TestAnAlarmOnAServiceThatDidNotOptInScalesNothing(t *testing.T) {
	t.Parallel()
	s := newService(t, "unscaled")
	s.create(breaker())
	s.load("ALARM")
	s.awaitRecord("the alarm to be refused", func(record ledger.Record) bool {
		return record.Scaling.Refusal != nil && record.Scaling.Refusal.Code == string(scaling.NotOptedIn)
	})
	if seen := s.look(); seen.desired != 1 {
		t.Errorf("it was scaled: %s", seen)
	}
}

// scalings are the moves of the history with the code.
func (s *service) scalings(code scaling.Code) []ledger.Entry {
	s.t.Helper()
	return slices.DeleteFunc(s.history(), func(entry ledger.Entry) bool {
		return entry.Action != string(scaling.Scale) || entry.Code != string(code)
	})
}

// load makes the service's alarm of scaling, if it is not there, and sets its state as `aws cloudwatch set-alarm-state`
// does. Nothing writes its metric, so nothing else changes the state.
func (s *service) load(state types.StateValue) {
	s.t.Helper()
	name := s.name + "-load"
	_, err := s.alarms.PutMetricAlarm(s.ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("Shop"), MetricName: aws.String("Load"), Statistic: types.StatisticAverage,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(70), TreatMissingData: aws.String("ignore"),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		Tags: []types.Tag{{Key: aws.String(names.TagWorkload), Value: aws.String(s.workload.String())},
			{Key: aws.String(names.TagScaling), Value: aws.String(scaling.Out)}},
	})
	s.must(err)
	_, err = s.alarms.SetAlarmState(s.ctx, &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("the test says so")})
	s.must(err)
}
