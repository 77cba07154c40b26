package recovery

import (
	"strings"
	"testing"
	"time"

	"davit/shared/ledger"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// scene is a workload that is not healthy, with an incident that an alarm opened ten minutes ago; each case changes what
// it is about.
type scene struct {
	configured settings.Settings
	record     ledger.Record
	fleet      ledger.Fleet
	seen       Seen
	signal     *Signal
}

func newScene() *scene {
	reference, err := workload.ECSService("production", "web")
	if err != nil {
		panic(err)
	}
	s := &scene{fleet: ledger.Fleet{Workloads: 100}, record: ledger.Record{Workload: reference}}
	s.record.Good = []ledger.Image{{Digest: digest(2), Tag: "2.0.0", At: noon.Add(-time.Hour)}, {Digest: digest(1), Tag: "1.0.0"}}
	s.record.Recovery.Incidents = []ledger.Incident{{ID: "inc-1", Workload: reference, Playbook: ServiceUnhealthy, Cause: "alarm 5xx went off",
		OpenedAt: noon.Add(-10 * time.Minute), Alarms: []string{"5xx"}, Signals: []string{"1"}, Step: 1}}
	s.seen = Seen{Alarms: map[string]AlarmState{"5xx": {State: "ALARM"}}, Observation: Observation{Healthy: true, Cannot: map[settings.Do]string{},
		Observation: workload.Observation{Workload: reference, Exists: true, Desired: 2, Running: 2, RollsBack: true,
			Settings:    workload.Settings{Policy: "semver:1.x", Playbook: "default"},
			Containers:  []workload.Container{{Name: "web", Image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@" + digest(2)}},
			Deployments: []workload.Deployment{{ID: "ecs-svc/1", Primary: true, State: workload.Completed, CreatedAt: noon.Add(-time.Hour)}}}}}
	return s
}

func (s *scene) incident() *ledger.Incident { return &s.record.Recovery.Incidents[0] }

func (s *scene) acting(do settings.Do, phase ledger.Phase) *ledger.Act {
	s.record.Recovery.Act = &ledger.Act{ID: "act-1", Incident: "inc-1", Do: string(do), Phase: phase, IntendedAt: noon.Add(-time.Minute),
		Lease: noon.Add(-time.Second), StartedAt: noon.Add(-time.Minute), Deadline: noon.Add(time.Minute)}
	return s.record.Recovery.Act
}

// goes has the signals of the incident ask for more than health, and nothing be tried yet.
func (s *scene) goes(until ledger.Until) {
	s.incident().Until, s.incident().Step, s.incident().Playbook = until, 0, SpotInterruption
	s.seen.Alarms["5xx"] = AlarmState{State: "OK"}
}

// widened is a workload that is healthy for long enough, whose owner's bounds a step moved from 2 to 10 to 3 to 10; they are
// least to most now.
func (s *scene) widened(least, most int) {
	s.seen.Alarms["5xx"], s.seen.Owner = AlarmState{State: "OK"}, &scaling.Owner{Name: "Application Auto Scaling", Min: least, Max: most}
	s.incident().HealthySince, s.incident().Undo = noon.Add(-3*time.Minute), []ledger.Undo{{Do: "scale-out", Owner: "Application Auto Scaling",
		FromBounds: ledger.Extent{Min: 2, Max: 10}, ToBounds: ledger.Extent{Min: 3, Max: 10}}}
}

// evicting is a host whose drain is under way.
func (s *scene) evicting() *ledger.Act {
	s.seen.Healthy, s.seen.Why, s.seen.Evicts = false, "2 pods are yet to leave it", true
	return s.acting(settings.Drain, ledger.Started)
}

func TestDecide(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*scene)
		action Action
		code   Code
		reason string
	}{
		{"an alarm that is on takes the next step", func(*scene) {}, Try, NextStep, "alarm 5xx is ALARM"},
		{"tasks that do not run take the next step though the alarm is OK", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "OK"}
			s.seen.Healthy, s.seen.Why = false, "1 of 2 tasks run"
		}, Try, NextStep, "1 of 2"},
		{"an alarm without data takes no step on what is healthy", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "INSUFFICIENT_DATA"}
		}, Note, Healthy, "though alarm 5xx is INSUFFICIENT_DATA"},
		{"an alarm without data keeps the incident open", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "INSUFFICIENT_DATA"}
			s.incident().HealthySince = noon.Add(-9 * time.Minute)
		}, Wait, Healthy, "not yet for 10m"},
		{"but not for ever", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "INSUFFICIENT_DATA"}
			s.incident().HealthySince = noon.Add(-10 * time.Minute)
		}, End, Recovered, "though alarm 5xx is INSUFFICIENT_DATA"},
		{"an alarm without data does not make well what is not", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "INSUFFICIENT_DATA"}
			s.seen.Healthy, s.seen.Why = false, "1 of 2 tasks run"
		}, Try, NextStep, "1 of 2"},
		{"an act is judged once its alarm has data", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "INSUFFICIENT_DATA"}
			s.acting(settings.Restart, ledger.Started)
		}, Wait, UnderWay, "INSUFFICIENT_DATA"},
		{"or at its deadline by the workload's health", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "INSUFFICIENT_DATA"}
			s.acting(settings.Restart, ledger.Started).Deadline = noon
		}, Conclude, ActHelped, "though alarm 5xx is INSUFFICIENT_DATA"},
		{"all well is noted first", func(s *scene) { s.seen.Alarms["5xx"] = AlarmState{State: "OK"} }, Note, Healthy, ""},
		{"an alarm that was deleted keeps nothing open", func(s *scene) { delete(s.seen.Alarms, "5xx") }, Note, Healthy, ""},
		{"healthy for too short a time waits", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "OK"}
			s.incident().HealthySince = noon.Add(-time.Minute)
		}, Wait, Healthy, "not yet for 2m"},
		{"a signal since then begins the time again", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "OK"}
			s.incident().HealthySince, s.incident().SignalAt = noon.Add(-time.Hour), noon.Add(-time.Minute)
		}, Wait, Healthy, ""},
		{"healthy for long enough ends it", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "OK"}
			s.incident().HealthySince = noon.Add(-3 * time.Minute)
		}, End, Recovered, ""},
		{"a scale-out is undone before the end", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "OK"}
			s.incident().HealthySince, s.incident().Undo = noon.Add(-3*time.Minute), []ledger.Undo{{Do: "scale-out", From: 1, To: 2}}
		}, TakeBack, Undoing, ""},
		{"a count that somebody changed is not undone", func(s *scene) {
			s.seen.Alarms["5xx"] = AlarmState{State: "OK"}
			s.incident().HealthySince, s.incident().Undo = noon.Add(-3*time.Minute), []ledger.Undo{{Do: "scale-out", From: 1, To: 5}}
		}, End, Recovered, "no longer 5"},
		{"a stop puts an undo off", func(s *scene) {
			s.widened(3, 10)
			s.configured.Stop = &settings.Stop{Who: "oncall", Why: "game day"}
		}, Wait, Stopped, "yet to be undone"},
		{"a hold puts an undo off", func(s *scene) {
			s.widened(3, 10)
			s.seen.Settings.Hold = "migration"
		}, Wait, Held, "migration"},
		{"a request puts an undo off", func(s *scene) {
			s.widened(3, 10)
			s.record.Request = &ledger.Request{Who: "oncall"}
		}, Wait, InProgress, "oncall"},
		{"the share of the fleet puts an undo off", func(s *scene) {
			s.widened(3, 10)
			s.fleet.Workloads, s.fleet.Slots = 9, []ledger.Slot{{Act: "another"}}
		}, Wait, FleetShare, ""},
		{"what cannot be undone any more keeps nothing else from it", func(s *scene) {
			s.widened(4, 10)
			s.incident().Undo = append([]ledger.Undo{{Do: "drain", Target: "i-0123"}}, s.incident().Undo...)
		}, TakeBack, Undoing, "drain is undone"},
		{"what was done last is undone first", func(s *scene) {
			s.widened(3, 10)
			s.incident().Undo = append([]ledger.Undo{{Do: "drain", Target: "i-0123"}}, s.incident().Undo...)
		}, TakeBack, Undoing, "scale-out is undone"},
		{"all that cannot be undone is told", func(s *scene) {
			s.widened(4, 10)
			s.seen.Replaced = true
			s.incident().Undo = append(s.incident().Undo, ledger.Undo{Do: "drain", Target: "i-0123"})
		}, End, Recovered, "; drain is not undone: the host goes, or is gone; scale-out is not undone: the bounds"},
		{"bounds that a step moved are moved back before the end", func(s *scene) {
			s.widened(3, 10)
		}, TakeBack, Undoing, ""},
		{"bounds that somebody moved since are left", func(s *scene) {
			s.widened(4, 10)
		}, End, Recovered, "are 4 to 10 and no longer 3 to 10"},
		{"bounds whose owner is gone are left", func(s *scene) {
			s.widened(3, 10)
			s.seen.Owner = nil
		}, End, Recovered, "owns the count no more"},
		{"a count that somebody owns by now is left", func(s *scene) {
			s.widened(3, 10)
			s.incident().Undo = []ledger.Undo{{Do: "scale-out", From: 1, To: 2}}
		}, End, Recovered, "owns the count now"},
		{"a drain is asked for again while a budget keeps pods", func(s *scene) { s.evicting() }, Press, UnderWay, "2 pods"},
		{"not at once", func(s *scene) { s.evicting().StartedAt = noon.Add(-5 * time.Second) }, Wait, UnderWay, ""},
		{"not while another look is due", func(s *scene) {
			s.evicting()
			s.record.Recovery.NextLook = noon.Add(10 * time.Second)
		}, Wait, UnderWay, ""},
		{"not while it is held", func(s *scene) {
			s.evicting()
			s.seen.Settings.Hold = "migration"
		}, Wait, UnderWay, ""},
		{"not after its time", func(s *scene) { s.evicting().Deadline = noon }, Conclude, ActDidNotHelp, "2 pods"},
		{"unhealthy again is noted", func(s *scene) { s.incident().HealthySince = noon.Add(-time.Minute) }, Note, Unhealthy, ""},
		{"a step that cannot be taken is left out", func(s *scene) { s.seen.Cannot[settings.Restart] = "it is scaled to zero" }, LeaveOut, CannotStep, "zero"},
		{"nothing is rolled back to what no task has run", func(s *scene) {
			s.record.Good[0].At, s.record.Good[1].Unproved = noon.Add(-time.Minute), true
			s.incident().Step = 0
		}, LeaveOut, CannotStep, "no other image run well"},
		{"a rollback without a rollout is left out", func(s *scene) { s.incident().Step = 0 }, LeaveOut, CannotStep, "no rollout is in progress"},
		{"a rollout that ended lately is rolled back", func(s *scene) {
			s.incident().Step, s.record.Good[0].At = 0, noon.Add(-29*time.Minute)
		}, Try, NextStep, ""},
		{"a rollout in progress is rolled back and not restarted", func(s *scene) {
			s.incident().Step = 0
			s.record.Rollout = &ledger.Rollout{Phase: ledger.Started, Image: ledger.Image{Digest: digest(3)}}
			s.seen.Containers[0].Image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@" + digest(3)
		}, Try, NextStep, ""},
		{"the platform gets time where no alarm is on", func(s *scene) {
			s.incident().Alarms, s.incident().OpenedAt = nil, noon.Add(-30*time.Second)
			s.seen.Healthy, s.seen.Why = false, "1 of 2 tasks run"
		}, Wait, Patience, ""},
		{"the end of the ladder pages", func(s *scene) { s.incident().Step = 4 }, PageHuman, LadderEnded, ""},
		{"an incident of a playbook that there is not pages", func(s *scene) { s.incident().Playbook = "mine" }, PageHuman, BadPlaybook, ""},
		{"after a page davit only looks", func(s *scene) { s.incident().PagedAt = noon.Add(-time.Hour) }, Wait, Paged, ""},
		{"a global stop holds up", func(s *scene) { s.configured.Stop = &settings.Stop{Who: "oncall", Why: "game day"} }, HoldUp, Stopped, "oncall"},
		{"a hold by tag holds up", func(s *scene) { s.seen.Settings.Hold = "migration" }, HoldUp, Held, "migration"},
		{"a guard is noted once", func(s *scene) {
			s.seen.Settings.Hold, s.incident().Waits, s.incident().WaitsSince = "migration", "hold", noon.Add(-time.Minute)
		}, Wait, Held, ""},
		{"a guard that lasts pages", func(s *scene) {
			s.seen.Settings.Hold, s.incident().Waits, s.incident().WaitsSince = "migration", "hold", noon.Add(-11*time.Minute)
		}, PageHuman, Held, ""},
		{"a rollout in progress holds a restart up", func(s *scene) { s.record.Rollout = &ledger.Rollout{Phase: ledger.Started} }, HoldUp, InProgress, "rollout"},
		{"somebody else's deployment holds up", func(s *scene) {
			s.seen.Deployments[0].State, s.seen.Deployments[0].CreatedAt = workload.InProgress, noon.Add(-time.Minute)
		}, HoldUp, InProgress, "ecs-svc/1"},
		{"a deployment of davit's own step does not", func(s *scene) {
			s.seen.Deployments[0].State, s.seen.Deployments[0].CreatedAt = workload.InProgress, noon.Add(-time.Minute)
			s.incident().Tried = []ledger.Attempt{{Do: "restart", Act: "act-0", At: noon.Add(-time.Minute), Deployment: "ecs-svc/1"}}
		}, Try, NextStep, ""},
		{"a storm holds up", func(s *scene) { s.fleet.Storm = &ledger.Storm{Since: noon, Until: noon.Add(time.Minute)} }, HoldUp, Storm, "stands back"},
		{"a storm that is over does not", func(s *scene) { s.fleet.Storm = &ledger.Storm{Since: noon, Until: noon} }, Try, NextStep, ""},
		{"a storm pages nobody else", func(s *scene) {
			s.fleet.Storm, s.incident().Step = &ledger.Storm{Since: noon, Until: noon.Add(time.Minute)}, 4
		}, HoldUp, Storm, ""},
		{"another incident's act a moment ago holds up", func(s *scene) { s.record.Recovery.Acts = []time.Time{noon.Add(-time.Minute)} }, HoldUp, Cooldown, ""},
		{"the incident's own act a moment ago does not", func(s *scene) {
			s.record.Recovery.Acts = []time.Time{noon.Add(-time.Minute)}
			s.incident().Tried = []ledger.Attempt{{Do: "rollback", Act: "act-0", At: noon.Add(-time.Minute)}}
		}, Try, NextStep, ""},
		{"what was taken back by an earlier davit is no attempt", func(s *scene) {
			for range 5 {
				s.incident().Tried = append(s.incident().Tried, ledger.Attempt{Do: "scale-out", Act: "act-0", Outcome: ledger.Undone})
			}
		}, Try, NextStep, ""},
		{"too many acts in a day page", func(s *scene) {
			for range 10 {
				s.record.Recovery.Acts = append(s.record.Recovery.Acts, noon.Add(-time.Hour))
			}
		}, PageHuman, DayAttempts, ""},
		{"acts of yesterday do not count", func(s *scene) {
			for range 10 {
				s.record.Recovery.Acts = append(s.record.Recovery.Acts, noon.Add(-25*time.Hour))
			}
		}, Try, NextStep, ""},
		{"the share of the fleet holds up", func(s *scene) { s.fleet.Workloads, s.fleet.Slots = 9, []ledger.Slot{{Act: "another"}} }, HoldUp, FleetShare, ""},
		{"a task without memory is answered though another one is well", func(s *scene) {
			s.goes(ledger.UntilAnswered)
		}, Try, NextStep, "alarm 5xx went off"},
		{"a host that EC2 takes is drained though it is well", func(s *scene) { s.goes(ledger.UntilDrained) }, Try, NextStep, "alarm 5xx went off"},
		{"a host that is drained is as it should be when EC2 takes it", func(s *scene) {
			s.goes(ledger.UntilDrained)
			s.seen.Drained = true
		}, Note, Healthy, ""},
		{"a host that must be replaced is not when it is drained", func(s *scene) {
			s.goes(ledger.UntilReplaced)
			s.seen.Drained = true
		}, Try, NextStep, "alarm 5xx went off"},
		{"a host that was replaced ends it, whatever its alarms say", func(s *scene) {
			s.goes(ledger.UntilReplaced)
			s.seen.Replaced, s.seen.Alarms["5xx"] = true, AlarmState{State: "INSUFFICIENT_DATA"}
			s.incident().HealthySince = noon.Add(-3 * time.Minute)
		}, End, Recovered, ""},
		{"a host that its group ends is drained first, though the group is whole without it", func(s *scene) {
			s.goes(ledger.UntilDrained)
			s.seen.Leaves, s.seen.Replaced = true, true
		}, Try, NextStep, "alarm 5xx went off"},
		{"and has been replaced once the group is whole without it, whatever runs there", func(s *scene) {
			s.goes(ledger.UntilReplaced)
			s.seen.Leaves, s.seen.Replaced = true, true
			s.acting(settings.ReplaceHosts, ledger.Started)
		}, Conclude, ActHelped, ""},
		{"and is not taken back", func(s *scene) {
			s.goes("")
			s.seen.Leaves = true
			s.incident().HealthySince, s.incident().Undo = noon.Add(-3*time.Minute), []ledger.Undo{{Do: "drain", Target: "i-0123"}}
		}, End, Recovered, "the host goes"},
		{"a host that goes is not taken back", func(s *scene) {
			s.goes(ledger.UntilDrained)
			s.seen.Drained = true
			s.incident().HealthySince, s.incident().Undo = noon.Add(-3*time.Minute), []ledger.Undo{{Do: "drain", Target: "i-0123"}}
		}, End, Recovered, "the host goes"},
		{"a host that is well again is taken back", func(s *scene) {
			s.goes("")
			s.seen.Drained = true
			s.incident().HealthySince, s.incident().Undo = noon.Add(-3*time.Minute), []ledger.Undo{{Do: "drain", Target: "i-0123"}}
		}, TakeBack, Undoing, ""},
		{"a workload that opted out ends it", func(s *scene) { s.seen.Settings.Playbook = "" }, End, NotOptedIn, ""},
		{"which says what is left", func(s *scene) {
			s.seen.Settings.Playbook = ""
			s.incident().Undo = []ledger.Undo{{Do: "drain", Target: "i-0123"}, {Do: "scale-out", From: 2, To: 3}}
		}, End, NotOptedIn, "tag; drain is not undone"},
		{"a workload that is gone ends it", func(s *scene) { s.seen.Exists = false }, End, Gone, ""},
		{"an act whose actor may be alive is waited for", func(s *scene) { s.acting(settings.Restart, ledger.Intended).Lease = noon.Add(time.Second) }, Wait, InProgress, ""},
		{"an act whose actor died is finished", func(s *scene) { s.acting(settings.Restart, ledger.Intended) }, Resume, Interrupted, ""},
		{"but not past a stop", func(s *scene) {
			s.acting(settings.Restart, ledger.Intended)
			s.configured.Stop = &settings.Stop{Who: "oncall"}
		}, Conclude, Interrupted, "may not be finished"},
		{"nor for ever", func(s *scene) { s.acting(settings.Restart, ledger.Intended).Deadline = noon.Add(-3 * time.Minute) }, Conclude, Interrupted, "may not be finished"},
		{"an undo that fails for good is left to a human", func(s *scene) {
			act := s.acting(settings.ScaleOut, ledger.Intended)
			act.Deadline, act.Undoes = noon.Add(-3*time.Minute), &ledger.Undo{Do: "scale-out", From: 1, To: 2}
		}, Conclude, LeftBehind, "scale-out could not be taken back: it was tried since"},
		{"so is one that its owner forbids", func(s *scene) {
			s.acting(settings.ScaleOut, ledger.Intended).Undoes = &ledger.Undo{Do: "scale-out", From: 1, To: 2}
			s.seen.Settings.Playbook = ""
		}, Conclude, LeftBehind, "no longer carries a davit/playbook tag"},
		{"an undo is not finished on what somebody moved meanwhile", func(s *scene) {
			s.acting(settings.ScaleOut, ledger.Intended).Undoes = &ledger.Undo{Do: "scale-out", From: 1, To: 5}
		}, Conclude, Interrupted, "the desired count is 2 and no longer 5"},
		{"and is on what was taken back", func(s *scene) {
			s.acting(settings.ScaleOut, ledger.Intended).Undoes = &ledger.Undo{Do: "scale-out", From: 2, To: 5}
		}, Resume, Interrupted, ""},
		{"but nothing is left of a workload that is gone", func(s *scene) {
			s.acting(settings.ScaleOut, ledger.Intended).Undoes = &ledger.Undo{Do: "scale-out", From: 1, To: 2}
			s.seen.Exists = false
		}, Conclude, Interrupted, "the workload is gone"},
		{"an act whose deadline has just passed is finished", func(s *scene) {
			s.acting(settings.Restart, ledger.Intended).Deadline = noon.Add(-2 * time.Minute)
		}, Resume, Interrupted, ""},
		{"an act that has yet to help is waited for", func(s *scene) { s.acting(settings.Restart, ledger.Started) }, Wait, UnderWay, ""},
		{"an act that helped", func(s *scene) {
			s.acting(settings.Restart, ledger.Started)
			s.seen.Alarms["5xx"] = AlarmState{State: "OK"}
		}, Conclude, ActHelped, ""},
		{"an act that did not help in time", func(s *scene) { s.acting(settings.Restart, ledger.Started).Deadline = noon }, Conclude, ActDidNotHelp, ""},
		{"an act whose deployment failed", func(s *scene) {
			s.acting(settings.Restart, ledger.Started).Deployment = "ecs-svc/1"
			s.seen.Deployments[0].State = workload.Failed
		}, Conclude, ActDidNotHelp, "failed"},
		{"a rollback that is in progress is waited for though all looks well", func(s *scene) {
			s.acting(settings.Rollback, ledger.Started)
			s.record.Request, s.seen.Alarms["5xx"] = &ledger.Request{Who: Who}, AlarmState{State: "OK"}
		}, Wait, UnderWay, "rollback"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene()
			test.change(s)
			got := Decide(noon, s.configured, s.record, s.fleet, s.seen, s.signal)
			if got.Action != test.action || got.Code != test.code || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("got %s %s %q, want %s %s %q", got.Action, got.Code, got.Reason, test.action, test.code, test.reason)
			}
		})
	}
}

