package recovery

import (
	"fmt"
	"slices"
	"time"

	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
)

// How soon to look again, where nothing says it better.
const (
	// leaseLook is at an act whose actor is at work.
	leaseLook = 5 * time.Second
	// actLook is at an act that has yet to help, and guardLook at a step that is held up.
	actLook   = 15 * time.Second
	guardLook = 30 * time.Second
	// pagedLook is at an incident that is with a human.
	pagedLook = 2 * time.Minute
	// staleAfter is how old a signal can be that opens an incident. Alarms are looked at as they are now.
	staleAfter = 15 * time.Minute
	// rolloutMemory is for how long after a rollout a cause is blamed on it.
	rolloutMemory = 30 * time.Minute
	// finishFor is for how long after its deadline an act whose actor is gone is still tried, so that a short step is, too. What
	// fails for longer may fail for ever, and holds rollouts and others' acts up.
	finishFor = 3 * time.Minute
)

// Decide says what to do about one workload now. It depends on nothing but its arguments: the record and the fleet are
// what davit remembers, seen is what AWS says at this moment, and the signal is what came in, if anything did.
func Decide(now time.Time, configured settings.Settings, record ledger.Record, fleet ledger.Fleet, seen Seen, signal *Signal) Decision {
	view := view{now: now, configured: configured, limits: configured.Recovery.Limits.WithDefaults(), record: record, fleet: fleet, seen: seen}
	if seen.Unseen != "" {
		return view.decideUnseen()
	}
	if signal != nil {
		if decision, decided := view.decideSignal(*signal); decided {
			return decision
		}
	}
	if act := record.Recovery.Act; act != nil {
		return view.decideAct(*act)
	}
	waits := Decision{Action: Nothing, Code: NoIncident, Reason: "no incident is open"}
	for _, incident := range record.Recovery.Incidents {
		decision := view.decideIncident(incident)
		if decision.Action != Wait {
			return decision
		}
		if waits.Action == Nothing || decision.Again < waits.Again {
			waits = decision
		}
	}
	return waits
}

// decideUnseen is for a workload that cannot be looked at. Nothing is done to it, and its signals come again; a human is paged
// where that lasts, and an act whose time is over holds others up no longer.
func (v view) decideUnseen() Decision {
	reason := "it cannot be looked at: " + v.seen.Unseen
	if act := v.record.Recovery.Act; act != nil && !v.now.Before(act.Lease) && v.now.Sub(act.Deadline) >= finishFor {
		decision := Decision{Action: Conclude, Code: Unseen, Do: settings.Do(act.Do), Outcome: ledger.Unknown, Reason: reason, Incident: act.Incident}
		if act.Phase == ledger.Intended {
			decision.Undo = act.Undoes
		}
		return decision
	}
	for _, incident := range v.record.Recovery.Incidents {
		if !incident.PagedAt.IsZero() {
			continue
		}
		decision := v.decideGuarded(incident, Unseen, reason)
		if v.storm() {
			decision = v.decidePage(incident, Unseen, reason)
		}
		if decision.Action != Wait {
			return about(incident, decision)
		}
	}
	return Decision{Action: Wait, Code: Unseen, Reason: reason}
}

// view is all that a decision rests on.
type view struct {
	now        time.Time
	configured settings.Settings
	limits     settings.Limits
	record     ledger.Record
	fleet      ledger.Fleet
	seen       Seen
}

// decideSignal says whether a signal opens an incident, joins one, or is about nothing. Where it is known already the
// incidents are looked at as without it.
func (v view) decideSignal(signal Signal) (Decision, bool) {
	name := v.playbookOf(signal)
	at := v.record.Recovery.Incident(name)
	known := at >= 0
	taken := slices.ContainsFunc(v.record.Recovery.Incidents, func(incident ledger.Incident) bool {
		return slices.Contains(incident.Signals, signal.ID)
	})
	switch {
	case taken:
		return Decision{}, false
	case !v.seen.Exists:
		return Decision{Action: Nothing, Code: Gone, Reason: "there is no such workload, or it is being deleted"}, !known
	case !v.seen.OptedIn():
		return Decision{Action: Refuse, Code: NotOptedIn, Reason: "the workload carries no davit/playbook tag; tag it davit/playbook=" +
			settings.ReservedPlaybook + " to have its incidents remediated"}, !known
	}
	if reason, code, void := v.void(signal, name); void {
		return Decision{Action: Nothing, Code: code, Reason: reason}, !known
	}
	if !known && len(v.record.Recovery.Incidents) < ledger.MaximumIncidents {
		return Decision{Action: Open, Code: Signalled, Reason: signal.Text, Playbook: name}, true
	}
	at = max(at, 0)
	incident := v.record.Recovery.Incidents[at]
	return about(incident, Decision{Action: Join, Code: Signalled, Reason: signal.Text}), true
}

