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
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"davit/events/davit"
	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Reconciler brings workloads to what their policy asks for, a step at a time. All of its state is in the ledger; two
// reconcilers of one workload do not act at once.
type Reconciler struct {
	Driver   Driver
	Registry Registry
	Ledger   Ledger
	Reporter ledger.Reporter[davit.Rollout]
	// Settings answers the settings in force.
	Settings func(ctx context.Context) (settings.Settings, error)
	// Now is the clock.
	Now func() time.Time
	// Log takes a line for each decision.
	Log *slog.Logger
	// SideBySide is how many workloads, and how many reads of one look, go on at once; 8 if zero. With 1 the order of
	// all calls is fixed.
	SideBySide int
}

// Later says that a workload must be looked at again after a while; it is not a fault.
type Later struct {
	// After is how long to wait at least.
	After time.Duration
	// Reason is why.
	Reason string
}

// Error is the reason.
func (l *Later) Error() string { return l.Reason }

const (
	// maximumSteps bounds the decisions on one workload in one invocation: an outcome, and the rollout that follows it,
	// with room for repairs.
	maximumSteps      = 6
	defaultSideBySide = 8
	// defaultLease is how long an intent is its writer's alone where the context has no deadline.
	defaultLease = time.Minute
)

// Reconcile looks at the workloads and does what has to be done. It answers a decision for each, the last one made. Its
// error joins those of the workloads; a *Later among them asks for another look.
func (r *Reconciler) Reconcile(ctx context.Context, references []workload.Reference, cause Cause) (map[workload.Reference]Decision, error) {
	looks, err := r.look(ctx, references, cause)
	var (
		mutex     sync.Mutex
		decisions = make(map[workload.Reference]Decision, len(references))
		failures  = []error{err}
		group     errgroup.Group
	)
	group.SetLimit(r.sideBySide())
	for reference, look := range ordered(looks) {
		group.Go(func() error {
			decision, err := r.settle(ctx, reference, look, cause)
			mutex.Lock()
			defer mutex.Unlock()
			decisions[reference] = decision
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", reference, err))
			}
			return nil
		})
	}
	_ = group.Wait()
	return decisions, errors.Join(failures...)
}

// Explain decides without acting or writing, and verifies what would roll out. Beside its error stand the workloads that could be
// looked at.
func (r *Reconciler) Explain(ctx context.Context, references []workload.Reference, cause Cause) (map[workload.Reference]Explanation, error) {
	looks, err := r.look(ctx, references, cause)
	var (
		mutex        sync.Mutex
		explanations = make(map[workload.Reference]Explanation, len(looks))
		group        errgroup.Group
	)
	group.SetLimit(r.sideBySide())
	for reference, look := range ordered(looks) {
		group.Go(func() error {
			decision := look.decision
			if decision.Action == Roll {
				decision = (&step{reconciler: r, look: look, cause: cause, record: look.record.Clone()}).verified(ctx)
			}
			mutex.Lock()
			defer mutex.Unlock()
			explanations[reference] = Explanation{Record: look.record, Observation: look.seen.Workload, Decision: decision}
			return nil
		})
	}
	_ = group.Wait()
	return explanations, err
}

// Explanation is what would happen to a workload now, and all that the decision rests on.
type Explanation struct {
	Record      ledger.Record        `json:"record"`
	Observation workload.Observation `json:"observation"`
	Decision    Decision             `json:"decision"`
}

// look is one workload as it was seen, with the decision that follows.
type look struct {
	record   ledger.Record
	seen     Seen
	settings settings.Settings
	decision Decision
}

