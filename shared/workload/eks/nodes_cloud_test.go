package eks_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/backoff"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
	sizes "davit/shared/workload/autoscaling"
	"davit/shared/workload/eks"
	"davit/shared/workload/eks/cluster"
	"davit/shared/workload/hosts"
)

// nodeOf makes a node that runs on the instance, on which pods are placed that select the namespace. It goes when the test
// ends.
func (r *rig) nodeOf(t *testing.T, name, instance string) string {
	t.Helper()
	name += "-" + r.namespace
	r.on.ApplyTo(t, "default", fmt.Sprintf(`
apiVersion: v1
kind: Node
metadata: {name: %s, labels: {pool: %s, davit/playbook: default, kubernetes.io/hostname: %s}}
spec: {providerID: "aws:///ap-northeast-2a/%s"}
`, name, r.namespace, name, instance))
	t.Cleanup(func() { r.on.Kubectl(t, "delete", "node", name, "--wait=false") })
	r.status(t, name, "True", "kubelet is posting ready status")
	return name
}

// status is what the kubelet says of its node.
func (r *rig) status(t *testing.T, node, ready, why string) {
	t.Helper()
	r.on.Kubectl(t, "patch", "node", node, "--subresource=status", "--type=merge", "-p", fmt.Sprintf(`{"status":{
"capacity":{"cpu":"4","memory":"4Gi","pods":"110"},"allocatable":{"cpu":"4","memory":"4Gi","pods":"110"},
"conditions":[{"type":"Ready","status":%q,"reason":"Kubelet","message":%q}]}}`, ready, why))
}

