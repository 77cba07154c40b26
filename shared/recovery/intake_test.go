package recovery

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"testing"
	"time"

	"davit/events"
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
