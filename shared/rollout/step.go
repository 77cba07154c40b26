package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// step carries out one decision on one workload. Its record is a copy, which is written back fenced by the version
// that was read.
type step struct {
	reconciler *Reconciler
	look       look
	cause      Cause
	record     ledger.Record
}

// carryOut does what the decision asks for and tells whether to look again at once.
func (s *step) carryOut(ctx context.Context) (again bool, err error) {
	switch decision := s.look.decision; decision.Action {
	case Nothing:
		return false, s.saveSeen(ctx)
	case Wait:
		return false, s.wait(ctx)
	case Refuse:
		return false, s.refuse(ctx, decision)
	case Roll:
		return s.roll(ctx)
	case Continue:
		return s.resume(ctx)
	case Adopt:
		return true, s.adopt(ctx)
	case PutBack:
		return true, s.putBack(ctx)
	case Remember:
		return false, s.remember(ctx)
	case ReportOverdue:
		return false, s.reportOverdue(ctx)
	case Settle:
		return true, s.settleRequest(ctx)
	case Succeed:
		return true, s.succeed(ctx)
	case Fail, Supersede:
		return true, s.setAside(ctx)
	case Abandon:
		return true, s.abandon(ctx, decision)
	case Withdraw:
		return true, s.withdraw(ctx)
	}
	return false, fmt.Errorf("%s: no way to carry out %q", s.record.Workload, s.look.decision.Action)
}

// see makes the record say what was seen: the repository that the workload follows, so that a push finds it, and whether the
// workload is gone, which it cannot be before it was there.
func (s *step) see() {
	observation := s.look.seen.Workload
	var repositories []workload.Repository
	if observation.Exists && observation.Settings.Policy != "" {
		if target, err := FindTarget(observation); err == nil {
			repositories = []workload.Repository{target.Repository}
		}
	}
	s.record.Repositories = repositories
	s.record.Gone = !observation.Exists && s.record.Version > 0
}

// saveSeen writes the record only if what was seen has changed.
func (s *step) saveSeen(ctx context.Context) error {
	if slices.Equal(s.record.Repositories, s.look.record.Repositories) && s.record.Gone == s.look.record.Gone {
		return nil
	}
	return s.write(ctx)
}

func (s *step) wait(ctx context.Context) error {
	if err := s.saveSeen(ctx); err != nil {
		return err
	}
	if again := s.look.decision.Again; again > 0 {
		return &Later{After: again, Reason: s.look.decision.Reason}
	}
	return nil
}

// refuse tells a refusal once; the same one again changes nothing, unless it keeps from rolling out what was pushed just now. A
// human's request is answered by it.
func (s *step) refuse(ctx context.Context, decision Decision) error {
	told := ledger.Refusal{Code: string(decision.Code), Text: decision.Reason}
	if decision.Image != nil {
		told.Digest = decision.Image.Digest
	}
	answersRequest := s.record.Request != nil && decision.Code.EndsRequest()
	if s.cause.Digest != told.Digest {
		told.Pushed = s.cause.Digest
	}
	if last := s.record.Refusal; last != nil && last.Code == told.Code && last.Digest == told.Digest && !answersRequest &&
		(told.Pushed == "" || told.Pushed == last.Pushed) {
		return s.saveSeen(ctx)
	}
	s.record.Refusal = &told
	if answersRequest {
		s.record.Request = nil
	}
	return s.conclude(ctx, s.entry(decision), s.announcement(decision, nil))
}

// roll starts a rollout: it verifies, writes the intent, acts, and writes what came of it.
func (s *step) roll(ctx context.Context) (bool, error) {
	decision, intent := s.look.decision, s.intent(ctx)
	if err := s.reconciler.Driver.Verify(ctx, s.look.seen.Workload, s.change(intent)); err != nil {
		return s.answer(ctx, err, Unverified)
	}
	if request := s.record.Request; request != nil {
		intent.Request = request
		s.record.Forgive(request.Image.Digest)
		s.record.PassOver(*request, decision.PassedOver)
		s.record.Request = nil
	}
	s.record.Rollout = intent
	var entries []ledger.Entry
	if !s.triesAgain() {
		entries = append(entries, s.entry(decision))
	}
	if err := s.write(ctx, entries...); err != nil {
		return false, err
	}
	return s.start(ctx, false)
}

// intent is the rollout that the decision asks for.
func (s *step) intent(ctx context.Context) *ledger.Rollout {
	decision := s.look.decision
	intent := &ledger.Rollout{ID: rolloutID(s.record, decision.Image.Digest), Phase: ledger.Intended, Image: *decision.Image,
		Containers: decision.Containers, From: s.look.seen.Workload.Revision, Cause: decision.Reason,
		IntendedAt: s.reconciler.Now(), Lease: s.reconciler.lease(ctx)}
	if target, err := FindTarget(s.look.seen.Workload); err == nil {
		intent.FromDigest = target.Digest
	}
	return intent
}

