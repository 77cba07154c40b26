package kubelet

import (
	"fmt"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	resourcehelper "k8s.io/component-helpers/resource"
)

// Node is the only node of the cluster.
type Node struct {
	Region      string
	CPU, Memory resource.Quantity
}

const (
	nodeName = "ip-10-0-0-10.internal"
	podLimit = "110"
)

// object is the node as the API has it.
func (n Node) object() *core.Node {
	capacity := core.ResourceList{
		core.ResourceCPU: n.CPU, core.ResourceMemory: n.Memory, core.ResourcePods: resource.MustParse(podLimit),
	}
	return &core.Node{
		ObjectMeta: meta.ObjectMeta{Name: nodeName, Labels: map[string]string{
			core.LabelHostname: nodeName, core.LabelOSStable: "linux", core.LabelArchStable: "amd64",
			core.LabelTopologyRegion: n.Region, core.LabelTopologyZone: n.Region + "a",
		}},
		Status: core.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Conditions: []core.NodeCondition{{Type: core.NodeReady, Status: core.ConditionTrue, Reason: "KubeletReady"}},
			NodeInfo:   core.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64", KubeletVersion: "v1.36.3"},
		},
	}
}

// place decides whether a pod fits on the node beside those that are there. Why it does not is said as the scheduler of
// Kubernetes says it. Of what a pod asks for, its requests and its node selector count.
func place(node *core.Node, there []core.Pod, wanted *core.Pod) (why string, fits bool) {
	var problems []string
	if !labels.SelectorFromSet(wanted.Spec.NodeSelector).Matches(labels.Set(node.Labels)) {
		problems = append(problems, "node(s) didn't match Pod's node affinity/selector")
	}
	free := node.Status.Allocatable.DeepCopy()
	for i := range there {
		for name, amount := range requests(&there[i]) {
			left := free[name]
			left.Sub(amount)
			free[name] = left
		}
	}
	asked := requests(wanted)
	for _, name := range []core.ResourceName{core.ResourceCPU, core.ResourceMemory} {
		if amount, left := asked[name], free[name]; amount.Cmp(left) > 0 {
			problems = append(problems, "Insufficient "+string(name))
		}
	}
	if left, one := free[core.ResourcePods], resource.MustParse("1"); left.Cmp(one) < 0 {
		problems = append(problems, "Too many pods")
	}
	if len(problems) == 0 {
		return "", true
	}
	return fmt.Sprintf("0/1 nodes are available: 1 %s.", strings.Join(problems, ", 1 ")), false
}

// requests are what a pod asks for, itself counted; a pod that has ended asks for nothing.
func requests(pod *core.Pod) core.ResourceList {
	if pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed {
		return nil
	}
	asked := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	asked[core.ResourcePods] = resource.MustParse("1")
	return asked
}
