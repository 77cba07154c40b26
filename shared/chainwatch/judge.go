package chainwatch

import (
	"fmt"
	"time"

	"davit/shared/names"
	"davit/shared/settings/nodes"
	"davit/shared/telemetry"
)

const (
	// clockTolerance is how far ahead of the watcher's clock a head may be: slots are 12 seconds, and clocks differ.
	clockTolerance = 30 * time.Second
	// staleReference is how old the head of a reference may be: no chain that is watched goes so long without a block, and a
	// node is not level with the network because a reference is stuck beside it.
	staleReference = time.Hour
	// aheadTolerance is how many blocks a node may be ahead of all references: what they are late.
	aheadTolerance = 64
	// anchorDepth is how far below the head blocks are compared: an epoch, which reorganisations hardly ever reach.
	anchorDepth = 32
)

// Code is what is wrong with a node.
type Code string

// The codes.
const (
	// Unreachable: the node, or a part of its interface, does not answer, or answers nonsense.
	Unreachable Code = "unreachable"
	// WrongChain: it is of another chain than the configured one.
	WrongChain Code = "wrong-chain"
	// FutureHead: its head is of a time that has not come.
	FutureHead Code = "future-head"
	// Fork: it has another block than the references at the same height.
	Fork Code = "fork"
	// Ahead: it says that it is far ahead of all references: it lies, or they are all stuck.
	Ahead Code = "ahead"
	// ExecutionOffline: the consensus client cannot reach its execution client.
	ExecutionOffline Code = "execution-offline"
	// NoReference: no reference can be believed, so nobody knows whether the node is behind.
	NoReference Code = "no-reference"
	// DiskUnknown: the use of the disk could not be read.
	DiskUnknown Code = "disk-unknown"
)

// Reason is one thing that is wrong.
type Reason struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// Verdict is what is to be told of a node.
type Verdict struct {
	Node string
	// Unhealthy tells that the node is dead or not to be believed; it is a metric, too.
	Unhealthy bool
	// Gauges are the metrics that could be told.
	Gauges []telemetry.Gauge
	// Reasons are why the node is unhealthy, or why a metric is missing.
	Reasons []Reason
}

// Judge says how a node is at the time. It asks nobody. A node that does not answer, is of another chain, or says what
// cannot be so has the metric Unhealthy with 1 and none of the numbers that would be believed; so does the number of
// blocks behind where no reference can be believed.
func Judge(now time.Time, seen Observation) Verdict {
	verdict := Verdict{Node: seen.Node.Name}
	verdict.judgeNode(now, seen)
	verdict.judgeDisk(seen.Disk)
	unhealthy := 0.0
	if verdict.Unhealthy {
		unhealthy = 1
	}
	verdict.gauge(names.MetricUnhealthy, telemetry.Count, unhealthy)
	return verdict
}

func (v *Verdict) judgeNode(now time.Time, seen Observation) {
	own := seen.Own
	if own.Failure != "" {
		v.unhealthy(Unreachable, "%s", own.Failure)
		return
	}
	v.gauge(names.MetricLatency, telemetry.Milliseconds, float64(own.Latency.Microseconds())/1000)
	if own.Peers != nil {
		v.gauge(names.MetricPeers, telemetry.Count, float64(*own.Peers))
	}
	if own.ChainID != seen.Node.ChainID {
		v.gauge(names.MetricWrongChain, telemetry.Count, 1)
		v.unhealthy(WrongChain, "it is of chain %d, want %d", own.ChainID, seen.Node.ChainID)
		return
	}
	v.gauge(names.MetricWrongChain, telemetry.Count, 0)
	v.gauge(names.MetricSyncing, telemetry.Count, oneIf(own.Syncing))
	if own.ExecutionOffline {
		v.unhealthy(ExecutionOffline, "it cannot reach its execution client")
	}
	if ahead := own.HeadTime.Sub(now); ahead > clockTolerance {
		v.unhealthy(FutureHead, "its head is of %s, %s ahead of now", own.HeadTime.UTC().Format(time.RFC3339), ahead)
		return
	}
	v.judgeHead(now, seen)
}

