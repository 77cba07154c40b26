// Package chainwatch looks at blockchain nodes from outside and says how they are: how far they are behind the network,
// how old their head is, and whether what they say can be believed. What could not be told is left without a number, so
// that an alarm that takes missing data for a breach tells of it.
package chainwatch

import (
	"time"

	"davit/shared/settings/nodes"
)

// Sample is what one endpoint said at one time.
type Sample struct {
	// Endpoint names it without what may be a key.
	Endpoint string
	// Failure is why nothing was learned; empty if all that follows was.
	Failure string
	// Latency is how long it took to answer for its head.
	Latency time.Duration
	ChainID uint64
	// Height is the number of the head block, or its slot, and HeadTime when that was made.
	Height   uint64
	HeadTime time.Time
	// Peers is the number of peers; nil where it was not asked for.
	Peers *uint64
	// Syncing tells that the node says it is catching up.
	Syncing bool
	// ExecutionOffline tells that a consensus client cannot reach its execution client.
	ExecutionOffline bool
	// Anchor is a block far enough below the head that all honest nodes have the same; nil where it is not known.
	Anchor *Anchor
}

// Anchor is a block, or the root of a finalised epoch, that nodes are compared by.
type Anchor struct {
	Height uint64
	Hash   string
}

// DiskSample is what was learned of a file system.
type DiskSample struct {
	Failure string
	// Used is in percent, 0 to 100.
	Used float64
}

// Observation is a node with what was seen of it and of its references.
type Observation struct {
	Node       nodes.Node
	Own        Sample
	References []Sample
	// Disk is nil for a node without one.
	Disk *DiskSample
}
