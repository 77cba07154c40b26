package eks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/kubernetes"
	"davit/cmd/davit/kubernetes/kubernetestest"
	"davit/events/davit"
	"davit/shared/backoff"
	"davit/shared/ledger"
	"davit/shared/ledger/ledgertest"
	"davit/shared/registry"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
	"davit/shared/workload/ecs"
	"davit/shared/workload/eks"
	"davit/shared/workload/eks/cluster"
)

// cloud has EKS clusters that are Kubernetes, with pods that get a status by what their image's labels say.
var cloud *kubernetestest.Cloud

func TestMain(m *testing.M) {
	os.Exit(kubernetestest.Run(m, func(started *kubernetestest.Cloud) { cloud = started }))
}

// outcomeLimit is for a rollout on a busy machine.
const outcomeLimit = 90 * time.Second

// rig is davit with a role of its own, beside a real ECR and Kubernetes; its ledger is in memory.
type rig struct {
	*rollout.Reconciler
	clusters  *cluster.Clusters
	driver    *eks.Driver
	memory    *ledgertest.Memory
	namespace string
	on        *kubernetestest.Cluster
}

var (
	allowed sync.Once
	serial  int
)

// newRig makes a namespace and a role that the cluster lets in as the function of rollouts.
func newRig(t *testing.T) *rig { return newRigOf(t, eks.Group) }

// newRigOf makes a namespace and a role that the cluster lets in with the group.
func newRigOf(t *testing.T, group string) *rig {
	allowed.Do(func() {
		admit(t, cloud.Cluster)
		proxy = cloud.NewRepository(t, "proxy") + "@" + cloud.Push(t, "proxy", "1.0.0", nil)
	})
	r := newRole(t, cloud.Cluster, group)
	r.namespace = cloud.Cluster.Namespace(t)
	return r
}

