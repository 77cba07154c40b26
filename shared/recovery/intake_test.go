package recovery

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"
	"testing"
	"time"

	"davit/events"
	"davit/shared/settings"
	"davit/shared/workload"
)

func TestACountThatFailsCostsNoLook(t *testing.T) {
	w, service := calm(t)
	w.alive, w.memory.fleet.Workloads = []bool{true}, 0
	queued := 0
	intake := &Intake{Reconciler: w.reconciler, Log: w.reconciler.Log,
		Open: func(context.Context) iter.Seq2[workload.Reference, error] {
			return maps.All(map[workload.Reference]error{service.reference: nil})
		},
		Count:   func(context.Context) (int, error) { return 0, errThrottled },
		Enqueue: func(_ context.Context, bodies [][]byte, _ time.Duration) error { queued += len(bodies); return nil }}
	err := intake.schedule(t.Context(), events.Event{ID: "tick", Time: w.now, Account: "123456789012", Region: "eu-west-1"})
	if !errors.Is(err, errThrottled) || queued != 1 {
		t.Errorf("it queued %d messages and answered %v", queued, err)
	}
}

// hostEvent is what AWS tells of a host, at noon.
func hostEvent(t *testing.T, source, kind, detail string) events.Event {
	t.Helper()
	parsed, err := events.Parse(hostBody(source, kind, detail))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func hostBody(source, kind, detail string) []byte {
	return fmt.Appendf(nil, `{"version":"0","id":"1f8e2f6a-0000-4000-8000-000000000002","detail-type":%q,"source":%q,"account":"123456789012",`+
		`"time":%q,"region":"eu-west-1","resources":[],"detail":%s}`, kind, source, noon.Format(time.RFC3339), detail)
}

func TestAHostThatEndsConcernsDavitOnlyWhereNobodyElseDrainsIt(t *testing.T) {
	ends := func(hook, origin, destination string) events.Event {
		return hostEvent(t, "aws.autoscaling", "EC2 Instance-terminate Lifecycle Action", fmt.Sprintf(`{"AutoScalingGroupName":"workers",`+
			`"LifecycleHookName":%q,"EC2InstanceId":"i-0123456789abcdef0","LifecycleTransition":"autoscaling:EC2_INSTANCE_TERMINATING",`+
			`"Origin":%q,"Destination":%q}`, hook, origin, destination))
	}
	for _, test := range []struct {
		name  string
		event events.Event
		none  string
	}{
		{"a hook of the user's own", ends("mine", "AutoScalingGroup", "EC2"), ""},
		{"a hook of the user's own, of before there were warm pools", ends("mine", "", ""), ""},
		{"the hook of managed draining", ends("ecs-managed-draining-termination-hook", "AutoScalingGroup", "EC2"), "ECS drains this host itself"},
		{"a host that goes to the warm pool", ends("mine", "AutoScalingGroup", "WarmPool"), "goes to the warm pool of its group"},
		{"a host of the warm pool that ends", ends("mine", "WarmPool", "EC2"), "runs nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			concerns, none, err := new(Intake).Concerns(t.Context(), test.event)
			switch {
			case err != nil:
				t.Fatal(err)
			case test.none != "" && (len(concerns) != 0 || !strings.Contains(none, test.none)):
				t.Errorf("it concerns %v, %q", concerns, none)
			case test.none == "" && (len(concerns) != 1 || concerns[0].Cause.Signal.Playbook != SpotInterruption):
				t.Errorf("it concerns %v, %q", concerns, none)
			}
		})
	}
}

func disconnects(instance string) []byte {
	return hostBody("aws.ecs", "ECS Container Instance State Change", fmt.Sprintf(`{"clusterArn":"arn:aws:ecs:eu-west-1:123456789012:cluster/production",`+
		`"containerInstanceArn":"arn:aws:ecs:eu-west-1:123456789012:container-instance/production/0123","ec2InstanceId":%q,`+
		`"status":"ACTIVE","agentConnected":false,"version":7}`, instance))
}

