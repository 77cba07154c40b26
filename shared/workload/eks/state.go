package eks

import (
	"fmt"

	"davit/shared/workload"
)

// Reasons of a Deployment's condition Progressing
// (kubernetes.io/docs/concepts/workloads/controllers/deployment, "Deployment status").
const (
	available        = "NewReplicaSetAvailable"
	deadlineExceeded = "ProgressDeadlineExceeded"
)

// state is how far Kubernetes has come with the template, and its own words. The rules are those of `kubectl rollout
// status`; beyond them, what was once brought up stays so for Kubernetes' own reason, whatever its pods do later.
func (o *object) state(reference workload.Reference) (workload.DeploymentState, string) {
	if o.Status.ObservedGeneration < o.Metadata.Generation {
		return workload.InProgress, "its controller has not seen the change yet"
	}
	switch reference.Controller() {
	case workload.ControllerStatefulSet:
		return o.statefulSetState(reference)
	case workload.ControllerDaemonSet:
		return o.daemonSetState()
	}
	return o.deploymentState(reference)
}

func (o *object) deploymentState(reference workload.Reference) (workload.DeploymentState, string) {
	progressing, seen := o.condition("Progressing"), o.Status
	all := seen.UpdatedReplicas >= o.desired(reference) && seen.Replicas <= seen.UpdatedReplicas && seen.AvailableReplicas >= seen.UpdatedReplicas
	switch {
	case progressing.Status == "False" && progressing.Reason == deadlineExceeded:
		return workload.Failed, progressing.Message
	case progressing.Status == "True" && progressing.Reason == available, all:
		return workload.Completed, progressing.Message
	}
	return workload.InProgress, progressing.Message
}

func (o *object) statefulSetState(reference workload.Reference) (workload.DeploymentState, string) {
	seen, desired := o.Status, o.desired(reference)
	if partition := o.Spec.UpdateStrategy.RollingUpdate.Partition; partition > 0 {
		if seen.ReadyReplicas >= desired && seen.UpdatedReplicas >= desired-partition {
			return workload.Completed, fmt.Sprintf("its partition leaves the first %d pods as they are", partition)
		}
		return workload.InProgress, ""
	}
	if seen.CurrentRevision == seen.UpdateRevision && seen.UpdatedReplicas >= seen.Replicas {
		return workload.Completed, ""
	}
	return workload.InProgress, ""
}

func (o *object) daemonSetState() (workload.DeploymentState, string) {
	seen := o.Status
	if seen.UpdatedNumberScheduled >= seen.DesiredNumberScheduled && seen.NumberAvailable >= seen.DesiredNumberScheduled {
		return workload.Completed, ""
	}
	return workload.InProgress, ""
}
