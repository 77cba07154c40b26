package recovery

import (
	"fmt"
	"slices"
	"time"

	"davit/shared/ledger"
	"davit/shared/settings"
)

// guard says whether something forbids the step now: a human, something else that is under way, or a limit.
func (v view) guard(incident ledger.Incident, do settings.Do) (code Code, reason string, forbidden bool) {
	if code, reason, forbidden := v.forbidden(); forbidden {
		return code, reason, true
	}
	if reason := v.busy(incident, do); reason != "" {
		return InProgress, reason, true
	}
	acts := v.actsOfTheDay()
	last, own := time.Time{}, v.tried(incident)
	if len(acts) > 0 {
		last = acts[len(acts)-1]
	}
	switch {
	case v.storm():
		return Storm, v.stormReason(), true
	case len(acts) >= v.limits.DayAttempts:
		return DayAttempts, fmt.Sprintf("davit acted %d times on the workload in 24 hours, and may %d times", len(acts), v.limits.DayAttempts), true
	case len(own) >= v.limits.IncidentAttempts:
		return IncidentAttempts, fmt.Sprintf("davit acted %d times for this incident, and may %d times", len(own), v.limits.IncidentAttempts), true
	case !last.IsZero() && !slices.ContainsFunc(own, last.Equal) && v.now.Sub(last) < time.Duration(v.limits.Cooldown):
		return Cooldown, fmt.Sprintf("davit acted on the workload at %s, and leaves it alone for %s", last.UTC().Format(time.RFC3339), v.limits.Cooldown), true
	case v.othersActedOn() >= v.share():
		return FleetShare, fmt.Sprintf("%d workloads are acted on, which is all that may be at once", v.share()), true
	}
	return "", "", false
}

// forbidden tells whether a human has forbidden to act: everywhere, or on this workload.
func (v view) forbidden() (Code, string, bool) {
	if stop := v.configured.Stop; stop != nil {
		return Stopped, stop.String(), true
	}
	if hold := v.seen.Settings.Hold; hold != "" {
		return Held, "the davit/hold tag says: " + hold, true
	}
	if hold := v.record.Hold; hold != nil && (hold.Until.IsZero() || v.now.Before(hold.Until)) {
		return Held, "it is held by " + hold.Who + ": " + hold.Why, true
	}
	return "", "", false
}

// guardIsOver tells whether the incident waits no more for the guard that it noted, and for none that took over from it. Health alone
// ends a guard only if it lasts for as long as the playbook asks: a workload that flaps would page nobody.
func (v view) guardIsOver(incident ledger.Incident) bool {
	_, _, forbidden := v.forbidden()
	well := v.seen.Unseen == "" && v.amiss(incident) == ""
	switch code := Code(incident.Waits); {
	case code == Unseen:
		return v.seen.Unseen == "" && (!forbidden || well)
	case (code == Held || code == Stopped) && !forbidden && well:
		return true
	}
	playbook, _ := FindPlaybook(v.configured, incident.Playbook)
	return !incident.HealthySince.IsZero() && v.now.Sub(healthySince(incident)) >= time.Duration(playbook.HealthyFor)
}

// busy says what else is changing the workload. A rollout in progress is what a rollback is for.
func (v view) busy(incident ledger.Incident, do settings.Do) string {
	progressing, found := v.seen.Progressing()
	current := v.record.Rollout
	switch {
	case v.record.Scaling.Act != nil && v.now.Before(v.record.Scaling.Act.Lease):
		return "davit is changing the count of its tasks"
	case v.record.Request != nil:
		return v.record.Request.Who + " asked for an image, which is yet to roll out"
	case current != nil && (do != settings.Rollback || current.Phase != ledger.Started):
		return "a rollout is in progress"
	case current != nil, !found, v.own(incident, progressing.ID):
		return ""
	case v.now.Sub(progressing.CreatedAt) > time.Duration(settings.Settings{OutcomeTimeout: v.configured.OutcomeTimeout}.WithDefaults().OutcomeTimeout):
		return ""
	}
	return "deployment " + progressing.ID + ", which davit did not start, is in progress"
}

// own tells whether an act of the incident started the deployment.
func (v view) own(incident ledger.Incident, deployment string) bool {
	return slices.ContainsFunc(incident.Tried, func(attempt ledger.Attempt) bool {
		return attempt.Deployment != "" && attempt.Deployment == deployment
	})
}

// guardUndo says whether something forbids to take an effect back now. An undo is no step: attempts and cooldowns are not for it.
func (v view) guardUndo(incident ledger.Incident, undo ledger.Undo) (code Code, reason string, forbidden bool) {
	if code, reason, forbidden := v.forbidden(); forbidden {
		return code, reason, true
	}
	if reason := v.busy(incident, settings.Do(undo.Do)); reason != "" {
		return InProgress, reason, true
	}
	if v.storm() || v.othersActedOn() >= v.share() {
		return FleetShare, "other workloads are acted on", true
	}
	return "", "", false
}

// cannotUndo says why an effect is left as it is for good.
func (v view) cannotUndo(incident ledger.Incident, undo ledger.Undo) string {
	switch {
	case v.seen.asBefore(undo):
		return ""
	case settings.Do(undo.Do) == settings.Drain && (incident.Until != "" || v.seen.Leaves || v.seen.Replaced):
		return "the host goes, or is gone"
	}
	return v.movedSince(undo)
}

// movedSince says who else has moved the count, or its bounds, since a step moved them.
func (v view) movedSince(undo ledger.Undo) string {
	owner := v.seen.Owner
	switch {
	case undo.To == 0 && undo.Owner == "":
		return ""
	case undo.Owner != "" && owner == nil:
		return undo.Owner + " owns the count no more"
	case undo.Owner != "" && !owner.Bounds().Equal(undo.ToBounds):
		return fmt.Sprintf("the bounds of %s are %d to %d and no longer %d to %d", owner.Name, owner.Min, owner.Max, undo.ToBounds.Min, undo.ToBounds.Max)
	case undo.Owner == "" && owner != nil:
		return owner.Name + " owns the count now"
	case undo.Owner == "" && v.seen.Desired != undo.To:
		return fmt.Sprintf("the desired count is %d and no longer %d", v.seen.Desired, undo.To)
	}
	return ""
}

// actsOfTheDay are the times of the acts of the last 24 hours.
func (v view) actsOfTheDay() []time.Time {
	return slices.DeleteFunc(slices.Clone(v.record.Recovery.Acts), func(at time.Time) bool { return v.now.Sub(at) >= 24*time.Hour })
}

// tried are the times of the incident's acts. An undo is none; one of an earlier davit is known by its outcome alone.
func (v view) tried(incident ledger.Incident) []time.Time {
	var times []time.Time
	for _, attempt := range incident.Tried {
		if attempt.Act != "" && !attempt.Undoes && attempt.Outcome != ledger.Undone {
			times = append(times, attempt.At)
		}
	}
	return times
}

func (v view) storm() bool { return v.fleet.Storm != nil && v.now.Before(v.fleet.Storm.Until) }

func (v view) stormReason() string {
	return "so many workloads have incidents since " + v.fleet.Storm.Since.UTC().Format(time.RFC3339) + " that davit stands back"
}

// share is how many workloads may be acted on at once.
func (v view) share() int { return max(1, v.fleet.Workloads*v.limits.FleetPercent/100) }

// othersActedOn counts the other workloads that are acted on.
func (v view) othersActedOn() int {
	count := 0
	for _, slot := range v.fleet.Slots {
		if slot.Workload != v.seen.Workload {
			count++
		}
	}
	return count
}