// playbookOf is the playbook of a signal: the alarm's own, else the workload's, else the one for such a cause.
func (v view) playbookOf(signal Signal) string {
	switch {
	case signal.Named != "" && signal.Named != settings.ReservedPlaybook:
		return signal.Named
	case v.seen.Settings.Playbook != "" && v.seen.Settings.Playbook != settings.ReservedPlaybook:
		return v.seen.Settings.Playbook
	}
	return signal.Playbook
}

// void tells whether a signal is about nothing that is so now.
func (v view) void(signal Signal, playbook string) (reason string, code Code, void bool) {
	if signal.Alarm != "" {
		state := v.seen.Alarms[signal.Alarm]
		return fmt.Sprintf("alarm %s is %s now", signal.Alarm, orNone(state.State)), Cleared, state.State != "ALARM"
	}
	primary, _ := v.seen.Primary()
	switch {
	case signal.Disconnected != v.seen.Disconnected && signal.Disconnected != 0:
		return "the ECS agent is connected again, or another event tells what changed since", Cleared, true
	case !signal.At.After(v.record.Recovery.Ended[playbook]):
		return "it happened before the last incident ended", Stale, true
	case v.now.Sub(signal.At) > staleAfter:
		return "it happened more than " + staleAfter.String() + " ago", Stale, true
	case v.record.Rollout != nil:
		return "a rollout is in progress, which judges its own tasks", RolloutJudges, true
	case signal.Deployment != "" && signal.Deployment != primary.ID:
		return "the task belonged to " + signal.Deployment + ", which is not the primary deployment", Stale, true
	case primary.State == workload.InProgress && v.seen.RollsBack:
		return "ECS judges the tasks of a deployment in progress by itself", RolloutJudges, true
	}
	return "", "", false
}

// alarmOn is the first of the incident's alarms that is on; an alarm that was deleted keeps nothing open.
func (v view) alarmOn(incident ledger.Incident) string {
	return v.alarm(incident, func(state string) bool { return state == "ALARM" })
}

// alarmSilent is the first of the incident's alarms that is not on, and not OK either: it has too little data to tell.
func (v view) alarmSilent(incident ledger.Incident) string {
	return v.alarm(incident, func(state string) bool { return state != "ALARM" && state != "OK" })
}

func (v view) alarm(incident ledger.Incident, meant func(state string) bool) string {
	if v.seen.Replaced {
		return "" // they are about a host that is gone
	}
	for _, name := range incident.Alarms {
		if state, found := v.seen.Alarms[name]; found && meant(state.State) {
			return fmt.Sprintf("alarm %s is %s", name, state.State)
		}
	}
	return ""
}

// well says how well all is where nothing is amiss.
func (v view) well(incident ledger.Incident) string {
	if silent := v.alarmSilent(incident); silent != "" {
		return "the workload is healthy and no alarm is on, though " + silent
	}
	return "the workload is healthy and its alarms are OK"
}

// amiss says what a step may be taken against; empty where nothing is. An alarm without data is no reason to change what is
// healthy, and only keeps the incident open for longer.
func (v view) amiss(incident ledger.Incident) string {
	if !v.seen.Healthy {
		return v.seen.Why
	}
	if alarm := v.alarmOn(incident); alarm != "" {
		return alarm
	}
	if v.asks(incident) {
		return incident.Cause
	}
	return ""
}

// asks tells whether what the incident's signals ask for is yet to come.
func (v view) asks(incident ledger.Incident) bool {
	switch incident.Until {
	case ledger.UntilAnswered:
		return incident.Step == 0 && len(incident.Tried) == 0 && incident.PagedAt.IsZero()
	case ledger.UntilDrained:
		return !v.seen.Drained && (v.seen.Leaves || !v.seen.Replaced)
	case ledger.UntilReplaced:
		return !v.seen.Replaced
	}
	return false
}

