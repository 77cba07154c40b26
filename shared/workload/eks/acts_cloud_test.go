package eks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/cmd/davit/kubernetes"
	"davit/shared/backoff"
	"davit/shared/ledger"
	"davit/shared/recovery"
	"davit/shared/rollout"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
	"davit/shared/workload/eks"
	"davit/shared/workload/eks/cluster"
)

// alarming answers as CloudWatch does for a workload with one alarm, which is on.
type alarming struct{}

func (alarming) Alarms(context.Context, []ledger.ScalingAlarm) ([]scaling.Alarm, error) {
	return []scaling.Alarm{{Name: "busy", Direction: scaling.Out, State: "ALARM", Since: time.Now()}}, nil
}

// annotate sets annotations of the workload as its owner; a name with a minus at its end is removed. A Deployment's controller
// has to see them as any change.
func (r *rig) annotate(t *testing.T, reference workload.Reference, annotations ...string) {
	t.Helper()
	r.on.Kubectl(t, append([]string{"-n", r.namespace, "annotate", "--overwrite", string(reference.Controller()), "web"}, annotations...)...)
}

// podUIDs are those of the pods that are not being deleted.
func (r *rig) podUIDs(t *testing.T) []string {
	t.Helper()
	return strings.Fields(r.on.Kubectl(t, "-n", r.namespace, "get", "pods", "-o",
		"go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.uid}} {{end}}{{end}}"))
}

