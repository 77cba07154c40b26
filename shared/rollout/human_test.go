package rollout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/events/davit"
	"davit/events/envelope"
	"davit/shared/ledger"
	"davit/shared/publisher"
	"davit/shared/telemetry"
)

// ask gives an order on the world's first workload, without any fault.
func (w *world) ask(t *testing.T, action Action, alter func(*ledger.Record) ledger.Entry) {
	t.Helper()
	given := Order{Action: action, Workload: w.order[0], Who: "oncall"}
	if _, err := given.Give(t.Context(), w.memory, w.now, func(record *ledger.Record) (ledger.Entry, error) { return alter(record), nil }); err != nil {
		t.Fatal(err)
	}
}

// bus keeps what is published, or is down.
type bus struct {
	down   bool
	events []publisher.Event
}

func (b *bus) PublishAll(_ context.Context, events []publisher.Event) error {
	if b.down {
		return errors.New("the bus is down")
	}
	b.events = append(b.events, events...)
	return nil
}

func (b *bus) kinds() []string {
	var kinds []string
	for _, event := range b.events {
		kinds = append(kinds, event.DetailType)
	}
	return kinds
}

// tellingWorld is a quiet world with one service that follows the newest image and whose acts are published.
func tellingWorld() (*world, *modelService, *bus, *bytes.Buffer) {
	w, published, metrics := newWorld(1, 1, faults{}), new(bus), new(bytes.Buffer)
	w.reconciler.Reporter = &Announcer{Publisher: published, Metrics: telemetry.NewMetrics(metrics)}
	service := w.services[w.order[0]]
	service.settings.Policy, service.rollsBack = "newest", true
	return w, service, published, metrics
}

// pushGood pushes an image that works and is visible at once.
func (w *world) pushGood() string {
	w.push()
	clear(w.bad)
	clear(w.visible)
	w.rest()
	return w.images[len(w.images)-1].Digest
}

func TestWhatAHumanDoesIsToldByTheNextLookAndOnce(t *testing.T) {
	w, service, published, metrics := tellingWorld()
	w.rest()
	first := w.pushGood()
	w.advance(time.Minute)
	second := w.pushGood()
	for _, given := range []struct {
		action Action
		kind   string
		alter  func(*ledger.Record) ledger.Entry
	}{
		{HumanHold, davit.DetailTypeWorkloadHeld, func(record *ledger.Record) ledger.Entry {
			return Hold(record, ledger.Hold{Who: "oncall", Why: "load test", At: w.now})
		}},
		{HumanResume, davit.DetailTypeWorkloadResumed, func(record *ledger.Record) ledger.Entry { return Resume(record, "") }},
		{HumanRollback, davit.DetailTypeRolloutRequested, func(record *ledger.Record) ledger.Entry {
			return Ask(record, ledger.Request{Image: ledger.Image{Digest: first}, Who: "oncall", Why: "slow", Override: true, At: w.now})
		}},
		{HumanForgive, davit.DetailTypeImagesForgiven, func(record *ledger.Record) ledger.Entry {
			Forgive(record, second)
			return ledger.Entry{Reason: "it may be tried again", Image: &ledger.Image{Digest: second}}
		}},
		{HumanRollout, davit.DetailTypeRolloutRequested, func(record *ledger.Record) ledger.Entry {
			return Ask(record, ledger.Request{Image: ledger.Image{Digest: second}, Who: "oncall", Why: "again", At: w.now})
		}},
	} {
		published.events = nil
		metrics.Reset()
		w.ask(t, given.action, given.alter)
		w.sweep()
		w.work()
		if kinds := published.kinds(); len(kinds) == 0 || kinds[0] != given.kind {
			t.Errorf("%s: %v are told, not %s first", given.action, kinds, given.kind)
		}
		w.rest()
		if count := len(slices.DeleteFunc(published.kinds(), func(kind string) bool { return kind != given.kind })); count != 1 {
			t.Errorf("%s was told %d times: %v", given.action, count, published.kinds())
		}
		if count := strings.Count(metrics.String(), `"HumanActs":1`); count != 1 {
			t.Errorf("%s was counted %d times:\n%s", given.action, count, metrics)
		}
		detail := published.events[0].Detail.(davit.Rollout)
		if detail.Who != "oncall" || detail.Action != string(given.action) || detail.Code != "requested" || detail.Rollout != "" ||
			detail.Cause != "davit "+string(given.action)+" by oncall" {
			t.Errorf("%s is told as %+v", given.action, detail)
		}
		encoded, err := json.Marshal(detail)
		if err != nil || detail.Complete(envelope.Envelope{}) != nil {
			t.Errorf("%s cannot be read: %s, %v", given.action, encoded, err)
		}
	}
	if running := service.digest(service.primary().Revision); running != second || len(w.record(w.order[0]).Announcements) != 0 {
		t.Errorf("it runs %s with the record %+v", running, w.record(w.order[0]))
	}
}

