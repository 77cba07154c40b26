package merkle

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
)

// ErrMismatch is wrapped by the errors of a verification whose proof is well formed, but proves something else.
var ErrMismatch = errors.New("the proof does not lead to the root")

// Inclusion proves that a leaf has its place in a list. In Bitcoin's tree the root does not fix the number of leaves: the
// number is then the prover's word, and a transaction of 64 bytes could pass for a node (CVE-2017-12842), so a leaf must
// be known to be a transaction's ID.
type Inclusion struct {
	Shape Shape
	// Index is the leaf's place, from 0; Leaves is the length of the list.
	Index, Leaves uint64
	// Path are the siblings from the leaf to the root: the audit path of RFC 6962, section 2.1.1. Where a node of Bitcoin's
	// tree is paired with itself, it is its own sibling.
	Path []Hash
}

// InclusionProver collects an Inclusion while the list goes through its Builder.
type InclusionProver struct {
	*Builder
	index uint64
}

// NewInclusionProver proves the leaf at the index, counted from 0.
func NewInclusionProver(shape Shape, index uint64) *InclusionProver {
	builder := NewBuilder(shape)
	builder.watched = &watch{first: index}
	return &InclusionProver{Builder: builder, index: index}
}

// Prove answers the proof for the leaves so far, the leaf and the root. A list that ends before the index is an error.
func (p *InclusionProver) Prove() (proof Inclusion, leaf, root Hash, err error) {
	root, path, err := p.finish()
	if err != nil {
		return Inclusion{}, Hash{}, Hash{}, err
	}
	if p.index >= p.count {
		return Inclusion{}, Hash{}, Hash{}, fmt.Errorf("there is no leaf %d: the list has %d, counted from 0", p.index, p.count)
	}
	return Inclusion{Shape: p.shape, Index: p.index, Leaves: p.count, Path: path}, p.watched.node, root, nil
}

// Verify checks that the leaf has its place in the list with this root, by RFC 9162, section 2.1.3.2, or Bitcoin's rules.
// A proof that leads to another root is an error that wraps ErrMismatch; any other error says what is malformed.
func (p Inclusion) Verify(leaf, root Hash) error {
	reached, err := p.Root(leaf)
	if err != nil {
		return err
	}
	if reached != root {
		return fmt.Errorf("leaf %d of %d: %w %s: it leads to %s",
			p.Index, p.Leaves, ErrMismatch, hex.EncodeToString(root[:]), hex.EncodeToString(reached[:]))
	}
	return nil
}

// Root is the root to which the proof leads from the leaf.
func (p Inclusion) Root(leaf Hash) (Hash, error) {
	if err := p.Shape.check(); err != nil {
		return Hash{}, err
	}
	if p.Index >= p.Leaves || p.Leaves > 1<<(maximumLevel-1) {
		return Hash{}, fmt.Errorf("leaf %d of %d cannot be: leaves are counted from 0, and there are at most 2^%d",
			p.Index, p.Leaves, maximumLevel-1)
	}
	if want := p.length(); len(p.Path) != want {
		return Hash{}, fmt.Errorf("the path to leaf %d of %d has %d hashes, not %d", p.Index, p.Leaves, len(p.Path), want)
	}
	if p.Shape == Bitcoin {
		return p.bitcoinRoot(leaf)
	}
	index, last := p.Index, p.Leaves-1
	for _, sibling := range p.Path {
		if index&1 == 0 && index < last {
			leaf = p.Shape.node(leaf, sibling)
			index, last = index>>1, last>>1
			continue
		}
		leaf = p.Shape.node(sibling, leaf)
		// A last node without a sibling rises to the level at which it is a right child.
		rise := min(bits.TrailingZeros64(index), 63) + 1
		index, last = index>>rise, last>>rise
	}
	return leaf, nil
}

// length is how many siblings the way to the root has.
func (p Inclusion) length() int {
	last := p.Leaves - 1
	if p.Shape == Bitcoin {
		return bits.Len64(last)
	}
	// Where the ways to the leaf and to the last leaf part there is a sibling on each level below; above, only where the
	// way comes from the right.
	inner := bits.Len64(p.Index ^ last)
	return inner + bits.OnesCount64(p.Index>>inner)
}

func (p Inclusion) bitcoinRoot(leaf Hash) (Hash, error) {
	index, last := p.Index, p.Leaves-1
	for level, sibling := range p.Path {
		alone := index == last && index&1 == 0
		switch {
		case alone && sibling != leaf:
			return Hash{}, fmt.Errorf("hash %d of the path: the node is the last of its level and its own sibling, but another is given", level)
		case !alone && sibling == leaf:
			return Hash{}, fmt.Errorf("hash %d of the path is the same as its sibling: %d leaves are not what the root stands for (CVE-2012-2459)",
				level, p.Leaves)
		case index&1 == 1:
			leaf = p.Shape.node(sibling, leaf)
		default:
			leaf = p.Shape.node(leaf, sibling)
		}
		index, last = index>>1, last>>1
	}
	return leaf, nil
}
