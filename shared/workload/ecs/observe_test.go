package ecs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"davit/shared/rollout"
	"davit/shared/workload"
)

// service is a description as ECS gives it, with the changes of a test.
func service(cluster, name string, changes object) object {
	described := object{
		"serviceName": name, "serviceArn": serviceARN(cluster, name), "status": "ACTIVE",
		"desiredCount": 2, "runningCount": 1, "taskDefinition": revisionARN("web:7"),
		"deployments": array{object{
			"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": revisionARN("web:7"), "rolloutState": "COMPLETED",
			"rolloutStateReason": "ECS deployment ecs-svc/1 completed.", "desiredCount": 2, "runningCount": 1,
			"createdAt": 1700000000,
		}},
	}
	maps.Copy(described, changes)
	return described
}

// onServices answers DescribeServices from a fleet by "CLUSTER/SERVICE".
func (w *wire) onServices(fleet map[string]object) {
	w.serve("DescribeServices", func(body string) answer {
		var asked struct {
			Cluster  string
			Services []string
		}
		if err := json.Unmarshal([]byte(body), &asked); err != nil {
			w.t.Error(err)
		}
		found, failures := array{}, array{}
		for _, name := range asked.Services {
			if described, exists := fleet[asked.Cluster+"/"+name]; exists {
				found = append(found, described)
				continue
			}
			failures = append(failures, object{"arn": serviceARN(asked.Cluster, name), "reason": "MISSING"})
		}
		return ok(object{"services": found, "failures": failures})
	})
}

// onRevisions answers DescribeTaskDefinition with a small revision of the ARN asked for.
func (w *wire) onRevisions() {
	w.serve("DescribeTaskDefinition", func(body string) answer {
		arn := decode(w.t, body)["taskDefinition"].(string)
		return ok(object{"taskDefinition": object{"taskDefinitionArn": arn, "family": "web", "containerDefinitions": array{
			object{"name": "web", "image": "000000000000.dkr.ecr.ap-northeast-2.amazonaws.com/web:1"},
			object{"name": "log", "image": "public.ecr.aws/fluent/bit:3"},
		}}})
	})
}

func TestObserve(t *testing.T) {
	w := newWire(t)
	w.onServices(map[string]object{"davit/web": service("davit", "web", object{
		"tags": array{
			object{"key": "davit/policy", "value": "semver:1.x"}, object{"key": "davit/container", "value": "web"},
			object{"key": "davit/repository", "value": "shop"}, object{"key": "davit/hold", "value": "operator: audit"},
			object{"key": "davit/playbook", "value": "restart"}, object{"key": "team", "value": "shop"},
		},
		"deploymentConfiguration": object{"deploymentCircuitBreaker": object{"enable": true, "rollback": true}},
	})})
	w.onRevisions()
	web := reference(t, "ecs:davit/web")
	got, err := w.driver().Observe(t.Context(), []workload.Reference{web, web})
	if err != nil {
		t.Fatal(err)
	}
	want := map[workload.Reference]workload.Observation{web: {
		Workload: web, Exists: true,
		Settings: workload.Settings{
			Policy: "semver:1.x", Container: "web", Repository: "shop", Hold: "operator: audit", Playbook: "restart",
		},
		Account: account, Region: region, RollsBack: true, Revision: revisionARN("web:7"),
		Containers: []workload.Container{
			{Name: "web", Image: "000000000000.dkr.ecr.ap-northeast-2.amazonaws.com/web:1"},
			{Name: "log", Image: "public.ecr.aws/fluent/bit:3"},
		},
		Deployments: []workload.Deployment{{
			ID: "ecs-svc/1", Revision: revisionARN("web:7"), Primary: true, State: workload.Completed,
			Reason: "ECS deployment ecs-svc/1 completed.", CreatedAt: time.Unix(1700000000, 0).UTC(), Desired: 2, Running: 1,
		}},
		Desired: 2, Running: 1,
	}}
	if difference := cmp.Diff(want, got, cmp.AllowUnexported(workload.Reference{})); difference != "" {
		t.Errorf("observation (-want +got):\n%s", difference)
	}
	wantAsked := map[string]any{"cluster": "davit", "services": array{"web"}, "include": array{"TAGS"}}
	if difference := cmp.Diff(wantAsked, decode(t, w.bodies("DescribeServices")[0])); difference != "" {
		t.Errorf("asked for a service that was named twice (-want +got):\n%s", difference)
	}
}

