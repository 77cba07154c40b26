package scaling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"davit/events"
	"davit/events/cloudwatch"
	"davit/events/davit"
	"davit/events/ecs"
	"davit/events/schedule"
	"davit/events/tag"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
	"davit/shared/workqueue"
)

// Intake takes what the queue delivers: it says which workloads an event is about, and has them looked at. An event is
// never a reason to do anything but look.
type Intake struct {
	Reconciler *Reconciler
	// AlarmTags answers the tags of an alarm.
	AlarmTags func(ctx context.Context, arn string) (map[string]string, error)
	// Workload answers the workload that an alarm is about. An alarm that names none gives an *Unresolved.
	Workload func(ctx context.Context, change *cloudwatch.AlarmStateChange) (workload.Reference, error)
	// Fleet lists the workloads that carry the davit/scaling tag.
	Fleet rollout.Fleet
	// Enqueue puts messages on the function's own queue.
	Enqueue func(ctx context.Context, bodies [][]byte, delay time.Duration) error
	Log     *slog.Logger
}

// Unresolved says that an alarm names no workload, and how to tag it. It is an answer and no fault.
type Unresolved struct{ Reason string }

// Error is the reason.
func (u *Unresolved) Error() string { return u.Reason }

// Handle handles one message. It is a workqueue.Handler: "not mine" is acknowledged with a line in the log, "not now"
// comes again, and what cannot be read goes to the dead-letter queue with its reason.
func (i *Intake) Handle(ctx context.Context, body []byte, attempt int) error {
	event, err := events.Parse(body)
	if err != nil {
		return workqueue.Poison(err)
	}
	if _, tick := event.Detail.(*schedule.Tick); tick {
		return i.sweep(ctx, event, attempt)
	}
	references, cause, err := i.Concerns(ctx, event)
	cause.Account, cause.Region = event.Account, event.Region
	if err != nil {
		return err
	}
	if len(references) == 0 {
		i.Log.InfoContext(ctx, "acknowledged", slog.String("event", event.ID), slog.String("detailType", event.DetailType),
			slog.String("reason", cause.Text))
		return nil
	}
	var failures []error
	for _, reference := range references {
		if _, known := i.Reconciler.Drivers[reference.Kind()]; !known {
			i.Log.WarnContext(ctx, "acknowledged", slog.String("event", event.ID), slog.String("detailType", event.DetailType),
				slog.String("reason", fmt.Sprintf("%s: davit does not scale workloads of the kind %s yet", reference, reference.Kind())))
			continue
		}
		if _, err := i.Reconciler.Reconcile(ctx, reference, cause); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", reference, err))
		}
	}
	err = errors.Join(failures...)
	var later *Later
	if errors.As(err, &later) {
		return workqueue.Later(err, later.After*time.Duration(attempt))
	}
	return err
}

// Concerns says which workloads an event is about, and in words what came in. Where there are none, the cause says why.
func (i *Intake) Concerns(ctx context.Context, event events.Event) ([]workload.Reference, Cause, error) {
	switch detail := event.Detail.(type) {
	case *cloudwatch.AlarmStateChange:
		return i.alarmed(ctx, event, detail)
	case *ecs.ServiceAction:
		return one(detail.Service, Cause{ID: event.ID, Text: detail.EventName})
	case *tag.Change:
		if detail.Service != "ecs" || detail.ResourceType != "service" || !detail.Changed(names.TagScaling) && !detail.Changed(names.TagHold) {
			return nil, Cause{ID: event.ID, Text: "no tag of scaling changed on an ECS service"}, nil
		}
		return one(detail.Resource, Cause{ID: event.ID, Text: "its tags changed"})
	case *davit.Reconcile:
		return asked(event, detail)
	}
	return nil, Cause{ID: event.ID, Text: fmt.Sprintf("davit scales nothing for %q of %s", event.DetailType, event.Source)}, nil
}

