package command

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/workload"
)

func historyCommand(world environment) *cobra.Command {
	var given flags
	limit := 50
	command := &cobra.Command{
		Use:     "history WORKLOAD",
		GroupID: groupLook,
		Short:   "Show what came in, what was decided and why, and what came of it",
		Long:    "Show what came in, what was decided and why, and what came of it, from oldest to newest.",
		Example: "  davit history ecs:davit/web\n  davit history ecs:davit/web --limit 5 --json",
		Args:    cobra.ExactArgs(1),
	}
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if limit < 1 || limit > ledger.MaximumHistory {
			return usage("--limit %d is not 1 to %d", limit, ledger.MaximumHistory)
		}
		asked, err := anyReference(arguments[0])
		if err != nil {
			return err
		}
		return world.verb(&given, reading, func(ctx context.Context, s *session, _ []string) error {
			return s.showHistory(ctx, asked, limit)
		})(command, arguments)
	}
	given.add(command)
	command.Flags().IntVar(&limit, "limit", limit, "how many of the newest entries")
	command.ValidArgsFunction = world.completeWorkload(&given)
	return command
}

func (s *session) showHistory(ctx context.Context, asked workload.Reference, limit int) error {
	newestFirst, err := s.Ledger.History(ctx, asked, limit, "")
	if err != nil {
		return err
	}
	if len(newestFirst) == 0 {
		if err := s.mustBeKnown(ctx, asked); err != nil {
			return err
		}
		s.say("%s has no history yet.", asked)
	}
	entries := show.OldestFirst(newestFirst)
	if entries == nil {
		entries = []ledger.Entry{}
	}
	return s.result(entries, func(w io.Writer) error { return show.History(w, entries) })
}

// mustBeKnown is an error for a workload that neither ECS nor the ledger knows.
func (s *session) mustBeKnown(ctx context.Context, asked workload.Reference) error {
	_, err := s.lookAt(ctx, asked)
	return err
}