// verified is the decision to roll as it would be carried out: refused, where what is verified first would not let it pass. Whoever
// asks may lack the leave to verify it.
func (s *step) verified(ctx context.Context) Decision {
	decision := s.look.decision
	err := s.reconciler.Driver.Verify(ctx, s.look.seen.Workload, s.change(s.intent(ctx)))
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		decision.Action, decision.Code, decision.Reason = Refuse, Unverified, refused.Reason
	case err != nil:
		decision.Reason += "; what it needs could not be verified: " + err.Error()
	}
	return decision
}

// triesAgain tells whether what the platform refused the last time is tried again. The history has a line of that, and another only
// of what comes of it that is new.
func (s *step) triesAgain() bool {
	last := s.record.Refusal
	return last != nil && last.Code == string(RefusedByDriver) && last.Digest == s.record.Rollout.Image.Digest
}

// resume finishes a rollout whose actor is gone. It takes the lease first, so that only one invocation does.
func (s *step) resume(ctx context.Context) (bool, error) {
	s.record.Rollout.Lease = s.reconciler.lease(ctx)
	if err := s.write(ctx, s.entry(s.look.decision)); err != nil {
		return false, err
	}
	return s.start(ctx, true)
}

// start makes the revision and runs it. Only the holder of the lease comes here.
func (s *step) start(ctx context.Context, resumed bool) (bool, error) {
	current, driver := s.record.Rollout, s.reconciler.Driver
	prepared, err := driver.Prepare(ctx, s.look.seen.Workload, s.change(current), resumed)
	if err != nil {
		return s.giveUp(ctx, err)
	}
	began := prepared.Deployment != ""
	if !began {
		start := Start{Revision: prepared.Revision, Rollout: current.ID, Cause: current.Cause}
		if prepared.Deployment, err = driver.Start(ctx, s.look.seen.Workload, start); err != nil {
			return s.giveUp(ctx, err)
		}
	}
	return began, s.begin(ctx, prepared)
}

// withdraw gives the rollout up, unless its start is found: its deployment may have failed and be gone already, and what failed
// must not be tried again. It takes the lease first, so that only one invocation does.
func (s *step) withdraw(ctx context.Context) error {
	s.record.Rollout.Lease = s.reconciler.lease(ctx)
	if err := s.write(ctx); err != nil {
		return err
	}
	prepared, err := s.reconciler.Driver.Prepare(ctx, s.look.seen.Workload, s.change(s.record.Rollout), true)
	if _, refused := Refusal(err); err != nil && !refused {
		return err
	}
	if prepared.Deployment != "" {
		return s.begin(ctx, prepared)
	}
	return s.abandon(ctx, s.look.decision)
}

// begin records and tells that the rollout began.
func (s *step) begin(ctx context.Context, prepared Prepared) error {
	current := s.record.Rollout
	current.Phase, current.StartedAt = ledger.Started, s.reconciler.Now()
	current.Revision, current.Deployment = prepared.Revision, prepared.Deployment
	started := s.look.decision
	started.Action, started.Deployment = Roll, prepared.Deployment
	var entries []ledger.Entry
	if s.triesAgain() {
		entries = append(entries, s.entry(started))
	}
	s.record.Refusal = nil
	if err := s.reconciler.Reporter.Report(ctx, s.announcement(started, nil)...); err != nil {
		return fmt.Errorf("reporting the start: %w", err)
	}
	return s.writeStarted(ctx, entries...)
}

// writeStarted records that the rollout began. Only the holder of its lease comes here, so where somebody changed another part of
// the record meanwhile, as a human does with a hold, the rollout is put into the record as it is now; otherwise all would wait for
// the lease to end.
func (s *step) writeStarted(ctx context.Context, entries ...ledger.Entry) error {
	const attempts = 3
	current := s.record.Rollout
	for attempt := 1; ; attempt++ {
		err := s.write(ctx, entries...)
		var later *Later
		if !errors.As(err, &later) || attempt == attempts {
			return err
		}
		records, readErr := s.reconciler.Ledger.Read(ctx, []workload.Reference{s.record.Workload})
		if readErr != nil {
			return readErr
		}
		record := records[s.record.Workload].Clone()
		if own := record.Rollout; own == nil || own.ID != current.ID || own.Phase != ledger.Intended || !own.Lease.Equal(current.Lease) {
			return err
		}
		record.Rollout, record.Refusal, record.Repositories, record.Gone = current, nil, s.record.Repositories, s.record.Gone
		s.record = record
	}
}

