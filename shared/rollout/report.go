package rollout

import (
	"context"
	"errors"

	"davit/events/davit"
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

// announcements say which actions become which event. The others are counted only.
var announcements = map[Action]struct {
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
}

// Report publishes the notices in one call and counts them. What could not be published is an error, and is counted
// when it is reported again.
func (a *Announcer) Report(ctx context.Context, notices ...Notice) error {
	var events []publisher.Event
	for _, notice := range notices {
		if announcement, told := announcements[notice.Decision.Action]; told {
			events = append(events, publisher.Event{DetailType: announcement.detailType, Detail: detail(notice)})
		}
	}
	var err error
	if len(events) > 0 {
		err = a.Publisher.PublishAll(ctx, events)
	}
	if err != nil {
		return err
	}
	for _, notice := range notices {
		a.Metrics.Count(telemetry.Decisions, telemetry.Action(notice.Decision.Action), telemetry.Code(notice.Decision.Code))
		if announcement, told := announcements[notice.Decision.Action]; told {
			a.Metrics.Count(announcement.metric)
		}
	}
	return errors.Join(err, a.Metrics.Flush())
}

// detail is the event's detail for a notice.
func detail(notice Notice) davit.Rollout {
	decision := notice.Decision
	told := davit.Rollout{Version: davit.Version, Workload: notice.Workload.String(), Action: string(decision.Action), Code: string(decision.Code),
		Reason: decision.Reason, Deployment: decision.Deployment, Cause: notice.Cause.Text, Evidence: notice.Evidence}
	if rollout := notice.Rollout; rollout != nil {
		told.Rollout = rollout.ID
		if told.Deployment == "" {
			told.Deployment = rollout.Deployment
		}
	}
	if decision.Image != nil && notice.Repository != (workload.Repository{}) {
		told.Image = &davit.Image{Repository: notice.Repository.String(), Digest: decision.Image.Digest, Tag: decision.Image.Tag}
	}
	if former := notice.Former; former != nil {
		told.Previous = &davit.Previous{Digest: former.Digest, Tag: former.Tag}
	}
	told.Command = command(notice)
	return told
}

// command is what a human would run next.
func command(notice Notice) string {
	reference := notice.Workload.String()
	switch decision := notice.Decision; {
	case decision.Action == Fail, decision.Action == Supersede, decision.Code == BadDigest:
		return "davit forgive " + reference + " " + decision.Image.Digest
	case decision.Code == Held:
		return "davit resume " + reference
	case decision.Code == Frozen && decision.Image != nil:
		return "davit rollout " + reference + " --to " + decision.Image.Digest + " --override"
	case decision.Action == ReportOverdue:
		return "davit rollback " + reference
	case decision.Action == Refuse:
		return "davit explain " + reference
	}
	return "davit history " + reference
}
