package scaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/ledger/ledgertest"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
)

// platform is a model of a service, of what owns its count, and of the hosts that it runs on.
type platform struct {
	seen Observation
	// sets are the moves that changed anything.
	sets int
	// crash is called around every call.
	crash func()
	// fails is what a move, and blind what a look, ends with.
	fails, blind error
}

func (p *platform) Observe(context.Context, []Subject) (map[workload.Reference]Observation, error) {
	defer p.crash()
	p.crash()
	if p.blind != nil {
		return nil, p.blind
	}
	return map[workload.Reference]Observation{p.seen.Workload: p.seen}, nil
}

func (p *platform) Set(_ context.Context, _ Observation, lever ledger.Lever, _ string, to ledger.Extent) error {
	p.crash()
	if p.fails != nil {
		return p.fails
	}
	if have, _ := extentOf(p.seen, lever); !have.Equal(to) {
		p.sets++
	}
	switch lever {
	case ledger.LeverCount:
		p.seen.Desired = *to.Count
	case ledger.LeverBounds:
		p.seen.Owner = &Owner{Name: p.seen.Owner.Name, Min: to.Min, Max: to.Max}
	case ledger.LeverHosts:
		hosts := *p.seen.Hosts
		hosts.Max, hosts.Count = to.Max, *to.Count
		p.seen.Hosts = &hosts
	}
	p.crash()
	return nil
}

// world is a reconciler with all around it in the test's process.
type world struct {
	*Reconciler
	now      time.Time
	platform platform
	memory   ledgertest.Memory
	told     []davit.Scaling
	due      []time.Time
	// mute is why nothing can be told.
	mute error
}

func newWorld(seen Observation) *world {
	w := &world{now: noon, platform: platform{seen: seen, crash: func() {}}}
	w.memory.Now = func() time.Time { return w.now }
	w.Reconciler = &Reconciler{Drivers: map[workload.Kind]Driver{workload.ECS: &w.platform}, Ledger: &w.memory, Reporter: w,
		Settings:  func(context.Context) (settings.Settings, error) { return settings.Settings{}, nil },
		Now:       func() time.Time { return w.now },
		Log:       slog.New(slog.NewTextHandler(io.Discard, nil)),
		LookAgain: w.lookAgain}
	return w
}

func (w *world) Report(_ context.Context, announcements ...ledger.Announcement[davit.Scaling]) error {
	w.platform.crash()
	if w.mute != nil {
		return w.mute
	}
	for _, announcement := range announcements {
		w.told = append(w.told, announcement.Detail)
	}
	w.platform.crash()
	return nil
}

func (w *world) lookAgain(_ context.Context, _ workload.Reference, _ Cause, delay time.Duration) error {
	w.platform.crash()
	w.due = append(w.due, w.now.Add(delay))
	w.platform.crash()
	return nil
}

func (w *world) record(t *testing.T) ledger.Record {
	t.Helper()
	records, err := w.memory.Read(context.Background(), []workload.Reference{w.platform.seen.Workload})
	if err != nil {
		t.Fatal(err)
	}
	return records[w.platform.seen.Workload]
}

// alarm names the alarm as an event would.
var alarm = ledger.ScalingAlarm{Name: "busy", ARN: "arn:aws:cloudwatch:us-east-1:111122223333:alarm:busy"}

// turn is a move of the count.
type turn struct {
	at   time.Time
	from int
	to   int
}

