package recovery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/settings"
)

// Who is what davit calls itself in the requests that it makes of the rollout function.
const Who = "davit"

// step carries out one decision on one workload. Its record is a copy, which is written back fenced by the version that
// was read.
type step struct {
	reconciler *Reconciler
	look       look
	cause      Cause
	record     ledger.Record
	fleet      ledger.Fleet
	// touched are the incidents that the next write keeps copies of.
	touched []ledger.Incident
}

// incident is the one that the decision is about, in the record that is written.
func (s *step) incident() *ledger.Incident {
	at := s.record.Recovery.ByID(s.look.decision.Incident)
	if at < 0 {
		return &ledger.Incident{}
	}
	return &s.record.Recovery.Incidents[at]
}

// see makes the record say what was seen: that the workload is there again, and that a guard is over, so that the next one is counted
// on its own.
func (s *step) see() {
	s.record.Gone = s.record.Gone && !s.look.seen.Exists
	view := view{now: s.reconciler.Now(), configured: s.look.configured, record: s.record, seen: s.look.seen}
	for index := range s.record.Recovery.Incidents {
		if incident := &s.record.Recovery.Incidents[index]; view.guardIsOver(*incident) {
			goOn(incident)
		}
	}
}

// goOn has the incident wait for no guard any more.
func goOn(incident *ledger.Incident) {
	incident.Waits, incident.WaitReason, incident.WaitsSince = "", "", time.Time{}
}

// carryOut does what was decided, and tells whether there may be more to do now.
func (s *step) carryOut(ctx context.Context) (again bool, err error) {
	switch decision := s.look.decision; decision.Action {
	case Nothing, Refuse:
		return false, nil
	case Wait:
		return false, s.wait(ctx)
	case Open:
		return true, s.open(ctx)
	case Join:
		return true, s.join(ctx)
	case Note:
		return true, s.note(ctx)
	case LeaveOut:
		return true, s.leaveOut(ctx)
	case HoldUp:
		return true, s.holdUp(ctx)
	case Try, TakeBack:
		return true, s.try(ctx)
	case Press:
		return false, s.press(ctx)
	case Resume:
		return true, s.resume(ctx)
	case Conclude:
		return true, s.conclude(ctx)
	case PageHuman:
		return true, s.page(ctx)
	case End:
		return true, s.end(ctx)
	}
	return false, fmt.Errorf("no way to carry out %q", s.look.decision.Action)
}

// tidy finishes what others left: announcements untold, a storm unpaged, a slot whose act was never written. What nobody can be
// told stops no remedy, before there is too much of it.
func (s *step) tidy(ctx context.Context) (untold, err error) {
	now := s.reconciler.Now()
	if untold, err = s.record.Recovery.Announcements.TellLeftovers(ctx, now, s.reconciler.Reporter, s.store); err != nil {
		return nil, err
	}
	act := s.record.Recovery.Act
	stale := func(slot ledger.Slot) bool {
		return slot.Workload == s.record.Workload && now.Sub(slot.At) >= slotAge && (act == nil || act.ID != slot.Act)
	}
	if slices.ContainsFunc(s.fleet.Slots, stale) {
		if err := s.changeFleet(ctx, func(fleet *ledger.Fleet) bool {
			before := len(fleet.Slots)
			fleet.Slots = slices.DeleteFunc(fleet.Slots, stale)
			return len(fleet.Slots) < before
		}); err != nil {
			return untold, err
		}
	}
	storm, err := s.pageStorm(ctx)
	return errors.Join(untold, storm), err
}

// wait has the workload looked at again, unless somebody else has asked for it already.
func (s *step) wait(ctx context.Context) error {
	now, again := s.reconciler.Now(), s.look.decision.Again
	next := s.record.Recovery.NextLook
	if again == 0 || next.After(now.Add(time.Second)) && !next.After(now.Add(again+time.Second)) {
		return nil
	}
	s.record.Recovery.NextLook = now.Add(again)
	if err := s.write(ctx); err != nil {
		return err
	}
	return s.reconciler.LookAgain(ctx, s.record.Workload, again)
}

// open opens an incident. The fleet hears of it first, so that no opening is missed where a storm gathers.
func (s *step) open(ctx context.Context) error {
	signal, now := s.cause.Signal, s.reconciler.Now()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", s.record.Workload, s.record.Version, s.look.decision.Playbook))
	incident := ledger.Incident{ID: ledger.IncidentID(now, sum[:]), Workload: s.record.Workload, Playbook: s.look.decision.Playbook,
		Cause: signal.Text, OpenedAt: now}
	take(&incident, *signal)
	opening := ledger.Opening{Workload: s.record.Workload, Incident: incident.ID, At: now}
	if err := s.changeFleet(ctx, func(fleet *ledger.Fleet) bool { return gather(fleet, opening, s.limits()) }); err != nil {
		return err
	}
	s.record.Recovery.Incidents = append(s.record.Recovery.Incidents, incident)
	s.look.decision.Incident = incident.ID
	s.touched = append(s.touched, incident)
	return s.tell(ctx, incident, opened)
}

