// Package autoscaling has the events of the lifecycle hooks of Auto Scaling groups
// (docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html, ec2-auto-scaling-event-reference.html).
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
	Origin     string `json:"Origin,omitempty"`
	// Destination is AutoScalingGroup, WarmPool or EC2.
	Destination string `json:"Destination,omitempty"`
}

// Complete implements the reading of details: it checks the required fields.
func (l *LifecycleAction) Complete(envelope.Envelope) error {
	return envelope.Required("detail.AutoScalingGroupName", l.GroupName, "detail.LifecycleHookName", l.HookName,
		"detail.EC2InstanceId", l.InstanceID, "detail.LifecycleTransition", l.Transition)
}
