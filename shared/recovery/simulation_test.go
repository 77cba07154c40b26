package recovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

// The simulation runs the reconciler against a model of services, alarms, rollouts, the ledger and the queue under a
// simulated clock. Each call may be throttled, fail with its effect done or not done, or be the last one before the
// invocation dies; a second invocation may run whole inside any call of the first. Signals are lost, doubled and
// reordered, alarms flap, and now and then many services break at once. The limits are counted by the model on its own.

// plantedBug is a mistake that the simulation must find.
type plantedBug string

const (
	noBug              plantedBug = ""
	writesAreNotFenced plantedBug = "writes are not fenced"
	actIsRepeated      plantedBug = "an interrupted act is done again instead of finished"
	optInIsIgnored     plantedBug = "a workload that did not opt in is taken for one that did"
	slotsAreForgotten  plantedBug = "the share of the fleet is read from a stale fleet"
	pagesAreSwallowed  plantedBug = "a page that fails is taken for told"
)

type faults struct {
	crashBefore, crashAfter, throttle, failAfter, interleave float64
	lost, doubled, reordered                                 float64
}

var heavyFaults = faults{crashBefore: 0.01, crashAfter: 0.01, throttle: 0.015, failAfter: 0.01, interleave: 0.015,
	lost: 0.10, doubled: 0.15, reordered: 0.30}

var (
	errDied      = errors.New("the invocation died")
	errThrottled = errors.New("ThrottlingException: rate exceeded")
	errServer    = errors.New("InternalServerError: the call may have worked")
)

// simulated are the limits of the simulation, and of what the model counts.
var simulated = settings.Limits{FleetPercent: 5, StormIncidents: 14}.WithDefaults()

// modelService is one service of the model.
type modelService struct {
	reference workload.Reference
	playbook  string
	held      bool
	// broken is true while tasks do not run as they should; cure is the step that mends it, healsAt when it mends itself.
	broken  bool
	cure    settings.Do
	healsAt time.Time
	// alarm is on while the service is broken, but for flapping.
	flapsUntil time.Time
	primary    workload.Deployment
	endsAt     time.Time
	foreign    bool
	desired    int
	memory     int
	running    string
	// host is true of a host, on which nothing rolls out: it can be drained and replaced.
	host, drained, replaced bool
	// cordoned is true of a host that is being drained, and kept counts what a budget keeps on it: one goes each time that
	// it is asked for again.
	cordoned bool
	kept     int
	// disconnected is the version of a host whose agent has no connection.
	disconnected int64
	// acts are the effects on the service, oldest first.
	acts []effect
}

type effect struct {
	act, incident string
	at            time.Time
	undo          bool
}

type message struct {
	cause    Cause
	of       workload.Reference
	attempts int
	after    time.Time
}

type world struct {
	random     *rand.Rand
	faults     faults
	now        time.Time
	services   map[workload.Reference]*modelService
	order      []workload.Reference
	optedIn    int
	memory     *shelf
	reconciler *Reconciler
	queue      []message
	serial     int
	// alive has an entry for each invocation that runs now, the innermost last: false once it died. of has its workload.
	alive      []bool
	of         []workload.Reference
	violations []string
	calls      int
	planted    plantedBug
	// acting are the workloads whose record has an act; openings are the incidents as the model saw them opened.
	acting     map[workload.Reference]bool
	opened     map[string]bool
	openings   []ledger.Opening
	stormSince time.Time
	stormUntil time.Time
	storms     int
	done       map[string]int
	told       map[string]int
	effects    int
	// pages are what humans were told, but for ends.
	pages []davit.Incident
	// pressed is how often more left a host because it was asked for again.
	pressed int
}

