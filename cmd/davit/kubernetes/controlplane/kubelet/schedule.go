package kubelet

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// Node is the node that the cluster begins with.
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

// place finds a node on which a pod fits beside those that are there. Why there is none is said as the scheduler of
// Kubernetes says it. Whether a node is cordoned, and of what a pod asks for its requests, its node selector and its node
// affinity count.
func place(nodes []core.Node, there []core.Pod, wanted *core.Pod) (node, why string) {
	problems := map[string]int{}
	for i := range nodes {
		found := unfit(&nodes[i], there, wanted)
		if len(found) == 0 {
			return nodes[i].Name, ""
		}
		for _, problem := range found {
			problems[problem]++
		}
	}
	told := make([]string, 0, len(problems))
	for problem, count := range problems {
		told = append(told, fmt.Sprintf("%d %s", count, problem))
	}
	slices.Sort(told)
	return "", fmt.Sprintf("0/%d nodes are available: %s.", len(nodes), strings.Join(told, ", "))
}

// unfit is why a pod has no place on a node; nothing where it has one.
func unfit(node *core.Node, there []core.Pod, wanted *core.Pod) []string {
	if node.Spec.Unschedulable && !bearsCordon(wanted) {
		return []string{"node(s) were unschedulable"}
	}
	if matches, err := nodeaffinity.GetRequiredNodeAffinity(wanted).Match(node); err != nil || !matches {
		return []string{"node(s) didn't match Pod's node affinity/selector"}
	}
	var problems []string
	free := node.Status.Allocatable.DeepCopy()
	for i := range there {
		if there[i].Spec.NodeName != node.Name {
			continue
		}
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
	return problems
}

// bearsCordon tells whether the pod tolerates a cordoned node, as those of DaemonSets do.
func bearsCordon(pod *core.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Tolerations, func(toleration core.Toleration) bool {
		return toleration.Key == core.TaintNodeUnschedulable || toleration.Key == "" && toleration.Operator == core.TolerationOpExists
	})
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
