package kubelet

import (
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/api/v1/pod"
)

// describe is the status of a pod on the node whose containers have these statuses.
func describe(before core.PodStatus, containers []core.ContainerStatus, now time.Time) core.PodStatus {
	status := *before.DeepCopy()
	status.ContainerStatuses = containers
	status.Phase = phase(containers)
	if status.StartTime == nil {
		started := meta.NewTime(now)
		status.StartTime = &started
	}
	ready := core.PodCondition{Type: core.ContainersReady, Status: core.ConditionTrue}
	if unready := unready(containers); len(unready) > 0 {
		ready.Status, ready.Reason = core.ConditionFalse, "ContainersNotReady"
		ready.Message = "containers with unready status: [" + strings.Join(unready, " ") + "]"
	}
	setCondition(&status, core.PodCondition{Type: core.PodInitialized, Status: core.ConditionTrue})
	setCondition(&status, ready)
	ready.Type = core.PodReady
	setCondition(&status, ready)
	return status
}

// phase is Pending as long as a container has never been started, else Running: what ends is started again.
func phase(containers []core.ContainerStatus) core.PodPhase {
	for _, container := range containers {
		if container.State.Running == nil && container.LastTerminationState.Terminated == nil {
			return core.PodPending
		}
	}
	return core.PodRunning
}

func unready(containers []core.ContainerStatus) []string {
	var names []string
	for _, container := range containers {
		if !container.Ready {
			names = append(names, container.Name)
		}
	}
	return names
}

// setCondition adds or replaces the condition; the time of its last transition stays if its status does.
func setCondition(status *core.PodStatus, condition core.PodCondition) {
	pod.UpdatePodCondition(status, &condition)
}
