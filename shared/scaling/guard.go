package scaling

import (
	"fmt"
	"math"
	"time"

	"davit/shared/ledger"
	"davit/shared/settings"
)

const (
	// spendWindow is the time in which a workload may grow by its policy's factor.
	spendWindow = time.Hour
	// flapWindow is how soon after a move inwards one outwards proves it wrong.
	flapWindow = time.Hour
	// firstDoubt is how long a count that was proved too few is not tried again; each further proof doubles it, up to
	// longestDoubt.
	firstDoubt   = 2 * time.Hour
	longestDoubt = 24 * time.Hour
	// progressLook is how soon to look again at a workload that something else is changing.
	progressLook = 30 * time.Second
)

// closedGate tells whether something forbids to move anything.
func closedGate(now time.Time, configured settings.Settings, record ledger.Record, seen Observation) (Decision, bool) {
	hold := record.Hold
	switch {
	case configured.Stop != nil:
		return Decision{Action: Refuse, Code: Stopped, Reason: configured.Stop.String()}, true
	case seen.Hold != "":
		return Decision{Action: Refuse, Code: Held, Reason: "the davit/hold tag says: " + seen.Hold}, true
	case hold != nil && (hold.Until.IsZero() || now.Before(hold.Until)):
		return Decision{Action: Refuse, Code: Held, Reason: fmt.Sprintf("it is held by %s: %s", hold.Who, hold.Why)}, true
	case record.Rollout != nil:
		return Decision{Action: Refuse, Code: InProgress, Reason: "a rollout is in progress", Again: progressLook}, true
	case record.Recovery.Act != nil:
		return Decision{Action: Refuse, Code: Remedying, Reason: "an incident is being remedied", Again: progressLook}, true
	case seen.Deploying != "":
		return Decision{Action: Refuse, Code: InProgress, Reason: "deployment " + seen.Deploying + " is in progress", Again: progressLook}, true
	}
	return Decision{}, false
}

// cooldown tells whether it is too soon for the wish. A move outwards waits for the one outwards before it, a move
// inwards for any.
func (v view) cooldown(wish wish) (Decision, bool) {
	last, wait := v.record.Scaling.LastOut, v.policy.CooldownOut
	if wish.direction == In {
		last, wait = v.lastMove(), v.policy.CooldownIn
	}
	left := last.Add(wait).Sub(v.now)
	if last.IsZero() || left <= 0 {
		return Decision{}, false
	}
	return Decision{Action: Refuse, Code: CoolingDown, Direction: wish.direction, Again: left,
		Reason: fmt.Sprintf("%s, but it was scaled at %s, and the cooldown is %s", wish.reason, last.UTC().Format(time.RFC3339), wait)}, true
}

func (v view) lastMove() time.Time {
	if v.record.Scaling.LastOut.After(v.record.Scaling.LastIn) {
		return v.record.Scaling.LastOut
	}
	return v.record.Scaling.LastIn
}

// affordable is up to how many the policy's growth allows: so many times the least of the last hour, and one more always.
func (v view) affordable(lever ledger.Lever, current int) int {
	least := current
	for _, change := range v.record.Scaling.Changes {
		if change.Lever == lever && v.now.Sub(change.At) < spendWindow {
			least = min(least, change.From)
		}
	}
	least = max(least, 1)
	return max(int(math.Floor(float64(least)*v.policy.Growth)), least+1)
}

func (v view) tooFast(wish wish, most int) Decision {
	again := spendWindow
	for _, change := range v.record.Scaling.Changes {
		if left := change.At.Add(spendWindow).Sub(v.now); left > 0 {
			again = left
			break
		}
	}
	return Decision{Action: Refuse, Code: Spending, Direction: Out, Again: again,
		Reason: fmt.Sprintf("%s, but it may grow only %g-fold an hour, to %d", wish.reason, v.policy.Growth, most)}
}

// provedTooFew says what a move outwards proves: that the count to which davit went in lately was too few.
func (v view) provedTooFew(current int) *ledger.TooFew {
	state := v.record.Scaling
	if state.LastIn.IsZero() || state.LastIn.Before(state.LastOut) || v.now.Sub(state.LastIn) > flapWindow {
		return state.TooFew
	}
	times, before := 1, state.TooFew
	if before != nil && before.Count == current && v.now.Before(before.Until) {
		return before // It was not tried again since: the move outwards was, after it had failed.
	}
	if before != nil && v.now.Before(before.Until.Add(longestDoubt)) {
		times = before.Times + 1
	}
	doubt := min(firstDoubt<<min(times-1, 10), longestDoubt)
	return &ledger.TooFew{Count: current, Until: v.now.Add(doubt), Times: times}
}
