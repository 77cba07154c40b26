package hosts

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/recovery"
	"davit/shared/rollout"
)

// group is what EC2 Auto Scaling says of a group.
type group struct {
	name          string
	described     types.AutoScalingGroup
	tags          tags
	desired, most int
	// inService counts the hosts that are in service and healthy.
	inService int
	// failing are the IDs of those that are not, and of which no other takes the place yet; sole is that of the only one.
	failing []string
	sole    string
}

func (d *Driver) group(ctx context.Context, name string) (group, bool, error) {
	described, err := d.clients.Groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return group{}, false, fmt.Errorf("autoscaling:DescribeAutoScalingGroups: %w", err)
	}
	for _, found := range described.AutoScalingGroups {
		return read(found), true, nil
	}
	return group{}, false, nil
}

// groupOf is the group that the instance belongs to, as its tags say.
func (d *Driver) groupOf(ctx context.Context, host instance) (group, bool, error) {
	name := host.Tags.value(groupTag)
	if name == "" {
		return group{}, false, nil
	}
	return d.group(ctx, name)
}

func read(found types.AutoScalingGroup) group {
	made := group{described: found, name: aws.ToString(found.AutoScalingGroupName), desired: int(aws.ToInt32(found.DesiredCapacity)), most: int(aws.ToInt32(found.MaxSize))}
	for _, each := range found.Tags {
		made.tags = append(made.tags, tag{aws.ToString(each.Key), aws.ToString(each.Value)})
	}
	for _, member := range found.Instances {
		id := aws.ToString(member.InstanceId)
		switch {
		case member.LifecycleState != types.LifecycleStateInService:
		case aws.ToString(member.HealthStatus) == "Healthy":
			made.inService++
		default:
			made.failing = append(made.failing, id)
		}
		if len(found.Instances) == 1 {
			made.sole = id
		}
	}
	return made
}

// whole tells whether the group has all the hosts that it should have.
func (g group) whole() (bool, string) {
	if g.inService >= g.desired {
		return true, ""
	}
	return false, fmt.Sprintf("%d of %d hosts of the group %s are in service", g.inService, g.desired, g.name)
}

// keeps tells whether the host is a member that the group does not end. EC2 calls one that it ends running until its lifecycle
// hooks are done (docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html).
func (g group) keeps(host string) bool {
	return slices.ContainsFunc(g.described.Instances, func(member types.Instance) bool {
		// Terminating, alone or with what it waits for, and Terminated.
		return aws.ToString(member.InstanceId) == host && !strings.HasPrefix(string(member.LifecycleState), "Terminat")
	})
}

// suspect is the host that a step on the group would be about: one that fails, else the only one.
func (g group) suspect() string {
	if len(g.failing) > 0 {
		return g.failing[0]
	}
	return g.sole
}

// Replace drains the host, where a cluster has it, and ends it; its group starts another one. Replacing one that is gone
// already does nothing.
func (d *Driver) Replace(ctx context.Context, host string) (recovery.Done, error) {
	found, err := d.containerInstance(ctx, host)
	if err != nil {
		return recovery.Done{}, err
	}
	return d.replace(ctx, host, found)
}

// replace ends the host; its group starts another one. Ending one that is gone already, or leaves, is no fault. Before, tasks
// of ECS are drained from it where it is given as a container instance, and a node of Kubernetes is cordoned and its pods are
// asked to leave; a host that this closed and that is not ended is opened again.
func (d *Driver) replace(ctx context.Context, host string, container containerInstance) (recovery.Done, error) {
	done := recovery.Done{Text: "ended " + host + ", and its group starts another host"}
	found, exists, err := d.clients.EC2.instance(ctx, host)
	if err != nil || !exists || found.gone() {
		return done, err
	}
	of, hasGroup, err := d.groupOf(ctx, found)
	if err != nil {
		return recovery.Done{}, err
	}
	if !hasGroup {
		return recovery.Done{}, rollout.Refusef("%s belongs to no Auto Scaling group", host)
	}
	closed := container.admits()
	if closed {
		if err := d.setStatus(ctx, container, ecstypes.ContainerInstanceStatusDraining); err != nil {
			return recovery.Done{}, err
		}
	}
	if !of.keeps(host) {
		return recovery.Done{Text: host + " leaves its group already, which starts another host"}, nil
	}
	cordoned, said := d.evacuate(ctx, found)
	if err := d.end(ctx, host); err != nil {
		if reason, refused := rollout.Refusal(err); refused && (closed || cordoned) {
			return recovery.Done{}, d.reopen(ctx, host, reason)
		}
		return recovery.Done{}, err
	}
	done.Text += said
	return done, nil
}

// end has the host's group end it.
func (d *Driver) end(ctx context.Context, host string) error {
	_, err := d.clients.Groups.TerminateInstanceInAutoScalingGroup(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{
		InstanceId: &host, ShouldDecrementDesiredCapacity: aws.Bool(false)})
	switch err = denied(err); {
	case hasCode(err, "ValidationError"):
		return rollout.Refusef("EC2 Auto Scaling does not end %s: %s", host, message(err))
	case err != nil:
		return fmt.Errorf("autoscaling:TerminateInstanceInAutoScalingGroup: %w", err)
	}
	return nil
}

// reopen lets things start again on a host that was closed so that it could be ended, and is not for the reason. The answer is
// the refusal.
func (d *Driver) reopen(ctx context.Context, host, reason string) error {
	if _, err := d.refill(ctx, host); err != nil {
		reason += fmt.Sprintf("; nothing starts on it any more, as it could not be opened again: %v", err)
	}
	return rollout.Refusef("%s", reason)
}