func newWorld(seed uint64, services int, chances faults, planted plantedBug) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), faults: chances, planted: planted,
		now: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), services: map[workload.Reference]*modelService{},
		acting: map[workload.Reference]bool{}, opened: map[string]bool{}, done: map[string]int{}, told: map[string]int{}}
	w.memory = &shelf{now: func() time.Time { return w.now }, records: map[workload.Reference]ledger.Record{}, incidents: map[string]ledger.Incident{}}
	w.reconciler = &Reconciler{Drivers: map[workload.Kind]Driver{workload.ECS: modelDriver{w}, workload.EC2: modelDriver{w}}, Alarms: modelAlarms{w}, Rollouts: modelRollouts{w},
		Ledger: modelLedger{w}, Reporter: modelReporter{w}, LookAgain: w.lookAgain, InOrder: true,
		Settings: func(context.Context) (settings.Settings, error) {
			return settings.Settings{Recovery: settings.Recovery{Limits: simulated}}, nil
		},
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)}
	for index := range services {
		host := index%8 == 0
		reference, err := workload.ECSService("production", fmt.Sprintf("web-%d", index))
		if host {
			reference, err = workload.EC2Instance(fmt.Sprintf("i-%017x", index))
		}
		if err != nil {
			panic(err)
		}
		service := &modelService{reference: reference, host: host, playbook: settings.ReservedPlaybook, desired: 2, memory: 512, running: digest(2),
			primary: workload.Deployment{ID: w.next("ecs-svc"), Primary: true, State: workload.Completed, CreatedAt: w.now.Add(-time.Hour)}}
		if w.random.IntN(10) == 0 {
			service.playbook = ""
		} else {
			w.optedIn++
		}
		w.services[reference] = service
		w.order = append(w.order, reference)
		w.change(reference, func(record *ledger.Record) {
			record.Good = []ledger.Image{{Digest: digest(2), Tag: "2.0.0", At: w.now.Add(-time.Hour)}, {Digest: digest(1), Tag: "1.0.0"}}
		})
	}
	w.memory.fleet.Workloads = w.optedIn
	return w
}

func digest(number int) string { return fmt.Sprintf("sha256:%064x", number) }

func (w *world) next(kind string) string {
	w.serial++
	return fmt.Sprintf("%s/%d", kind, w.serial)
}

// call is one AWS call: it may be throttled, crash on either side, or answer an error though its effect is done.
func (w *world) call(effect func()) error {
	invocation := len(w.alive) - 1
	if !w.alive[invocation] {
		return errDied
	}
	w.calls++
	if len(w.alive) < 3 && len(w.queue) > 0 && w.random.Float64() < w.faults.interleave {
		w.interleave()
	}
	switch chance := w.random.Float64(); {
	case chance < w.faults.crashBefore:
		w.alive[invocation] = false
		return errDied
	case chance < w.faults.crashBefore+w.faults.throttle:
		return errThrottled
	}
	effect()
	switch chance := w.random.Float64(); {
	case chance < w.faults.crashAfter:
		w.alive[invocation] = false
		return errDied
	case chance < w.faults.crashAfter+w.faults.failAfter:
		return errServer
	}
	return nil
}

// interleave runs another invocation to its end inside the current one, as a second function instance would: if there is
// one to run, about the same workload.
func (w *world) interleave() {
	index := slices.IndexFunc(w.queue, func(waiting message) bool { return waiting.of == w.of[len(w.of)-1] })
	if index < 0 {
		index = w.random.IntN(len(w.queue))
	}
	w.deliver(index)
}

func (w *world) deliver(index int) {
	incoming := w.queue[index]
	w.of = append(w.of, incoming.of)
	defer func() { w.of = w.of[:len(w.of)-1] }()
	w.queue = slices.Delete(w.queue, index, index+1)
	incoming.attempts++
	w.alive = append(w.alive, true)
	_, err := w.reconciler.Reconcile(context.Background(), incoming.of, incoming.cause)
	w.alive = w.alive[:len(w.alive)-1]
	if err != nil && incoming.attempts < 6 {
		incoming.after = w.now.Add(time.Duration(incoming.attempts) * 20 * time.Second)
		w.queue = append(w.queue, incoming)
	}
}

