package hashjob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"davit/events/hashjob"
)

// Status is how a job stands.
type Status string

// The statuses.
const (
	// Running: an invocation works on it, or one that stopped in time handed the rest on.
	Running Status = "running"
	// Split: its pieces are worked on side by side.
	Split Status = "split"
	// Succeeded and Failed: it has ended.
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
)

// Record is what is kept of a job: the claim on its ID, how far it is, and what it came to.
type Record struct {
	ID   string       `json:"id"`
	Kind hashjob.Kind `json:"kind,omitempty"`
	// Document is a digest of the document, by which the same job is told from another one with its ID.
	Document string `json:"document"`
	Status   Status `json:"status"`
	// Version fences the record: a write succeeds only on the version that was read. 0 is a record never written.
	Version int64 `json:"version"`
	// Lease is until when the invocation that wrote the record may still be working on the job.
	Lease time.Time `json:"lease,omitzero"`
	// Invocations is how many have worked on the job.
	Invocations int `json:"invocations"`
	// Items is how many inputs were read, or nonces tried, and Pieces how many pieces the job has.
	Items  uint64 `json:"items"`
	Pieces int    `json:"pieces,omitempty"`
	// Checkpoint is the key of what the last invocation handed on.
	Checkpoint string `json:"checkpoint,omitempty"`
	// Trouble is the last error that may pass.
	Trouble string `json:"trouble,omitempty"`
	// Result is where the result is, Error why the job failed.
	Result *hashjob.Location   `json:"result,omitempty"`
	Error  *hashjob.FieldError `json:"error,omitempty"`
	// Execution names the state machine's execution that does the pieces, and Attempt tells it from those before.
	Execution string `json:"execution,omitempty"`
	Attempt   int64  `json:"attempt,omitempty"`
	// Announced tells whether the event of the job's end is on the bus.
	Announced bool      `json:"announced,omitempty"`
	BegunAt   time.Time `json:"begun_at"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// ErrConflict is wrapped by the error of a write whose record is no longer the one that was read.
var ErrConflict = errors.New("another invocation changed the job's record")

// Book keeps records.
type Book interface {
	// Read answers the record of an ID; one never written has version 0.
	Read(ctx context.Context, id string) (Record, error)
	// Write stores the record with the version after its own, if the stored version is still the record's, and answers it
	// as it is stored. Otherwise its error wraps ErrConflict.
	Write(ctx context.Context, record Record) (Record, error)
	// Progress notes how many items are done, as long as the version is the record's.
	Progress(ctx context.Context, record Record, items uint64) error
}

// Identify is the digest of a job's document, whatever its spaces and the order of its fields.
func Identify(job hashjob.Job) (string, error) {
	document, err := json.Marshal(job)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(document)
	return hex.EncodeToString(digest[:]), nil
}

// Action is what is to be done about a job that came in.
type Action string

// The actions.
const (
	// Begin: nobody works on it, and it has not succeeded. One that failed is done anew: its cause may be gone.
	Begin Action = "begin"
	// Resume: an invocation handed it on or died; it goes on from the checkpoint.
	Resume Action = "resume"
	// Wait: an invocation works on it until the lease ends.
	Wait Action = "wait"
	// Leave: it is worked on elsewhere, or has ended; there is nothing to do.
	Leave Action = "leave"
	// Announce: it has ended, and the event of it may be missing.
	Announce Action = "announce"
	// Refuse: the ID belongs to another document.
	Refuse Action = "refuse"
)

// Decision is what is to be done, and why.
type Decision struct {
	Action Action
	Reason string
	// Until is when to look again, of Wait.
	Until time.Time
}

// Decide says what is to be done about a job with the document. It is pure.
func Decide(now time.Time, record Record, document string) Decision {
	switch {
	case record.Version == 0:
		return Decision{Action: Begin, Reason: "it is new"}
	case record.Status == Failed && record.Announced:
		return Decision{Action: Begin, Reason: "it failed before, and was sent again"}
	case record.Document != document && record.Status != Failed:
		return Decision{Action: Refuse, Reason: fmt.Sprintf("job %s belongs to another document, which is %s: choose another ID", record.ID, record.Status)}
	case record.Status == Split && record.Lease.IsZero():
		return Decision{Action: Leave, Reason: "its pieces are worked on"}
	case (record.Status == Succeeded || record.Status == Failed) && !record.Announced:
		return Decision{Action: Announce, Reason: "it has ended, and the event of it may be missing"}
	case record.Status == Succeeded:
		return Decision{Action: Leave, Reason: "it was done before"}
	case now.Before(record.Lease):
		return Decision{Action: Wait, Reason: "another invocation works on it", Until: record.Lease}
	}
	return Decision{Action: Resume, Reason: "it was handed on, or its invocation died"}
}