// admit applies what `davit eks rbac` writes.
func admit(t *testing.T, on *kubernetestest.Cluster) {
	t.Helper()
	if _, err := on.TryKubectl(t, eks.Access, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

// newRole makes davit with a role of its own, which is of the groups.
func newRole(t *testing.T, on *kubernetestest.Cluster, groups ...string) *rig {
	t.Helper()
	serial++
	name := fmt.Sprintf("rollout-%d", serial)
	role, session := cloud.NewRole(t, name)
	root, err := cloud.AWS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = iam.NewFromConfig(root).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("own"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["eks:DescribeCluster","eks:ListClusters",
"ecr:DescribeImages","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	on.Admit(t, role, groups...)
	configuration := root.Copy()
	configuration.Credentials = credentials.StaticCredentialsProvider{Value: session}
	images := ecr.NewFromConfig(configuration)
	clusters := cluster.New(configuration)
	driver := eks.New(clusters, ecs.New(ecs.Clients{ECR: images}))
	memory := &ledgertest.Memory{}
	return &rig{clusters: clusters, driver: driver, memory: memory, on: on, Reconciler: &rollout.Reconciler{
		Driver: rollout.Drivers{workload.EKS: driver}, Registry: registry.New(images, nil), Ledger: memory, Reporter: silence{},
		Settings: func(context.Context) (settings.Settings, error) {
			return settings.Settings{Version: settings.Version}.WithDefaults(), nil
		},
		Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}}
}

// silence reports to nobody.
type silence struct{}

func (silence) Report(context.Context, ...ledger.Announcement[davit.Rollout]) error { return nil }

// repository makes a repository with an image 1.0.0, and answers its name and the image as pods have it.
func (r *rig) repository(t *testing.T) (name, first string) {
	name = r.namespace
	return name, cloud.NewRepository(t, name) + "@" + cloud.Push(t, name, "1.0.0", nil)
}

// manifest is a workload named web that opted in.
func manifest(kind, image, spec, pod string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: %s
metadata:
  name: web
  annotations: {davit/policy: "semver:1.x", davit/container: web}
spec:
  selector: {matchLabels: {app: web}}
%s
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: %q
%s
        - {name: proxy, image: %q}
`, kind, spec, image, pod, proxy)
}

// proxy is the image of a container beside the one that rolls out, of another repository.
var proxy string

func (r *rig) reference(t *testing.T, controller workload.Controller) workload.Reference {
	t.Helper()
	reference, err := workload.EKSWorkload(r.on.Name, r.namespace, controller, "web")
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

// deploy applies the manifest and waits until its pods run.
func (r *rig) deploy(t *testing.T, controller workload.Controller, manifest string) workload.Reference {
	t.Helper()
	r.on.ApplyTo(t, r.namespace, manifest)
	web := r.reference(t, controller)
	r.ready(t, web)
	return web
}

// ready waits until the workload's own controller is done.
func (r *rig) ready(t *testing.T, reference workload.Reference) {
	t.Helper()
	r.on.Kubectl(t, "-n", r.namespace, "rollout", "status", "--timeout=90s", string(reference.Controller())+"/web")
}

// look has davit look once.
func (r *rig) look(t *testing.T, reference workload.Reference) rollout.Decision {
	t.Helper()
	decisions, err := r.Reconcile(t.Context(), []workload.Reference{reference}, rollout.Cause{ID: "1", Text: "look"})
	if err != nil {
		t.Fatalf("%s: %v", reference, err)
	}
	return decisions[reference]
}

// settle has davit look as its messages would, until nothing is under way, and answers the record.
func (r *rig) settle(t *testing.T, reference workload.Reference) ledger.Record {
	t.Helper()
	for began := time.Now(); ; {
		decision := r.look(t, reference)
		record := r.record(t, reference)
		if record.Rollout == nil {
			return record
		}
		if time.Since(began) > outcomeLimit {
			t.Fatalf("%s: no outcome: %+v\n%s", reference, decision, r.on.Kubectl(t, "-n", r.namespace, "get", "pods", "-o", "yaml"))
		}
		if decision.Watch == 0 {
			t.Fatalf("%s: nobody looks again after %+v", reference, decision)
		}
		if err := backoff.Wait(t.Context(), decision.Watch/4); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *rig) record(t *testing.T, reference workload.Reference) ledger.Record {
	t.Helper()
	records, err := r.memory.Read(t.Context(), []workload.Reference{reference})
	if err != nil {
		t.Fatal(err)
	}
	return records[reference]
}

// observe looks at the workload by the driver alone.
func (r *rig) observe(t *testing.T, reference workload.Reference) workload.Observation {
	t.Helper()
	observed, err := r.driver.Observe(t.Context(), []workload.Reference{reference})
	if err != nil {
		t.Fatal(err)
	}
	return observed[reference]
}

// until observes the workload until it is as wanted.
func (r *rig) until(t *testing.T, reference workload.Reference, wanted func(workload.Observation) bool) workload.Observation {
	t.Helper()
	for began := time.Now(); ; {
		observed := r.observe(t, reference)
		if wanted(observed) {
			return observed
		}
		if time.Since(began) > outcomeLimit {
			t.Fatalf("%s is not as it should become: %+v", reference, observed)
		}
		if err := backoff.Wait(t.Context(), 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// get answers a part of the workload, by a JSONPath.
func (r *rig) get(t *testing.T, reference workload.Reference, path string) string {
	t.Helper()
	return r.on.Kubectl(t, "-n", r.namespace, "get", string(reference.Controller()), "web", "-o", "jsonpath={"+path+"}")
}

func TestAPushRollsOut(t *testing.T) {
	for controller, kind := range map[workload.Controller]string{
		workload.ControllerDeployment: "Deployment", workload.ControllerStatefulSet: "StatefulSet", workload.ControllerDaemonSet: "DaemonSet",
	} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			name, first := r.repository(t)
			spec := map[string]string{"Deployment": "  replicas: 2", "StatefulSet": "  replicas: 2\n  serviceName: web"}[kind]
			web := r.deploy(t, controller, manifest(kind, first, spec, ""))
			if decision := r.look(t, web); decision.Code != rollout.UpToDate {
				t.Fatalf("before the push: %+v", decision)
			}
			if kind != "DaemonSet" {
				r.on.Kubectl(t, "-n", r.namespace, "scale", string(controller)+"/web", "--replicas=3")
				r.ready(t, web) // what is being brought up is waited for
			}
			second := cloud.Push(t, name, "1.1.0", nil)
			record := r.settle(t, web)
			if len(record.Good) == 0 || record.Good[0].Digest != second {
				t.Fatalf("the record says %+v", record)
			}
			images := r.get(t, web, ".spec.template.spec.containers[*].image")
			if want := strings.Split(first, "@")[0] + "@" + second + " " + proxy; images != want {
				t.Errorf("the containers run %s, want %s", images, want)
			}
			if count := r.get(t, web, ".spec.replicas"); kind != "DaemonSet" && count != "3" {
				t.Errorf("the count is %s and was set to 3 by somebody else", count)
			}
			annotations := r.get(t, web, ".metadata.annotations")
			if !strings.Contains(annotations, "davit: 1.1.0") || !strings.Contains(annotations, `"davit/rollout":"rollout-`) {
				t.Errorf("the annotations are %s", annotations)
			}
			if managers := r.on.Kubectl(t, "-n", r.namespace, "get", string(controller), "web", "--show-managed-fields", "-o",
				"jsonpath={.metadata.managedFields[*].manager}"); !slices.Contains(strings.Fields(managers), "davit") {
				t.Errorf("the field managers are %s", managers)
			}
		})
	}
}