// gather adds an opening, and begins or prolongs a storm where there are too many. Fewer do not prolong it: in a large fleet there is
// always one, and in a storm no human is paged of any. A storm that nobody was told of is kept after its end, and the next one is
// told with it.
func gather(fleet *ledger.Fleet, opening ledger.Opening, limits settings.Limits) bool {
	now := opening.At
	fleet.Openings = slices.DeleteFunc(fleet.Openings, func(other ledger.Opening) bool {
		return now.Sub(other.At) >= time.Duration(limits.StormWindow) || other.Incident == opening.Incident
	})
	fleet.Openings = append(fleet.Openings, opening)
	if over := len(fleet.Openings) - ledger.MaximumOpenings; over > 0 {
		fleet.Openings = slices.Delete(fleet.Openings, 0, over)
	}
	workloads := map[string]bool{}
	for _, other := range fleet.Openings {
		workloads[other.Workload.String()] = true
	}
	if fleet.Storm != nil && !now.Before(fleet.Storm.Until) && !toTell(fleet.Storm, now) {
		fleet.Storm = nil
	}
	if len(workloads) >= limits.StormIncidents {
		storm := ledger.Storm{ID: "storm-" + now.UTC().Format("20060102-150405"), Since: now}
		if fleet.Storm != nil {
			storm = *fleet.Storm
		}
		storm.Until = now.Add(time.Duration(limits.StormCooldown))
		fleet.Storm = &storm
	}
	return true
}

// take takes a signal into account.
func take(incident *ledger.Incident, signal Signal) {
	incident.Signals = newest(append(incident.Signals, signal.ID), ledger.MaximumSignals)
	incident.Until = stricter(incident.Until, signal.Until)
	if signal.At.After(incident.SignalAt) {
		incident.SignalAt = signal.At
	}
	if signal.Alarm != "" && !slices.Contains(incident.Alarms, signal.Alarm) {
		incident.Alarms = newest(append(incident.Alarms, signal.Alarm), ledger.MaximumSignals)
	}
	for _, line := range append([]string{signal.Text}, signal.Evidence...) {
		if !slices.Contains(incident.Evidence, line) {
			incident.Evidence = newest(append(incident.Evidence, line), ledger.MaximumEvidence)
		}
	}
}

// stricter is what asks for more.
func stricter(one, other ledger.Until) ledger.Until {
	order := []ledger.Until{"", ledger.UntilAnswered, ledger.UntilDrained, ledger.UntilReplaced}
	return order[max(slices.Index(order, one), slices.Index(order, other))]
}

func newest[T any](list []T, most int) []T { return list[max(0, len(list)-most):] }

func (s *step) join(ctx context.Context) error {
	take(s.incident(), *s.cause.Signal)
	return s.writeAbout(ctx)
}

func (s *step) note(ctx context.Context) error {
	incident := s.incident()
	incident.HealthySince = time.Time{}
	if s.look.decision.Code == Healthy {
		incident.HealthySince = s.reconciler.Now()
	}
	return s.writeAbout(ctx)
}

func (s *step) leaveOut(ctx context.Context) error {
	decision, incident, now := s.look.decision, s.incident(), s.reconciler.Now()
	incident.Tried = append(incident.Tried, ledger.Attempt{Do: string(decision.Do), At: now, EndedAt: now, Outcome: ledger.LeftOut,
		Reason: decision.Reason})
	incident.Step++
	return s.tell(ctx, *incident, denied)
}

// holdUp notes which guard holds the next step up. The time that the incident waits goes on when another guard takes
// over, but for a storm, in which nothing can be done.
func (s *step) holdUp(ctx context.Context) error {
	incident, code := s.incident(), string(s.look.decision.Code)
	if incident.Waits == "" || incident.Waits == string(Storm) {
		incident.WaitsSince = s.reconciler.Now()
	}
	incident.Waits, incident.WaitReason = code, s.look.decision.Reason
	return s.tell(ctx, *incident, denied)
}

