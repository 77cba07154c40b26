package recovery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
)

// calm is a world without faults, whose first service opted in, has broken and has an open incident.
func calm(t *testing.T) (*world, *modelService) {
	t.Helper()
	w := newWorld(1, 9, faults{}, noBug)
	service := w.services[w.order[1]]
	service.playbook, service.broken = settings.ReservedPlaybook, true
	signal := &Signal{ID: "signal", At: w.now, Playbook: ServiceUnhealthy, Text: "it broke", Deployment: service.primary.ID}
	if _, err := w.look(service, signal); err != nil {
		t.Fatal(err)
	}
	return w, service
}

// look is one invocation.
func (w *world) look(service *modelService, signal *Signal) (Decision, error) {
	w.alive, w.of = []bool{true}, []workload.Reference{service.reference}
	return w.reconciler.Reconcile(context.Background(), service.reference, Cause{Text: "look", Signal: signal})
}

func TestAnUndoThatAHoldInterruptsIsDoneLater(t *testing.T) {
	w, service := calm(t)
	service.broken, service.desired, service.held = false, 3, true
	undo := ledger.Undo{Do: string(settings.ScaleOut), From: 2, To: 3}
	w.change(service.reference, func(record *ledger.Record) {
		record.Recovery.Act = &ledger.Act{ID: "act-1", Incident: record.Recovery.Incidents[0].ID, Do: undo.Do, Undoes: &undo,
			Phase: ledger.Intended, IntendedAt: w.now, Deadline: w.now, Lease: w.now}
	})
	for minute := range 20 {
		service.held = minute < 5
		if _, err := w.look(service, nil); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Minute)
	}
	if record := w.record(service.reference); service.desired != 2 || record.Open() {
		t.Errorf("there are %d, and the incidents are %+v", service.desired, record.Recovery.Incidents)
	}
}

func TestAWorkloadThatIsThereAgainIsNotGone(t *testing.T) {
	w, service := calm(t)
	w.change(service.reference, func(record *ledger.Record) { record.Gone = true })
	service.broken = false
	for range 5 {
		w.now = w.now.Add(time.Minute)
		if _, err := w.look(service, nil); err != nil {
			t.Fatal(err)
		}
	}
	if w.record(service.reference).Gone {
		t.Error("its record would be forgotten, though it was seen")
	}
}

// blind is a driver that sees nothing.
type blind struct{ Driver }

func (blind) Observe(context.Context, workload.Reference) (Observation, error) {
	return Observation{}, errors.New("the cluster is unreachable")
}

