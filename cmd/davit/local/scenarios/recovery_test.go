package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/settings"
)

func TestAnAlarmClimbsTheLadderToAHuman(t *testing.T) {
	t.Parallel()
	s := newService(t, "climbing")
	s.create(breaker(), tagged(names.TagPlaybook, settings.ReservedPlaybook))
	before := s.look()
	told := s.subscribe()
	s.alarm("ALARM")

	s.awaitService("the service to be restarted", func(seen sight) bool {
		return aws.ToString(seen.deployment.Id) != aws.ToString(before.deployment.Id) && seen.revision() == before.revision()
	})
	s.awaitService("the service to be scaled out", func(seen sight) bool { return seen.desired == 2 })
	incident := s.awaitIncident("a human to be paged", func(incident ledger.Incident) bool { return !incident.PagedAt.IsZero() })
	s.checkTried(incident, "rollback left-out", "restart no-help", "scale-out no-help", "replace-hosts left-out")
	s.checkPage(told, incident)

	s.alarm("OK")
	ended := s.awaitIncident("the incident to end", func(incident ledger.Incident) bool { return !incident.EndedAt.IsZero() })
	if ended.Outcome != string(recovery.Recovered) || ended.ID != incident.ID {
		t.Errorf("it ended as %q: %s", ended.Outcome, ended.Reason)
	}
	if seen := s.look(); seen.desired != 1 {
		t.Errorf("the scale-out was not undone: %s", seen)
	}
	s.checkExplained(ended)
}

func TestAnAlarmAfterARolloutRollsBack(t *testing.T) {
	t.Parallel()
	s := newService(t, "regressed")
	s.create(breaker(), tagged(names.TagPlaybook, settings.ReservedPlaybook))
	good := s.digestOf("1.0.0")
	s.adopt(good)
	bad := s.push("1.1.0", s.program.Working)
	s.awaitProved(bad)
	s.alarm("ALARM")

	s.awaitProved(good)
	s.alarm("OK")
	ended := s.awaitIncident("the incident to end", func(incident ledger.Incident) bool { return !incident.EndedAt.IsZero() })
	s.checkTried(ended, "rollback helped")
	record, err := s.record(s.ctx)
	s.must(err)
	if _, aside := record.IsSetAside(ledger.Image{Digest: bad}); !aside {
		t.Errorf("1.1.0 is not set aside: %s", describeRecord(record))
	}
}

func TestAKilledContainerIsSeenThroughUntilItRunsAgain(t *testing.T) {
	t.Parallel()
	s := newService(t, "killed")
	s.create(breaker(), tagged(names.TagPlaybook, settings.ReservedPlaybook))
	s.kill("SIGKILL")
	ended := s.awaitIncident("the incident to end", func(incident ledger.Incident) bool { return !incident.EndedAt.IsZero() })
	if ended.Outcome != string(recovery.Recovered) || !strings.Contains(strings.Join(ended.Evidence, "\n"), "exit code 137") {
		t.Errorf("it ended as %q with the evidence %q", ended.Outcome, ended.Evidence)
	}
	s.awaitAnswers("1.0.0", 1)
}

func TestAContainerThatRanOutOfMemoryGetsMore(t *testing.T) {
	t.Parallel()
	s := newService(t, "hungry")
	s.create(breaker(), tagged(names.TagPlaybook, settings.ReservedPlaybook), tagged(names.TagMemoryLimit, "1024"))
	before := s.look()
	s.kill("SIGUSR1")
	after := s.awaitService("the service to run with more memory", func(seen sight) bool {
		return seen.settled() && seen.revision() != before.revision()
	})
	definition, err := s.ecs.DescribeTaskDefinition(s.ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(after.revision())})
	s.must(err)
	if memory := aws.ToString(definition.TaskDefinition.Memory); memory != "1024" {
		t.Errorf("a task has %s MiB, want 1024", memory)
	}
	ended := s.awaitIncident("the incident to end", func(incident ledger.Incident) bool { return !incident.EndedAt.IsZero() })
	s.checkTried(ended, "raise-memory helped")
	if ended.Playbook != recovery.OutOfMemory {
		t.Errorf("the playbook was %s", ended.Playbook)
	}
	s.kill("SIGUSR1")
	s.awaitAnswers("1.0.0", 1)
}

func TestAnAlarmOnAServiceThatDidNotOptInIsRefused(t *testing.T) {
	t.Parallel()
	s := newService(t, "unremedied")
	s.create(breaker())
	before := s.look()
	s.alarm("ALARM")
	s.awaitRecovery("the alarm to be refused", func(line logLine) bool {
		return line.Workload == s.workload.String() && line.Code == string(recovery.NotOptedIn) && line.Action == string(recovery.Refuse)
	})
	if after := s.look(); !after.same(before) {
		t.Errorf("it was changed: before %s, after %s", before, after)
	}
}

