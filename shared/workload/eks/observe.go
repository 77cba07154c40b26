package eks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

// Observe asks the API server of each workload's cluster: one request a workload, and one for the pods of those that are
// being brought up, side by side. A workload that is missing or is being deleted, or whose cluster is missing, has Exists
// false.
//
// A cluster that does not answer spoils its own workloads alone: beside the error, which joins all faults, stands what
// could be observed.
func (d *Driver) Observe(ctx context.Context, references []workload.Reference) (map[workload.Reference]workload.Observation, error) {
	seen := &survey{driver: d, observations: make(map[workload.Reference]workload.Observation, len(references))}
	var clusters sync.WaitGroup
	for _, own := range byCluster(references) {
		clusters.Go(func() { seen.cluster(ctx, own) })
	}
	clusters.Wait()
	return seen.observations, errors.Join(seen.faults...)
}

// byCluster groups the references by cluster, each once.
func byCluster(references []workload.Reference) map[string][]workload.Reference {
	clusters := map[string][]workload.Reference{}
	known := make(map[workload.Reference]bool, len(references))
	for _, reference := range references {
		if !known[reference] {
			known[reference] = true
			clusters[reference.Cluster()] = append(clusters[reference.Cluster()], reference)
		}
	}
	return clusters
}

// survey is one Observe under way.
type survey struct {
	driver *Driver

	mutex        sync.Mutex
	observations map[workload.Reference]workload.Observation
	faults       []error
}

// cluster looks at the workloads of one cluster.
func (s *survey) cluster(ctx context.Context, references []workload.Reference) {
	var requests errgroup.Group
	requests.SetLimit(concurrency)
	for _, reference := range references {
		requests.Go(func() error {
			observed, err := s.driver.observe(ctx, reference)
			s.mutex.Lock()
			defer s.mutex.Unlock()
			if err != nil {
				s.faults = append(s.faults, fmt.Errorf("observe %s: %w", reference, err))
				return nil
			}
			s.observations[reference] = observed
			return nil
		})
	}
	_ = requests.Wait()
}

func (d *Driver) observe(ctx context.Context, reference workload.Reference) (workload.Observation, error) {
	gone := workload.Observation{Workload: reference}
	where, err := d.clusters.Describe(ctx, reference.Cluster())
	if errors.Is(err, cluster.ErrNoCluster) {
		return gone, nil
	}
	if err != nil {
		return gone, err
	}
	seen, err := d.get(ctx, reference)
	if cluster.IsNotFound(err) || err == nil && seen.Metadata.DeletionTimestamp != nil {
		return gone, nil
	}
	if err != nil {
		return gone, err
	}
	observed, err := seen.observation(reference, where)
	if err != nil || observed.Settings.Policy == "" || observed.Deployments[0].State == workload.Completed {
		return observed, err
	}
	pods, err := d.pods(ctx, reference, seen)
	if err != nil {
		return gone, err
	}
	judge(&observed.Deployments[0], seen, pods, d.now())
	return observed, nil
}

// observation is what the object itself tells.
func (o *object) observation(reference workload.Reference, where cluster.Cluster) (workload.Observation, error) {
	id, err := deployment(o.Spec.Template)
	if err != nil {
		return workload.Observation{}, err
	}
	observed := workload.Observation{Workload: reference, Exists: true, Settings: o.settings(), Account: where.Account,
		Region: where.Region, Quiet: true, Version: o.Metadata.ResourceVersion, Revision: o.template.revision(),
		Containers: o.template.containers(), Desired: o.desired(reference), Running: o.Status.ReadyReplicas + o.Status.NumberReady}
	state, reason := o.state(reference)
	observed.Deployments = []workload.Deployment{{ID: id, Revision: observed.Revision, Primary: true, State: state, Reason: reason,
		CreatedAt: o.changedAt(), Desired: observed.Desired, Running: o.Status.UpdatedReplicas + o.Status.UpdatedNumberScheduled}}
	observed.Blocked = o.blocked(observed)
	return observed, nil
}

func (o *object) settings() workload.Settings {
	said := o.Metadata.Annotations
	return workload.Settings{Policy: said[names.TagPolicy], Container: said[names.TagContainer], Repository: said[names.TagRepository],
		Hold: said[names.TagHold], Playbook: said[names.TagPlaybook], MemoryLimit: said[names.TagMemoryLimit]}
}

func (o *object) desired(reference workload.Reference) int {
	switch {
	case reference.Controller() == workload.ControllerDaemonSet:
		return o.Status.DesiredNumberScheduled
	case o.Spec.Replicas != nil:
		return *o.Spec.Replicas
	}
	return 1
}

// changedAt is when the object itself was last changed, its status and its count aside.
func (o *object) changedAt() time.Time {
	at := o.Metadata.CreationTimestamp
	for _, managed := range o.Metadata.ManagedFields {
		if managed.Subresource == "" && managed.Time.After(at) {
			at = managed.Time
		}
	}
	return at
}

// blocked says why nothing may be rolled out, whatever the image.
func (o *object) blocked(observed workload.Observation) string {
	if observed.Settings.Policy == "" {
		return ""
	}
	if stuck := o.stuck(observed.Workload); stuck != "" {
		return stuck
	}
	target, err := rollout.FindTarget(observed)
	if err != nil {
		return "" // the decider tells that
	}
	for _, name := range target.Containers {
		if owner := o.owner(name); owner != "" {
			return fmt.Sprintf("%s owns the image of container %s and would undo a rollout: change the image where %s takes it from; "+
				"or have it ignore that field, and then set the image once by `kubectl set image`", owner, name, owner)
		}
	}
	return ""
}

// stuck says why Kubernetes would replace no pod, whatever the change of the template.
func (o *object) stuck(reference workload.Reference) string {
	switch {
	case o.Spec.Paused:
		return fmt.Sprintf("it is paused: `kubectl -n %s rollout resume %s/%s` lets it go on",
			o.Metadata.Namespace, reference.Controller(), o.Metadata.Name)
	case o.Spec.UpdateStrategy.Type == "OnDelete":
		return "its update strategy is OnDelete, by which Kubernetes replaces no pod: set RollingUpdate"
	}
	return ""
}
