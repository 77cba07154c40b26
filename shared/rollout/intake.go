package rollout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"davit/events"
	"davit/events/davit"
	"davit/events/ecr"
	"davit/events/ecs"
	"davit/events/schedule"
	"davit/events/tag"
	"davit/shared/backoff"
	"davit/shared/names"
	"davit/shared/workload"
	"davit/shared/workqueue"
)

// Fleet goes through the workloads for a sweep, such as those that carry the tag now, and those that the ledger knows. What could
// not be listed is an error among them, after which others may come.
type Fleet func(ctx context.Context) iter.Seq2[workload.Reference, error]

// PartialSweeps is up to which attempt what could be listed of a fleet is swept by itself: the first may end before it has begun,
// and each puts as much on the queue.
const PartialSweeps = 2

// List lists the workloads, each once. Beside an error stand those that could be listed.
func (f Fleet) List(ctx context.Context) ([]workload.Reference, error) {
	seen := map[workload.Reference]bool{}
	var unlisted error
	for reference, err := range f(ctx) {
		if err != nil {
			unlisted = errors.Join(unlisted, fmt.Errorf("listing the fleet: %w", err))
			continue
		}
		seen[reference] = true
	}
	return slices.Collect(maps.Keys(seen)), unlisted
}

// Intake takes what the queue delivers: it says which workloads an event is about, and has them reconciled. An event is
// never a reason to do anything but look.
type Intake struct {
	Reconciler *Reconciler
	// Fleet lists all workloads.
	Fleet Fleet
	// Enqueue puts messages on the function's own queue.
	Enqueue func(ctx context.Context, bodies [][]byte, delay time.Duration) error
	// MaximumReceives is after how many attempts the queue makes a message a dead letter, as the stack configured it.
	MaximumReceives int
	Log             *slog.Logger
}

// longestWait bounds one wait for what is not yet.
const longestWait = 5 * time.Minute

// Handle handles one message. It is a workqueue.Handler: "not mine" is acknowledged with a line in the log, "not yet"
// comes again, and what cannot be read goes to the dead-letter queue with its reason.
func (i *Intake) Handle(ctx context.Context, body []byte, attempt int) error {
	event, err := events.Parse(body)
	if err != nil {
		return workqueue.Poison(err)
	}
	if _, sweep := event.Detail.(*schedule.Tick); sweep {
		return i.sweep(ctx, event, attempt)
	}
	references, cause, err := i.Concerns(ctx, event)
	if err != nil {
		return err
	}
	switch {
	case len(references) == 0:
		i.Log.InfoContext(ctx, "acknowledged", slog.String("event", event.ID), slog.String("detailType", event.DetailType),
			slog.String("reason", cause.Text))
		return nil
	case len(references) > davit.MaximumWorkloads:
		return i.fanOut(ctx, event, references, cause)
	}
	decisions, err := i.Reconciler.Reconcile(ctx, references, cause)
	if err := i.again(ctx, err, attempt); err != nil {
		return err // the message comes again, and with it the look
	}
	return i.watch(ctx, event, decisions)
}

// watch has deployments of which no event will tell looked at again, by a message for all that are due at the same time.
// A message leads to one at most, so however many there are of one deployment, they do not grow in number.
func (i *Intake) watch(ctx context.Context, event events.Event, decisions map[workload.Reference]Decision) error {
	due := map[time.Duration][]string{}
	for reference, decision := range decisions {
		if decision.Watch > 0 {
			delay := (decision.Watch + time.Second - 1).Truncate(time.Second)
			due[delay] = append(due[delay], reference.String())
		}
	}
	for _, delay := range slices.Sorted(maps.Keys(due)) {
		slices.Sort(due[delay])
		body, err := davit.Reconcile{Workloads: due[delay], Cause: watchCause}.Event(watchID(due[delay]), i.Reconciler.Now(), event.Account, event.Region)
		if err != nil {
			return err
		}
		if err := i.Enqueue(ctx, [][]byte{body}, delay); err != nil {
			return fmt.Errorf("have deployments looked at again: %w", err)
		}
	}
	return nil
}

// watchCause is the cause of a look that follows another.
const watchCause = "a deployment in progress is looked at again"

// watchID names the looks at the same workloads alike.
func watchID(workloads []string) string {
	sum := sha256.Sum256([]byte(strings.Join(workloads, " ")))
	return "watch-" + hex.EncodeToString(sum[:8])
}

// Concerns says which workloads an event is about, and in words what came in. Where there are none, the cause says why.
func (i *Intake) Concerns(ctx context.Context, event events.Event) ([]workload.Reference, Cause, error) {
	cause := Cause{ID: event.ID}
	switch detail := event.Detail.(type) {
	case *ecr.ImageAction:
		return i.pushed(ctx, event, detail, event.Region)
	case *ecr.PullThroughAction:
		return i.pushed(ctx, event, detail.Action(), event.Region)
	case *ecr.PublicCall:
		return i.pushed(ctx, event, detail.Action(), workload.PublicRegion)
	case *ecs.DeploymentStateChange:
		cause.Text = detail.EventName + " of " + detail.DeploymentID
		return one(detail.Service, cause)
	case *ecs.ServiceAction:
		cause.Text = detail.EventName
		return one(detail.Service, cause)
	case *tag.Change:
		cause.Text = "its tags changed"
		if detail.Service != "ecs" || detail.ResourceType != "service" || !detail.Changed(names.EventSource+"/") {
			return nil, Cause{ID: event.ID, Text: "no tag of davit changed on an ECS service"}, nil
		}
		return one(detail.Resource, cause)
	case *davit.Reconcile:
		return reconciled(event, detail)
	}
	cause.Text = fmt.Sprintf("no rollout comes of %q of %s", event.DetailType, event.Source)
	return nil, cause, nil
}

