package ecs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/rollout"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Hosts replaces hosts.
type Hosts interface {
	// Replace ends the host, whose group starts another one. Replacing one that is gone already does nothing.
	Replace(ctx context.Context, instance string) (recovery.Done, error)
}

// Bounds knows who owns the counts of services, and moves their bounds.
type Bounds interface {
	// Owner is who owns the count; nil where nobody does.
	Owner(ctx context.Context, reference workload.Reference) (*scaling.Owner, error)
	// Set moves a lever to an extent, whatever it is at. What cannot be done is a *rollout.Refused.
	Set(ctx context.Context, observation scaling.Observation, lever ledger.Lever, target string, to ledger.Extent) error
}

// Remedies does to ECS services what their playbooks say.
type Remedies struct {
	driver *Driver
	hosts  Hosts
	bounds Bounds
}

var _ recovery.Driver = Remedies{}

// NewRemedies makes the driver of remedies from that of rollouts, with its clients and caches. It makes no call.
func NewRemedies(driver *Driver, hosts Hosts, bounds Bounds) Remedies {
	return Remedies{driver, hosts, bounds}
}

// Observe says what ECS knows of the service, whether all is well with it, and which steps it cannot take: three calls, and
// one more for a revision that this process has not seen yet. Of a service on hosts it asks three more about the host to
// blame.
func (r Remedies) Observe(ctx context.Context, reference workload.Reference) (recovery.Observation, error) {
	observations, err := r.driver.Observe(ctx, []workload.Reference{reference})
	if err != nil {
		return recovery.Observation{}, err
	}
	seen := recovery.Observation{Observation: observations[reference]}
	seen.Workload = reference
	if !seen.Exists {
		return seen, nil
	}
	seen.Healthy, seen.Why = health(seen.Observation)
	if seen.Owner, err = r.bounds.Owner(ctx, reference); err != nil {
		return recovery.Observation{}, fmt.Errorf("observe %s: %w", reference, err)
	}
	if seen.Revision == "" {
		seen.Cannot = r.cannot(seen, "it runs nothing yet")
		return seen, nil
	}
	running, err := r.driver.revision(ctx, seen.Revision)
	if err != nil {
		return recovery.Observation{}, fmt.Errorf("observe %s: %w", reference, err)
	}
	seen.Memory, _ = strconv.Atoi(aws.ToString(running.definition.Memory))
	seen.NextMemory = nextMemory(running.definition)
	blameless := ""
	switch {
	case onFargate(running.definition):
		blameless = "its tasks run on Fargate, which has no hosts to replace"
	default:
		if seen.Host, blameless, err = r.blamed(ctx, reference); err != nil {
			return recovery.Observation{}, fmt.Errorf("observe %s: %w", reference, err)
		}
	}
	seen.Cannot = r.cannot(seen, blameless)
	return seen, nil
}

func onFargate(definition *types.TaskDefinition) bool {
	return slices.Contains(definition.RequiresCompatibilities, types.CompatibilityFargate)
}

// health is the CLI's definition of a stable service, and that no deployment is under way.
func health(seen workload.Observation) (healthy bool, why string) {
	primary, found := seen.Primary()
	switch {
	case !found:
		return false, "the service has no primary deployment"
	case seen.Running < seen.Desired:
		return false, fmt.Sprintf("%d of %d tasks run", seen.Running, seen.Desired)
	case primary.State != workload.Completed:
		return false, fmt.Sprintf("deployment %s is %s", primary.ID, primary.State)
	}
	return true, ""
}

// cannot has the reasons for which the service cannot take a step; blameless is why no host is to blame.
func (r Remedies) cannot(seen recovery.Observation, blameless string) map[settings.Do]string {
	const volume = "it is a service, which has no data volume of its own"
	cannot := map[settings.Do]string{settings.Drain: "the hosts of a service have incidents of their own",
		settings.GrowVolume: volume, settings.RestoreSnapshot: volume}
	if blameless != "" {
		cannot[settings.ReplaceHosts] = blameless
	}
	if reason := seen.Blocked; reason != "" {
		for _, do := range []settings.Do{settings.Restart, settings.RestartClient, settings.RaiseMemory, settings.ScaleOut} {
			cannot[do] = reason
		}
		return cannot
	}
	if seen.Desired == 0 {
		const reason = "it is scaled to zero"
		cannot[settings.ScaleOut], cannot[settings.Restart], cannot[settings.RestartClient] = reason, reason, reason
	}
	if reason := cannotRaise(seen); reason != "" {
		cannot[settings.RaiseMemory] = reason
	}
	return cannot
}

