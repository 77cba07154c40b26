package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/recovery"
	"davit/shared/workload"
)

func incidentsCommand(world environment) *cobra.Command {
	var given flags
	limit, all := 50, false
	command := &cobra.Command{
		Use:     "incidents",
		GroupID: groupLook,
		Short:   "List the open incidents, what was tried and what waits",
		Long: `List the open incidents, newest first: what opened each, what was tried, and what it waits for. With --all those that
ended, too.`,
		Example: "  davit incidents\n  davit incidents --all --limit 10 --json",
		Args:    cobra.NoArgs,
	}
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if limit < 1 || limit > ledger.MaximumListed {
			return usage("--limit %d is not 1 to %d", limit, ledger.MaximumListed)
		}
		return world.verb(&given, reading, func(ctx context.Context, s *session, _ []string) error {
			return s.listIncidents(ctx, limit, all)
		})(command, arguments)
	}
	given.add(command)
	command.Flags().IntVar(&limit, "limit", limit, "how many of the newest incidents")
	command.Flags().BoolVar(&all, "all", false, "those that ended, too")
	command.ValidArgsFunction = cobra.NoFileCompletions
	return command
}

func (s *session) listIncidents(ctx context.Context, limit int, all bool) error {
	answer := []ledger.Incident{}
	if all {
		listed, err := s.Ledger.Incidents(ctx, limit, "")
		if err != nil {
			return err
		}
		answer = append(answer, listed...)
	} else {
		open, err := s.openIncidents(ctx, limit)
		if err != nil {
			return err
		}
		answer = append(answer, open...)
	}
	if err := s.sayStopped(ctx); err != nil {
		return err
	}
	return s.result(answer, func(w io.Writer) error { return show.Incidents(w, answer) })
}

// openIncidents reads those of the workloads that have some, newest first.
func (s *session) openIncidents(ctx context.Context, limit int) ([]ledger.Incident, error) {
	var found []ledger.Incident
	for reference, err := range s.Ledger.Open(ctx) {
		if err != nil {
			return nil, err
		}
		records, err := s.Ledger.Read(ctx, []workload.Reference{reference})
		if err != nil {
			return nil, err
		}
		found = append(found, records[reference].Recovery.Incidents...)
	}
	show.NewestFirst(found)
	return found[:min(len(found), limit)], nil
}

// sayStopped says that davit is stopped, if it is.
func (s *session) sayStopped(ctx context.Context) error {
	configured, err := s.Reconciler.Settings(ctx)
	if err != nil {
		return err
	}
	if configured.Stop != nil {
		s.say("%s; davit start ends that.", configured.Stop)
	}
	return nil
}

// explainedIncident is what `davit explain INCIDENT` shows.
type explainedIncident struct {
	Incident ledger.Incident `json:"incident"`
	// Decision is what would be done about the workload now; absent where the incident has ended.
	Decision *recovery.Decision `json:"decision,omitempty"`
	// Timeline is what the history says of the incident, oldest first.
	Timeline []ledger.Entry `json:"timeline"`
}

// isIncident tells whether an argument is the ID of an incident and not a workload.
func isIncident(argument string) bool { return strings.HasPrefix(argument, "inc-") }

func (s *session) explainIncident(ctx context.Context, id string) error {
	incident, err := s.Ledger.Incident(ctx, id)
	if errors.Is(err, ledger.ErrNoIncident) {
		return fmt.Errorf("%w; davit incidents --all lists them", err)
	}
	if err != nil {
		return err
	}
	answer := explainedIncident{Incident: incident, Timeline: []ledger.Entry{}}
	entries, err := s.Ledger.History(ctx, incident.Workload, ledger.MaximumHistory, "")
	if err != nil {
		return err
	}
	for _, entry := range show.OldestFirst(entries) {
		if entry.Incident == id {
			answer.Timeline = append(answer.Timeline, entry)
		}
	}
	if incident.EndedAt.IsZero() {
		explained, err := s.Remedies.Explain(ctx, incident.Workload, recovery.Cause{Text: "davit explain"})
		if err != nil {
			return err
		}
		answer.Decision = &explained.Decision
	}
	return s.result(answer, func(w io.Writer) error {
		return show.IncidentText(w, answer.Incident, answer.Decision, answer.Timeline)
	})
}