// alarmed finds the workload of an alarm: by its davit/workload tag, else by its dimensions.
func (i *Intake) alarmed(ctx context.Context, event events.Event, change *cloudwatch.AlarmStateChange) ([]workload.Reference, Cause, error) {
	cause := Cause{ID: event.ID, Text: fmt.Sprintf("alarm %s is %s", change.AlarmName, change.State.Value)}
	tags, err := i.AlarmTags(ctx, change.ARN)
	if err != nil {
		return nil, cause, fmt.Errorf("read the tags of alarm %s: %w", change.AlarmName, err)
	}
	none := func(reason string) ([]workload.Reference, Cause, error) {
		return nil, Cause{ID: event.ID, Text: "alarm " + change.AlarmName + " " + reason}, nil
	}
	switch tags[names.TagScaling] {
	case "":
		return none("carries no davit/scaling tag, so it is none of scaling's")
	case Out, In:
	default:
		return none(fmt.Sprintf("has davit/scaling %q: tag it with \"out\" or \"in\"", tags[names.TagScaling]))
	}
	cause.Alarm = ledger.ScalingAlarm{Name: change.AlarmName, ARN: change.ARN}
	reference, err := i.Workload(ctx, change)
	var unresolved *Unresolved
	if errors.As(err, &unresolved) {
		return none(unresolved.Reason)
	}
	if err != nil {
		return nil, cause, err
	}
	return []workload.Reference{reference}, cause, nil
}

// sweep puts every workload that opted in on the queue, ten a message, and with them what is unfinished of others: an act
// on a workload that was deleted since must have an end, too. Where some could not be listed the others are swept, and the
// sweep comes again for all.
func (i *Intake) sweep(ctx context.Context, event events.Event, attempt int) error {
	var references []string
	for reference, err := range i.Reconciler.Ledger.OpenScaling(ctx) {
		if err != nil {
			return fmt.Errorf("listing what is unfinished: %w", err)
		}
		references = append(references, reference.String())
	}
	listed, unlisted := i.Fleet.List(ctx)
	if unlisted != nil && attempt > rollout.PartialSweeps {
		return unlisted
	}
	for _, reference := range listed {
		references = append(references, reference.String())
	}
	slices.Sort(references)
	i.Log.InfoContext(ctx, "sweep", slog.Int("workloads", len(references)))
	var bodies [][]byte
	for chunk := range slices.Chunk(slices.Compact(references), davit.MaximumWorkloads) {
		body, err := davit.Reconcile{Workloads: chunk, Cause: "sweep"}.Event(fmt.Sprintf("%s-%d", event.ID, len(bodies)), event.Time, event.Account, event.Region)
		if err != nil {
			return err
		}
		bodies = append(bodies, body)
	}
	if len(bodies) == 0 {
		return unlisted
	}
	return errors.Join(unlisted, i.Enqueue(ctx, bodies, 0))
}

// LookAgain is a Reconciler's LookAgain: a message to the function itself that is handed out after the delay.
func (i *Intake) LookAgain(ctx context.Context, reference workload.Reference, cause Cause, delay time.Duration) error {
	now := i.Reconciler.Now()
	body, err := davit.Reconcile{Workloads: []string{reference.String()}, Cause: "it is time to look again"}.Event(
		fmt.Sprintf("look-again-%d", now.UnixNano()), now, cause.Account, cause.Region)
	if err != nil {
		return err
	}
	return i.Enqueue(ctx, [][]byte{body}, delay)
}

// asked is a message that davit sent to itself.
func asked(event events.Event, message *davit.Reconcile) ([]workload.Reference, Cause, error) {
	cause := Cause{ID: event.ID, Text: message.Cause}
	references := make([]workload.Reference, 0, len(message.Workloads))
	for _, text := range message.Workloads {
		reference, err := workload.ParseReference(text)
		if err != nil {
			return nil, cause, workqueue.Poison(err)
		}
		references = append(references, reference)
	}
	return references, cause, nil
}

func one(arn string, cause Cause) ([]workload.Reference, Cause, error) {
	reference, err := workload.ParseServiceARN(arn)
	if err != nil {
		return nil, cause, workqueue.Poison(err)
	}
	return []workload.Reference{reference}, cause, nil
}