func TestAnImageThatFailsIsPutBackAndRemembered(t *testing.T) {
	for name, test := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"one whose process ends":            {map[string]string{kubernetes.LabelExit: "3"}, "exit code 3 (Error)"},
		"one that is killed for its memory": {map[string]string{kubernetes.LabelOOM: "true"}, "exit code 137 (OOMKilled)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			repository, first := r.repository(t)
			web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "  replicas: 2", ""))
			bad := cloud.Push(t, repository, "1.1.0", test.labels)
			record := r.settle(t, web)
			aside, found := record.IsSetAside(ledger.Image{Digest: bad})
			if !found || !strings.Contains(aside.Reason, test.want) {
				t.Fatalf("set aside: %+v", aside)
			}
			if images := r.get(t, web, ".spec.template.spec.containers[0].image"); images != first {
				t.Errorf("it runs %s, want %s", images, first)
			}
			if cause := r.get(t, web, `.metadata.annotations.kubernetes\.io/change-cause`); !strings.Contains(cause, "put back") {
				t.Errorf("the change cause is %q", cause)
			}
			entries, err := r.memory.History(t.Context(), web, ledger.MaximumHistory, "")
			if err != nil {
				t.Fatal(err)
			}
			failed := slices.IndexFunc(entries, func(entry ledger.Entry) bool { return entry.Action == string(rollout.Fail) })
			if failed < 0 || !strings.Contains(strings.Join(entries[failed].Evidence, "\n"), test.want) {
				t.Errorf("the history has %+v", entries)
			}
			r.ready(t, web)
			if decision := r.look(t, web); decision.Action != rollout.Refuse || decision.Code != rollout.BadDigest {
				t.Errorf("the next look decides %+v", decision)
			}
		})
	}
}

