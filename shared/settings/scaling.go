package settings

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scaling is a named scaling policy: an expression, and windows in which other bounds hold. Workloads name it by
// "policy:NAME" in their davit/scaling tag.
type Scaling struct {
	// Policy is the expression, as ParseScaling reads it; it names no other policy.
	Policy string `json:"policy"`
	// Schedules are windows with bounds of their own. Of those that are open the first in the list holds.
	Schedules []ScalingWindow `json:"schedules,omitempty"`
}

// ScalingWindow is a window in which other bounds hold, such as none at night.
type ScalingWindow struct {
	// Name is shown in the reason of what the window causes.
	Name string `json:"name"`
	// Cron, Duration and TimeZone say when, as for a Freeze.
	Cron     string   `json:"cron"`
	Duration Duration `json:"duration"`
	TimeZone string   `json:"timeZone,omitempty"`
	// Min and Max are the bounds in the window, 0 to 10000.
	Min int `json:"min"`
	Max int `json:"max"`
}

// ScalingPolicy is how far, how fast and by what a workload scales.
type ScalingPolicy struct {
	// Min and Max bound the count, 0 to 10000; Max is required, Min is 1 if absent.
	Min, Max int
	// Step is by how many a step goes, 1 to 1000; 1 if absent.
	Step int
	// Target is what the alarm's metric, an average over the tasks, is to be; Per is how much of the alarm's metric, a
	// total, one task is for. At most one is set; where both are 0 the count goes by steps.
	Target, Per float64
	// CooldownOut is the time between two acts outwards, CooldownIn the time without any act before one inwards. 1 second
	// to 24 hours; 2 and 10 minutes if absent.
	CooldownOut, CooldownIn time.Duration
	// Growth is by which factor the count may grow within an hour, above 1 to 100; 4 if absent. One task more always may.
	Growth float64
	// MaxHosts is up to how many hosts the Auto Scaling group may have that the tasks run on, 0 to 10000; 0 leaves it
	// alone.
	MaxHosts int
	// Schedules are the windows of a named policy.
	Schedules []ScalingWindow
}

// Bounds are how few and how many.
type Bounds struct {
	Min, Max int
	// Window is the name of the schedule that sets them; empty where the policy does.
	Window string
}

// Defaults of what an expression leaves out.
const (
	DefaultCooldownOut = 2 * time.Minute
	DefaultCooldownIn  = 10 * time.Minute
	DefaultGrowth      = 4
)

const (
	maximumCount     = 10_000
	maximumStep      = 1000
	maximumGrowth    = 100
	maximumCooldown  = 24 * time.Hour
	maximumScalings  = 100
	maximumSchedules = 20
	namedScaling     = "policy:"
	scalingExample   = `want such as "min=1 max=10 step=2" or "max=20 target=60", or "policy:NAME"`
)

var scalingName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// ParseScaling reads the value of a davit/scaling tag: "policy:NAME", or words KEY=VALUE with the keys min, max, step,
// target, per, out, in, growth and hosts. A tag of AWS can hold all that it takes.
func (s Settings) ParseScaling(expression string) (ScalingPolicy, error) {
	name, named := strings.CutPrefix(strings.TrimSpace(expression), namedScaling)
	if !named {
		return parseScaling(expression)
	}
	found, known := s.Scaling[name]
	if !known {
		return ScalingPolicy{}, fmt.Errorf("the settings have no scaling policy %q; they have %v", name,
			slices.Sorted(maps.Keys(s.Scaling)))
	}
	policy, err := parseScaling(found.Policy)
	if err != nil {
		return ScalingPolicy{}, fmt.Errorf("the scaling policy %q: %w", name, err)
	}
	policy.Schedules = found.Schedules
	return policy, nil
}

func parseScaling(expression string) (ScalingPolicy, error) {
	policy := ScalingPolicy{Min: -1, Max: -1}
	given := map[string]bool{}
	for _, word := range strings.Fields(expression) {
		key, value, found := strings.Cut(word, "=")
		if !found || given[key] {
			return ScalingPolicy{}, fmt.Errorf("%q does not belong there; %s", word, scalingExample)
		}
		given[key] = true
		if err := policy.set(key, value); err != nil {
			return ScalingPolicy{}, fmt.Errorf("%s: %w", word, err)
		}
	}
	return policy.complete()
}