// crowded are four pods of a Deployment, one of a DaemonSet, and one that stands for a static pod. All want the nodes of the
// namespace, and have a budget.
const crowded = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 4, selector: {matchLabels: {app: web}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {pool: NAMESPACE}
      containers: [{name: web, image: IMAGE}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      nodeSelector: {pool: NAMESPACE}
      containers: [{name: agent, image: IMAGE}]
---
apiVersion: v1
kind: Pod
metadata: {name: static, labels: {app: static}, annotations: {kubernetes.io/config.mirror: "1"}}
spec:
  nodeName: NODE
  containers: [{name: static, image: IMAGE}]
`

// onNode are the pods of the app on a node, by their UIDs.
func (r *rig) onNode(t *testing.T, node, app string) []string {
	t.Helper()
	return strings.Fields(r.on.Kubectl(t, "-n", r.namespace, "get", "pods", "-l", "app="+app, "--field-selector", "spec.nodeName="+node, "-o",
		"jsonpath={.items[*].metadata.uid}"))
}

// eventually waits until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); {
		if time.Since(began) > outcomeLimit {
			t.Fatalf("waited in vain until %s", what)
		}
		if err := backoff.Wait(t.Context(), 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// crowd places the crowd on the first node and waits until its budget is known.
func (r *rig) crowd(t *testing.T, image, first string) {
	t.Helper()
	r.on.ApplyTo(t, r.namespace, strings.NewReplacer("NAMESPACE", r.namespace, "IMAGE", image, "NODE", first).Replace(crowded))
	eventually(t, "all pods run and the budget counts them", func() bool {
		return r.on.Kubectl(t, "-n", r.namespace, "get", "deployment/web", "-o", "jsonpath={.status.readyReplicas}") == "4" &&
			r.on.Kubectl(t, "-n", r.namespace, "get", "pdb/web", "-o", "jsonpath={.status.currentHealthy}") == "4" &&
			len(r.onNode(t, first, "agent")) == 1
	})
}

func (r *rig) cordoned(t *testing.T, node string) bool {
	t.Helper()
	return r.on.Kubectl(t, "get", "node", node, "-o", "jsonpath={.spec.unschedulable}") == "true"
}

func TestADrainedNodeLosesWhatItsBudgetsLetGoAndNothingElse(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	_, image := r.repository(t)
	first, second := r.nodeOf(t, "a", "i-0aaaaaaaaaaaaaaaa"), r.nodeOf(t, "b", "i-0bbbbbbbbbbbbbbbb")
	r.crowd(t, image, first)
	before, agent, static := r.onNode(t, first, "web"), r.onNode(t, first, "agent"), r.onNode(t, first, "static")
	if len(before) != 4 || len(static) != 1 {
		t.Fatalf("on the first node are %v and %v", before, static)
	}
	nodes := eks.NewNodes(r.driver)
	drain := func() eks.Drained {
		t.Helper()
		done, err := nodes.Drain(t.Context(), r.on.Name, "i-0aaaaaaaaaaaaaaaa")
		if err != nil {
			t.Fatal(err)
		}
		return done
	}

	// The budget lets none of them go.
	done := drain()
	if done.Node.Cordoned || done.Node.Pods != 4 || done.Asked != 4 || done.Stay != 4 || !strings.Contains(done.Why, "disruption budget") {
		t.Errorf("it was %+v", done)
	}
	if after := r.onNode(t, first, "web"); !slices.Equal(after, before) || !r.cordoned(t, first) {
		t.Errorf("%v became %v, and it is cordoned: %t", before, after, r.cordoned(t, first))
	}

	// Now it lets them go one by one.
	r.on.Kubectl(t, "-n", r.namespace, "patch", "pdb/web", "--type=merge", "-p", `{"spec":{"minAvailable":3}}`)
	eventually(t, "the node is drained", func() bool {
		if done := drain(); done.Asked > 0 && done.Asked-done.Stay > 1 {
			// The controller may have let another one go while davit asked, once its successor was ready.
			if ready := r.on.Kubectl(t, "-n", r.namespace, "get", "deployment/web", "-o", "jsonpath={.status.readyReplicas}"); ready < "3" {
				t.Errorf("%+v left %s pods ready, and the budget wants 3", done, ready)
			}
		}
		seen, err := nodes.OfHost(t.Context(), r.on.Name, "i-0aaaaaaaaaaaaaaaa")
		if err != nil {
			t.Fatal(err)
		}
		return seen.Cordoned && seen.ByDavit && seen.Pods == 0
	})
	eventually(t, "they run on the other node", func() bool { return len(r.onNode(t, second, "web")) == 4 })
	if left := r.onNode(t, first, "web"); len(left) != 0 {
		t.Errorf("%v are still on it", left)
	}
	if !slices.Equal(r.onNode(t, first, "agent"), agent) || !slices.Equal(r.onNode(t, first, "static"), static) {
		t.Errorf("the DaemonSet's pod %v became %v, and the static one %v %v", agent, r.onNode(t, first, "agent"), static, r.onNode(t, first, "static"))
	}

	if _, err := nodes.TakeBack(t.Context(), r.on.Name, "i-0aaaaaaaaaaaaaaaa"); err != nil {
		t.Fatal(err)
	}
	if r.cordoned(t, first) {
		t.Error("it was taken back, and is cordoned")
	}
}

func TestWhatSomebodyElseCordonedStaysCordoned(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	node := r.nodeOf(t, "a", "i-0cccccccccccccccc")
	r.on.Kubectl(t, "cordon", node)
	nodes := eks.NewNodes(r.driver)
	if done, err := nodes.Drain(t.Context(), r.on.Name, "i-0cccccccccccccccc"); err != nil || !done.Node.Cordoned {
		t.Fatalf("it was %+v, %v", done, err)
	}
	if seen, err := nodes.TakeBack(t.Context(), r.on.Name, "i-0cccccccccccccccc"); err != nil || seen.ByDavit {
		t.Errorf("it is seen as %+v, %v", seen, err)
	}
	if !r.cordoned(t, node) {
		t.Error("davit let pods onto a node that somebody else had cordoned")
	}
	if _, err := nodes.OfHost(t.Context(), r.on.Name, "i-0dddddddddddddddd"); !errors.Is(err, eks.ErrNoNode) {
		t.Errorf("a host without a node is answered with %v", err)
	}
}

func TestANodeThatDidNotOptInIsNotTouchedAndNothingButItsCordonIs(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	node := r.nodeOf(t, "a", "i-0eeeeeeeeeeeeeeee")
	r.on.Kubectl(t, "label", "node", node, "davit/playbook-")
	nodes := eks.NewNodes(r.driver)
	if _, err := nodes.Drain(t.Context(), r.on.Name, "i-0eeeeeeeeeeeeeeee"); !errors.Is(err, eks.ErrNodeNotOptedIn) || r.cordoned(t, node) {
		t.Errorf("without the label it is cordoned: %t, %v", r.cordoned(t, node), err)
	}
	patch := func(body string) error {
		return r.clusters.Do(t.Context(), r.on.Name, cluster.Request{Method: http.MethodPatch, Path: "/api/v1/nodes/" + node,
			Body: []byte(body), Content: "application/merge-patch+json"}, nil)
	}
	for _, body := range []string{`{"spec":{"unschedulable":true}}`, `{"metadata":{"labels":{"davit/playbook":"default"}}}`} {
		if err := patch(body); err == nil || !strings.Contains(err.Error(), "this node did not opt in to davit: label it davit/playbook") {
			t.Errorf("the cluster itself answers %s with %v", body, err)
		}
	}
	r.on.Kubectl(t, "label", "node", node, "davit/playbook=default")
	for _, body := range []string{`{"metadata":{"labels":{"pool":"other"}}}`, `{"metadata":{"annotations":{"some":"thing"}}}`,
		`{"metadata":{"finalizers":["davit/x"]}}`, `{"spec":{"taints":[{"key":"davit/x","effect":"NoExecute"}]}}`} {
		if err := patch(body); err == nil || !strings.Contains(err.Error(), "changes nothing else of it") {
			t.Errorf("%s is answered with %v", body, err)
		}
	}
	if err := patch(`{"spec":{"unschedulable":true}}`); err != nil {
		t.Errorf("a cordon is answered with %v", err)
	}

	_, image := r.repository(t)
	r.on.ApplyTo(t, r.namespace, fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: lone}\nspec: {containers: [{name: web, image: %q}]}\n", image))
	err := r.clusters.Do(t.Context(), r.on.Name, cluster.Request{Method: http.MethodPost, Content: cluster.JSON,
		Path: "/api/v1/namespaces/" + r.namespace + "/pods/lone/eviction",
		Body: []byte(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"lone"},"deleteOptions":{"gracePeriodSeconds":0}}`)}, nil)
	if err == nil || !strings.Contains(err.Error(), "the time that they have to end") {
		t.Errorf("an eviction at once is answered with %v", err)
	}
}