// try takes the next step, or undoes one: a slot of the fleet, the intent, the act, and what came of it.
func (s *step) try(ctx context.Context) error {
	decision, now := s.look.decision, s.reconciler.Now()
	act := s.look.seen.Intent(decision.Do)
	if decision.Action == TakeBack {
		act.Undoes, act.Undo = decision.Undo, nil
	}
	act.ID, act.Incident, act.Image = actID(s.record, decision), decision.Incident, decision.Image
	act.IntendedAt, act.Lease, act.Deadline = now, s.reconciler.lease(ctx), now.Add(decision.Timeout)
	if err := s.reserve(ctx, act); err != nil {
		return err
	}
	incident := s.incident()
	goOn(incident)
	incident.Tried = append(incident.Tried, ledger.Attempt{Do: act.Do, Act: act.ID, At: now, Undoes: act.Undoes != nil, Reason: decision.Reason})
	if act.Undoes != nil {
		incident.Undo = slices.DeleteFunc(incident.Undo, func(undo ledger.Undo) bool {
			return undo == *act.Undoes || s.look.seen.asBefore(undo)
		})
	} else {
		s.record.Recovery.Acts = append(recent(s.record.Recovery.Acts, now), now)
	}
	if act.Undo != nil && !slices.Contains(incident.Undo, *act.Undo) {
		incident.Undo = append(incident.Undo, *act.Undo)
	}
	if decision.Image != nil {
		s.record.Request = &ledger.Request{Image: *decision.Image, Who: Who, Override: true, At: now,
			Why: fmt.Sprintf("%s (%s)", incident.Cause, incident.ID)}
	}
	s.record.Recovery.Act = &act
	if err := s.writeAbout(ctx); err != nil {
		return err
	}
	return s.perform(ctx, false)
}

func recent(times []time.Time, now time.Time) []time.Time {
	return slices.DeleteFunc(times, func(at time.Time) bool { return now.Sub(at) >= 24*time.Hour })
}

// actID names the act that would follow from this version of the record; the same intent has the same name.
func actID(record ledger.Record, decision Decision) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %s", record.Workload, record.Version, decision.Incident, decision.Do))
	return "act-" + hex.EncodeToString(sum[:8])
}

// resume finishes an act whose actor is gone. It takes the lease first, so that only one invocation does.
func (s *step) resume(ctx context.Context) error {
	s.record.Recovery.Act.Lease = s.reconciler.lease(ctx)
	if err := s.writeAbout(ctx); err != nil {
		return err
	}
	return s.perform(ctx, true)
}

// press asks again for what is under way. The next look is written first, so that of two who saw the same one asks. A refusal
// changes nothing: the act has its deadline.
func (s *step) press(ctx context.Context) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	_, err := s.do(ctx, *s.record.Recovery.Act, true)
	if _, no := rollout.Refusal(err); no {
		return nil
	}
	return err
}

// perform acts. Only the holder of the lease comes here.
func (s *step) perform(ctx context.Context, resumed bool) error {
	act := s.record.Recovery.Act
	done, err := s.do(ctx, *act, resumed)
	if reason, no := rollout.Refusal(err); no {
		if at := s.look.record.Recovery.ByID(act.Incident); at >= 0 && !resumed && act.Undoes == nil && settings.Do(act.Do) == settings.ScaleOut {
			// It did nothing, so what somebody does next is not davit's to take back. Another step may be half done.
			s.incident().Undo = s.look.record.Recovery.Incidents[at].Undo
		}
		s.look.decision = s.look.seen.refused(s.look.decision, *act, reason)
		return s.conclude(ctx)
	}
	if err != nil {
		return err
	}
	now := s.reconciler.Now()
	act.Phase, act.StartedAt = ledger.Started, now
	act.Deadline = now.Add(act.Deadline.Sub(act.IntendedAt))
	act.Deployment, act.Did = done.Deployment, done.Text
	incident := s.incident()
	if at := attemptOf(incident, act.ID); at >= 0 {
		incident.Tried[at].Deployment, incident.Tried[at].Reason = done.Deployment, done.Text
	}
	return s.tell(ctx, *incident, acted)
}

func (s *step) do(ctx context.Context, act ledger.Act, resumed bool) (Done, error) {
	if act.Image != nil {
		name := act.Image.Tag
		if name == "" {
			name = act.Image.Digest
		}
		return Done{Text: "asked for a rollback to " + name}, s.reconciler.Rollouts.Ask(ctx, s.record.Workload, s.incident().ID)
	}
	driver := s.reconciler.Drivers[s.record.Workload.Kind()]
	return driver.Act(ctx, s.look.seen.Observation, act, resumed)
}

func attemptOf(incident *ledger.Incident, act string) int {
	return slices.IndexFunc(incident.Tried, func(attempt ledger.Attempt) bool { return attempt.Act == act })
}