// day runs a service through a day of load: two peaks, noise on each reading, and a burst of ten minutes. capacity is what
// one task carries at 100 percent. total makes the metric the load itself instead of the tasks' average.
func day(t *testing.T, policy string, seed uint64, capacity float64, total bool) (turns []turn, overloaded int, w *world) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 17))
	w = newWorld(service(func(o *Observation) {
		o.Policy, o.Desired, o.Running = policy, 2, 2
		o.Alarms[0].State, o.Alarms[0].Since = "OK", noon.Add(-time.Hour)
	}))
	ctx, reference := context.Background(), w.platform.seen.Workload
	above := 0
	for minute := range 24 * 60 {
		w.now = noon.Add(time.Duration(minute) * time.Minute)
		phase := float64(minute) / (24 * 60) * 2 * math.Pi
		load := 420 - 260*math.Cos(phase) - 140*math.Cos(2*phase)
		if minute >= 900 && minute < 910 {
			load *= 1.6
		}
		load = max(0, load*(1+0.06*random.NormFloat64()))
		tasks := float64(max(w.platform.seen.Desired, 1))
		metric := 100 * load / (tasks * capacity)
		if metric > 100 {
			overloaded++
		}
		if total {
			metric = load
		}
		watched := &w.platform.seen.Alarms[0]
		watched.Readings = append(watched.Readings, Reading{At: w.now, Value: metric})
		watched.Readings = watched.Readings[max(0, len(watched.Readings)-30):]
		if above++; metric <= watched.Threshold {
			above = 0
		}
		state := "OK"
		if above >= 3 {
			state = "ALARM"
		}
		look := minute%15 == 0
		if state != watched.State {
			watched.State, watched.Since, look = state, w.now, true
		}
		for len(w.due) > 0 && !w.due[0].After(w.now) {
			w.due, look = w.due[1:], true
		}
		if !look {
			continue
		}
		before := w.platform.seen.Desired
		var later *Later
		if _, err := w.Reconcile(ctx, reference, Cause{Text: "a minute", Alarm: alarm}); err != nil && !errors.As(err, &later) {
			t.Fatal(err)
		}
		w.platform.seen.Running = w.platform.seen.Desired
		if after := w.platform.seen.Desired; after != before {
			turns = append(turns, turn{w.now, before, after})
		}
	}
	return turns, overloaded, w
}

func TestADayOfLoadIsFollowedWithoutOscillation(t *testing.T) {
	for name, test := range map[string]struct {
		policy   string
		capacity float64
		total    bool
	}{
		"by steps":              {"min=1 max=30 step=2 in=15m", 60, false},
		"by small steps":        {"min=1 max=40 out=1m in=10m", 60, false},
		"to a target":           {"min=1 max=30 target=60 in=15m", 60, false},
		"by what one is for":    {"min=0 max=30 per=36 in=15m", 60, true},
		"with few large tasks":  {"min=1 max=10 in=10m", 400, false},
		"with a task too large": {"min=1 max=10 in=10m", 2000, false},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				turns, overloaded, _ := day(t, test.policy, seed, test.capacity, test.total)
				reversals, flaps, most := 0, 0, 0
				for index, turn := range turns {
					most = max(most, turn.to)
					if index == 0 || (turn.to > turn.from) == (turns[index-1].to > turns[index-1].from) {
						continue
					}
					reversals++
					if turn.at.Sub(turns[index-1].at) < 10*time.Minute && turn.to < turn.from {
						t.Errorf("seed %d: it went out and %s later in", seed, turn.at.Sub(turns[index-1].at))
					}
					if turn.to > turn.from && turn.at.Sub(turns[index-1].at) < 30*time.Minute {
						flaps++
					}
				}
				// Two peaks and a burst are three times out and in; noise may add one more of each.
				if reversals > 8 || flaps > 3 {
					t.Errorf("seed %d: %d reversals, %d of them soon after a move inwards: %v", seed, reversals, flaps, shortened(turns))
				}
				if overloaded > 45 {
					t.Errorf("seed %d: %d minutes were overloaded", seed, overloaded)
				}
				if test.capacity == 60 && most < 10 {
					t.Errorf("seed %d: it never had more than %d", seed, most)
				}
			}
		})
	}
}

func shortened(turns []turn) string {
	var words []string
	for _, turn := range turns {
		words = append(words, fmt.Sprintf("%s %d→%d", turn.at.Format("15:04"), turn.from, turn.to))
	}
	return strings.Join(words, ", ")
}