// machine is a host of a group whose tags say that it is a node of the cluster, with the driver of hosts.
func (r *rig) machine(t *testing.T) (*hosts.Driver, workload.Reference) {
	t.Helper()
	configuration, err := cloud.AWS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	machines := autoscaling.NewFromConfig(configuration)
	var tags []groups.Tag
	for key, value := range map[string]string{"eks:cluster-name": r.on.Name, names.TagPlaybook: settings.ReservedPlaybook} {
		tags = append(tags, groups.Tag{Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true)})
	}
	if _, err := machines.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: &r.namespace,
		MinSize: aws.Int32(0), MaxSize: aws.Int32(2), DesiredCapacity: aws.Int32(1), Tags: tags}); err != nil {
		t.Fatal(err)
	}
	described, err := machines.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{r.namespace}})
	if err != nil {
		t.Fatal(err)
	}
	host, err := workload.EC2Instance(aws.ToString(described.AutoScalingGroups[0].Instances[0].InstanceId))
	if err != nil {
		t.Fatal(err)
	}
	return hosts.New(hosts.Clients{EC2: hosts.NewEC2(configuration), Groups: machines, ECS: ecs.NewFromConfig(configuration),
		SSM: ssm.NewFromConfig(configuration), Nodes: eks.NewNodes(r.driver),
		Sizes: sizes.NewGroups(sizes.New(sizes.Clients{Groups: machines}, names.TagPlaybook))}), host
}

