package merkle

import (
	"errors"
	"fmt"
	"math/bits"
)

// maximumLevel bounds the height of a tree: lists have fewer than 2^56 leaves.
const maximumLevel = 56

// Piece is what a run of leaves comes to whose length is a power of two and whose place is a multiple of its length:
// a whole subtree. Pieces may be made anywhere and in any order; a Builder takes them in the list's order.
type Piece struct {
	// First is the index of the first leaf in the whole list.
	First uint64 `json:"first"`
	// Level is the binary logarithm of the number of leaves.
	Level uint8 `json:"level"`
	// Root is the subtree's root.
	Root Hash `json:"-"`
}

// Length is how many leaves the piece stands for.
func (p Piece) Length() uint64 { return 1 << p.Level }

func (p Piece) check() error {
	if p.Level >= maximumLevel || p.First >= 1<<maximumLevel {
		return fmt.Errorf("a piece at leaf %d with 2^%d leaves is outside of any list that is handled", p.First, p.Level)
	}
	if p.First&(p.Length()-1) != 0 {
		return fmt.Errorf("a piece of %d leaves cannot begin at leaf %d: that is no multiple of its length", p.Length(), p.First)
	}
	return nil
}

// Reduce makes the piece of the leaves, of which the first has the index first in the whole list. It uses the leaves'
// memory as its own: afterwards they hold nothing of use. Leaves of another number than a power of two, or in a place
// where no subtree begins, are an error; so is, in Bitcoin's tree, an *AmbiguousError.
func Reduce(shape Shape, first uint64, leaves []Hash) (Piece, error) {
	return reduce(shape, first, leaves, leaves)
}

// reduce is Reduce with the memory for at least half as many nodes given apart, so that the leaves are only read.
func reduce(shape Shape, first uint64, leaves, memory []Hash) (Piece, error) {
	if len(leaves) == 0 || len(leaves)&(len(leaves)-1) != 0 {
		return Piece{}, fmt.Errorf("%d leaves are no piece: their number is no power of two", len(leaves))
	}
	piece := Piece{First: first, Level: uint8(bits.TrailingZeros(uint(len(leaves))))} // #nosec G115 -- below 64
	if err := errors.Join(shape.check(), piece.check()); err != nil {
		return Piece{}, err
	}
	for level := range piece.Level {
		if shape == Bitcoin {
			if err := distinct(first, level, leaves); err != nil {
				return Piece{}, err
			}
		}
		parents := memory[:len(leaves)/2]
		shape.pairs(parents, leaves)
		leaves = parents
	}
	piece.Root = leaves[0]
	return piece, nil
}

// distinct refuses nodes of a level of which two siblings are the same.
func distinct(first uint64, level uint8, nodes []Hash) error {
	for index := 0; index+1 < len(nodes); index += 2 {
		if nodes[index] == nodes[index+1] {
			return &AmbiguousError{First: first + uint64(index)<<level, Length: 1 << level}
		}
	}
	return nil
}
