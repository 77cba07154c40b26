package ecs

import (
	"strings"

	"davit/events/envelope"
)

// ContainerInstanceStateChange is the detail of "ECS Container Instance State Change", as far as davit uses it
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_container_instance_events.html).
type ContainerInstanceStateChange struct {
	ARN        string `json:"containerInstanceArn"`
	ClusterARN string `json:"clusterArn"`
	// InstanceID is the EC2 instance's; mi-… of one outside AWS.
	InstanceID string `json:"ec2InstanceId"`
	// Status is ACTIVE, DRAINING, INACTIVE, REGISTERING, DEREGISTERING or REGISTRATION_FAILED.
	Status         string `json:"status"`
	AgentConnected bool   `json:"agentConnected"`
	// Version counts the changes, each of which has its event: of two events of an instance the one with the greater version is
	// newer, and the API's answer for it has the same version while nothing has changed since
	// (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html).
	Version   int64              `json:"version"`
	UpdatedAt envelope.Timestamp `json:"updatedAt,omitzero"`
}

// Complete implements the reading of details: it checks the required fields.
func (c *ContainerInstanceStateChange) Complete(envelope.Envelope) error {
	if err := envelope.Required("detail.containerInstanceArn", c.ARN, "detail.clusterArn", c.ClusterARN,
		"detail.ec2InstanceId", c.InstanceID, "detail.status", c.Status); err != nil {
		return err
	}
	if c.Version < 1 {
		return envelope.Missing("detail.version")
	}
	return nil
}

// OnEC2 tells whether the host is an instance of EC2.
func (c *ContainerInstanceStateChange) OnEC2() bool { return !strings.HasPrefix(c.InstanceID, "mi-") }
