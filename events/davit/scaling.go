package davit

import (
	_ "embed" // for the schema

	"davit/events/envelope"
)

// ScalingSchema is the JSON Schema of Scaling, for those who listen.
//
//go:embed scaling.schema.json
var ScalingSchema []byte

// The detail types of scaling.
const (
	DetailTypeScalingDone      = "Scaling Done"
	DetailTypeScalingRefused   = "Scaling Refused"
	DetailTypeScalingAbandoned = "Scaling Abandoned"
)

// Scaling is the detail of the events that tell what became of a workload's count.
type Scaling struct {
	// Version is the version of this detail, "1".
	Version string `json:"version"`
	// Workload is a reference such as ecs:production/web.
	Workload string `json:"workload"`
	// Action is what was decided.
	Action string `json:"action"`
	// Code is the reason for programs, Reason the one for people.
	Code   string `json:"code"`
	Reason string `json:"reason"`
	// Direction is "out" or "in", where the decision has one.
	Direction string `json:"direction,omitempty"`
	// Lever is what was moved: "count", "bounds" of whoever owns the count, or "hosts".
	Lever string `json:"lever,omitempty"`
	// From and To are what it was and what it is, in words.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Price is what the act adds to a month's bill, in words.
	Price string `json:"price,omitempty"`
	// Cause is what came in, in words.
	Cause string `json:"cause"`
	// Command is what a human can run next.
	Command string `json:"command,omitempty"`
}

// Complete implements the reading of details: it checks the required fields.
func (s *Scaling) Complete(envelope.Envelope) error {
	if err := checkVersion(s.Version); err != nil {
		return err
	}
	return envelope.Required("detail.workload", s.Workload, "detail.action", s.Action, "detail.code", s.Code,
		"detail.reason", s.Reason, "detail.cause", s.Cause)
}