// giveUp drops the intent if the driver refused it, and keeps it for another try if the driver failed.
func (s *step) giveUp(ctx context.Context, err error) (bool, error) {
	reason, refused := Refusal(err)
	if !refused {
		return false, err
	}
	return false, s.abandon(ctx, Decision{Action: Abandon, Code: RefusedByDriver, Reason: reason, Image: &s.record.Rollout.Image})
}

// answer turns a driver's refusal into a decision that is told; any other error is passed on.
func (s *step) answer(ctx context.Context, err error, code Code) (bool, error) {
	reason, refused := Refusal(err)
	if !refused {
		return false, err
	}
	return false, s.refuse(ctx, Decision{Action: Refuse, Code: code, Reason: reason, Image: s.look.decision.Image})
}

// abandon drops a rollout that never started. Its image stays a candidate, so that it is tried again at the next look, and a
// human's request for which a gate closed meanwhile waits again; the same end again is told to nobody but a human who asked, and
// of a try of what was refused before it is no line of the history.
func (s *step) abandon(ctx context.Context, decision Decision) error {
	decision.Action = Abandon
	entry, told := s.entry(decision), s.announcement(decision, nil)
	refusal := ledger.Refusal{Code: string(decision.Code), Digest: decision.Image.Digest, Text: decision.Reason}
	last := s.record.Refusal
	if last != nil {
		refusal.Pushed = last.Pushed
	}
	same := last != nil && *last == refusal && s.look.decision.Code != Requested
	silent := same && s.triesAgain()
	if same {
		told = nil
	}
	if waits := decision.Code == Held || decision.Code == Frozen || decision.Code == Stopped; waits && s.record.Request == nil {
		s.record.Request = s.record.Rollout.Request
	}
	s.record.Rollout, s.record.Refusal = nil, &refusal
	if silent {
		return s.write(ctx)
	}
	return s.conclude(ctx, entry, told)
}

// adopt takes a deployment that runs the rollout's image for the rollout's own. The start of one that was never recorded was
// perhaps never told.
func (s *step) adopt(ctx context.Context) error {
	decision, told := s.look.decision, s.look.decision
	current := s.record.Rollout
	if current.Phase == ledger.Intended {
		told.Action = Roll
	}
	current.Phase, current.Deployment, current.Revision = ledger.Started, decision.Deployment, decision.Revision
	if current.StartedAt.IsZero() {
		current.StartedAt = s.reconciler.Now()
	}
	s.record.Refusal = nil
	return s.conclude(ctx, s.entry(decision), s.announcement(told, nil))
}

// succeed keeps the image, which is proved unless no task ran: its parameter is written, then the record. A parameter that cannot
// be written changes nothing of the outcome; it is refused by the looks after this one, until it can be.
func (s *step) succeed(ctx context.Context) error {
	current := s.record.Rollout
	if err := s.rememberRunning(ctx); err != nil {
		reason, refused := Refusal(err)
		if !refused {
			return err
		}
		s.look.decision.Reason += ", though its parameter does not name it: " + reason
	}
	entry, told := s.entry(s.look.decision), s.announcement(s.look.decision, nil)
	good := current.Image
	good.At, good.Unproved = s.reconciler.Now(), s.look.decision.Code == Unproved
	s.record.AddGood(good)
	if !good.Unproved {
		s.record.Forgive(good.Digest)
	}
	s.record.Rollout, s.record.Refusal = nil, nil
	return s.conclude(ctx, entry, told)
}

// evidence is what the platform can tell of the rollout's failed tasks.
func (s *step) evidence(ctx context.Context) []string {
	if s.record.Rollout.Deployment == "" {
		return nil
	}
	lines, err := s.reconciler.Driver.Evidence(ctx, s.record.Workload, s.record.Rollout.Deployment)
	if err != nil {
		return []string{"the failed tasks could not be read: " + err.Error()}
	}
	return lines
}

func (s *step) remember(ctx context.Context) error {
	if err := s.rememberRunning(ctx); err != nil {
		_, err = s.answer(ctx, err, RefusedByDriver)
		return err
	}
	if good := &s.record.Good[0]; good.Unproved && allRun(s.look.seen.Workload) {
		good.Unproved = false
		return s.write(ctx)
	}
	return s.saveSeen(ctx)
}

// rememberRunning writes the image that runs, as the workload names it, to the workload's parameter.
func (s *step) rememberRunning(ctx context.Context) error {
	target, err := FindTarget(s.look.seen.Workload)
	if err != nil {
		return Refusef("which image that is cannot be told: %s", err)
	}
	if target.Digest == "" {
		return Refusef("it runs several images of %s, or one by tag", target.Repository.Name)
	}
	return s.reconciler.Driver.Remember(ctx, s.record.Workload, target.Base+"@"+target.Digest)
}