func (v view) decideIncident(incident ledger.Incident) Decision {
	playbook, found := FindPlaybook(v.configured, incident.Playbook)
	amiss := v.amiss(incident)
	switch {
	case !v.seen.Exists:
		return about(incident, Decision{Action: End, Code: Gone, Reason: "the workload is gone"})
	case !v.seen.OptedIn():
		return about(incident, Decision{Action: End, Code: NotOptedIn, Reason: "the workload no longer carries a davit/playbook tag" + v.left(incident)})
	case amiss == "":
		return about(incident, v.decideHealthy(incident, playbook))
	case !incident.HealthySince.IsZero():
		return about(incident, Decision{Action: Note, Code: Unhealthy, Reason: amiss})
	case !incident.PagedAt.IsZero():
		return about(incident, Decision{Action: Wait, Code: Paged, Again: pagedLook, Reason: "it is with a human; " + amiss})
	case !found:
		return about(incident, v.decidePage(incident, BadPlaybook, fmt.Sprintf("davit knows no remedy: there is no playbook %q, built in or in the settings", incident.Playbook)))
	case incident.Step >= len(playbook.Steps) || playbook.Steps[incident.Step].Do == settings.Page:
		return about(incident, v.decidePage(incident, LadderEnded, "every step was tried and "+amiss))
	}
	return about(incident, v.decideStep(incident, playbook, playbook.Steps[incident.Step], amiss))
}

// decideHealthy ends an incident once the workload has been healthy for a while.
func (v view) decideHealthy(incident ledger.Incident, playbook settings.Playbook) Decision {
	if incident.HealthySince.IsZero() {
		return Decision{Action: Note, Code: Healthy, Reason: v.well(incident)}
	}
	healthyFor, reason := time.Duration(playbook.HealthyFor), "healthy since "
	since := healthySince(incident)
	reason += since.UTC().Format(time.RFC3339)
	if silent := v.alarmSilent(incident); silent != "" {
		healthyFor, reason = max(healthyFor, time.Duration(v.limits.Wait)), reason+", though "+silent
	}
	if left := healthyFor - v.now.Sub(since); left > 0 {
		return Decision{Action: Wait, Code: Healthy, Again: max(left, time.Second),
			Reason: reason + ", not yet for " + settings.Duration(healthyFor).String()}
	}
	return v.decideUndo(incident, reason)
}

// healthySince is since when a healthy workload is, by its signals, too.
func healthySince(incident ledger.Incident) time.Time {
	if incident.SignalAt.After(incident.HealthySince) {
		return incident.SignalAt
	}
	return incident.HealthySince
}

// decideUndo takes back what was done for the incident, the last first, and ends the incident where there is nothing more that
// can be. What cannot be at this moment is waited for.
func (v view) decideUndo(incident ledger.Incident, reason string) Decision {
	var left string
	for _, undo := range slices.Backward(incident.Undo) {
		if v.seen.asBefore(undo) {
			continue
		}
		if why := v.cannotUndo(incident, undo); why != "" {
			left += "; " + undo.Do + " is not undone: " + why
			continue
		}
		if code, why, forbidden := v.guardUndo(incident, undo); forbidden {
			return Decision{Action: Wait, Code: code, Again: guardLook, Reason: reason + "; " + undo.Do + " is yet to be undone: " + why}
		}
		return Decision{Action: TakeBack, Code: Undoing, Do: settings.Do(undo.Do), Undo: &undo, Reason: reason + ", so " + undo.Do + " is undone"}
	}
	return Decision{Action: End, Code: Recovered, Reason: reason + left}
}

// left says what of an incident is left as it is, of a workload that must not be touched any more.
func (v view) left(incident ledger.Incident) string {
	var left string
	for _, undo := range incident.Undo {
		if !v.seen.asBefore(undo) {
			left += "; " + undo.Do + " is not undone"
		}
	}
	return left
}

