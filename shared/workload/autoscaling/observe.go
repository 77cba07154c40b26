package autoscaling

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	targettypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/names"
	"davit/shared/scaling"
	"davit/shared/workload"
)

// shortageAge is how old ECS's word about a task that it cannot place may be: it says so again every few minutes for as
// long as it is so.
const shortageAge = 15 * time.Minute

// unplaced is how ECS's event message of a task without a place goes on after the service's name
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html).
const unplaced = "was unable to place a task"

// Observe looks at each workload by itself: a look is for one, and a sweep's are spread over messages.
func (d *Driver) Observe(ctx context.Context, subjects []scaling.Subject) (map[workload.Reference]scaling.Observation, error) {
	observations := make(map[workload.Reference]scaling.Observation, len(subjects))
	var failures []error
	for _, subject := range subjects {
		seen, err := d.observe(ctx, subject)
		if err != nil {
			failures = append(failures, fmt.Errorf("observe %s: %w", subject.Workload, err))
			continue
		}
		observations[subject.Workload] = seen
	}
	return observations, errors.Join(failures...)
}

func (d *Driver) observe(ctx context.Context, subject scaling.Subject) (scaling.Observation, error) {
	seen := scaling.Observation{Workload: subject.Workload}
	service, found, err := d.service(ctx, subject.Workload)
	if err != nil || !found {
		return seen, err
	}
	seen.Exists, seen.Controller = true, string(types.DeploymentControllerTypeEcs)
	seen.Desired, seen.Running = int(service.DesiredCount), int(service.RunningCount)
	if declared := service.DeploymentController; declared != nil && declared.Type != "" {
		seen.Controller = string(declared.Type)
	}
	if name, err := arn.Parse(aws.ToString(service.ServiceArn)); err == nil {
		seen.Region = name.Region
	}
	for _, tag := range service.Tags {
		switch aws.ToString(tag.Key) {
		case names.TagScaling:
			seen.Policy = aws.ToString(tag.Value)
		case names.TagHold:
			seen.Hold = aws.ToString(tag.Value)
		}
	}
	for _, deployment := range service.Deployments {
		if aws.ToString(deployment.Status) == "PRIMARY" && deployment.RolloutState == types.DeploymentRolloutStateInProgress {
			seen.Deploying = aws.ToString(deployment.Id)
		}
	}
	if seen.Alarms, err = d.Alarms(ctx, subject.Alarms); err != nil || seen.Policy == "" {
		return seen, err
	}
	if seen.Owner, err = d.Owner(ctx, subject.Workload); err != nil {
		return seen, err
	}
	if seen.Task, err = d.task(ctx, service); err != nil {
		return seen, err
	}
	seen.Shortage = shortage(service)
	if seen.Shortage != nil || subject.Hosts {
		if seen.Shortage != nil {
			// A deployment whose tasks find no place does not end by itself, and hosts are what ends it.
			seen.Deploying = ""
		}
		seen.Hosts, err = d.hosts(ctx, service)
	}
	return seen, err
}

func (d *Driver) service(ctx context.Context, reference workload.Reference) (types.Service, bool, error) {
	described, err := d.clients.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(reference.Cluster()),
		Services: []string{reference.Name()}, Include: []types.ServiceField{types.ServiceFieldTags}})
	if hasCode(err, "ClusterNotFoundException") {
		return types.Service{}, false, nil
	}
	if err != nil {
		return types.Service{}, false, fmt.Errorf("ecs:DescribeServices: %w", err)
	}
	for _, service := range described.Services {
		if aws.ToString(service.Status) == "ACTIVE" {
			return service, true, nil
		}
	}
	return types.Service{}, false, nil
}

// Owner is Application Auto Scaling where it has the service as a scalable target; nil where it does not.
func (d *Driver) Owner(ctx context.Context, reference workload.Reference) (*scaling.Owner, error) {
	described, err := d.clients.Targets.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
		ServiceNamespace: targettypes.ServiceNamespaceEcs, ResourceIds: []string{resourceID(reference)},
		ScalableDimension: targettypes.ScalableDimensionECSServiceDesiredCount})
	if err != nil {
		return nil, fmt.Errorf("application-autoscaling:DescribeScalableTargets: %w", err)
	}
	for _, target := range described.ScalableTargets {
		if aws.ToString(target.ResourceId) == resourceID(reference) {
			return &scaling.Owner{Name: "Application Auto Scaling", Min: int(aws.ToInt32(target.MinCapacity)),
				Max: int(aws.ToInt32(target.MaxCapacity))}, nil
		}
	}
	return nil, nil
}

func resourceID(reference workload.Reference) string {
	return "service/" + reference.Cluster() + "/" + reference.Name()
}

