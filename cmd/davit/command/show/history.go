// Package show writes what davit knows as plain text for people: histories, states and explanations.
package show

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/workload"
)

// endings are the actions that end a rollout, in the words of an outcome.
var endings = map[rollout.Action]string{
	rollout.Succeed:   "succeeded",
	rollout.Fail:      "failed",
	rollout.Supersede: "was superseded",
	rollout.Abandon:   "was abandoned",
}

// Ending tells whether an entry's action ends a rollout, and how in words, such as "succeeded".
func Ending(action string) (words string, ends bool) {
	words, ends = endings[rollout.Action(action)]
	return words, ends
}

// History writes the entries of one workload's history, given in any order, from oldest to newest: of each its time in
// UTC and what came in, and below them what was decided, why, what came of it, and the evidence. What came of a rollout
// is looked for among the entries given.
func History(w io.Writer, entries []ledger.Entry) error {
	sorted := OldestFirst(entries)
	out := bufio.NewWriter(w)
	for at, entry := range sorted {
		cause := entry.Cause
		if cause == "" {
			cause = "nothing is known of the cause"
		}
		line(out, "%s  %s", Time(entry.At), cause)
		line(out, "  decided   %s", decided(entry))
		if entry.Reason != "" {
			line(out, "  because   %s", entry.Reason)
		}
		if words := outcome(entry, sorted[at+1:]); words != "" {
			line(out, "  outcome   %s", words)
		}
		label := "evidence"
		for _, evidence := range entry.Evidence {
			line(out, "  %-8s  %s", label, evidence)
			label = ""
		}
	}
	return out.Flush()
}

// OldestFirst is a copy of the entries in the order of their time.
func OldestFirst(entries []ledger.Entry) []ledger.Entry {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b ledger.Entry) int { return strings.Compare(a.Key(), b.Key()) })
	return sorted
}

// decided is the action with its image and its code.
func decided(entry ledger.Entry) string {
	words := entry.Action
	if entry.Image != nil {
		words += " " + Image(entry.Image.Tag, entry.Image.Digest)
	}
	if entry.Code != "" {
		words += " [" + entry.Code + "]"
	}
	return words
}

// outcome is what came of the rollout that the entry began; empty if it began none.
func outcome(entry ledger.Entry, later []ledger.Entry) string {
	if rollout.Action(entry.Action) != rollout.Roll || entry.Rollout == "" {
		return ""
	}
	for _, other := range later {
		words, ends := Ending(other.Action)
		if ends && other.Rollout == entry.Rollout {
			return words + " after " + Duration(other.At.Sub(entry.At))
		}
	}
	return "none yet"
}

// Image names an image: its tag, if it has one, and the first twelve digits of its digest.
func Image(tag, digest string) string {
	switch short := workload.ShortDigest(digest); {
	case tag == "":
		return short
	case short == "":
		return tag
	default:
		return tag + " (" + short + ")"
	}
}

// Time is the instant in UTC to the second; "-" for the zero time.
func Time(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format(time.RFC3339)
}

// Duration is a length of time for people: tenths of a second below ten seconds, seconds below an hour, else minutes.
func Duration(length time.Duration) string {
	switch length = max(length, 0); {
	case length < 10*time.Second:
		return length.Round(100 * time.Millisecond).String()
	case length < time.Hour:
		return length.Round(time.Second).String()
	}
	return strings.TrimSuffix(length.Round(time.Minute).String(), "0s")
}

// line keeps the bufio.Writer's error for Flush.
func line(out *bufio.Writer, format string, arguments ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", arguments...)
}

// Entry is an entry in one line: what was decided, and why.
func Entry(entry ledger.Entry) string {
	if entry.Reason == "" {
		return decided(entry)
	}
	return decided(entry) + ": " + entry.Reason
}