func TestObserveReadsTheService(t *testing.T) {
	breaker := func(enable, rollback bool) object {
		return object{"deploymentConfiguration": object{
			"deploymentCircuitBreaker": object{"enable": enable, "rollback": rollback}}}
	}
	strategy := func(name string) object {
		return object{"deploymentConfiguration": object{"strategy": name}}
	}
	for _, test := range []struct {
		name    string
		changes object
		holds   func(workload.Observation) bool
	}{
		{"a circuit breaker with rollback puts back", breaker(true, true), rollsBack},
		{"a circuit breaker without rollback does not put back", breaker(true, false), not(rollsBack)},
		{"a circuit breaker that is off does not put back", breaker(false, true), not(rollsBack)},
		{"no deployment configuration does not put back", nil, not(rollsBack)},
		{"blue/green shifts traffic and alone does not put back", strategy("BLUE_GREEN"), shiftsTraffic},
		{"linear shifts traffic and alone does not put back", strategy("LINEAR"), shiftsTraffic},
		{"canary shifts traffic and alone does not put back", strategy("CANARY"), shiftsTraffic},
		{"rolling neither shifts traffic nor puts back", strategy("ROLLING"), func(o workload.Observation) bool { return !o.ShiftsTraffic && !o.RollsBack }},
		{"blue/green with a circuit breaker puts back", object{"deploymentConfiguration": object{"strategy": "BLUE_GREEN",
			"deploymentCircuitBreaker": object{"enable": true, "rollback": true}}}, rollsBack},
		{"an alarm alone does not put back",
			object{"deploymentConfiguration": object{"alarms": object{"enable": true, "rollback": true, "alarmNames": array{}}}},
			not(rollsBack)},
		{"CodeDeploy's own rollback is not ECS's", object{
			"deploymentController":    object{"type": "CODE_DEPLOY"},
			"deploymentConfiguration": object{"deploymentCircuitBreaker": object{"enable": true, "rollback": true}}},
			func(o workload.Observation) bool { return !o.RollsBack && strings.Contains(o.Blocked, "CODE_DEPLOY") }},
		{"a controller that is named is kept", object{"deploymentController": object{"type": "EXTERNAL"}},
			func(o workload.Observation) bool { return strings.Contains(o.Blocked, "EXTERNAL") }},
		{"without a controller it is ECS", nil, func(o workload.Observation) bool { return o.Blocked == "" }},
		{"an inactive service does not exist", object{"status": "INACTIVE"},
			func(o workload.Observation) bool { return !o.Exists && o.Revision == "" }},
		{"a draining service does not exist", object{"status": "DRAINING"},
			func(o workload.Observation) bool { return !o.Exists }},
		{"the revision is the primary deployment's", object{"taskDefinition": revisionARN("web:9")},
			func(o workload.Observation) bool { return o.Revision == revisionARN("web:7") }},
		{"without deployments the revision is the primary task set's", object{"deployments": array{}, "taskSets": array{
			object{"status": "ACTIVE", "taskDefinition": revisionARN("web:3")},
			object{"status": "PRIMARY", "taskDefinition": revisionARN("web:4")}}},
			func(o workload.Observation) bool { return o.Revision == revisionARN("web:4") }},
		{"without deployments and task sets the revision is the service's", object{"deployments": array{}},
			func(o workload.Observation) bool { return o.Revision == revisionARN("web:7") }},
		{"a service without any revision has no containers", object{"deployments": array{}, "taskDefinition": ""},
			func(o workload.Observation) bool { return o.Exists && o.Revision == "" && len(o.Containers) == 0 }},
		{"a failed deployment beside the primary one", object{"deployments": array{
			object{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": revisionARN("web:7"), "rolloutState": "IN_PROGRESS"},
			object{"id": "ecs-svc/2", "status": "ACTIVE", "rolloutState": "FAILED", "failedTasks": 3}}},
			func(o workload.Observation) bool {
				failed, found := o.Deployment("ecs-svc/2")
				return found && failed.State == workload.Failed && !failed.Primary && failed.FailedTasks == 3
			}},
		{"without rollout states a primary deployment that runs alone has completed", object{"deployments": array{
			object{"id": "ecs-svc/1", "status": "PRIMARY", "desiredCount": 2, "runningCount": 2}}}, primaryIs(workload.Completed)},
		{"without rollout states one with pending tasks has not", object{"deployments": array{object{
			"id": "ecs-svc/1", "status": "PRIMARY", "desiredCount": 2, "runningCount": 2, "pendingCount": 1}}},
			primaryIs(workload.InProgress)},
		{"without rollout states one with too few tasks has not", object{"deployments": array{object{
			"id": "ecs-svc/1", "status": "PRIMARY", "desiredCount": 2, "runningCount": 1}}}, primaryIs(workload.InProgress)},
		{"without rollout states one that is not alone has not", object{"deployments": array{
			object{"id": "ecs-svc/1", "status": "PRIMARY", "desiredCount": 2, "runningCount": 2},
			object{"id": "ecs-svc/0", "status": "ACTIVE", "desiredCount": 2, "runningCount": 1}}},
			primaryIs(workload.InProgress)},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onServices(map[string]object{"davit/web": service("davit", "web", test.changes)})
			w.onRevisions()
			web := reference(t, "ecs:davit/web")
			got, err := w.driver().Observe(t.Context(), []workload.Reference{web})
			if err != nil {
				t.Fatal(err)
			}
			if !test.holds(got[web]) {
				t.Errorf("it does not hold of %+v", got[web])
			}
		})
	}
}

