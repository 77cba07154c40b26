// Package ec2 has the events of Amazon EC2 that say that a host goes or is going
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html, rebalance-recommendations.html).
package ec2

import (
	"fmt"
	"strings"

	"davit/events/envelope"
)

// What tells the events apart.
const (
	Source                     = "aws.ec2"
	DetailTypeSpotInterruption = "EC2 Spot Instance Interruption Warning"
	DetailTypeRebalance        = "EC2 Instance Rebalance Recommendation"
)

// SpotInterruption is the detail of "EC2 Spot Instance Interruption Warning": the instance goes two minutes later.
type SpotInterruption struct {
	InstanceID string `json:"instance-id"`
	// InstanceAction is hibernate, stop or terminate.
	InstanceAction string `json:"instance-action"`
}

// Complete implements the reading of details: it checks the required fields.
func (s *SpotInterruption) Complete(envelope.Envelope) error {
	if err := envelope.Required("detail.instance-id", s.InstanceID, "detail.instance-action", s.InstanceAction); err != nil {
		return err
	}
	return checkInstance("detail.instance-id", s.InstanceID)
}

// Rebalance is the detail of "EC2 Instance Rebalance Recommendation": the instance is more likely than others to be
// interrupted.
type Rebalance struct {
	InstanceID string `json:"instance-id"`
}

// Complete implements the reading of details: it checks the required fields.
func (r *Rebalance) Complete(envelope.Envelope) error {
	if err := envelope.Required("detail.instance-id", r.InstanceID); err != nil {
		return err
	}
	return checkInstance("detail.instance-id", r.InstanceID)
}

func checkInstance(field, id string) error {
	if !strings.HasPrefix(id, "i-") {
		return fmt.Errorf("%s: %.40q is not the ID of an instance", field, id)
	}
	return nil
}
