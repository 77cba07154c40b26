package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
)

func resumeCommand(world environment) *cobra.Command {
	var given flags
	resumed := act{verb: rollout.HumanResume}
	command := &cobra.Command{
		Use:     "resume WORKLOAD",
		GroupID: groupAct,
		Short:   "End a hold",
		Long:    "End a hold, and have the function look at the workload at once.",
		Example: "  davit resume ecs:davit/web\n  davit resume ecs:davit/web --why \"the load test is over\"",
		Args:    cobra.ExactArgs(1),
	}
	command.RunE = func(command *cobra.Command, arguments []string) (err error) {
		if resumed.workload, err = anyReference(arguments[0]); err != nil {
			return err
		}
		if err := checkWords(resumed, false); err != nil {
			return err
		}
		return world.verb(&given, writing, func(ctx context.Context, s *session, _ []string) error {
			return s.resume(ctx, resumed)
		})(command, arguments)
	}
	given.add(command)
	addWords(command, &resumed)
	command.ValidArgsFunction = world.completeWorkload(&given)
	return command
}

func (s *session) resume(ctx context.Context, resumed act) error {
	seen, err := s.lookAt(ctx, resumed.workload)
	if err != nil {
		return err
	}
	resumed, identity, err := s.by(ctx, resumed)
	if err != nil {
		return err
	}
	result := done{Workload: resumed.workload, Action: resumed.verb, Who: resumed.who, Why: resumed.why}
	_, err = s.change(ctx, resumed, func(record *ledger.Record) (ledger.Entry, error) {
		if record.Hold == nil {
			return ledger.Entry{}, errNothingToChange
		}
		result.Hold = record.Hold
		return rollout.Resume(record, resumed.why), nil
	})
	tag := seen.Observation.Settings.Hold
	switch {
	case errors.Is(err, errNothingToChange) && tag != "":
		return fmt.Errorf("%s is held by its tag %s (%q), which davit does not change: take the tag off",
			resumed.workload, names.TagHold, tag)
	case errors.Is(err, errNothingToChange):
		result.Text = fmt.Sprintf("%s is not held.", resumed.workload)
		return s.report(result)
	case err != nil:
		return fmt.Errorf("%s could not be resumed: %w", resumed.workload, err)
	}
	s.tell(ctx, resumed, identity.account)
	if tag != "" {
		s.say("Its tag %s (%q) still holds it: take the tag off.", names.TagHold, tag)
	}
	result.Changed, result.Text = true, fmt.Sprintf("%s is no longer held.", resumed.workload)
	return s.report(result)
}
