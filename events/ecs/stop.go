package ecs

import "strings"

// Stop is the kind of a task's end
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html).
type Stop string

// The kinds of end.
const (
	// NotStopped: the task has not ended.
	NotStopped Stop = ""
	// Asked: a user or the scheduler ended the task in the normal course.
	Asked Stop = "asked"
	// OutOfMemory: a container used more memory than it may.
	OutOfMemory Stop = "out-of-memory"
	// Exited: an essential container exited.
	Exited Stop = "exited"
	// ImagePull: an image could not be pulled.
	ImagePull Stop = "image-pull"
	// Unhealthy: the task failed the health checks of its container or its load balancer.
	Unhealthy Stop = "unhealthy"
	// HostGone: the instance below the task ended or lost its agent.
	HostGone Stop = "host-gone"
	// SpotInterrupted: Fargate Spot or EC2 Spot took the capacity back.
	SpotInterrupted Stop = "spot-interrupted"
	// NotStarted: the task could not be started for another reason.
	NotStarted Stop = "not-started"
)

// Stop says how the task ended, by its stop code, its reason and those of its containers.
func (c *TaskStateChange) Stop() Stop {
	reasons := strings.ToLower(c.StoppedReason)
	for _, container := range c.Containers {
		reasons += "\n" + strings.ToLower(container.Reason)
	}
	says := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(reasons, word) {
				return true
			}
		}
		return false
	}
	switch {
	case !c.Stopped():
		return NotStopped
	case says("outofmemory", "out of memory", "oomkilled"):
		return OutOfMemory
	case c.StopCode == "SpotInterruption", c.StopCode == "TerminationNotice", says("spot was interrupted", "spot interruption"):
		return SpotInterrupted
	case says("host ec2", "instance terminated", "container instance", "instance was terminated"):
		return HostGone
	case says("cannotpull", "imagepull"):
		return ImagePull
	case c.StopCode == "TaskFailedToStart":
		return NotStarted
	case c.StopCode == "EssentialContainerExited":
		return Exited
	case says("health check"):
		return Unhealthy
	}
	return Asked
}
