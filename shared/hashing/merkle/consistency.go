package merkle

import (
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Consistency proves that a list of RFC6962 begins with all leaves of an older one, in the same order (RFC 6962,
// section 2.1.2).
type Consistency struct {
	// First and Second are how many leaves the older and the newer list have; First is at least 1.
	First, Second uint64
	// Path are the nodes in the order of the RFC; it is empty where the lists have the same length.
	Path []Hash
}

// ConsistencyProver collects a Consistency while the newer list goes through its Builder.
type ConsistencyProver struct {
	*Builder
	first uint64
	old   Hash
}

// NewConsistencyProver proves that the list begins with its own first leaves, at least one.
func NewConsistencyProver(first uint64) (*ConsistencyProver, error) {
	if first == 0 || first > 1<<(maximumLevel-1) {
		return nil, fmt.Errorf("the older list has %d leaves: it can have 1 to 2^%d", first, maximumLevel-1)
	}
	builder := NewBuilder(RFC6962)
	// The path of the RFC is the one from the last whole subtree of the older list to the root of the newer one.
	level := bits.TrailingZeros64(first)
	builder.watched = &watch{level: level, first: first - 1<<level}
	return &ConsistencyProver{Builder: builder, first: first}, nil
}

// Add puts a leaf at the end.
func (p *ConsistencyProver) Add(leaf Hash) {
	p.Builder.Add(leaf)
	p.remember()
}

// AddPiece puts a run of leaves at the end that Reduce made. No piece may reach over the end of the older list.
func (p *ConsistencyProver) AddPiece(piece Piece) error {
	err := p.Builder.AddPiece(piece)
	p.remember()
	return err
}

func (p *ConsistencyProver) remember() {
	if p.count == p.first {
		p.old, _ = p.Root() // a refusal is kept by the Builder
	}
}

// Prove answers the proof for the leaves so far, and the roots of both lists. A list shorter than the older one is an
// error.
func (p *ConsistencyProver) Prove() (proof Consistency, first, second Hash, err error) {
	second, path, err := p.finish()
	if err != nil {
		return Consistency{}, Hash{}, Hash{}, err
	}
	if p.count < p.first {
		return Consistency{}, Hash{}, Hash{}, fmt.Errorf("the list has %d leaves, fewer than the older one with %d", p.count, p.first)
	}
	if !wholeTree(p.first) && p.first != p.count {
		path = append([]Hash{p.watched.node}, path...)
	}
	if p.first == p.count {
		path = nil
	}
	return Consistency{First: p.first, Second: p.count, Path: path}, p.old, second, nil
}

// wholeTree tells whether a list of so many leaves is one whole subtree.
func wholeTree(leaves uint64) bool { return leaves&(leaves-1) == 0 }

// Verify checks that the list with the root second begins with the list with the root first, by RFC 9162, section 2.1.4.2.
// A proof that leads to other roots is an error that wraps ErrMismatch; any other error says what is malformed.
func (c Consistency) Verify(first, second Hash) error {
	if c.First == 0 || c.First > c.Second || c.Second > 1<<(maximumLevel-1) {
		return fmt.Errorf("a list of %d leaves cannot begin with one of %d", c.Second, c.First)
	}
	if want := c.length(); len(c.Path) != want {
		return fmt.Errorf("the path from %d to %d leaves has %d hashes, not %d", c.First, c.Second, len(c.Path), want)
	}
	oldRoot, newRoot := c.roots(first)
	if err := c.compare("older", c.First, oldRoot, first); err != nil {
		return err
	}
	return c.compare("newer", c.Second, newRoot, second)
}

func (c Consistency) compare(which string, leaves uint64, reached, root Hash) error {
	if reached == root {
		return nil
	}
	return fmt.Errorf("the %s list, of %d leaves: %w %s: it leads to %s",
		which, leaves, ErrMismatch, hex.EncodeToString(root[:]), hex.EncodeToString(reached[:]))
}

func (c Consistency) length() int {
	if c.First == c.Second {
		return 0
	}
	level := bits.TrailingZeros64(c.First)
	siblings := Inclusion{Shape: RFC6962, Index: (c.First - 1) >> level, Leaves: (c.Second-1)>>level + 1}.length()
	if wholeTree(c.First) {
		return siblings
	}
	return 1 + siblings
}

// roots are those to which the path leads.
func (c Consistency) roots(first Hash) (oldRoot, newRoot Hash) {
	if c.First == c.Second {
		return first, first
	}
	path := c.Path
	start := first
	if !wholeTree(c.First) {
		start, path = path[0], path[1:]
	}
	level := bits.TrailingZeros64(c.First)
	index, last := (c.First-1)>>level, (c.Second-1)>>level
	oldRoot, newRoot = start, start
	for _, sibling := range path {
		if index&1 == 0 && index < last {
			newRoot = RFC6962.node(newRoot, sibling)
			index, last = index>>1, last>>1
			continue
		}
		oldRoot, newRoot = RFC6962.node(sibling, oldRoot), RFC6962.node(sibling, newRoot)
		rise := min(bits.TrailingZeros64(index), 63) + 1
		index, last = index>>rise, last>>rise
	}
	return oldRoot, newRoot
}
