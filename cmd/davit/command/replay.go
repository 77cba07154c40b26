package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/events"
	"davit/events/envelope"
	"davit/events/schedule"
	"davit/shared/rollout"
	"davit/shared/workload"
)

// replayed is what an event would lead to.
type replayed struct {
	Event struct {
		ID         string `json:"id"`
		Source     string `json:"source"`
		DetailType string `json:"detailType"`
	} `json:"event"`
	// Cause is what came in, in words, or why it concerns no workload.
	Cause string `json:"cause"`
	// Sent is true once the event is on the queue.
	Sent      bool               `json:"sent"`
	Workloads []show.Explanation `json:"workloads"`
}

func replayCommand(world environment) *cobra.Command {
	var given flags
	var dryRun bool
	command := &cobra.Command{
		Use:     "replay FILE",
		GroupID: groupAct,
		Short:   "Take an event from a file as if EventBridge had delivered it",
		Long: `Take an event from a file, or from standard input where FILE is "-", as if EventBridge had delivered it to the function
rollout: a push, a deployment, a changed tag, a sweep. With --dry-run it goes through the same intake and decider, and
nothing is changed; else it is put on the function's queue. Events of other functions, such as alarms, are refused.
docs/rollouts.md says where an event comes from; events/schedule/testdata/rule.json is one that has the sweep run.`,
		Example: "  davit replay push.json --dry-run\n  davit replay - < push.json\n  davit replay events/schedule/testdata/rule.json",
		Args:    cobra.ExactArgs(1),
	}
	command.RunE = func(command *cobra.Command, arguments []string) error {
		body, err := readEvent(arguments[0], command.InOrStdin())
		if err != nil {
			return err
		}
		event, err := events.Parse(body)
		if err != nil {
			return fmt.Errorf("%s: %w", arguments[0], err)
		}
		if !rollout.Takes(event) {
			return fmt.Errorf("%s: no rollout comes of %q of %s; what is done about a workload, davit explain WORKLOAD says",
				arguments[0], event.DetailType, event.Source)
		}
		may := writing
		if dryRun {
			may = reading
		}
		return world.verb(&given, may, func(ctx context.Context, s *session, _ []string) error {
			return s.replay(ctx, event, body, dryRun)
		})(command, arguments)
	}
	given.add(command)
	command.Flags().BoolVar(&dryRun, "dry-run", false, "only say what the event would lead to")
	command.ValidArgsFunction = func(_ *cobra.Command, arguments []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(arguments) > 0 {
			return nil, directive
		}
		return []cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return command
}

// readEvent reads the file, or standard input for "-", up to what EventBridge delivers.
func readEvent(name string, input io.Reader) ([]byte, error) {
	if name != "-" {
		file, err := os.Open(name) // #nosec G304 -- the caller says which file
		if err != nil {
			return nil, fmt.Errorf("reading the event: %w", err)
		}
		defer func() { _ = file.Close() }()
		input = file
	}
	body, err := io.ReadAll(io.LimitReader(input, envelope.MaximumSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the event from %s: %w", name, err)
	}
	return body, nil
}

func (s *session) replay(ctx context.Context, event events.Event, body []byte, dryRun bool) error {
	answer := replayed{Workloads: []show.Explanation{}}
	answer.Event.ID, answer.Event.Source, answer.Event.DetailType = event.ID, event.Source, event.DetailType
	if !dryRun {
		if err := s.enqueue(ctx, body, 0); err != nil {
			return err
		}
		answer.Sent, answer.Cause = true, "davit replay"
		return s.result(answer, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "The event %s is on the queue; davit status shows how each workload stands, and davit history WORKLOAD "+
				"what came of it.\n", event.ID)
			return err
		})
	}
	references, cause, err := s.concerned(ctx, event)
	if err != nil {
		return err
	}
	answer.Cause = cause.Text
	viewer := s.viewer(false)
	for chunk := range slices.Chunk(references, statusBatch) {
		sights, err := viewer.look(ctx, chunk, cause)
		if err != nil {
			return err
		}
		for _, reference := range chunk {
			answer.Workloads = append(answer.Workloads, s.explained(sights[reference]))
		}
	}
	return s.result(answer, func(w io.Writer) error { return writeReplayed(w, answer) })
}

// concerned says which workloads the event is about: for the sweep all of them, else what the intake says.
func (s *session) concerned(ctx context.Context, event events.Event) ([]workload.Reference, rollout.Cause, error) {
	if _, sweep := event.Detail.(*schedule.Tick); sweep {
		all, err := s.known(ctx, maximumStatuses)
		return all, rollout.Cause{ID: event.ID, Text: "sweep"}, err
	}
	intake := &rollout.Intake{Reconciler: s.Reconciler, Fleet: s.Fleet, Log: s.Reconciler.Log,
		Enqueue: nil} // Concerns sends nothing.
	references, cause, err := intake.Concerns(ctx, event)
	if err != nil {
		return nil, cause, fmt.Errorf("event %s: %w", event.ID, err)
	}
	for _, reference := range references {
		if !reference.Kind().RollsOut() {
			return nil, cause, errors.New(reference.String() + ": nothing rolls out on a host")
		}
	}
	return references, cause, nil
}

func writeReplayed(w io.Writer, answer replayed) error {
	if len(answer.Workloads) == 0 {
		_, err := fmt.Fprintf(w, "It would be acknowledged: %s.\ndavit status lists the workloads, and davit explain WORKLOAD says what one follows.\n",
			strings.TrimSuffix(answer.Cause, "."))
		return err
	}
	if _, err := fmt.Fprintf(w, "What comes in: %s\n", answer.Cause); err != nil {
		return err
	}
	for _, explained := range answer.Workloads {
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		if err := show.ExplanationText(w, explained); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, "\nNothing was changed: davit replay without --dry-run gives the event to the function.")
	return err
}
