package command

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/workload"
)

func explainCommand(world environment) *cobra.Command {
	var given flags
	command := &cobra.Command{
		Use:     "explain WORKLOAD|INCIDENT",
		GroupID: groupLook,
		Short:   "Say what would happen to a workload now and why, or tell an incident's story",
		Long: `Say what would happen to a workload now and why, image by image. It decides by the same code as the function, from
what AWS says at this moment, and changes nothing. Of an incident it tells the whole story: the cause, what was tried, what
was seen, and what comes next.`,
		Example: "  davit explain ecs:davit/web\n  davit explain inc-20261122-101500-0a1b2c3d\n  davit explain ecs:davit/web --json | jq .decision",
		Args:    cobra.ExactArgs(1),
	}
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if isIncident(arguments[0]) {
			return world.verb(&given, reading, func(ctx context.Context, s *session, _ []string) error {
				return s.explainIncident(ctx, arguments[0])
			})(command, arguments)
		}
		asked, err := reference(arguments[0])
		if err != nil {
			return err
		}
		return world.verb(&given, reading, func(ctx context.Context, s *session, _ []string) error {
			return s.showExplanation(ctx, asked)
		})(command, arguments)
	}
	given.add(command)
	command.ValidArgsFunction = world.completeWorkload(&given)
	return command
}

func (s *session) showExplanation(ctx context.Context, asked workload.Reference) error {
	seen, err := s.lookAt(ctx, asked)
	if err != nil {
		return err
	}
	explained := s.explained(seen)
	return s.result(explained, func(w io.Writer) error { return show.ExplanationText(w, explained) })
}

// explained is the sight as it is shown.
func (s *session) explained(seen sight) show.Explanation {
	explained := show.Explanation{Workload: seen.Record.Workload, Running: seen.running(), Decision: seen.Decision,
		Gates: show.Gates(s.now(), seen.settings, seen.Explanation), Images: []show.Verdict{}, Record: seen.Record,
		Observation: seen.Observation}
	explained.Decision.Verdicts = nil
	if seen.target != nil {
		explained.Repository = seen.target.Repository.String()
	}
	for _, verdict := range seen.verdicts {
		judged := show.Verdict{Verdict: verdict}
		if at := seen.listed(verdict.Digest); at >= 0 {
			judged.PushedAt = seen.images[at].PushedAt
		}
		explained.Images = append(explained.Images, judged)
	}
	return explained
}
