package ecs

import "davit/events/envelope"

// The names of the events of a deployment
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html).
const (
	DeploymentInProgress = "SERVICE_DEPLOYMENT_IN_PROGRESS"
	DeploymentCompleted  = "SERVICE_DEPLOYMENT_COMPLETED"
	DeploymentFailed     = "SERVICE_DEPLOYMENT_FAILED"
)

// DeploymentStateChange is the detail of "ECS Deployment State Change".
type DeploymentStateChange struct {
	// EventType is INFO or ERROR.
	EventType string `json:"eventType"`
	// EventName is one of the names above.
	EventName string `json:"eventName"`
	// DeploymentID is ecs-svc/ and a number. A circuit breaker that puts a service back starts another one.
	DeploymentID string             `json:"deploymentId"`
	UpdatedAt    envelope.Timestamp `json:"updatedAt,omitzero"`
	Reason       string             `json:"reason,omitempty"`
	// Service is the ARN of the service, from the event's resources.
	Service string `json:"-"`
}

// Complete implements the reading of details: it takes the service over and checks the required fields.
func (d *DeploymentStateChange) Complete(around envelope.Envelope) (err error) {
	if err := envelope.Required("detail.eventType", d.EventType, "detail.eventName", d.EventName,
		"detail.deploymentId", d.DeploymentID); err != nil {
		return err
	}
	d.Service, err = serviceARN(around.Resources, "")
	return err
}

// Ended tells whether the deployment completed or failed.
func (d *DeploymentStateChange) Ended() bool {
	return d.EventName == DeploymentCompleted || d.EventName == DeploymentFailed
}
