package merkle

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// pieceLength is how many leaves a core takes at once: they and their nodes fit its own caches.
const pieceLength = 1 << 12

// Root is the root of all leaves, computed on all cores where there are many. The leaves are only read. Its errors are
// those of Builder.Root.
func Root(shape Shape, leaves []Hash) (Hash, error) {
	builder := NewBuilder(shape)
	pieces, err := reduceAll(shape, leaves[:len(leaves)-len(leaves)%pieceLength])
	if err != nil {
		return Hash{}, err
	}
	for _, piece := range pieces {
		if err := builder.AddPiece(piece); err != nil {
			return Hash{}, err
		}
	}
	rest := leaves[len(pieces)*pieceLength:]
	memory := make([]Hash, len(rest)/2)
	for len(rest) > 0 { // whole subtrees, from the largest on
		length := 1 << (bits.Len(uint(len(rest))) - 1)
		piece, err := reduce(shape, builder.Count(), rest[:length], memory)
		if err != nil {
			return Hash{}, err
		}
		if err := builder.AddPiece(piece); err != nil {
			return Hash{}, err
		}
		rest = rest[length:]
	}
	return builder.Root()
}

// reduceAll cuts the leaves into pieces of pieceLength, of which their number is a multiple. Of several refusals it tells
// the first one of the list.
func reduceAll(shape Shape, leaves []Hash) ([]Piece, error) {
	pieces := make([]Piece, len(leaves)/pieceLength)
	refusals := make([]error, len(pieces))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(pieces)) {
		workers.Go(func() {
			memory := make([]Hash, pieceLength/2)
			for index := int(next.Add(1)) - 1; index < len(pieces); index = int(next.Add(1)) - 1 {
				start := index * pieceLength
				pieces[index], refusals[index] = reduce(shape, uint64(start), leaves[start:start+pieceLength], memory) // #nosec G115
			}
		})
	}
	workers.Wait()
	for _, refusal := range refusals {
		if refusal != nil {
			return nil, refusal
		}
	}
	return pieces, nil
}