func (p *ScalingPolicy) set(key, value string) (err error) {
	switch key {
	case "min":
		p.Min, err = wholeNumber(value, 0, maximumCount)
	case "max":
		p.Max, err = wholeNumber(value, 0, maximumCount)
	case "hosts":
		p.MaxHosts, err = wholeNumber(value, 1, maximumCount)
	case "step":
		p.Step, err = wholeNumber(value, 1, maximumStep)
	case "target":
		p.Target, err = positive(value, math.MaxFloat32)
	case "per":
		p.Per, err = positive(value, math.MaxFloat32)
	case "growth":
		if p.Growth, err = positive(value, maximumGrowth); err == nil && p.Growth <= 1 {
			err = errors.New("want more than 1: it is a factor")
		}
	case "out":
		p.CooldownOut, err = cooldown(value)
	case "in":
		p.CooldownIn, err = cooldown(value)
	default:
		err = fmt.Errorf("there is no %q; %s", key, scalingExample)
	}
	return err
}

// complete fills in what was left out and checks what belongs together.
func (p ScalingPolicy) complete() (ScalingPolicy, error) {
	switch {
	case p.Max < 0:
		return ScalingPolicy{}, fmt.Errorf("max is missing; %s", scalingExample)
	case p.Target > 0 && p.Per > 0:
		return ScalingPolicy{}, errors.New("target and per exclude one another")
	}
	if p.Min < 0 {
		p.Min = min(1, p.Max)
	}
	if p.Min > p.Max {
		return ScalingPolicy{}, fmt.Errorf("min=%d is above max=%d", p.Min, p.Max)
	}
	p.Step = either(p.Step, 1)
	p.CooldownOut = either(p.CooldownOut, DefaultCooldownOut)
	p.CooldownIn = either(p.CooldownIn, DefaultCooldownIn)
	p.Growth = either(p.Growth, DefaultGrowth)
	return p, nil
}

func wholeNumber(text string, least, most int) (int, error) {
	number, err := strconv.Atoi(text)
	if err != nil || number < least || number > most {
		return 0, fmt.Errorf("want a whole number of %d to %d", least, most)
	}
	return number, nil
}

func positive(text string, most float64) (float64, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number > 0) || number > most {
		return 0, fmt.Errorf("want a number above 0, at most %v", most)
	}
	return number, nil
}

func cooldown(text string) (time.Duration, error) {
	duration, err := time.ParseDuration(text)
	if err != nil || duration < time.Second || duration > maximumCooldown {
		return 0, errors.New("want a duration of 1s to 24h")
	}
	return duration, nil
}

// Bounds are those that hold at an instant: of the first window that is open, else the policy's own.
func (p ScalingPolicy) Bounds(now time.Time) Bounds {
	for _, window := range p.Schedules {
		if _, open := window.freeze().opened(now); open {
			return Bounds{Min: window.Min, Max: window.Max, Window: window.Name}
		}
	}
	return Bounds{Min: p.Min, Max: p.Max}
}

// NextChange is the first whole minute after now, within the horizon, at which other bounds hold; zero if there is none.
func (p ScalingPolicy) NextChange(now time.Time, horizon time.Duration) time.Time {
	if len(p.Schedules) == 0 {
		return time.Time{}
	}
	current := p.Bounds(now)
	for at := now.Truncate(time.Minute).Add(time.Minute); !at.After(now.Add(horizon)); at = at.Add(time.Minute) {
		if p.Bounds(at) != current {
			return at
		}
	}
	return time.Time{}
}

func (w ScalingWindow) freeze() Freeze {
	return Freeze{Name: w.Name, Cron: w.Cron, Duration: w.Duration, TimeZone: w.TimeZone}
}

func (s Settings) validateScaling(found *problems) {
	if len(s.Scaling) > maximumScalings {
		found.add("scaling", fmt.Errorf("%d policies are more than %d", len(s.Scaling), maximumScalings))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Scaling)) {
		at := fmt.Sprintf("scaling[%q]", name)
		if !scalingName.MatchString(name) {
			found.add(at, errors.New("want a name of up to 64 letters, digits, '_', '.' and '-'"))
		}
		s.Scaling[name].validate(at, found)
	}
}

func (s Scaling) validate(at string, found *problems) {
	if _, err := parseScaling(s.Policy); err != nil {
		found.add(at+".policy", err)
	}
	if len(s.Schedules) > maximumSchedules {
		found.add(at+".schedules", fmt.Errorf("%d windows are more than %d", len(s.Schedules), maximumSchedules))
		return
	}
	for index, window := range s.Schedules {
		here := fmt.Sprintf("%s.schedules[%d].", at, index)
		window.freeze().validate(here, found)
		if window.Min < 0 || window.Max > maximumCount || window.Min > window.Max {
			found.add(here+"min", fmt.Errorf("want 0 to %d, and min not above max", maximumCount))
		}
	}
}
