package davit

import (
	_ "embed" // for the schema

	"davit/events/envelope"
)

// HashJobSchema is the JSON Schema of HashJob, for those who listen.
//
//go:embed hash_job.schema.json
var HashJobSchema []byte

// HashJob is the detail of the event that tells what became of a hash job.
type HashJob struct {
	// Version is the version of this detail, "1".
	Version string `json:"version"`
	// Job is the job's ID, Kind what it does.
	Job  string `json:"job"`
	Kind string `json:"kind,omitempty"`
	// Outcome is "succeeded" or "failed".
	Outcome string `json:"outcome"`
	// Items is how many inputs were read, or nonces tried.
	Items uint64 `json:"items"`
	// Field and Index say where a job that failed is wrong, and Reason why.
	Field  string  `json:"field,omitempty"`
	Index  *uint64 `json:"index,omitempty"`
	Reason string  `json:"reason,omitempty"`
	// Result is where the result is.
	Result *HashJobResult `json:"result,omitempty"`
	// Command is what a human can run next.
	Command string `json:"command,omitempty"`
}

// HashJobResult is the object that holds the result of a hash job.
type HashJobResult struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// Complete implements the reading of details: it checks the required fields.
func (h *HashJob) Complete(envelope.Envelope) error {
	if err := checkVersion(h.Version); err != nil {
		return err
	}
	if err := envelope.Required("detail.job", h.Job, "detail.outcome", h.Outcome); err != nil {
		return err
	}
	if h.Result != nil {
		return envelope.Required("detail.result.bucket", h.Result.Bucket, "detail.result.key", h.Result.Key)
	}
	return nil
}