func (w *world) send(cause Cause, of workload.Reference, delay time.Duration) {
	if w.random.Float64() < w.faults.lost {
		return
	}
	times := 1
	if w.random.Float64() < w.faults.doubled {
		times = 2
	}
	for range times {
		sent := message{cause: cause, of: of, after: w.now.Add(delay)}
		if w.random.Float64() < w.faults.reordered {
			sent.after = sent.after.Add(time.Duration(w.random.IntN(60)) * time.Second)
		}
		w.queue = append(w.queue, sent)
	}
}

func (w *world) lookAgain(_ context.Context, reference workload.Reference, after time.Duration) error {
	return w.call(func() { w.send(Cause{ID: w.next("look"), Text: "look again"}, reference, after) })
}

// signal tells of a service that broke, or of one that seems to.
func (w *world) signal(service *modelService) {
	signal := &Signal{ID: w.next("signal"), At: w.now, Playbook: ServiceUnhealthy, Text: "it broke"}
	switch chance := w.random.IntN(3); {
	case service.host && chance == 0:
		signal.Playbook, signal.Until = SpotInterruption, ledger.UntilDrained
	case service.host && chance == 1:
		signal.Playbook, signal.Until = HostImpaired, ledger.UntilReplaced
	case service.host:
		signal.Playbook, signal.Alarm = HostImpaired, "alarm-"+service.reference.Name()
	case chance > 0:
		signal.Alarm = "alarm-" + service.reference.Name()
	default:
		signal.Deployment = service.primary.ID
		if w.random.IntN(3) == 0 {
			signal.Playbook, signal.Until = OutOfMemory, ledger.UntilAnswered
		}
	}
	// Alarms are delivered for certain, and a task that is broken stops again and again.
	before := w.faults.lost
	w.faults.lost = 0
	w.send(Cause{ID: signal.ID, Text: signal.Text, Signal: signal}, service.reference, 0)
	w.faults.lost = before
}

func (w *world) breakOne() {
	service := w.services[w.order[w.random.IntN(len(w.order))]]
	if service.broken {
		return
	}
	// What nothing mends a human mends in the end.
	service.broken, service.healsAt = true, w.now.Add(time.Duration(600+w.random.IntN(2400))*time.Second)
	service.cure = []settings.Do{settings.Rollback, settings.Restart, settings.ScaleOut, settings.RaiseMemory, settings.Page, ""}[w.random.IntN(6)]
	if service.cure == "" || w.random.IntN(8) == 0 {
		service.healsAt = w.now.Add(time.Duration(w.random.IntN(900)) * time.Second)
	}
	if service.host && service.cure != "" {
		service.cure = []settings.Do{settings.Drain, settings.ReplaceHosts}[w.random.IntN(2)]
	}
	if service.cure == settings.Rollback {
		w.change(service.reference, func(record *ledger.Record) { record.Good[0].At = w.now.Add(-5 * time.Minute) })
	}
	w.signal(service)
}

// change changes a record as the rollout function does: fenced, and without a fault.
func (w *world) change(reference workload.Reference, with func(*ledger.Record)) {
	record := w.record(reference)
	with(&record)
	if _, err := w.memory.write(record, nil); err != nil {
		panic(err)
	}
}

func (w *world) record(reference workload.Reference) ledger.Record {
	record := w.memory.records[reference].Clone()
	record.Workload = reference
	return record
}

// shelf is the ledger of the simulation: fenced, and without the encoding that ledgertest.Memory does for the contract.
type shelf struct {
	now       func() time.Time
	records   map[workload.Reference]ledger.Record
	incidents map[string]ledger.Incident
	fleet     ledger.Fleet
}

func (s *shelf) write(record ledger.Record, incidents []ledger.Incident) (ledger.Record, error) {
	if s.records[record.Workload].Version != record.Version {
		return ledger.Record{}, ledger.ErrConflict
	}
	record.Version++
	record.UpdatedAt = s.now()
	s.records[record.Workload] = record.Clone()
	for _, incident := range incidents {
		s.incidents[incident.ID] = incident.Clone()
	}
	return record, nil
}

func (s *shelf) writeFleet(fleet ledger.Fleet) (ledger.Fleet, error) {
	if s.fleet.Version != fleet.Version {
		return ledger.Fleet{}, ledger.ErrConflict
	}
	fleet.Version++
	s.fleet = fleet.Clone()
	return fleet, nil
}

