package scaling

import (
	"context"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/publisher"
	"davit/shared/telemetry"
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

// Report publishes the announcements in one call and counts them. What could not be published is an error, and is counted
// when it is reported again.
func (a *Announcer) Report(ctx context.Context, announcements ...ledger.Announcement[davit.Scaling]) error {
	events := make([]publisher.Event, len(announcements))
	for index, announcement := range announcements {
		events[index] = publisher.Event{DetailType: announcement.DetailType, Detail: announcement.Detail}
	}
	if err := a.Publisher.PublishAll(ctx, events); err != nil {
		return err
	}
	for _, announcement := range announcements {
		a.Metrics.Count(telemetry.Decisions, telemetry.Action(announcement.Detail.Action), telemetry.Code(announcement.Detail.Code))
		metric := telemetry.ScalingsRefused
		if announcement.DetailType == davit.DetailTypeScalingDone {
			metric = telemetry.ScalingsDone
		}
		a.Metrics.Count(metric)
	}
	return a.Metrics.Flush()
}