// conclude ends the act. A rollback that nobody has begun by now is withdrawn.
func (s *step) conclude(ctx context.Context) error {
	decision, act, now := s.look.decision, s.record.Recovery.Act, s.reconciler.Now()
	incident := s.incident()
	if at := attemptOf(incident, act.ID); at >= 0 {
		attempt := &incident.Tried[at]
		attempt.EndedAt, attempt.Outcome = now, decision.Outcome
		if attempt.Reason == "" || act.Undoes != nil {
			attempt.Reason = decision.Reason
		} else {
			attempt.Reason += "; " + decision.Reason
		}
	}
	if act.Undoes == nil {
		incident.Step++
	}
	if decision.Undo != nil {
		incident.Undo = append(incident.Undo, *decision.Undo)
	}
	if request := s.record.Request; act.Image != nil && request != nil && request.Who == Who {
		s.record.Request = nil
	}
	incident.HealthySince = time.Time{}
	if decision.Outcome == ledger.Helped || decision.Outcome == ledger.Undone {
		incident.HealthySince = now
	}
	s.record.Recovery.Act = nil
	switch {
	case decision.Code == LeftBehind:
		incident.LeftAt = now
		s.leave(*incident, paged)
	case decision.Outcome == ledger.Refused:
		s.leave(*incident, denied)
	}
	if err := s.writeAbout(ctx); err != nil {
		return err
	}
	if err := s.release(ctx, act.ID); err != nil {
		return err
	}
	return s.announce(ctx)
}

func (s *step) page(ctx context.Context) error {
	incident := s.incident()
	incident.PagedAt, incident.PageReason = s.reconciler.Now(), s.look.decision.Reason
	return s.tell(ctx, *incident, paged)
}

func (s *step) end(ctx context.Context) error {
	decision, now := s.look.decision, s.reconciler.Now()
	at := s.record.Recovery.ByID(decision.Incident)
	incident := s.record.Recovery.Incidents[at]
	incident.EndedAt, incident.Outcome, incident.Reason = now, string(decision.Code), decision.Reason
	s.record.Recovery.Incidents = slices.Delete(s.record.Recovery.Incidents, at, at+1)
	ended := map[string]time.Time{incident.Playbook: now}
	for playbook, before := range s.record.Recovery.Ended {
		if _, again := ended[playbook]; !again && now.Sub(before) < 24*time.Hour {
			ended[playbook] = before
		}
	}
	s.record.Recovery.Ended = ended
	s.touched = append(s.touched, incident)
	return s.tell(ctx, incident, over)
}

// tell writes the record with what must be told of it, and then tells. The fence comes first, so that of two who saw the
// same one tells it; what a crash leaves untold stands in the record.
func (s *step) tell(ctx context.Context, incident ledger.Incident, kind kind) error {
	s.leave(incident, kind)
	if err := s.writeAbout(ctx); err != nil {
		return err
	}
	return s.announce(ctx)
}

// leave puts what must be told into the record.
func (s *step) leave(incident ledger.Incident, kind kind) {
	s.record.Recovery.Announcements.Leave(s.reconciler.Now(), announcement(kind, s.look, incident, s.look.decision))
}

// announce tells what has been written.
func (s *step) announce(ctx context.Context) error {
	return s.record.Recovery.Announcements.Tell(ctx, s.reconciler.Reporter, s.store)
}

// store writes the record without a line of history.
func (s *step) store(ctx context.Context) error { return s.write(ctx) }

// writeAbout writes the record with a line of history, and keeps a copy of the incident.
func (s *step) writeAbout(ctx context.Context) error {
	if incident := s.incident(); incident.ID != "" {
		s.touched = []ledger.Incident{*incident}
	}
	decision := s.look.decision
	entry := ledger.Entry{Workload: s.record.Workload, At: s.reconciler.Now(), Cause: s.cause.Text, Action: string(decision.Action),
		Code: string(decision.Code), Reason: decision.Reason, Incident: decision.Incident, Image: decision.Image}
	if decision.Do != "" {
		entry.Reason = string(decision.Do) + ": " + decision.Reason
	}
	if act := s.record.Recovery.Act; act != nil && act.Phase == ledger.Started {
		entry.Action, entry.Reason = "did", act.Do+": "+act.Did
	}
	if s.cause.Signal != nil && (decision.Action == Open || decision.Action == Join) {
		entry.Evidence = s.cause.Signal.Evidence
	}
	entry.ID = ledger.EntryID(s.record.Version, entry.Action, entry.Code)
	return s.write(ctx, entry)
}

// write stores the record. A conflict asks for another look: somebody else was faster.
func (s *step) write(ctx context.Context, entries ...ledger.Entry) error {
	s.record.UpdatedAt = s.reconciler.Now()
	written, err := s.reconciler.Ledger.WriteIncidents(ctx, s.record, s.touched, entries...)
	if errors.Is(err, ledger.ErrConflict) {
		return &Later{After: time.Second, Reason: "another invocation changed the record first"}
	}
	if err != nil {
		return err
	}
	s.record, s.touched = written, nil
	return nil
}

func (s *step) limits() settings.Limits { return s.look.configured.Recovery.Limits.WithDefaults() }