// decideStep takes the next step, unless the workload cannot or a guard forbids it.
func (v view) decideStep(incident ledger.Incident, playbook settings.Playbook, step settings.PlaybookStep, amiss string) Decision {
	image, cannot := v.cannot(step.Do)
	if cannot != "" {
		return Decision{Action: LeaveOut, Code: CannotStep, Do: step.Do, Reason: cannot}
	}
	if left := time.Duration(*playbook.Patience) - v.now.Sub(incident.OpenedAt); left > 0 && v.alarmOn(incident) == "" {
		return Decision{Action: Wait, Code: Patience, Again: max(left, time.Second), Reason: "the platform gets " + playbook.Patience.String() + " to help itself"}
	}
	if code, reason, forbidden := v.guard(incident, step.Do); forbidden {
		return v.decideGuarded(incident, code, fmt.Sprintf("%s would be next, but %s", step.Do, reason))
	}
	return Decision{Action: Try, Code: NextStep, Do: step.Do, Timeout: time.Duration(step.Timeout), Image: image, Reason: amiss}
}

// decideGuarded notes a guard once, and pages when it holds the step up for too long or for good.
func (v view) decideGuarded(incident ledger.Incident, code Code, reason string) Decision {
	waited := v.now.Sub(incident.WaitsSince)
	switch {
	case code == DayAttempts || code == IncidentAttempts:
		return Decision{Action: PageHuman, Code: code, Reason: reason}
	case incident.Waits != string(code):
		return Decision{Action: HoldUp, Code: code, Reason: reason}
	case code != Storm && waited >= time.Duration(v.limits.Wait):
		return Decision{Action: PageHuman, Code: code, Reason: reason}
	}
	again := guardLook
	if left := time.Duration(v.limits.Wait) - waited; left > 0 {
		again = max(time.Second, min(again, left))
	}
	return Decision{Action: Wait, Code: code, Again: again, Reason: reason}
}

// decidePage pages a human, but for a storm, of which a human was told once for all.
func (v view) decidePage(incident ledger.Incident, code Code, reason string) Decision {
	if v.storm() {
		return v.decideGuarded(incident, Storm, "a human would be paged, but "+v.stormReason())
	}
	return Decision{Action: PageHuman, Code: code, Reason: reason}
}

// decideAct judges the act that is under way.
func (v view) decideAct(act ledger.Act) Decision {
	at := v.record.Recovery.ByID(act.Incident)
	if at < 0 {
		return Decision{Action: Conclude, Code: Interrupted, Outcome: ledger.Unknown, Reason: "its incident is gone", Incident: act.Incident}
	}
	incident := v.record.Recovery.Incidents[at]
	if act.Phase == ledger.Intended {
		return about(incident, v.decideIntended(incident, act))
	}
	return about(incident, v.decideStarted(incident, act))
}

// decideIntended handles an act whose intent was written: its actor is still at work, or died on the way.
func (v view) decideIntended(incident ledger.Incident, act ledger.Act) Decision {
	if v.now.Before(act.Lease) {
		return Decision{Action: Wait, Code: InProgress, Again: min(leaseLook, act.Lease.Sub(v.now)), Reason: "another invocation is at it"}
	}
	_, reason, forbidden := v.forbidden()
	var undo *ledger.Undo
	if forbidden {
		undo = act.Undoes // It can be done once it is allowed again.
	}
	switch {
	case !v.seen.Exists:
		reason, forbidden = "the workload is gone", true
	case !v.seen.OptedIn():
		reason, forbidden = "the workload no longer carries a davit/playbook tag", true
	case act.Undoes != nil && v.cannotUndo(incident, *act.Undoes) != "":
		reason, forbidden, undo = v.cannotUndo(incident, *act.Undoes), true, act.Undoes // It is left, as the end says.
	case v.now.Sub(act.Deadline) >= finishFor:
		reason, forbidden = "it was tried since "+act.IntendedAt.UTC().Format(time.RFC3339), true
	}
	if forbidden {
		ended := Decision{Action: Conclude, Code: Interrupted, Do: settings.Do(act.Do), Outcome: ledger.Unknown, Undo: undo,
			Reason: "whoever acted died or failed, and it may not be finished: " + reason}
		if act.Undoes != nil && undo == nil && v.seen.Exists {
			return v.seen.leftBehind(ended, *act.Undoes, reason)
		}
		return ended
	}
	return Decision{Action: Resume, Code: Interrupted, Do: settings.Do(act.Do), Reason: "the act was intended and its actor is gone"}
}