func TestWhatHumansDoMeanwhileSupersedes(t *testing.T) {
	for name, arguments := range map[string][]string{
		"an undo":       {"rollout", "undo", "deployment/web"},
		"another image": {"set", "image", "deployment/web", "web=public.ecr.aws/nginx/nginx:1"},
		"but no hold":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			repository, first := r.repository(t)
			web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "", `
          readinessProbe: {exec: {command: [ready]}, initialDelaySeconds: 4}`))
			slow := cloud.Push(t, repository, "1.1.0", nil)
			if decision := r.look(t, web); decision.Action != rollout.Roll {
				t.Fatalf("the push leads to %+v", decision)
			}
			if arguments == nil {
				r.on.Kubectl(t, "-n", r.namespace, "annotate", "deployment", "web", "davit/hold=oncall: a test")
				if record := r.settle(t, web); len(record.Good) != 1 || record.Good[0].Digest != slow {
					t.Errorf("a hold during the rollout leads to %+v", record)
				}
				return
			}
			r.on.Kubectl(t, append([]string{"-n", r.namespace}, arguments...)...)
			r.look(t, web)
			record := r.record(t, web)
			if aside, found := record.IsSetAside(ledger.Image{Digest: slow}); !found || record.Rollout != nil {
				t.Errorf("the record says %+v, %+v", aside, record.Rollout)
			}
			entries, err := r.memory.History(t.Context(), web, ledger.MaximumHistory, "")
			if err != nil || !slices.ContainsFunc(entries, func(entry ledger.Entry) bool { return entry.Action == string(rollout.Supersede) }) {
				t.Errorf("the history has %+v, %v", entries, err)
			}
		})
	}
}

func TestARolloutThatWasInterruptedIsFoundInTheHistory(t *testing.T) {
	for controller, kind := range map[workload.Controller]string{
		workload.ControllerDeployment: "Deployment", workload.ControllerStatefulSet: "StatefulSet", workload.ControllerDaemonSet: "DaemonSet",
	} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			repository, first := r.repository(t)
			web := r.deploy(t, controller, manifest(kind, first, map[string]string{"StatefulSet": "  serviceName: web"}[kind], ""))
			before := r.observe(t, web)
			base, _, _ := strings.Cut(first, "@")
			change := rollout.Change{Rollout: "rollout-7", Containers: []string{"web"}, Base: base, Digest: cloud.Push(t, repository, "1.1.0", nil),
				From: before.Revision}
			if prepared, err := r.driver.Prepare(t.Context(), before, change, true); err != nil || prepared.Deployment != "" {
				t.Fatalf("before it began it is %+v, %v", prepared, err)
			}
			prepared, err := r.driver.Prepare(t.Context(), before, change, false)
			if err != nil {
				t.Fatal(err)
			}
			id, err := r.driver.Start(t.Context(), before, rollout.Start{Revision: prepared.Revision, Rollout: change.Rollout, Cause: "a test"})
			if err != nil {
				t.Fatal(err)
			}
			after := r.until(t, web, func(o workload.Observation) bool { return o.Deployments[0].State == workload.Completed })
			if after.Deployments[0].ID != id || after.Revision != prepared.Revision {
				t.Errorf("deployment %s of %s runs, not %s of %s", after.Deployments[0].ID, after.Revision, id, prepared.Revision)
			}
			r.on.Kubectl(t, "-n", r.namespace, "rollout", "undo", string(controller)+"/web")
			undone := r.until(t, web, func(o workload.Observation) bool { return o.Revision == before.Revision })
			if prepared, err := r.driver.Prepare(t.Context(), undone, change, true); err != nil || prepared.Deployment == "" {
				t.Errorf("after an undo it is %+v, %v", prepared, err)
			}
		})
	}
}

