package telemetry

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"davit/shared/names"
)

// Unit is a unit of CloudWatch's
// (docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html).
type Unit string

// The units.
const (
	Count        Unit = "Count"
	Seconds      Unit = "Seconds"
	Milliseconds Unit = "Milliseconds"
	Percent      Unit = "Percent"
)

// Gauge is what a metric was at one time.
type Gauge struct {
	Name  string
	Unit  Unit
	Value float64
}

// WriteGauges writes the gauges of one thing, which the dimension names, in CloudWatch's embedded metric format: one line,
// in one write. There must be 1 to 100 of them, each name once. Each combination of a dimension's value and a name is a
// metric of its own that is paid for.
func WriteGauges(w io.Writer, at time.Time, dimension, value string, gauges []Gauge) error {
	if len(gauges) == 0 || len(gauges) > maximumDefinitions {
		return fmt.Errorf("write %d metrics of %s: want 1 to %d", len(gauges), value, maximumDefinitions)
	}
	type definition struct {
		Name string
		Unit Unit
	}
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	definitions := make([]definition, len(gauges))
	document := map[string]any{dimension: value}
	for index, gauge := range gauges {
		definitions[index] = definition{gauge.Name, gauge.Unit}
		document[gauge.Name] = gauge.Value
	}
	document["_aws"] = map[string]any{
		"Timestamp":         at.UnixMilli(),
		"CloudWatchMetrics": []directive{{names.MetricNamespace, [][]string{{dimension}}, definitions}},
	}
	line, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("write metrics of %s: %w", value, err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write metrics of %s: %w", value, err)
	}
	return nil
}