func TestAFlappingAlarmWithoutReadingsIsDampedByMemory(t *testing.T) {
	// The alarm goes off whenever there are fewer than four, and nothing tells how far it is from that.
	w := newWorld(service(func(o *Observation) { o.Policy = "min=1 max=10 out=1m in=5m" }))
	ins := 0
	for minute := range 24 * 60 {
		w.now = noon.Add(time.Duration(minute) * time.Minute)
		state := "OK"
		if w.platform.seen.Desired < 4 {
			state = "ALARM"
		}
		if watched := &w.platform.seen.Alarms[0]; watched.State != state {
			watched.State, watched.Since = state, w.now
		}
		before := w.platform.seen.Desired
		if _, err := w.Reconcile(context.Background(), w.platform.seen.Workload, Cause{Text: "a minute", Alarm: alarm}); err != nil {
			t.Fatal(err)
		}
		w.platform.seen.Running = w.platform.seen.Desired
		if w.platform.seen.Desired < before {
			ins++
		}
	}
	// After 2, 4, 8 and 16 hours it is tried again.
	if ins < 2 || ins > 5 {
		t.Errorf("fewer were tried %d times in a day", ins)
	}
}

func TestGrowthStaysBelowItsLimitWhateverTheAlarmSays(t *testing.T) {
	w := newWorld(service(func(o *Observation) { o.Policy = "min=1 max=1000 step=50 out=1m growth=2"; o.Desired, o.Running = 2, 2 }))
	counts := map[int]int{}
	for minute := range 6 * 60 {
		w.now = noon.Add(time.Duration(minute) * time.Minute)
		if _, err := w.Reconcile(context.Background(), w.platform.seen.Workload, Cause{Text: "a minute", Alarm: alarm}); err != nil {
			t.Fatal(err)
		}
		w.platform.seen.Running = w.platform.seen.Desired
		counts[minute] = w.platform.seen.Desired
		if before, known := counts[minute-60]; known && counts[minute] > 2*before {
			t.Fatalf("in minute %d there are %d, and an hour before there were %d", minute, counts[minute], before)
		}
	}
	if counts[359] < 64 {
		t.Errorf("after six hours there are only %d", counts[359])
	}
}

// crashed is what a crash panics with.
type crashed struct{}

// until runs the reconciler, which crashes before the call of that number.
func (w *world) until(t *testing.T, call int) (crashes bool) {
	t.Helper()
	calls := 0
	w.platform.crash = func() {
		if calls++; calls == call {
			panic(crashed{})
		}
	}
	w.memory.Before = func(context.Context, ledgertest.Call) error { w.platform.crash(); return nil }
	w.memory.After = w.memory.Before
	defer func() {
		w.platform.crash = func() {}
		w.memory.Before, w.memory.After = nil, nil
		if cause := recover(); cause != nil {
			if _, planned := cause.(crashed); !planned {
				panic(cause)
			}
			crashes = true
		}
	}()
	var later *Later
	if _, err := w.Reconcile(context.Background(), w.platform.seen.Workload, Cause{Text: "alarm", Alarm: alarm}); err != nil && !errors.As(err, &later) {
		t.Fatal(err)
	}
	return false
}

// TestACrashBetweenAnyTwoCallsLosesNothingAndRepeatsNothing crashes twice, at every pair of places, and looks again until
// all is quiet: one move, one line of history, told at least once.
func TestACrashBetweenAnyTwoCallsLosesNothingAndRepeatsNothing(t *testing.T) {
	for name, seen := range map[string]Observation{
		"count": service(func(o *Observation) { o.Policy = "max=5" }),
		"bounds": service(func(o *Observation) {
			o.Policy, o.Owner = "max=5", &Owner{Name: "Application Auto Scaling", Min: 1, Max: 4}
		}),
		"hosts": service(func(o *Observation) { short(o); o.Policy = "max=10 hosts=3" }),
	} {
		t.Run(name, func(t *testing.T) {
			places := 0
			for first := 1; ; first++ {
				probe := newWorld(seen)
				if !probe.until(t, first) {
					break
				}
				places++
				for second := 1; second < 40; second++ {
					w := newWorld(seen)
					w.until(t, first)
					w.now = w.now.Add(defaultLease + time.Second)
					again := w.until(t, second)
					w.settle(t)
					w.check(t, fmt.Sprintf("crashes at %d and %d", first, second))
					if !again {
						break
					}
				}
			}
			if places < 12 {
				t.Errorf("only %d places to crash at were found", places)
			}
		})
	}
}