// advance lets time pass: services heal, deployments end, rollouts go on, alarms flap.
func (w *world) advance(by time.Duration) {
	w.now = w.now.Add(by)
	for _, reference := range w.order {
		service := w.services[reference]
		if service.broken && !service.healsAt.IsZero() && !w.now.Before(service.healsAt) {
			service.broken = false
		}
		if service.primary.State == workload.InProgress && !w.now.Before(service.endsAt) {
			service.primary.State = workload.Completed
			w.rolledOut(service)
			service.foreign = false
		}
		if w.random.IntN(400) == 0 {
			service.flapsUntil = w.now.Add(time.Duration(w.random.IntN(120)) * time.Second)
			w.signal(service)
		}
		if w.random.IntN(2000) == 0 {
			service.held = !service.held
		}
		if w.random.IntN(3000) == 0 && !service.host && service.primary.State == workload.Completed && !w.record(reference).Recovering() {
			w.deploy(service, true)
		}
	}
}

func (w *world) deploy(service *modelService, foreign bool) {
	service.primary = workload.Deployment{ID: w.next("ecs-svc"), Primary: true, State: workload.InProgress, CreatedAt: w.now}
	service.endsAt, service.foreign = w.now.Add(time.Duration(20+w.random.IntN(100))*time.Second), foreign
}

// rolledOut is the end of a rollout in the model.
func (w *world) rolledOut(service *modelService) {
	record := w.record(service.reference)
	if record.Rollout == nil {
		return
	}
	service.running = record.Rollout.Image.Digest
	if service.cure == settings.Rollback {
		service.broken = false
	}
	w.change(service.reference, func(record *ledger.Record) {
		record.Rollout = nil
	})
}

// rollout is the rollout function: it takes a request up if nothing else is under way.
func (w *world) rollout(reference workload.Reference) {
	record, service := w.record(reference), w.services[reference]
	if record.Request == nil || record.Rollout != nil || record.Recovering() || service.primary.State == workload.InProgress {
		return
	}
	w.change(reference, func(record *ledger.Record) {
		record.Rollout = &ledger.Rollout{ID: w.next("rollout"), Phase: ledger.Started, Image: record.Request.Image}
		record.Request = nil
	})
	w.deploy(service, false)
}

func (w *world) work() {
	for rounds := 0; rounds < 20_000; rounds++ {
		due := slices.IndexFunc(w.queue, func(waiting message) bool { return !waiting.after.After(w.now) })
		if due < 0 {
			return
		}
		w.deliver(due)
	}
	w.violate("the queue never drains")
}

// schedule looks at every open incident again, as the rule does every minute, and the rollout function sweeps.
func (w *world) schedule() {
	for _, reference := range w.order {
		if !w.memory.records[reference].Open() {
			continue
		}
		w.queue = append(w.queue, message{cause: Cause{ID: w.next("schedule"), Text: "schedule"}, of: reference, after: w.now})
		w.rollout(reference)
	}
}

func (w *world) settleDown() {
	w.faults = faults{}
	for _, service := range w.services {
		service.held, service.flapsUntil = false, time.Time{}
	}
	for range 240 {
		before := w.now
		w.now = before.Add(30 * time.Second)
		for _, reference := range w.order {
			service := w.services[reference]
			if service.broken && !service.healsAt.IsZero() && !w.now.Before(service.healsAt) {
				service.broken = false
			}
			if service.primary.State == workload.InProgress && !w.now.Before(service.endsAt) {
				service.primary.State = workload.Completed
				w.rolledOut(service)
				service.foreign = false
			}
			// A human who was paged does what a host needs.
			service.replaced = service.replaced || service.host && slices.ContainsFunc(w.record(reference).Recovery.Incidents,
				func(incident ledger.Incident) bool { return !incident.PagedAt.IsZero() })
		}
		w.schedule()
		w.work()
	}
}

