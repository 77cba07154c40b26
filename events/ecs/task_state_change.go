package ecs

import (
	"strings"

	"davit/events/envelope"
)

// TaskStateChange is the detail of "ECS Task State Change", as far as davit uses it
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html).
type TaskStateChange struct {
	TaskARN           string `json:"taskArn"`
	TaskDefinitionARN string `json:"taskDefinitionArn"`
	ClusterARN        string `json:"clusterArn"`
	// Group is "service:" and the name of the service, or "family:" and that of a task run by itself.
	Group string `json:"group,omitempty"`
	// StartedBy is the ID of the deployment that started a service's task.
	StartedBy     string `json:"startedBy,omitempty"`
	LastStatus    string `json:"lastStatus"`
	DesiredStatus string `json:"desiredStatus"`
	// StopCode and StoppedReason say why the task stopped.
	StopCode      string `json:"stopCode,omitempty"`
	StoppedReason string `json:"stoppedReason,omitempty"`
	LaunchType    string `json:"launchType,omitempty"`
	// ContainerInstanceARN is the host's; empty on Fargate.
	ContainerInstanceARN string             `json:"containerInstanceArn,omitempty"`
	Containers           []Container        `json:"containers,omitempty"`
	CreatedAt            envelope.Timestamp `json:"createdAt,omitzero"`
	StartedAt            envelope.Timestamp `json:"startedAt,omitzero"`
	StoppedAt            envelope.Timestamp `json:"stoppedAt,omitzero"`
	UpdatedAt            envelope.Timestamp `json:"updatedAt,omitzero"`
	// Version counts the changes of the task: of two events of a task the one with the greater version is newer, and
	// those with the same are the same event.
	Version int64 `json:"version"`
	// Service is the ARN of the service that the task belongs to; empty for a task run by itself.
	Service string `json:"-"`
}

// Container is one container of a task.
type Container struct {
	Name        string `json:"name"`
	Image       string `json:"image,omitempty"`
	ImageDigest string `json:"imageDigest,omitempty"`
	LastStatus  string `json:"lastStatus,omitempty"`
	// ExitCode is nil where the container did not exit, such as when its image could not be pulled.
	ExitCode *int   `json:"exitCode,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Complete implements the reading of details: it works the service out and checks the required fields.
func (c *TaskStateChange) Complete(envelope.Envelope) error {
	if err := envelope.Required("detail.taskArn", c.TaskARN, "detail.taskDefinitionArn", c.TaskDefinitionARN,
		"detail.clusterArn", c.ClusterARN, "detail.lastStatus", c.LastStatus,
		"detail.desiredStatus", c.DesiredStatus); err != nil {
		return err
	}
	if c.Version < 1 {
		return envelope.Missing("detail.version")
	}
	if name, found := strings.CutPrefix(c.Group, "service:"); found {
		c.Service = serviceOf(c.ClusterARN, name)
	}
	return nil
}

// Stopped tells whether the task has stopped.
func (c *TaskStateChange) Stopped() bool { return c.LastStatus == "STOPPED" }

// Deployment is the ID of the deployment that started the task; empty where none did.
func (c *TaskStateChange) Deployment() string {
	if strings.HasPrefix(c.StartedBy, "ecs-svc/") {
		return c.StartedBy
	}
	return ""
}