// suffers is what the driver of remedies sees.
func (r *rig) suffers(t *testing.T, reference workload.Reference) recovery.Observation {
	t.Helper()
	seen, err := eks.NewRemedies(r.driver).Observe(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// act does the step, and then again as whoever finishes an act that was interrupted. Together they change the workload once.
func (r *rig) act(t *testing.T, seen recovery.Observation, act ledger.Act) recovery.Done {
	t.Helper()
	if why := seen.Cannot[settings.Do(act.Do)]; why != "" {
		t.Fatalf("it cannot %s: %s", act.Do, why)
	}
	generation := func() (count int) {
		t.Helper()
		if _, err := fmt.Sscan(r.get(t, seen.Workload, ".metadata.generation"), &count); err != nil {
			t.Fatal(err)
		}
		return count
	}
	before := generation()
	done, err := eks.NewRemedies(r.driver).Act(t.Context(), seen, act, false)
	if err != nil {
		t.Fatal(err)
	}
	again, err := eks.NewRemedies(r.driver).Act(t.Context(), seen, act, true)
	if err != nil {
		t.Fatal(err)
	}
	if after := generation(); after != before+1 || again.Deployment != done.Deployment {
		t.Errorf("%s went from generation %d to %d, and finishing it from %s to %s", act.Do, before, after, done.Deployment, again.Deployment)
	}
	return done
}

func intent(seen recovery.Observation, do settings.Do) ledger.Act {
	act := seen.Intent(do)
	act.ID, act.IntendedAt = "act-1", time.Now()
	return act
}

// replicated are the kinds that have a count, and what their spec needs beside it.
var replicated = map[workload.Controller]struct{ kind, spec string }{
	workload.ControllerDeployment:  {"Deployment", "  replicas: 2"},
	workload.ControllerStatefulSet: {"StatefulSet", "  replicas: 2\n  serviceName: web"},
}

func TestARemedyRestartsAndScalesOutAndBack(t *testing.T) {
	for controller, test := range replicated {
		t.Run(test.kind, func(t *testing.T) {
			r := newRigOf(t, eks.RecoverGroup)
			_, image := r.repository(t)
			web := r.deploy(t, controller, manifest(test.kind, image, test.spec, ""))
			r.annotate(t, web, "davit/policy-", "davit/container-", "davit/playbook=service-unhealthy")
			r.ready(t, web)
			old := r.podUIDs(t)
			seen := r.suffers(t, web)
			if !seen.OptedIn() || !seen.Healthy || seen.Desired != 2 || len(old) != 2 {
				t.Fatalf("with the pods %v it is seen as %+v", old, seen)
			}
			restarted := r.act(t, seen, intent(seen, settings.Restart))
			r.ready(t, web)
			for _, pod := range r.podUIDs(t) {
				if slices.Contains(old, pod) {
					t.Errorf("pod %s of %v is still there", pod, old)
				}
			}
			seen = r.suffers(t, web)
			if primary, _ := seen.Primary(); primary.ID != restarted.Deployment || !seen.Healthy {
				t.Errorf("the restart was %+v, and it is seen as %+v", restarted, seen)
			}

			undo := intent(seen, settings.ScaleOut)
			out := r.act(t, seen, undo)
			if want := (ledger.Undo{Do: string(settings.ScaleOut), From: 2, To: 3}); undo.Undo == nil || *undo.Undo != want {
				t.Fatalf("the undo of %q is %+v", out.Text, undo.Undo)
			}
			r.ready(t, web)
			if seen = r.suffers(t, web); seen.Desired != 3 || seen.Running != 3 || !seen.Healthy {
				t.Errorf("a step out it is seen as %+v", seen)
			}
			undo.Undoes = undo.Undo
			r.act(t, seen, undo)
			r.ready(t, web)
			if seen = r.suffers(t, web); seen.Desired != 2 {
				t.Errorf("taken back it is seen as %+v", seen)
			}
			if primary, _ := seen.Primary(); primary.ID != restarted.Deployment {
				t.Errorf("the count made a template %s of %s", primary.ID, restarted.Deployment)
			}
		})
	}
}

func TestARemedyRaisesTheMemoryOfWhatWasKilledForIt(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	repository, image := r.repository(t)
	base, _, _ := strings.Cut(image, "@")
	greedy := base + "@" + cloud.Push(t, repository, "1.1.0", map[string]string{kubernetes.LabelOOM: "true"})
	// The container that wants memory is the second one, and both have the same limit.
	r.on.ApplyTo(t, r.namespace, strings.NewReplacer(proxy, greedy, `davit/policy: "semver:1.x", davit/container: web`,
		`davit/playbook: out-of-memory, davit/memory-limit: "319"`).Replace(manifest("Deployment", image, "  replicas: 1", `
          resources: {limits: {memory: 256Mi}}`)))
	web := r.reference(t, workload.ControllerDeployment)
	r.on.Kubectl(t, "-n", r.namespace, "set", "resources", "deployment/web", "--containers=proxy", "--limits=cpu=1,memory=256Mi",
		"--requests=memory=128Mi")
	var seen recovery.Observation
	for began := time.Now(); seen.Memory == 0; seen = r.suffers(t, web) {
		if time.Since(began) > outcomeLimit {
			t.Fatalf("nothing is killed for want of memory: %+v", seen)
		}
		if err := backoff.Wait(t.Context(), 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if seen.Memory != 256 || seen.NextMemory != 320 || !strings.Contains(seen.Cannot[settings.RaiseMemory], "its owner allows 319") {
		t.Fatalf("below the next step it is seen as %+v", seen)
	}
	r.annotate(t, web, "davit/memory-limit=320")
	seen = r.suffers(t, web)
	raised := r.act(t, seen, intent(seen, settings.RaiseMemory))
	if !strings.Contains(raised.Text, "of container proxy from 256 to 320 MiB") {
		t.Errorf("it did %+v", raised)
	}
	want := `{"limits":{"memory":"256Mi"}} {"limits":{"cpu":"1","memory":"320Mi"},"requests":{"memory":"160Mi"}}`
	if resources := r.get(t, web, ".spec.template.spec.containers[*].resources"); resources != want {
		t.Errorf("the resources are %s", resources)
	}
	if images := r.get(t, web, ".spec.template.spec.containers[*].image"); images != image+" "+greedy {
		t.Errorf("the images are %s", images)
	}
}

func TestWhatReplacesNoPodIsNotRestarted(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	_, image := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", image, "", ""))
	r.annotate(t, web, "davit/policy-", "davit/playbook=service-unhealthy")
	r.on.Kubectl(t, "-n", r.namespace, "rollout", "pause", "deployment/web")
	if why := r.suffers(t, web).Cannot[settings.Restart]; !strings.Contains(why, "rollout resume deployment/web") {
		t.Errorf("while it is paused: %q", why)
	}
}

// refused expects that the API server itself kept davit from it, for want of the annotation, and that nothing was changed.
func (r *rig) refused(t *testing.T, reference workload.Reference, annotation string, try func() error) {
	t.Helper()
	before := r.get(t, reference, ".metadata.generation")
	err := try()
	var refusal *rollout.Refused
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "did not opt in to davit: annotate it with "+annotation) {
		t.Errorf("what did not opt in is answered with %v", err)
	}
	if after := r.get(t, reference, ".metadata.generation"); after != before {
		t.Errorf("generation %s became %s", before, after)
	}
}

func TestNoRemedyWithoutAPlaybook(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	_, image := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", image, "", `
          resources: {limits: {memory: 256Mi}}`))
	r.annotate(t, web, "davit/playbook=service-unhealthy", "davit/memory-limit=1024", "davit/scaling=min=1 max=4")
	seen := r.suffers(t, web)
	r.annotate(t, web, "davit/playbook-")

	signal := recovery.Signal{ID: "1", At: time.Now(), Playbook: "service-unhealthy", Text: "a test"}
	configured := settings.Settings{Version: settings.Version}.WithDefaults()
	decision := recovery.Decide(time.Now(), configured, ledger.Record{}, ledger.Fleet{}, recovery.Seen{Observation: r.suffers(t, web)}, &signal)
	if decision.Action != recovery.Refuse || decision.Code != recovery.NotOptedIn {
		t.Errorf("davit decides %+v", decision)
	}
	for _, do := range []settings.Do{settings.Restart, settings.RaiseMemory, settings.ScaleOut} {
		r.refused(t, web, "davit/playbook", func() error {
			_, err := eks.NewRemedies(r.driver).Act(t.Context(), seen, intent(seen, do), false)
			return err
		})
	}
}

func (r *rig) counted(t *testing.T, reference workload.Reference) scaling.Observation {
	t.Helper()
	seen, err := eks.NewCounts(r.driver, alarming{}).Observe(t.Context(), []scaling.Subject{{Workload: reference}})
	if err != nil {
		t.Fatal(err)
	}
	return seen[reference]
}

func (r *rig) set(t *testing.T, seen scaling.Observation, lever ledger.Lever, to ledger.Extent) error {
	return eks.NewCounts(r.driver, alarming{}).Set(t.Context(), seen, lever, "act-1", to)
}

// decideCount is what davit makes of the observation, of a workload that it sees for the first time.
func decideCount(seen scaling.Observation) scaling.Decision {
	return scaling.Decide(time.Now(), settings.Settings{Version: settings.Version}.WithDefaults(), ledger.Record{}, seen)
}

func TestScalingSetsTheCountThatNobodyOwns(t *testing.T) {
	for controller, test := range replicated {
		t.Run(test.kind, func(t *testing.T) {
			r := newRigOf(t, eks.ScaleGroup)
			_, image := r.repository(t)
			web := r.deploy(t, controller, manifest(test.kind, image, test.spec, ""))
			three := 3
			r.annotate(t, web, "davit/playbook=service-unhealthy")
			seen := r.counted(t, web)
			if decision := decideCount(seen); decision.Action != scaling.Refuse || decision.Code != scaling.NotOptedIn {
				t.Errorf("without the annotation davit decides %+v", decision)
			}
			r.refused(t, web, "davit/scaling", func() error { return r.set(t, seen, ledger.LeverCount, ledger.Extent{Count: &three}) })

			r.annotate(t, web, "davit/scaling=min=1 max=4")
			r.ready(t, web)
			seen = r.counted(t, web)
			decision := decideCount(seen)
			if decision.Action != scaling.Scale || decision.Lever != ledger.LeverCount || decision.To.Count == nil || *decision.To.Count != 3 {
				t.Fatalf("of %+v davit decides %+v", seen, decision)
			}
			for range 2 {
				if err := r.set(t, seen, decision.Lever, decision.To); err != nil {
					t.Fatal(err)
				}
			}
			r.ready(t, web)
			if seen = r.counted(t, web); seen.Desired != 3 || seen.Running != 3 || seen.Owner != nil {
				t.Errorf("it is seen as %+v", seen)
			}
		})
	}
}

const hpa = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shopping}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 2
`

func TestScalingMovesTheBoundsOfAnAutoscaler(t *testing.T) {
	r := newRigOf(t, eks.ScaleGroup)
	_, image := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", image, "  replicas: 2", ""))
	r.annotate(t, web, "davit/scaling=min=1 max=4", "davit/playbook=service-unhealthy")
	r.ready(t, web)
	r.on.ApplyTo(t, r.namespace, hpa)
	seen := r.counted(t, web)
	decision := decideCount(seen)
	if decision.Action != scaling.Scale || decision.Lever != ledger.LeverBounds || !strings.Contains(decision.Reason, "HorizontalPodAutoscaler shopping") {
		t.Fatalf("of %+v davit decides %+v", seen, decision)
	}
	bounds := func() string {
		return r.on.Kubectl(t, "-n", r.namespace, "get", "hpa", "shopping", "-o", "jsonpath={.spec.minReplicas} {.spec.maxReplicas}")
	}
	r.refused(t, web, "davit/scaling", func() error { return r.set(t, seen, decision.Lever, decision.To) })
	if have := bounds(); have != "1 2" {
		t.Errorf("an autoscaler that did not opt in has the bounds %s", have)
	}
	r.on.Kubectl(t, "-n", r.namespace, "annotate", "hpa", "shopping", "davit/scaling=yes")
	for range 2 {
		if err := r.set(t, seen, decision.Lever, decision.To); err != nil {
			t.Fatal(err)
		}
	}
	if have, want := bounds(), fmt.Sprint(decision.To.Min, decision.To.Max); have != want || want == "1 2" {
		t.Errorf("the bounds are %s, and davit decided %+v", have, decision)
	}
	if owner := r.counted(t, web).Owner; owner == nil || owner.Min != decision.To.Min || owner.Max != decision.To.Max {
		t.Errorf("the owner is seen as %+v", owner)
	}
	if count := r.get(t, web, ".spec.replicas"); count != "2" {
		t.Errorf("the count is %s", count)
	}
}

func TestARemedyMovesTheBoundsOfAnAutoscalerAndBack(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	_, image := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", image, "  replicas: 2", ""))
	r.annotate(t, web, "davit/policy-", "davit/container-", "davit/playbook=service-unhealthy")
	r.ready(t, web)
	r.on.ApplyTo(t, r.namespace, hpa)
	if why := r.suffers(t, web).Cannot[settings.ScaleOut]; !strings.Contains(why, "HorizontalPodAutoscaler shopping owns its count; annotate that") {
		t.Errorf("an autoscaler that did not opt in is no obstacle: %q", why)
	}
	r.on.Kubectl(t, "-n", r.namespace, "annotate", "hpa", "shopping", "davit/playbook=default")
	seen := r.suffers(t, web)
	step := intent(seen, settings.ScaleOut)
	bounds := func() string {
		return r.on.Kubectl(t, "-n", r.namespace, "get", "hpa", "shopping", "-o", "jsonpath={.spec.minReplicas} {.spec.maxReplicas}")
	}
	act := func(step ledger.Act) (done recovery.Done) {
		t.Helper()
		for _, resume := range []bool{false, true} {
			var err error
			if done, err = eks.NewRemedies(r.driver).Act(t.Context(), seen, step, resume); err != nil {
				t.Fatal(err)
			}
		}
		return done
	}
	done := act(step)
	want := ledger.Undo{Do: string(settings.ScaleOut), Owner: "the HorizontalPodAutoscaler shopping", FromBounds: ledger.Extent{Min: 1, Max: 2},
		ToBounds: ledger.Extent{Min: 3, Max: 3}}
	if have := bounds(); have != "3 3" || step.Undo == nil || *step.Undo != want || !strings.Contains(done.Text, "HorizontalPodAutoscaler shopping, which owns") {
		t.Errorf("the bounds are %s after %q, and the undo is %+v", have, done.Text, step.Undo)
	}
	if count := r.get(t, web, ".spec.replicas"); count != "2" {
		t.Errorf("the count is %s", count)
	}
	step.Undoes = step.Undo
	if act(step); bounds() != "1 2" {
		t.Errorf("taken back the bounds are %s", bounds())
	}
	// The cluster itself keeps davit from an autoscaler whose opt-in went.
	r.on.Kubectl(t, "-n", r.namespace, "annotate", "hpa", "shopping", "davit/playbook-", "davit/scaling=yes")
	step.Undoes = nil
	r.refused(t, web, "davit/playbook", func() error {
		_, err := eks.NewRemedies(r.driver).Act(t.Context(), seen, step, false)
		return err
	})
	if have := bounds(); have != "1 2" {
		t.Errorf("without the annotation the bounds became %s", have)
	}
}

func TestWhatTheManifestDoesNotGiveIsForbidden(t *testing.T) {
	deployment := "PATCH /apis/apps/v1/namespaces/%s/deployments/web"
	daemons := "PATCH /apis/apps/v1/namespaces/%s/daemonsets/web"
	autoscaler := "PATCH /apis/autoscaling/v2/namespaces/%s/horizontalpodautoscalers/web"
	nobody := []string{"GET /api/v1/namespaces/%s/secrets", "GET /api/v1/namespaces/%s/secrets/web", "GET /api/v1/namespaces/%s/configmaps",
		"GET /api/v1/namespaces/%s/pods/web/log", "POST /api/v1/namespaces/%s/pods/web/exec", "POST /api/v1/namespaces/%s/pods",
		"DELETE /apis/apps/v1/namespaces/%s/deployments/web", "PUT /apis/apps/v1/namespaces/%s/deployments/web",
		"POST /apis/apps/v1/namespaces/%s/deployments", "PUT /apis/apps/v1/namespaces/%s/deployments/web/scale",
		"PATCH /apis/apps/v1/namespaces/%s/deployments/web/status", "PATCH /apis/apps/v1/namespaces/%s/replicasets/web",
		"PATCH /api/v1/namespaces/%s", "DELETE /api/v1/namespaces/%s/pods/web", "DELETE /api/v1/nodes/web", "PATCH /api/v1/nodes/web/status"}
	nodes := []string{"GET /api/v1/nodes", "PATCH /api/v1/nodes/web", "POST /api/v1/namespaces/%s/pods/web/eviction"}
	for group, forbidden := range map[string][]string{
		eks.Group:        append([]string{deployment + "/scale", autoscaler}, nodes...),
		eks.RecoverGroup: nil,
		eks.ScaleGroup:   append([]string{deployment, daemons}, nodes...),
	} {
		t.Run(group, func(t *testing.T) {
			r := newRigOf(t, group)
			for _, text := range append(forbidden, nobody...) {
				method, path, _ := strings.Cut(text, " ")
				request := cluster.Request{Method: method, Path: strings.Replace(path, "%s", r.namespace, 1)}
				if method != http.MethodGet {
					request.Body, request.Content = []byte("{}"), "application/merge-patch+json"
				}
				if err := r.clusters.Do(t.Context(), r.on.Name, request, nil); !cluster.IsForbidden(err) {
					t.Errorf("%s is answered with %v", text, err)
				}
			}
		})
	}
}

func TestNoGroupOptsAWorkloadInItself(t *testing.T) {
	for group, annotation := range map[string]string{eks.Group: "davit/policy", eks.RecoverGroup: "davit/playbook"} {
		t.Run(group, func(t *testing.T) {
			r := newRigOf(t, group)
			_, image := r.repository(t)
			web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", image, "", ""))
			// Each carries what the others' opt-in is, and not its own.
			r.annotate(t, web, "davit/policy=semver:1.x", "davit/playbook=service-unhealthy", "davit/scaling=min=1 max=2")
			r.annotate(t, web, annotation+"-")
			err := r.clusters.Do(t.Context(), r.on.Name, cluster.Request{Method: http.MethodPatch, Content: "application/merge-patch+json",
				Path: "/apis/apps/v1/namespaces/" + r.namespace + "/deployments/web",
				Body: fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"x"}}}`, annotation)}, nil)
			if err == nil || !strings.Contains(err.Error(), "annotate it with "+annotation) {
				t.Errorf("it is answered with %v", err)
			}
		})
	}
}