// check compares the end with what was promised.
func (w *world) check() {
	for _, incident := range w.memory.incidents {
		service := w.services[incident.Workload]
		switch {
		case incident.EndedAt.IsZero() && incident.PagedAt.IsZero():
			w.violate("%s of %s neither ended nor paged: %+v, act %+v", incident.ID, incident.Workload, incident, w.record(incident.Workload).Recovery.Act)
		case incident.EndedAt.IsZero() && !service.broken && service.primary.State == workload.Completed:
			w.violate("%s of %s is open, and the service is healthy", incident.ID, incident.Workload)
		case !incident.PagedAt.IsZero() && w.told[davit.DetailTypeIncidentPaged+" "+incident.ID] == 0:
			w.violate("nobody was told that %s paged", incident.ID)
		case !incident.EndedAt.IsZero() && w.told[davit.DetailTypeIncidentEnded+" "+incident.ID] == 0:
			w.violate("nobody was told that %s ended", incident.ID)
		}
		if incident.Waits != "" && w.told[davit.DetailTypeIncidentRefused+" "+incident.ID] == 0 {
			w.violate("nobody was told that %s waits: %s", incident.ID, incident.WaitReason)
		}
		for _, attempt := range incident.Tried {
			if attempt.Act != "" && attempt.Outcome == "" && !incident.EndedAt.IsZero() {
				w.violate("%s ended with %s under way", incident.ID, attempt.Do)
			}
			if (attempt.Outcome == ledger.LeftOut || attempt.Outcome == ledger.Refused) && w.told[davit.DetailTypeIncidentRefused+" "+incident.ID] == 0 {
				w.violate("nobody was told that %s of %s: %s", attempt.Do, incident.ID, attempt.Outcome)
			}
		}
	}
	for reference := range w.acting {
		w.violate("%s is acted on at rest", reference)
	}
	for reference, service := range w.services {
		told := slices.ContainsFunc(w.pages, func(page davit.Incident) bool {
			return page.Code == string(LeftBehind) && page.Workload == reference.String()
		})
		if !w.record(reference).Open() && service.desired != 2 && !told {
			w.violate("%s is left with %d tasks", reference, service.desired)
		}
	}
	if w.storms > 0 && w.told[davit.DetailTypeStorm] == 0 {
		w.violate("there were %d storms, and nobody was told", w.storms)
	}
}

func (w *world) violate(format string, arguments ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, arguments...))
}

// took counts an effect, and holds it against every limit, as the model knows it.
func (w *world) took(service *modelService, act ledger.Act) {
	w.effects++
	record := w.record(service.reference)
	undo := act.Undoes != nil
	switch {
	case service.playbook == "":
		w.violate("%s did not opt in, and %s was done", service.reference, act.Do)
	case service.held:
		w.violate("%s is held, and %s was done", service.reference, act.Do)
	case record.Recovery.Act == nil || record.Recovery.Act.ID != act.ID:
		w.violate("%s: %s was done without its intent", service.reference, act.Do)
	case record.Rollout != nil || record.Request != nil && act.Image == nil:
		w.violate("%s: %s was done during a rollout", service.reference, act.Do)
	case service.foreign && w.now.Sub(service.primary.CreatedAt) < 30*time.Minute:
		w.violate("%s: %s was done during a deployment of somebody else", service.reference, act.Do)
	case len(w.acting) > max(1, w.optedIn*simulated.FleetPercent/100):
		w.violate("%d workloads are acted on at once", len(w.acting))
	case w.now.Before(w.stormUntil) && act.IntendedAt.After(w.stormSince):
		w.violate("%s: %s was done in a storm", service.reference, act.Do)
	}
	if w.done[act.ID]++; w.done[act.ID] > 1 {
		w.violate("%s: %s %s was done %d times", service.reference, act.Do, act.ID, w.done[act.ID])
	}
	w.limits(service, effect{act: act.ID, incident: act.Incident, at: act.IntendedAt, undo: undo})
}

