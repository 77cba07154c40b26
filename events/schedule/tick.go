// Package schedule has the event of a scheduled rule, and of EventBridge Scheduler
// (docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html).
package schedule

import (
	"time"

	"davit/events/envelope"
)

// What tells the event apart.
const (
	// Source is that of a rule's schedule.
	Source = "aws.events"
	// SourceScheduler is that of EventBridge Scheduler.
	SourceScheduler = "aws.scheduler"
	DetailType      = "Scheduled Event"
)

// Tick is the detail of "Scheduled Event": it is time for the sweep. The detail itself says nothing.
type Tick struct {
	// Rule is the ARN of the rule or the schedule, from the event's resources, if there is one.
	Rule string `json:"-"`
}

// Event is the JSON of a whole event of the rule, for who does not wait for its schedule; the rule may be empty.
func Event(id string, at time.Time, account, region, rule string) ([]byte, error) {
	event := envelope.Envelope{ID: id, DetailType: DetailType, Source: Source, Account: account,
		Time: envelope.Timestamp{Time: at.UTC()}, Region: region}
	if rule != "" {
		event.Resources = []string{rule}
	}
	return event.Encode(Tick{})
}

// UnmarshalJSON takes whatever is there: a rule writes an empty object, Scheduler a string that holds one.
func (*Tick) UnmarshalJSON([]byte) error { return nil }

// Complete implements the reading of details: it takes the rule over.
func (t *Tick) Complete(around envelope.Envelope) error {
	if len(around.Resources) > 0 {
		t.Rule = around.Resources[0]
	}
	return nil
}
