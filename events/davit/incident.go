package davit

import (
	_ "embed" // for the schema

	"davit/events/envelope"
)

// IncidentSchema is the JSON Schema of Incident, for those who listen.
//
//go:embed incident.schema.json
var IncidentSchema []byte

// Incident is the detail of the events that tell what became of an incident.
type Incident struct {
	// Version is the version of this detail, "1".
	Version string `json:"version"`
	// Incident is the ID; a storm has that of its own.
	Incident string `json:"incident"`
	// Workload is a reference such as ecs:production/web; empty for a storm.
	Workload string `json:"workload,omitempty"`
	// Playbook is the ladder that the incident climbs.
	Playbook string `json:"playbook,omitempty"`
	// Action is what was decided.
	Action string `json:"action"`
	// Code is the reason for programs, Reason the one for people.
	Code   string `json:"code"`
	Reason string `json:"reason"`
	// Cause is what opened the incident, in words.
	Cause string `json:"cause"`
	// OpenedAt is when, in RFC 3339.
	OpenedAt string `json:"openedAt"`
	// Tried is what was done, a line each, oldest first.
	Tried []string `json:"tried,omitempty"`
	// Evidence is what was seen, a line each.
	Evidence []string `json:"evidence,omitempty"`
	// Links lead to where more can be seen.
	Links []string `json:"links,omitempty"`
	// Command is what a human can run next.
	Command string `json:"command,omitempty"`
	// Paged is true where a human was paged about the incident, before this or by it.
	Paged bool `json:"paged,omitempty"`
}

// Complete implements the reading of details: it checks the required fields.
func (i *Incident) Complete(envelope.Envelope) error {
	if err := checkVersion(i.Version); err != nil {
		return err
	}
	return envelope.Required("detail.incident", i.Incident, "detail.action", i.Action, "detail.code", i.Code,
		"detail.reason", i.Reason, "detail.cause", i.Cause, "detail.openedAt", i.OpenedAt)
}