func TestAHostOfAClusterIsDrainedTakenBackAndReplaced(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	_, image := r.repository(t)
	driver, host := r.machine(t)
	observe := func() recovery.Observation {
		t.Helper()
		seen, err := driver.Observe(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	if why := observe().Cannot[settings.Drain]; !strings.Contains(why, "no node of the cluster runs on it") {
		t.Errorf("before it has joined it cannot be drained for %q", why)
	}
	first, second := r.nodeOf(t, "a", host.Name()), r.nodeOf(t, "b", "i-0ffffffffffffffff")
	r.crowd(t, image, first)
	seen := observe()
	if !seen.Exists || !seen.OptedIn() || !seen.Healthy || seen.Drained || seen.Evicts || !seen.Admits || !seen.Evacuates || seen.Cannot[settings.Drain] != "" {
		t.Fatalf("it is seen as %+v", seen)
	}
	r.status(t, first, "Unknown", "Kubelet stopped posting node status.")
	if sick := observe(); sick.Healthy || !strings.Contains(sick.Why, "Kubelet stopped posting") {
		t.Errorf("a host whose node is not ready is seen as %+v", sick)
	}
	r.status(t, first, "True", "")

	act := seen.Intent(settings.Drain)
	act.ID, act.IntendedAt = "act-1", time.Now()
	done, err := driver.Act(t.Context(), seen, act, false)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(done.Text, "cordoned the node "+first) || !strings.Contains(done.Text, "4 may not yet") || act.Undo == nil || act.Undo.Target != host.Name() {
		t.Errorf("it did %+v, and the undo is %+v", done, act.Undo)
	}
	if seen = observe(); !seen.Evicts || seen.Drained || seen.Healthy || seen.Admits || seen.Refill != "kubectl uncordon "+first || !strings.Contains(seen.Why, "4 pods are yet to leave it") {
		t.Errorf("while its pods may not leave it is seen as %+v", seen)
	}
	undo := act
	undo.Undoes = act.Undo
	if _, err := driver.Act(t.Context(), seen, undo, false); err != nil || r.cordoned(t, first) {
		t.Errorf("taken back it is cordoned: %t, %v", r.cordoned(t, first), err)
	}

	r.on.Kubectl(t, "-n", r.namespace, "patch", "pdb/web", "--type=merge", "-p", `{"spec":{"minAvailable":2}}`)
	eventually(t, "the host is drained by asking again and again", func() bool {
		if _, err := driver.Act(t.Context(), seen, act, true); err != nil {
			t.Fatal(err)
		}
		seen = observe()
		return seen.Drained
	})
	if seen.Evicts || !seen.Healthy {
		t.Errorf("drained it is seen as %+v", seen)
	}
	eventually(t, "they run on the other node", func() bool { return len(r.onNode(t, second, "web")) == 4 })
	if _, err := driver.Act(t.Context(), seen, undo, false); err != nil {
		t.Fatal(err)
	}

	// Without a drain before, it is cordoned and its pods are asked when it is replaced.
	r.on.Kubectl(t, "-n", r.namespace, "delete", "pdb/web")
	r.on.Kubectl(t, "cordon", second)
	r.on.Kubectl(t, "-n", r.namespace, "delete", "pods", "-l", "app=web", "--wait=true")
	eventually(t, "they are back on the first node", func() bool { return len(r.onNode(t, first, "web")) == 4 })
	r.on.Kubectl(t, "uncordon", second)
	act.Do = string(settings.ReplaceHosts)
	if done, err = driver.Act(t.Context(), seen, act, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(done.Text, "asked 4 pods to leave it") || !r.cordoned(t, first) {
		t.Errorf("it did %+v, and the node is cordoned: %t", done, r.cordoned(t, first))
	}
	eventually(t, "its pods have left", func() bool { return len(r.onNode(t, first, "web")) == 0 })
	if gone := observe(); !gone.Replaced {
		t.Errorf("the host that was ended is seen as %+v", gone)
	}
}

func TestAHostWhoseNodeDidNotOptInIsNotDrainedAndReplacedAllTheSame(t *testing.T) {
	r := newRigOf(t, eks.RecoverGroup)
	driver, host := r.machine(t)
	node := r.nodeOf(t, "a", host.Name())
	r.on.Kubectl(t, "label", "node", node, "davit/playbook-")
	seen, err := driver.Observe(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	if why := seen.Cannot[settings.Drain]; !strings.Contains(why, "label it davit/playbook") {
		t.Errorf("it cannot be drained for %q", why)
	}
	act := seen.Intent(settings.Drain)
	act.ID, act.IntendedAt = "act-1", time.Now()
	var refusal *rollout.Refused
	if _, err := driver.Act(t.Context(), seen, act, false); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "label it davit/playbook") {
		t.Errorf("draining is answered with %v", err)
	}
	act.Do = string(settings.ReplaceHosts)
	done, err := driver.Act(t.Context(), seen, act, false)
	if err != nil || !strings.Contains(done.Text, "its pods were not asked to leave") {
		t.Errorf("replacing did %+v, %v", done, err)
	}
}
