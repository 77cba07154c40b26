package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"davit/shared/backoff"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

// annotationCause is what `kubectl rollout history` shows of a change
// (kubernetes.io/docs/reference/labels-annotations-taints, "kubernetes.io/change-cause").
const annotationCause = "kubernetes.io/change-cause"

// maximumCause bounds the change cause, in bytes.
const maximumCause = 500

// startAttempts is how often a change is tried on a workload that others change at the same time, such as an autoscaler
// its count.
const startAttempts = 6

// errChanged says that somebody else was faster.
var errChanged = errors.New("somebody else changed its images meanwhile")

// Prepare names the revision that the change makes; nothing is registered for it. With resume it looks whether an earlier
// attempt started it: the history that Kubernetes keeps carries names.TagRollout of what was started, whatever was put
// back since.
func (d *Driver) Prepare(ctx context.Context, observation workload.Observation, change rollout.Change, resume bool) (rollout.Prepared, error) {
	initial, regular, err := images(observation.Revision)
	if err != nil {
		return rollout.Prepared{}, fmt.Errorf("%s: prepare rollout %s: %w", observation.Workload, change.Rollout, err)
	}
	made := template{}
	made.Spec.InitContainers, made.Spec.Containers = changed(initial, change), changed(regular, change)
	prepared := rollout.Prepared{Revision: made.revision()}
	if !resume {
		return prepared, nil
	}
	if prepared.Deployment, err = d.startedBy(ctx, observation.Workload, change.Rollout); err != nil {
		return rollout.Prepared{}, fmt.Errorf("%s: look for what was done of rollout %s: %w", observation.Workload, change.Rollout, err)
	}
	return prepared, nil
}

// changed gives the chosen containers the image of the change.
func changed(containers []container, change rollout.Change) []container {
	result := slices.Clone(containers)
	for index := range result {
		if slices.Contains(change.Containers, result[index].Name) {
			result[index].Image = change.Base + "@" + change.Digest
		}
	}
	return result
}

// startedBy finds what a rollout started in the workload's history: the name of its ReplicaSet or ControllerRevision,
// empty where there is none. Their annotations are the workload's own at the time.
func (d *Driver) startedBy(ctx context.Context, reference workload.Reference, id string) (string, error) {
	seen, err := d.get(ctx, reference)
	if err != nil {
		return "", err
	}
	history := "controllerrevisions"
	if reference.Controller() == workload.ControllerDeployment {
		history = "replicasets"
	}
	request := cluster.Request{Path: "/apis/apps/v1/namespaces/" + reference.Namespace() + "/" + history,
		Query: seen.Spec.Selector.query(), Accept: cluster.MetadataList}
	for page, err := range cluster.Pages[struct{ Metadata metadata }](ctx, d.clusters, reference.Cluster(), request) {
		if err != nil {
			return "", err
		}
		for _, item := range page {
			if item.Metadata.ownedBy(seen.Metadata.UID) && item.Metadata.Annotations[names.TagRollout] == id {
				return item.Metadata.Name, nil
			}
		}
	}
	return "", nil
}

func (m metadata) ownedBy(uid string) bool {
	for _, owner := range m.OwnerReferences {
		if owner.UID == uid {
			return true
		}
	}
	return false
}

// Start gives the containers that follow the workload's repository the images of the revision, and changes nothing else:
// no count, which may be an autoscaler's, and no other container. It changes what was observed or nothing: where somebody
// changed the workload meanwhile it looks again, and goes on only if the images are still those that were observed.
func (d *Driver) Start(ctx context.Context, observation workload.Observation, start rollout.Start) (string, error) {
	reference := observation.Workload
	patched, err := d.start(ctx, observation, start)
	if err == nil {
		return deployment(patched.Spec.Template)
	}
	if cluster.IsNotFound(err) {
		err = rollout.Refusef("the workload is gone")
	} else if cluster.IsInvalid(err) {
		err = rollout.Refusef("Kubernetes does not accept it: %v", err)
	}
	return "", fmt.Errorf("%s: start %s: %w", reference, start.Revision, err)
}

func (d *Driver) start(ctx context.Context, observation workload.Observation, start rollout.Start) (*object, error) {
	for attempt := range startAttempts {
		patch, err := patchFor(observation, start)
		if err != nil {
			return nil, err
		}
		patched := &object{}
		err = d.clusters.Do(ctx, observation.Workload.Cluster(), cluster.Request{Method: http.MethodPatch, Path: path(observation.Workload),
			Query: url.Values{"fieldManager": {fieldManager}}, Body: patch, Content: cluster.StrategicMerge}, patched)
		if !cluster.IsConflict(err) {
			return patched, err
		}
		// While pods come and go the controllers write the status many times a second.
		if err := backoff.Wait(ctx, backoff.Delay(50*time.Millisecond, time.Second, attempt+1)); err != nil {
			return nil, err
		}
		observed := observation.Revision
		if observation, err = d.observe(ctx, observation.Workload); err != nil {
			return nil, err
		}
		switch {
		case !observation.Exists:
			return nil, rollout.Refusef("the workload is gone")
		case observation.Settings.Policy == "":
			return nil, rollout.Refusef("the workload no longer carries the annotation %s", names.TagPolicy)
		case observation.Revision != observed && observation.Revision != start.Revision:
			return nil, errChanged
		}
	}
	return nil, errors.New("it is changed again and again by others")
}

// patchFor is the strategic merge patch of the images, with the version that it changes.
func patchFor(observation workload.Observation, start rollout.Start) ([]byte, error) {
	initial, regular, err := images(start.Revision)
	if err != nil {
		return nil, err
	}
	target, err := rollout.FindTarget(observation)
	if err != nil {
		return nil, err
	}
	others := func(one container) bool { return !slices.Contains(target.Containers, one.Name) }
	spec := map[string]any{}
	if own := slices.DeleteFunc(initial, others); len(own) > 0 {
		spec["initContainers"] = own
	}
	if own := slices.DeleteFunc(regular, others); len(own) > 0 {
		spec["containers"] = own
	}
	cause := "davit: " + start.Cause
	if len(cause) > maximumCause {
		cause = cause[:maximumCause] + "…"
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": observation.Version,
			"annotations": map[string]string{annotationCause: cause, names.TagRollout: start.Rollout}},
		"spec": map[string]any{"template": map[string]any{"spec": spec}},
	})
}
