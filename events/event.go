// Package events reads what EventBridge delivers to davit. Each kind of event has a package of its own below this one,
// with the examples of AWS's documentation beside it.
package events

import (
	"errors"
	"fmt"
	"time"

	"davit/events/envelope"
)

// ErrMalformed is wrapped by every error of Parse: trying again will not help.
var ErrMalformed = errors.New("malformed event")

// Event is what happened, where and when.
type Event struct {
	// ID is EventBridge's own; an event that is delivered twice has it twice.
	ID         string
	Source     string
	DetailType string
	// Account and Region are where the event comes from.
	Account string
	Region  string
	Time    time.Time
	// Resources are the ARNs of what the event is about; some events have none.
	Resources []string
	// Detail is a pointer to one of the types in the packages below, such as *ecr.ImageAction. It is nil where davit
	// does not know the kind of event.
	Detail any
}

// Known tells whether davit knows the kind of event.
func (e Event) Known() bool { return e.Detail != nil }

// Parse reads an event as EventBridge delivers it to a queue. A kind of event that is not known is no error; fields
// that are not known are ignored, since AWS adds some now and then. Every error wraps ErrMalformed and names the field.
func Parse(body []byte) (Event, error) {
	read, err := envelope.Decode(body)
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	event := Event{
		ID:         read.ID,
		Source:     read.Source,
		DetailType: read.DetailType,
		Account:    read.Account,
		Region:     read.Region,
		Time:       read.Time.Time,
		Resources:  read.Resources,
	}
	decode, known := registry[kind{read.Source, read.DetailType}]
	if !known {
		return event, nil
	}
	if event.Detail, err = decode(read); err != nil {
		return Event{}, fmt.Errorf("%w: %s %q: %w", ErrMalformed, read.Source, read.DetailType, err)
	}
	return event, nil
}
