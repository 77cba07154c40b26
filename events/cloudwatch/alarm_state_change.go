// Package cloudwatch has the events of CloudWatch alarms. AWS delivers them for certain
// (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html).
package cloudwatch

import (
	"errors"
	"fmt"

	"davit/events/envelope"
)

// What tells the event apart.
const (
	Source          = "aws.cloudwatch"
	DetailTypeAlarm = "CloudWatch Alarm State Change"
)

// The states of an alarm.
const (
	OK               = "OK"
	Alarm            = "ALARM"
	InsufficientData = "INSUFFICIENT_DATA"
)

// AlarmStateChange is the detail of "CloudWatch Alarm State Change": of an alarm on one metric, on metric math, on an
// anomaly, or on other alarms.
type AlarmStateChange struct {
	AlarmName     string        `json:"alarmName"`
	State         State         `json:"state"`
	PreviousState State         `json:"previousState,omitzero"`
	Configuration Configuration `json:"configuration,omitzero"`
	// AlarmTags are the alarm's tags, where the alarm is set to pass them on.
	AlarmTags map[string]string `json:"alarmTags,omitempty"`
	// ARN is the alarm's, from the event's resources.
	ARN string `json:"-"`
}

// State is what an alarm says, and why.
type State struct {
	// Value is OK, ALARM or INSUFFICIENT_DATA.
	Value  string `json:"value"`
	Reason string `json:"reason,omitempty"`
	// ReasonData is JSON in a string; its form depends on the kind of alarm.
	ReasonData string             `json:"reasonData,omitempty"`
	Timestamp  envelope.Timestamp `json:"timestamp,omitzero"`
	// ActionsSuppressedBy is WaitPeriod, ExtensionPeriod or Alarm where another alarm keeps this one quiet.
	ActionsSuppressedBy     string `json:"actionsSuppressedBy,omitempty"`
	ActionsSuppressedReason string `json:"actionsSuppressedReason,omitempty"`
}

// Configuration is what the alarm watches: metrics, or by a rule other alarms.
type Configuration struct {
	Description string   `json:"description,omitempty"`
	Metrics     []Metric `json:"metrics,omitempty"`
	// AlarmRule is the expression of a composite alarm.
	AlarmRule         string `json:"alarmRule,omitempty"`
	ActionsSuppressor string `json:"actionsSuppressor,omitempty"`
}

// Metric is one metric of an alarm, or an expression over others.
type Metric struct {
	ID         string      `json:"id"`
	Expression string      `json:"expression,omitempty"`
	Label      string      `json:"label,omitempty"`
	MetricStat *MetricStat `json:"metricStat,omitempty"`
	ReturnData bool        `json:"returnData"`
}

// MetricStat is a statistic of a metric over a period of seconds.
type MetricStat struct {
	Metric struct {
		Namespace  string            `json:"namespace"`
		Name       string            `json:"name"`
		Dimensions map[string]string `json:"dimensions,omitempty"`
	} `json:"metric"`
	Period int    `json:"period"`
	Stat   string `json:"stat"`
}

// Complete implements the reading of details: it takes the alarm's ARN over and checks the required fields.
func (c *AlarmStateChange) Complete(around envelope.Envelope) error {
	switch {
	case c.AlarmName == "":
		return envelope.Missing("detail.alarmName")
	case len(around.Resources) == 0 || around.Resources[0] == "":
		return errors.New("resources: has no ARN of an alarm")
	case !isState(c.State.Value):
		return fmt.Errorf("detail.state.value: %.80q is no state of an alarm", c.State.Value)
	case c.PreviousState.Value != "" && !isState(c.PreviousState.Value):
		return fmt.Errorf("detail.previousState.value: %.80q is no state of an alarm", c.PreviousState.Value)
	}
	c.ARN = around.Resources[0]
	return nil
}

func isState(value string) bool { return value == OK || value == Alarm || value == InsufficientData }

// Raised tells whether the alarm went off.
func (c *AlarmStateChange) Raised() bool {
	return c.State.Value == Alarm && c.PreviousState.Value != Alarm
}

// Composite tells whether the alarm watches other alarms.
func (c *AlarmStateChange) Composite() bool { return c.Configuration.AlarmRule != "" }

// Dimension finds a dimension that all of the alarm's metrics share, such as ServiceName, and that each of them which
// has it gives the same value.
func (c *AlarmStateChange) Dimension(name string) (value string, found bool) {
	for _, metric := range c.Configuration.Metrics {
		if metric.MetricStat == nil {
			continue
		}
		other, has := metric.MetricStat.Metric.Dimensions[name]
		if !has || found && other != value {
			return "", false
		}
		value, found = other, true
	}
	return value, found
}
