package recovery

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"strings"
	"testing"
	"time"

	"davit/events"
	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

func TestAStormLastsWhileManyIncidentsComeAndNoLonger(t *testing.T) {
	limits, fleet, serial := settings.Limits{}.WithDefaults(), ledger.Fleet{}, 0
	opens := func(at time.Time, times int) {
		for range times {
			serial++
			reference, err := workload.ECSService("production", fmt.Sprintf("web-%d", serial))
			if err != nil {
				t.Fatal(err)
			}
			gather(&fleet, ledger.Opening{Workload: reference, Incident: fmt.Sprintf("inc-%d", serial), At: at}, limits)
		}
	}
	opens(noon, limits.StormIncidents-1)
	if fleet.Storm != nil {
		t.Fatalf("%d incidents are a storm: %+v", limits.StormIncidents-1, fleet.Storm)
	}
	opens(noon, 1)
	if fleet.Storm == nil || !fleet.Storm.Until.Equal(noon.Add(15*time.Minute)) {
		t.Fatalf("the storm is %+v", fleet.Storm)
	}
	first := fleet.Storm.ID
	opens(noon.Add(14*time.Minute), limits.StormIncidents)
	if fleet.Storm == nil || fleet.Storm.ID != first || !fleet.Storm.Until.Equal(noon.Add(29*time.Minute)) {
		t.Fatalf("the storm that goes on is %+v", fleet.Storm)
	}
	for at := noon.Add(20 * time.Minute); at.Before(noon.Add(time.Hour)); at = at.Add(5 * time.Minute) {
		opens(at, 1)
	}
	if (view{now: noon.Add(time.Hour), fleet: fleet}).storm() {
		t.Errorf("one incident in 5 minutes keeps the storm up: %+v", fleet.Storm)
	}
}

func TestAStormThatComesBeforeTheLastOneWasToldIsToldWithIt(t *testing.T) {
	limits := settings.Limits{StormIncidents: 1}.WithDefaults()
	for name, paged := range map[string]time.Time{"untold": {}, "told": noon} {
		t.Run(name, func(t *testing.T) {
			fleet := ledger.Fleet{Storm: &ledger.Storm{ID: "storm-1", Since: noon, Until: noon.Add(15 * time.Minute), PagedAt: paged}}
			at := noon.Add(30 * time.Minute)
			gather(&fleet, ledger.Opening{Incident: "inc-1", At: at}, limits)
			if storm := fleet.Storm; storm == nil || (storm.ID == "storm-1") != paged.IsZero() || !toTell(storm, at) || !storm.Until.Equal(noon.Add(45*time.Minute)) {
				t.Errorf("the storm is %+v", storm)
			}
		})
	}
}

func TestAStormThatNobodyWasToldOfIsToldAfterItsEnd(t *testing.T) {
	web, err := workload.ECSService("production", "web")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		after time.Duration
		paged bool
		told  int
	}{
		{"a moment later", time.Minute, false, 1},
		{"most of an hour later", 59 * time.Minute, false, 1},
		{"but not much later", time.Hour, false, 0},
		{"nor one that was told", time.Minute, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, _ := calm(t)
			storm := &ledger.Storm{ID: "storm-1", Since: w.now, Until: w.now.Add(15 * time.Minute)}
			if test.paged {
				storm.PagedAt = w.now
			}
			w.memory.fleet.Storm = storm
			w.memory.fleet.Openings = []ledger.Opening{{Workload: w.order[1], Incident: "inc-1", At: w.now}}
			heard := &listener{Reporter: w.reconciler.Reporter}
			w.reconciler.Reporter = heard
			w.now = storm.Until.Add(test.after)
			gather(&w.memory.fleet, ledger.Opening{Workload: web, Incident: "inc-2", At: w.now}, settings.Limits{}.WithDefaults())
			if (view{now: w.now, fleet: w.memory.fleet}).storm() {
				t.Error("it holds acts up after its end")
			}
			w.alive, w.of = []bool{true}, w.order[1:2]
			intake := Intake{Reconciler: w.reconciler, Log: w.reconciler.Log,
				Open: func(context.Context) iter.Seq2[workload.Reference, error] {
					return maps.All(map[workload.Reference]error{})
				},
				Count: func(context.Context) (int, error) { return w.optedIn, nil }}
			for range 2 {
				if err := intake.schedule(t.Context(), events.Event{ID: "tick", Time: w.now}); err != nil {
					t.Fatal(err)
				}
			}
			if w.told[davit.DetailTypeStorm] != test.told {
				t.Fatalf("it was told %d times, want %d", w.told[davit.DetailTypeStorm], test.told)
			}
			last := heard.last(davit.DetailTypeStorm)
			if test.told > 0 && (!strings.Contains(last.Reason, "stood back until 2026-01-05T12:15:00Z") || strings.Contains(strings.Join(last.Evidence, ""), web.String())) {
				t.Errorf("a human was told %+v", last)
			}
		})
	}
}
