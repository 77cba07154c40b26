package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/scaling"
	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

// autoscaler is the part of a HorizontalPodAutoscaler that matters here
// (kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2).
type autoscaler struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		MinReplicas *int `json:"minReplicas"`
		MaxReplicas int  `json:"maxReplicas"`
		Target      struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"scaleTargetRef"`
	} `json:"spec"`
}

// least is the fewest replicas that the autoscaler keeps; one if it does not say.
func (a autoscaler) least() int {
	if a.Spec.MinReplicas == nil {
		return 1
	}
	return *a.Spec.MinReplicas
}

// owner is the autoscaler as the owner of a count.
func (a autoscaler) owner() *scaling.Owner {
	return &scaling.Owner{Name: scaling.Autoscaler + a.Metadata.Name, Min: a.least(), Max: a.Spec.MaxReplicas}
}

// kinds are the names that a scale target has.
var kinds = map[workload.Controller]string{
	workload.ControllerDeployment: "Deployment", workload.ControllerStatefulSet: "StatefulSet", workload.ControllerDaemonSet: "DaemonSet",
}

func autoscalersOf(namespace string) string {
	return "/apis/autoscaling/v2/namespaces/" + namespace + "/horizontalpodautoscalers"
}

// autoscaler is the one that sets the workload's count; nil where none does.
func (d *Driver) autoscaler(ctx context.Context, reference workload.Reference) (*autoscaler, error) {
	request := cluster.Request{Path: autoscalersOf(reference.Namespace())}
	for page, err := range cluster.Pages[autoscaler](ctx, d.clusters, reference.Cluster(), request) {
		if err != nil {
			return nil, fmt.Errorf("list its autoscalers: %w", err)
		}
		for _, one := range page {
			if one.Spec.Target.Kind == kinds[reference.Controller()] && one.Spec.Target.Name == reference.Name() {
				return &one, nil
			}
		}
	}
	return nil, nil
}

// Counts is the scaling driver for Kubernetes workloads: it sets the replicas by their subresource, and moves the bounds of
// a HorizontalPodAutoscaler where one owns them.
type Counts struct {
	driver *Driver
	alarms Alarms
}

// Alarms are those of CloudWatch that speak of a workload.
type Alarms interface {
	Alarms(ctx context.Context, known []ledger.ScalingAlarm) ([]scaling.Alarm, error)
}

var _ scaling.Driver = Counts{}

// NewCounts makes the driver from that of rollouts, with its clusters. It makes no call.
func NewCounts(driver *Driver, alarms Alarms) Counts { return Counts{driver, alarms} }

// Observe looks at each workload: one request, and one for the autoscalers of its namespace if it opted in.
func (c Counts) Observe(ctx context.Context, subjects []scaling.Subject) (map[workload.Reference]scaling.Observation, error) {
	observations := make(map[workload.Reference]scaling.Observation, len(subjects))
	var failures []error
	for _, subject := range subjects {
		seen, err := c.observe(ctx, subject)
		if err != nil {
			failures = append(failures, fmt.Errorf("observe %s: %w", subject.Workload, err))
			continue
		}
		observations[subject.Workload] = seen
	}
	return observations, errors.Join(failures...)
}

func (c Counts) observe(ctx context.Context, subject scaling.Subject) (scaling.Observation, error) {
	seen := scaling.Observation{Workload: subject.Workload}
	where, err := c.driver.clusters.Describe(ctx, subject.Workload.Cluster())
	if errors.Is(err, cluster.ErrNoCluster) {
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	read, err := c.driver.get(ctx, subject.Workload)
	if cluster.IsNotFound(err) || err == nil && read.Metadata.DeletionTimestamp != nil {
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	seen.Exists, seen.Region = true, where.Region
	seen.Policy, seen.Hold = read.Metadata.Annotations[names.TagScaling], read.Metadata.Annotations[names.TagHold]
	seen.Desired, seen.Running = read.desired(subject.Workload), read.Status.ReadyReplicas+read.Status.NumberReady
	if state, _ := read.state(subject.Workload); state == workload.InProgress {
		if seen.Deploying, err = deployment(read.Spec.Template); err != nil {
			return seen, err
		}
	}
	if seen.Alarms, err = c.alarms.Alarms(ctx, subject.Alarms); err != nil || seen.Policy == "" {
		return seen, err
	}
	if subject.Workload.Controller() == workload.ControllerDaemonSet {
		seen.Controller = "that of a DaemonSet"
		return seen, nil
	}
	scaler, err := c.driver.autoscaler(ctx, subject.Workload)
	if scaler != nil {
		seen.Owner = scaler.owner()
	}
	return seen, err
}

// Set sets the replicas, or the bounds of the autoscaler. Both take absolute values.
func (c Counts) Set(ctx context.Context, observation scaling.Observation, lever ledger.Lever, _ string, to ledger.Extent) error {
	var err error
	switch {
	case lever == ledger.LeverCount && to.Count != nil:
		err = c.driver.setReplicas(ctx, observation.Workload, *to.Count)
	case lever == ledger.LeverBounds:
		err = c.driver.setBounds(ctx, observation.Workload, to)
	default:
		err = rollout.Refusef("a workload of Kubernetes has no lever %q", lever)
	}
	switch {
	case cluster.IsNotFound(err):
		err = rollout.Refusef("the workload, or its autoscaler, is gone")
	case cluster.IsInvalid(err), cluster.IsForbidden(err):
		err = rollout.Refusef("Kubernetes does not accept it: %v", err)
	}
	if err != nil {
		return fmt.Errorf("scale %s: %w", observation.Workload, err)
	}
	return nil
}

// setBounds moves the bounds of the workload's autoscaler.
func (d *Driver) setBounds(ctx context.Context, reference workload.Reference, to ledger.Extent) error {
	scaler, err := d.autoscaler(ctx, reference)
	if err != nil {
		return err
	}
	if scaler == nil {
		return rollout.Refusef("no HorizontalPodAutoscaler owns its count any more")
	}
	// Kubernetes takes no maximum of 0, and a minimum of 0 only with a feature that is off by default.
	body, err := json.Marshal(map[string]any{"spec": map[string]int{"minReplicas": to.Min, "maxReplicas": to.Max}})
	if err != nil {
		return err
	}
	return d.clusters.Do(ctx, reference.Cluster(), cluster.Request{Method: http.MethodPatch,
		Path: autoscalersOf(reference.Namespace()) + "/" + scaler.Metadata.Name, Query: url.Values{"fieldManager": {fieldManager}},
		Body: body, Content: mergePatch}, nil)
}