// alarm makes the service's alarm, if it is not there, and sets its state as `aws cloudwatch set-alarm-state` does.
func (s *service) alarm(state types.StateValue) {
	s.t.Helper()
	name := s.name + "-5xx"
	_, err := s.alarms.PutMetricAlarm(s.ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("AWS/ECS"), MetricName: aws.String("CPUUtilization"), Statistic: types.StatisticAverage,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(90), TreatMissingData: aws.String("ignore"),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		Dimensions:         []types.Dimension{{Name: aws.String("ClusterName"), Value: aws.String(cluster)}, {Name: aws.String("ServiceName"), Value: &s.name}},
	})
	s.must(err)
	_, err = s.alarms.SetAlarmState(s.ctx, &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("the test says so")})
	s.must(err)
}

// awaitIncident waits for the newest incident of the service to be as expected.
func (s *service) awaitIncident(expected string, holds func(ledger.Incident) bool) ledger.Incident {
	s.t.Helper()
	var found ledger.Incident
	s.await(expected, func(ctx context.Context) (string, bool, error) {
		incidents, err := s.ledger.Incidents(ctx, ledger.MaximumListed, "")
		at := slices.IndexFunc(incidents, func(incident ledger.Incident) bool { return incident.Workload == s.workload })
		if err != nil || at < 0 {
			return "no incident yet", false, err
		}
		found = incidents[at]
		return fmt.Sprintf("%s, step %d, tried %q, waits %q, healthy since %s", found.ID, found.Step, triedOf(found), found.WaitReason, found.HealthySince),
			holds(found), nil
	})
	return found
}

func triedOf(incident ledger.Incident) []string {
	var tried []string
	for _, attempt := range incident.Tried {
		tried = append(tried, attempt.Do+" "+attempt.Outcome)
	}
	return tried
}

func (s *service) checkTried(incident ledger.Incident, want ...string) {
	s.t.Helper()
	if tried := triedOf(incident); !slices.Equal(tried, want) {
		s.t.Errorf("tried %q, want %q: %+v", tried, want, incident.Tried)
	}
}

// checkPage wants the page to be a custom notification with the whole story.
func (s *service) checkPage(from mailbox, incident ledger.Incident) {
	s.t.Helper()
	page := awaitMessage(s, from, "the page", func(body []byte) (recovery.Notification, bool) {
		var wrapped struct{ Message string }
		var page recovery.Notification
		if json.Unmarshal(body, &wrapped) != nil || json.Unmarshal([]byte(wrapped.Message), &page) != nil {
			return page, false
		}
		return page, page.Metadata.ThreadID == incident.ID
	})
	if page.Version != "1.0" || page.Source != "custom" || page.Content.TextType != "client-markdown" {
		s.t.Errorf("the page is no custom notification: %+v", page)
	}
	for _, want := range []string{"alarm " + s.name + "-5xx", "restart", "the test says so"} {
		if !strings.Contains(page.Content.Description, want) {
			s.t.Errorf("the page lacks %q: %s", want, page.Content.Description)
		}
	}
	if !strings.Contains(strings.Join(page.Content.NextSteps, "\n"), "davit explain "+incident.ID) {
		s.t.Errorf("the page says next: %q", page.Content.NextSteps)
	}
}

// checkExplained wants the command line to tell the same story.
func (s *service) checkExplained(incident ledger.Incident) {
	s.t.Helper()
	var explained struct {
		Incident ledger.Incident
		Timeline []ledger.Entry
	}
	if err := json.Unmarshal(s.davit("explain", incident.ID), &explained); err != nil || explained.Incident.ID != incident.ID {
		s.t.Fatalf("davit explain answers %+v, %v", explained, err)
	}
	actions := map[string]bool{}
	for _, entry := range explained.Timeline {
		actions[entry.Action] = true
	}
	for _, want := range []recovery.Action{recovery.Open, recovery.Try, recovery.LeaveOut, recovery.PageHuman, recovery.TakeBack, recovery.End} {
		if !actions[string(want)] {
			s.t.Errorf("the timeline has no %q: %v", want, actions)
		}
	}
	var listed []ledger.Incident
	if err := json.Unmarshal(s.davit("incidents", "--all"), &listed); err != nil || !slices.ContainsFunc(listed,
		func(other ledger.Incident) bool { return other.ID == incident.ID }) {
		s.t.Errorf("davit incidents --all does not list it: %v", err)
	}
}

// kill sends a signal to the service's container as `docker kill` does.
func (s *service) kill(signal string) {
	s.t.Helper()
	listed, err := s.ecs.ListTasks(s.ctx, &ecs.ListTasksInput{Cluster: aws.String(cluster), ServiceName: &s.name})
	s.must(err)
	described, err := s.ecs.DescribeTasks(s.ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: listed.TaskArns})
	s.must(err)
	if len(described.Tasks) != 1 || len(described.Tasks[0].Containers) != 1 {
		s.t.Fatalf("the service has %d tasks, want one with one container", len(described.Tasks))
	}
	s.must(s.engine.Kill(s.ctx, aws.ToString(described.Tasks[0].Containers[0].RuntimeId), signal))
}

// awaitRecovery waits for a line of the recover function's log.
func (s *service) awaitRecovery(expected string, is func(logLine) bool) {
	s.t.Helper()
	s.await(expected, func(ctx context.Context) (string, bool, error) {
		lines, err := s.logLinesOf(ctx, names.RecoverFunction)
		return fmt.Sprintf("no such line among %d", len(lines)), slices.ContainsFunc(lines, is), err
	})
}
