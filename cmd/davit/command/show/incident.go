package show

import (
	"bufio"
	"io"
	"slices"
	"strings"

	"davit/shared/ledger"
	"davit/shared/recovery"
)

// NewestFirst sorts incidents by the time at which they were opened.
func NewestFirst(incidents []ledger.Incident) {
	slices.SortFunc(incidents, func(a, b ledger.Incident) int { return strings.Compare(b.ID, a.ID) })
}

// IncidentState is an incident's state in a word or two.
func IncidentState(incident ledger.Incident) string {
	switch {
	case !incident.EndedAt.IsZero():
		return "ended: " + incident.Outcome
	case !incident.PagedAt.IsZero():
		return "paged"
	case !incident.HealthySince.IsZero():
		return "healthy"
	case incident.Waits != "":
		return "waits: " + incident.Waits
	}
	return "open"
}

// Incidents writes a line for each.
func Incidents(w io.Writer, incidents []ledger.Incident) error {
	if len(incidents) == 0 {
		_, err := io.WriteString(w, "No incident.\n")
		return err
	}
	table := newTable(w)
	row(table, "INCIDENT", "WORKLOAD", "PLAYBOOK", "OPENED", "STATE", "TRIED", "CAUSE")
	for _, incident := range incidents {
		var tried []string
		for _, attempt := range incident.Tried {
			if attempt.Outcome != ledger.LeftOut {
				tried = append(tried, attempt.Do)
			}
		}
		row(table, incident.ID, incident.Workload.String(), incident.Playbook, Time(incident.OpenedAt), IncidentState(incident),
			orDash(strings.Join(tried, ", ")), oneLine(incident.Cause))
	}
	return table.Flush()
}

// IncidentText writes the whole story of one incident.
func IncidentText(w io.Writer, incident ledger.Incident, decision *recovery.Decision, timeline []ledger.Entry) error {
	out := bufio.NewWriter(w)
	line(out, "%s of %s, %s", incident.ID, incident.Workload, IncidentState(incident))
	line(out, "  cause     %s", incident.Cause)
	line(out, "  playbook  %s", incident.Playbook)
	line(out, "  opened    %s", Time(incident.OpenedAt))
	if incident.WaitReason != "" {
		line(out, "  waits     %s", incident.WaitReason)
	}
	if !incident.PagedAt.IsZero() {
		line(out, "  paged     %s: %s", Time(incident.PagedAt), incident.PageReason)
	}
	if !incident.EndedAt.IsZero() {
		line(out, "  ended     %s: %s", Time(incident.EndedAt), incident.Reason)
	}
	if decision != nil {
		line(out, "  now       %s [%s]: %s", decision.Action, decision.Code, decision.Reason)
	}
	paragraph(out, "Tried", incident.Tried, recovery.Describe)
	paragraph(out, "Seen", incident.Evidence, oneLine)
	paragraph(out, "Timeline", timeline, func(entry ledger.Entry) string {
		return Time(entry.At) + "  " + entry.Action + " [" + entry.Code + "]: " + oneLine(entry.Reason)
	})
	return out.Flush()
}

func paragraph[T any](out *bufio.Writer, title string, of []T, text func(T) string) {
	if len(of) == 0 {
		return
	}
	line(out, "")
	line(out, "%s", title)
	for _, one := range of {
		line(out, "  %s", text(one))
	}
}
