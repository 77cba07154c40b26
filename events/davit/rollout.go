package davit

import (
	_ "embed" // for the schema

	"davit/events/envelope"
)

// RolloutSchema is the JSON Schema of Rollout, for those who listen.
//
//go:embed rollout.schema.json
var RolloutSchema []byte

// Rollout is the detail of the events that tell what became of a rollout, and what humans did to its workload.
type Rollout struct {
	// Version is the version of this detail, "1".
	Version string `json:"version"`
	// Workload is a reference such as ecs:production/web.
	Workload string `json:"workload"`
	// Action is what was decided.
	Action string `json:"action"`
	// Who is the human whose act it is, if it is one's.
	Who string `json:"who,omitempty"`
	// Code is the reason for programs, Reason the one for people.
	Code   string `json:"code"`
	Reason string `json:"reason"`
	// Rollout is the ID of the rollout; a refusal has none.
	Rollout string `json:"rollout,omitempty"`
	// Image is the image that is rolled out, or that was refused.
	Image *Image `json:"image,omitempty"`
	// Previous is the image that ran before.
	Previous *Previous `json:"previous,omitempty"`
	// Deployment is the platform's ID of the deployment.
	Deployment string `json:"deployment,omitempty"`
	// Cause is what came in: an event, the sweep or a human, in words.
	Cause string `json:"cause"`
	// Evidence is what the platform said, a line each: stopped tasks with their exit codes and reasons.
	Evidence []string `json:"evidence,omitempty"`
	// Command is what a human can run next.
	Command string `json:"command,omitempty"`
}

// Image is an image of a repository.
type Image struct {
	// Repository is ACCOUNT/REGION/NAME.
	Repository string `json:"repository"`
	// Digest is "sha256:" and 64 hexadecimal digits.
	Digest string `json:"digest"`
	Tag    string `json:"tag,omitempty"`
}

// Previous is the image that ran before a rollout.
type Previous struct {
	Digest string `json:"digest"`
	Tag    string `json:"tag,omitempty"`
}

// Complete implements the reading of details: it checks the required fields.
func (r *Rollout) Complete(envelope.Envelope) error {
	if err := checkVersion(r.Version); err != nil {
		return err
	}
	if err := envelope.Required("detail.workload", r.Workload, "detail.action", r.Action, "detail.code", r.Code,
		"detail.reason", r.Reason); err != nil {
		return err
	}
	if r.Image != nil {
		if err := envelope.Required("detail.image.repository", r.Image.Repository,
			"detail.image.digest", r.Image.Digest); err != nil {
			return err
		}
	}
	if r.Previous != nil {
		return envelope.Required("detail.previous.digest", r.Previous.Digest)
	}
	return nil
}
