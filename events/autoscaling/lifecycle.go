// Package autoscaling has the events of the lifecycle hooks of Auto Scaling groups
// (docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html, ec2-auto-scaling-event-reference.html,
// warm-pools-eventbridge-events.html).
package autoscaling

import "davit/events/envelope"

// What tells the events apart.
const (
	Source              = "aws.autoscaling"
	DetailTypeLaunch    = "EC2 Instance-launch Lifecycle Action"
	DetailTypeTerminate = "EC2 Instance-terminate Lifecycle Action"
)

// Terminating is the transition of an instance that is about to end.
const Terminating = "autoscaling:EC2_INSTANCE_TERMINATING"

// ManagedDraining is the hook by which ECS itself drains each host that a group ends, for whatever reason
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html).
const ManagedDraining = "ecs-managed-draining-termination-hook"

// WarmPool is where instances wait that serve nothing, as an origin or a destination.
const WarmPool = "WarmPool"

// LifecycleAction is the detail of both events: an instance waits for its hook.
type LifecycleAction struct {
	Token     string `json:"LifecycleActionToken"`
	GroupName string `json:"AutoScalingGroupName"`
	HookName  string `json:"LifecycleHookName"`
	// InstanceID is the instance that waits.
	InstanceID string `json:"EC2InstanceId"`
	// Transition is autoscaling:EC2_INSTANCE_LAUNCHING or Terminating.
	Transition string `json:"LifecycleTransition"`
	Metadata   string `json:"NotificationMetadata,omitempty"`
	// Origin and Destination are AutoScalingGroup, WarmPool or EC2.
	Origin      string `json:"Origin,omitempty"`
	Destination string `json:"Destination,omitempty"`
}

// Complete implements the reading of details: it checks the required fields.
func (l *LifecycleAction) Complete(envelope.Envelope) error {
	return envelope.Required("detail.AutoScalingGroupName", l.GroupName, "detail.LifecycleHookName", l.HookName,
		"detail.EC2InstanceId", l.InstanceID, "detail.LifecycleTransition", l.Transition)
}