func cannotRaise(seen recovery.Observation) string {
	limit, err := strconv.Atoi(seen.Settings.MemoryLimit)
	switch {
	case seen.Settings.MemoryLimit == "":
		return "its owner allows no more memory; tag it " + names.TagMemoryLimit + "=MIB to allow some"
	case err != nil || limit < 1:
		return fmt.Sprintf("the tag %s is %q, which is no number of MiB", names.TagMemoryLimit, seen.Settings.MemoryLimit)
	case seen.Memory == 0:
		return "its task definition gives the task no memory, only its containers"
	case seen.NextMemory == 0:
		return fmt.Sprintf("%d MiB is all that its CPU allows", seen.Memory)
	case seen.NextMemory > limit:
		return fmt.Sprintf("the next step is %d MiB, and its owner allows %d", seen.NextMemory, limit)
	}
	return ""
}

// fargateMemory is what Fargate offers for a task's CPU, in MiB: least, most and step ("Task CPU and memory" in
// docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html). 256 units have 512, 1024 and 2048.
var fargateMemory = map[string][3]int{
	"256": {512, 2048, 512}, "512": {1024, 4096, 1024}, "1024": {2048, 8192, 1024}, "2048": {4096, 16384, 1024},
	"4096": {8192, 30720, 1024}, "8192": {16384, 61440, 4096}, "16384": {32768, 122880, 8192},
}

// nextMemory is the next step up of a task's memory, a quarter more at least; 0 where there is none.
func nextMemory(definition *types.TaskDefinition) int {
	memory, err := strconv.Atoi(aws.ToString(definition.Memory))
	if err != nil || memory < 1 {
		return 0
	}
	wanted := memory + (memory+3)/4
	if !onFargate(definition) {
		return (wanted + 255) / 256 * 256
	}
	offered, found := fargateMemory[aws.ToString(definition.Cpu)]
	if !found {
		return 0
	}
	for next := offered[0]; next <= offered[1]; next += offered[2] {
		if next >= wanted && (aws.ToString(definition.Cpu) != "256" || next != 1536) {
			return next
		}
	}
	return 0
}

// Act does the step, or takes one back. A step that an earlier attempt did is found: a restart by the primary deployment,
// which is another one than before, and a revision by the act's ID on it. A count is set and not added to.
func (r Remedies) Act(ctx context.Context, seen recovery.Observation, act ledger.Act, resume bool) (recovery.Done, error) {
	var done recovery.Done
	var err error
	switch do := settings.Do(act.Do); {
	// The client of a chain node that runs as a service is its task.
	case do == settings.Restart, do == settings.RestartClient:
		done, err = r.restart(ctx, seen, act, resume)
	case do == settings.ReplaceHosts:
		done, err = r.hosts.Replace(ctx, act.Before.Host)
	case do == settings.ScaleOut:
		done, err = r.scaleOut(ctx, seen, act)
	case do == settings.RaiseMemory:
		done, err = r.raiseMemory(ctx, seen, act, resume)
	default:
		return recovery.Done{}, rollout.Refusef("davit cannot %s an ECS service", act.Do)
	}
	if err != nil {
		return recovery.Done{}, fmt.Errorf("%s: %s: %w", seen.Workload, act.Do, err)
	}
	return done, nil
}

// scaleOut adds a quarter to the count, or has its owner do so.
func (r Remedies) scaleOut(ctx context.Context, seen recovery.Observation, act ledger.Act) (recovery.Done, error) {
	step := recovery.Outwards{Unit: "desired count", Set: func(lever ledger.Lever, to ledger.Extent) error {
		if lever == ledger.LeverBounds {
			return r.bounds.Set(ctx, scaling.Observation{Workload: seen.Workload}, lever, "", to)
		}
		_, err := r.update(ctx, seen.Workload, &ecs.UpdateServiceInput{DesiredCount: count(*to.Count)})
		return err
	}}
	return step.Take(seen, act)
}

