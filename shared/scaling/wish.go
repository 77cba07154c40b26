package scaling

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// wish is where the load asks the count to go, before any guard has its say.
type wish struct {
	// direction is Out, In, or empty for neither.
	direction string
	to        int
	code      Code
	reason    string
	// owners is true of a bound that the workload's owner set: it knows no cooldown and no limit of growth.
	owners bool
	// again is when load may ask for something else.
	again time.Duration
}

// idle is the action of a wish for nothing.
func (w wish) idle() Action {
	if w.code == AtMaximum {
		return Refuse
	}
	return Nothing
}

const (
	// tolerance is by which part a metric may be above its target before that is a reason to grow.
	tolerance = 0.1
	// margin is by which part a metric must be expected to stay below its threshold after a step inwards.
	margin = 0.1
)

// wish weighs bounds, alarms and readings.
func (v view) wish() wish {
	current := v.seen.Desired
	if v.seen.Owner == nil && current < v.bounds.Min {
		return wish{direction: Out, to: v.bounds.Min, code: BelowMinimum, owners: true, reason: v.ofBounds("least", v.bounds.Min)}
	}
	if v.seen.Owner == nil && current > v.bounds.Max {
		return wish{direction: In, to: v.bounds.Max, code: AboveMaximum, owners: true, reason: v.ofBounds("most", v.bounds.Max)}
	}
	if out := v.outwards(current); out.direction != "" {
		if current >= v.bounds.Max {
			return wish{code: AtMaximum, reason: fmt.Sprintf("%s, but %d are the most that its policy allows", out.reason, v.bounds.Max)}
		}
		return out
	}
	if current <= v.bounds.Min && v.seen.Owner == nil {
		return wish{code: Steady, reason: fmt.Sprintf("no load asks for more than %d", current)}
	}
	return v.inwards(current)
}

func (v view) ofBounds(which string, number int) string {
	if v.bounds.Window != "" {
		return fmt.Sprintf("the schedule %q asks for at %s %d", v.bounds.Window, which, number)
	}
	return fmt.Sprintf("its policy asks for at %s %d", which, number)
}

// proportional tells whether the count is computed from the metric.
func (v view) proportional() bool { return v.policy.Target > 0 || v.policy.Per > 0 }

// outwards is what the newest readings, or else the alarms, ask for.
func (v view) outwards(current int) wish {
	var out wish
	for _, alarm := range v.seen.Alarms {
		newest, read := alarm.newest()
		switch {
		case v.proportional() && read && (current > 0 || v.policy.Per > 0):
			if want := v.wanted(current, newest.Value); want > current && v.beyond(current, newest.Value) && want > out.to {
				out = wish{direction: Out, to: want, code: Load, reason: fmt.Sprintf("alarm %s reads %s, and %s, so %d are wanted",
					alarm.Name, number(newest.Value), v.aim(), want)}
			}
		case alarm.Direction == Out && alarm.State == stateAlarm && current+v.policy.Step > out.to:
			out = wish{direction: Out, to: current + v.policy.Step, code: AlarmOn, reason: fmt.Sprintf("alarm %s is on", alarm.Name)}
		}
	}
	return out
}

// inwards goes only where nothing speaks against it: the count was the same for a cooldown, no alarm is on, and by the
// worst reading of that time fewer would do.
func (v view) inwards(current int) wish {
	if len(v.seen.Alarms) == 0 {
		return wish{code: Steady, reason: "no alarm speaks of its load"}
	}
	calm, why := v.calm()
	if !calm {
		return wish{code: Settling, reason: why, again: v.untilCalm()}
	}
	to := current - v.policy.Step
	if v.proportional() {
		to = v.enough(current)
	}
	to = max(to, v.bounds.Min)
	if v.seen.Owner != nil {
		return wish{direction: In, to: to, code: Calm, reason: why}
	}
	if to >= current {
		return wish{code: Steady, reason: fmt.Sprintf("its load asks for %d", current)}
	}
	if alarm, value, stays := v.wouldAlarm(current, to); stays {
		return wish{code: Steady, reason: fmt.Sprintf("with %d alarm %s would read %s, too near its threshold %s", to, alarm.Name,
			number(value), number(alarm.Threshold))}
	}
	return wish{direction: In, to: to, code: Calm, reason: why}
}