// decideStarted judges an act by the health of the workload, and by the deployment that it started.
func (v view) decideStarted(incident ledger.Incident, act ledger.Act) Decision {
	do := settings.Do(act.Do)
	deployment, _ := v.seen.Deployment(act.Deployment)
	late := !v.now.Before(act.Deadline)
	amiss, silent := v.amiss(incident), v.alarmSilent(incident)
	switch {
	case act.Undoes != nil:
		return Decision{Action: Conclude, Code: Undoing, Do: do, Outcome: ledger.Undone, Reason: act.Did}
	case !v.seen.Exists:
		return Decision{Action: Conclude, Code: Gone, Do: do, Outcome: ledger.Unknown, Reason: "the workload is gone"}
	case deployment.State == workload.Failed:
		return Decision{Action: Conclude, Code: ActDidNotHelp, Do: do, Outcome: ledger.NoHelp, Reason: "deployment " + deployment.ID + " failed"}
	case !late && do == settings.Rollback && (v.record.Request != nil || v.record.Rollout != nil):
		return Decision{Action: Wait, Code: UnderWay, Do: do, Again: v.nextLook(act), Reason: "the rollback is in progress"}
	case amiss == "" && (silent == "" || late):
		return Decision{Action: Conclude, Code: ActHelped, Do: do, Outcome: ledger.Helped, Reason: v.well(incident)}
	case amiss == "":
		return Decision{Action: Wait, Code: UnderWay, Do: do, Again: v.nextLook(act), Reason: silent}
	case do == settings.Drain && v.seen.Drained:
		return Decision{Action: Conclude, Code: ActDidNotHelp, Do: do, Outcome: ledger.NoHelp, Reason: "it is drained, but " + amiss}
	case late:
		return Decision{Action: Conclude, Code: ActDidNotHelp, Do: do, Outcome: ledger.NoHelp, Reason: amiss}
	case do == settings.Drain && v.seen.Evicts && v.mayPress(act):
		return Decision{Action: Press, Code: UnderWay, Do: do, Again: v.nextLook(act), Reason: amiss}
	}
	return Decision{Action: Wait, Code: UnderWay, Do: do, Again: v.nextLook(act), Reason: amiss}
}

// mayPress tells whether it is time to ask again for what is under way, and nobody forbade it meanwhile.
func (v view) mayPress(act ledger.Act) bool {
	_, _, forbidden := v.forbidden()
	return !forbidden && v.seen.OptedIn() && v.now.Sub(act.StartedAt) >= actLook && !v.record.Recovery.NextLook.After(v.now)
}

func (v view) nextLook(act ledger.Act) time.Duration {
	return max(time.Second, min(actLook, act.Deadline.Sub(v.now)))
}

// cannot says why the workload cannot take a step; for a rollback that it can, where it goes.
func (v view) cannot(do settings.Do) (*ledger.Image, string) {
	if do != settings.Rollback {
		return nil, v.seen.Cannot[do]
	}
	return v.formerImage()
}

// formerImage is the image to which a rollback goes: the newest that was proved before the rollout that may be to blame.
func (v view) formerImage() (*ledger.Image, string) {
	if v.seen.Settings.Policy == "" {
		return nil, "the workload carries no davit/policy tag, so davit does not roll its images"
	}
	target, err := rollout.FindTarget(v.seen.Observation.Observation)
	if err != nil {
		return nil, err.Error()
	}
	current := v.record.Rollout
	if current == nil {
		if len(v.record.Good) == 0 || v.record.Good[0].Digest != target.Digest || v.now.Sub(v.record.Good[0].At) > rolloutMemory {
			return nil, "no rollout is in progress, and none ended within " + rolloutMemory.String()
		}
	}
	for _, good := range v.record.Good {
		_, aside := v.record.IsSetAside(good)
		blamed := good.Digest == target.Digest || current != nil && good.Digest == current.Image.Digest
		if !aside && !blamed && !good.Unproved {
			image := good
			image.At = time.Time{}
			return &image, ""
		}
	}
	return nil, "davit has seen no other image run well"
}

func about(incident ledger.Incident, decision Decision) Decision {
	decision.Incident, decision.Playbook = incident.ID, incident.Playbook
	return decision
}

func orNone(state string) string {
	if state == "" {
		return "gone"
	}
	return state
}
