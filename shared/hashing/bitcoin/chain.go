package bitcoin

import (
	"fmt"
	"slices"
	"time"

	"davit/shared/hashing/lanes"
)

// Rule is what a header can break.
type Rule string

// The rules, in the order in which they are looked at.
const (
	// RuleTarget: the compact form can be read, and is not above the network's limit.
	RuleTarget Rule = "target"
	// RuleProofOfWork: the hash is not above the target.
	RuleProofOfWork Rule = "proof-of-work"
	// RuleGenesis: the block of height 0 is the network's.
	RuleGenesis Rule = "genesis"
	// RuleLinkage: the previous hash is that of the header before.
	RuleLinkage Rule = "linkage"
	// RuleDifficulty: the target is that of the header before or, every 2016 blocks, the one that follows from the time
	// that they took.
	RuleDifficulty Rule = "difficulty"
	// RuleMedianTime: the time is above the median of the eleven headers before (BIP 113).
	RuleMedianTime Rule = "median-time"
	// RuleFuture: the time is at most two hours ahead of the verifier's.
	RuleFuture Rule = "future-time"
	// RuleVersion: the version is not below what the height demands (BIP 34, BIP 65, BIP 66).
	RuleVersion Rule = "version"
)

// HeaderError says which rule a header breaks, and how.
type HeaderError struct {
	Rule   Rule
	Reason string
}

// Error is the rule and the reason.
func (h *HeaderError) Error() string { return string(h.Rule) + ": " + h.Reason }

func breaks(rule Rule, format string, arguments ...any) error {
	return &HeaderError{Rule: rule, Reason: fmt.Sprintf(format, arguments...)}
}

// Checked is a header whose own proof of work holds. Only Check makes one.
type Checked struct {
	header Header
	hash   Hash
}

// Header is the header.
func (c Checked) Header() Header { return c.header }

// Hash is the header's hash.
func (c Checked) Hash() Hash { return c.hash }

// Check reads a serialised header and checks what it shows alone: its form, its target and its proof of work. A header
// that breaks a rule is a *HeaderError.
func (n Network) Check(raw []byte) (Checked, error) {
	header, err := ParseHeader(raw)
	if err != nil {
		return Checked{}, err
	}
	checked := Checked{header: header, hash: hashRaw(raw)}
	target, err := n.target(header.Bits)
	if err == nil {
		err = checked.meets(target)
	}
	if err != nil {
		return Checked{}, err
	}
	return checked, nil
}

// hashedTogether is how many headers CheckAll hashes before it looks at them.
const hashedTogether = 64

// CheckAll does what Check does with serialised headers that lie one after another, and appends them. It hashes several side
// by side. It ends with the first header that Check would refuse: with its error, and those before it. A length that is no
// multiple of HeaderSize is an error, after all whole headers.
func (n Network) CheckAll(to []Checked, raw []byte) ([]Checked, error) {
	to = slices.Grow(to, len(raw)/HeaderSize)
	var bits uint32
	var target Target
	for len(raw) >= HeaderSize {
		var hashes [hashedTogether]lanes.Digest
		count := min(len(raw)/HeaderSize, len(hashes))
		lanes.Headers(hashes[:count], raw)
		for index, hash := range hashes[:count] {
			to = append(to, Checked{hash: hash})
			next := &to[len(to)-1]
			next.header.read(raw[index*HeaderSize : (index+1)*HeaderSize])
			var err error
			if next.header.Bits != bits || bits == 0 {
				bits = next.header.Bits
				target, err = n.target(bits)
			}
			if err == nil {
				err = next.meets(target)
			}
			if err != nil {
				return to[:len(to)-1], err
			}
		}
		raw = raw[count*HeaderSize:]
	}
	if len(raw) > 0 {
		return to, fmt.Errorf("the last %d bytes are no block header: one has %d", len(raw), HeaderSize)
	}
	return to, nil
}

// target is that of the compact form, where the network allows it.
func (n Network) target(bits uint32) (Target, error) {
	target, err := ParseCompact(bits)
	switch {
	case err != nil:
		return Target{}, breaks(RuleTarget, "%s", err)
	case target.Compare(n.limit) > 0:
		return Target{}, breaks(RuleTarget, "bits %08x are above the highest target of %s, %08x", bits, n.name, n.limit.Compact())
	}
	return target, nil
}

func (c *Checked) meets(target Target) error {
	if target.Meets(c.hash) {
		return nil
	}
	return breaks(RuleProofOfWork, "the hash %s is above the target %s", c.hash, target)
}

const (
	// medianSpan is how many headers the median time is of (BIP 113).
	medianSpan = 11
	// maximumAhead is how far a header's time may be ahead, in seconds.
	maximumAhead = 2 * 60 * 60
)

// Chain verifies a list of headers one after another, in memory that does not grow with it. A list that does not begin at
// height 0 is taken on trust where it begins: what would need headers before it is counted in Summary, not verified.
type Chain struct {
	network Network
	height  uint64
	latest  int64
	last    Checked
	// times are those of up to medianSpan last headers, the oldest first.
	times []uint32
	// start is the time of the period's first header, where that is known.
	start      uint32
	startKnown bool
	summary    Summary
}