func (w *world) limits(service *modelService, taken effect) {
	if taken.undo {
		return
	}
	ofDay, ofIncident := 1, 1
	for _, earlier := range service.acts {
		if taken.at.Sub(earlier.at) < 24*time.Hour {
			ofDay++
		}
		if earlier.incident == taken.incident {
			ofIncident++
		}
	}
	if count := len(service.acts); count > 0 {
		last := service.acts[count-1]
		if last.incident != taken.incident && taken.at.Sub(last.at) < time.Duration(simulated.Cooldown) {
			w.violate("%s was acted on %s after another incident's act", service.reference, taken.at.Sub(last.at))
		}
	}
	if ofDay > simulated.DayAttempts || ofIncident > simulated.IncidentAttempts {
		w.violate("%s had %d acts in a day, %d of them for one incident", service.reference, ofDay, ofIncident)
	}
	service.acts = append(service.acts, taken)
}

type modelDriver struct{ world *world }

func (d modelDriver) Observe(_ context.Context, reference workload.Reference) (Observation, error) {
	var seen Observation
	err := d.world.call(func() { seen = d.world.services[reference].observe(d.world) })
	return seen, err
}

func (s *modelService) observe(w *world) Observation {
	seen := Observation{Memory: s.memory, Healthy: !s.broken && s.primary.State == workload.Completed, Why: "tasks do not run",
		Cannot: map[settings.Do]string{settings.ReplaceHosts: "it has no hosts"}}
	seen.Observation = workload.Observation{Workload: s.reference, Exists: true, Account: "123456789012", Region: "eu-west-1",
		RollsBack: true, Settings: workload.Settings{Policy: "semver:1.x", Playbook: s.playbook}, Desired: s.desired, Running: s.desired,
		Deployments: []workload.Deployment{s.primary}, Containers: []workload.Container{{Name: "web",
			Image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@" + s.running}}}
	if s.host {
		seen.Drained, seen.Replaced, seen.Healthy, seen.Host = s.drained, s.replaced, !s.broken && s.kept == 0 || s.replaced, s.reference.Name()
		seen.Evicts, seen.Admits, seen.Closed, seen.Disconnected = s.kept > 0, !s.cordoned && !s.replaced, s.cordoned, s.disconnected
		seen.Deployments, seen.Containers, seen.Settings.Policy = nil, nil, ""
		seen.Cannot = map[settings.Do]string{settings.Rollback: "it is a host", settings.Restart: "it is a host", settings.ScaleOut: "it is a host"}
	}
	if s.held {
		seen.Settings.Hold = "by hand"
	}
	if w.planted == optInIsIgnored {
		seen.Settings.Playbook = settings.ReservedPlaybook
	}
	if s.memory >= 1024 {
		seen.Cannot[settings.RaiseMemory] = "it has all that it may have"
	}
	return seen
}

func (d modelDriver) Act(_ context.Context, seen Observation, act ledger.Act, resume bool) (Done, error) {
	w, service := d.world, d.world.services[seen.Workload]
	var done Done
	var refusal error
	err := w.call(func() {
		already := resume && w.planted != actIsRepeated && d.already(service, act)
		switch {
		case !already:
			w.took(service, act)
		case service.held && service.cordoned && service.kept > 0:
			w.violate("%s is held, and was asked again for %s", service.reference, act.Do)
		}
		done, refusal = d.apply(service, act, already)
	})
	return done, errors.Join(err, refusal)
}

func (d modelDriver) already(service *modelService, act ledger.Act) bool {
	switch do := settings.Do(act.Do); {
	case do == settings.ScaleOut && act.Undoes != nil:
		return service.desired == act.Undoes.From
	case do == settings.ScaleOut:
		return service.desired == act.Undo.To
	case do == settings.Drain:
		return service.cordoned != (act.Undoes != nil)
	case do == settings.ReplaceHosts:
		return service.replaced
	}
	return service.primary.ID != act.Before.Deployment
}

func (d modelDriver) apply(service *modelService, act ledger.Act, already bool) (Done, error) {
	w, do := d.world, settings.Do(act.Do)
	switch {
	case service.host:
		return d.applyToHost(service, act)
	case act.Undoes != nil:
		service.desired = act.Undoes.From
		return Done{Text: "scaled in"}, nil
	case do == settings.ScaleOut:
		service.desired = act.Undo.To
	case !already:
		w.deploy(service, false)
	}
	if do == settings.RaiseMemory {
		service.memory = act.Before.Memory * 2
	}
	if service.cure == do {
		service.broken = false
	}
	if do == settings.ScaleOut {
		return Done{Text: "scaled out"}, nil
	}
	if w.random.IntN(20) == 0 && !already {
		return Done{Deployment: service.primary.ID}, nil
	}
	return Done{Deployment: service.primary.ID, Text: "did " + act.Do}, nil
}

func (d modelDriver) applyToHost(service *modelService, act ledger.Act) (Done, error) {
	do := settings.Do(act.Do)
	if service.cure == do && act.Undoes == nil {
		service.broken = false
	}
	if do == settings.ReplaceHosts {
		service.replaced, service.kept = true, 0
		return Done{Text: "replaced"}, nil
	}
	if act.Undoes != nil {
		service.cordoned, service.drained, service.kept = false, false, 0
		return Done{Text: "taken back"}, nil
	}
	switch {
	case !service.cordoned:
		service.cordoned, service.kept = true, d.world.random.IntN(4)
	case service.kept > 0:
		service.kept--
		if act.Phase == ledger.Started {
			d.world.pressed++
		}
	}
	service.drained = service.kept == 0
	return Done{Text: "drained"}, nil
}

type modelAlarms struct{ world *world }

func (a modelAlarms) States(_ context.Context, names []string) (map[string]AlarmState, error) {
	states := map[string]AlarmState{}
	err := a.world.call(func() {
		for _, name := range names {
			at := slices.IndexFunc(a.world.order, func(reference workload.Reference) bool { return "alarm-"+reference.Name() == name })
			service := a.world.services[a.world.order[at]]
			states[name] = AlarmState{State: "OK"}
			if service.broken || a.world.now.Before(service.flapsUntil) && a.world.random.IntN(2) == 0 {
				states[name] = AlarmState{State: "ALARM"}
			}
		}
	})
	return states, err
}

type modelRollouts struct{ world *world }

func (r modelRollouts) Ask(_ context.Context, reference workload.Reference, _ string) error {
	w := r.world
	return w.call(func() {
		service := w.services[reference]
		// Asking twice is asking once.
		if act := w.record(reference).Recovery.Act; act != nil && w.done[act.ID] == 0 {
			w.took(service, *act)
		}
	})
}

type modelReporter struct{ world *world }

func (r modelReporter) Report(_ context.Context, announcements ...ledger.Announcement[davit.Incident]) error {
	tell := func() {
		for _, announcement := range announcements {
			r.world.told[announcement.DetailType+" "+announcement.Detail.Incident]++
			r.world.told[announcement.DetailType]++
			if announcement.DetailType == davit.DetailTypeIncidentPaged {
				r.world.pages = append(r.world.pages, announcement.Detail)
			}
		}
	}
	if r.world.planted == pagesAreSwallowed {
		_ = r.world.call(tell)
		return nil
	}
	return r.world.call(tell)
}

type modelLedger struct{ world *world }

func (l modelLedger) Read(_ context.Context, references []workload.Reference) (map[workload.Reference]ledger.Record, error) {
	records := map[workload.Reference]ledger.Record{}
	err := l.world.call(func() { records[references[0]] = l.world.record(references[0]) })
	return records, err
}

func (l modelLedger) WriteIncidents(_ context.Context, record ledger.Record, incidents []ledger.Incident, _ ...ledger.Entry) (
	written ledger.Record, err error) {
	var inner error
	if l.world.planted == writesAreNotFenced {
		record.Version = l.world.record(record.Workload).Version
	}
	err = l.world.call(func() {
		written, inner = l.world.memory.write(record, incidents)
		if inner == nil {
			l.world.wrote(written)
		}
	})
	return written, errors.Join(err, inner)
}

// wrote takes down which acts and incidents a record has, and whether these are a storm.
func (w *world) wrote(record ledger.Record) {
	delete(w.acting, record.Workload)
	if record.Recovery.Act != nil {
		w.acting[record.Workload] = true
	}
	if service := w.services[record.Workload]; service.host && !record.Open() {
		// Its name is another host's by now.
		service.cordoned, service.drained, service.replaced, service.kept = false, false, false, 0
	}
	for _, incident := range record.Recovery.Incidents {
		if w.opened[incident.ID] {
			continue
		}
		w.opened[incident.ID] = true
		w.openings = append(slices.DeleteFunc(w.openings, func(opening ledger.Opening) bool {
			return w.now.Sub(opening.At) >= time.Duration(simulated.StormWindow)
		}), ledger.Opening{Workload: record.Workload, At: w.now})
		distinct := map[workload.Reference]bool{}
		for _, opening := range w.openings {
			distinct[opening.Workload] = true
		}
		if len(distinct) < simulated.StormIncidents {
			continue
		}
		if !w.now.Before(w.stormUntil) {
			w.stormSince = w.now
			w.storms++
		}
		w.stormUntil = w.now.Add(time.Duration(simulated.StormCooldown))
	}
}

func (l modelLedger) ReadFleet(context.Context) (fleet ledger.Fleet, err error) {
	err = l.world.call(func() { fleet = l.world.memory.fleet.Clone() })
	if l.world.planted == slotsAreForgotten {
		fleet.Slots = nil
	}
	return fleet, err
}

func (l modelLedger) WriteFleet(_ context.Context, fleet ledger.Fleet) (written ledger.Fleet, err error) {
	var inner error
	err = l.world.call(func() { written, inner = l.world.memory.writeFleet(fleet) })
	return written, errors.Join(err, inner)
}

// simulate runs one world for a while and answers it, with what it did wrong.
func simulate(seed uint64, rounds int, planted plantedBug) *world {
	w := newWorld(seed, 200, heavyFaults, planted)
	for round := range rounds {
		if w.random.IntN(3) > 0 {
			w.breakOne()
		}
		if w.random.IntN(400) == 0 {
			for range 30 {
				w.breakOne()
			}
		}
		for _, reference := range w.order {
			if service := w.services[reference]; service.broken && w.random.IntN(50) == 0 {
				w.signal(service)
			}
		}
		w.advance(time.Duration(20+w.random.IntN(80)) * time.Second)
		if round%4 == 0 {
			w.schedule()
		}
		w.work()
		if len(w.violations) > 0 {
			return w
		}
	}
	w.settleDown()
	w.check()
	return w
}

func TestEveryIncidentEndsHealthyOrPaged(t *testing.T) {
	const wanted = 10_000
	incidents, calls, effects, storms, worlds, pressed := 0, 0, 0, 0, 0, 0
	for seed := uint64(0); incidents < wanted; seed++ {
		w := simulate(seed, 1000, noBug)
		incidents, calls, effects, storms, worlds, pressed = incidents+len(w.opened), calls+w.calls, effects+w.effects, storms+w.storms, worlds+1, pressed+w.pressed
		if len(w.violations) > 0 {
			t.Fatalf("seed %d:\n%s", seed, strings.Join(w.violations[:min(10, len(w.violations))], "\n"))
		}
	}
	t.Logf("%d worlds, %d incidents, %d calls, %d acts, %d storms, %d drains asked for again", worlds, incidents, calls, effects, storms, pressed)
	if effects < incidents/4 || storms == 0 || pressed == 0 {
		t.Errorf("only %d acts, %d storms and %d drains asked for again happened: the simulation does not exercise what it should", effects, storms, pressed)
	}
}

func TestTheSimulationFindsPlantedBugs(t *testing.T) {
	for _, planted := range []plantedBug{writesAreNotFenced, actIsRepeated, optInIsIgnored, slotsAreForgotten, pagesAreSwallowed} {
		t.Run(string(planted), func(t *testing.T) {
			for seed := range uint64(5) {
				if w := simulate(seed, 200, planted); len(w.violations) > 0 {
					t.Logf("found with seed %d: %s", seed, w.violations[0])
					return
				}
			}
			t.Error("five worlds did not find it")
		})
	}
}
