package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/workload"
)

// done is the result of a verb that changes a record.
type done struct {
	Workload workload.Reference `json:"workload"`
	Action   rollout.Action     `json:"action"`
	Who      string             `json:"who"`
	Why      string             `json:"why,omitempty"`
	// Changed is false where there was nothing to change.
	Changed bool         `json:"changed"`
	Hold    *ledger.Hold `json:"hold,omitempty"`
	// Forgiven are the images that may be tried again.
	Forgiven []ledger.SetAside `json:"forgiven,omitempty"`
	// Text says it in a sentence.
	Text string `json:"text"`
}

func (s *session) report(result done) error {
	return s.result(result, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, result.Text)
		return err
	})
}

func holdCommand(world environment) *cobra.Command {
	var given flags
	held := act{verb: rollout.HumanHold}
	var until string
	command := &cobra.Command{
		Use:     "hold WORKLOAD --why REASON [--until TIME|DURATION]",
		GroupID: groupAct,
		Short:   "Leave a workload alone",
		Long: `Leave a workload alone until it is resumed, or until a time. A rollout in progress is seen through; nothing new
starts. What is pushed meanwhile rolls out when the hold ends. A host (ec2:INSTANCE) or a group of hosts (asg:GROUP) is not
remedied and not scaled meanwhile; a human is paged for its incidents. A hold of a group is not one of its hosts. What was
never there cannot be held: make it with the tag or annotation davit/hold, whose value says why.`,
		Example: `  davit hold ecs:davit/web --why "load test" --until 2h
  davit hold ecs:davit/web --why "holidays" --until 2027-01-02T08:00:00+09:00
  davit hold ec2:i-0123456789abcdef0 --why "I am looking into it" --until 1h`,
		Args: cobra.ExactArgs(1),
	}
	command.RunE = func(command *cobra.Command, arguments []string) (err error) {
		if held.workload, err = anyReference(arguments[0]); err != nil {
			return err
		}
		if err := checkWords(held, true); err != nil {
			return err
		}
		ends, err := parseUntil(until, world.now())
		if err != nil {
			return err
		}
		return world.verb(&given, writing, func(ctx context.Context, s *session, _ []string) error {
			return s.hold(ctx, held, ends)
		})(command, arguments)
	}
	given.add(command)
	addWords(command, &held)
	command.Flags().StringVar(&until, "until", "",
		"when the hold ends by itself: a time (2027-01-02T08:00:00Z, 2027-01-02) or a duration (2h, 3d)")
	command.ValidArgsFunction = world.completeWorkload(&given)
	return command
}

// addWords adds the flags for who and why.
func addWords(command *cobra.Command, a *act) {
	command.Flags().StringVar(&a.why, "why", "", "why, for the history and for whoever asks")
	command.Flags().StringVar(&a.who, "who", "", "who asks for it; the caller's AWS identity if absent")
}

// parseUntil reads a duration from now, a time, or a date, which is its first instant in the local time zone. Empty is
// the zero time.
func parseUntil(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	ends, err := readTime(text, now)
	if err != nil {
		return time.Time{}, err
	}
	if !ends.After(now) {
		return time.Time{}, usage("--until %s has passed already", text)
	}
	return ends.UTC().Truncate(time.Second), nil
}

func readTime(text string, now time.Time) (time.Time, error) {
	if length, err := readDuration(text); err == nil {
		return now.Add(length), nil
	}
	if ends, err := time.Parse(time.RFC3339, text); err == nil {
		return ends, nil
	}
	if ends, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return ends, nil
	}
	return time.Time{}, usage("--until %q is no duration such as 2h or 3d, and no time such as 2027-01-02T08:00:00Z", text)
}

// readDuration reads what time.ParseDuration reads, and whole days such as 3d.
func readDuration(text string) (time.Duration, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		text = days + "h"
		length, err := time.ParseDuration(text)
		return 24 * length, err
	}
	return time.ParseDuration(text)
}

func (s *session) hold(ctx context.Context, held act, until time.Time) error {
	seen, err := s.lookAt(ctx, held.workload)
	if err != nil {
		return err
	}
	held, identity, err := s.by(ctx, held)
	if err != nil {
		return err
	}
	hold := &ledger.Hold{Who: held.who, Why: held.why, At: s.now().UTC(), Until: until}
	var former *ledger.Hold
	_, err = s.change(ctx, held, func(record *ledger.Record) (ledger.Entry, error) {
		former = record.Hold
		return rollout.Hold(record, *hold), nil
	})
	if err != nil {
		return fmt.Errorf("%s could not be held: %w", held.workload, err)
	}
	s.tell(ctx, held, identity.account)
	if former != nil {
		s.say("It replaces the hold %s", show.Hold(*former))
	}
	if current := seen.Record.Rollout; current != nil {
		s.say("The rollout of %s goes on to its end.", show.Image(current.Image.Tag, current.Image.Digest))
	}
	switch rolls := held.workload.Kind().RollsOut(); {
	case !seen.Observation.Exists:
		s.say("%[1]s does not exist now: what is made anew under its name is held, as long as its record is kept. davit resume %[1]s ends that.",
			held.workload)
	case rolls && seen.Observation.Settings.Policy == "":
		s.say("%s carries no davit/policy tag, so davit leaves it alone anyway.", held.workload)
	case !rolls && seen.Observation.Settings.Playbook == "":
		s.say("%s carries no davit/playbook tag, so davit does not remedy it anyway.", held.workload)
	}
	return s.report(done{Workload: held.workload, Action: held.verb, Who: held.who, Why: held.why, Changed: true, Hold: hold,
		Text: fmt.Sprintf("%s is held %s", held.workload, show.Hold(*hold))})
}
