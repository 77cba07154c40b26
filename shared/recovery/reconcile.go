package recovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Reconciler brings the incidents of workloads to their end, a step at a time. All of its state is in the ledger; two
// reconcilers of one workload do not act at once.
type Reconciler struct {
	// Drivers are those of the kinds of workload that can be remedied.
	Drivers  map[workload.Kind]Driver
	Alarms   Alarms
	Rollouts Rollouts
	Ledger   Ledger
	Reporter ledger.Reporter[davit.Incident]
	// LookAgain has the workload looked at again after a while. That it does is not certain: the schedule does, too.
	LookAgain func(ctx context.Context, reference workload.Reference, after time.Duration) error
	// Settings answers the settings in force, with the global stop.
	Settings func(ctx context.Context) (settings.Settings, error)
	// Now is the clock.
	Now func() time.Time
	// Log takes a line for each decision.
	Log *slog.Logger
	// InOrder has the reads of a look made one after the other, so that the order of all calls is fixed.
	InOrder bool
}

const (
	// maximumSteps bounds the decisions on one workload in one invocation: a ladder whose steps are all left out, and
	// what comes before and after.
	maximumSteps = 16
	// defaultLease is how long an intent is its writer's alone where the context has no deadline.
	defaultLease = time.Minute
	// slotAge is how old a slot is when its act is taken to have never been written.
	slotAge = 3 * time.Minute
	// fleetAttempts is how often a write of the fleet that somebody else was faster with is tried again.
	fleetAttempts = 4
)

// Reconcile looks at the workload and does what has to be done. It answers the last decision. A *Later asks for another
// look.
func (r *Reconciler) Reconcile(ctx context.Context, reference workload.Reference, cause Cause) (Decision, error) {
	var decision Decision
	for range maximumSteps {
		current, err := r.look(ctx, reference, cause)
		if err != nil {
			return decision, fmt.Errorf("%s: %w", reference, err)
		}
		decision = current.decision
		again, err := r.act(ctx, current, cause)
		r.log(ctx, reference, decision, cause, err)
		if err = errors.Join(current.unseen, err); err != nil {
			return decision, fmt.Errorf("%s: %w", reference, err)
		}
		if !again {
			return decision, nil
		}
	}
	return decision, fmt.Errorf("%s: %w", reference, &Later{After: time.Second, Reason: "there is more to do than fits into one look"})
}

// Explanation is what would happen to a workload now, and all that the decision rests on.
type Explanation struct {
	Record   ledger.Record `json:"record"`
	Fleet    ledger.Fleet  `json:"fleet"`
	Seen     Seen          `json:"seen"`
	Decision Decision      `json:"decision"`
}

// Explain decides without acting or writing.
func (r *Reconciler) Explain(ctx context.Context, reference workload.Reference, cause Cause) (Explanation, error) {
	current, err := r.look(ctx, reference, cause)
	if err != nil {
		return Explanation{}, fmt.Errorf("%s: %w", reference, err)
	}
	return Explanation{Record: current.record, Fleet: current.fleet, Seen: current.seen, Decision: current.decision}, nil
}

// look is one workload as it was seen, with the decision that follows.
type look struct {
	record     ledger.Record
	fleet      ledger.Fleet
	seen       Seen
	configured settings.Settings
	decision   Decision
	// unseen is why the workload could not be looked at. It has what came in come again.
	unseen error
}

// look reads all that deciding needs, side by side, but for the alarms, whose names are in the record. A workload that cannot be
// looked at is decided on for the sake of its open incidents, and of what else is left of it.
func (r *Reconciler) look(ctx context.Context, reference workload.Reference, cause Cause) (look, error) {
	driver, found := r.Drivers[reference.Kind()]
	if !found {
		return look{}, fmt.Errorf("davit has no remedies for workloads of the kind %q", reference.Kind())
	}
	var current look
	var unseen, unheard error
	err := r.together(ctx,
		func(ctx context.Context) error { return r.readRecord(ctx, reference, cause, &current, &unheard) },
		func(ctx context.Context) (err error) {
			current.fleet, err = r.Ledger.ReadFleet(ctx)
			return err
		},
		func(ctx context.Context) error {
			current.seen.Observation, unseen = driver.Observe(ctx, reference)
			return nil
		},
		func(ctx context.Context) (err error) {
			current.configured, err = r.Settings(ctx)
			return err
		})
	if err != nil {
		return look{}, errors.Join(err, unseen, unheard)
	}
	if current.unseen = errors.Join(unseen, unheard); current.unseen != nil {
		slotted := slices.ContainsFunc(current.fleet.Slots, func(slot ledger.Slot) bool { return slot.Workload == reference })
		if !current.record.Open() && !slotted {
			return look{}, current.unseen
		}
		current.seen = Seen{Unseen: current.unseen.Error()}
		current.seen.Workload = reference
	}
	current.decision = Decide(r.Now(), current.configured, current.record, current.fleet, current.seen, cause.Signal)
	return current, nil
}

// readRecord reads the record, and then what its alarms say, or why they cannot be asked.
func (r *Reconciler) readRecord(ctx context.Context, reference workload.Reference, cause Cause, current *look, unheard *error) error {
	records, err := r.Ledger.Read(ctx, []workload.Reference{reference})
	if err != nil {
		return err
	}
	current.record = records[reference]
	var alarms []string
	if cause.Signal != nil && cause.Signal.Alarm != "" {
		alarms = append(alarms, cause.Signal.Alarm)
	}
	for _, incident := range current.record.Recovery.Incidents {
		alarms = append(alarms, incident.Alarms...)
	}
	slices.Sort(alarms)
	if alarms = slices.Compact(alarms); len(alarms) == 0 {
		return nil
	}
	current.seen.Alarms, *unheard = r.Alarms.States(ctx, alarms)
	return nil
}

// act carries out the decision and tells whether there may be more to do now.
func (r *Reconciler) act(ctx context.Context, current look, cause Cause) (again bool, err error) {
	step := &step{reconciler: r, look: current, cause: cause, record: current.record.Clone(), fleet: current.fleet.Clone()}
	step.record.Workload = current.seen.Workload
	step.see()
	untold, err := step.tidy(ctx)
	if err != nil {
		return false, err
	}
	again, err = step.carryOut(ctx)
	return again, errors.Join(err, untold)
}

func (r *Reconciler) log(ctx context.Context, reference workload.Reference, decision Decision, cause Cause, err error) {
	level := slog.LevelInfo
	attributes := []slog.Attr{slog.String("workload", reference.String()), slog.String("action", string(decision.Action)),
		slog.String("code", string(decision.Code)), slog.String("reason", decision.Reason), slog.String("cause", cause.Text),
		slog.String("incident", decision.Incident), slog.String("do", string(decision.Do))}
	if err != nil {
		level = slog.LevelWarn
		attributes = append(attributes, slog.String("error", err.Error()))
	}
	r.Log.LogAttrs(ctx, level, "decided", attributes...)
}

// together makes the reads, side by side or one after the other.
func (r *Reconciler) together(ctx context.Context, reads ...func(context.Context) error) error {
	if r.InOrder {
		for _, read := range reads {
			if err := read(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, read := range reads {
		group.Go(func() error { return read(ctx) })
	}
	return group.Wait()
}

// lease is until when this invocation may still act.
func (r *Reconciler) lease(ctx context.Context) time.Time {
	if deadline, found := ctx.Deadline(); found {
		return r.Now().Add(time.Until(deadline))
	}
	return r.Now().Add(defaultLease)
}
