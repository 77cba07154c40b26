package show

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Status is the state of one workload in short.
type Status struct {
	Workload workload.Reference `json:"workload"`
	// Running is the image that runs; absent where the workload runs none of its repository.
	Running *ledger.Image `json:"running,omitempty"`
	// Policy is the image policy's expression; empty where the workload did not opt in.
	Policy string `json:"policy,omitempty"`
	// States are what is to be said of the workload, such as "up to date" and "1 set aside"; never empty.
	States []string `json:"states"`
	// Action, Code and Reason are what davit would do now, and why.
	Action rollout.Action `json:"action,omitempty"`
	Code   rollout.Code   `json:"code,omitempty"`
	Reason string         `json:"reason,omitempty"`
	// SetAside counts the images that are not tried again.
	SetAside int             `json:"setAside"`
	Hold     *ledger.Hold    `json:"hold,omitempty"`
	Rollout  *ledger.Rollout `json:"rollout,omitempty"`
	// LastEvent is the newest entry of the history.
	LastEvent *ledger.Entry `json:"lastEvent,omitempty"`
	// Error is why nothing is known of the workload.
	Error string `json:"error,omitempty"`
}

// States says in short how a workload stands: at first what is under way, then what stands in the way.
func States(now time.Time, configured settings.Settings, explained rollout.Explanation) []string {
	record, observation := explained.Record, explained.Observation
	if !observation.Exists {
		return []string{"gone"}
	}
	states := progress(explained)
	if configured.Stop != nil {
		states = append(states, "stopped")
	}
	if held, _ := Held(now, explained); held {
		states = append(states, "held")
	}
	if window, frozen := configured.Frozen(observation.Workload.String(), now); frozen && observation.Settings.Policy != "" {
		states = append(states, "frozen until "+Time(window.Ends))
	}
	if count := len(record.AllSetAside()); count > 0 {
		states = append(states, fmt.Sprintf("%d set aside", count))
	}
	return states
}

// Held tells whether a hold is in force, and in words whose it is and why.
func Held(now time.Time, explained rollout.Explanation) (bool, string) {
	if tag := explained.Observation.Settings.Hold; tag != "" {
		return true, "the davit/hold tag says: " + tag
	}
	hold := explained.Record.Hold
	if hold == nil || !hold.Until.IsZero() && !now.Before(hold.Until) {
		return false, ""
	}
	return true, Hold(*hold)
}

// Hold is a hold in words.
func Hold(hold ledger.Hold) string {
	words := "by " + hold.Who + " since " + Time(hold.At)
	if !hold.Until.IsZero() {
		words += " until " + Time(hold.Until)
	}
	return words + ": " + hold.Why
}

// progress is what is under way, or that nothing has to be.
func progress(explained rollout.Explanation) []string {
	record, decision := explained.Record, explained.Decision
	if current := record.Rollout; current != nil {
		words := "rolling "
		if current.Phase == ledger.PuttingBack {
			words = "putting back "
		}
		states := []string{words + Image(current.Image.Tag, current.Image.Digest)}
		if current.Overdue || decision.Action == rollout.ReportOverdue {
			states = append(states, "overdue")
		}
		return states
	}
	var states []string
	if record.Request != nil {
		states = append(states, "asked for "+Image(record.Request.Image.Tag, record.Request.Image.Digest))
	}
	return append(states, inShort(explained)...)
}

// inShort is the decision in a few words. Stops, holds, freezes and set-aside images have words of their own.
func inShort(explained rollout.Explanation) []string {
	decision := explained.Decision
	switch {
	case decision.Code == rollout.NotOptedIn:
		return []string{"not opted in"}
	case decision.Action == rollout.Roll && decision.Image != nil:
		return []string{"rolls " + Image(decision.Image.Tag, decision.Image.Digest) + " next"}
	case decision.Action == rollout.Wait:
		return []string{"waits"}
	case slices.Contains([]rollout.Code{rollout.Held, rollout.Frozen, rollout.Stopped}, decision.Code) && decision.Image != nil:
		return []string{"would roll " + Image(decision.Image.Tag, decision.Image.Digest)}
	case decision.Code == rollout.BadDigest, decision.Code == rollout.Older, decision.Code == rollout.UpToDate,
		decision.Action == rollout.Remember, decision.Action == rollout.Settle:
		return []string{"up to date"}
	case decision.Code == rollout.NoCandidate:
		return []string{"no image qualifies"}
	case decision.Action == rollout.Refuse:
		return []string{"refused: " + string(decision.Code)}
	}
	return []string{string(decision.Action)}
}

// StatusTable writes the states as a table, a line a workload, and below it why nothing is known of some.
func StatusTable(w io.Writer, statuses []Status) error {
	table := newTable(w)
	row(table, "WORKLOAD", "RUNNING", "POLICY", "STATE", "LAST EVENT")
	for _, status := range statuses {
		running := "-"
		if status.Running != nil {
			running = Image(status.Running.Tag, status.Running.Digest)
		}
		row(table, status.Workload.String(), running, orDash(status.Policy), strings.Join(status.States, ", "), lastEvent(status.LastEvent))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, status := range statuses {
		if status.Error == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s is unknown: %s\n", status.Workload, oneLine(status.Error)); err != nil {
			return err
		}
	}
	return nil
}

func lastEvent(entry *ledger.Entry) string {
	if entry == nil {
		return "-"
	}
	return Time(entry.At) + " " + decided(*entry)
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// row keeps the table's error for Flush. Tabs and line breaks within a cell would break the table.
func row(table *tabwriter.Writer, cells ...string) {
	for at, cell := range cells {
		cells[at] = oneLine(cell)
	}
	_, _ = fmt.Fprintln(table, strings.Join(cells, "\t"))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