// setAside ends a rollout that failed or was superseded. Its image is not tried again until a human says so, unless the workload
// was deleted before anything was known of the image.
func (s *step) setAside(ctx context.Context) error {
	decision, current := s.look.decision, s.record.Rollout
	evidence := current.Evidence
	if decision.Action == Fail && evidence == nil {
		evidence = s.evidence(ctx)
	}
	entry, told := s.entry(decision), s.announcement(decision, evidence)
	entry.Evidence = evidence
	if decision.Code != Gone || current.Failure != "" {
		aside := ledger.SetAside{Image: current.Image, Reason: decision.Reason}
		aside.At = s.reconciler.Now()
		s.record.AddSetAside(aside)
	}
	if request := s.record.Request; decision.Action == Fail && request != nil && request.Image.Digest == current.Image.Digest {
		s.record.Request = nil // this is its answer
	}
	s.record.Rollout, s.record.Refusal = nil, nil
	return s.conclude(ctx, entry, told)
}

// putBack starts the revision that ran before. The intent is written first, with the evidence, which may go with what is
// put back; and only its writer acts.
func (s *step) putBack(ctx context.Context) error {
	current := s.record.Rollout
	if current.Evidence == nil {
		current.Evidence = s.evidence(ctx)
	}
	if current.Failure == "" {
		current.Failure = s.look.decision.Reason
	}
	if current.Phase != ledger.PuttingBack {
		s.record.Announcements.Leave(s.reconciler.Now(), s.announcement(s.look.decision, current.Evidence)...)
	}
	current.Phase, current.Lease = ledger.PuttingBack, s.reconciler.lease(ctx)
	if err := s.write(ctx, s.entry(s.look.decision)); err != nil {
		return err
	}
	start := Start{Revision: current.From, Rollout: current.ID, Cause: "put back: " + current.Failure}
	_, err := s.reconciler.Driver.Start(ctx, s.look.seen.Workload, start)
	if reason, refused := Refusal(err); refused {
		s.look.decision.Action = Fail
		s.look.decision.Reason = fmt.Sprintf("%s; it could not be put back on %s: %s", current.Failure, revisionName(current.From), reason)
		return s.setAside(ctx)
	}
	if err != nil {
		return fmt.Errorf("putting back %s: %w", revisionName(current.From), err)
	}
	return s.announce(ctx)
}

func (s *step) reportOverdue(ctx context.Context) error {
	s.record.Rollout.Overdue = true
	return s.conclude(ctx, s.entry(s.look.decision), s.announcement(s.look.decision, nil))
}

// settleRequest closes a request for what runs already, or whose time has passed. What the former passes over is passed over
// all the same.
func (s *step) settleRequest(ctx context.Context) error {
	if passed := s.look.decision.PassedOver; passed != nil {
		s.record.Forgive(s.record.Request.Image.Digest)
		s.record.PassOver(*s.record.Request, passed)
	}
	s.record.Request = nil
	return s.write(ctx, s.entry(s.look.decision))
}

// conclude writes the record with its line of history and with what must be told of it, and then tells. The fence
// comes first, so that of two who saw the same outcome one tells it; what a crash leaves untold stands in the record.
func (s *step) conclude(ctx context.Context, entry ledger.Entry, told []ledger.Announcement[davit.Rollout]) error {
	s.record.Announcements.Leave(s.reconciler.Now(), told...)
	if err := s.write(ctx, entry); err != nil {
		return err
	}
	return s.announce(ctx)
}

// announce tells what has been written.
func (s *step) announce(ctx context.Context) error {
	return s.record.Announcements.Tell(ctx, s.reconciler.Reporter, s.store)
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
	s.record = written
	return nil
}

// store writes the record without a line of history.
func (s *step) store(ctx context.Context) error { return s.write(ctx) }

// announcement is what is told of the decision, while the rollout that it is about is still in the record.
func (s *step) announcement(decision Decision, evidence []string) []ledger.Announcement[davit.Rollout] {
	return announce(decision, s.cause, s.record, slices.Concat(s.record.Repositories, s.look.record.Repositories), evidence)
}

func (s *step) entry(decision Decision) ledger.Entry {
	entry := ledger.Entry{Workload: s.record.Workload, At: s.reconciler.Now(), Cause: s.cause.Text, Action: string(decision.Action),
		Code: string(decision.Code), Reason: decision.Reason, Image: decision.Image}
	if s.record.Rollout != nil {
		entry.Rollout = s.record.Rollout.ID
	}
	entry.ID = ledger.EntryID(s.record.Version, string(decision.Action), string(decision.Code))
	return entry
}

// change is what the rollout does to the workload.
func (s *step) change(current *ledger.Rollout) Change {
	return Change{Rollout: current.ID, Containers: current.Containers, Digest: current.Image.Digest, Base: s.look.decision.Base,
		Repository: s.look.decision.Repository, From: current.From}
}