// judgeHead compares a head that may be so with those of the references.
func (v *Verdict) judgeHead(now time.Time, seen Observation) {
	own, credible := seen.Own, credible(now, seen.Node, seen.References)
	if theirs, forked := forked(own, credible); forked {
		v.unhealthy(Fork, "at %d it has %s, the references have %s", own.Anchor.Height, own.Anchor.Hash, theirs)
		return
	}
	best, found := best(credible)
	if found && own.Height > best+aheadTolerance {
		v.unhealthy(Ahead, "it says %d, the best reference %d", own.Height, best)
		return
	}
	v.gauge(names.MetricHeight, telemetry.Count, float64(own.Height))
	v.gauge(names.MetricHeadAge, telemetry.Seconds, max(0, now.Sub(own.HeadTime).Seconds()))
	if !found {
		v.reason(NoReference, "%s", whyNone(now, seen))
		return
	}
	v.gauge(names.MetricBlocksBehind, telemetry.Count, float64(best-min(best, own.Height)))
}

func (v *Verdict) judgeDisk(disk *DiskSample) {
	switch {
	case disk == nil:
	case disk.Failure != "":
		v.reason(DiskUnknown, "%s", disk.Failure)
	default:
		v.gauge(names.MetricDiskUsed, telemetry.Percent, disk.Used)
	}
}

// doubt is why a reference cannot be believed, empty if it can.
func doubt(now time.Time, node nodes.Node, reference Sample) string {
	switch {
	case reference.Failure != "":
		return reference.Failure
	case reference.ChainID != node.ChainID:
		return fmt.Sprintf("is of chain %d", reference.ChainID)
	case reference.HeadTime.Sub(now) > clockTolerance:
		return "has a head of a time that has not come"
	case now.Sub(reference.HeadTime) > staleReference:
		return "is stuck: its head is of " + reference.HeadTime.UTC().Format(time.RFC3339)
	}
	return ""
}

// credible are the references that can be believed.
func credible(now time.Time, node nodes.Node, references []Sample) []Sample {
	var kept []Sample
	for _, reference := range references {
		if doubt(now, node, reference) == "" {
			kept = append(kept, reference)
		}
	}
	return kept
}

func whyNone(now time.Time, seen Observation) string {
	if len(seen.References) == 0 {
		return "no reference is configured"
	}
	text := "no reference can be believed:"
	for _, reference := range seen.References {
		text += fmt.Sprintf(" %s: %s;", reference.Endpoint, doubt(now, seen.Node, reference))
	}
	return text[:len(text)-1]
}

// best is the highest head. Of three references or more, one that is far above all others is taken for a liar.
func best(references []Sample) (height uint64, found bool) {
	var first, second uint64
	for _, reference := range references {
		switch {
		case reference.Height >= first:
			first, second = reference.Height, first
		case reference.Height > second:
			second = reference.Height
		}
	}
	if len(references) >= 3 && first > second+aheadTolerance {
		return second, true
	}
	return first, len(references) > 0
}

// forked tells whether more references have another block at the node's anchor than have the same, and which.
func forked(own Sample, references []Sample) (theirs string, forked bool) {
	if own.Anchor == nil {
		return "", false
	}
	same, other := 0, 0
	for _, reference := range references {
		switch {
		case reference.Anchor == nil || reference.Anchor.Height != own.Anchor.Height:
		case reference.Anchor.Hash == own.Anchor.Hash:
			same++
		default:
			other++
			theirs = reference.Anchor.Hash
		}
	}
	return theirs, other > same
}

// anchorHeight is at which height a node's block is compared with that of its references; false where the chain is too
// short or nobody else can be asked.
func anchorHeight(now time.Time, node nodes.Node, own Sample, references []Sample) (uint64, bool) {
	lowest, found := own.Height, false
	for _, reference := range credible(now, node, references) {
		lowest, found = min(lowest, reference.Height), true
	}
	if own.Failure != "" || !found || lowest < anchorDepth {
		return 0, false
	}
	return lowest - anchorDepth, true
}

func (v *Verdict) gauge(name string, unit telemetry.Unit, value float64) {
	v.Gauges = append(v.Gauges, telemetry.Gauge{Name: name, Unit: unit, Value: value})
}

func (v *Verdict) reason(code Code, format string, arguments ...any) {
	v.Reasons = append(v.Reasons, Reason{code, fmt.Sprintf(format, arguments...)})
}

func (v *Verdict) unhealthy(code Code, format string, arguments ...any) {
	v.Unhealthy = true
	v.reason(code, format, arguments...)
}

func oneIf(truth bool) float64 {
	if truth {
		return 1
	}
	return 0
}