func TestAWorkloadThatCannotBeLookedAtPagesOnceAndFreesItsSlot(t *testing.T) {
	w, service := calm(t)
	for range 2 {
		w.now = w.now.Add(time.Minute)
		if _, err := w.look(service, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.memory.fleet.Slots) != 1 {
		t.Fatalf("the slots are %+v", w.memory.fleet.Slots)
	}
	w.reconciler.Drivers[workload.ECS] = blind{modelDriver{w}}
	id := w.record(service.reference).Recovery.Incidents[0].ID
	for minute := range 30 {
		w.now = w.now.Add(time.Minute)
		if _, err := w.look(service, nil); err == nil {
			t.Fatal("a look that failed is done with")
		}
		if told := w.told[davit.DetailTypeIncidentPaged+" "+id]; minute < 9 && told > 0 || minute > 15 && told != 1 {
			t.Fatalf("after %d minutes a human was paged %d times", minute, told)
		}
	}
	if len(w.memory.fleet.Slots) != 0 || w.record(service.reference).Recovery.Act != nil {
		t.Errorf("the slots are %+v", w.memory.fleet.Slots)
	}
}

func TestALookThatFailsNowAndThenPagesNobody(t *testing.T) {
	w, service := calm(t)
	w.change(service.reference, func(record *ledger.Record) {
		record.Recovery.Act = &ledger.Act{ID: "act-1", Incident: record.Recovery.Incidents[0].ID, Do: string(settings.Restart),
			Phase: ledger.Started, IntendedAt: w.now, StartedAt: w.now, Deadline: w.now.Add(time.Hour)}
	})
	sees := w.reconciler.Drivers[workload.ECS]
	for minute := range 30 {
		w.now = w.now.Add(time.Minute)
		w.reconciler.Drivers[workload.ECS] = sees
		if minute%4 == 0 {
			w.reconciler.Drivers[workload.ECS] = blind{sees}
		}
		_, _ = w.look(service, nil)
	}
	if incident := w.record(service.reference).Recovery.Incidents[0]; !incident.PagedAt.IsZero() {
		t.Errorf("it paged: %s", incident.PageReason)
	}
}

func TestWhatIsLeftOfAWorkloadThatCannotBeLookedAtIsTidiedUp(t *testing.T) {
	w, service := calm(t)
	w.change(service.reference, func(record *ledger.Record) {
		incident := record.Recovery.Incidents[0]
		record.Recovery.Incidents = nil
		record.Recovery.Announcements.Leave(w.now, announcement(over, look{}, incident, Decision{Action: End, Code: Gone, Reason: "the workload is gone"}))
	})
	w.memory.fleet.Slots = []ledger.Slot{{Workload: service.reference, Act: "act-1", At: w.now}}
	w.reconciler.Drivers[workload.ECS] = blind{modelDriver{w}}
	w.now = w.now.Add(slotAge)
	for range 2 {
		if _, err := w.look(service, nil); err == nil {
			t.Error("a look that failed is done with")
		}
	}
	if told := w.told[davit.DetailTypeIncidentEnded]; told != 1 || len(w.memory.fleet.Slots) != 0 {
		t.Errorf("the end was told %d times, and the slots are %+v", told, w.memory.fleet.Slots)
	}
}

func TestAGuardThatIsOverDoesNotCountLater(t *testing.T) {
	w, service := calm(t)
	service.held = true
	for minute := range 30 {
		w.now = w.now.Add(time.Minute)
		switch minute {
		case 2:
			service.broken, service.held = false, false
		case 3:
			service.broken, service.held = true, true
		}
		if _, err := w.look(service, nil); err != nil {
			t.Fatal(err)
		}
		incident := w.record(service.reference).Recovery.Incidents[0]
		if minute == 12 && !incident.PagedAt.IsZero() {
			t.Fatalf("it paged after 9 minutes: %s", incident.PageReason)
		}
	}
	if w.record(service.reference).Recovery.Incidents[0].PagedAt.IsZero() {
		t.Error("a hold that lasts pages nobody")
	}
}

func TestAGuardThatLastsPagesThoughTheWorkloadFlaps(t *testing.T) {
	w, service := calm(t)
	service.held = true
	for range 12 {
		for _, phase := range []struct {
			broken bool
			lasts  time.Duration
		}{{true, time.Minute}, {false, 40 * time.Second}} {
			service.broken = phase.broken
			if _, err := w.look(service, nil); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(phase.lasts)
		}
	}
	incident := w.record(service.reference).Recovery.Incidents[0]
	if incident.PagedAt.IsZero() {
		t.Error("a hold that lasts pages nobody")
	}
	if told := w.told[davit.DetailTypeIncidentRefused+" "+incident.ID]; told != 2 {
		t.Errorf("the step that is left out, and the guard, were told %d times", told)
	}
}

func TestAGuardThatTakesOverFromAnotherDoesNotBeginTheTimeAgain(t *testing.T) {
	w, service := calm(t)
	for minute := range 12 {
		service.held = minute < 6
		if minute == 6 {
			w.memory.fleet.Slots = []ledger.Slot{{Act: "another", At: w.now}}
		}
		if _, err := w.look(service, nil); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Minute)
	}
	if incident := w.record(service.reference).Recovery.Incidents[0]; incident.PagedAt.IsZero() || !strings.Contains(incident.PageReason, "at once") {
		t.Errorf("it waits since %s for %s, and paged: %s", incident.WaitsSince, incident.Waits, incident.PageReason)
	}
}

func TestAHoldPagesThoughTheWorkloadIsNotSeenNowAndThen(t *testing.T) {
	w, service := calm(t)
	service.broken, service.held = true, true
	sees := w.reconciler.Drivers[workload.ECS]
	for minute := range 13 {
		w.reconciler.Drivers[workload.ECS] = sees
		if minute%4 == 3 {
			w.reconciler.Drivers[workload.ECS] = blind{sees}
		}
		_, _ = w.look(service, nil) // One that sees nothing fails.
		w.now = w.now.Add(time.Minute)
	}
	if w.record(service.reference).Recovery.Incidents[0].PagedAt.IsZero() {
		t.Error("a hold that lasts pages nobody")
	}
}