// Summary is what a Chain has verified.
type Summary struct {
	// Headers is how many headers hold, the first of them at height First.
	Headers uint64 `json:"headers"`
	First   uint64 `json:"first_height"`
	// Tip is the last header's hash, as Bitcoin's tools show it.
	Tip string `json:"tip"`
	// Retargets is how many changes of the target were computed, and RetargetsBounded how many could only be held to a
	// factor of four, since the list does not have the period's first header.
	Retargets        uint64 `json:"retargets"`
	RetargetsBounded uint64 `json:"retargets_bounded"`
	// MedianTimes is how many headers were held to the median time; a list that begins at height 0 leaves out only the
	// first header, others the first eleven.
	MedianTimes uint64 `json:"median_times"`
}

// NewChain verifies a list whose first header has the height. Times may be two hours ahead of now; the zero time turns
// that rule off.
func NewChain(network Network, height uint64, now time.Time) *Chain {
	chain := &Chain{network: network, height: height, summary: Summary{First: height}, times: make([]uint32, 0, medianSpan+1)}
	if !now.IsZero() {
		chain.latest = now.Unix() + maximumAhead
	}
	return chain
}

// Height is the height of the next header.
func (c *Chain) Height() uint64 { return c.height }

// Summary is what was verified so far.
func (c *Chain) Summary() Summary {
	summary := c.summary
	if summary.Headers > 0 {
		summary.Tip = c.last.hash.String()
	}
	return summary
}

// Add verifies the next header against those before. The header must come from the same network's Check. One that breaks a
// rule is a *HeaderError, and is not taken.
func (c *Chain) Add(next Checked) error {
	begins := c.summary.Headers == 0
	for _, rule := range []func(Checked, bool) error{c.linked, c.difficult, c.timely, c.versioned} {
		if err := rule(next, begins); err != nil {
			return err
		}
	}
	c.take(next)
	return nil
}

func (c *Chain) take(next Checked) {
	boundary := c.height%c.network.period == 0
	if c.summary.Headers > 0 && boundary && !c.network.fixed {
		if c.startKnown {
			c.summary.Retargets++
		} else {
			c.summary.RetargetsBounded++
		}
	}
	if c.medianKnown() {
		c.summary.MedianTimes++
	}
	if boundary {
		c.start, c.startKnown = next.header.Time, true
	}
	if c.times = append(c.times, next.header.Time); len(c.times) > medianSpan {
		c.times = slices.Delete(c.times, 0, 1)
	}
	c.last = next
	c.height++
	c.summary.Headers++
}

func (c *Chain) linked(next Checked, begins bool) error {
	switch {
	case begins && c.height == 0 && next.hash != c.network.genesis:
		return breaks(RuleGenesis, "the first block of %s is %s, not %s", c.network, c.network.genesis, next.hash)
	case !begins && next.header.Previous != c.last.hash:
		return breaks(RuleLinkage, "the previous hash is %s, but the header before has the hash %s", next.header.Previous, c.last.hash)
	}
	return nil
}

func (c *Chain) difficult(next Checked, begins bool) error {
	if begins {
		return nil
	}
	before, bits := c.last.header, next.header.Bits
	if c.height%c.network.period != 0 {
		if bits != before.Bits {
			return breaks(RuleDifficulty, "bits are %08x, but the header before has %08x, and no change is due", bits, before.Bits)
		}
		return nil
	}
	if !c.startKnown {
		if !c.network.reachable(before.Bits, bits) {
			return breaks(RuleDifficulty, "bits %08x are more than a factor of four from %08x", bits, before.Bits)
		}
		return nil
	}
	want, err := c.network.Retarget(before.Bits, c.start, before.Time)
	if err != nil || bits != want {
		return breaks(RuleDifficulty, "bits are %08x, but after %d s for the period they are %08x",
			bits, int64(before.Time)-int64(c.start), want)
	}
	return nil
}

// medianKnown tells whether all headers are there of which the next one's median time is.
func (c *Chain) medianKnown() bool {
	return len(c.times) == medianSpan || c.summary.First == 0 && len(c.times) > 0
}

func (c *Chain) timely(next Checked, _ bool) error {
	if c.medianKnown() {
		if median := medianOf(c.times); next.header.Time <= median {
			return breaks(RuleMedianTime, "the time %d is not above %d, the median of the %d headers before",
				next.header.Time, median, len(c.times))
		}
	}
	if c.latest != 0 && int64(next.header.Time) > c.latest {
		return breaks(RuleFuture, "the time %s is more than two hours ahead", next.header.At().Format(time.RFC3339))
	}
	return nil
}

func (c *Chain) versioned(next Checked, _ bool) error {
	if lowest := c.network.lowestVersion(c.height); next.header.Version < lowest {
		return breaks(RuleVersion, "version %d is below %d, which the height demands", next.header.Version, lowest)
	}
	return nil
}

func medianOf(times []uint32) uint32 {
	var sorted [medianSpan]uint32
	filled := sorted[:copy(sorted[:], times)]
	slices.Sort(filled)
	return filled[len(filled)/2]
}
