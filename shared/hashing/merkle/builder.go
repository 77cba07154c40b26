package merkle

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
)

// Builder takes a list of leaves, one by one or in pieces, and answers its root at any time. It keeps one node a level,
// whatever the number of leaves. It is made by NewBuilder or NewProver, and is not for several goroutines at once.
type Builder struct {
	shape Shape
	// count is how many leaves came. Where bit l of it is set, pending[l] is the root of a subtree of 2^l leaves that
	// waits for its sibling.
	count   uint64
	pending [maximumLevel]Hash
	// wrong is the first refusal; Root tells it.
	wrong error
	// watched collects a proof; nil when none is wanted.
	watched *watch
}

// NewBuilder is a Builder without leaves.
func NewBuilder(shape Shape) *Builder { return &Builder{shape: shape, wrong: shape.check()} }

// Count is how many leaves came so far.
func (b *Builder) Count() uint64 { return b.count }

// Add puts a leaf at the end.
func (b *Builder) Add(leaf Hash) { b.join(0, leaf) }

// AddPiece puts a run of leaves at the end that Reduce made. The piece must begin where the list ends now.
func (b *Builder) AddPiece(piece Piece) error {
	if err := piece.check(); err != nil {
		return err
	}
	if piece.First != b.count {
		return fmt.Errorf("the piece begins at leaf %d, but the list goes on at leaf %d", piece.First, b.count)
	}
	if b.watched != nil && b.watched.inside(piece) {
		return fmt.Errorf("the piece at leaf %d hides what is to be proved: its leaves have to come in smaller pieces", piece.First)
	}
	b.join(int(piece.Level), piece.Root)
	return nil
}

// join adds a subtree whose place is a multiple of its length, and merges it with its left siblings.
func (b *Builder) join(level int, node Hash) {
	if b.count+1<<level > 1<<(maximumLevel-1) {
		b.refuse(fmt.Errorf("the list has more than %d leaves", uint64(1)<<(maximumLevel-1)))
		return
	}
	first := b.count
	b.count += 1 << level
	b.watched.formed(level, first, node)
	for ; first>>level&1 == 1; level++ {
		first -= 1 << level
		node = b.merge(level, first, b.pending[level], node)
	}
	b.pending[level] = node
}

// merge is the parent of two nodes of the level, of which the left one stands for the leaves from first on.
func (b *Builder) merge(level int, first uint64, left, right Hash) Hash {
	if b.shape == Bitcoin && left == right {
		b.refuse(&AmbiguousError{First: first, Length: 1 << level})
	}
	parent := b.shape.node(left, right)
	b.watched.merged(level, first, left, right)
	b.watched.formed(level+1, first, parent)
	return parent
}

func (b *Builder) refuse(err error) {
	if b.wrong == nil {
		b.wrong = err
	}
}

// Root is the root of the leaves so far; more may follow. In Bitcoin's tree an empty list is ErrNoLeaves and an ambiguous
// one an *AmbiguousError. In the RFC6962 tree the root of no leaves is the SHA-256 of nothing.
func (b *Builder) Root() (Hash, error) {
	root, _, err := b.finish()
	return root, err
}

// finish computes the root and, where one is collected, the rest of the proof, and leaves the Builder as it is.
func (b *Builder) finish() (Hash, []Hash, error) {
	ended := *b
	if b.watched != nil {
		ended.watched = b.watched.clone()
	}
	var root Hash
	switch {
	case b.wrong != nil:
		return Hash{}, nil, b.wrong
	case b.count == 0 && b.shape == Bitcoin:
		return Hash{}, nil, ErrNoLeaves
	case b.count == 0:
		return sha256.Sum256(nil), nil, nil
	case b.shape == Bitcoin:
		root = ended.finishBitcoin()
	default:
		root = ended.finishRFC6962()
	}
	return root, ended.watched.siblings(), ended.wrong
}

// finishBitcoin pairs the last node of each level with itself where it has no sibling.
func (b *Builder) finishBitcoin() Hash {
	level := bits.TrailingZeros64(b.count)
	node := b.pending[level]
	first := b.count - 1<<level
	for first > 0 {
		if first>>level&1 == 1 {
			first -= 1 << level
			node = b.merge(level, first, b.pending[level], node)
		} else {
			b.watched.merged(level, first, node, node)
			node = b.shape.node(node, node)
		}
		level++
	}
	return node
}

// finishRFC6962 puts the waiting subtrees together from the smallest on: each is the left part of what follows it.
func (b *Builder) finishRFC6962() Hash {
	level := bits.TrailingZeros64(b.count)
	node := b.pending[level]
	first := b.count - 1<<level
	for first > 0 {
		level = bits.TrailingZeros64(first)
		first -= 1 << level
		b.watched.merged(level, first, b.pending[level], node)
		node = b.shape.node(b.pending[level], node)
	}
	return node
}