func rollsBack(o workload.Observation) bool { return o.RollsBack }

func shiftsTraffic(o workload.Observation) bool { return o.ShiftsTraffic && !o.RollsBack }

func not(holds func(workload.Observation) bool) func(workload.Observation) bool {
	return func(o workload.Observation) bool { return !holds(o) }
}

func primaryIs(state workload.DeploymentState) func(workload.Observation) bool {
	return func(o workload.Observation) bool {
		primary, found := o.Primary()
		return found && primary.State == state
	}
}

// fleet is services of two clusters, every service of its own revision.
func fleet(t testing.TB, perCluster int) (map[string]object, []workload.Reference) {
	described := map[string]object{}
	var references []workload.Reference
	for _, cluster := range []string{"north", "south"} {
		for number := range perCluster {
			name := fmt.Sprintf("web-%d", number)
			revision := revisionARN(fmt.Sprintf("%s-%s:1", cluster, name))
			described[cluster+"/"+name] = service(cluster, name, object{"deployments": array{object{
				"id": "ecs-svc/" + name, "status": "PRIMARY", "taskDefinition": revision, "rolloutState": "COMPLETED"}}})
			references = append(references, reference(t, "ecs:"+cluster+"/"+name))
		}
	}
	return described, references
}

func TestObserveAsksInBatchesOfTenAndDescribesARevisionOnce(t *testing.T) {
	w := newWire(t)
	described, references := fleet(t, 25)
	w.onServices(described)
	w.onRevisions()
	driver := w.driver()
	for range 2 {
		got, err := driver.Observe(t.Context(), references)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 50 {
			t.Fatalf("%d observations, want 50", len(got))
		}
	}
	counts := map[string]int{
		"services": w.count("DescribeServices"), "revisions": w.count("DescribeTaskDefinition"),
	}
	want := map[string]int{"services": 2 * 6, "revisions": 50}
	if difference := cmp.Diff(want, counts); difference != "" {
		t.Errorf("calls of two observations (-want +got):\n%s", difference)
	}
}

func TestObserveSharesARevisionBetweenServices(t *testing.T) {
	w := newWire(t)
	w.onServices(map[string]object{"davit/a": service("davit", "a", nil), "davit/b": service("davit", "b", nil)})
	w.onRevisions()
	references := []workload.Reference{reference(t, "ecs:davit/a"), reference(t, "ecs:davit/b")}
	got, err := w.driver().Observe(t.Context(), references)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range references {
		if len(got[one].Containers) != 2 {
			t.Errorf("%s has containers %v, want two", one, got[one].Containers)
		}
	}
	if calls := w.count("DescribeTaskDefinition"); calls != 1 {
		t.Errorf("%d descriptions of one revision, want 1", calls)
	}
}

func TestObserveAMissingClusterConcernsOnlyItsServices(t *testing.T) {
	w := newWire(t)
	w.serve("DescribeServices", func(body string) answer {
		if decode(t, body)["cluster"] == "lost" {
			return fault(http.StatusBadRequest, "ClusterNotFoundException", "Cluster not found.")
		}
		return ok(object{"services": array{service("davit", "web", nil)}})
	})
	w.onRevisions()
	lost, web, missing := reference(t, "ecs:lost/web"), reference(t, "ecs:davit/web"), reference(t, "ecs:davit/none")
	got, err := w.driver().Observe(t.Context(), []workload.Reference{lost, web, missing})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[lost].Exists || !got[web].Exists || got[missing].Exists {
		t.Errorf("observed %+v, want three and only %s to exist", got, web)
	}
}

