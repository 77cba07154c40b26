package hashjob

import (
	"encoding/hex"
	"errors"
	"fmt"

	"davit/events/hashjob"
	"davit/shared/hashing/merkle"
	"davit/shared/hashjob/stream"
)

// Part is a part of a tree: a whole subtree, or a run of leaves.
type Part struct {
	// First is the index of the first leaf.
	First uint64 `json:"first"`
	// Level and Root are those of a subtree of 2^Level leaves.
	Level uint8  `json:"level,omitempty"`
	Root  string `json:"root,omitempty"`
	// Leaves are the hashes of a run of leaves, one after another.
	Leaves []byte `json:"leaves,omitempty"`
}

// spine is a list of leaves of which whole subtrees are kept by their roots alone: some dozens of hashes, whatever the
// length of the list. It can be written down and read again, and two of them put together, which is how a tree is made in
// several invocations, one after another or side by side. What is to be proved is not merged away.
type spine struct {
	shape merkle.Shape
	// watched is the leaf to be proved, or the last one of an older list; none where isWatched is false.
	watched   uint64
	isWatched bool
	count     uint64
	parts     []spinePart
	// tail are the leaves after the last whole chunk.
	tail []merkle.Hash
}

type spinePart struct {
	piece merkle.Piece
	// leaves stand for the piece where it is watched.
	leaves []merkle.Hash
}

const chunkLevel = 12 // stream.ChunkItems is 2^12

// builder is what takes the leaves at the end: a root's or a proof's.
type builder interface {
	Add(leaf merkle.Hash)
	AddPiece(piece merkle.Piece) error
}

// watches tells whether the leaf that is watched is among so many from first on.
func (s *spine) watches(first, length uint64) bool {
	return s.isWatched && first <= s.watched && s.watched < first+length
}

// add puts leaves at the end.
func (s *spine) add(leaves []merkle.Hash) error {
	for len(leaves) > 0 {
		count := min(stream.ChunkItems-len(s.tail), len(leaves))
		s.tail = append(s.tail, leaves[:count]...)
		leaves = leaves[count:]
		s.count += uint64(count) // #nosec G115 -- never negative
		if len(s.tail) < stream.ChunkItems {
			return nil
		}
		if err := s.fold(); err != nil {
			return err
		}
	}
	return nil
}

// fold makes a part of a tail that is a whole chunk.
func (s *spine) fold() error {
	first := s.count - stream.ChunkItems
	whole := s.tail
	s.tail = nil
	if s.watches(first, stream.ChunkItems) {
		s.parts = append(s.parts, spinePart{piece: merkle.Piece{First: first, Level: chunkLevel}, leaves: whole})
		return nil
	}
	piece, err := merkle.Reduce(s.shape, first, whole)
	if err != nil {
		return err
	}
	return s.join(piece)
}

// addPiece puts a subtree at the end, of at least a chunk.
func (s *spine) addPiece(piece merkle.Piece) error {
	if piece.First != s.count || len(s.tail) > 0 {
		return fmt.Errorf("a piece begins at leaf %d, but the list goes on at leaf %d", piece.First, s.count)
	}
	s.count += piece.Length()
	return s.join(piece)
}

// join appends the piece and merges it with its left siblings.
func (s *spine) join(piece merkle.Piece) error {
	for len(s.parts) > 0 {
		left := s.parts[len(s.parts)-1]
		sibling := left.leaves == nil && left.piece.Level == piece.Level && left.piece.First>>(piece.Level)&1 == 0
		if !sibling || s.watches(left.piece.First, 2*piece.Length()) {
			break
		}
		parent, err := merkle.Reduce(s.shape, 0, []merkle.Hash{left.piece.Root, piece.Root})
		if err != nil {
			return scaled(err, left.piece)
		}
		piece = merkle.Piece{First: left.piece.First, Level: piece.Level + 1, Root: parent.Root}
		s.parts = s.parts[:len(s.parts)-1]
	}
	s.parts = append(s.parts, spinePart{piece: piece})
	return nil
}

// scaled names the leaves of two subtrees that are the same.
func scaled(err error, left merkle.Piece) error {
	var ambiguous *merkle.AmbiguousError
	if errors.As(err, &ambiguous) {
		return &merkle.AmbiguousError{First: left.First, Length: left.Length()}
	}
	return err
}

// give gives the whole list to the builder.
func (s *spine) give(to builder) error {
	for _, part := range s.parts {
		for _, leaf := range part.leaves {
			to.Add(leaf)
		}
		if part.leaves != nil {
			continue
		}
		if err := to.AddPiece(part.piece); err != nil {
			return err
		}
	}
	for _, leaf := range s.tail {
		to.Add(leaf)
	}
	return nil
}

// write is the list as it is written down.
func (s *spine) write() []Part {
	parts := make([]Part, 0, len(s.parts)+1)
	for _, part := range s.parts {
		written := Part{First: part.piece.First}
		if part.leaves != nil {
			written.Leaves = joined(part.leaves)
		} else {
			written.Level, written.Root = part.piece.Level, hex.EncodeToString(part.piece.Root[:])
		}
		parts = append(parts, written)
	}
	if len(s.tail) > 0 {
		parts = append(parts, Part{First: s.count - uint64(len(s.tail)), Leaves: joined(s.tail)})
	}
	return parts
}

// read puts a list at the end that write wrote.
func (s *spine) read(parts []Part) error {
	for _, part := range parts {
		if part.First != s.count {
			return fmt.Errorf("a part begins at leaf %d, but the list goes on at leaf %d", part.First, s.count)
		}
		if part.Root == "" {
			leaves, err := split(part.Leaves)
			if err != nil {
				return err
			}
			if err := s.add(leaves); err != nil {
				return err
			}
			continue
		}
		root, err := merkle.ParseHash(part.Root)
		if err != nil {
			return err
		}
		if err := s.addPiece(merkle.Piece{First: part.First, Level: part.Level, Root: root}); err != nil {
			return err
		}
	}
	return nil
}

func joined(hashes []merkle.Hash) []byte {
	bytes := make([]byte, 0, len(hashes)*len(merkle.Hash{}))
	for _, hash := range hashes {
		bytes = append(bytes, hash[:]...)
	}
	return bytes
}

func split(bytes []byte) ([]merkle.Hash, error) {
	const size = len(merkle.Hash{})
	if len(bytes)%size != 0 {
		return nil, fmt.Errorf("%d bytes are no list of hashes", len(bytes))
	}
	hashes := make([]merkle.Hash, len(bytes)/size)
	for index := range hashes {
		hashes[index] = merkle.Hash(bytes[index*size : (index+1)*size])
	}
	return hashes, nil
}

// refused puts the refusal of a list in words that name the item.
func refused(input *hashjob.Input, err error) error {
	var ambiguous *merkle.AmbiguousError
	if errors.As(err, &ambiguous) {
		return hashjob.WrongAt(field(input), ambiguous.First+ambiguous.Length, "%s", err)
	}
	if errors.Is(err, merkle.ErrNoLeaves) {
		return hashjob.Wrong(field(input), "%s", err)
	}
	return err
}
