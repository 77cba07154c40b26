package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"davit/cmd/davit/command/show"
	"davit/shared/rollout"
	"davit/shared/workload"
)

const (
	// statusBatch is how many workloads are looked at together.
	statusBatch = 100
	// historiesAtOnce is how many histories are read side by side.
	historiesAtOnce = 8
	// maximumStatuses bounds what status shows, to twice the fleet that davit is made for.
	maximumStatuses = 10_000
)

func statusCommand(world environment) *cobra.Command {
	var given flags
	command := &cobra.Command{
		Use:     "status [WORKLOAD...]",
		GroupID: groupLook,
		Short:   "Show what runs, and how each workload stands",
		Long: `Show what runs, and how each workload stands: those given, or else all that carry the davit/policy tag or that
the ledger knows. It changes nothing.`,
		Example: "  davit status\n  davit status ecs:davit/web --json",
	}
	command.RunE = func(command *cobra.Command, arguments []string) error {
		asked, err := references(arguments)
		if err != nil {
			return err
		}
		return world.verb(&given, reading, func(ctx context.Context, s *session, _ []string) error {
			return s.showStatus(ctx, asked)
		})(command, arguments)
	}
	given.add(command)
	command.ValidArgsFunction = world.completeWorkloads(&given)
	return command
}

// references reads the arguments that name workloads, each once.
func references(arguments []string) ([]workload.Reference, error) {
	var asked []workload.Reference
	for _, argument := range arguments {
		read, err := reference(argument)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(asked, read) {
			asked = append(asked, read)
		}
	}
	return asked, nil
}

func (s *session) showStatus(ctx context.Context, asked []workload.Reference) error {
	all := len(asked) == 0
	if all {
		var err error
		if asked, err = s.known(ctx, maximumStatuses); err != nil {
			return err
		}
		if len(asked) == maximumStatuses {
			s.say("Only the first %d workloads are shown; name the ones you mean.", maximumStatuses)
		}
	}
	viewer := s.viewer(true)
	statuses := []show.Status{}
	for chunk := range slices.Chunk(asked, statusBatch) {
		found, err := s.statuses(ctx, viewer, chunk, all)
		if err != nil {
			return err
		}
		statuses = append(statuses, found...)
	}
	if configured, err := s.Reconciler.Settings(ctx); err == nil && configured.Stop != nil {
		s.say("%s. Nothing starts anywhere until davit start.", configured.Stop)
	}
	if len(statuses) == 0 {
		s.say("No workload carries the tag or annotation davit/policy, and the ledger knows none.")
	}
	return s.result(statuses, func(w io.Writer) error { return show.StatusTable(w, statuses) })
}

// statuses answers those of a batch, in its order. Workloads that cannot be looked at together are looked at one by
// one, so that the fault of one keeps no other from being seen.
func (s *session) statuses(ctx context.Context, viewer *viewer, batch []workload.Reference, all bool) ([]show.Status, error) {
	sights, err := viewer.look(ctx, batch, rollout.Cause{ID: "davit status", Text: "davit status"})
	switch {
	case err != nil && (len(batch) == 1 && !all || general(ctx, err)):
		return nil, err
	case err != nil && len(batch) == 1:
		return []show.Status{{Workload: batch[0], States: []string{"unknown"}, Error: err.Error()}}, nil
	case err != nil:
		return s.oneByOne(ctx, viewer, batch, all)
	}
	batch = slices.DeleteFunc(slices.Clone(batch), func(reference workload.Reference) bool { return all && forgotten(sights[reference]) })
	statuses := make([]show.Status, len(batch))
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(historiesAtOnce)
	for at, reference := range batch {
		seen := sights[reference]
		if !all && !seen.Observation.Exists && seen.Record.Version == 0 {
			return nil, errors.Join(group.Wait(), s.unknown(ctx, reference))
		}
		group.Go(func() (err error) {
			statuses[at], err = s.status(groupContext, seen)
			return err
		})
	}
	return statuses, group.Wait()
}

// forgotten tells whether a workload is gone and nothing of it is left to do. AWS lists the tags of what was deleted for a while
// (docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html).
func forgotten(seen sight) bool {
	return seen.fault == nil && !seen.Observation.Exists && (seen.Record.Version == 0 || !seen.Record.Listed())
}

func (s *session) oneByOne(ctx context.Context, viewer *viewer, batch []workload.Reference, all bool) ([]show.Status, error) {
	var statuses []show.Status
	for _, reference := range batch {
		found, err := s.statuses(ctx, viewer, []workload.Reference{reference}, all)
		if err != nil {
			return nil, err
		}
		statuses = append(statuses, found...)
	}
	return statuses, nil
}

func (s *session) status(ctx context.Context, seen sight) (show.Status, error) {
	status := show.Status{Workload: seen.Record.Workload, Running: seen.running(), Policy: seen.Observation.Settings.Policy,
		States: show.States(s.now(), seen.settings, seen.Explanation), Action: seen.Decision.Action, Code: seen.Decision.Code,
		Reason: seen.Decision.Reason, SetAside: len(seen.Record.AllSetAside()), Hold: seen.Record.Hold, Rollout: seen.Record.Rollout}
	if seen.fault != nil {
		status.States, status.Error = []string{"unknown"}, seen.fault.Error()
		status.Action, status.Code, status.Reason = "", "", ""
	}
	if seen.Record.Version == 0 {
		return status, nil
	}
	newest, err := s.Ledger.History(ctx, seen.Record.Workload, 1, "")
	if err != nil {
		return show.Status{}, fmt.Errorf("%s: %w", seen.Record.Workload, err)
	}
	if len(newest) > 0 {
		status.LastEvent = &newest[0]
	}
	return status, nil
}
