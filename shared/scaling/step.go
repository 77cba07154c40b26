package scaling

import (
	"context"
	"fmt"
	"slices"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/rollout"
)

// step carries out one decision on one workload. Its record is a copy, which is written back fenced by the version that
// was read.
type step struct {
	reconciler *Reconciler
	look       look
	cause      Cause
	record     ledger.Record
	// changed tells that the record differs from the stored one in what can wait for another write.
	changed bool
}

// learnAlarms keeps the alarms that were seen, so that the next look finds them whatever brings it about.
func (s *step) learnAlarms() {
	known := alarmsOf(s.record, s.cause)
	seen := slices.DeleteFunc(slices.Clone(known), func(alarm ledger.ScalingAlarm) bool {
		return !slices.ContainsFunc(s.look.Observation.Alarms, func(other Alarm) bool { return other.Name == alarm.Name })
	})
	if s.look.Observation.Exists && !slices.Equal(seen, s.record.Scaling.Alarms) {
		s.record.Scaling.Alarms, s.changed = seen, true
	}
}

// rest forgets the last refusal, so that it is told again if it comes again.
func (s *step) rest(ctx context.Context) error {
	if s.record.Scaling.Refusal != nil {
		s.record.Scaling.Refusal, s.changed = nil, true
	}
	return s.wait(ctx)
}

// wait sees to the next look.
func (s *step) wait(ctx context.Context) error {
	if err := s.lookAgain(ctx); err != nil || !s.changed {
		return err
	}
	return s.write(ctx)
}

// lookAgain asks for the next look unless an earlier one is asked for already. It asks before it writes that down: a crash
// between costs a look too many, and none is lost.
func (s *step) lookAgain(ctx context.Context) error {
	delay := s.look.Decision.Again
	if delay <= 0 {
		return nil
	}
	now, next := s.reconciler.Now(), s.record.Scaling.NextLook
	at := now.Add(delay)
	if next.After(now) && !next.After(at) {
		return nil
	}
	if err := s.reconciler.LookAgain(ctx, s.record.Workload, s.cause, delay); err != nil {
		return fmt.Errorf("ask for another look: %w", err)
	}
	s.record.Scaling.NextLook, s.changed = at, true
	return nil
}

// refuse tells a refusal once; the same one again changes nothing.
func (s *step) refuse(ctx context.Context) error {
	decision := s.look.Decision
	if err := s.lookAgain(ctx); err != nil {
		return err
	}
	return s.concludeOnce(ctx, decision)
}

// concludeOnce concludes what is not done, unless the last that was not done was so for the same reason.
func (s *step) concludeOnce(ctx context.Context, decision Decision) error {
	told := ledger.Refusal{Code: string(decision.Code), Digest: decision.Direction, Text: decision.Reason}
	if last := s.record.Scaling.Refusal; last != nil && last.Code == told.Code && last.Digest == told.Digest {
		if !s.changed {
			return nil
		}
		return s.write(ctx)
	}
	s.record.Scaling.Refusal = &told
	return s.conclude(ctx, decision)
}

// scale writes the intent, moves the lever, and writes what came of it.
func (s *step) scale(ctx context.Context) error {
	decision, now := s.look.Decision, s.reconciler.Now()
	s.record.Scaling.Act = &ledger.ScalingAct{ID: actID(s.record), Direction: decision.Direction, Lever: decision.Lever, Target: decision.Target,
		From: decision.From, To: decision.To, Code: string(decision.Code), Reason: decision.Reason, Price: decision.Price,
		IntendedAt: now, Lease: s.reconciler.lease(ctx)}
	if decision.TooFew != nil {
		s.record.Scaling.TooFew = decision.TooFew
	}
	if err := s.write(ctx); err != nil {
		return err
	}
	return s.set(ctx)
}

// resume finishes an act whose actor is gone. It takes the lease first, so that only one invocation does.
func (s *step) resume(ctx context.Context) error {
	s.record.Scaling.Act.Lease = s.reconciler.lease(ctx)
	if err := s.write(ctx); err != nil {
		return err
	}
	return s.set(ctx)
}

// set moves the lever. Only the holder of the lease comes here.
func (s *step) set(ctx context.Context) error {
	act := s.record.Scaling.Act
	driver := s.reconciler.Drivers[s.record.Workload.Kind()]
	err := driver.Set(ctx, s.look.Observation, act.Lever, act.Target, act.To)
	if reason, refused := rollout.Refusal(err); refused {
		return s.abandon(ctx, ofAct(*act, Abandon, Refused, reason))
	}
	if err != nil {
		return err
	}
	return s.finish(ctx)
}

