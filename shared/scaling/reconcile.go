package scaling

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Reconciler brings the counts of workloads to what their policies ask for, a move at a time. All of its state is in the
// ledger; two reconcilers of one workload do not act at once.
type Reconciler struct {
	// Drivers are the platforms that can be scaled.
	Drivers  map[workload.Kind]Driver
	Ledger   Ledger
	Reporter ledger.Reporter[davit.Scaling]
	// Settings answers the settings in force, with the global stop.
	Settings func(ctx context.Context) (settings.Settings, error)
	// LookAgain has the workload looked at again after a delay of at most 15 minutes.
	LookAgain func(ctx context.Context, reference workload.Reference, cause Cause, delay time.Duration) error
	// Now is the clock.
	Now func() time.Time
	// Log takes a line for each decision.
	Log *slog.Logger
}

// Later says that a workload must be looked at again after a while; it is not a fault.
type Later struct {
	After  time.Duration
	Reason string
}

// Error is the reason.
func (l *Later) Error() string { return l.Reason }

const (
	// maximumSteps bounds the decisions on one workload in one invocation.
	maximumSteps = 3
	// defaultLease is how long an intent is its writer's alone where the context has no deadline.
	defaultLease = time.Minute
)

// Explanation is what would happen to a workload's count now, and all that the decision rests on.
type Explanation struct {
	Record      ledger.Record `json:"record"`
	Observation Observation   `json:"observation"`
	Decision    Decision      `json:"decision"`
}

// Explain decides without acting or writing.
func (r *Reconciler) Explain(ctx context.Context, reference workload.Reference, cause Cause) (Explanation, error) {
	looked, err := r.look(ctx, reference, cause)
	return looked.Explanation, err
}

// Reconcile looks at the workload and does what has to be done. It answers the last decision. A *Later asks for another
// look.
func (r *Reconciler) Reconcile(ctx context.Context, reference workload.Reference, cause Cause) (Decision, error) {
	var decision Decision
	for range maximumSteps {
		looked, err := r.look(ctx, reference, cause)
		if err != nil {
			return decision, err
		}
		decision = looked.Decision
		again, err := r.act(ctx, looked, cause)
		r.log(ctx, reference, decision, cause, err)
		if err != nil || !again {
			return decision, err
		}
	}
	return decision, &Later{After: 5 * time.Second, Reason: "there is more to do than one look may do"}
}

type look struct{ Explanation }

// look reads all that deciding needs: the record and the settings, and then what AWS says of the workload and its alarms.
func (r *Reconciler) look(ctx context.Context, reference workload.Reference, cause Cause) (look, error) {
	driver, known := r.Drivers[reference.Kind()]
	if !known {
		return look{}, fmt.Errorf("scale %s: davit scales no workloads of the kind %q", reference, reference.Kind())
	}
	records, err := r.Ledger.Read(ctx, []workload.Reference{reference})
	if err != nil {
		return look{}, err
	}
	configured, err := r.Settings(ctx)
	if err != nil {
		return look{}, err
	}
	record := records[reference]
	record.Workload = reference
	act := record.Scaling.Act
	subject := Subject{Workload: reference, Alarms: alarmsOf(record, cause), Hosts: act != nil && act.Lever == ledger.LeverHosts}
	observations, err := driver.Observe(ctx, []Subject{subject})
	if err != nil && act != nil && isOverdue(r.Now(), *act) {
		// What cannot be seen cannot be finished, and the act must have an end all the same.
		return look{Explanation{Record: record, Observation: Observation{Workload: reference}, Decision: abandonOverdue(*act)}}, nil
	}
	if err != nil {
		return look{}, err
	}
	seen, found := observations[reference]
	if !found {
		return look{}, fmt.Errorf("scale %s: it was not observed", reference)
	}
	return look{Explanation{Record: record, Observation: seen, Decision: Decide(r.Now(), configured, record, seen)}}, nil
}

// alarmsOf are the alarms that are known to speak of the workload, and the one that did now.
func alarmsOf(record ledger.Record, cause Cause) []ledger.ScalingAlarm {
	known := record.Scaling.Alarms
	if cause.Alarm.Name == "" || slices.Contains(known, cause.Alarm) {
		return known
	}
	alarms := append(slices.Clone(known), cause.Alarm)
	return alarms[max(0, len(alarms)-ledger.MaximumScalingAlarms):]
}

// act carries one decision out and tells whether to look again at once.
func (r *Reconciler) act(ctx context.Context, looked look, cause Cause) (again bool, err error) {
	step := step{reconciler: r, look: looked, cause: cause, record: looked.Record.Clone()}
	step.record.Gone = step.record.Gone && !looked.Observation.Exists
	untold, err := step.record.Scaling.Announcements.TellLeftovers(ctx, r.Now(), r.Reporter, step.store)
	if err != nil {
		return false, err
	}
	step.learnAlarms()
	step.learnOwner()
	again, err = step.carryOut(ctx)
	return again, errors.Join(err, untold)
}

func (s *step) carryOut(ctx context.Context) (again bool, err error) {
	switch s.look.Decision.Action {
	case Nothing:
		return false, s.rest(ctx)
	case Wait:
		return false, s.wait(ctx)
	case Refuse:
		return false, s.refuse(ctx)
	case Scale:
		return false, s.scale(ctx)
	case Continue:
		return false, s.resume(ctx)
	case Finish:
		return false, s.finish(ctx)
	case Abandon:
		return true, s.abandon(ctx, s.look.Decision)
	}
	return false, fmt.Errorf("%s: no way to carry out %q", s.record.Workload, s.look.Decision.Action)
}

func (r *Reconciler) log(ctx context.Context, reference workload.Reference, decision Decision, cause Cause, err error) {
	level := slog.LevelInfo
	attributes := []slog.Attr{slog.String("workload", reference.String()), slog.String("action", string(decision.Action)),
		slog.String("code", string(decision.Code)), slog.String("reason", decision.Reason), slog.String("cause", cause.Text)}
	if decision.Lever != "" {
		attributes = append(attributes, slog.String("lever", string(decision.Lever)), slog.String("from", words(reference.Kind(), decision.Lever, decision.From)),
			slog.String("to", words(reference.Kind(), decision.Lever, decision.To)))
	}
	if err != nil {
		level = slog.LevelWarn
		attributes = append(attributes, slog.String("error", err.Error()))
	}
	r.Log.LogAttrs(ctx, level, "decided", attributes...)
}

// lease is until when this invocation may still act.
func (r *Reconciler) lease(ctx context.Context) time.Time {
	if deadline, found := ctx.Deadline(); found {
		return r.Now().Add(time.Until(deadline))
	}
	return r.Now().Add(defaultLease)
}

// actID names the act that would follow from this version of the record; the same intent has the same name.
func actID(record ledger.Record) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", record.Workload, record.Version))
	return "scaling-" + hex.EncodeToString(sum[:8])
}

// write stores the record. A conflict asks for another look: somebody else was faster.
func (s *step) write(ctx context.Context, entries ...ledger.Entry) error {
	s.record.UpdatedAt = s.reconciler.Now()
	written, err := s.reconciler.Ledger.Write(ctx, s.record, entries...)
	if errors.Is(err, ledger.ErrConflict) {
		return &Later{After: time.Second, Reason: "another invocation changed the record first"}
	}
	if err != nil {
		return err
	}
	s.record, s.changed = written, false
	return nil
}
