package ecs

import "davit/events/envelope"

// Names of service actions that davit looks at
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html).
const (
	SteadyState          = "SERVICE_STEADY_STATE"
	TaskStartImpaired    = "SERVICE_TASK_START_IMPAIRED"
	TaskPlacementFailure = "SERVICE_TASK_PLACEMENT_FAILURE"
)

// ServiceAction is the detail of "ECS Service Action".
type ServiceAction struct {
	// EventType is INFO, WARN or ERROR.
	EventType  string             `json:"eventType"`
	EventName  string             `json:"eventName"`
	ClusterARN string             `json:"clusterArn"`
	CreatedAt  envelope.Timestamp `json:"createdAt,omitzero"`
	Reason     string             `json:"reason,omitempty"`
	// CapacityProviderARNs are those that the event is about, if it is about any.
	CapacityProviderARNs []string `json:"capacityProviderArns,omitempty"`
	// Service is the ARN of the service, from the event's resources.
	Service string `json:"-"`
}

// Complete implements the reading of details: it takes the service over and checks the required fields.
func (a *ServiceAction) Complete(around envelope.Envelope) (err error) {
	if err := envelope.Required("detail.eventType", a.EventType, "detail.eventName", a.EventName,
		"detail.clusterArn", a.ClusterARN); err != nil {
		return err
	}
	a.Service, err = serviceARN(around.Resources, a.ClusterARN)
	return err
}