func TestWhatIsAsBeforeNeedsNoUndo(t *testing.T) {
	for name, undo := range map[string]ledger.Undo{
		"a count":                          {Do: "scale-out", From: 2, To: 5},
		"a host on which things may start": {Do: "drain", Target: "i-0123"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			s.seen.Alarms["5xx"], s.seen.Admits, s.seen.Host = AlarmState{State: "OK"}, true, "i-0123"
			s.incident().HealthySince, s.incident().Undo = noon.Add(-3*time.Minute), []ledger.Undo{undo}
			if got := Decide(noon, s.configured, s.record, s.fleet, s.seen, nil); got.Action != End || strings.Contains(got.Reason, "undone") {
				t.Errorf("got %s %q", got.Action, got.Reason)
			}
		})
	}
	s := newScene()
	s.widened(2, 10)
	if got := Decide(noon, s.configured, s.record, s.fleet, s.seen, nil); got.Action != End || strings.Contains(got.Reason, "undone") {
		t.Errorf("of bounds, got %s %q", got.Action, got.Reason)
	}
}

func TestDecideOnASignal(t *testing.T) {
	task := func(s *scene) *Signal {
		s.signal = &Signal{ID: "task-1", At: noon.Add(-time.Second), Playbook: OutOfMemory, Text: "a task stopped", Deployment: "ecs-svc/1"}
		return s.signal
	}
	alarm := func(s *scene) *Signal {
		s.signal = &Signal{ID: "2", At: noon, Playbook: ServiceUnhealthy, Text: "alarm 5xx went off", Alarm: "5xx"}
		return s.signal
	}
	agent := func(s *scene, seen int64) {
		s.signal = &Signal{ID: "3", At: noon.Add(-5 * time.Minute), Playbook: HostImpaired, Text: "the ECS agent is not connected", Disconnected: 7}
		s.seen.Healthy, s.seen.Disconnected = false, seen
	}
	for _, test := range []struct {
		name   string
		change func(*scene)
		action Action
		code   Code
	}{
		{"an agent that is still without connection opens an incident", func(s *scene) { s.record.Recovery.Incidents = nil; agent(s, 7) }, Open, Signalled},
		{"an agent that has connected again opens nothing", func(s *scene) { s.record.Recovery.Incidents = nil; agent(s, 0) }, Nothing, Cleared},
		{"one that then lost its connection anew has a signal of that", func(s *scene) { s.record.Recovery.Incidents = nil; agent(s, 9) }, Nothing, Cleared},
		{"an alarm that is on opens an incident", func(s *scene) { s.record.Recovery.Incidents = nil; alarm(s) }, Open, Signalled},
		{"an alarm that is OK by now opens none", func(s *scene) {
			s.record.Recovery.Incidents, s.seen.Alarms["5xx"] = nil, AlarmState{State: "OK"}
			alarm(s)
		}, Nothing, Cleared},
		{"an alarm of an open incident joins it", func(s *scene) { alarm(s) }, Join, Signalled},
		{"a signal that comes twice counts once", func(s *scene) { alarm(s).ID = "1" }, Try, NextStep},
		{"another cause opens another incident", func(s *scene) { task(s) }, Open, Signalled},
		{"a task of a rollout is for the rollout to judge", func(s *scene) {
			s.record.Recovery.Incidents, s.record.Rollout = nil, &ledger.Rollout{}
			task(s)
		}, Nothing, RolloutJudges},
		{"a task of a deployment that ECS judges is for ECS", func(s *scene) {
			s.record.Recovery.Incidents, s.seen.Deployments[0].State = nil, workload.InProgress
			task(s)
		}, Nothing, RolloutJudges},
		{"a task of an old deployment opens nothing", func(s *scene) { s.record.Recovery.Incidents = nil; task(s).Deployment = "ecs-svc/0" }, Nothing, Stale},
		{"a task that stopped long ago opens nothing", func(s *scene) { s.record.Recovery.Incidents = nil; task(s).At = noon.Add(-time.Hour) }, Nothing, Stale},
		{"a task that stopped before the last incident ended opens nothing", func(s *scene) {
			s.record.Recovery.Incidents, s.record.Recovery.Ended = nil, map[string]time.Time{OutOfMemory: noon}
			task(s)
		}, Nothing, Stale},
		{"a workload that did not opt in is refused", func(s *scene) {
			s.record.Recovery.Incidents, s.seen.Settings.Playbook = nil, ""
			alarm(s)
		}, Refuse, NotOptedIn},
		{"a playbook that there is not is an incident all the same", func(s *scene) { alarm(s).Named = "mine" }, Open, Signalled},
		{"the workload's own playbook is taken", func(s *scene) {
			s.seen.Settings.Playbook = "mine"
			s.configured.Recovery.Playbooks = map[string]settings.Playbook{"mine": {Steps: []settings.PlaybookStep{{Do: settings.Page}}}}
			alarm(s)
		}, Open, Signalled},
		{"a workload that is gone opens nothing", func(s *scene) { s.record.Recovery.Incidents, s.seen.Exists = nil, false; alarm(s) }, Nothing, Gone},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene()
			test.change(s)
			got := Decide(noon, s.configured, s.record, s.fleet, s.seen, s.signal)
			if got.Action != test.action || got.Code != test.code {
				t.Errorf("got %s %s %q, want %s %s", got.Action, got.Code, got.Reason, test.action, test.code)
			}
		})
	}
}
