package backoff

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheWindowDoublesUpToTheMost(t *testing.T) {
	for _, test := range []struct {
		first, most time.Duration
		attempt     int
		want        time.Duration
	}{
		{time.Second, time.Minute, -1, time.Second},
		{time.Second, time.Minute, 1, time.Second},
		{time.Second, time.Minute, 2, 2 * time.Second},
		{time.Second, time.Minute, 6, 32 * time.Second},
		{time.Second, time.Minute, 7, time.Minute},
		{time.Second, time.Minute, math.MaxInt, time.Minute},
		{time.Second, math.MaxInt64, math.MaxInt, math.MaxInt64},
		{time.Minute, time.Second, 1, time.Second},
	} {
		if got := Window(test.first, test.most, test.attempt); got != test.want {
			t.Errorf("attempt %d from %s to %s has a window of %s, not %s",
				test.attempt, test.first, test.most, got, test.want)
		}
	}
}

func TestDelaysStayInTheirWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "first"))
		most := time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "most"))
		attempt := rapid.Int().Draw(t, "attempt")
		delay, window := Delay(first, most, attempt), Window(first, most, attempt)
		if delay < 1 || delay > max(window, 1) || delay > most {
			t.Fatalf("the delay is %s, in a window of %s", delay, window)
		}
	})
}

func TestDelaysDiffer(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 100 {
		seen[Delay(time.Hour, time.Hour, 1)] = true
	}
	if len(seen) < 90 {
		t.Errorf("100 delays have %d values", len(seen))
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("the wait ended with %v", err)
	}
	if err := Wait(t.Context(), 1); err != nil {
		t.Errorf("the wait ended with %v", err)
	}
}
