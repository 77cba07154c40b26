package eks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"davit/shared/rollout"
	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// read makes an object of its JSON, around a template with a container web.
func read(t *testing.T, metadata, spec, status string) *object {
	t.Helper()
	text := fmt.Sprintf(`{"metadata":{"name":"web","namespace":"shop","generation":3,"resourceVersion":"7",%s"uid":"u"},
"spec":{%s"selector":{"matchLabels":{"app":"web"}},"template":{"spec":{"containers":[{"name":"web","image":"web:1"}]}}},"status":{%s}}`,
		metadata, spec, status)
	made := &object{}
	if err := json.Unmarshal([]byte(text), made); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := made.complete(); err != nil {
		t.Fatal(err)
	}
	return made
}

func reference(t *testing.T, controller workload.Controller) workload.Reference {
	t.Helper()
	made, err := workload.EKSWorkload("blue", "shop", controller, "web")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestStateIsWhatKubernetesSaysOfTheTemplate(t *testing.T) {
	const progressing = `"conditions":[{"type":"Progressing","status":%q,"reason":%q,"message":"words"}],`
	for name, test := range map[string]struct {
		controller   workload.Controller
		spec, status string
		want         workload.DeploymentState
	}{
		"a change that the controller has not seen is in progress": {workload.ControllerDeployment, `"replicas":2,`,
			fmt.Sprintf(progressing, "True", available) + `"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2`, workload.InProgress},
		"a ReplicaSet that is available is completed, whatever its pods do now": {workload.ControllerDeployment, `"replicas":2,`,
			fmt.Sprintf(progressing, "True", available) + `"observedGeneration":3,"replicas":2,"updatedReplicas":2,"availableReplicas":0`, workload.Completed},
		"a deadline that passed is a failure": {workload.ControllerDeployment, `"replicas":2,`,
			fmt.Sprintf(progressing, "False", deadlineExceeded) + `"observedGeneration":3`, workload.Failed},
		"pods of the old template are waited for": {workload.ControllerDeployment, `"replicas":2,`,
			fmt.Sprintf(progressing, "True", "ReplicaSetUpdated") + `"observedGeneration":3,"replicas":3,"updatedReplicas":2,"availableReplicas":3`, workload.InProgress},
		"without a deadline the counts tell": {workload.ControllerDeployment, ``,
			`"observedGeneration":3,"replicas":1,"updatedReplicas":1,"availableReplicas":1`, workload.Completed},
		"a StatefulSet is completed when its new revision is the current one": {workload.ControllerStatefulSet, `"replicas":2,`,
			`"observedGeneration":3,"currentRevision":"b","updateRevision":"b","updatedReplicas":2`, workload.Completed},
		"a StatefulSet on its way is in progress": {workload.ControllerStatefulSet, `"replicas":2,`,
			`"observedGeneration":3,"currentRevision":"a","updateRevision":"b","updatedReplicas":1,"readyReplicas":2`, workload.InProgress},
		"a StatefulSet that went back is in progress while pods are not back": {workload.ControllerStatefulSet, `"replicas":2,`,
			`"observedGeneration":3,"replicas":2,"currentRevision":"a","updateRevision":"a","updatedReplicas":1`, workload.InProgress},
		"a StatefulSet that is scaled is not rolled out": {workload.ControllerStatefulSet, `"replicas":5,`,
			`"observedGeneration":3,"replicas":2,"currentRevision":"b","updateRevision":"b","updatedReplicas":2`, workload.Completed},
		"a partition ends where it says": {workload.ControllerStatefulSet, `"replicas":3,"updateStrategy":{"rollingUpdate":{"partition":2}},`,
			`"observedGeneration":3,"currentRevision":"a","updateRevision":"b","updatedReplicas":1,"readyReplicas":3`, workload.Completed},
		"a DaemonSet is completed on all of its nodes": {workload.ControllerDaemonSet, ``,
			`"observedGeneration":3,"desiredNumberScheduled":2,"updatedNumberScheduled":2,"numberAvailable":2`, workload.Completed},
		"a DaemonSet with a node to go is in progress": {workload.ControllerDaemonSet, ``,
			`"observedGeneration":3,"desiredNumberScheduled":2,"updatedNumberScheduled":1,"numberAvailable":2`, workload.InProgress},
	} {
		if got, _ := read(t, "", test.spec, test.status).state(reference(t, test.controller)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// aPod runs an image for the age, with the statuses.
func aPod(t *testing.T, image string, age time.Duration, conditions, statuses string) pod {
	t.Helper()
	var made pod
	text := fmt.Sprintf(`{"metadata":{"name":"web-1"},"spec":{"containers":[{"name":"web","image":%q},{"name":"injected","image":"x"}]},
"status":{"startTime":%q,"conditions":[%s],%s}}`, image, noon.Add(-age).Format(time.RFC3339), conditions, statuses)
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return made
}

func TestPodsTellFailureFromWantOfCapacity(t *testing.T) {
	const (
		placed        = `{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-03-02T11:59:00Z"}`
		unschedulable = `{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes: Insufficient cpu"}`
		pulling       = `"containerStatuses":[{"name":"web","state":{"waiting":{"reason":"ImagePullBackOff","message":"denied"}}}]`
		crashing      = `"containerStatuses":[{"name":"web","restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}},` +
			`"lastState":{"terminated":{"exitCode":3,"reason":"Error"}}}]`
		running   = `"containerStatuses":[{"name":"web","restartCount":0,"state":{}}]`
		initEnded = `"initContainerStatuses":[{"name":"migrate","state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]`
		initFails = `"initContainerStatuses":[{"name":"migrate","restartCount":1,"state":{"terminated":{"exitCode":1,"reason":"Error"}}}]`
	)
	for name, test := range map[string]struct {
		pod          pod
		spec, status string
		failed       int
		waits, says  string
	}{
		"a pod that runs":                               {aPod(t, "web:1", 0, placed, running), "", "", 0, "", ""},
		"a crash counts its restarts":                   {aPod(t, "web:1", 0, placed, crashing), "", "", 4, "", "CrashLoopBackOff, exit code 3 (Error)"},
		"a pull that fails counts by the pod's age":     {aPod(t, "web:1", 30*time.Second, placed, pulling), "", "", 3, "", "ImagePullBackOff, denied"},
		"an init container that ended well is no crash": {aPod(t, "web:1", 0, placed, initEnded), "", "", 0, "", ""},
		"an init container that fails is one":           {aPod(t, "web:1", 0, placed, initFails), "", "", 2, "", "container migrate exit code 1"},
		"a pod of another image says nothing":           {aPod(t, "web:0", 0, placed, crashing), "", "", 0, "", ""},
		"a pod without a node waits for capacity":       {aPod(t, "web:1", 0, unschedulable, running), "", "", 0, "1 pods cannot be placed: 0/3 nodes", ""},
		"a pause waits for a human":                     {aPod(t, "web:1", 0, placed, running), `"paused":true,`, "", 0, "paused", ""},
		"a quota waits for whoever raises it": {aPod(t, "web:0", 0, placed, running), "",
			`"conditions":[{"type":"ReplicaFailure","status":"True","message":"exceeded quota"}]`, 0, "exceeded quota", ""},
	} {
		t.Run(name, func(t *testing.T) {
			deployment := workload.Deployment{State: workload.Failed}
			judge(&deployment, read(t, "", test.spec, test.status), []pod{test.pod}, noon)
			if deployment.FailedTasks != test.failed || !strings.Contains(deployment.Waits, test.waits) || (test.waits == "") != (deployment.Waits == "") ||
				!strings.Contains(deployment.Reason, test.says) {
				t.Errorf("judged %+v", deployment)
			}
			if wanted := map[bool]workload.DeploymentState{true: workload.InProgress, false: workload.Failed}[test.waits != ""]; deployment.State != wanted {
				t.Errorf("it is %s, want %s", deployment.State, wanted)
			}
		})
	}
}

func TestTheKubeletsTriesAreCountedByItsOwnBackOff(t *testing.T) {
	for within, want := range map[time.Duration]int{0: 1, 9 * time.Second: 1, 10 * time.Second: 2, 30 * time.Second: 3, 70 * time.Second: 4,
		150 * time.Second: 5, 310 * time.Second: 6, 610 * time.Second: 7, 910 * time.Second: 8, -time.Hour: 1, 10000 * time.Hour: 1000} {
		if got := tries(within); got != want {
			t.Errorf("after %s it has tried %d times, want %d", within, got, want)
		}
	}
}

func TestPodsThatFailAlikeShareALine(t *testing.T) {
	var pods []pod
	for index, code := range []int{1, 3, 3} {
		one := aPod(t, "web:1", 0, `{"type":"Ready","status":"False"}`,
			fmt.Sprintf(`"containerStatuses":[{"name":"web","restartCount":1,"state":{"terminated":{"exitCode":%d,"reason":"Error"}}}]`, code))
		one.Metadata.Name = fmt.Sprintf("web-%d", index)
		pods = append(pods, one)
	}
	want := "2 pods (web-1 and others): container web exit code 3 (Error)\npod web-0: container web exit code 1 (Error)"
	if got := strings.Join(lines(pods), "\n"); got != want {
		t.Errorf("told:\n%s\nwant:\n%s", got, want)
	}
}

func TestAnOwnerIsWhoSetTheImageLast(t *testing.T) {
	fields := func(manager, subresource, container string) string {
		return fmt.Sprintf(`"managedFields":[{"manager":%q,"subresource":%q,"time":"2026-03-02T11:00:00Z","fieldsV1":{"f:spec":{"f:template":{"f:spec":`+
			`{"f:containers":{"k:{\"name\":\"%s\"}":{".":{},"f:image":{}}}}}}}}],`, manager, subresource, container)
	}
	for name, test := range map[string]struct{ metadata, want string }{
		"Argo CD":                        {fields("argocd-controller", "", "web"), "Argo CD"},
		"Flux by Kustomize":              {fields("kustomize-controller", "", "web"), "Flux"},
		"Flux by Helm":                   {fields("helm-controller", "", "web"), "Flux"},
		"a human owns as davit does":     {fields("kubectl-set", "", "web"), ""},
		"another container's is another": {fields("argocd-controller", "", "proxy"), ""},
		"the status is not the image":    {fields("argocd-controller", "status", "web"), ""},
		"nobody":                         {"", ""},
	} {
		if got := read(t, test.metadata, "", "").owner("web"); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestARevisionIsTheImagesOfTheTemplate(t *testing.T) {
	made := template{}
	made.Spec.InitContainers = []container{{"migrate", "r/web@sha256:1"}}
	made.Spec.Containers = []container{{"web", "r/web@sha256:1"}, {"proxy", "nginx:1"}}
	text := made.revision()
	if text != "init/migrate=r/web@sha256:1,web=r/web@sha256:1,proxy=nginx:1" {
		t.Errorf("the revision is %s", text)
	}
	again := template{}
	var err error
	if again.Spec.InitContainers, again.Spec.Containers, err = images(text); err != nil || again.revision() != text {
		t.Errorf("read again it is %s, %v", again.revision(), err)
	}
	for _, wrong := range []string{"", "web", "web=", "=x", "web=x,"} {
		if _, _, err := images(wrong); err == nil {
			t.Errorf("%q is read", wrong)
		}
	}
}

func TestADeploymentIsNamedByItsTemplateAlone(t *testing.T) {
	name := func(text string) string {
		id, err := deployment(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	one := name(`{"spec":{"containers":[],"restartPolicy":"Always"}}`)
	if other := name(`{"spec":{"restartPolicy":"Always", "containers":[]}}`); other != one {
		t.Errorf("the order of fields names %s and %s", one, other)
	}
	if other := name(`{"spec":{"restartPolicy":"Never","containers":[]}}`); other == one {
		t.Error("two templates have one name")
	}
}

func TestPodsAskForAnArchitecture(t *testing.T) {
	for name, test := range map[string]struct{ spec, want string }{
		"by a node selector":             {`{"nodeSelector":{"kubernetes.io/arch":"arm64"}}`, "arm64"},
		"by an affinity to one":          {affinity(`["arm64"]`), "arm64"},
		"by an affinity to several":      {affinity(`["arm64","amd64"]`), ""},
		"by no affinity to it":           {strings.ReplaceAll(affinity(`["a"]`), "kubernetes.io/arch", "zone"), ""},
		"not at all":                     {`{}`, ""},
		"by one term of two, so by none": {strings.Replace(affinity(`["arm64"]`), `"nodeSelectorTerms":[`, `"nodeSelectorTerms":[{},`, 1), ""},
	} {
		var made template
		if err := json.Unmarshal([]byte(`{"spec":`+test.spec+`}`), &made); err != nil {
			t.Fatal(err)
		}
		if got := made.asks(labelArchitecture); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func affinity(values string) string {
	return `{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[` +
		`{"matchExpressions":[{"key":"kubernetes.io/arch","operator":"In","values":` + values + `}]}]}}}}`
}

func TestASelectorIsWrittenAsListingsTakeIt(t *testing.T) {
	var made selector
	if err := json.Unmarshal([]byte(`{"matchLabels":{"app":"web"},"matchExpressions":[{"key":"tier","operator":"In","values":["a","b"]},`+
		`{"key":"old","operator":"DoesNotExist"},{"key":"x","operator":"NotIn","values":["y"]},{"key":"z","operator":"Exists"}]}`), &made); err != nil {
		t.Fatal(err)
	}
	if got := made.query().Get("labelSelector"); got != "!old,app=web,tier in (a,b),x notin (y),z" {
		t.Errorf("the selector is %s", got)
	}
}

func TestAChangeSendsTheImagesAndNothingElse(t *testing.T) {
	image := "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web"
	seen := read(t, `"annotations":{"davit/policy":"newest"},`, `"replicas":2,`, "")
	seen.template.Spec.Containers = []container{{"web", image + ":1"}, {"proxy", "nginx:1"}}
	observed, err := seen.observation(reference(t, workload.ControllerDeployment), cluster.Cluster{Account: "123456789012", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	patch, err := patchFor(observed, rollout.Start{Revision: "web=" + image + "@sha256:1,proxy=nginx:0", Rollout: "rollout-1", Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"annotations":{"davit/rollout":"rollout-1","kubernetes.io/change-cause":"davit: a test"},"resourceVersion":"7"},` +
		`"spec":{"template":{"spec":{"containers":[{"name":"web","image":"` + image + `@sha256:1"}]}}}}`
	if string(patch) != want {
		t.Errorf("the patch is %s\nwant %s", patch, want)
	}
}
