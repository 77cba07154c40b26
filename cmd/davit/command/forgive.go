package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/workload"
)

func forgiveCommand(world environment) *cobra.Command {
	var given flags
	forgiven := act{verb: rollout.HumanForgive}
	command := &cobra.Command{
		Use:     "forgive WORKLOAD [DIGEST|TAG]",
		GroupID: groupAct,
		Short:   "Let images that were set aside be tried again",
		Long: `Let images that were set aside be tried again: the one given, or all of them. If one of them is the best by the
policy, it rolls out at once.`,
		Example: "  davit forgive ecs:davit/web 1.2.0\n  davit forgive ecs:davit/web --why \"the database is back\"",
		Args:    cobra.RangeArgs(1, 2),
	}
	command.RunE = func(command *cobra.Command, arguments []string) (err error) {
		if forgiven.workload, err = reference(arguments[0]); err != nil {
			return err
		}
		if err := checkWords(forgiven, false); err != nil {
			return err
		}
		name := ""
		if len(arguments) == 2 {
			if name = arguments[1]; name == "" {
				return usage("the image is empty: leave it out to forgive all, or give a tag or digest")
			}
		}
		return world.verb(&given, writing, func(ctx context.Context, s *session, _ []string) error {
			return s.forgive(ctx, forgiven, name)
		})(command, arguments)
	}
	given.add(command)
	addWords(command, &forgiven)
	command.ValidArgsFunction = world.completeForgiven(&given)
	return command
}

func (s *session) forgive(ctx context.Context, forgiven act, name string) error {
	if err := s.mustBeKnown(ctx, forgiven.workload); err != nil {
		return err
	}
	forgiven, identity, err := s.by(ctx, forgiven)
	if err != nil {
		return err
	}
	result := done{Workload: forgiven.workload, Action: forgiven.verb, Who: forgiven.who, Why: forgiven.why}
	_, err = s.change(ctx, forgiven, func(record *ledger.Record) (entry ledger.Entry, err error) {
		if result.Forgiven, err = chosen(*record, name); err != nil {
			return ledger.Entry{}, err
		}
		var digests []string
		if name != "" {
			for _, aside := range result.Forgiven {
				digests = append(digests, aside.Digest)
			}
		}
		rollout.Forgive(record, digests...)
		entry.Reason = reasonOfForgiveness(forgiven.why, result.Forgiven)
		if len(result.Forgiven) == 1 {
			entry.Image = &result.Forgiven[0].Image
		}
		return entry, nil
	})
	if errors.Is(err, errNothingToChange) {
		result.Text = fmt.Sprintf("No image of %s is set aside.", forgiven.workload)
		return s.report(result)
	}
	if err != nil {
		return fmt.Errorf("nothing of %s is forgiven: %w", forgiven.workload, err)
	}
	s.tell(ctx, forgiven, identity.account)
	result.Changed = true
	result.Text = fmt.Sprintf("%s may be tried again on %s.", listed(result.Forgiven), forgiven.workload)
	return s.report(result)
}

// chosen are the images that the name means; all where it is empty. One of the rest that a request passed over is in no list, and
// only its digest names it.
func chosen(record ledger.Record, name string) ([]ledger.SetAside, error) {
	aside := record.AllSetAside()
	rest := record.PassedOver != nil && !record.PassedOver.RestBefore.IsZero()
	if len(aside) == 0 && !rest {
		return nil, errNothingToChange
	}
	if name == "" {
		return append([]ledger.SetAside{}, aside...), nil
	}
	var meant []ledger.SetAside
	var images []ledger.Image
	for _, image := range aside {
		images = append(images, image.Image)
		if isNamed(name, image.Image) {
			meant = append(meant, image)
		}
	}
	switch {
	case len(meant) == 0 && rest && workload.ValidDigest(name):
		return []ledger.SetAside{{Image: ledger.Image{Digest: name}}}, nil
	case len(meant) == 0 && rest:
		return nil, fmt.Errorf("%q is not among the images that are set aside by name: %s; of the others, give the whole digest", name, listed(aside))
	case len(meant) == 0:
		return nil, fmt.Errorf("%q is not set aside: %s\nThese are: %s", name, misnamed(name, images), listed(aside))
	}
	return meant, nil
}

// listed names up to ten images.
func listed(aside []ledger.SetAside) string {
	const most = 10
	if len(aside) == 0 {
		return "all that was passed over"
	}
	var words []string
	for _, image := range aside[:min(len(aside), most)] {
		words = append(words, show.Image(image.Tag, image.Digest))
	}
	if more := len(aside) - most; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}

func reasonOfForgiveness(why string, forgiven []ledger.SetAside) string {
	if why != "" {
		why += "; "
	}
	return why + listed(forgiven) + " may be tried again"
}