// task is what one task takes.
func (d *Driver) task(ctx context.Context, service types.Service) (scaling.Task, error) {
	described, err := d.clients.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: service.TaskDefinition})
	if err != nil {
		return scaling.Task{}, fmt.Errorf("ecs:DescribeTaskDefinition: %w", err)
	}
	definition := described.TaskDefinition
	task := scaling.Task{Fargate: service.LaunchType == types.LaunchTypeFargate, Architecture: "x86_64"}
	for _, item := range service.CapacityProviderStrategy {
		name := aws.ToString(item.CapacityProvider)
		task.Fargate = task.Fargate || strings.HasPrefix(name, "FARGATE")
		task.Spot = task.Spot || name == "FARGATE_SPOT"
	}
	if platform := definition.RuntimePlatform; platform != nil && platform.CpuArchitecture == types.CPUArchitectureArm64 {
		task.Architecture = "arm64"
	}
	// ECS answers both as whole numbers, whatever the definition was written with.
	task.CPU, _ = strconv.Atoi(aws.ToString(definition.Cpu))
	task.Memory, _ = strconv.Atoi(aws.ToString(definition.Memory))
	return task, nil
}

// shortage is the newest word of ECS about a task without a place, unless it has said since that all is steady.
func shortage(service types.Service) *scaling.Shortage {
	if service.RunningCount >= service.DesiredCount {
		return nil
	}
	for _, event := range service.Events { // newest first
		text := aws.ToString(event.Message)
		if strings.Contains(text, "has reached a steady state") || time.Since(aws.ToTime(event.CreatedAt)) > shortageAge {
			return nil
		}
		if strings.Contains(text, unplaced) {
			return &scaling.Shortage{Since: aws.ToTime(event.CreatedAt), Text: reason(text)}
		}
	}
	return nil
}

// reason is what follows the service's name, which is in parentheses, without ECS's advice.
func reason(text string) string {
	_, words, _ := strings.Cut(text, ") ")
	words, _, _ = strings.Cut(words, ". For more information")
	if runes := []rune(words); len(runes) > 300 {
		words = string(runes[:300]) + "…"
	}
	return strings.TrimSuffix(words, ".")
}

// hosts are the Auto Scaling group of the service's capacity provider, or of its cluster's default one; nil where there
// is none.
func (d *Driver) hosts(ctx context.Context, service types.Service) (*scaling.Hosts, error) {
	strategy := service.CapacityProviderStrategy
	if len(strategy) == 0 && service.LaunchType != types.LaunchTypeFargate {
		described, err := d.clients.ECS.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{aws.ToString(service.ClusterArn)}})
		if err != nil {
			return nil, fmt.Errorf("ecs:DescribeClusters: %w", err)
		}
		for _, cluster := range described.Clusters {
			strategy = cluster.DefaultCapacityProviderStrategy
		}
	}
	var providers []string
	for _, item := range strategy {
		if name := aws.ToString(item.CapacityProvider); !strings.HasPrefix(name, "FARGATE") {
			providers = append(providers, name)
		}
	}
	if len(providers) == 0 {
		return nil, nil
	}
	described, err := d.clients.ECS.DescribeCapacityProviders(ctx, &ecs.DescribeCapacityProvidersInput{CapacityProviders: providers})
	if err != nil {
		return nil, fmt.Errorf("ecs:DescribeCapacityProviders: %w", err)
	}
	for _, provider := range described.CapacityProviders {
		group := provider.AutoScalingGroupProvider
		if group == nil || aws.ToString(group.AutoScalingGroupArn) == "" {
			continue
		}
		managed := group.ManagedScaling != nil && group.ManagedScaling.Status == types.ManagedScalingStatusEnabled
		return d.group(ctx, aws.ToString(group.AutoScalingGroupArn), managed)
	}
	return nil, nil
}

func (d *Driver) group(ctx context.Context, name string, managed bool) (*scaling.Hosts, error) {
	if _, after, found := strings.Cut(name, "autoScalingGroupName/"); found {
		name = after
	}
	described, err := d.clients.Groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return nil, fmt.Errorf("autoscaling:DescribeAutoScalingGroups: %w", err)
	}
	if len(described.AutoScalingGroups) == 0 {
		return nil, nil
	}
	group := described.AutoScalingGroups[0]
	hosts := &scaling.Hosts{Group: name, Managed: managed, Min: int(aws.ToInt32(group.MinSize)), Max: int(aws.ToInt32(group.MaxSize)),
		Count: int(aws.ToInt32(group.DesiredCapacity))}
	for _, tag := range group.Tags {
		hosts.OptedIn = hosts.OptedIn || aws.ToString(tag.Key) == names.TagScaling
	}
	if at := slices.IndexFunc(group.Instances, nonEmptyType); at >= 0 {
		hosts.Type = aws.ToString(group.Instances[at].InstanceType)
	}
	return hosts, nil
}