// look reads everything that deciding needs: records, observations and settings side by side, then the images of each
// repository once. For a push the repository is known beforehand, so its images are read with the rest; what is
// remembered is left to the other looks, since a push seldom comes to compare it. A workload that cannot be looked at
// does not spoil the others: beside the error stand those that could.
func (r *Reconciler) look(ctx context.Context, references []workload.Reference, cause Cause) (map[workload.Reference]look, error) {
	var (
		records      map[workload.Reference]ledger.Record
		observations map[workload.Reference]workload.Observation
		recalled     map[workload.Reference]string
		configured   settings.Settings
		unobserved   error
		unrecalled   error
	)
	repositories := newImageLists(r.Registry)
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(r.sideBySide())
	group.Go(func() (err error) {
		records, err = r.Ledger.Read(groupContext, references)
		return err
	})
	group.Go(func() error {
		observations, unobserved = r.Driver.Observe(groupContext, references)
		return nil
	})
	group.Go(func() (err error) {
		configured, err = r.Settings(groupContext)
		return err
	})
	if isPush := cause.Digest != ""; !isPush {
		group.Go(func() error {
			recalled, unrecalled = r.Driver.Recall(groupContext, references)
			return nil
		})
	} else {
		group.Go(func() error {
			_, _ = repositories.list(groupContext, cause.Repository) // whoever follows it gets the error
			return nil
		})
		group.Go(func() error {
			r.Driver.ReadAhead(groupContext, cause.Repository, cause.Digest)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	looks := make(map[workload.Reference]look, len(references))
	failures := []error{unobserved, unrecalled}
	for reference, observation := range ordered(observations) {
		if kept, found := recalled[reference]; found {
			observation.Remembered = &kept
		}
		seen := Seen{Workload: observation}
		if target, err := FindTarget(observation); err == nil && observation.Settings.Policy != "" {
			seen.Images, err = repositories.list(ctx, target.Repository)
			reason, refused := Refusal(err)
			switch {
			case errors.Is(err, ErrNoRepository):
				seen.RepositoryMissing = true
			case refused:
				seen.Unlisted = reason
			case err != nil:
				failures = append(failures, fmt.Errorf("%s: %w", reference, err))
				continue
			}
		}
		record := records[reference]
		looks[reference] = look{record: record, seen: seen, settings: configured,
			decision: Decide(r.Now(), configured, record, seen, cause)}
	}
	return looks, errors.Join(failures...)
}

// ordered goes through a map in the order of its references.
func ordered[V any](of map[workload.Reference]V) iter.Seq2[workload.Reference, V] {
	return func(yield func(workload.Reference, V) bool) {
		references := slices.SortedFunc(maps.Keys(of), func(a, b workload.Reference) int { return strings.Compare(a.String(), b.String()) })
		for _, reference := range references {
			if !yield(reference, of[reference]) {
				return
			}
		}
	}
}

// settle acts on the decision, and on those that follow from it, until nothing is left to do now.
func (r *Reconciler) settle(ctx context.Context, reference workload.Reference, current look, cause Cause) (Decision, error) {
	for range maximumSteps {
		decision := current.decision
		again, err := r.act(ctx, current, cause)
		r.log(ctx, reference, decision, cause, err)
		if err != nil || !again {
			return decision, err
		}
		looks, err := r.look(ctx, []workload.Reference{reference}, cause)
		looked, found := looks[reference]
		if !found {
			return decision, errors.Join(err, fmt.Errorf("%s could not be looked at again", reference))
		}
		current = looked
	}
	return current.decision, &Later{After: 5 * time.Second, Reason: "there is more to do than one look may do"}
}

// act carries one decision out and tells whether to look again at once.
func (r *Reconciler) act(ctx context.Context, current look, cause Cause) (again bool, err error) {
	step := step{reconciler: r, look: current, cause: cause, record: current.record.Clone()}
	step.record.Workload = current.seen.Workload.Workload
	step.see()
	untold, err := step.record.Announcements.TellLeftovers(ctx, r.Now(), r.Reporter, step.store)
	if err != nil {
		return false, err
	}
	again, err = step.carryOut(ctx)
	return again, errors.Join(err, untold)
}

func (r *Reconciler) log(ctx context.Context, reference workload.Reference, decision Decision, cause Cause, err error) {
	level := slog.LevelInfo
	attributes := []slog.Attr{slog.String("workload", reference.String()), slog.String("action", string(decision.Action)),
		slog.String("code", string(decision.Code)), slog.String("reason", decision.Reason), slog.String("cause", cause.Text)}
	if decision.Image != nil {
		attributes = append(attributes, slog.String("digest", decision.Image.Digest), slog.String("tag", decision.Image.Tag))
	}
	if err != nil {
		level = slog.LevelWarn
		attributes = append(attributes, slog.String("error", err.Error()))
	}
	r.Log.LogAttrs(ctx, level, "decided", attributes...)
}

func (r *Reconciler) sideBySide() int {
	if r.SideBySide > 0 {
		return r.SideBySide
	}
	return defaultSideBySide
}

// lease is until when this invocation may still act.
func (r *Reconciler) lease(ctx context.Context) time.Time {
	if deadline, found := ctx.Deadline(); found {
		return r.Now().Add(time.Until(deadline))
	}
	return r.Now().Add(defaultLease)
}

// rolloutID names the rollout that would follow from this version of the record; the same intent has the same name.
func rolloutID(record ledger.Record, digest string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", record.Workload, record.Version, digest))
	return "rollout-" + hex.EncodeToString(sum[:8])
}

// imageLists reads each repository once.
type imageLists struct {
	registry Registry
	mutex    sync.Mutex
	lists    map[workload.Repository]func() ([]imagepolicy.Image, error)
}

func newImageLists(registry Registry) *imageLists {
	return &imageLists{registry: registry, lists: map[workload.Repository]func() ([]imagepolicy.Image, error){}}
}

// list answers the images of the repository.
func (l *imageLists) list(ctx context.Context, repository workload.Repository) ([]imagepolicy.Image, error) {
	l.mutex.Lock()
	read, found := l.lists[repository]
	if !found {
		read = sync.OnceValues(func() ([]imagepolicy.Image, error) { return l.registry.Images(ctx, repository) })
		l.lists[repository] = read
	}
	l.mutex.Unlock()
	images, err := read()
	return slices.Clip(images), err
}