// calm tells whether the alarms allow a move inwards. Where there are alarms for that direction one of them must be on;
// else those outwards must have been OK for a cooldown.
func (v view) calm() (bool, string) {
	asked := ""
	inward := false
	for _, alarm := range v.seen.Alarms {
		if alarm.Direction == In {
			inward = true
			if alarm.State == stateAlarm {
				asked = alarm.Name
			}
			continue
		}
		if alarm.State != stateOK {
			return false, fmt.Sprintf("alarm %s is %s", alarm.Name, alarm.State)
		}
		if v.now.Sub(alarm.Since) < v.policy.CooldownIn {
			return false, fmt.Sprintf("alarm %s is OK only since %s", alarm.Name, alarm.Since.UTC().Format(time.RFC3339))
		}
	}
	switch {
	case inward && asked == "" && !v.proportional():
		return false, "no alarm asks for fewer"
	case asked != "":
		return true, fmt.Sprintf("alarm %s asks for fewer", asked)
	}
	return true, fmt.Sprintf("no alarm was on for %s", v.policy.CooldownIn)
}

// untilCalm is when the alarms that are OK have been so for a cooldown; zero where one is on.
func (v view) untilCalm() time.Duration {
	var wait time.Duration
	for _, alarm := range v.seen.Alarms {
		if alarm.Direction != Out {
			continue
		}
		if alarm.State != stateOK {
			return 0
		}
		wait = max(wait, alarm.Since.Add(v.policy.CooldownIn).Sub(v.now))
	}
	return wait
}

// wanted is the count that brings the metric to its target.
func (v view) wanted(current int, value float64) int {
	want := float64(current) * value / v.policy.Target
	if v.policy.Per > 0 {
		want = value / v.policy.Per
	}
	return int(min(math.Ceil(max(want, 0)-1e-9), 1e6))
}

// beyond tells whether the metric is so far above its target that it is no noise.
func (v view) beyond(current int, value float64) bool {
	if v.policy.Per > 0 {
		return value > v.policy.Per*float64(current)*(1+tolerance)
	}
	return value > v.policy.Target*(1+tolerance)
}

func (v view) aim() string {
	if v.policy.Per > 0 {
		return "one is for " + number(v.policy.Per)
	}
	return "its target is " + number(v.policy.Target)
}

// enough is the count that the worst readings since the last move, and of the last cooldown, ask for. An alarm that
// cannot be read is no reason to go inwards.
func (v view) enough(current int) int {
	most := 0
	for _, alarm := range v.seen.Alarms {
		worst, read := v.worst(alarm)
		if !read {
			return current
		}
		most = max(most, v.wanted(current, worst))
	}
	return most
}

// wouldAlarm finds an alarm whose metric, if the same load were on fewer, would be near its threshold or above.
func (v view) wouldAlarm(current, to int) (Alarm, float64, bool) {
	for _, alarm := range v.seen.Alarms {
		worst, read := v.worst(alarm)
		if alarm.Direction != Out || !alarm.Above || !read || worst <= 0 {
			continue
		}
		expected := math.Inf(1)
		if to > 0 {
			expected = worst * float64(current) / float64(to)
		}
		if v.policy.Per > 0 {
			expected = worst // A total does not depend on the count.
		}
		if expected > alarm.Threshold*(1-margin) {
			return alarm, expected, true
		}
	}
	return Alarm{}, 0, false
}

// worst is the highest reading of the last cooldown in which the count was what it is.
func (v view) worst(alarm Alarm) (float64, bool) {
	since := v.now.Add(-v.policy.CooldownIn)
	if last := v.lastMove(); last.After(since) {
		since = last
	}
	readings := slices.DeleteFunc(slices.Clone(alarm.Readings), func(reading Reading) bool { return reading.At.Before(since) })
	if len(readings) == 0 {
		return 0, false
	}
	return slices.MaxFunc(readings, func(a, b Reading) int { return int(math.Copysign(1, a.Value-b.Value)) }).Value, true
}

func (a Alarm) newest() (Reading, bool) {
	if len(a.Readings) == 0 {
		return Reading{}, false
	}
	return a.Readings[len(a.Readings)-1], true
}

func number(value float64) string { return fmt.Sprintf("%.4g", value) }
