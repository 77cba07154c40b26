package rollout

import (
	"context"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/publisher"
	"davit/shared/telemetry"
	"davit/shared/workload"
)

// Publisher puts events on the bus.
type Publisher interface {
	PublishAll(ctx context.Context, events []publisher.Event) error
}

// Announcer reports decisions as events on the bus davit and as metrics.
type Announcer struct {
	Publisher Publisher
	Metrics   *telemetry.Metrics
}

// kinds say which actions are told, as which event and which metric. The others are steps on the way to one of these.
var kinds = map[Action]struct {
	detailType string
	metric     telemetry.Metric
}{
	Roll:          {davit.DetailTypeRolloutStarted, telemetry.RolloutsStarted},
	Succeed:       {davit.DetailTypeRolloutSucceeded, telemetry.RolloutsCompleted},
	Fail:          {davit.DetailTypeRolloutFailed, telemetry.RolloutsFailed},
	Supersede:     {davit.DetailTypeRolloutSuperseded, telemetry.RolloutsFailed},
	Refuse:        {davit.DetailTypeRolloutRefused, telemetry.Refusals},
	Abandon:       {davit.DetailTypeRolloutRefused, telemetry.Refusals},
	ReportOverdue: {davit.DetailTypeRolloutOverdue, telemetry.RolloutsOverdue},
	PutBack:       {davit.DetailTypeRolloutPuttingBack, telemetry.RolloutsPutBack},
	HumanHold:     {davit.DetailTypeWorkloadHeld, telemetry.HumanActs},
	HumanResume:   {davit.DetailTypeWorkloadResumed, telemetry.HumanActs},
	HumanForgive:  {davit.DetailTypeImagesForgiven, telemetry.HumanActs},
	HumanRollback: {davit.DetailTypeRolloutRequested, telemetry.HumanActs},
	HumanRollout:  {davit.DetailTypeRolloutRequested, telemetry.HumanActs},
}

// Report publishes the announcements in one call and counts them. What could not be published is an error, and is
// counted when it is reported again.
func (a *Announcer) Report(ctx context.Context, announcements ...ledger.Announcement[davit.Rollout]) error {
	events := make([]publisher.Event, len(announcements))
	for index, announcement := range announcements {
		events[index] = publisher.Event{DetailType: announcement.DetailType, Detail: announcement.Detail}
	}
	if err := a.Publisher.PublishAll(ctx, events); err != nil {
		return err
	}
	for _, announcement := range announcements {
		a.Metrics.Count(telemetry.Decisions, telemetry.Action(announcement.Detail.Action), telemetry.Code(announcement.Detail.Code))
		a.Metrics.Count(kinds[Action(announcement.Detail.Action)].metric)
	}
	return a.Metrics.Flush()
}

// announce makes the announcement of a decision, if it is one of those that are told.
func announce(decision Decision, cause Cause, record ledger.Record, repositories []workload.Repository, evidence []string) []ledger.Announcement[davit.Rollout] {
	kind, told := kinds[decision.Action]
	if !told {
		return nil
	}
	detail := davit.Rollout{Version: davit.Version, Workload: record.Workload.String(), Action: string(decision.Action), Code: string(decision.Code),
		Reason: decision.Reason, Deployment: decision.Deployment, Cause: cause.Text, Evidence: evidence, Command: command(record.Workload, decision)}
	if rollout := record.Rollout; rollout != nil {
		detail.Rollout = rollout.ID
		if detail.Deployment == "" {
			detail.Deployment = rollout.Deployment
		}
	}
	if decision.Image != nil && len(repositories) > 0 {
		detail.Image = &davit.Image{Repository: repositories[0].String(), Digest: decision.Image.Digest, Tag: decision.Image.Tag}
	}
	if len(record.Good) > 0 {
		detail.Previous = &davit.Previous{Digest: record.Good[0].Digest, Tag: record.Good[0].Tag}
	}
	return []ledger.Announcement[davit.Rollout]{{DetailType: kind.detailType, Detail: detail}}
}

// command is what a human would run next.
func command(workload workload.Reference, decision Decision) string {
	reference := workload.String()
	switch {
	case decision.Action == Fail, decision.Action == Supersede && decision.Code != Gone, decision.Code == BadDigest:
		return "davit forgive " + reference + " " + decision.Image.Digest
	case decision.Code == Held, decision.Action == HumanHold:
		return "davit resume " + reference
	case decision.Code == Stopped:
		return "davit start"
	case decision.Code == Frozen && decision.Image != nil:
		return "davit rollout " + reference + " --to " + decision.Image.Digest + " --override --why …"
	case decision.Action == ReportOverdue:
		return "davit rollback " + reference + " --why …"
	case decision.Action == Refuse:
		return "davit explain " + reference
	}
	return "davit history " + reference
}