func TestABusThatIsDownStopsNobodyFromGoingBack(t *testing.T) {
	w, service, published, _ := tellingWorld()
	w.rest()
	first := w.pushGood()
	w.advance(time.Minute)
	w.pushGood()
	published.down, published.events = true, nil
	w.ask(t, HumanRollback, func(record *ledger.Record) ledger.Entry {
		return Ask(record, ledger.Request{Image: ledger.Image{Digest: first}, Who: "oncall", Why: "slow", Override: true, At: w.now})
	})
	w.rest()
	if running := service.digest(service.primary().Revision); running != first {
		t.Fatalf("it runs %s, not %s", running, first)
	}
	published.down = false
	w.rest()
	for _, kind := range []string{davit.DetailTypeRolloutRequested, davit.DetailTypeRolloutStarted, davit.DetailTypeRolloutSucceeded} {
		if !slices.Contains(published.kinds(), kind) {
			t.Errorf("%q was never told: %v", kind, published.kinds())
		}
	}
}

func TestTooMuchThatIsUntoldStopsTheFunctions(t *testing.T) {
	w, service, published, _ := tellingWorld()
	w.rest()
	first := w.pushGood()
	published.down = true
	for range ledger.MaximumAnnouncements {
		w.ask(t, HumanHold, func(record *ledger.Record) ledger.Entry {
			return Hold(record, ledger.Hold{Who: "oncall", Why: "x", At: w.now})
		})
	}
	w.ask(t, HumanResume, func(record *ledger.Record) ledger.Entry { return Resume(record, "") })
	w.pushGood()
	if running := service.digest(service.primary().Revision); running != first {
		t.Errorf("it runs %s, and nobody heard of it", running)
	}
	published.down = false
	w.rest()
	if running := service.digest(service.primary().Revision); running == first {
		t.Error("it does nothing although all is told")
	}
}

func TestWhatIsPutBackIsToldOnceAlsoByWhoFinishesIt(t *testing.T) {
	w, service, published, metrics := tellingWorld()
	service.rollsBack = false
	w.rest()
	w.pushGood()
	w.push()
	clear(w.visible)
	w.bad[w.images[1].Digest] = true
	w.sweep()
	w.work()
	// Whoever puts it back dies right after the intent.
	w.forbidden.start = errDied
	for phase := ledger.Started; phase != ledger.PuttingBack; phase = w.record(service.reference).Rollout.Phase {
		w.advance(time.Minute)
		w.sweep()
		w.work()
	}
	w.forbidden.start = nil
	w.rest()
	putting := 0
	for _, kind := range published.kinds() {
		if kind == davit.DetailTypeRolloutPuttingBack {
			putting++
		}
	}
	if putting != 1 || strings.Count(metrics.String(), `"RolloutsPutBack":1`) != 1 {
		t.Errorf("it was told %d times: %v\n%s", putting, published.kinds(), metrics)
	}
	if running := service.digest(service.primary().Revision); running != w.images[0].Digest {
		t.Errorf("it runs %s", running)
	}
}

// during is a ledger in which a human gives an order at the moment when a rollout's start is about to be written.
type during struct {
	Ledger
	order func()
}

func (d *during) Write(ctx context.Context, record ledger.Record, entries ...ledger.Entry) (ledger.Record, error) {
	if record.Rollout != nil && record.Rollout.Phase == ledger.Started && d.order != nil {
		order := d.order
		d.order = nil
		order()
	}
	return d.Ledger.Write(ctx, record, entries...)
}

func TestAHoldInTheMiddleOfAnActDelaysNeither(t *testing.T) {
	w, service, _, _ := tellingWorld()
	w.rest()
	w.reconciler.Ledger = &during{Ledger: w.reconciler.Ledger, order: func() {
		w.ask(t, HumanHold, func(record *ledger.Record) ledger.Entry {
			return Hold(record, ledger.Hold{Who: "oncall", Why: "x", At: w.now})
		})
	}}
	w.push()
	clear(w.bad)
	clear(w.visible)
	w.sweep()
	w.work()
	record := w.record(service.reference)
	if record.Rollout == nil || record.Rollout.Phase != ledger.Started || record.Rollout.Deployment != service.primary().ID || record.Hold == nil {
		t.Errorf("the record has the rollout %+v and the hold %+v", record.Rollout, record.Hold)
	}
}
