package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/rollout"
)

func rollbackCommand(world environment) *cobra.Command {
	wanted := &request{act: act{verb: rollout.HumanRollback}, override: true}
	command := &cobra.Command{
		Use:     "rollback WORKLOAD [--to DIGEST|TAG] --why REASON",
		GroupID: groupAct,
		Short:   "Go back to an image that ran well",
		Long: `Go back to the newest image that was proved by a completed rollout and does not run now, or to the one given. It
passes holds and freezes. The images that rank above it are set aside, so that it stays until something newer is
pushed; "davit forgive" undoes that. It waits for the outcome and says what happens.`,
		Example: `  davit rollback ecs:davit/web --why "checkout is slow since 1.4.0"
  davit rollback ecs:davit/web --to 1.2.3 --why "1.3 loses sessions" --timeout 5m`,
	}
	asking(world, command, wanted, "the image to go back to", (*session).rollback)
	return command
}

func (s *session) rollback(ctx context.Context, wanted request) error {
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
	image, err := s.former(ctx, seen)
	if err != nil {
		return err
	}
	return s.ask(ctx, wanted, seen, image)
}

// former is the newest image that was proved, is not what runs, is not set aside, and is in the registry still.
func (s *session) former(ctx context.Context, seen sight) (ledger.Image, error) {
	running := seen.running()
	var passed int
	for _, good := range seen.Record.Good {
		if good.Unproved || running != nil && good.Digest == running.Digest {
			continue
		}
		if _, aside := seen.Record.IsSetAside(good); aside {
			passed++
			continue
		}
		if !s.stillThere(ctx, seen, good) {
			s.say("%s ran well too, but is no longer in the repository.", show.Image(good.Tag, good.Digest))
			passed++
			continue
		}
		return ledger.Image{Digest: good.Digest, Tag: good.Tag, PushedAt: good.PushedAt}, nil
	}
	why := "davit has seen no other image run well on it"
	if passed > 0 {
		why = fmt.Sprintf("the other images that ran well, %d, are set aside or deleted", passed)
	}
	return ledger.Image{}, fmt.Errorf("%s has nothing to go back to: %s; name one by --to, the newest in %s are %s",
		seen.Record.Workload, why, seen.target.Repository.Name, newest(seen.images))
}
