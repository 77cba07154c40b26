package rollout

import (
	"context"
	"testing"
	"time"

	"davit/shared/ledger"
	"davit/shared/settings"
)

// fridayNight is frozen from Friday 18:00 to Monday 08:00 in Oslo, where clocks go forward on 29 March 2026, in between.
var fridayNight = settings.Freeze{Name: "weekend", Cron: "0 18 * * 5", Duration: settings.Duration(61 * time.Hour), TimeZone: "Europe/Oslo"}

func TestWhatWasPushedDuringAFreezeRollsOutWhenItEnds(t *testing.T) {
	opens, ends := time.Date(2026, 3, 27, 17, 0, 0, 0, time.UTC), time.Date(2026, 3, 30, 6, 0, 0, 0, time.UTC)
	told := func(s *scene) {
		s.record.Refusal = &ledger.Refusal{Code: string(Frozen), Digest: digest("b"), Text: "1.1.0 would roll out, but it is frozen"}
	}
	cases := []struct {
		name   string
		at     time.Time
		change func(*scene)
		action Action
		code   Code
	}{
		{"a push just before it", opens.Add(-1), func(s *scene) { s.push("b", "1.1.0") }, Roll, NewerImage},
		{"a push at its first instant", opens, func(s *scene) { s.push("b", "1.1.0") }, Refuse, Frozen},
		{"a sweep at its last instant", ends.Add(-1), told, Refuse, Frozen},
		{"a sweep at its end", ends, told, Roll, NewerImage},
		{"a sweep an hour after", ends.Add(time.Hour), told, Roll, NewerImage},
		{"the push's own event, once it is over", ends, func(s *scene) { told(s); s.push("b", "1.1.0") }, Roll, NewerImage},
		{"a request that waited for it", ends, func(s *scene) {
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "operator", Why: "try it", At: opens}
		}, Roll, Requested},
		{"the same request during it", ends.Add(-1), func(s *scene) {
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "operator", Why: "try it", At: opens}
		}, Refuse, Frozen},
		{"at its end, but within another", ends, func(s *scene) {
			told(s)
			s.settings.Freezes = append(s.settings.Freezes, settings.Freeze{Name: "monday", Cron: "0 0 * * 1", Duration: settings.Duration(24 * time.Hour)})
		}, Refuse, Frozen},
		{"at its end, but held", ends, func(s *scene) { told(s); s.seen.Workload.Settings.Hold = "release review" }, Refuse, Held},
		{"at its end, with what runs already the best", ends, func(s *scene) {
			told(s)
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
		}, Nothing, UpToDate},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			s := newScene()
			s.now, s.settings.Freezes = test.at, []settings.Freeze{fridayNight}
			test.change(s)
			if got := s.decide(); got.Action != test.action || got.Code != test.code {
				t.Errorf("at %s decided %s [%s]: %s; want %s [%s]", test.at, got.Action, got.Code, got.Reason, test.action, test.code)
			}
		})
	}
}

// The same with the ledger between: the refusal is told once, and nothing but the sweep leads to the rollout.
func TestTheSweepAfterAFreezeRollsOutWhatItKeptBack(t *testing.T) {
	w, intake, queued := quietWorld(t)
	w.now = time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	w.reconciler.Settings = func(context.Context) (settings.Settings, error) {
		return settings.Settings{Version: settings.Version, Freezes: []settings.Freeze{fridayNight}}, nil
	}
	service := w.services[w.order[0]]
	sweep := func() {
		t.Helper()
		*queued = nil
		messages := [][]byte{event("aws.events", "Scheduled Event", "arn:aws:events:eu-west-1:123456789012:rule/sweep", `{}`)}
		for len(messages) > 0 {
			if err := intake.Handle(context.Background(), messages[0], 1); err != nil {
				t.Fatal(err)
			}
			messages = append(messages[1:], *queued...)
			*queued = nil
		}
	}
	sweep()
	w.images = append(w.images, image("a", "1.0.0", 0))
	if err := intake.Handle(context.Background(), pushEvent("a", "1.0.0", "SUCCESS"), 1); err != nil {
		t.Fatal(err)
	}
	for w.now.Before(time.Date(2026, 3, 30, 6, 0, 0, 0, time.UTC)) {
		sweep()
		if running := service.digest(service.primary().Revision); running == digest("a") {
			t.Fatalf("it rolled out at %s, during the freeze", w.now)
		}
		w.now = w.now.Add(6 * time.Hour)
	}
	if told := w.told[" refuse"]; told != 1 {
		t.Errorf("the refusal was told %d times", told)
	}
	if record := w.record(w.order[0]); record.Refusal == nil || record.Refusal.Code != string(Frozen) {
		t.Errorf("the record says %+v", record.Refusal)
	}
	sweep()
	if running := service.digest(service.primary().Revision); running != digest("a") {
		t.Errorf("the service is on %s at %s, after the freeze", running, w.now)
	}
}
