package scaling

import (
	"strings"
	"testing"
	"time"

	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// service is an observation of a Fargate service of four tasks that follows "min=1 max=10", changed by the case.
func service(change func(*Observation)) Observation {
	reference, err := workload.ECSService("shop", "web")
	if err != nil {
		panic(err)
	}
	seen := Observation{Workload: reference, Exists: true, Region: "us-east-1", Policy: "min=1 max=10", Controller: "ECS", Desired: 4, Running: 4,
		Task:   Task{Fargate: true, Architecture: "x86_64", CPU: 256, Memory: 512},
		Alarms: []Alarm{{Name: "busy", Direction: Out, State: "ALARM", Since: noon.Add(-time.Minute), Threshold: 70, Above: true}}}
	if change != nil {
		change(&seen)
	}
	return seen
}

func calm(seen *Observation, value float64) {
	seen.Alarms[0].State, seen.Alarms[0].Since = "OK", noon.Add(-time.Hour)
	for minute := 15; minute > 0; minute-- {
		seen.Alarms[0].Readings = append(seen.Alarms[0].Readings, Reading{At: noon.Add(-time.Duration(minute) * time.Minute), Value: value})
	}
}

func short(seen *Observation) {
	seen.Policy = "min=1 max=10 hosts=6"
	seen.Running, seen.Shortage = 2, &Shortage{Since: noon, Text: "unable to place a task"}
	seen.Hosts = &Hosts{Group: "hosts", OptedIn: true, Max: 2, Count: 2, Type: "m6i.large"}
	seen.Task = Task{}
}

func TestDecide(t *testing.T) {
	configured := settings.Settings{Version: settings.Version, Scaling: map[string]settings.Scaling{
		"night": {Policy: "min=2 max=10", Schedules: []settings.ScalingWindow{{Name: "lunch", Cron: "0 11 * * *",
			Duration: settings.Duration(2 * time.Hour), Min: 0, Max: 0}}},
		"soon": {Policy: "min=2 max=10", Schedules: []settings.ScalingWindow{{Name: "rush", Cron: "5 12 * * *",
			Duration: settings.Duration(time.Hour), Min: 8, Max: 10}}},
	}}
	stopped := configured
	stopped.Stop = &settings.Stop{Who: "operator", Why: "incident", At: noon}
	three, five := 3, 5
	tests := []struct {
		name       string
		configured settings.Settings
		state      ledger.Scaling
		record     ledger.Record
		seen       Observation
		action     Action
		code       Code
		to         string
		says       string
	}{
		{name: "an alarm that is on scales out by a step", seen: service(nil), action: Scale, code: AlarmOn, to: "5 tasks", says: "busy is on"},
		{name: "a step is the policy's", seen: service(func(o *Observation) { o.Policy = "max=10 step=3" }), action: Scale, code: AlarmOn, to: "7 tasks"},
		{name: "a step ends at the most", seen: service(func(o *Observation) { o.Policy = "max=5 step=3" }), action: Scale, code: AlarmOn, to: "5 tasks"},
		{name: "at the most it says so", seen: service(func(o *Observation) { o.Policy = "max=4" }), action: Refuse, code: AtMaximum, says: "4 are the most"},
		{name: "an alarm scales out from zero", seen: service(func(o *Observation) { o.Policy = "min=0 max=4"; o.Desired, o.Running = 0, 0 }),
			action: Scale, code: AlarmOn, to: "1 tasks"},
		{name: "without data nothing moves", seen: service(func(o *Observation) { o.Alarms[0].State = "INSUFFICIENT_DATA" }), action: Nothing, code: Settling},
		{name: "a target is computed from the metric", seen: service(func(o *Observation) {
			o.Policy = "max=20 target=50"
			o.Alarms[0].Readings = []Reading{{At: noon, Value: 90}}
		}), action: Scale, code: Load, to: "8 tasks", says: "reads 90"},
		{name: "within the tolerance the target is met", seen: service(func(o *Observation) {
			o.Policy = "max=20 target=50"
			calm(o, 54)
		}), action: Nothing, code: Steady},
		{name: "a backlog gives the count from zero", seen: service(func(o *Observation) {
			o.Policy = "min=0 max=20 per=100 growth=10"
			o.Desired, o.Running = 0, 0
			o.Alarms[0].Readings = []Reading{{At: noon, Value: 850}}
		}), action: Scale, code: Load, to: "9 tasks"},
		{name: "an empty backlog gives zero", seen: service(func(o *Observation) { o.Policy = "min=0 max=20 per=100"; calm(o, 0) }),
			action: Scale, code: Calm, to: "0 tasks"},
		{name: "calm scales in by a step", seen: service(func(o *Observation) { calm(o, 20) }), action: Scale, code: Calm, to: "3 tasks"},
		{name: "calm that fewer would end does not", seen: service(func(o *Observation) { calm(o, 60) }), action: Nothing, code: Steady, says: "too near its threshold"},
		{name: "calm that has not lasted waits", seen: service(func(o *Observation) { calm(o, 20); o.Alarms[0].Since = noon.Add(-time.Minute) }),
			action: Nothing, code: Settling},
		{name: "an alarm inwards scales in", seen: service(func(o *Observation) {
			calm(o, 20)
			o.Alarms = append(o.Alarms, Alarm{Name: "idle", Direction: In, State: "ALARM"})
		}), action: Scale, code: Calm, to: "3 tasks", says: "idle asks for fewer"},
		{name: "where there is an alarm inwards that is not on nothing scales in", seen: service(func(o *Observation) {
			calm(o, 20)
			o.Alarms = append(o.Alarms, Alarm{Name: "idle", Direction: In, State: "OK"})
		}), action: Nothing, code: Settling},
		{name: "a schedule brings it to zero", configured: configured, seen: service(func(o *Observation) { o.Policy = "policy:night" }),
			action: Scale, code: AboveMaximum, to: "0 tasks", says: `schedule "lunch"`},
		{name: "below the least it grows at once", state: ledger.Scaling{LastOut: noon}, seen: service(func(o *Observation) { o.Policy = "min=6 max=10 growth=1.1" }),
			action: Scale, code: BelowMinimum, to: "6 tasks"},
		{name: "what owns the count keeps it, and its bounds move", seen: service(func(o *Observation) {
			o.Owner = &Owner{Name: "Application Auto Scaling", Min: 2, Max: 4}
		}), action: Scale, code: AlarmOn, to: "5 to 5 tasks", says: "owns the count"},
		{name: "calm gives the owner its bounds back", state: ledger.Scaling{Owned: &ledger.Extent{Min: 2, Max: 4}}, seen: service(func(o *Observation) {
			calm(o, 20)
			o.Owner = &Owner{Name: "Application Auto Scaling", Min: 5, Max: 5}
		}), action: Scale, code: Calm, to: "2 to 4 tasks"},
		{name: "calm gives back bounds that are still as scaling set them", state: ledger.Scaling{Owned: &ledger.Extent{Min: 2, Max: 10}, MovedTo: &ledger.Extent{Min: 6, Max: 10}},
			seen: service(func(o *Observation) { calm(o, 20); o.Owner = &Owner{Min: 6, Max: 10} }), action: Scale, code: Calm, to: "2 to 10 tasks"},
		{name: "calm leaves bounds that somebody else set", state: ledger.Scaling{Owned: &ledger.Extent{Min: 2, Max: 10}, MovedTo: &ledger.Extent{Min: 6, Max: 10}},
			seen: service(func(o *Observation) { calm(o, 20); o.Owner = &Owner{Min: 4, Max: 40} }), action: Nothing, code: Steady, says: "4 to 40"},
		{name: "a schedule moves the owner's bounds to zero", configured: configured, seen: service(func(o *Observation) {
			o.Policy, o.Owner = "policy:night", &Owner{Name: "Application Auto Scaling", Min: 2, Max: 4}
		}), action: Scale, code: BelowMinimum, to: "0 to 0 tasks"},
		{name: "after the schedule the owner has its bounds back", configured: configured, state: ledger.Scaling{Owned: &ledger.Extent{Min: 2, Max: 4}},
			seen: service(func(o *Observation) {
				calm(o, 20)
				o.Alarms[0].Since = noon
				o.Policy, o.Owner = "policy:soon", &Owner{Name: "Application Auto Scaling", Min: 8, Max: 10}
			}), action: Scale, to: "2 to 4 tasks", code: Calm, says: "is over"},
		{name: "tasks that cannot be placed get hosts", seen: service(short), action: Scale, code: HostsAdded, to: "4 hosts", says: "unable to place"},
		{name: "hosts that ECS manages get a higher limit", seen: service(func(o *Observation) { short(o); o.Hosts.Managed = true }),
			action: Scale, code: HostsAdded, to: "at most 4 hosts"},
		{name: "hosts that ECS is adding are waited for", seen: service(func(o *Observation) { short(o); o.Hosts.Managed, o.Hosts.Max = true, 5 }),
			action: Wait, code: Capacity},
		{name: "hosts are not the policy's to add", seen: service(func(o *Observation) { short(o); o.Policy = "max=10" }), action: Refuse, code: Capacity, says: "hosts=N"},
		{name: "hosts did not opt in", seen: service(func(o *Observation) { short(o); o.Hosts.OptedIn = false }), action: Refuse, code: Capacity, says: "carries no davit/scaling"},
		{name: "Fargate has no hosts", seen: service(func(o *Observation) { short(o); o.Hosts = nil }), action: Refuse, code: Capacity, says: "no Auto Scaling group"},
		{name: "a cooldown outwards", state: ledger.Scaling{LastOut: noon.Add(-time.Minute)}, seen: service(nil), action: Refuse, code: CoolingDown},
		{name: "a cooldown inwards counts from any move", state: ledger.Scaling{LastOut: noon.Add(-9 * time.Minute)}, seen: service(func(o *Observation) { calm(o, 20) }),
			action: Refuse, code: CoolingDown},
		{name: "growth is bounded an hour", state: ledger.Scaling{Changes: []ledger.ScalingChange{{At: noon.Add(-50 * time.Minute), Lever: ledger.LeverCount, From: 1, To: 4}}},
			seen: service(nil), action: Refuse, code: Spending, says: "4-fold an hour, to 4"},
		{name: "growth of more than an hour ago does not count", state: ledger.Scaling{Changes: []ledger.ScalingChange{{At: noon.Add(-time.Hour), Lever: ledger.LeverCount, From: 1, To: 4}}},
			seen: service(nil), action: Scale, code: AlarmOn, to: "5 tasks"},
		{name: "what was too few is not tried again", state: ledger.Scaling{TooFew: &ledger.TooFew{Count: 3, Until: noon.Add(time.Hour), Times: 1}},
			seen: service(func(o *Observation) { calm(o, 20) }), action: Refuse, code: Flapping, says: "3 were too few"},
		{name: "after a while it is", state: ledger.Scaling{TooFew: &ledger.TooFew{Count: 3, Until: noon, Times: 1}},
			seen: service(func(o *Observation) { calm(o, 20) }), action: Scale, code: Calm, to: "3 tasks"},
		{name: "the global stop", configured: stopped, seen: service(nil), action: Refuse, code: Stopped, says: "stopped by operator"},
		{name: "a hold by tag", seen: service(func(o *Observation) { o.Hold = "load test" }), action: Refuse, code: Held, says: "load test"},
		{name: "a hold by command", record: ledger.Record{Hold: &ledger.Hold{Who: "operator", Why: "audit"}}, seen: service(nil), action: Refuse, code: Held, says: "operator"},
		{name: "a hold that has ended", record: ledger.Record{Hold: &ledger.Hold{Who: "operator", Until: noon}}, seen: service(nil), action: Scale, code: AlarmOn, to: "5 tasks"},
		{name: "a rollout in progress", record: ledger.Record{Rollout: &ledger.Rollout{ID: "r"}}, seen: service(nil), action: Refuse, code: InProgress},
		{name: "somebody else's deployment in progress", seen: service(func(o *Observation) { o.Deploying = "ecs-svc/7" }), action: Refuse, code: InProgress, says: "ecs-svc/7"},
		{name: "an incident's act", record: ledger.Record{Recovery: ledger.Recovery{Act: &ledger.Act{ID: "a"}}}, seen: service(nil), action: Refuse, code: Remedying},
		{name: "a workload that did not opt in says how", seen: service(func(o *Observation) { o.Policy = "" }), action: Refuse, code: NotOptedIn, says: "tag it"},
		{name: "a workload of nobody's", seen: service(func(o *Observation) { o.Policy, o.Alarms = "", nil }), action: Nothing, code: NotOptedIn},
		{name: "a policy that cannot be read", seen: service(func(o *Observation) { o.Policy = "plenty" }), action: Refuse, code: BadPolicy},
		{name: "a service of another controller", seen: service(func(o *Observation) { o.Controller = "CODE_DEPLOY" }), action: Refuse, code: Controller},
		{name: "a service that is gone", seen: service(func(o *Observation) { o.Exists = false }), action: Nothing, code: Gone},
		{name: "an act whose actor is at work", state: ledger.Scaling{Act: &ledger.ScalingAct{Lever: ledger.LeverCount, Lease: noon.Add(time.Second)}},
			seen: service(nil), action: Wait, code: InProgress},
		{name: "an act that was done", state: ledger.Scaling{Act: &ledger.ScalingAct{Lever: ledger.LeverCount, From: count(three), To: count(4)}},
			seen: service(nil), action: Finish, code: Interrupted, to: "4 tasks"},
		{name: "an act that was not done", state: ledger.Scaling{Act: &ledger.ScalingAct{Lever: ledger.LeverCount, From: count(4), To: count(five),
			IntendedAt: noon.Add(time.Second - maximumActing)}}, seen: service(nil), action: Continue, code: Interrupted, to: "5 tasks"},
		{name: "an act that is not done for too long is given up", state: ledger.Scaling{Act: &ledger.ScalingAct{Lever: ledger.LeverCount, From: count(4), To: count(five),
			IntendedAt: noon.Add(-maximumActing)}}, seen: service(nil), action: Abandon, code: Overdue, to: "5 tasks", says: "within 10m0s"},
		{name: "an act that takes long is left to its actor", state: ledger.Scaling{Act: &ledger.ScalingAct{Lever: ledger.LeverCount, From: count(4), To: count(five),
			IntendedAt: noon.Add(-maximumActing), Lease: noon.Add(time.Second)}}, seen: service(nil), action: Wait, code: InProgress},
		{name: "an act that was done late was done", state: ledger.Scaling{Act: &ledger.ScalingAct{Lever: ledger.LeverCount, From: count(three), To: count(4),
			IntendedAt: noon.Add(-maximumActing)}}, seen: service(nil), action: Finish, code: Interrupted, to: "4 tasks"},
		{name: "an act that somebody else overtook", state: ledger.Scaling{Act: &ledger.ScalingAct{Lever: ledger.LeverCount, From: count(three), To: count(five)}},
			seen: service(nil), action: Abandon, code: Superseded, to: "5 tasks", says: "set it to 4 tasks"},
		{name: "an act under a hold that came meanwhile", state: ledger.Scaling{Act: &ledger.ScalingAct{Lever: ledger.LeverCount, From: count(4), To: count(five)}},
			seen: service(func(o *Observation) { o.Hold = "stop" }), action: Abandon, code: Held, to: "5 tasks"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			record := test.record
			record.Scaling = test.state
			have := Decide(noon, test.configured, record, test.seen)
			if have.Action != test.action || have.Code != test.code || !strings.Contains(have.Reason, test.says) {
				t.Errorf("%s %s: %s", have.Action, have.Code, have.Reason)
			}
			if to := words(workload.ECS, have.Lever, have.To); test.to != "" && to != test.to {
				t.Errorf("it goes to %s, want %s", to, test.to)
			}
			if test.to == "" && have.Lever != "" && have.Action == Scale {
				t.Errorf("it moves %s to %s", have.Lever, words(workload.ECS, have.Lever, have.To))
			}
		})
	}
}