// finish writes that the act was done, and tells it.
func (s *step) finish(ctx context.Context) error {
	act, state, now := s.record.Scaling.Act, &s.record.Scaling, s.reconciler.Now()
	done := ofAct(*act, Scale, Code(act.Code), act.Reason)
	state.Act, state.Refusal = nil, nil
	switch {
	case act.Lever == ledger.LeverHosts:
		state.LastHosts = now
	case act.Direction == Out:
		state.LastOut = now
	default:
		state.LastIn = now
	}
	if act.Lever == ledger.LeverBounds {
		s.rememberOwned(act)
	}
	s.rememberChange(act, now)
	s.look.Decision.Again = s.settle(act)
	if err := s.lookAgain(ctx); err != nil {
		return err
	}
	return s.conclude(ctx, done)
}

// settle is how long after the act the next look is due: when the cooldown of its direction is over.
func (s *step) settle(act *ledger.ScalingAct) time.Duration {
	if again := s.look.Decision.Again; again > 0 && s.look.Decision.Action == Scale {
		return again
	}
	return progressLook
}

// rememberChange keeps what the limit of growth counts.
func (s *step) rememberChange(act *ledger.ScalingAct, now time.Time) {
	from, to := size(act, act.From), size(act, act.To)
	kept := slices.DeleteFunc(s.record.Scaling.Changes, func(change ledger.ScalingChange) bool { return now.Sub(change.At) >= spendWindow })
	kept = append(kept, ledger.ScalingChange{At: now, Lever: act.Lever, From: from, To: to})
	s.record.Scaling.Changes = kept[max(0, len(kept)-ledger.MaximumScalingChanges):]
}

// size is what an extent costs by: its count, the least that an owner keeps, or the most hosts.
func size(act *ledger.ScalingAct, extent ledger.Extent) int {
	switch {
	case extent.Count != nil:
		return *extent.Count
	case act.Lever == ledger.LeverBounds:
		return extent.Min
	}
	return extent.Max
}

// abandon gives the act up. It tells that once: a move whose call fails is decided on again and given up again.
func (s *step) abandon(ctx context.Context, decision Decision) error {
	s.record.Scaling.Act, s.changed = nil, true
	return s.concludeOnce(ctx, decision)
}

// conclude writes the record with its line of history and with what must be told of it, and then tells. The fence comes
// first, so that of two who saw the same one tells it; what a crash leaves untold stands in the record.
func (s *step) conclude(ctx context.Context, decision Decision) error {
	s.record.Scaling.Announcements.Leave(s.reconciler.Now(), s.announcement(decision))
	if err := s.write(ctx, s.entry(decision)); err != nil {
		return err
	}
	return s.record.Scaling.Announcements.Tell(ctx, s.reconciler.Reporter, s.store)
}

// store writes the record without a line of history.
func (s *step) store(ctx context.Context) error { return s.write(ctx) }

func (s *step) entry(decision Decision) ledger.Entry {
	return ledger.Entry{ID: ledger.EntryID(s.record.Version, string(decision.Action), string(decision.Code)), Workload: s.record.Workload,
		At: s.reconciler.Now(), Cause: s.cause.Text, Action: string(decision.Action), Code: string(decision.Code), Reason: s.sentence(decision)}
}

// sentence is the reason with the move and its price.
func (s *step) sentence(decision Decision) string {
	if decision.Lever == "" {
		return decision.Reason
	}
	text := fmt.Sprintf("from %s to %s: %s", s.words(decision.From, decision), s.words(decision.To, decision), decision.Reason)
	if decision.Price != "" {
		text += "; price " + decision.Price
	}
	return text
}

func (s *step) words(extent ledger.Extent, of Decision) string {
	return words(s.record.Workload.Kind(), of.Lever, extent)
}

func (s *step) announcement(decision Decision) ledger.Announcement[davit.Scaling] {
	detail := davit.Scaling{Version: davit.Version, Workload: s.record.Workload.String(), Action: string(decision.Action), Code: string(decision.Code),
		Reason: decision.Reason, Direction: decision.Direction, Lever: string(decision.Lever), Price: decision.Price, Cause: s.cause.Text,
		Command: "davit history " + s.record.Workload.String()}
	if decision.Lever != "" {
		detail.From, detail.To = s.words(decision.From, decision), s.words(decision.To, decision)
	}
	if decision.Code == Held {
		detail.Command = "davit resume " + s.record.Workload.String()
	}
	return ledger.Announcement[davit.Scaling]{DetailType: detailTypes[decision.Action], Detail: detail}
}

// detailTypes are the events of what is told.
var detailTypes = map[Action]string{
	Scale:   davit.DetailTypeScalingDone,
	Refuse:  davit.DetailTypeScalingRefused,
	Abandon: davit.DetailTypeScalingAbandoned,
}