// Takes tells whether events of this kind can lead to a rollout. The other functions have theirs.
func Takes(event events.Event) bool {
	switch event.Detail.(type) {
	case *ecr.ImageAction, *ecr.PullThroughAction, *ecr.PublicCall, *ecs.DeploymentStateChange, *ecs.ServiceAction, *tag.Change,
		*davit.Reconcile, *schedule.Tick:
		return true
	}
	return false
}

// pushed finds the workloads that follow the repository of a pushed image, in the region or public.
func (i *Intake) pushed(ctx context.Context, event events.Event, action *ecr.ImageAction, region string,
) ([]workload.Reference, Cause, error) {
	cause := Cause{ID: event.ID, Text: action.String(),
		Repository: workload.Repository{Registry: action.Registry, Region: region, Name: action.RepositoryName},
		Digest:     action.ImageDigest, Tag: action.ImageTag}
	if !action.Arrived() {
		return nil, Cause{ID: event.ID, Text: "only a push, a replication or a pull through the cache that succeeded can roll out, and this is: " + action.String()}, nil
	}
	if action.ImageTag == "" {
		// Each platform of a multi-platform image comes so, before the tag of them all.
		return nil, Cause{ID: event.ID, Text: "an image without a tag cannot roll out, and this is: " + action.String()}, nil
	}
	references, err := i.Reconciler.Ledger.Following(ctx, cause.Repository)
	if err != nil {
		return nil, cause, err
	}
	if len(references) == 0 {
		return nil, Cause{ID: event.ID, Text: "no workload follows " + cause.Repository.String()}, nil
	}
	return references, cause, nil
}

// sweep puts every workload of the fleet on the queue, so that each is looked at by the same code and none holds the
// others up. Where some could not be listed the others are swept, and the sweep comes again for all.
func (i *Intake) sweep(ctx context.Context, event events.Event, attempt int) error {
	listed, unlisted := i.Fleet.List(ctx)
	if unlisted != nil && attempt > PartialSweeps {
		return unlisted
	}
	i.Log.InfoContext(ctx, "sweep", slog.Int("workloads", len(listed)))
	return errors.Join(unlisted, i.fanOut(ctx, event, listed, Cause{ID: event.ID, Text: "sweep"}))
}

// fanOut puts the workloads on the queue, ten a message, so that no invocation has more to do than its time allows.
func (i *Intake) fanOut(ctx context.Context, event events.Event, references []workload.Reference, cause Cause) error {
	names := make([]string, len(references))
	for index, reference := range references {
		names[index] = reference.String()
	}
	slices.Sort(names)
	var image *davit.Image
	if cause.Digest != "" {
		image = &davit.Image{Repository: cause.Repository.String(), Digest: cause.Digest, Tag: cause.Tag}
	}
	var bodies [][]byte
	for chunk := range slices.Chunk(names, davit.MaximumWorkloads) {
		message := davit.Reconcile{Workloads: chunk, Cause: cause.Text, Image: image}
		body, err := message.Event(fmt.Sprintf("%s-%d", event.ID, len(bodies)), event.Time, event.Account, event.Region)
		if err != nil {
			return err
		}
		bodies = append(bodies, body)
	}
	if len(bodies) == 0 {
		return nil
	}
	return i.Enqueue(ctx, bodies, 0)
}

// reconciled reads a message that davit sent to itself.
func reconciled(event events.Event, message *davit.Reconcile) ([]workload.Reference, Cause, error) {
	cause := Cause{ID: event.ID, Text: message.Cause}
	if image := message.Image; image != nil {
		repository, err := workload.ParseRepository(image.Repository)
		if err != nil {
			return nil, cause, workqueue.Poison(err)
		}
		cause.Repository, cause.Digest, cause.Tag = repository, image.Digest, image.Tag
	}
	references, err := parseAll(message.Workloads)
	return references, cause, err
}

// again turns a wish to look again into a delay of the message, which doubles with each attempt. The last attempt before the
// queue makes the message a dead letter is not waited for: an image that was pushed and deleted at once, or a record that
// many want, is nobody's fault, and the sweep looks at what there is.
func (i *Intake) again(ctx context.Context, err error, attempt int) error {
	var later *Later
	if !errors.As(err, &later) {
		return err
	}
	if onlyLater(err) && attempt >= i.MaximumReceives-1 {
		i.Log.WarnContext(ctx, "left to the sweep", slog.Int("attempt", attempt), slog.String("reason", err.Error()))
		return nil
	}
	return workqueue.Later(err, backoff.Window(later.After, longestWait, attempt))
}

// onlyLater tells whether every error joined in err is a *Later, so that nothing failed.
func onlyLater(err error) bool {
	if joined, many := err.(interface{ Unwrap() []error }); many {
		return !slices.ContainsFunc(joined.Unwrap(), func(err error) bool { return !onlyLater(err) })
	}
	var later *Later
	return errors.As(err, &later)
}

func one(arn string, cause Cause) ([]workload.Reference, Cause, error) {
	reference, err := workload.ParseServiceARN(arn)
	if errors.Is(err, workload.ErrNoCluster) {
		return nil, Cause{ID: cause.ID, Text: err.Error()}, nil
	}
	if err != nil {
		return nil, cause, workqueue.Poison(err)
	}
	return []workload.Reference{reference}, cause, nil
}

func parseAll(texts []string) ([]workload.Reference, error) {
	references := make([]workload.Reference, 0, len(texts))
	for _, text := range texts {
		reference, err := workload.ParseReference(text)
		if err != nil {
			return nil, workqueue.Poison(err)
		}
		references = append(references, reference)
	}
	return references, nil
}
