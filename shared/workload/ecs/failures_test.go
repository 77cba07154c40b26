package ecs_test

import (
	"fmt"
	"testing"

	"davit/shared/workload"
)

// bringingUp is a service with the policy tag whose deployment ecs-svc/2 is under way.
func bringingUp(changes object) object {
	described := service("davit", "web", object{
		"tags": array{object{"key": "davit/policy", "value": "semver:1.x"}},
		"deployments": array{object{"id": "ecs-svc/2", "status": "PRIMARY", "taskDefinition": revisionARN("web:8"),
			"rolloutState": "IN_PROGRESS", "desiredCount": 2, "createdAt": 1700000000}},
	})
	for key, value := range changes {
		described[key] = value
	}
	return described
}

func TestObserveCountsTheFailedTasksThatNoCircuitBreakerJudges(t *testing.T) {
	breaker := object{"deploymentConfiguration": object{"deploymentCircuitBreaker": object{"enable": true, "rollback": true}}}
	cases := []struct {
		name    string
		service object
		want    int
		lists   int
	}{
		{"tasks that exited, did not start or failed their health checks", bringingUp(nil), 3, 1},
		{"a circuit breaker judges for itself", bringingUp(breaker), 0, 0},
		{"a service that did not opt in is not judged", bringingUp(object{"tags": array{}}), 0, 0},
		{"a service at rest is not judged", service("davit", "web", object{"tags": array{object{"key": "davit/policy", "value": "newest"}}}), 0, 0},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onServices(map[string]object{"davit/web": test.service})
			w.onRevisions()
			w.onTasks(task("1"), task("2", object{"stopCode": "TaskFailedToStart"}),
				task("3", object{"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Task failed container health checks"}),
				task("4", object{"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by deployment"}),
				task("5", object{"stopCode": "UserInitiated"}), task("6", object{"startedBy": "ecs-svc/1"}))
			web := reference(t, "ecs:davit/web")
			got, err := w.driver().Observe(t.Context(), []workload.Reference{web})
			if err != nil {
				t.Fatal(err)
			}
			primary, _ := got[web].Primary()
			if primary.FailedTasks != test.want || w.count("ListTasks") != test.lists {
				t.Errorf("%d failed tasks after %d listings, want %d after %d", primary.FailedTasks, w.count("ListTasks"), test.want, test.lists)
			}
		})
	}
}

func TestObserveCountsTheFailedTasksOfManyServicesAtOnce(t *testing.T) {
	const many = 60
	fleet, references := map[string]object{}, []workload.Reference{}
	for number := range many {
		name := fmt.Sprintf("web-%d", number)
		fleet["davit/"+name] = bringingUp(object{"serviceName": name, "serviceArn": serviceARN("davit", name)})
		references = append(references, reference(t, "ecs:davit/"+name))
	}
	w := newWire(t)
	w.onServices(fleet)
	w.onRevisions()
	w.onTasks(task("1"), task("2"), task("3"))
	got, err := w.driver().Observe(t.Context(), references)
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range references {
		if primary, _ := got[reference].Primary(); primary.FailedTasks != 3 {
			t.Errorf("%s: %d failed tasks, want 3", reference, primary.FailedTasks)
		}
	}
}

func TestObserveTellsThatFailedTasksCouldNotBeCounted(t *testing.T) {
	w := newWire(t)
	w.onServices(map[string]object{"davit/web": bringingUp(nil)})
	w.onRevisions()
	w.on("ListTasks", fault(400, "AccessDeniedException", "no"))
	_, err := w.driver().Observe(t.Context(), []workload.Reference{reference(t, "ecs:davit/web")})
	wantError(t, err, "ecs:davit/web", "count the failed tasks", "ecs:ListTasks")
}
