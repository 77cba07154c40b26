package eks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

// annotationRestarted is on a pod template that was restarted, as `kubectl rollout restart` has it
// (kubernetes.io/docs/reference/labels-annotations-taints, "kubectl.kubernetes.io/restartedAt").
const annotationRestarted = "kubectl.kubernetes.io/restartedAt"

// mergePatch is a patch that replaces what it names (RFC 7386).
const mergePatch = "application/merge-patch+json"

// Remedies does to Kubernetes workloads what their playbooks say.
type Remedies struct{ driver *Driver }

var _ recovery.Driver = Remedies{}

// NewRemedies makes the driver of remedies from that of rollouts, with its clusters. It makes no call.
func NewRemedies(driver *Driver) Remedies { return Remedies{driver} }

// Observe says what Kubernetes knows of the workload, whether all is well with it, and which steps it cannot take: one
// request for the workload, one for its pods and one for the autoscalers of its namespace.
func (r Remedies) Observe(ctx context.Context, reference workload.Reference) (recovery.Observation, error) {
	seen := recovery.Observation{}
	var err error
	if seen.Observation, err = r.driver.observe(ctx, reference); err != nil {
		return recovery.Observation{}, fmt.Errorf("observe %s: %w", reference, err)
	}
	if !seen.Exists || !seen.OptedIn() {
		return seen, nil
	}
	read, err := r.driver.get(ctx, reference)
	if err != nil {
		return recovery.Observation{}, fmt.Errorf("observe %s: %w", reference, err)
	}
	pods, err := r.driver.pods(ctx, reference, read)
	if err != nil {
		return recovery.Observation{}, fmt.Errorf("observe %s: its pods: %w", reference, err)
	}
	scaler, err := r.driver.autoscaler(ctx, reference)
	if err != nil {
		return recovery.Observation{}, fmt.Errorf("observe %s: %w", reference, err)
	}
	seen.Healthy, seen.Why = health(seen.Observation)
	if scaler != nil {
		seen.Owner = scaler.owner()
	}
	grows, why := hungry(read, pods)
	if why == "" {
		seen.Memory = grows.MiB
		seen.NextMemory = nextMemory(grows.MiB)
	}
	seen.Cannot = cannot(seen, scaler, why, read.stuck(reference))
	return seen, nil
}

// health tells whether all pods that should be ready are, and nothing is being brought up.
func health(seen workload.Observation) (healthy bool, why string) {
	primary, _ := seen.Primary()
	switch {
	case seen.Running < seen.Desired:
		return false, fmt.Sprintf("%d of %d pods are ready", seen.Running, seen.Desired)
	case primary.State != workload.Completed:
		return false, fmt.Sprintf("its template is %s: %s", primary.State, primary.Reason)
	}
	return true, ""
}

// cannot has the reasons for which the workload cannot take a step; frugal is why no container can have more memory, and
// stuck why Kubernetes would replace no pod. Who owns the image does not mind a restart.
func cannot(seen recovery.Observation, scaler *autoscaler, frugal, stuck string) map[settings.Do]string {
	const nodes, volume = "its nodes have incidents of their own", "it is a workload of Kubernetes, whose volumes davit leaves alone"
	cannot := map[settings.Do]string{settings.ReplaceHosts: nodes, settings.Drain: nodes, settings.GrowVolume: volume,
		settings.RestoreSnapshot: volume}
	if stuck != "" {
		cannot[settings.Restart], cannot[settings.RestartClient] = stuck, stuck
	}
	if seen.Desired == 0 {
		const reason = "it is scaled to zero"
		cannot[settings.Restart], cannot[settings.RestartClient], cannot[settings.ScaleOut] = reason, reason, reason
	}
	switch {
	case seen.Workload.Controller() == workload.ControllerDaemonSet:
		cannot[settings.ScaleOut] = "a DaemonSet has a pod on each node, and no count"
	case scaler != nil && scaler.Metadata.Annotations[names.TagPlaybook] == "":
		cannot[settings.ScaleOut] = seen.Owner.Name + " owns its count; annotate that with " + names.TagPlaybook + ", too, to have its bounds moved"
	}
	limit, err := strconv.Atoi(seen.Settings.MemoryLimit)
	switch {
	case cmp.Or(stuck, seen.Blocked) != "":
		cannot[settings.RaiseMemory] = cmp.Or(stuck, seen.Blocked)
	case frugal != "":
		cannot[settings.RaiseMemory] = frugal
	case seen.Settings.MemoryLimit == "":
		cannot[settings.RaiseMemory] = "its owner allows no more memory; annotate it " + names.TagMemoryLimit + "=MIB to allow some"
	case err != nil || limit < 1:
		cannot[settings.RaiseMemory] = fmt.Sprintf("the annotation %s is %q, which is no number of MiB", names.TagMemoryLimit, seen.Settings.MemoryLimit)
	case seen.NextMemory > limit:
		cannot[settings.RaiseMemory] = fmt.Sprintf("the next step is %d MiB, and its owner allows %d", seen.NextMemory, limit)
	}
	return cannot
}

