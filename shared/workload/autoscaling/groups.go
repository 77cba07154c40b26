package autoscaling

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	grouptypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/scaling"
	"davit/shared/workload"
)

// Groups is the scaling driver for Auto Scaling groups, the workloads of the kind "asg": it sets their desired capacity,
// and moves their minimum and maximum where ECS or a scaling policy sets it.
type Groups struct{ driver *Driver }

var _ scaling.Driver = Groups{}

// NewGroups makes the driver of groups from that of services, with its clients. It makes no call.
func NewGroups(driver *Driver) Groups { return Groups{driver} }

// managedTag is on a group whose size ECS sets, by ECS itself
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/asg-capacity-providers.html).
const managedTag = "AmazonECSManaged"

// Fleet goes through the groups whose davit/scaling tag is a policy: one that only lets davit add hosts for the tasks of
// services says nothing of the kind. A group whose name no reference can hold is left out.
func (g Groups) Fleet(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(g.driver.clients.Groups, &autoscaling.DescribeAutoScalingGroupsInput{
			Filters: []grouptypes.Filter{{Name: aws.String("tag-key"), Values: []string{names.TagScaling}}}})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(workload.Reference{}, fmt.Errorf("list the Auto Scaling groups tagged %s: %w", names.TagScaling, err))
				return
			}
			for _, group := range page.AutoScalingGroups {
				reference, err := workload.AutoScalingGroup(aws.ToString(group.AutoScalingGroupName))
				isPolicy := strings.ContainsAny(tagOf(group, names.TagScaling), "=:")
				if err == nil && isPolicy && !yield(reference, nil) {
					return
				}
			}
		}
	}
}

// Observe looks at each group.
func (g Groups) Observe(ctx context.Context, subjects []scaling.Subject) (map[workload.Reference]scaling.Observation, error) {
	observations := make(map[workload.Reference]scaling.Observation, len(subjects))
	var failures []error
	for _, subject := range subjects {
		seen, err := g.observe(ctx, subject)
		if err != nil {
			failures = append(failures, fmt.Errorf("observe %s: %w", subject.Workload, err))
			continue
		}
		observations[subject.Workload] = seen
	}
	return observations, errors.Join(failures...)
}

func (g Groups) observe(ctx context.Context, subject scaling.Subject) (scaling.Observation, error) {
	seen := scaling.Observation{Workload: subject.Workload}
	described, err := g.driver.clients.Groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{
		AutoScalingGroupNames: []string{subject.Workload.Name()}})
	if err != nil {
		return seen, fmt.Errorf("autoscaling:DescribeAutoScalingGroups: %w", err)
	}
	if len(described.AutoScalingGroups) == 0 {
		return seen, nil
	}
	group := described.AutoScalingGroups[0]
	seen.Exists, seen.Policy, seen.Hold = true, tagOf(group, names.TagScaling), tagOf(group, names.TagHold)
	seen.Desired = int(aws.ToInt32(group.DesiredCapacity))
	for _, instance := range group.Instances {
		if instance.LifecycleState == grouptypes.LifecycleStateInService {
			seen.Running++
		}
		if seen.Task.Instance == "" {
			seen.Task.Instance = aws.ToString(instance.InstanceType)
		}
	}
	if named, err := arn.Parse(aws.ToString(group.AutoScalingGroupARN)); err == nil {
		seen.Region = named.Region
	}
	if seen.Alarms, err = g.driver.Alarms(ctx, subject.Alarms); err != nil || seen.Policy == "" {
		return seen, err
	}
	seen.Owner, err = g.Owner(ctx, group)
	return seen, err
}

func tagOf(group grouptypes.AutoScalingGroup, key string) string {
	for _, tag := range group.Tags {
		if aws.ToString(tag.Key) == key {
			return aws.ToString(tag.Value)
		}
	}
	return ""
}

// Owner is who sets the desired capacity of the group: ECS, or a scaling policy of its own; nil where nobody does.
func (g Groups) Owner(ctx context.Context, group grouptypes.AutoScalingGroup) (*scaling.Owner, error) {
	owner := &scaling.Owner{Min: int(aws.ToInt32(group.MinSize)), Max: int(aws.ToInt32(group.MaxSize))}
	for _, tag := range group.Tags {
		if aws.ToString(tag.Key) == managedTag {
			owner.Name = "ECS's managed scaling"
			return owner, nil
		}
	}
	policies, err := g.driver.clients.Groups.DescribePolicies(ctx, &autoscaling.DescribePoliciesInput{AutoScalingGroupName: group.AutoScalingGroupName})
	if err != nil {
		return nil, fmt.Errorf("autoscaling:DescribePolicies: %w", err)
	}
	for _, policy := range policies.ScalingPolicies {
		if policy.Enabled == nil || *policy.Enabled {
			owner.Name = "the scaling policy " + aws.ToString(policy.PolicyName)
			return owner, nil
		}
	}
	return nil, nil
}

// Set sets the desired capacity, or the bounds of it. Both calls take absolute values.
func (g Groups) Set(ctx context.Context, observation scaling.Observation, lever ledger.Lever, _ string, to ledger.Extent) error {
	name := observation.Workload.Name()
	var err error
	switch {
	case lever == ledger.LeverCount && to.Count != nil:
		_, err = g.driver.clients.Groups.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &name,
			DesiredCapacity: aws.Int32(int32(*to.Count)), HonorCooldown: aws.Bool(false)}) // #nosec G115 -- at most 10,000
	case lever == ledger.LeverBounds:
		_, err = g.driver.clients.Groups.UpdateAutoScalingGroup(ctx, &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &name,
			MinSize: aws.Int32(int32(to.Min)), MaxSize: aws.Int32(int32(to.Max))}) // #nosec G115 -- at most 10,000
	default:
		return rollout.Refusef("a group of hosts has no lever %q", lever)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("scale %s: %w", observation.Workload, g.driver.answered(ledger.LeverHosts, name, err))
}
