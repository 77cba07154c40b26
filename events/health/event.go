// Package health has the events of AWS Health, which AWS delivers at least once
// (docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html).
package health

import (
	"strings"

	"davit/events/envelope"
)

// What tells the event apart.
const (
	Source     = "aws.health"
	DetailType = "AWS Health Event"
)

// StatusClosed is the status code of an event that is over.
const StatusClosed = "closed"

// Event is the detail of "AWS Health Event", as far as davit uses it.
type Event struct {
	ARN string `json:"eventArn"`
	// Service is such as EC2 or ECS.
	Service string `json:"service"`
	// TypeCode is such as AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED.
	TypeCode string `json:"eventTypeCode"`
	// TypeCategory is issue, accountNotification, scheduledChange or investigation.
	TypeCategory string `json:"eventTypeCategory"`
	// Status is open, upcoming or closed; older events have none.
	Status       string        `json:"statusCode,omitempty"`
	Region       string        `json:"eventRegion,omitempty"`
	Descriptions []Description `json:"eventDescription,omitempty"`
	// Entities are what is affected: IDs of instances, ARNs of tasks and services.
	Entities []Entity `json:"affectedEntities,omitempty"`
}

// Description is the event in words of a language.
type Description struct {
	Language string `json:"language"`
	Latest   string `json:"latestDescription"`
}

// Entity is one thing that is affected.
type Entity struct {
	Value  string `json:"entityValue"`
	Status string `json:"status,omitempty"`
}

// Complete implements the reading of details: it checks the required fields.
func (e *Event) Complete(envelope.Envelope) error {
	return envelope.Required("detail.eventArn", e.ARN, "detail.service", e.Service, "detail.eventTypeCode", e.TypeCode,
		"detail.eventTypeCategory", e.TypeCategory)
}

// Instances are the EC2 instances that are affected and not resolved.
func (e *Event) Instances() []string {
	var instances []string
	for _, entity := range e.Entities {
		if strings.HasPrefix(entity.Value, "i-") && entity.Status != "RESOLVED" {
			instances = append(instances, entity.Value)
		}
	}
	return instances
}