func TestAChangeMeanwhileIsNotOverwritten(t *testing.T) {
	r := newRig(t)
	repository, first := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "", ""))
	seen := r.observe(t, web)
	second := strings.Split(first, "@")[0] + "@" + cloud.Push(t, repository, "1.1.0", nil)
	start := rollout.Start{Revision: strings.Replace(seen.Revision, first, second, 1), Rollout: "rollout-1", Cause: "a test"}

	r.on.Kubectl(t, "-n", r.namespace, "scale", "deployment/web", "--replicas=2")
	if _, err := r.driver.Start(t.Context(), seen, start); err != nil {
		t.Errorf("a count that was changed meanwhile stops it: %v", err)
	}
	if images := r.get(t, web, ".spec.template.spec.containers[0].image"); images != second {
		t.Errorf("it runs %s", images)
	}
	r.on.Kubectl(t, "-n", r.namespace, "set", "image", "deployment/web", "web=public.ecr.aws/nginx/nginx:1")
	if _, err := r.driver.Start(t.Context(), seen, start); err == nil || !strings.Contains(err.Error(), "somebody else changed its images") {
		t.Errorf("an image that was changed meanwhile leads to %v", err)
	}
	if images := r.get(t, web, ".spec.template.spec.containers[0].image"); images != "public.ecr.aws/nginx/nginx:1" {
		t.Errorf("it was overwritten by %s", images)
	}
}

func TestWhatBlocksARolloutIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		kind, spec, manager string
		want                string
	}{
		"a pause":                {"Deployment", "  paused: true", "kubectl", "rollout resume deployment/web"},
		"Argo CD":                {"Deployment", "", "argocd-controller", "Argo CD owns the image of container web"},
		"Flux":                   {"Deployment", "", "kustomize-controller", "Flux owns the image of container web"},
		"an update by hand":      {"StatefulSet", "  serviceName: web\n  updateStrategy: {type: OnDelete}", "kubectl", "OnDelete"},
		"an update by hand, too": {"DaemonSet", "  updateStrategy: {type: OnDelete}", "kubectl", "OnDelete"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			repository, first := r.repository(t)
			_, err := r.on.TryKubectl(t, manifest(test.kind, first, test.spec, ""), "-n", r.namespace, "apply", "--server-side",
				"--field-manager="+test.manager, "-f", "-")
			if err != nil {
				t.Fatal(err)
			}
			cloud.Push(t, repository, "1.1.0", nil)
			web := r.reference(t, workload.Controller(strings.ToLower(test.kind)))
			decision := r.look(t, web)
			if decision.Action != rollout.Refuse || decision.Code != rollout.Controller || !strings.Contains(decision.Reason, test.want) {
				t.Fatalf("decided %+v", decision)
			}
			if images := r.get(t, web, ".spec.template.spec.containers[0].image"); images != first {
				t.Errorf("it runs %s", images)
			}
		})
	}
}

