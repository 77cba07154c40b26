package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"davit/shared/names"
)

// document checks one line by the rules of the embedded metric format and answers its counts, with its dimensions
// before each name. The rules are those of the specification's text and of the JSON schema in it.
func document(line string) (map[string]int64, error) {
	if len(line) > 256<<10 {
		return nil, fmt.Errorf("the line has %d bytes", len(line))
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &root); err != nil {
		return nil, err
	}
	var metadata struct {
		Timestamp         *float64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(root["_aws"]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&metadata); err != nil {
		return nil, fmt.Errorf("_aws: %w", err)
	}
	if metadata.Timestamp == nil || *metadata.Timestamp != math.Trunc(*metadata.Timestamp) {
		return nil, errors.New("the timestamp is no integer")
	}
	if len(metadata.CloudWatchMetrics) != 1 {
		return nil, fmt.Errorf("there are %d directives", len(metadata.CloudWatchMetrics))
	}
	directive := metadata.CloudWatchMetrics[0]
	if directive.Namespace != names.MetricNamespace {
		return nil, fmt.Errorf("the namespace is %q", directive.Namespace)
	}
	if len(directive.Dimensions) != 1 || len(directive.Dimensions[0]) > 9 {
		return nil, fmt.Errorf("the dimensions are %v", directive.Dimensions)
	}
	if len(directive.Metrics) == 0 || len(directive.Metrics) > 100 {
		return nil, fmt.Errorf("there are %d metrics", len(directive.Metrics))
	}
	targets := map[string]bool{"_aws": true}
	prefix := ""
	for _, name := range directive.Dimensions[0] {
		var value string
		if err := json.Unmarshal(root[name], &value); err != nil || targets[name] {
			return nil, fmt.Errorf("the dimension %q is no string, or twice: %s", name, root[name])
		}
		if err := dimensionValue(value); err != nil {
			return nil, err
		}
		targets[name] = true
		prefix += name + "=" + value + " "
	}
	counts := make(map[string]int64)
	for _, metric := range directive.Metrics {
		var value int64
		if err := json.Unmarshal(root[metric.Name], &value); err != nil || targets[metric.Name] {
			return nil, fmt.Errorf("the metric %q is no number, or twice: %s", metric.Name, root[metric.Name])
		}
		if metric.Unit != "Count" || metric.Name == "" || len(metric.Name) > 255 {
			return nil, fmt.Errorf("the metric is %+v", metric)
		}
		targets[metric.Name] = true
		counts[prefix+metric.Name] = value
	}
	for name := range root {
		if !targets[name] {
			return nil, fmt.Errorf("%q belongs to nothing", name)
		}
	}
	return counts, nil
}

// dimensionValue checks the rules of docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html.
func dimensionValue(value string) error {
	if strings.TrimSpace(value) == "" || len(value) > 1024 || strings.HasPrefix(value, ":") {
		return fmt.Errorf("%q is no value of a dimension", value)
	}
	for _, character := range value {
		if character < ' ' || character > '~' {
			return fmt.Errorf("%q is no value of a dimension", value)
		}
	}
	return nil
}

// counted are all counts of what was written.
func counted(text string) (map[string]int64, error) {
	counts := make(map[string]int64)
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			return nil, errors.New("the last line does not end")
		}
		part, err := document(line)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, line)
		}
		for name, count := range part {
			counts[name] += count
		}
	}
	return counts, nil
}

// writes counts its writes.
type writes struct {
	bytes.Buffer
	count int
}

func (w *writes) Write(text []byte) (int, error) {
	w.count++
	return w.Buffer.Write(text)
}

func TestCountsAreWrittenAtTheFlush(t *testing.T) {
	writer := new(writes)
	metrics := NewMetrics(writer)
	metrics.now = func() time.Time { return time.UnixMilli(1_800_000_000_123) }
	metrics.Count(Decisions, Action("roll"), Code("newer-image"))
	metrics.Count(Decisions, Code("newer-image"), Action("roll"))
	metrics.Count(Decisions, Action("nothing"), Code("up-to-date"))
	metrics.Count(RolloutsStarted)
	metrics.Count(Refusals)
	metrics.Count(Refusals, Code("older"))
	if writer.count != 0 {
		t.Error("something was written before the flush")
	}
	if err := metrics.Flush(); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"Action=roll Code=newer-image Decisions":   2,
		"Action=nothing Code=up-to-date Decisions": 1,
		"RolloutsStarted":                          1,
		"Refusals":                                 1,
		"Code=older Refusals":                      1,
	}
	got, err := counted(writer.String())
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("the counts are %v, not %v; %v", got, want, err)
	}
	if writer.count != 1 || strings.Count(writer.String(), "\n") != 4 {
		t.Errorf("%d writes of %s", writer.count, writer)
	}
	if !strings.Contains(writer.String(), `"Timestamp":1800000000123`) {
		t.Errorf("the time is not the clock's: %s", writer)
	}
	if err := metrics.Flush(); err != nil || writer.count != 1 {
		t.Errorf("a flush of nothing wrote, or failed: %v", err)
	}
}

func TestWhateverIsCountedTheFormatIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		writer := new(bytes.Buffer)
		metrics := NewMetrics(writer)
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9-]{1,45}`), rapid.Just("ecs:davit/web"))
		total := rapid.IntRange(1, 200).Draw(t, "total")
		for range total {
			metric := rapid.SampledFrom(all()).Draw(t, "metric")
			var dimensions []Dimension
			for range rapid.IntRange(0, 3).Draw(t, "dimensions") {
				value := text.Draw(t, "value")
				dimensions = append(dimensions, rapid.SampledFrom([]Dimension{Action(value), Code(value)}).Draw(t, "dimension"))
			}
			metrics.Count(metric, dimensions...)
		}
		if err := metrics.Flush(); err != nil {
			t.Fatal(err)
		}
		counts, err := counted(writer.String())
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for name, count := range counts {
			sum += count
			if strings.Contains(name, "ecs:davit/web") {
				t.Fatalf("a workload is a dimension: %s", name)
			}
		}
		if sum != int64(total) {
			t.Fatalf("%d was counted and %d is written", total, sum)
		}
	})
}

func TestDimensionsHaveOnlySoManyValues(t *testing.T) {
	writer := new(bytes.Buffer)
	metrics := NewMetrics(writer)
	for range 2 { // the bound holds across flushes
		for i := range 3 * maximumValues {
			metrics.Count(Decisions, Code(fmt.Sprintf("code-%d", i)))
		}
		if err := metrics.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	counts, err := counted(writer.String())
	if err != nil || len(counts) != maximumValues+1 || counts["Code=other Decisions"] != 4*maximumValues {
		t.Errorf("%d combinations, %d others, and %v", len(counts), counts["Code=other Decisions"], err)
	}
}

func TestADocumentDefinesOnlySoManyMetrics(t *testing.T) {
	writer := new(bytes.Buffer)
	metrics := NewMetrics(writer)
	for i := range 2*maximumDefinitions + 1 {
		metrics.Count(Metric(fmt.Sprintf("Metric%d", i)))
	}
	if err := metrics.Flush(); err != nil {
		t.Fatal(err)
	}
	if counts, err := counted(writer.String()); err != nil || len(counts) != 2*maximumDefinitions+1 {
		t.Errorf("%d metrics are written, and %v", len(counts), err)
	}
}

// all are davit's metrics.
func all() []Metric {
	return []Metric{
		Decisions, RolloutsStarted, RolloutsCompleted, RolloutsFailed, RolloutsOverdue, RolloutsPutBack, HumanActs, Refusals, IncidentsOpened, IncidentActs, IncidentRefusals,
		IncidentsPaged, IncidentsEnded, IncidentStorms, ScalingsDone, ScalingsRefused,
	}
}

func TestNoMetricHasTheNameOfADimension(t *testing.T) {
	for _, metric := range all() {
		if slices.Contains(dimensionNames[:], string(metric)) || metric == "_aws" {
			t.Errorf("%s is a dimension", metric)
		}
	}
}

func TestCountingSideBySideLosesNothing(t *testing.T) {
	writer := new(bytes.Buffer)
	metrics := NewMetrics(writer)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 500 {
				metrics.Count(Refusals)
			}
		})
	}
	group.Wait()
	if err := metrics.Flush(); err != nil {
		t.Fatal(err)
	}
	if counts, err := counted(writer.String()); err != nil || counts["Refusals"] != 4000 {
		t.Errorf("the counts are %v, and %v", counts, err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestAFlushThatCannotBeWrittenIsAnError(t *testing.T) {
	metrics := NewMetrics(broken{})
	metrics.Count(Refusals)
	if err := metrics.Flush(); err == nil {
		t.Error("the flush is no error")
	}
}

func BenchmarkCountAndFlush(b *testing.B) {
	metrics := NewMetrics(new(bytes.Buffer))
	b.ReportAllocs()
	for b.Loop() {
		metrics.writer.(*bytes.Buffer).Reset()
		metrics.Count(Decisions, Action("roll"), Code("newer-image"))
		metrics.Count(RolloutsStarted)
		if err := metrics.Flush(); err != nil {
			b.Fatal(err)
		}
	}
}