func TestAGuardBeforeALongHealthDoesNotCountLater(t *testing.T) {
	w, service := scaledOut(t)
	service.broken, service.held = true, true // so that the incident stays open
	looks := func(minutes int) {
		for range minutes {
			w.now = w.now.Add(time.Minute)
			_, _ = w.look(service, nil) // One that sees nothing fails.
		}
	}
	looks(2)
	service.broken = false
	looks(20)
	sees := w.reconciler.Drivers[workload.ECS]
	w.reconciler.Drivers[workload.ECS] = blind{sees}
	looks(3)
	w.reconciler.Drivers[workload.ECS] = sees
	service.broken = true
	looks(5) // Beside the three in which it was not seen: a guard that takes over does not begin the time again.
	if incident := w.record(service.reference).Recovery.Incidents[0]; !incident.PagedAt.IsZero() {
		t.Fatalf("it paged: %s", incident.PageReason)
	}
	looks(4)
	if w.record(service.reference).Recovery.Incidents[0].PagedAt.IsZero() {
		t.Error("a hold that lasts pages nobody")
	}
}

// unable is a driver whose acts fail.
type unable struct {
	Driver
	err error
}

func (u unable) Act(context.Context, Observation, ledger.Act, bool) (Done, error) {
	return Done{}, u.err
}

// unheard is a driver whose acts are done, and whose answers are lost.
type unheard struct{ Driver }

func (u unheard) Act(ctx context.Context, seen Observation, act ledger.Act, resume bool) (Done, error) {
	_, err := u.Driver.Act(ctx, seen, act, resume)
	return Done{}, errors.Join(err, errServer)
}

func TestAStepWhoseOutcomeNobodySawIsTakenBack(t *testing.T) {
	for _, test := range []struct {
		name string
		held bool
	}{
		{"one that is given up", false},
		{"one that a hold interrupts", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, service := calm(t)
			w.change(service.reference, func(record *ledger.Record) { record.Recovery.Incidents[0].Step = 2 })
			driver := w.reconciler.Drivers[workload.ECS]
			w.reconciler.Drivers[workload.ECS] = unheard{driver}
			for range 10 {
				w.now = w.now.Add(time.Minute)
				service.held = test.held && service.desired == 3
				_, _ = w.look(service, nil) // That the act fails comes back as an error.
			}
			tried := w.record(service.reference).Recovery.Incidents[0].Tried
			if len(tried) < 2 || tried[1].Do != string(settings.ScaleOut) || tried[1].Outcome != ledger.Unknown || service.desired != 3 {
				t.Fatalf("there are %d after %+v", service.desired, tried)
			}
			w.reconciler.Drivers[workload.ECS] = driver
			service.broken, service.held = false, false
			for range 10 {
				w.now = w.now.Add(time.Minute)
				if _, err := w.look(service, nil); err != nil {
					t.Fatal(err)
				}
			}
			if record := w.record(service.reference); service.desired != 2 || record.Open() {
				t.Errorf("there are %d, and the incidents are %+v", service.desired, record.Recovery.Incidents)
			}
		})
	}
}