func count(desired int) *int32 {
	return aws.Int32(int32(min(desired, maximumDesired))) // #nosec G115 -- bounded
}

// maximumDesired is ECS's quota of tasks of a service
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html).
const maximumDesired = 5000

// restart starts a deployment of the same revision, which replaces the tasks as any deployment does.
func (r Remedies) restart(ctx context.Context, seen recovery.Observation, act ledger.Act, resume bool) (recovery.Done, error) {
	primary, _ := seen.Primary()
	if resume && primary.ID != "" && primary.ID != act.Before.Deployment {
		return recovery.Done{Deployment: primary.ID, Text: "started deployment " + primary.ID}, nil
	}
	service, err := r.update(ctx, seen.Workload, &ecs.UpdateServiceInput{ForceNewDeployment: true})
	if err != nil {
		return recovery.Done{}, err
	}
	deployment := deploymentOf(service, runningRevision(*service))
	return recovery.Done{Deployment: deployment, Text: "started deployment " + deployment}, nil
}

// raiseMemory registers a revision with the next step of memory, and starts it, unless somebody else started another one since.
func (r Remedies) raiseMemory(ctx context.Context, seen recovery.Observation, act ledger.Act, resume bool) (recovery.Done, error) {
	change := rollout.Change{Rollout: act.ID, From: act.Before.Revision}
	from, err := r.driver.revision(ctx, change.From)
	if err != nil {
		return recovery.Done{}, err
	}
	next := nextMemory(from.definition)
	arn := ""
	if resume {
		if arn, err = r.driver.earlier(ctx, change); err != nil {
			return recovery.Done{}, err
		}
	}
	if seen.Revision != change.From && seen.Revision != arn {
		return recovery.Done{}, rollout.Refusef("it runs %s by now, and no longer %s", afterLast(seen.Revision, "/"), afterLast(change.From, "/"))
	}
	if arn == "" {
		body, err := from.withMemory(act.Before.Memory, next, act.ID)
		if err != nil {
			return recovery.Done{}, err
		}
		if arn, err = r.driver.registerBody(ctx, from, body); err != nil {
			return recovery.Done{}, err
		}
	}
	deployment, err := r.driver.run(ctx, seen.Workload, arn)
	return recovery.Done{Deployment: deployment,
		Text: fmt.Sprintf("raised the task's memory from %d to %d MiB by %s", act.Before.Memory, next, afterLast(arn, "/"))}, err
}

// withMemory is the request that registers the revision with another memory of the task. Limits of containers grow with
// it, since it is they that end a container.
func (r *revision) withMemory(before, next int, act string) ([]byte, error) {
	request := r.request()
	var containers []map[string]json.RawMessage
	if err := json.Unmarshal(request["containerDefinitions"], &containers); err != nil {
		return nil, fmt.Errorf("read the container definitions: %w", err)
	}
	for _, container := range containers {
		var limit int
		if json.Unmarshal(container["memory"], &limit) == nil && limit > 0 && before > 0 {
			container["memory"] = json.RawMessage(strconv.Itoa(limit * next / before))
		}
	}
	for member, value := range map[string]any{"containerDefinitions": containers, "memory": strconv.Itoa(next), "tags": r.taggedFor(act)} {
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", member, err)
		}
		request[member] = encoded
	}
	return json.Marshal(request)
}

// update changes the service, and nothing of it but what the input names.
func (r Remedies) update(ctx context.Context, reference workload.Reference, input *ecs.UpdateServiceInput) (*types.Service, error) {
	input.Cluster, input.Service = aws.String(reference.Cluster()), aws.String(reference.Name())
	output, err := r.driver.clients.ECS.UpdateService(ctx, input)
	if err != nil {
		return nil, startFailed(reference, "the change", err)
	}
	if output.Service == nil {
		return nil, fmt.Errorf("ecs:UpdateService answered without a service")
	}
	return output.Service, nil
}
