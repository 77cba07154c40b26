package telemetry

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"davit/shared/names"
)

// Metric is the name of one of davit's metrics, in the namespace names.MetricNamespace. All are counts.
type Metric string

// The metrics. Decisions has the dimensions Action and Code; the others have none, so that an alarm can name them.
const (
	// Decisions counts what was decided, by action and code.
	Decisions Metric = "Decisions"
	// RolloutsStarted counts rollouts whose deployment was started.
	RolloutsStarted Metric = "RolloutsStarted"
	// RolloutsCompleted counts rollouts whose deployment completed.
	RolloutsCompleted Metric = "RolloutsCompleted"
	// RolloutsFailed counts rollouts that failed or were rolled back.
	RolloutsFailed Metric = "RolloutsFailed"
	// RolloutsOverdue counts rollouts that were reported as without an outcome in time.
	RolloutsOverdue Metric = "RolloutsOverdue"
	// RolloutsPutBack counts rollouts that davit itself put back.
	RolloutsPutBack Metric = "RolloutsPutBack"
	// HumanActs counts holds, resumptions, forgiven images and requests that humans made by the command line.
	HumanActs Metric = "HumanActs"
	// Refusals counts what was refused and told.
	Refusals Metric = "Refusals"
	// IncidentsOpened counts incidents that were opened, IncidentActs remedies that were done, IncidentRefusals those that were
	// held up, left out or refused, IncidentsPaged incidents of which a human was told, IncidentsEnded those that ended, and IncidentStorms storms.
	IncidentsOpened  Metric = "IncidentsOpened"
	IncidentActs     Metric = "IncidentActs"
	IncidentRefusals Metric = "IncidentRefusals"
	IncidentsPaged   Metric = "IncidentsPaged"
	IncidentsEnded   Metric = "IncidentsEnded"
	IncidentStorms   Metric = "IncidentStorms"
)

// Dimension is a dimension of a metric. There are only the kinds that the constructors make, and none of them can be a
// workload: each combination of values is a metric of its own that is paid for.
type Dimension struct {
	key   int
	value string
}

// The keys of dimensions, in the order in which they are written.
const (
	actionKey = iota
	codeKey
	dimensionKeys
)

var dimensionNames = [dimensionKeys]string{actionKey: "Action", codeKey: "Code"}

// Action is the dimension of what was decided.
func Action[T ~string](action T) Dimension { return Dimension{actionKey, string(action)} }

// Code is the dimension of why it was decided.
func Code[T ~string](code T) Dimension { return Dimension{codeKey, string(code)} }

const (
	// otherValue stands for a value that is no word or is one too many.
	otherValue = "other"
	// maximumValues is how many values a dimension has in the life of a process.
	maximumValues = 64
	// maximumWord is how many bytes a value has.
	maximumWord = 40
	// maximumDefinitions is how many metrics a document defines
	// (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
	maximumDefinitions = 100
)

// Metrics counts, and writes the counts in CloudWatch's embedded metric format, from which CloudWatch Logs makes
// metrics without a call
// (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html). It is
// safe for use by several goroutines.
type Metrics struct {
	mutex  sync.Mutex
	writer io.Writer
	now    func() time.Time
	counts map[dimensions]map[Metric]int64
	values [dimensionKeys]map[string]bool
}

// dimensions are the values of one document; an empty one is absent.
type dimensions [dimensionKeys]string

// NewMetrics writes to w; in a Lambda function that is os.Stdout.
func NewMetrics(w io.Writer) *Metrics {
	return &Metrics{writer: w, now: time.Now}
}

// Count adds one to a metric. Nothing is written before Flush. A dimension given twice has its last value. A value that
// is not a short word of lower-case letters, digits and hyphens, or that comes after 64 others, is counted as "other".
func (m *Metrics) Count(metric Metric, given ...Dimension) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var key dimensions
	for _, dimension := range given {
		key[dimension.key] = m.bounded(dimension)
	}
	if m.counts == nil {
		m.counts = make(map[dimensions]map[Metric]int64)
	}
	if m.counts[key] == nil {
		m.counts[key] = make(map[Metric]int64)
	}
	m.counts[key][metric]++
}

// bounded is the dimension's value, or otherValue.
func (m *Metrics) bounded(dimension Dimension) string {
	known := m.values[dimension.key]
	if known[dimension.value] {
		return dimension.value
	}
	if !word(dimension.value) || len(known) == maximumValues {
		return otherValue
	}
	if known == nil {
		known = make(map[string]bool)
		m.values[dimension.key] = known
	}
	known[dimension.value] = true
	return dimension.value
}

// word tells whether the text is a short word of lower-case letters, digits and hyphens.
func word(text string) bool {
	if text == "" || len(text) > maximumWord {
		return false
	}
	for _, character := range []byte(text) {
		letter := character >= 'a' && character <= 'z'
		digit := character >= '0' && character <= '9'
		if !letter && !digit && character != '-' {
			return false
		}
	}
	return true
}

// Flush writes what was counted since the last time: a line for each combination of dimensions, in one write. It
// writes nothing where nothing was counted. What could not be written is lost.
func (m *Metrics) Flush() error {
	m.mutex.Lock()
	counts := m.counts
	m.counts = nil
	m.mutex.Unlock()
	if len(counts) == 0 {
		return nil
	}
	var lines []byte
	timestamp := m.now().UnixMilli()
	for _, key := range slices.SortedFunc(maps.Keys(counts), compare) {
		metrics := slices.Sorted(maps.Keys(counts[key]))
		for part := range slices.Chunk(metrics, maximumDefinitions) {
			lines = appendDocument(lines, timestamp, key, part, counts[key])
		}
	}
	if _, err := m.writer.Write(lines); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

func compare(a, b dimensions) int { return slices.Compare(a[:], b[:]) }

// appendDocument adds one document of the embedded metric format and a line's end.
func appendDocument(line []byte, timestamp int64, key dimensions, metrics []Metric, counts map[Metric]int64) []byte {
	line = append(line, `{"_aws":{"Timestamp":`...)
	line = strconv.AppendInt(line, timestamp, 10)
	line = append(line, `,"CloudWatchMetrics":[{"Namespace":`...)
	line = appendText(line, names.MetricNamespace)
	line = append(line, `,"Dimensions":[[`...)
	separator := ""
	for i, value := range key {
		if value != "" {
			line = append(line, separator...)
			line = appendText(line, dimensionNames[i])
			separator = ","
		}
	}
	line = append(line, `]],"Metrics":[`...)
	for i, metric := range metrics {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, `{"Name":`...)
		line = appendText(line, string(metric))
		line = append(line, `,"Unit":"Count"}`...)
	}
	line = append(line, `]}]}`...)
	for i, value := range key {
		if value != "" {
			line = append(line, ',')
			line = appendText(line, dimensionNames[i])
			line = append(line, ':')
			line = appendText(line, value)
		}
	}
	for _, metric := range metrics {
		line = append(line, ',')
		line = appendText(line, string(metric))
		line = append(line, ':')
		line = strconv.AppendInt(line, counts[metric], 10)
	}
	return append(line, "}\n"...)
}

func appendText(line []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string always encodes
	return append(line, quoted...)
}
