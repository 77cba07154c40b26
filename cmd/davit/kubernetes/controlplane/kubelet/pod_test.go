package kubelet

import (
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestDescribe(t *testing.T) {
	running := core.ContainerStatus{Name: "web", Ready: true, State: core.ContainerState{Running: &core.ContainerStateRunning{}}}
	waiting := core.ContainerStatus{Name: "log", State: core.ContainerState{Waiting: &core.ContainerStateWaiting{}}}
	crashed := waiting
	crashed.LastTerminationState.Terminated = &core.ContainerStateTerminated{}
	for name, test := range map[string]struct {
		containers []core.ContainerStatus
		phase      core.PodPhase
		ready      core.ConditionStatus
		message    string
	}{
		"all run": {[]core.ContainerStatus{running}, core.PodRunning, core.ConditionTrue, ""},
		"one was never started": {
			[]core.ContainerStatus{running, waiting}, core.PodPending, core.ConditionFalse, "containers with unready status: [log]",
		},
		"one ended and waits": {
			[]core.ContainerStatus{crashed}, core.PodRunning, core.ConditionFalse, "containers with unready status: [log]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			status := describe(core.PodStatus{}, test.containers, moment)
			if status.Phase != test.phase {
				t.Errorf("got %s, want %s", status.Phase, test.phase)
			}
			ready := condition(t, status, core.PodReady)
			if ready.Status != test.ready || ready.Message != test.message {
				t.Errorf("got %+v, want %s %q", ready, test.ready, test.message)
			}
			later := describe(status, test.containers, moment.Add(time.Hour))
			if got := condition(t, later, core.PodReady).LastTransitionTime; got != ready.LastTransitionTime {
				t.Errorf("the transition moved to %s without a change", got)
			}
		})
	}
}

func condition(t *testing.T, status core.PodStatus, kind core.PodConditionType) core.PodCondition {
	t.Helper()
	for _, condition := range status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	t.Fatalf("no condition %s in %+v", kind, status.Conditions)
	return core.PodCondition{}
}

func TestPlace(t *testing.T) {
	node := Node{Region: "eu-west-1", CPU: resource.MustParse("2"), Memory: resource.MustParse("1Gi")}.object()
	asking := func(cpu, memory string) core.Pod {
		return core.Pod{Spec: core.PodSpec{Containers: []core.Container{{Resources: core.ResourceRequirements{
			Requests: core.ResourceList{core.ResourceCPU: resource.MustParse(cpu), core.ResourceMemory: resource.MustParse(memory)},
		}}}}}
	}
	ended := asking("2", "1Gi")
	ended.Status.Phase = core.PodFailed
	elsewhere := asking("1", "1Mi")
	elsewhere.Spec.NodeSelector = map[string]string{core.LabelTopologyZone: "eu-west-1b"}
	here := asking("1", "1Mi")
	here.Spec.NodeSelector = map[string]string{core.LabelTopologyZone: "eu-west-1a"}
	crowd := make([]core.Pod, 110)
	bears := asking("1", "1Mi")
	bears.Spec.Tolerations = []core.Toleration{{Key: core.TaintNodeUnschedulable, Operator: core.TolerationOpExists}}
	for name, test := range map[string]struct {
		there  []core.Pod
		wanted core.Pod
		why    string
	}{
		"what fits is placed":                 {nil, asking("2", "1Gi"), ""},
		"what has ended takes nothing":        {[]core.Pod{ended}, asking("2", "1Gi"), ""},
		"a node of the right zone is taken":   {nil, here, ""},
		"what is there counts":                {[]core.Pod{asking("1500m", "1Mi")}, asking("600m", "1Mi"), "1 Insufficient cpu."},
		"CPU and memory are both told":        {nil, asking("3", "2Gi"), "1 Insufficient cpu, 1 Insufficient memory."},
		"a node of another zone is not taken": {nil, elsewhere, "1 node(s) didn't match Pod's node affinity/selector."},
		"a node holds 110 pods":               {crowd, asking("0", "0"), "1 Too many pods."},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range test.there {
				test.there[i].Spec.NodeName = node.Name
			}
			at, why := place([]core.Node{*node}, test.there, &test.wanted)
			if (at == node.Name) != (test.why == "") || strings.TrimPrefix(why, "0/1 nodes are available: ") != test.why {
				t.Errorf("got %q %q, want %q", at, why, test.why)
			}
		})
	}
	cordoned, second := *node.DeepCopy(), *node.DeepCopy()
	cordoned.Spec.Unschedulable, second.Name = true, "second"
	full := asking("2", "1Mi")
	full.Spec.NodeName = "second"
	for name, test := range map[string]struct {
		there     []core.Pod
		wanted    core.Pod
		node, why string
	}{
		"a cordoned node is not taken":     {nil, asking("1", "1Mi"), "second", ""},
		"but by what bears it":             {nil, bears, node.Name, ""},
		"each node tells why":              {[]core.Pod{full}, asking("1", "1Mi"), "", "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable."},
		"what is on one counts there only": {[]core.Pod{full}, bears, node.Name, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if at, why := place([]core.Node{cordoned, second}, test.there, &test.wanted); at != test.node || why != test.why {
				t.Errorf("got %q %q, want %q %q", at, why, test.node, test.why)
			}
		})
	}
}