func TestAHumanTakesTheImageFromArgoCD(t *testing.T) {
	r := newRig(t)
	repository, first := r.repository(t)
	_, err := r.on.TryKubectl(t, manifest("Deployment", first, "", ""), "-n", r.namespace, "apply", "--server-side",
		"--field-manager=argocd-controller", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	second := strings.Split(first, "@")[0] + "@" + cloud.Push(t, repository, "1.0.1", nil)
	r.on.Kubectl(t, "-n", r.namespace, "set", "image", "deployment/web", "web="+second)
	if blocked := r.observe(t, r.reference(t, workload.ControllerDeployment)).Blocked; blocked != "" {
		t.Errorf("it is still blocked: %s", blocked)
	}
}

func TestAWantOfCapacityIsNoFailureOfTheImage(t *testing.T) {
	r := newRig(t)
	repository, first := r.repository(t)
	r.on.ApplyTo(t, r.namespace, manifest("Deployment", first, "  progressDeadlineSeconds: 5", `
          resources: {requests: {cpu: "900"}}`))
	web := r.reference(t, workload.ControllerDeployment)
	wanted := cloud.Push(t, repository, "1.1.0", nil)
	if decision := r.look(t, web); decision.Action == rollout.Roll {
		t.Fatalf("its first deployment is in progress, and still: %+v", decision)
	}
	r.Now = func() time.Time { return time.Now().Add(time.Hour) } // so long that the first one is not waited for
	if decision := r.look(t, web); decision.Action != rollout.Roll {
		t.Fatalf("the push leads to %+v", decision)
	}
	observed := r.until(t, web, func(o workload.Observation) bool { return o.Deployments[0].Waits != "" })
	if got := observed.Deployments[0]; got.State != workload.InProgress || !strings.Contains(got.Waits, "cannot be placed") {
		t.Errorf("observed %+v", got)
	}
	r.on.Kubectl(t, "-n", r.namespace, "wait", "--for=condition=Progressing=false", "deployment/web", "--timeout=60s")
	r.look(t, web)
	record := r.record(t, web)
	if _, aside := record.IsSetAside(ledger.Image{Digest: wanted}); aside || record.Rollout == nil {
		t.Errorf("the record says %+v", record)
	}
}

func TestAnImageThatCannotBePulledIsTold(t *testing.T) {
	r := newRig(t)
	_, first := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "  progressDeadlineSeconds: 2", ""))
	seen := r.observe(t, web)
	missing := strings.Split(first, "@")[0] + "@sha256:" + strings.Repeat("0", 64)
	id, err := r.driver.Start(t.Context(), seen, rollout.Start{Revision: strings.Replace(seen.Revision, first, missing, 1), Rollout: "rollout-1", Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	failed := r.until(t, web, func(o workload.Observation) bool { return o.Deployments[0].State == workload.Failed })
	if got := failed.Deployments[0]; got.Waits != "" || !strings.Contains(got.Reason, "NotFound") {
		t.Errorf("observed %+v", got)
	}
	evidence, err := r.driver.Evidence(t.Context(), web, id)
	if err != nil || len(evidence) != 1 || !strings.Contains(evidence[0], "ImagePull") && !strings.Contains(evidence[0], "ErrImagePull") {
		t.Errorf("the evidence is %q, %v", evidence, err)
	}
}

func TestVerifyRefusesWhatCannotRun(t *testing.T) {
	r := newRig(t)
	repository, first := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "", ""))
	seen := r.observe(t, web)
	followed := workload.Repository{Registry: emulator.Account, Region: emulator.DefaultRegion, Name: repository}
	change := rollout.Change{Digest: "sha256:" + strings.Repeat("0", 64), Repository: followed}
	if err := r.driver.Verify(t.Context(), seen, change); err == nil || !strings.Contains(err.Error(), "is not in the repository") {
		t.Errorf("an image that is not there leads to %v", err)
	}
}

func TestADeadClusterBlocksNoOther(t *testing.T) {
	r := newRig(t)
	repository, first := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "", ""))
	dead := cloud.NewCluster(t, "dead")
	dead.Kill(t)
	references := []workload.Reference{}
	for index := range 2 * 8 { // more than go on at once in one cluster
		lost, err := workload.EKSDeployment("dead", "shop", fmt.Sprintf("web-%d", index))
		if err != nil {
			t.Fatal(err)
		}
		references = append(references, lost)
	}
	second := cloud.Push(t, repository, "1.1.0", nil)
	decisions, err := r.Reconcile(t.Context(), append(references, web), rollout.Cause{ID: "1", Text: "look"})
	if err == nil || !strings.Contains(err.Error(), "the API server of cluster dead does not answer") || strings.Contains(err.Error(), web.String()) {
		t.Errorf("the error is %v", err)
	}
	if decision := decisions[web]; decision.Action != rollout.Roll || decision.Image.Digest != second {
		t.Errorf("the other is decided as %+v", decision)
	}
}

func TestWhoIsNotLetInIsToldWhatToDo(t *testing.T) {
	davit := newRig(t)
	_, first := davit.repository(t)
	web := davit.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "", ""))
	stranger := newRole(t, cloud.Cluster, "nobody")
	_, err := stranger.driver.Observe(t.Context(), []workload.Reference{web})
	if err == nil || !strings.Contains(err.Error(), "davit eks rbac") || !cluster.IsForbidden(err) {
		t.Errorf("who may do nothing is told %v", err)
	}
	davit.on.Kubectl(t, "-n", davit.namespace, "annotate", "deployment/web", "davit/policy-")
	seen := davit.observe(t, web)
	if seen.Settings.Policy != "" {
		t.Fatalf("observed %+v", seen)
	}
	start := rollout.Start{Revision: strings.Replace(seen.Revision, first, strings.Split(first, "@")[0]+":1.0.0", 1), Rollout: "rollout-1", Cause: "a test"}
	if _, err = davit.driver.Start(t.Context(), seen, start); err == nil || !strings.Contains(err.Error(), "did not opt in") {
		t.Errorf("a workload that did not opt in is refused with %v", err)
	}
}