// settle looks again, as the sweep does, until nothing is left to do.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for range 3 {
		w.now = w.now.Add(defaultLease + ledger.AnnouncementAge)
		w.until(t, -1)
	}
}

func (w *world) check(t *testing.T, where string) {
	t.Helper()
	record := w.record(t)
	history, err := w.memory.History(context.Background(), record.Workload, 100, "")
	if err != nil {
		t.Fatal(err)
	}
	done, told := 0, 0
	for _, entry := range history {
		if entry.Action == string(Scale) {
			done++
		}
	}
	for _, one := range w.told {
		if one.Action == string(Scale) {
			told++
		}
	}
	if w.platform.sets != 1 || done != 1 || told < 1 || record.Scaling.Act != nil || len(record.Scaling.Announcements) > 0 || len(record.Scaling.Changes) != 1 {
		t.Errorf("%s: moved %d times, %d lines of history, told %d times, act %v, %d untold, %d changes", where, w.platform.sets, done, told,
			record.Scaling.Act, len(record.Scaling.Announcements), len(record.Scaling.Changes))
	}
}

func TestOfTwoInvocationsAtOnceOneActs(t *testing.T) {
	w := newWorld(service(nil))
	inside := false
	w.memory.Before = func(_ context.Context, call ledgertest.Call) error {
		if call.Operation != ledgertest.Write || inside {
			return nil
		}
		inside = true
		_, err := w.Reconcile(context.Background(), w.platform.seen.Workload, Cause{Text: "the other", Alarm: alarm})
		return err
	}
	_, err := w.Reconcile(context.Background(), w.platform.seen.Workload, Cause{Text: "the one", Alarm: alarm})
	var later *Later
	if !errors.As(err, &later) || w.platform.sets != 1 || w.platform.seen.Desired != 5 {
		t.Errorf("%v; moved %d times to %d", err, w.platform.sets, w.platform.seen.Desired)
	}
}

func TestARefusalIsToldOnce(t *testing.T) {
	w := newWorld(service(func(o *Observation) { o.Hold = "load test" }))
	for range 5 {
		w.now = w.now.Add(time.Minute)
		w.until(t, -1)
	}
	if len(w.told) != 1 || w.told[0].Code != string(Held) || w.told[0].Command != "davit resume ecs:shop/web" {
		t.Errorf("told %+v", w.told)
	}
	w.platform.seen.Hold = ""
	w.until(t, -1)
	if w.platform.seen.Desired != 5 {
		t.Errorf("without the hold there are %d", w.platform.seen.Desired)
	}
}

// TestAnActWhoseCallFailsForGoodIsGivenUpAndToldOnce looks every minute, as the retries of a message do, for an hour.
func TestAnActWhoseCallFailsForGoodIsGivenUpAndToldOnce(t *testing.T) {
	down := errors.New("connection refused")
	for name, test := range map[string]struct {
		fails, blind error
		code         Code
	}{
		"refused":     {fails: fmt.Errorf("scale it: %w", rollout.Refusef("no")), code: Refused},
		"denied":      {fails: fmt.Errorf("scale it: %w", &rollout.Denied{Action: "ecs:UpdateService", Resource: "*", Err: down}), code: Refused},
		"unreachable": {fails: down, code: Overdue},
		"invisible":   {fails: down, blind: down, code: Overdue},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(service(nil))
			minute := func() {
				w.now = w.now.Add(time.Minute)
				_, _ = w.Reconcile(context.Background(), w.platform.seen.Workload, Cause{Text: "alarm", Alarm: alarm})
			}
			w.platform.fails = test.fails
			minute()
			w.platform.blind = test.blind
			for range 60 {
				minute()
			}
			if len(w.told) != 1 || w.told[0].Action != string(Abandon) || w.told[0].Code != string(test.code) {
				t.Errorf("told %+v", w.told)
			}
			if act := w.record(t).Scaling.Act; act != nil && w.now.Sub(act.IntendedAt) > maximumActing {
				t.Errorf("it has been acting since %s", act.IntendedAt)
			}
			w.platform.fails, w.platform.blind = nil, nil
			for range 3 {
				minute()
			}
			if w.platform.seen.Desired == 4 || len(w.told) < 2 {
				t.Errorf("once it can be done there are %d, and told is %+v", w.platform.seen.Desired, w.told)
			}
		})
	}
}

