package settings

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Window is a freeze window that is open.
type Window struct {
	// Name is the freeze's name.
	Name string
	// Opened is the instant at which the window opened last.
	Opened time.Time
	// Ends is the first instant after the window.
	Ends time.Time
}

// Frozen finds the windows that are open for a workload at an instant and answers the one that ends last, and of those
// that end together the first by name. The workload is a reference such as ecs:production/web.
//
// A window is open from the instant its cron names, and for its duration as a clock runs that nobody resets. Where the
// zone sets its clocks back, an hour of the day comes twice and so opens the window twice; where it sets them forward,
// a time of day that is left out opens the window when the clock would have shown it. A window that reopens before it
// has closed stays open until the last opening's duration is over.
func (s Settings) Frozen(workload string, now time.Time) (window Window, frozen bool) {
	for _, freeze := range s.Freezes {
		if !freeze.covers(workload) {
			continue
		}
		opened, open := freeze.opened(now)
		if !open {
			continue
		}
		ends := opened.Add(time.Duration(freeze.Duration))
		if !frozen || ends.After(window.Ends) || ends.Equal(window.Ends) && freeze.Name < window.Name {
			window, frozen = Window{Name: freeze.Name, Opened: opened, Ends: ends}, true
		}
	}
	return window, frozen
}

// covers tells whether the window is for the workload.
func (f Freeze) covers(workload string) bool {
	for _, pattern := range f.Workloads {
		if matches(pattern, workload) {
			return true
		}
	}
	return len(f.Workloads) == 0
}

// opened is the last instant up to now at which the window opened, if the window is still open. Validate has seen to
// it that cron and time zone can be read; where they cannot, there is no window.
func (f Freeze) opened(now time.Time) (opened time.Time, open bool) {
	schedule, err := parseCron(f.Cron)
	if err != nil {
		return time.Time{}, false
	}
	zone, err := location(f.TimeZone)
	if err != nil {
		return time.Time{}, false
	}
	after := now.Add(-time.Duration(f.Duration))
	for _, period := range periods(after, now, zone) {
		wall, found := last(schedule, period.from.Add(period.offset), period.until.Add(period.offset))
		if !found {
			continue
		}
		if at := wall.Add(-period.offset); !open || at.After(opened) {
			opened, open = at.In(zone), true
		}
	}
	return opened, open
}

// period is a span of time, from (not included) until (included), in which the clocks of a zone are an offset ahead of
// UTC, or would be had they not just been set forward.
type period struct {
	from, until time.Time
	offset      time.Duration
}

// longestJump is more than any clock was ever set forward: Samoa left out a day.
const longestJump = 25 * time.Hour

// periods splits the span after one instant up to another where the zone's clocks are reset. The time of day that a
// clock set forward leaves out belongs to the period before it.
func periods(after, until time.Time, zone *time.Location) []period {
	after, until = after.UTC(), until.UTC()
	var split []period
	for from := after.Add(-longestJump); from.Before(until); {
		first := from.Add(time.Nanosecond)
		offset := offsetAt(first, zone)
		_, end := first.In(zone).ZoneBounds()
		if end.IsZero() || end.After(until) {
			return append(split, period{later(from, after), until, offset})
		}
		end = end.UTC()
		// The instant of the reset is the first of the next period, so this one ends just before it, or where the
		// times of day that are left out end.
		forward := max(offsetAt(end, zone)-offset, 0)
		if last := earlier(end.Add(forward-time.Nanosecond), until); last.After(after) {
			split = append(split, period{later(from, after), last, offset})
		}
		from = end.Add(-time.Nanosecond)
	}
	return split
}

func offsetAt(at time.Time, zone *time.Location) time.Duration {
	_, seconds := at.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// last is the schedule's last time after one time and up to another, found by halving: the schedule only tells what
// comes next.
func last(schedule cron.Schedule, after, until time.Time) (time.Time, bool) {
	found := schedule.Next(after)
	if found.IsZero() || found.After(until) {
		return time.Time{}, false
	}
	for low, high := found, until; high.Sub(low) >= time.Second; {
		middle := low.Add(high.Sub(low) / 2)
		next := schedule.Next(middle)
		if next.IsZero() || next.After(until) {
			high = middle
			continue
		}
		found, low = next, next
	}
	return found, true
}

// locations keeps the time zones that were read: reading one costs far more than using it, and there are few.
var locations sync.Map

// location is the time zone of a name in the IANA database; UTC where there is no name. "Local" is refused: it would be
// another zone on each machine.
func location(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if name == "Local" {
		return nil, errors.New(`want a name of the IANA time zone database, such as "Europe/Oslo", not "Local"`)
	}
	if known, found := locations.Load(name); found {
		if zone, right := known.(*time.Location); right {
			return zone, nil
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf(`want a name of the IANA time zone database, such as "Europe/Oslo", not %q: %w`, name, err)
	}
	locations.Store(name, zone)
	return zone, nil
}
