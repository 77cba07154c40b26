package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/rollout"
)

func rolloutCommand(world environment) *cobra.Command {
	wanted := &request{act: act{verb: rollout.HumanRollout}}
	command := &cobra.Command{
		Use:     "rollout WORKLOAD [--to DIGEST|TAG] [--override] --why REASON",
		GroupID: groupAct,
		Short:   "Ask for an image now",
		Long: `Ask for an image now: the one given, or the best by the workload's policy. Holds and freezes stand in its way unless
--override is given. An image that was set aside is tried again. It waits for the outcome and says what happens.`,
		Example: `  davit rollout ecs:davit/web --to 1.4.1 --override --why "hotfix during the freeze"
  davit rollout ecs:davit/web --why "no need to wait for the sweep"`,
	}
	asking(world, command, wanted, "the image", (*session).rollout)
	command.Flags().BoolVar(&wanted.override, "override", false, "pass holds, freezes and deployments in progress")
	return command
}

func (s *session) rollout(ctx context.Context, wanted request) error {
	seen, err := s.lookToAsk(ctx, wanted.workload)
	if err != nil {
		return err
	}
	if wanted.to != "" {
		image, err := s.resolve(ctx, seen, wanted.to)
		if err != nil {
			return err
		}
		return s.ask(ctx, wanted, seen, image)
	}
	for _, verdict := range seen.verdicts {
		if !verdict.Qualifies {
			continue
		}
		image := ledger.Image{Digest: verdict.Digest, Tag: verdict.Tag}
		if at := seen.listed(verdict.Digest); at >= 0 {
			image.PushedAt = seen.images[at].PushedAt
		}
		if verdict.Digest == seen.target.Digest {
			return s.alreadyRuns(wanted, image)
		}
		return s.ask(ctx, wanted, seen, image)
	}
	return fmt.Errorf("%s: no image of %s qualifies by %s: davit explain %s says why of each, and --to asks for one all the same",
		wanted.workload, seen.target.Repository.Name, seen.Observation.Settings.Policy, wanted.workload)
}

// alreadyRuns reports that there is nothing to ask for.
func (s *session) alreadyRuns(wanted request, image ledger.Image) error {
	answer := asked{Workload: wanted.workload, Action: wanted.verb, Image: image, From: &image, Who: wanted.who, Why: wanted.why,
		Outcome: outcomeDone, Reason: show.Image(image.Tag, image.Digest) + " runs already and is the best by the policy",
		Entries: []ledger.Entry{}}
	return s.result(answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %s.\n", wanted.workload, answer.Reason)
		return err
	})
}