func TestAMoveHasItsMonthlyPrice(t *testing.T) {
	// A task of 0.25 vCPU and 0.5 GB on Fargate in us-east-1: 0.25 × 0.04048 + 0.5 × 0.004445 dollars an hour, 730 hours.
	out := Decide(noon, settings.Settings{}, ledger.Record{}, service(nil))
	if !strings.HasPrefix(out.Price, "+$9.01 a month") {
		t.Errorf("a task more costs %q", out.Price)
	}
	in := Decide(noon, settings.Settings{}, ledger.Record{}, service(func(o *Observation) { calm(o, 20) }))
	if !strings.HasPrefix(in.Price, "-$9.01 a month") {
		t.Errorf("a task less costs %q", in.Price)
	}
	hosts := Decide(noon, settings.Settings{}, ledger.Record{}, service(short))
	if !strings.HasPrefix(hosts.Price, "+$140.16 a month") {
		t.Errorf("two hosts cost %q", hosts.Price)
	}
	elsewhere := Decide(noon, settings.Settings{}, ledger.Record{}, service(func(o *Observation) { o.Region = "mars-north-1" }))
	if !strings.Contains(elsewhere.Price, "mars-north-1") {
		t.Errorf("where no price is known it says %q", elsewhere.Price)
	}
}

func TestDecideLooksAgainWhenAScheduleOpens(t *testing.T) {
	configured := settings.Settings{Scaling: map[string]settings.Scaling{"soon": {Policy: "min=2 max=10",
		Schedules: []settings.ScalingWindow{{Name: "rush", Cron: "5 12 * * *", Duration: settings.Duration(time.Hour), Min: 8, Max: 10}}}}}
	have := Decide(noon, configured, ledger.Record{}, service(func(o *Observation) { o.Policy = "policy:soon"; calm(o, 60) }))
	if have.Again != 5*time.Minute {
		t.Errorf("it looks again after %s", have.Again)
	}
}
