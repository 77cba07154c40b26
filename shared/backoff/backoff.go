// Package backoff spaces the repetitions of what failed.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delay is how long to wait before the repetition of the given attempt, counted from 1: "full jitter"
// (aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter), which is anything up to first doubled at
// each attempt after the first, and never above most. It is never 0.
func Delay(first, most time.Duration, attempt int) time.Duration {
	return Jitter(Window(first, most, attempt))
}

// Jitter is a time drawn evenly from the window: more than 0, and at most the window. A window of 0 or less is one of a
// nanosecond.
func Jitter(window time.Duration) time.Duration {
	return 1 + rand.N(max(window, 1)) // #nosec G404 -- jitter is no secret
}

// Window is the longest that Delay can be.
func Window(first, most time.Duration, attempt int) time.Duration {
	window := first
	for range min(max(attempt, 1)-1, 62) {
		if window >= most/2 {
			return most
		}
		window *= 2
	}
	return min(window, most)
}

// Wait waits, or answers the context's error once it is done.
func Wait(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