func TestObserveFaults(t *testing.T) {
	throttle := fault(http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	for _, test := range []struct {
		name, operation string
		answer          answer
		words           []string
		denied          string
		calls           int
		others          bool
	}{
		{"a throttle that lasts is an error after the retries", "DescribeServices", throttle,
			[]string{"ecs:davit/web", "ecs:DescribeServices", "ThrottlingException"}, "", 3, false},
		{"a server's fault that lasts is an error after the retries", "DescribeServices",
			fault(http.StatusInternalServerError, "ServerException", "Service Unavailable"),
			[]string{"ecs:davit/web", "ServerException"}, "", 3, false},
		{"a denied call names what to allow", "DescribeServices",
			fault(http.StatusBadRequest, "AccessDeniedException", "no"),
			[]string{`"Action":"ecs:DescribeServices"`}, "ecs:DescribeServices", 1, false},
		{"a failure that is not a missing service is an error", "DescribeServices",
			ok(object{"failures": array{object{"arn": "arn:x", "reason": "BROKEN", "detail": "why"}}}),
			[]string{"arn:x", "BROKEN", "why"}, "", 1, false},
		{"a revision that cannot be described is an error", "DescribeTaskDefinition",
			fault(http.StatusBadRequest, "ClientException", "Unable to describe task definition."),
			[]string{"ecs:davit/web", "web:7", "Unable to describe"}, "", 1, false},
		{"a revision without an answer is an error", "DescribeTaskDefinition", ok(object{}),
			[]string{"ecs:davit/web", "no task definition"}, "", 1, false},
		{"a revision that is not JSON is an error", "DescribeTaskDefinition", ok("{"),
			[]string{"ecs:davit/web"}, "", 1, false},
		{"a revision without end is an error", "DescribeTaskDefinition", ok(strings.Repeat(" ", 1<<20) + "{}"),
			[]string{"ecs:davit/web", "longer than 1 MiB"}, "", 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onServices(map[string]object{"davit/web": service("davit", "web", nil)})
			w.onRevisions()
			w.on(test.operation, test.answer)
			web := reference(t, "ecs:davit/web")
			got, err := w.driver().Observe(t.Context(), []workload.Reference{web})
			wantError(t, err, test.words...)
			var denied *rollout.Denied
			if errors.As(err, &denied) != (test.denied != "") || denied != nil && denied.Action != test.denied {
				t.Errorf("denied is %+v, want %q", denied, test.denied)
			}
			if _, observed := got[web]; observed != test.others {
				t.Errorf("observed is %v, want %v", observed, test.others)
			}
			if calls := w.count(test.operation); calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func TestObserveAFaultOfOneClusterLeavesTheOthersObserved(t *testing.T) {
	w := newWire(t)
	w.serve("DescribeServices", func(body string) answer {
		if decode(t, body)["cluster"] == "broken" {
			return fault(http.StatusBadRequest, "AccessDeniedException", "no")
		}
		return ok(object{"services": array{service("davit", "web", nil)}})
	})
	w.onRevisions()
	web := reference(t, "ecs:davit/web")
	got, err := w.driver().Observe(t.Context(), []workload.Reference{reference(t, "ecs:broken/web"), web})
	wantError(t, err, "ecs:broken/web")
	if keys := slices.Collect(maps.Keys(got)); len(keys) != 1 || !got[web].Exists || len(got[web].Containers) != 2 {
		t.Errorf("observed %+v, want all of %s and nothing else", got, web)
	}
}

func TestObserveRefusesAnotherKind(t *testing.T) {
	_, err := newWire(t).driver().Observe(t.Context(), []workload.Reference{reference(t, "eks:davit/shop/web")})
	wantError(t, err, "eks:davit/shop/web", "not an ECS service")
}

func TestObserveNothingMakesNoCall(t *testing.T) {
	w := newWire(t)
	got, err := w.driver().Observe(t.Context(), nil)
	if err != nil || len(got) != 0 || w.count("") != 0 {
		t.Errorf("observed %v, %v with %d calls, want nothing", got, err, w.count(""))
	}
}

// BenchmarkObserveTenServices tells the price of a look: AWS calls for ten services of one cluster, with the revisions
// not yet known and known.
func BenchmarkObserveTenServices(b *testing.B) {
	for _, known := range []bool{false, true} {
		b.Run(map[bool]string{false: "new-revisions", true: "known-revisions"}[known], func(b *testing.B) {
			w := newWire(b)
			described, references := fleet(b, 10)
			w.onServices(described)
			w.onRevisions()
			references = references[:10]
			driver := w.driver()
			if _, err := driver.Observe(b.Context(), references); err != nil {
				b.Fatal(err)
			}
			before := w.count("")
			for b.Loop() {
				if !known {
					driver = w.driver()
				}
				if _, err := driver.Observe(b.Context(), references); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(w.count("")-before)/float64(b.N), "calls/op")
		})
	}
}