func TestAScaleOutThatWasRefusedIsNotTakenBack(t *testing.T) {
	for _, test := range []struct {
		name    string
		earlier []ledger.Undo
		want    int
	}{
		{"it did nothing", nil, 5},
		{"but an earlier one did the same", []ledger.Undo{{Do: string(settings.ScaleOut), From: 4, To: 5}}, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, service := calm(t)
			service.desired = 4
			w.change(service.reference, func(record *ledger.Record) {
				record.Recovery.Incidents[0].Step, record.Recovery.Incidents[0].Undo = 2, test.earlier
			})
			driver := w.reconciler.Drivers[workload.ECS]
			w.reconciler.Drivers[workload.ECS] = unable{driver, rollout.Refusef("no")}
			minutes := func(count int) {
				for range count {
					w.now = w.now.Add(time.Minute)
					if _, err := w.look(service, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			minutes(2)
			tried := w.record(service.reference).Recovery.Incidents[0].Tried
			if len(tried) < 2 || tried[1].Do != string(settings.ScaleOut) || tried[1].Outcome != ledger.Refused {
				t.Fatalf("it tried %+v", tried)
			}
			w.reconciler.Drivers[workload.ECS] = driver
			service.broken, service.desired = false, 5 // by a human
			minutes(10)
			if record := w.record(service.reference); service.desired != test.want || record.Open() {
				t.Errorf("there are %d, want %d, and the incidents are %+v", service.desired, test.want, record.Recovery.Incidents)
			}
		})
	}
}

func TestADrainThatWasRefusedMayBeHalfDone(t *testing.T) {
	w := newWorld(1, 9, faults{}, noBug)
	host := w.services[w.order[0]]
	host.playbook, host.broken = settings.ReservedPlaybook, true
	w.reconciler.Drivers[workload.EC2] = unable{modelDriver{w}, rollout.Refusef("no")}
	if _, err := w.look(host, &Signal{ID: "signal", At: w.now, Playbook: HostImpaired, Text: "it broke"}); err != nil {
		t.Fatal(err)
	}
	incident := w.record(host.reference).Recovery.Incidents[0]
	if len(incident.Tried) == 0 || incident.Tried[0].Outcome != ledger.Refused || len(incident.Undo) != 1 {
		t.Errorf("after %+v, %+v is to be taken back", incident.Tried, incident.Undo)
	}
}

// scaledOut is a calm world whose service is well again after a scale-out that is yet to be taken back.
func scaledOut(t *testing.T) (*world, *modelService) {
	t.Helper()
	w, service := calm(t)
	service.broken, service.desired = false, 3
	w.change(service.reference, func(record *ledger.Record) {
		record.Recovery.Incidents[0].Undo = []ledger.Undo{{Do: string(settings.ScaleOut), From: 2, To: 3}}
	})
	return w, service
}

func TestAnUndoThatCannotBeDoneIsToldOnceToAHuman(t *testing.T) {
	const command = "aws ecs update-service --cluster production --service web-1 --desired-count 2"
	for _, test := range []struct {
		name, cause string
		err         error
		paged       bool
	}{
		{"one that is refused", "the service is gone", rollout.Refusef("the service is gone"), false},
		{"one that IAM denies", "ecs:UpdateService", &rollout.Denied{Action: "ecs:UpdateService", Resource: "*", Err: errors.New("AccessDenied")}, false},
		{"one that fails whatever it is", "it was tried since", errors.New("401 Unauthorized"), false},
		{"one of an incident that paged before", "no", rollout.Refusef("no"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, service := scaledOut(t)
			if test.paged {
				w.change(service.reference, func(record *ledger.Record) { record.Recovery.Incidents[0].PagedAt = w.now })
			}
			w.reconciler.Drivers[workload.ECS] = unable{modelDriver{w}, test.err}
			heard := &listener{Reporter: w.reconciler.Reporter}
			w.reconciler.Reporter = heard
			for range 40 {
				w.now = w.now.Add(time.Minute)
				_, _ = w.look(service, nil) // That the act fails comes back as an error.
			}
			if record := w.record(service.reference); record.Open() {
				t.Errorf("it is still at it: %+v", record.Recovery)
			}
			if len(w.pages) != 1 {
				t.Fatalf("a human was told %d times: %+v", len(w.pages), w.pages)
			}
			if page := w.pages[0]; page.Code != string(LeftBehind) || page.Command != command || !strings.Contains(page.Reason, "scale-out could not be taken back: ") ||
				!strings.Contains(page.Reason, test.cause) {
				t.Errorf("a human was told %+v", page)
			}
			if last := heard.last(davit.DetailTypeIncidentEnded); !w.pages[0].Paged || !last.Paged {
				t.Errorf("nobody is told of the end: %+v", last)
			}
		})
	}
}

func TestTheLadderGoesOnAfterAnUndoThatCannotBeDone(t *testing.T) {
	w, service := scaledOut(t)
	w.reconciler.Drivers[workload.ECS] = unable{modelDriver{w}, rollout.Refusef("no")}
	for minute := 0; minute < 60 && len(w.pages) < 2; minute++ {
		w.now = w.now.Add(time.Minute)
		_, _ = w.look(service, nil)
		service.broken = len(w.pages) > 0
	}
	if len(w.pages) != 2 || w.pages[0].Code != string(LeftBehind) || w.pages[1].Code == string(LeftBehind) {
		t.Errorf("a human was told %+v", w.pages)
	}
}

// listener keeps what is told.
type listener struct {
	ledger.Reporter[davit.Incident]
	told []ledger.Announcement[davit.Incident]
}

func (l *listener) Report(ctx context.Context, announcements ...ledger.Announcement[davit.Incident]) error {
	l.told = append(l.told, announcements...)
	return l.Reporter.Report(ctx, announcements...)
}

// last is what was told last of a kind.
func (l *listener) last(kind string) davit.Incident {
	for _, announcement := range slices.Backward(l.told) {
		if announcement.DetailType == kind {
			return announcement.Detail
		}
	}
	return davit.Incident{}
}

// refuses is a driver that refuses to take one kind of step back.
type refuses struct {
	Driver
	do settings.Do
}

func (r refuses) Act(ctx context.Context, seen Observation, act ledger.Act, resume bool) (Done, error) {
	if act.Undoes != nil && settings.Do(act.Do) == r.do {
		return Done{}, rollout.Refusef("no")
	}
	return r.Driver.Act(ctx, seen, act, resume)
}

func TestAnUndoThatCannotBeDoneKeepsNoOtherFromIt(t *testing.T) {
	w, service := scaledOut(t)
	w.change(service.reference, func(record *ledger.Record) {
		incident := &record.Recovery.Incidents[0]
		incident.Undo = append(incident.Undo, ledger.Undo{Do: string(settings.Drain), Target: "i-0123"})
	})
	w.reconciler.Drivers[workload.ECS] = refuses{modelDriver{w}, settings.Drain}
	for range 10 {
		w.now = w.now.Add(time.Minute)
		if _, err := w.look(service, nil); err != nil {
			t.Fatal(err)
		}
	}
	if record := w.record(service.reference); len(w.pages) != 1 || service.desired != 2 || record.Open() {
		t.Errorf("a human was told %+v, there are %d, and the incidents are %+v", w.pages, service.desired, record.Recovery.Incidents)
	}
}

// mute is a reporter that cannot tell.
type mute struct{}

func (mute) Report(context.Context, ...ledger.Announcement[davit.Incident]) error {
	return errThrottled
}

func TestAPageThatWasNotToldIsToldThoughSignalsKeepComing(t *testing.T) {
	w, service := calm(t)
	service.held = true
	reporter := w.reconciler.Reporter
	w.reconciler.Reporter = mute{}
	for w.record(service.reference).Recovery.Incidents[0].PagedAt.IsZero() {
		w.now = w.now.Add(time.Minute)
		_, _ = w.look(service, nil) // That nobody can be told comes back as an error.
	}
	incident := w.record(service.reference).Recovery.Incidents[0].ID
	w.reconciler.Reporter = reporter
	for range 4 {
		w.now = w.now.Add(time.Minute)
		if _, err := w.look(service, &Signal{ID: w.next("signal"), At: w.now, Playbook: ServiceUnhealthy, Text: "it is still broken",
			Deployment: service.primary.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if w.told[davit.DetailTypeIncidentPaged+" "+incident] == 0 {
		t.Error("nobody was told")
	}
}

func TestAStormThatNobodyCanBeToldOfStopsNoRemedy(t *testing.T) {
	w, service := calm(t)
	w.change(service.reference, func(record *ledger.Record) {
		record.Recovery.Act = &ledger.Act{ID: "act-1", Incident: record.Recovery.Incidents[0].ID, Do: string(settings.Restart),
			Phase: ledger.Started, IntendedAt: w.now, StartedAt: w.now, Deadline: w.now}
	})
	w.memory.fleet.Storm = &ledger.Storm{ID: "storm-1", Since: w.now, Until: w.now.Add(time.Hour)}
	reporter := w.reconciler.Reporter
	w.reconciler.Reporter = mute{}
	if _, err := w.look(service, nil); !errors.Is(err, errThrottled) {
		t.Errorf("what nobody was told of is done with: %v", err)
	}
	if act := w.record(service.reference).Recovery.Act; act != nil {
		t.Errorf("the act is not concluded: %+v", act)
	}
	w.reconciler.Reporter = reporter
	w.now = w.now.Add(claimAge)
	if _, err := w.look(service, nil); err != nil || w.told[davit.DetailTypeStorm] != 1 {
		t.Errorf("the storm was told %d times, %v", w.told[davit.DetailTypeStorm], err)
	}
}

func TestAnActThatFailsForGoodIsGivenUp(t *testing.T) {
	for _, test := range []struct {
		name, outcome string
		err           error
		within        time.Duration
	}{
		{"one that is refused", ledger.Refused, rollout.Refusef("no"), 2 * time.Minute},
		{"one that IAM denies", ledger.Refused, &rollout.Denied{Action: "ecs:UpdateService", Resource: "*", Err: errors.New("AccessDenied")}, 2 * time.Minute},
		{"one that fails whatever it is", ledger.Unknown, errors.New("401 Unauthorized"), 10 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, service := calm(t)
			w.reconciler.Drivers[workload.ECS] = unable{modelDriver{w}, test.err}
			for until := w.now.Add(test.within); w.now.Before(until); w.now = w.now.Add(30 * time.Second) {
				_, _ = w.look(service, nil) // The act's error comes back for as long as it is tried.
			}
			tried := w.record(service.reference).Recovery.Incidents[0].Tried
			if len(tried) < 2 || tried[1].Do != string(settings.Restart) || tried[1].Outcome != test.outcome {
				t.Errorf("it tried %+v, want a restart that is %s", tried, test.outcome)
			}
		})
	}
}