// Agents lose their connection several times an hour, and have it again at once.
func TestAnAgentWithoutConnectionIsGivenTime(t *testing.T) {
	for _, test := range []struct {
		name         string
		disconnected int64
		playbook     string
		opens        int
	}{
		{"and opens nothing where it connects again", 0, settings.ReservedPlaybook, 0},
		{"and opens nothing where it connected again, and lost it anew", 9, settings.ReservedPlaybook, 0},
		{"and opens an incident where it does not", 7, settings.ReservedPlaybook, 1},
		{"and opens nothing of a host that did not opt in", 7, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(1, 1, faults{}, noBug)
			host := w.services[w.order[0]]
			host.playbook, host.disconnected, host.broken = test.playbook, 7, true
			w.now, w.alive, w.of = noon.Add(time.Minute), []bool{true}, w.order
			var queued [][]byte
			var delay time.Duration
			intake := &Intake{Reconciler: w.reconciler, Log: w.reconciler.Log, Enqueue: func(_ context.Context, bodies [][]byte, after time.Duration) error {
				queued, delay = append(queued, bodies...), after
				return nil
			}}
			body := disconnects(host.reference.Name())
			if err := intake.Handle(t.Context(), body, 1); err != nil {
				t.Fatal(err)
			}
			if len(queued) != 1 || string(queued[0]) != string(body) || delay != 4*time.Minute || len(w.record(host.reference).Recovery.Incidents) != 0 {
				t.Fatalf("after a minute it queued %q in %s, and the record is %+v", queued, delay, w.record(host.reference).Recovery)
			}
			w.now = noon.Add(5 * time.Minute)
			host.disconnected, host.broken = test.disconnected, test.disconnected != 0
			if err := intake.Handle(t.Context(), queued[0], 1); err != nil {
				t.Fatal(err)
			}
			if open := w.record(host.reference).Recovery.Incidents; len(open) != test.opens || len(w.memory.fleet.Openings) != test.opens || len(queued) != 1 {
				t.Errorf("after 5 minutes it opened %+v, of which the fleet knows %+v, and queued %d", open, w.memory.fleet.Openings, len(queued)-1)
			}
		})
	}
}

func TestAHostOutsideAWSIsAcknowledged(t *testing.T) {
	event, err := events.Parse(disconnects("mi-0123456789abcdef0"))
	if err != nil {
		t.Fatal(err)
	}
	concerns, none, err := new(Intake).Concerns(t.Context(), event)
	if err != nil || len(concerns) != 0 || !strings.Contains(none, "outside AWS") {
		t.Errorf("it concerns %v, %q, %v", concerns, none, err)
	}
}

// Services that were made before 2021 may have an ARN without the cluster, and none of them can carry a tag.
func TestADeploymentWhoseServiceNamesNoClusterIsNobodys(t *testing.T) {
	deployment := func(arn string) events.Event {
		t.Helper()
		parsed, err := events.Parse(fmt.Appendf(nil, `{"version":"0","id":"1f8e2f6a-0000-4000-8000-000000000001",`+
			`"detail-type":"ECS Deployment State Change","source":"aws.ecs","account":"123456789012","time":"2026-03-02T12:00:00Z",`+
			`"region":"eu-west-1","resources":[%q],"detail":{"eventType":"INFO","eventName":"SERVICE_DEPLOYMENT_COMPLETED",`+
			`"deploymentId":"ecs-svc/1","reason":"done"}}`, arn))
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	intake := new(Intake)
	concerns, none, err := intake.Concerns(t.Context(), deployment("arn:aws:ecs:eu-west-1:123456789012:service/web"))
	if err != nil || len(concerns) != 0 || none == "" {
		t.Errorf("it concerns %v, %q, %v", concerns, none, err)
	}
	concerns, none, err = intake.Concerns(t.Context(), deployment("arn:aws:ecs:eu-west-1:123456789012:service/production/web"))
	if err != nil || len(concerns) != 1 || concerns[0].Workload.String() != "ecs:production/web" || none != "" {
		t.Errorf("one that names it concerns %v, %q, %v", concerns, none, err)
	}
	if _, _, err = intake.Concerns(t.Context(), deployment("arn:aws:ecs:eu-west-1:123456789012:service/production/web/more")); err == nil {
		t.Error("what is no ARN of a service is acknowledged")
	}
}
