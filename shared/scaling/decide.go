// Package scaling decides, for one workload at a time, how many of it there should be, and brings that about. Decide is
// pure; Reconciler observes, decides, acts and records.
package scaling

import (
	"fmt"
	"time"

	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Decide says what to do about the count of one workload now. It depends on nothing but its arguments: the record is what
// davit remembers, seen is what AWS says at this moment.
func Decide(now time.Time, configured settings.Settings, record ledger.Record, seen Observation) Decision {
	if record.Scaling.Act != nil {
		return decideAct(now, configured, record, seen)
	}
	switch {
	case !seen.Exists:
		return Decision{Action: Nothing, Code: Gone, Reason: "there is no such workload, or it is being deleted"}
	case seen.Policy == "" && len(seen.Alarms) > 0:
		return Decision{Action: Refuse, Code: NotOptedIn, Reason: fmt.Sprintf("alarm %s asks for it, but the workload carries no "+
			"davit/scaling tag: tag it with a policy such as \"min=1 max=10\"", seen.Alarms[0].Name)}
	case seen.Policy == "":
		return Decision{Action: Nothing, Code: NotOptedIn, Reason: "the workload carries no davit/scaling tag"}
	case seen.Controller != "" && seen.Controller != "ECS":
		return Decision{Action: Refuse, Code: Controller,
			Reason: fmt.Sprintf("its deployment controller is %s, which sets its count", seen.Controller)}
	}
	policy, err := configured.ParseScaling(seen.Policy)
	if err != nil {
		return Decision{Action: Refuse, Code: BadPolicy, Reason: "the davit/scaling tag cannot be followed: " + err.Error()}
	}
	view := view{now: now, policy: policy, bounds: policy.Bounds(now), record: record, seen: seen}
	decision := view.decide()
	if decision.Action == Scale {
		if gate, closed := closedGate(now, configured, record, seen); closed {
			gate.Direction = decision.Direction
			gate.Reason = describe(seen.Workload.Kind(), decision) + ", but " + gate.Reason
			decision = gate
		}
	}
	return view.again(decision)
}

// view is all that one decision rests on.
type view struct {
	now    time.Time
	policy settings.ScalingPolicy
	bounds settings.Bounds
	record ledger.Record
	seen   Observation
}

// maximumLook is how long a look ahead may be: the longest delay of a message.
const maximumLook = 15 * time.Minute

// again looks again when a window opens or closes, if that is soon.
func (v view) again(decision Decision) Decision {
	decision.Again = min(decision.Again, maximumLook)
	if change := v.policy.NextChange(v.now, maximumLook); !change.IsZero() {
		if wait := change.Sub(v.now); decision.Again == 0 || wait < decision.Again {
			decision.Again = wait
		}
	}
	return decision
}

func (v view) decide() Decision {
	wish := v.wish()
	if wish.direction == Out || v.seen.Desired > v.seen.Running {
		if v.seen.Shortage != nil && wish.direction != In {
			return v.decideHosts()
		}
	}
	if v.seen.Owner != nil {
		return v.moveBounds(wish)
	}
	return v.moveCount(wish)
}

// moveCount sets the desired count, which nobody else owns.
func (v view) moveCount(wish wish) Decision {
	switch {
	case wish.direction == "":
		return Decision{Action: wish.idle(), Code: wish.code, Reason: wish.reason, Again: wish.again}
	case wish.owners:
		return v.scaleCount(wish, wish.to)
	}
	if refused, cooling := v.cooldown(wish); cooling {
		return refused
	}
	if wish.direction == In {
		return v.scaleIn(wish)
	}
	to, most := min(wish.to, v.bounds.Max), v.affordable(ledger.LeverCount, v.seen.Desired)
	if v.seen.Desired >= most {
		return v.tooFast(wish, most)
	}
	if most < to {
		wish.reason += fmt.Sprintf("; it may grow %g-fold an hour, so not to %d yet", v.policy.Growth, to)
		to = most
	}
	decision := v.scaleCount(wish, to)
	decision.TooFew = v.provedTooFew(v.seen.Desired)
	return decision
}

// scaleIn goes no lower than to what was not proved too few lately.
func (v view) scaleIn(wish wish) Decision {
	to := max(wish.to, v.bounds.Min)
	if proved := v.record.Scaling.TooFew; proved != nil && v.now.Before(proved.Until) && to <= proved.Count {
		if v.seen.Desired <= proved.Count+1 {
			return Decision{Action: Refuse, Code: Flapping, Direction: In, Again: proved.Until.Sub(v.now),
				Reason: fmt.Sprintf("%s, but %d were too few the last time, so not before %s", wish.reason, proved.Count,
					proved.Until.UTC().Format(time.RFC3339))}
		}
		to = proved.Count + 1
	}
	return v.scaleCount(wish, to)
}

func (v view) scaleCount(wish wish, to int) Decision {
	from := v.seen.Desired
	return Decision{Action: Scale, Code: wish.code, Direction: wish.direction, Lever: ledger.LeverCount, From: count(from),
		To: count(to), Reason: wish.reason, Price: monthlyOf(v.seen, to-from), Again: v.settle(wish.direction)}
}

// settle is how long after a move the next look is due.
func (v view) settle(direction string) time.Duration {
	if direction == Out {
		return v.policy.CooldownOut
	}
	return v.policy.CooldownIn
}

// moveBounds moves the bounds of whoever owns the count, and leaves the count to it.
func (v view) moveBounds(wish wish) Decision {
	owner, have := v.seen.Owner, v.seen.Owner.Bounds()
	own, moved := ownersBounds(v.record, have)
	want := have
	switch {
	case v.bounds.Window != "":
		want = ledger.Extent{Min: v.bounds.Min, Max: v.bounds.Max}
		wish.code, wish.owners, wish.reason = BelowMinimum, true, fmt.Sprintf("the schedule %q asks for %d to %d", v.bounds.Window, want.Min, want.Max)
	case wish.direction == Out:
		want = owner.Keeping(min(wish.to, v.bounds.Max))
	case moved && v.leftWindow(have):
		want = own
		wish.code, wish.owners, wish.reason = Calm, true, "the schedule that moved its bounds is over"
	case moved && wish.direction == In:
		want = own
	}
	if want.Equal(have) {
		return Decision{Action: Nothing, Code: Steady, Reason: fmt.Sprintf("%s owns the count, and its bounds are %d to %d", owner.Name, have.Min, have.Max),
			Again: wish.again}
	}
	wish.direction = Out
	if want.Min < have.Min || want.Min == have.Min && want.Max < have.Max {
		wish.direction = In
	}
	if refused, cooling := v.cooldown(wish); cooling && !wish.owners {
		return refused
	}
	if wish.direction == Out && !wish.owners {
		most := v.affordable(ledger.LeverBounds, max(v.seen.Desired, have.Min))
		if want.Min = min(want.Min, most); want.Min <= have.Min {
			return v.tooFast(wish, most)
		}
		want = owner.Keeping(want.Min)
	}
	return Decision{Action: Scale, Code: wish.code, Direction: wish.direction, Lever: ledger.LeverBounds, From: have, To: want,
		Reason: fmt.Sprintf("%s; %s owns the count, so its bounds are moved", wish.reason, owner.Name),
		Price:  monthlyOf(v.seen, want.Min-have.Min) + " at its minimum", Again: v.settle(wish.direction)}
}

// leftWindow tells whether the bounds are still those of a window that has closed.
func (v view) leftWindow(have ledger.Extent) bool {
	for _, window := range v.policy.Schedules {
		if have.Min == window.Min && have.Max == window.Max {
			return true
		}
	}
	return false
}

// decideHosts is for tasks that cannot be placed: more of them would not help, more hosts may.
func (v view) decideHosts() Decision {
	short, hosts := v.seen.Shortage, v.seen.Hosts
	refuse := func(format string, arguments ...any) Decision {
		return Decision{Action: Refuse, Code: Capacity, Direction: Out, Again: v.policy.CooldownOut,
			Reason: fmt.Sprintf("%d of %d tasks run and ECS cannot place the others (%s); ", v.seen.Running, v.seen.Desired, short.Text) +
				fmt.Sprintf(format, arguments...)}
	}
	switch {
	case hosts == nil:
		return refuse("there is no Auto Scaling group behind it: add another capacity provider, or zones")
	case v.policy.MaxHosts == 0:
		return refuse("the policy allows no more hosts: add hosts=N to the davit/scaling tag")
	case !hosts.OptedIn:
		return refuse("the Auto Scaling group %s carries no davit/scaling tag", hosts.Group)
	case hosts.Managed && hosts.Count < hosts.Max:
		return Decision{Action: Wait, Code: Capacity, Again: v.policy.CooldownOut,
			Reason: fmt.Sprintf("ECS's managed scaling has %d of at most %d hosts in %s and adds them itself", hosts.Count, hosts.Max, hosts.Group)}
	case hosts.Count >= v.policy.MaxHosts:
		return refuse("%s has %d hosts, and the policy allows %d", hosts.Group, hosts.Count, v.policy.MaxHosts)
	}
	if wait := v.record.Scaling.LastHosts.Add(v.policy.CooldownOut).Sub(v.now); wait > 0 {
		return Decision{Action: Refuse, Code: CoolingDown, Direction: Out, Again: wait,
			Reason: fmt.Sprintf("hosts were added to %s less than %s ago", hosts.Group, v.policy.CooldownOut)}
	}
	most := v.affordable(ledger.LeverHosts, hosts.Count)
	to := min(hosts.Count+v.missingHosts(hosts), v.policy.MaxHosts, most)
	if to <= hosts.Count {
		return v.tooFast(wish{direction: Out, reason: "more hosts are needed"}, most)
	}
	from, want := ledger.Extent{Max: hosts.Max}, ledger.Extent{Max: max(hosts.Max, to)}
	if !hosts.Managed {
		from.Count, want.Count = &hosts.Count, &to
	}
	return Decision{Action: Scale, Code: HostsAdded, Direction: Out, Lever: ledger.LeverHosts, Target: hosts.Group, From: from, To: want,
		Reason: fmt.Sprintf("%d of %d tasks run and ECS cannot place the others (%s), so hosts are added and not tasks", v.seen.Running, v.seen.Desired, short.Text),
		Price:  monthlyOfHosts(v.seen.Region, hosts.Type, to-hosts.Count), Again: v.policy.CooldownOut}
}

// missingHosts is how many more hosts the missing tasks need, if they fill them as those that run do.
func (v view) missingHosts(hosts *Hosts) int {
	each := 1
	if hosts.Count > 0 {
		each = max(1, v.seen.Running/hosts.Count)
	}
	return max(1, (v.seen.Desired-v.seen.Running+each-1)/each)
}

// maximumActing is how long an act may go undone after its intent. Then its call fails for good, or nobody came back for it, and
// what the load asks for by now is decided anew.
const maximumActing = 10 * time.Minute

// decideAct handles an act whose intent was written: its actor is still at work, or died on the way.
func decideAct(now time.Time, configured settings.Settings, record ledger.Record, seen Observation) Decision {
	act := *record.Scaling.Act
	if now.Before(act.Lease) {
		return Decision{Action: Wait, Code: InProgress, Again: act.Lease.Sub(now), Reason: "another invocation is scaling it"}
	}
	have, found := extentOf(seen, act.Lever)
	switch {
	case !seen.Exists:
		return ofAct(act, Abandon, Gone, "the workload was deleted meanwhile")
	case found && have.Equal(act.To):
		return ofAct(act, Finish, Interrupted, act.Reason)
	case found && !have.Equal(act.From):
		return ofAct(act, Abandon, Superseded, fmt.Sprintf("somebody else set it to %s meanwhile", words(seen.Workload.Kind(), act.Lever, have)))
	case seen.Policy == "":
		return ofAct(act, Abandon, NotOptedIn, "the workload no longer carries a davit/scaling tag")
	case !found:
		return ofAct(act, Abandon, Superseded, "somebody else owns the count now, or its hosts are gone")
	}
	if gate, closed := closedGate(now, configured, record, seen); closed {
		return ofAct(act, Abandon, gate.Code, gate.Reason)
	}
	if isOverdue(now, act) {
		return abandonOverdue(act)
	}
	return ofAct(act, Continue, Interrupted, act.Reason)
}

// isOverdue tells whether the act has gone undone for too long, and nobody is at work on it.
func isOverdue(now time.Time, act ledger.ScalingAct) bool {
	return now.Sub(act.IntendedAt) >= maximumActing && !now.Before(act.Lease)
}

func abandonOverdue(act ledger.ScalingAct) Decision {
	return ofAct(act, Abandon, Overdue, fmt.Sprintf("it was not done within %s; the log of the function scale says why", maximumActing))
}

// ofAct is a decision about the act.
func ofAct(act ledger.ScalingAct, action Action, code Code, reason string) Decision {
	return Decision{Action: action, Code: code, Reason: reason, Direction: act.Direction, Lever: act.Lever, Target: act.Target,
		From: act.From, To: act.To, Price: act.Price}
}

// extentOf is what the lever is at.
func extentOf(seen Observation, lever ledger.Lever) (ledger.Extent, bool) {
	switch {
	case lever == ledger.LeverCount && seen.Owner == nil:
		return count(seen.Desired), true
	case lever == ledger.LeverBounds && seen.Owner != nil:
		return seen.Owner.Bounds(), true
	case lever == ledger.LeverHosts && seen.Hosts != nil:
		hosts := seen.Hosts
		extent := ledger.Extent{Max: hosts.Max}
		if !hosts.Managed {
			extent.Count = &hosts.Count
		}
		return extent, true
	}
	return ledger.Extent{}, false
}

func count(number int) ledger.Extent { return ledger.Extent{Count: &number} }

// units are what there are more or fewer of, of a kind of workload.
var units = map[workload.Kind]string{workload.ECS: "tasks", workload.EKS: "pods", workload.ASG: "hosts"}

// words is an extent for people.
func words(of workload.Kind, lever ledger.Lever, extent ledger.Extent) string {
	switch {
	case lever == ledger.LeverBounds:
		return fmt.Sprintf("%d to %d %s", extent.Min, extent.Max, units[of])
	case lever == ledger.LeverHosts && extent.Count == nil:
		return fmt.Sprintf("at most %d hosts", extent.Max)
	case lever == ledger.LeverHosts:
		return fmt.Sprintf("%d hosts", *extent.Count)
	case extent.Count == nil:
		return "nothing"
	}
	return fmt.Sprintf("%d %s", *extent.Count, units[of])
}

// describe is a move for people.
func describe(of workload.Kind, decision Decision) string {
	return fmt.Sprintf("it would go from %s to %s (%s)", words(of, decision.Lever, decision.From), words(of, decision.Lever, decision.To), decision.Reason)
}
