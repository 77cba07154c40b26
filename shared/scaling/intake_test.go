package scaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/events"
	"davit/events/cloudwatch"
	"davit/events/davit"
	"davit/shared/names"
	"davit/shared/workload"
)

func body(source, detailType, resource, detail string) []byte {
	return fmt.Appendf(nil, `{"version":"0","id":"1","source":%q,"detail-type":%q,"account":"111122223333","region":"us-east-1",`+
		`"time":"2026-11-23T12:00:00Z","resources":[%q],"detail":%s}`, source, detailType, resource, detail)
}

const (
	alarmARN   = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:busy"
	serviceARN = "arn:aws:ecs:us-east-1:111122223333:service/shop/web"
	alarmOn    = `{"alarmName":"busy","state":{"value":"ALARM"}}`
)

func TestAnEventSaysWhichWorkloadToLookAt(t *testing.T) {
	web := service(nil).Workload
	tests := map[string]struct {
		event []byte
		tags  map[string]string
		want  bool
		says  string
	}{
		"an alarm of scaling":              {body("aws.cloudwatch", "CloudWatch Alarm State Change", alarmARN, alarmOn), map[string]string{names.TagScaling: "out"}, true, "busy is ALARM"},
		"an alarm of something else":       {body("aws.cloudwatch", "CloudWatch Alarm State Change", alarmARN, alarmOn), nil, false, "no davit/scaling tag"},
		"an alarm with an unknown tag":     {body("aws.cloudwatch", "CloudWatch Alarm State Change", alarmARN, alarmOn), map[string]string{names.TagScaling: "up"}, false, `"out" or "in"`},
		"an alarm that names no workload":  {body("aws.cloudwatch", "CloudWatch Alarm State Change", alarmARN, alarmOn), map[string]string{names.TagScaling: "in", "lost": "yes"}, false, "tag it"},
		"tasks that found no place":        {body("aws.ecs", "ECS Service Action", serviceARN, `{"eventType":"ERROR","eventName":"SERVICE_TASK_PLACEMENT_FAILURE","clusterArn":"arn:aws:ecs:us-east-1:111122223333:cluster/shop"}`), nil, true, "PLACEMENT"},
		"a tag of scaling that changed":    {body("aws.tag", "Tag Change on Resource", serviceARN, `{"changed-tag-keys":["davit/scaling"],"service":"ecs","resource-type":"service"}`), nil, true, "tags"},
		"another tag that changed":         {body("aws.tag", "Tag Change on Resource", serviceARN, `{"changed-tag-keys":["davit/policy"],"service":"ecs","resource-type":"service"}`), nil, false, "no tag of scaling"},
		"a message that davit sent itself": {body("davit", davit.DetailTypeReconcile, "", `{"version":"1","workloads":["ecs:shop/web"],"cause":"sweep"}`), nil, true, "sweep"},
		"what is none of scaling's":        {body("aws.glue", "Glue Job State Change", "x", `{}`), nil, false, "scales nothing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			intake := &Intake{
				AlarmTags: func(context.Context, string) (map[string]string, error) { return test.tags, nil },
				Workload: func(context.Context, *cloudwatch.AlarmStateChange) (workload.Reference, error) {
					if test.tags["lost"] != "" {
						return workload.Reference{}, &Unresolved{Reason: "names none: tag it"}
					}
					return web, nil
				}}
			event, err := events.Parse(test.event)
			if err != nil {
				t.Fatal(err)
			}
			have, cause, err := intake.Concerns(context.Background(), event)
			if err != nil || (len(have) == 1 && have[0] == web) != test.want || !strings.Contains(cause.Text, test.says) {
				t.Errorf("%v because %q, %v", have, cause.Text, err)
			}
		})
	}
}