// Act does the step, or takes one back. Each change sets what the act's intent says, so doing it again does nothing.
func (r Remedies) Act(ctx context.Context, seen recovery.Observation, act ledger.Act, _ bool) (recovery.Done, error) {
	done, err := r.act(ctx, seen, act)
	switch {
	case cluster.IsNotFound(err):
		err = rollout.Refusef("the workload is gone")
	case cluster.IsInvalid(err), cluster.IsForbidden(err):
		err = rollout.Refusef("Kubernetes does not accept it: %v", err)
	}
	if err != nil {
		return recovery.Done{}, fmt.Errorf("%s: %s: %w", seen.Workload, act.Do, err)
	}
	return done, nil
}

func (r Remedies) act(ctx context.Context, seen recovery.Observation, act ledger.Act) (recovery.Done, error) {
	switch do := settings.Do(act.Do); {
	case do == settings.Restart, do == settings.RestartClient:
		at := act.IntendedAt.UTC().Format(time.RFC3339)
		done, err := r.change(ctx, seen.Workload, map[string]any{"metadata": map[string]any{"annotations": map[string]string{annotationRestarted: at}}})
		done.Text = "restarted its pods, as template " + done.Deployment
		return done, err
	case do == settings.ScaleOut:
		step := recovery.Outwards{Unit: "count of replicas", Set: func(lever ledger.Lever, to ledger.Extent) error {
			if lever == ledger.LeverBounds {
				return r.driver.setBounds(ctx, seen.Workload, to)
			}
			return r.driver.setReplicas(ctx, seen.Workload, *to.Count)
		}}
		return step.Take(seen, act)
	case do == settings.RaiseMemory:
		return r.raiseMemory(ctx, seen, act)
	}
	return recovery.Done{}, rollout.Refusef("davit cannot %s a workload of Kubernetes", act.Do)
}

// change patches the pod template, and names what Kubernetes brings up for it.
func (r Remedies) change(ctx context.Context, reference workload.Reference, template map[string]any) (recovery.Done, error) {
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"template": template}})
	if err != nil {
		return recovery.Done{}, err
	}
	patched := &object{}
	err = r.driver.clusters.Do(ctx, reference.Cluster(), cluster.Request{Method: http.MethodPatch, Path: path(reference),
		Query: url.Values{"fieldManager": {fieldManager}}, Body: body, Content: cluster.StrategicMerge}, patched)
	if err != nil {
		return recovery.Done{}, err
	}
	id, err := deployment(patched.Spec.Template)
	return recovery.Done{Deployment: id}, err
}

// raiseMemory gives the container that needs it a step more. A request that equals its limit grows with it, so that the
// pod keeps its quality of service; a smaller one stays in proportion
// (kubernetes.io/docs/concepts/workloads/pods/pod-qos). A template that is another than before the act has it already, or is
// somebody else's.
func (r Remedies) raiseMemory(ctx context.Context, seen recovery.Observation, act ledger.Act) (recovery.Done, error) {
	read, err := r.driver.get(ctx, seen.Workload)
	if err != nil {
		return recovery.Done{}, err
	}
	next := nextMemory(act.Before.Memory)
	done := recovery.Done{}
	if done.Deployment, err = deployment(read.Spec.Template); err != nil {
		return done, err
	}
	if done.Deployment != act.Before.Deployment {
		at := memoryOf(read, func(one memory) bool { return one.MiB == next })
		if at.container == "" {
			return recovery.Done{}, rollout.Refusef("its template was changed meanwhile, and no container has a memory limit of %d MiB", next)
		}
		done.Text = raised(at.container, act.Before.Memory, next, done.Deployment)
		return done, nil
	}
	pods, err := r.driver.pods(ctx, seen.Workload, read)
	if err != nil {
		return recovery.Done{}, fmt.Errorf("its pods: %w", err)
	}
	at, why := hungry(read, pods)
	if why == "" && at.MiB != act.Before.Memory {
		why = fmt.Sprintf("it is container %s that wants memory now, whose limit is %d MiB", at.container, at.MiB)
	}
	if why != "" {
		return recovery.Done{}, rollout.Refusef("%s", why)
	}
	resources := map[string]any{"limits": map[string]string{"memory": mebibytes(next)}}
	if at.requested > 0 {
		resources["requests"] = map[string]string{"memory": mebibytes(at.requested * next / at.MiB)}
	}
	done, err = r.change(ctx, seen.Workload, map[string]any{"spec": map[string]any{"containers": []any{
		map[string]any{"name": at.container, "resources": resources}}}})
	done.Text = raised(at.container, act.Before.Memory, next, done.Deployment)
	return done, err
}

func raised(container string, from, to int, template string) string {
	return fmt.Sprintf("raised the memory of container %s from %d to %d MiB, as template %s", container, from, to, template)
}

func mebibytes(count int) string { return strconv.Itoa(count) + "Mi" }

// setReplicas sets the count, by the subresource that is for it, and nothing else.
func (d *Driver) setReplicas(ctx context.Context, reference workload.Reference, count int) error {
	body := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, count)
	return d.clusters.Do(ctx, reference.Cluster(), cluster.Request{Method: http.MethodPatch, Path: path(reference) + "/scale",
		Query: url.Values{"fieldManager": {fieldManager}}, Body: body, Content: mergePatch}, nil)
}