func TestWhatCouldNotBeToldIsToldHoweverOftenItIsLookedAt(t *testing.T) {
	w := newWorld(service(func(o *Observation) { o.Deploying = "ecs-svc/7" }))
	look := func() error {
		_, err := w.Reconcile(context.Background(), w.platform.seen.Workload, Cause{Text: "alarm", Alarm: alarm})
		return err
	}
	w.mute = errors.New("the bus is down")
	if err := look(); !errors.Is(err, w.mute) {
		t.Fatalf("it ended with %v", err)
	}
	w.mute = nil
	for range 10 {
		w.now = w.now.Add(progressLook)
		if err := look(); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.told) != 1 || w.told[0].Code != string(InProgress) || len(w.record(t).Scaling.Announcements) > 0 {
		t.Errorf("told %+v", w.told)
	}
}

func TestABusThatIsDownStopsNoScalingBeforeTooMuchIsUntold(t *testing.T) {
	w := newWorld(service(func(o *Observation) { o.Policy = "max=1000 growth=100" }))
	w.mute = errors.New("the bus is down")
	for range 2 * ledger.MaximumAnnouncements {
		w.now = w.now.Add(2 * time.Minute)
		_, err := w.Reconcile(context.Background(), w.platform.seen.Workload, Cause{Text: "alarm", Alarm: alarm})
		if !errors.Is(err, w.mute) {
			t.Fatalf("it ended with %v", err)
		}
	}
	if want := 4 + ledger.MaximumAnnouncements; w.platform.seen.Desired != want || len(w.record(t).Scaling.Announcements) != ledger.MaximumAnnouncements {
		t.Errorf("there are %d, want %d, and %d are untold", w.platform.seen.Desired, want, len(w.record(t).Scaling.Announcements))
	}
}

// owned is a world whose count has an owner with the bounds, and an alarm that is on.
func owned(least, most int) *world {
	return newWorld(service(func(o *Observation) {
		o.Desired, o.Running, o.Owner = least, least, &Owner{Name: "Application Auto Scaling", Min: least, Max: most}
	}))
}

// busy looks while the alarm is on, and idle when it has been off for long.
func (w *world) busy(t *testing.T) { w.load(t, "ALARM") }
func (w *world) idle(t *testing.T) { w.load(t, "OK") }

func (w *world) load(t *testing.T, state string) {
	t.Helper()
	w.now = w.now.Add(time.Hour)
	w.platform.seen.Alarms = []Alarm{{Name: alarm.Name, Direction: Out, State: state, Since: w.now.Add(-30 * time.Minute), Threshold: 70, Above: true}}
	w.until(t, -1)
	w.keep(w.platform.seen.Owner.Bounds())
}

// keep gives the owner the bounds, and has it keep the least of them.
func (w *world) keep(bounds ledger.Extent) {
	w.platform.seen.Owner = &Owner{Name: w.platform.seen.Owner.Name, Min: bounds.Min, Max: bounds.Max}
	w.platform.seen.Desired, w.platform.seen.Running = bounds.Min, bounds.Min
}

func (w *world) bounds(t *testing.T, least, most int) {
	t.Helper()
	if owner := w.platform.seen.Owner; owner.Min != least || owner.Max != most {
		t.Fatalf("the bounds are %d to %d, want %d to %d", owner.Min, owner.Max, least, most)
	}
}

