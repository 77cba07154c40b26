package ecs_test

import (
	"testing"

	"davit/events/ecs"
)

func TestATaskTellsHowItEnded(t *testing.T) {
	for _, test := range []struct {
		name, status, code, reason, container string
		want                                  ecs.Stop
	}{
		{"a running task", "RUNNING", "", "", "", ecs.NotStopped},
		{"a container above its memory", "STOPPED", "EssentialContainerExited", "Essential container in task exited",
			"OutOfMemoryError: Container killed due to memory usage", ecs.OutOfMemory},
		{"a container that exited", "STOPPED", "EssentialContainerExited", "Essential container in task exited", "", ecs.Exited},
		{"an image that is not there", "STOPPED", "TaskFailedToStart",
			"CannotPullContainerError: pull image manifest has been retried 1 time(s): not found", "", ecs.ImagePull},
		{"an image that a container cannot pull", "STOPPED", "EssentialContainerExited", "Task failed to start",
			"CannotPullContainerError: inspect image has been retried", ecs.ImagePull},
		{"no address to be had", "STOPPED", "TaskFailedToStart", "Unexpected EC2 error while attempting to create a network interface",
			"", ecs.NotStarted},
		{"a load balancer's check", "STOPPED", "ServiceSchedulerInitiated",
			"Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/0123456789abcdef)",
			"", ecs.Unhealthy},
		{"a container's check", "STOPPED", "ServiceSchedulerInitiated", "Task failed container health checks", "", ecs.Unhealthy},
		{"a terminated instance", "STOPPED", "", "Host EC2 (instance i-0123456789abcdef0) terminated.", "", ecs.HostGone},
		{"Fargate Spot", "STOPPED", "SpotInterruption", "Your Spot Task was interrupted.", "", ecs.SpotInterrupted},
		{"a deployment that ends old tasks", "STOPPED", "ServiceSchedulerInitiated",
			"Scaling activity initiated by (deployment ecs-svc/1234567890123456789)", "", ecs.Asked},
		{"a user", "STOPPED", "UserInitiated", "Task stopped by user", "", ecs.Asked},
	} {
		t.Run(test.name, func(t *testing.T) {
			task := ecs.TaskStateChange{LastStatus: test.status, StopCode: test.code, StoppedReason: test.reason,
				Containers: []ecs.Container{{Name: "web", Reason: test.container}}}
			if got := task.Stop(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
