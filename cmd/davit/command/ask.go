package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/workload"
)

// request is a human's wish for an image, as the flags of rollback and rollout give it.
type request struct {
	act
	// to is a tag or digest; empty for the verb's own choice.
	to string
	// override passes holds and freezes.
	override bool
	wait     bool
	timeout  time.Duration
}

func (r *request) add(command *cobra.Command) {
	addWords(command, &r.act)
	command.Flags().BoolVar(&r.wait, "wait", true, "wait for the outcome; with --wait=false only ask for it")
	command.Flags().DurationVar(&r.timeout, "timeout", 15*time.Minute, "how long to wait for the outcome")
}

func (r *request) check(argument string) (err error) {
	if r.workload, err = reference(argument); err != nil {
		return err
	}
	if r.timeout <= 0 {
		return usage("--timeout %s is not above zero", r.timeout)
	}
	return checkWords(r.act, true)
}

// The outcomes of a request.
const (
	outcomeRequested = "requested"
	outcomeDone      = "done"
	outcomeFailed    = "failed"
)

// asked is the result of a verb that asks for an image.
type asked struct {
	Workload workload.Reference `json:"workload"`
	Action   rollout.Action     `json:"action"`
	Image    ledger.Image       `json:"image"`
	// From is what ran before, where that is known.
	From *ledger.Image `json:"from,omitempty"`
	Who  string        `json:"who"`
	Why  string        `json:"why"`
	// Outcome is "requested" where it was not waited for, "done" or "failed".
	Outcome string `json:"outcome"`
	// Reason says what came of it.
	Reason string `json:"reason,omitempty"`
	// Entries are what the history says since, oldest first.
	Entries []ledger.Entry `json:"entries"`
}

// ask records the request for the image, tells the function, and follows what comes of it.
func (s *session) ask(ctx context.Context, wanted request, seen sight, image ledger.Image) error {
	done, identity, err := s.by(ctx, wanted.act)
	if err != nil {
		return err
	}
	wanted.act = done
	before, err := s.Ledger.History(ctx, wanted.workload, followed, "")
	if err != nil {
		return err
	}
	entry, err := s.change(ctx, wanted.act, func(record *ledger.Record) (ledger.Entry, error) {
		return rollout.Ask(record, ledger.Request{Image: image, Who: wanted.who, Why: wanted.why, Override: wanted.override,
			At: s.now().UTC(), Newest: seen.newest()}), nil
	})
	if err != nil {
		return fmt.Errorf("%s: %s could not be asked for: %w", wanted.workload, show.Image(image.Tag, image.Digest), err)
	}
	s.say("%s asked for %s on %s.", wanted.who, show.Image(image.Tag, image.Digest), wanted.workload)
	s.mention(wanted, seen, image)
	s.tell(ctx, wanted.act, identity.account)
	answer := asked{Workload: wanted.workload, Action: wanted.verb, Image: image, From: seen.running(),
		Who: wanted.who, Why: wanted.why, Outcome: outcomeRequested, Entries: []ledger.Entry{}}
	if wanted.wait {
		following := follower{session: s, workload: wanted.workload, image: image, own: entry.Key(), told: keys(before)}
		err = following.follow(ctx, wanted.timeout)
		answer.Outcome, answer.Reason, answer.Entries = outcomeDone, following.reason, following.entries
		if err != nil {
			answer.Outcome, answer.Reason = outcomeFailed, err.Error()
		}
	}
	return errors.Join(err, s.result(answer, func(w io.Writer) error { return writeAsked(w, answer) }))
}

// mention says what a human should know of the request: what it passes over, and what it has to wait for.
func (s *session) mention(wanted request, seen sight, image ledger.Image) {
	if aside, found := seen.Record.IsSetAside(image); found {
		s.say("It was set aside since %s: %s", show.Time(aside.At), aside.Reason)
	}
	if current := seen.Record.Rollout; current != nil {
		outlook := "the request is carried out when it has ended"
		if wanted.override {
			outlook = "the request ends it"
		}
		s.say("The rollout of %s is in progress; %s.", show.Image(current.Image.Tag, current.Image.Digest), outlook)
	}
	above := 0
	for _, verdict := range seen.verdicts {
		if verdict.Digest == image.Digest {
			break
		}
		if verdict.Qualifies {
			above++
		}
	}
	if above > 0 {
		s.say("The images above it, %d, are set aside once it rolls out, so that it stays; davit forgive undoes that.", above)
	}
}

func writeAsked(w io.Writer, answer asked) error {
	var err error
	switch name := show.Image(answer.Image.Tag, answer.Image.Digest); answer.Outcome {
	case outcomeDone:
		_, err = fmt.Fprintf(w, "%s runs %s.\n", answer.Workload, name)
	case outcomeRequested:
		_, err = fmt.Fprintf(w, "%s is asked for on %[2]s; davit history %[2]s shows what comes of it.\n", name, answer.Workload)
	}
	return err
}

// lookToAsk is the sight of a workload for which an image can be asked.
func (s *session) lookToAsk(ctx context.Context, asked workload.Reference) (sight, error) {
	seen, err := s.lookAt(ctx, asked)
	if err != nil {
		return sight{}, err
	}
	never := []rollout.Code{rollout.Gone, rollout.NotOptedIn, rollout.Controller, rollout.Ambiguous, rollout.NoRepository,
		rollout.BadPolicy}
	if seen.Record.Rollout == nil && slices.Contains(never, seen.Decision.Code) {
		return sight{}, fmt.Errorf("%s cannot be rolled out: %s; davit explain %s shows more", asked, seen.Decision.Reason, asked)
	}
	if seen.target == nil {
		return sight{}, fmt.Errorf("%s: its repository cannot be told now; davit explain %s shows more", asked, asked)
	}
	return seen, nil
}

func keys(entries []ledger.Entry) map[string]bool {
	known := make(map[string]bool, len(entries))
	for _, entry := range entries {
		known[entry.Key()] = true
	}
	return known
}

// asking makes command one that asks for an image of a workload by act, with the flags that all such commands have.
func asking(world environment, command *cobra.Command, wanted *request, image string,
	act func(s *session, ctx context.Context, wanted request) error) {
	var given flags
	command.Args = cobra.ExactArgs(1)
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if err := wanted.check(arguments[0]); err != nil {
			return err
		}
		return world.verb(&given, writing, func(ctx context.Context, s *session, _ []string) error {
			return act(s, ctx, *wanted)
		})(command, arguments)
	}
	given.add(command)
	wanted.add(command)
	command.Flags().StringVar(&wanted.to, "to", "", image+": its tag, its digest, or six digits of that or more")
	command.ValidArgsFunction = world.completeWorkload(&given)
	_ = command.RegisterFlagCompletionFunc("to", world.completeImage(&given)) // fails only for a flag that is not there
}