func TestTheSweepAndTheNextLookAreMessagesThatAreUnderstood(t *testing.T) {
	w := newWorld(service(nil))
	var sent [][]byte
	var delays []time.Duration
	web, err := workload.EKSDeployment("shop", "default", "web")
	if err != nil {
		t.Fatal(err)
	}
	intake := &Intake{Reconciler: w.Reconciler, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Fleet: func(context.Context) iter.Seq2[workload.Reference, error] {
			return func(yield func(workload.Reference, error) bool) {
				_ = yield(w.platform.seen.Workload, nil) && yield(web, nil)
			}
		},
		Enqueue: func(_ context.Context, bodies [][]byte, delay time.Duration) error {
			sent, delays = append(sent, bodies...), append(delays, delay)
			return nil
		}}
	w.Reconciler.LookAgain = intake.LookAgain
	ctx := context.Background()
	down, listed := errors.New("tag:GetResources: throttled"), intake.Fleet
	intake.Fleet = func(context.Context) iter.Seq2[workload.Reference, error] {
		return func(yield func(workload.Reference, error) bool) {
			_ = yield(workload.Reference{}, down) && yield(web, nil)
		}
	}
	for attempt := 1; attempt <= 3; attempt++ {
		if err := intake.Handle(ctx, body("aws.events", "Scheduled Event", "rule", `{}`), attempt); !errors.Is(err, down) || len(sent) != min(attempt, 2) {
			t.Errorf("a sweep of which a part cannot be listed, attempt %d: %v, and %d messages were sent", attempt, err, len(sent))
		}
	}
	intake.Fleet, sent, delays = listed, nil, nil
	if err := intake.Handle(ctx, body("aws.events", "Scheduled Event", "rule", `{}`), 1); err != nil || len(sent) != 1 {
		t.Fatalf("the sweep sent %d messages, %v", len(sent), err)
	}
	// The Deployment on EKS is acknowledged, and the service is scaled and looked at again after its cooldown.
	if err := intake.Handle(ctx, sent[0], 1); err != nil || w.platform.seen.Desired != 5 {
		t.Fatalf("after the sweep there are %d, %v", w.platform.seen.Desired, err)
	}
	if len(sent) != 2 || delays[1] != 2*time.Minute {
		t.Fatalf("it sent %d messages, the last after %v", len(sent), delays)
	}
	w.now = w.now.Add(delays[1])
	if err := intake.Handle(ctx, sent[1], 1); err != nil || w.platform.seen.Desired != 6 {
		t.Errorf("after the next look there are %d, %v", w.platform.seen.Desired, err)
	}
	if err := intake.Handle(ctx, []byte("{"), 1); err == nil {
		t.Error("what cannot be read is acknowledged")
	}
}

// TestTheSweepEndsWhatIsUnfinishedOfADeletedWorkload has nothing that carries the tag.
func TestTheSweepEndsWhatIsUnfinishedOfADeletedWorkload(t *testing.T) {
	deleted := func(w *world) { w.platform.seen = Observation{Workload: w.platform.seen.Workload} }
	for name, test := range map[string]struct {
		before func(t *testing.T, w *world)
		told   []Action
	}{
		"an act": {func(t *testing.T, w *world) {
			w.platform.fails = errors.New("throttled")
			if _, err := w.Reconcile(t.Context(), w.platform.seen.Workload, Cause{Text: "alarm", Alarm: alarm}); !errors.Is(err, w.platform.fails) {
				t.Fatal(err)
			}
		}, []Action{Abandon}},
		"an announcement": {func(t *testing.T, w *world) {
			w.mute = errors.New("the bus is down")
			if _, err := w.Reconcile(t.Context(), w.platform.seen.Workload, Cause{Text: "alarm", Alarm: alarm}); !errors.Is(err, w.mute) {
				t.Fatal(err)
			}
			w.mute = nil
		}, []Action{Scale}},
		"nothing": {func(t *testing.T, w *world) { w.until(t, -1) }, []Action{Scale}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(service(nil))
			var sent [][]byte
			intake := &Intake{Reconciler: w.Reconciler, Log: w.Log,
				Fleet: func(context.Context) iter.Seq2[workload.Reference, error] {
					return func(func(workload.Reference, error) bool) {}
				},
				Enqueue: func(_ context.Context, bodies [][]byte, _ time.Duration) error {
					sent = append(sent, bodies...)
					return nil
				}}
			test.before(t, w)
			deleted(w)
			w.now = w.now.Add(15 * time.Minute)
			for range 2 {
				if err := intake.Handle(t.Context(), body("aws.events", "Scheduled Event", "rule", `{}`), 1); err != nil {
					t.Fatal(err)
				}
				for _, message := range sent {
					if err := intake.Handle(t.Context(), message, 1); err != nil {
						t.Fatal(err)
					}
				}
			}
			var told []Action
			for _, one := range w.told {
				told = append(told, Action(one.Action))
			}
			if !slices.Equal(told, test.told) || w.record(t).Scaling.Unfinished() {
				t.Errorf("told %v, and the record says %+v", told, w.record(t).Scaling)
			}
			if name == "nothing" && len(sent) > 0 {
				t.Errorf("what is finished was looked at %d times", len(sent))
			}
		})
	}
}
