package workqueue

import (
	"errors"
	"time"
)

// errNoReason stands for the cause that a caller did not give.
var errNoReason = errors.New("no reason given")

type later struct {
	error
	delay time.Duration
}

func (l *later) Unwrap() error { return l.error }

// Later says that the message cannot be handled yet: it stays in the queue and comes again after delay, or after the
// usual backoff where delay is 0 or less. Some seconds are added at random, up to half of the delay and never more than a
// minute, so that messages that got in one another's way do not come again together. Each time counts as an attempt: the
// queue's own limit moves the message to the dead-letter queue in the end. The whole is rounded up to seconds and is at
// most 11 h 45 min, since SQS hides a message for 12 hours in all.
func Later(err error, delay time.Duration) error {
	if err == nil {
		err = errNoReason
	}
	return &later{error: err, delay: delay}
}

type poison struct{ error }

func (p *poison) Unwrap() error { return p.error }

// Poison says that the message can never be handled: it goes to the dead-letter queue at once, with the error as the
// attribute "reason". It wins over a Later that it wraps or is wrapped by.
func Poison(err error) error {
	if err == nil {
		err = errNoReason
	}
	return &poison{error: err}
}