func TestATokenThatHasExpiredIsMadeAnew(t *testing.T) {
	r := newRig(t)
	_, first := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "", ""))
	reads := 0
	r.clusters.Now = func() time.Time {
		// The first reading is for whether the cluster was silent, the second for the first token.
		if reads++; reads <= 2 {
			return time.Now().Add(-20 * time.Minute)
		}
		return time.Now()
	}
	if observed := r.observe(t, web); !observed.Exists || reads != 3 {
		t.Errorf("after %d readings of the clock observed %+v", reads, observed)
	}
}

func TestAPushIsPatchedWithinTwoSeconds(t *testing.T) {
	r := newRig(t)
	repository, first := r.repository(t)
	web := r.deploy(t, workload.ControllerDeployment, manifest("Deployment", first, "", ""))
	r.look(t, web)
	var took []time.Duration
	for version := range 9 {
		tag := fmt.Sprintf("1.1.%d", version)
		digest := cloud.Push(t, repository, tag, nil)
		began := time.Now()
		decisions, err := r.Reconcile(t.Context(), []workload.Reference{web}, rollout.Cause{ID: tag, Text: "push of " + tag, Digest: digest, Tag: tag,
			Repository: workload.Repository{Registry: emulator.Account, Region: emulator.DefaultRegion, Name: repository}})
		took = append(took, time.Since(began))
		if err != nil || decisions[web].Action != rollout.Roll {
			t.Fatalf("decided %+v, %v", decisions[web], err)
		}
		r.settle(t, web)
	}
	slices.Sort(took)
	t.Logf("from the event of a push to the patch: p50 %s, all %s", took[len(took)/2], took)
	if took[len(took)/2] > 2*time.Second {
		t.Errorf("half of the pushes take longer than %s", took[len(took)/2])
	}
}

func TestWhatOptedInIsFound(t *testing.T) {
	r := newRig(t)
	_, first := r.repository(t)
	spec := map[string]string{"StatefulSet": "  serviceName: web"}
	want := map[string]bool{}
	for kind, controller := range map[string]workload.Controller{"Deployment": workload.ControllerDeployment,
		"StatefulSet": workload.ControllerStatefulSet, "DaemonSet": workload.ControllerDaemonSet} {
		r.on.ApplyTo(t, r.namespace, manifest(kind, first, spec[kind], ""))
		want[r.reference(t, controller).String()] = true
	}
	r.on.ApplyTo(t, r.namespace, strings.NewReplacer("name: web\n  annot", "name: other\n  annot", "davit/policy", "other/policy").Replace(
		manifest("Deployment", first, "", "")))
	found := map[string]bool{}
	for reference, err := range r.driver.Annotated(t.Context(), r.on.Name, "davit/policy") {
		if err != nil {
			t.Fatal(err)
		}
		if reference.Namespace() == r.namespace {
			found[reference.String()] = true
		}
	}
	if !maps.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

func TestWhatIsGoneDoesNotExist(t *testing.T) {
	r := newRig(t)
	for _, text := range []string{"eks:" + r.on.Name + "/" + r.namespace + "/none", "eks:nowhere/shop/web"} {
		reference, err := workload.ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}
		observed, err := r.driver.Observe(t.Context(), []workload.Reference{reference})
		if one, found := observed[reference]; err != nil || !found || one.Exists {
			text, _ := json.Marshal(one)
			t.Errorf("%s is observed as %s, %v", reference, text, err)
		}
	}
}
