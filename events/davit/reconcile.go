package davit

import (
	"fmt"
	"time"
	"unicode/utf8"

	"davit/events/envelope"
)

// Limits of Reconcile, in workloads and in characters.
const (
	MaximumWorkloads = 10
	MaximumWorkload  = 600
	MaximumCause     = 512
)

// Reconcile is the detail of "Reconcile Workloads": look at these workloads and do what their policies ask for.
type Reconcile struct {
	Version string `json:"version"`
	// Workloads are references such as ecs:production/web, 1 to 10.
	Workloads []string `json:"workloads"`
	// Cause is what led to this, in words.
	Cause string `json:"cause,omitempty"`
	// Image is the image that was pushed, where a push led to this.
	Image *Image `json:"image,omitempty"`
}

// Complete implements the reading of details: it checks the fields.
func (r *Reconcile) Complete(envelope.Envelope) error {
	if err := checkVersion(r.Version); err != nil {
		return err
	}
	if len(r.Workloads) == 0 {
		return envelope.Missing("detail.workloads")
	}
	if len(r.Workloads) > MaximumWorkloads {
		return fmt.Errorf("detail.workloads: %d are more than %d", len(r.Workloads), MaximumWorkloads)
	}
	for i, workload := range r.Workloads {
		if length := utf8.RuneCountInString(workload); length == 0 || length > MaximumWorkload {
			return fmt.Errorf("detail.workloads[%d]: want 1 to %d characters, not %d", i, MaximumWorkload, length)
		}
	}
	if length := utf8.RuneCountInString(r.Cause); length > MaximumCause {
		return fmt.Errorf("detail.cause: want at most %d characters, not %d", MaximumCause, length)
	}
	return nil
}

// Event is the JSON of a whole event as it stands in a queue, for a message that davit sends to itself. It refuses what
// could not be read again.
func (r Reconcile) Event(id string, at time.Time, account, region string) ([]byte, error) {
	r.Version = Version
	event := envelope.Envelope{ID: id, DetailType: DetailTypeReconcile, Source: Source, Account: account,
		Time: envelope.Timestamp{Time: at.UTC()}, Region: region}
	body, err := event.Encode(r)
	if err == nil {
		err = r.Complete(event)
	}
	if err != nil {
		return nil, fmt.Errorf("make a %q event: %w", DetailTypeReconcile, err)
	}
	return body, nil
}
