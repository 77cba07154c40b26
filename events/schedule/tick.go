// Package schedule has the event of a scheduled rule, and of EventBridge Scheduler
// (docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html).
package schedule

import "davit/events/envelope"

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

// UnmarshalJSON takes whatever is there: a rule writes an empty object, Scheduler a string that holds one.
func (*Tick) UnmarshalJSON([]byte) error { return nil }

// Complete implements the reading of details: it takes the rule over.
func (t *Tick) Complete(around envelope.Envelope) error {
	if len(around.Resources) > 0 {
		t.Rule = around.Resources[0]
	}
	return nil
}
