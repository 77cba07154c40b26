package workload_test

import (
	"testing"
	"time"

	"davit/shared/workload"
)

func TestObservationFindsItsDeployments(t *testing.T) {
	observation := workload.Observation{Deployments: []workload.Deployment{
		{ID: "ecs-svc/1", State: workload.Failed}, {ID: "ecs-svc/2", Primary: true}, {ID: "", State: workload.Completed},
	}}
	if primary, found := observation.Primary(); !found || primary.ID != "ecs-svc/2" {
		t.Errorf("the primary one is %+v, %t", primary, found)
	}
	if deployment, found := observation.Deployment("ecs-svc/1"); !found || deployment.State != workload.Failed {
		t.Errorf("ecs-svc/1 is %+v, %t", deployment, found)
	}
	for _, id := range []string{"", "ecs-svc/3"} {
		if deployment, found := observation.Deployment(id); found {
			t.Errorf("%q is %+v", id, deployment)
		}
	}
	if primary, found := (workload.Observation{}).Primary(); found {
		t.Errorf("nothing has the primary deployment %+v", primary)
	}
}

func TestADeploymentProgressesBesideAnOlderPrimary(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	primary := workload.Deployment{ID: "ecs-svc/2", Primary: true, State: workload.Completed, CreatedAt: noon}
	older := workload.Deployment{ID: "ecs-svc/1", State: workload.InProgress, CreatedAt: noon.Add(-time.Minute)}
	green := workload.Deployment{ID: "ecs-svc/3", State: workload.InProgress, CreatedAt: noon.Add(time.Minute)}
	failed := workload.Deployment{ID: "ecs-svc/3", State: workload.Failed, CreatedAt: noon.Add(time.Minute)}
	begun := workload.Deployment{ID: "ecs-svc/2", Primary: true, State: workload.InProgress, CreatedAt: noon}
	for _, test := range []struct {
		listed []workload.Deployment
		want   string
	}{
		{nil, ""},
		{[]workload.Deployment{primary, older, failed}, ""},
		{[]workload.Deployment{older, primary, green}, green.ID},
		{[]workload.Deployment{older, begun}, begun.ID},
	} {
		if got, found := (workload.Observation{Deployments: test.listed}).Progressing(); got.ID != test.want || found != (test.want != "") {
			t.Errorf("of %+v %q is progressing, want %q", test.listed, got.ID, test.want)
		}
	}
}
