package settings

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestFrozenAnswersTheWindowThatEndsLast(t *testing.T) {
	weekend := Freeze{Name: "weekend", Cron: "0 18 * * 5", Duration: Duration(62 * time.Hour), TimeZone: "Europe/Oslo"}
	night := Freeze{Name: "night", Cron: "0 22 * * *", Duration: Duration(8 * time.Hour)}
	always := Freeze{Name: "always", Cron: "0 12 * * *", Duration: Duration(25 * time.Hour)}
	skipped := Freeze{Name: "skipped", Cron: "30 2 * * *", Duration: Duration(time.Hour), TimeZone: "Europe/Oslo"}
	short := Freeze{Name: "short", Cron: "30 2 * * *", Duration: Duration(20 * time.Minute), TimeZone: "Europe/Oslo"}
	twice := Freeze{Name: "twice", Cron: "30 2 * * *", Duration: Duration(30 * time.Minute), TimeZone: "Europe/Oslo"}
	leap := Freeze{Name: "leap", Cron: "0 0 29 2 *", Duration: Duration(24 * time.Hour)}
	month := Freeze{Name: "month", Cron: "0 0 1 * *", Duration: Duration(31 * 24 * time.Hour)}
	samoa := Freeze{Name: "samoa", Cron: "0 9 30 12 *", Duration: Duration(time.Hour), TimeZone: "Pacific/Apia"}
	for _, test := range []struct {
		name    string
		freezes []Freeze
		now     string
		want    string // the name of the window and the instant it ends; empty where nothing is frozen
	}{
		{"no window", nil, "2026-11-22T12:00:00Z", ""},
		{"just before it opens", []Freeze{night}, "2026-11-22T21:59:59.999999999Z", ""},
		{"at the first instant", []Freeze{night}, "2026-11-22T22:00:00Z", "night 2026-11-23T06:00:00Z"},
		{"after midnight", []Freeze{night}, "2026-11-23T03:00:00.5Z", "night 2026-11-23T06:00:00Z"},
		{"at the last instant", []Freeze{night}, "2026-11-23T05:59:59.999999999Z", "night 2026-11-23T06:00:00Z"},
		{"at the end", []Freeze{night}, "2026-11-23T06:00:00Z", ""},
		{"an instant of another zone", []Freeze{night}, "2026-11-23T07:00:00+09:00", "night 2026-11-23T06:00:00Z"},
		{"in a zone, in winter", []Freeze{weekend}, "2026-11-20T17:00:00Z", "weekend 2026-11-23T07:00:00Z"},
		{"in a zone, before", []Freeze{weekend}, "2026-11-20T16:59:59Z", ""},
		{"in a zone, in summer", []Freeze{weekend}, "2026-07-03T16:00:00Z", "weekend 2026-07-06T06:00:00Z"},
		{"over the night when clocks go forward", []Freeze{weekend}, "2026-03-30T06:59:59Z", "weekend 2026-03-30T07:00:00Z"},
		{"of two the one that ends last", []Freeze{night, weekend}, "2026-11-21T23:00:00Z", "weekend 2026-11-23T07:00:00Z"},
		{"of two in the other order", []Freeze{weekend, night}, "2026-11-21T23:00:00Z", "weekend 2026-11-23T07:00:00Z"},
		{"when the longer one has ended", []Freeze{weekend, night}, "2026-11-23T22:30:00Z", "night 2026-11-24T06:00:00Z"},
		{"longer than its period", []Freeze{always}, "2026-11-22T12:30:00Z", "always 2026-11-23T13:00:00Z"},
		{"longer than its period, just before it opens again", []Freeze{always}, "2026-11-22T11:59:59Z",
			"always 2026-11-22T13:00:00Z"},
		{"at a time of day that is left out", []Freeze{skipped}, "2026-03-29T01:30:00Z", "skipped 2026-03-29T02:30:00Z"},
		{"before the time of day that is left out", []Freeze{skipped}, "2026-03-29T01:29:59Z", ""},
		{"left out and shorter than the time since the reset", []Freeze{short}, "2026-03-29T01:40:00Z",
			"short 2026-03-29T01:50:00Z"},
		{"the day after", []Freeze{skipped}, "2026-03-30T00:30:00Z", "skipped 2026-03-30T01:30:00Z"},
		{"at a time of day that comes twice, first", []Freeze{twice}, "2026-10-25T00:30:00Z", "twice 2026-10-25T01:00:00Z"},
		{"at a time of day that comes twice, between", []Freeze{twice}, "2026-10-25T01:00:00Z", ""},
		{"at a time of day that comes twice, again", []Freeze{twice}, "2026-10-25T01:30:00Z", "twice 2026-10-25T02:00:00Z"},
		{"on a leap day", []Freeze{leap}, "2028-02-29T23:59:59Z", "leap 2028-03-01T00:00:00Z"},
		{"years from a leap day", []Freeze{leap}, "2026-02-28T12:00:00Z", ""},
		{"a whole month", []Freeze{month}, "2026-11-30T23:00:00Z", "month 2026-12-02T00:00:00Z"},
		{"on a day that a zone left out", []Freeze{samoa}, "2011-12-30T19:30:00Z", "samoa 2011-12-30T20:00:00Z"},
		{"a window that cannot be read", []Freeze{{Name: "bad", Cron: "x", Duration: Duration(time.Hour)}},
			"2026-11-22T12:00:00Z", ""},
		{"a zone that cannot be read", []Freeze{{Name: "bad", Cron: "* * * * *", Duration: Duration(time.Hour),
			TimeZone: "Nowhere"}}, "2026-11-22T12:00:00Z", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			now := instant(t, test.now)
			if window, frozen := (Settings{Freezes: test.freezes}).Frozen("ecs:davit/web", now); frozen {
				got = window.Name + " " + window.Ends.UTC().Format(time.RFC3339Nano)
				if window.Opened.After(now) {
					t.Errorf("opened at %v, after now", window.Opened)
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFrozenIsForTheWorkloadsThatTheWindowNames(t *testing.T) {
	freeze := Freeze{Name: "f", Cron: "* * * * *", Duration: Duration(time.Hour)}
	for _, test := range []struct {
		patterns []string
		workload string
		want     bool
	}{
		{nil, "ecs:davit/web", true},
		{[]string{"ecs:production/*"}, "ecs:production/web", true},
		{[]string{"ecs:production/*"}, "ecs:davit/web", false},
		{[]string{"ecs:a/*", "ecs:*/web"}, "ecs:davit/web", true},
		{[]string{"eks:*/shop/*"}, "eks:blue/shop/cart", true},
		{[]string{"eks:*/*"}, "eks:blue/shop/cart", true},
	} {
		freeze.Workloads = test.patterns
		_, got := Settings{Freezes: []Freeze{freeze}}.Frozen(test.workload, time.Unix(1e9, 0))
		if got != test.want {
			t.Errorf("%v for %s: frozen %t, want %t", test.patterns, test.workload, got, test.want)
		}
	}
}

// lastOpening is what Freeze.opened must answer, found by looking at every minute of the clock on the wall.
func lastOpening(t interface{ Fatal(...any) }, freeze Freeze, now time.Time) (opened time.Time, open bool) {
	schedule, err := parseCron(freeze.Cron)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := location(freeze.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	wallOf := func(at time.Time) time.Time {
		at = at.In(zone)
		return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
	}
	consider := func(at time.Time, wall time.Time) {
		fires := schedule.Next(wall.Add(-time.Second)).Equal(wall)
		inside := !at.After(now) && at.Add(time.Duration(freeze.Duration)).After(now)
		if fires && inside && (!open || at.After(opened)) {
			opened, open = at, true
		}
	}
	first := now.Add(-time.Duration(freeze.Duration) - 2*time.Hour).Truncate(time.Minute)
	for at := first; !at.After(now); at = at.Add(time.Minute) {
		wall, before := wallOf(at), wallOf(at.Add(-time.Minute))
		consider(at, wall)
		for skipped := before.Add(time.Minute); skipped.Before(wall); skipped = skipped.Add(time.Minute) {
			consider(at.Add(skipped.Sub(before)-time.Minute), skipped)
		}
	}
	return opened, open
}

func TestFrozenAgreesWithTheClockOnTheWall(t *testing.T) {
	// Instants near the resets of clocks: Oslo by an hour each way, Lord Howe by half an hour, New York.
	resets := []time.Time{
		time.Date(2026, time.March, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, time.October, 25, 1, 0, 0, 0, time.UTC),
		time.Date(2026, time.April, 4, 15, 0, 0, 0, time.UTC), time.Date(2026, time.October, 3, 15, 30, 0, 0, time.UTC),
		time.Date(2026, time.March, 8, 7, 0, 0, 0, time.UTC), time.Date(2026, time.July, 1, 0, 0, 0, 0, time.UTC),
	}
	rapid.Check(t, func(t *rapid.T) {
		hour := rapid.SampledFrom([]string{"0", "1", "2", "3", "1-2", "*", "*/6", "23"}).Draw(t, "hour")
		minute := rapid.SampledFrom([]string{"0", "15", "30", "59", "*/20", "*"}).Draw(t, "minute")
		day := rapid.SampledFrom([]string{"* * *", "* * 0", "* * 0,6", "29 * *", "1-5 4 *"}).Draw(t, "day")
		freeze := Freeze{
			Name: "f", Cron: fmt.Sprintf("%s %s %s", minute, hour, day),
			Duration: Duration(rapid.SampledFrom([]time.Duration{time.Minute, 20 * time.Minute, time.Hour, 90 * time.Minute,
				5 * time.Hour, 26 * time.Hour}).Draw(t, "duration")),
			TimeZone: rapid.SampledFrom([]string{"", "Europe/Oslo", "Australia/Lord_Howe", "America/New_York"}).Draw(t, "zone"),
		}
		now := rapid.SampledFrom(resets).Draw(t, "reset").
			Add(time.Duration(rapid.Int64Range(int64(-4*time.Hour), int64(30*time.Hour)).Draw(t, "from the reset")))
		if rapid.Bool().Draw(t, "at a full minute") {
			now = now.Truncate(time.Minute)
		}
		wantOpened, want := lastOpening(t, freeze, now)
		window, got := Settings{Freezes: []Freeze{freeze}}.Frozen("ecs:davit/web", now)
		if got != want || want && !window.Opened.Equal(wantOpened) {
			t.Fatalf("%+v at %v: got %t from %v, want %t from %v", freeze, now, got, window.Opened, want, wantOpened)
		}
	})
}

func BenchmarkFrozen(b *testing.B) {
	settings := Settings{Freezes: []Freeze{
		{Name: "weekend", Cron: "0 18 * * 5", Duration: Duration(62 * time.Hour), TimeZone: "Europe/Oslo"},
		{Name: "often", Cron: "* * * * *", Duration: Duration(31 * 24 * time.Hour), TimeZone: "Europe/Oslo"},
		{Name: "leap", Cron: "0 0 29 2 *", Duration: Duration(time.Hour)},
	}}
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		if _, frozen := settings.Frozen("ecs:davit/web", now); !frozen {
			b.Fatal("not frozen")
		}
	}
}
