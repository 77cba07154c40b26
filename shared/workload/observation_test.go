package workload_test

import (
	"testing"

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
