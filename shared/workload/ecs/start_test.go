package ecs_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/rollout"
	"davit/shared/workload"
)

func deployment(id, status, revision string, createdAt int) object {
	return object{"id": id, "status": status, "taskDefinition": revisionARN(revision), "createdAt": createdAt}
}

func TestStartSendsTheRevisionAndNothingElse(t *testing.T) {
	w := newWire(t)
	w.on("UpdateService", ok(object{"service": object{"deployments": array{
		deployment("ecs-svc/2", "PRIMARY", "web:8", 2), deployment("ecs-svc/1", "ACTIVE", "web:7", 1)}}}))
	id, err := w.driver().Start(t.Context(), workload.Observation{Workload: reference(t, "ecs:davit/web")}, rollout.Start{Revision: revisionARN("web:8")})
	if err != nil || id != "ecs-svc/2" {
		t.Fatalf("started %q, %v, want ecs-svc/2", id, err)
	}
	want := map[string]any{"cluster": "davit", "service": "web", "taskDefinition": revisionARN("web:8")}
	if difference := cmp.Diff(want, decode(t, w.bodies("UpdateService")[0])); difference != "" {
		t.Errorf("sent (-want +got):\n%s", difference)
	}
}

func TestStart(t *testing.T) {
	running := func(deployments ...any) answer { return ok(object{"service": object{"deployments": deployments}}) }
	for _, test := range []struct {
		name    string
		answers []answer
		want    string
		refused bool
		words   []string
	}{
		{"the primary deployment counts, not an older one of the same revision",
			[]answer{running(deployment("ecs-svc/9", "ACTIVE", "web:8", 9), deployment("ecs-svc/3", "PRIMARY", "web:8", 3))},
			"ecs-svc/3", false, nil},
		{"where another is still primary the newest of the revision counts",
			[]answer{running(deployment("ecs-svc/1", "PRIMARY", "web:7", 1), deployment("ecs-svc/2", "ACTIVE", "web:8", 2),
				deployment("ecs-svc/4", "ACTIVE", "web:8", 4), deployment("ecs-svc/3", "ACTIVE", "web:8", 3))},
			"ecs-svc/4", false, nil},
		{"a throttle and a server's fault are tried again",
			[]answer{fault(http.StatusBadRequest, "ThrottlingException", "slow"),
				fault(http.StatusInternalServerError, "ServerException", "oops"),
				running(deployment("ecs-svc/2", "PRIMARY", "web:8", 2))}, "ecs-svc/2", false, nil},
		{"an answer without a deployment of the revision is an error",
			[]answer{running(deployment("ecs-svc/1", "PRIMARY", "web:7", 1))}, "", false,
			[]string{"ecs:davit/web", "web:8", "without a deployment"}},
		{"an answer without a service is an error", []answer{ok(object{})}, "", false, []string{"without a deployment"}},
		{"a service that is gone is refused",
			[]answer{fault(http.StatusBadRequest, "ServiceNotFoundException", "Service not found.")}, "", true,
			[]string{"gone", "Service not found"}},
		{"a service that is being deleted is refused",
			[]answer{fault(http.StatusBadRequest, "ServiceNotActiveException", "Service was not ACTIVE.")}, "", true,
			[]string{"gone"}},
		{"a cluster that is gone is refused",
			[]answer{fault(http.StatusBadRequest, "ClusterNotFoundException", "Cluster not found.")}, "", true,
			[]string{"gone"}},
		{"a revision that ECS does not take is refused",
			[]answer{fault(http.StatusBadRequest, "InvalidParameterException", "TaskDefinition is inactive")}, "", true,
			[]string{"web:8", "TaskDefinition is inactive"}},
		{"a denied call names what to allow, on which service",
			[]answer{fault(http.StatusBadRequest, "AccessDeniedException", "no")}, "", false,
			[]string{`"Action":"ecs:UpdateService"`, "service/davit/web"}},
		{"a server's fault that lasts is an error",
			[]answer{fault(http.StatusInternalServerError, "ServerException", "oops")}, "", false,
			[]string{"ecs:davit/web", "ecs:UpdateService", "oops"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.on("UpdateService", test.answers...)
			id, err := w.driver().Start(t.Context(), workload.Observation{Workload: reference(t, "ecs:davit/web")}, rollout.Start{Revision: revisionARN("web:8")})
			if id != test.want {
				t.Errorf("started %q, want %q", id, test.want)
			}
			if test.words != nil {
				wantError(t, err, test.words...)
			} else if err != nil {
				t.Error(err)
			}
			if isRefused(err) != test.refused {
				t.Errorf("refused is %v, want %v: %v", isRefused(err), test.refused, err)
			}
		})
	}
}

func TestRemember(t *testing.T) {
	w := newWire(t)
	w.on("PutParameter", ok(object{"Version": 2}))
	if err := w.driver().Remember(t.Context(), reference(t, "ecs:davit/web"), base+"@"+digest); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"Name": "/davit/image/ecs/davit/web", "Value": base + "@" + digest, "Type": "String", "Overwrite": true,
	}
	if difference := cmp.Diff(want, decode(t, w.bodies("PutParameter")[0])); difference != "" {
		t.Errorf("sent (-want +got):\n%s", difference)
	}
}

func TestRememberFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer answer
		words  []string
	}{
		{"a denied call names what to allow, on which parameter",
			fault(http.StatusBadRequest, "AccessDeniedException", "no"),
			[]string{"ecs:davit/web", `"Action":"ssm:PutParameter"`, "parameter/davit/image/ecs/davit/web"}},
		{"a fault that lasts is an error", fault(http.StatusInternalServerError, "InternalServerError", "oops"),
			[]string{"ecs:davit/web", "ssm:PutParameter", "oops"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.on("PutParameter", test.answer)
			wantError(t, w.driver().Remember(t.Context(), reference(t, "ecs:davit/web"), "web@"+digest), test.words...)
		})
	}
}
