package console

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAStepSaysHowItEnded(t *testing.T) {
	var out strings.Builder
	console := New(&out)
	if err := console.Step("works", func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := console.Step("fails", func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the work", err)
	}
	for _, want := range []string{"==> works\n    done in ", "==> fails\n    failed after "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("colour outside a terminal: %q", out.String())
	}
}

func TestAWaitTellsEachChangeOnceAndWhatItSawLast(t *testing.T) {
	var out strings.Builder
	console := New(&out)
	looks := []string{"starting", "starting", "running"}
	wait := Wait{For: "a running task", Limit: time.Minute, Every: time.Nanosecond}
	err := console.Await(t.Context(), wait, func(context.Context) (string, bool, error) {
		seen := looks[0]
		looks = looks[1:]
		return seen, seen == "running", nil
	})
	if err != nil || out.String() != "    starting\n    running\n" {
		t.Errorf("got %v and %q, want each change once", err, out.String())
	}

	wait.Limit = time.Nanosecond
	err = console.Await(t.Context(), wait, func(context.Context) (string, bool, error) { return "no task", false, nil })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "a running task") ||
		!strings.Contains(err.Error(), "no task") {
		t.Errorf("got %v, want what was expected and what was seen", err)
	}
}

func TestTheWriterKeepsLinesWhole(t *testing.T) {
	var out strings.Builder
	writer := New(&out).Writer()
	for _, part := range []string{"one\ntw", "o\nthr"} {
		if _, err := writer.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "    one\n    two\n" {
		t.Errorf("got %q", out.String())
	}
}