// remedy sets the bounds as a step of an incident does, and answers how the incident ends with its step taken back.
func (w *world) remedy(t *testing.T, playbook string, to ledger.Extent) (end func()) {
	t.Helper()
	owner := w.platform.seen.Owner
	undo := ledger.Undo{Do: string(settings.ScaleOut), Owner: owner.Name, FromBounds: owner.Bounds(), ToBounds: to}
	write := func(change func(*ledger.Recovery)) {
		record := w.record(t)
		change(&record.Recovery)
		if _, err := w.memory.Write(context.Background(), record); err != nil {
			t.Fatal(err)
		}
	}
	w.keep(to)
	write(func(r *ledger.Recovery) {
		r.Incidents = append(r.Incidents, ledger.Incident{ID: playbook, Playbook: playbook, Undo: []ledger.Undo{undo}})
	})
	return func() {
		if w.platform.seen.Owner.Bounds().Equal(to) {
			w.keep(undo.FromBounds)
		}
		write(func(r *ledger.Recovery) {
			r.Incidents = slices.Delete(r.Incidents, r.ByID(playbook), r.ByID(playbook)+1)
		})
	}
}

func TestBoundsThatAHumanSetAreTheOwnersFromThenOn(t *testing.T) {
	w := owned(5, 10)
	w.busy(t)
	w.bounds(t, 6, 10)
	w.keep(ledger.Extent{Min: 4, Max: 40})
	w.idle(t)
	w.bounds(t, 4, 40)
	// What scaling once set is no less the human's now.
	w.keep(ledger.Extent{Min: 6, Max: 10})
	w.idle(t)
	w.bounds(t, 6, 10)
	w.busy(t)
	w.bounds(t, 7, 10)
	w.idle(t)
	w.bounds(t, 6, 10)
	if state := w.record(t).Scaling; state.Owned != nil || state.MovedTo != nil {
		t.Errorf("%v and %v are kept", state.Owned, state.MovedTo)
	}
}

func TestBoundsThatARemedyMovedAreNotTheOwners(t *testing.T) {
	for name, test := range map[string]func(w *world){
		"the remedy is first, and its incident ends after the move": func(w *world) {
			end := w.remedy(t, "errors", ledger.Extent{Min: 5, Max: 10})
			w.busy(t)
			w.bounds(t, 6, 10)
			end()
		},
		"the remedy is first, and its incident outlives the load": func(w *world) {
			end := w.remedy(t, "errors", ledger.Extent{Min: 5, Max: 10})
			w.busy(t)
			w.bounds(t, 6, 10)
			w.idle(t)
			end()
		},
		"scaling is first and last": func(w *world) {
			w.busy(t)
			end := w.remedy(t, "errors", ledger.Extent{Min: 4, Max: 10})
			w.busy(t)
			w.bounds(t, 5, 10)
			end()
		},
		"two remedies, one on the other": func(w *world) {
			first := w.remedy(t, "errors", ledger.Extent{Min: 3, Max: 10})
			second := w.remedy(t, "latency", ledger.Extent{Min: 4, Max: 10})
			w.busy(t)
			w.bounds(t, 5, 10)
			second()
			first()
		},
		"the remedy is last, and is taken back": func(w *world) {
			w.busy(t)
			end := w.remedy(t, "errors", ledger.Extent{Min: 8, Max: 10})
			w.until(t, -1)
			end()
			w.bounds(t, 3, 10)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := owned(2, 10)
			test(w)
			w.idle(t)
			w.bounds(t, 2, 10)
		})
	}
}

func TestTheBoundsOfAWorkloadThatIsGoneAreForgotten(t *testing.T) {
	w := owned(2, 10)
	w.busy(t)
	if w.record(t).Scaling.Owned == nil {
		t.Fatal("they were not kept")
	}
	w.platform.seen = Observation{Workload: w.platform.seen.Workload}
	w.until(t, -1)
	if state := w.record(t).Scaling; state.Owned != nil || state.MovedTo != nil {
		t.Errorf("%v and %v are kept", state.Owned, state.MovedTo)
	}
}

func TestAMoveThatFailsAgainAndAgainProvesOnce(t *testing.T) {
	w := newWorld(service(func(o *Observation) { calm(o, 20) }))
	w.until(t, -1)
	w.platform.fails = rollout.Refusef("no")
	w.platform.seen.Alarms = service(nil).Alarms
	for range 20 {
		w.now = w.now.Add(time.Minute)
		w.until(t, -1)
	}
	if proved := w.record(t).Scaling.TooFew; proved == nil || proved.Count != 3 || proved.Times != 1 {
		t.Errorf("proved is %+v", proved)
	}
}
