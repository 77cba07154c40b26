package job

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"davit/shared/hashing/merkle"
	"davit/shared/hashjob/stream"
)

// leaves are the flags that name a tree and its leaves.
type leaves struct {
	shape  word[merkle.Shape, *merkle.Shape]
	path   string
	hashed bool
}

func (l *leaves) add(flags *pflag.FlagSet) {
	flags.Var(&l.shape, "tree", "bitcoin or rfc6962")
	flags.StringVar(&l.path, "leaves", "", "file of leaves in hexadecimal, one a line; - is standard input")
	flags.BoolVar(&l.hashed, "leaf-hashes", false,
		"the lines are hashes of leaves already (bitcoin: always so; rfc6962: otherwise they are entries of any length)")
}

func (l *leaves) check() error {
	switch {
	case l.shape.value == 0:
		return missing("tree", "it is bitcoin or rfc6962")
	case l.path == "":
		return missing("leaves", "a file of leaves, or - for standard input")
	}
	return nil
}

// builder is what takes the leaves: a root's or a proof's.
type builder interface {
	Add(leaf merkle.Hash)
	AddPiece(piece merkle.Piece) error
}

// leafChunk is a chunk of lines with its leaves. A whole one is reduced to a piece as well.
type leafChunk struct {
	stream.Chunk
	leaves, memory []merkle.Hash
	entries        *merkle.Leaves
	entry          []byte
	piece          merkle.Piece
}

// read gives all leaves to the builder.
func (l *leaves) read(command *cobra.Command, to builder) error {
	from, err := openSource(command, l.path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	progress := newProgress(command, "leaves")
	defer progress.end()
	lines := stream.NewLines(from.name, from, 0)
	return stream.InOrder(command.Context(), runtime.GOMAXPROCS(0),
		func(item *leafChunk) error { return lines.Read(&item.Chunk) },
		func(item *leafChunk) error { return l.work(lines, item) },
		func(item *leafChunk) error {
			progress.add(uint64(item.Len())) // #nosec G115 -- never negative
			give(to, item)
			return nil
		})
}

// placed names the line of a list that is refused for its leaves.
func (l *leaves) placed(err error) error {
	var refused *merkle.AmbiguousError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s line %d: %w", nameOf(l.path), refused.First+refused.Length+1, err)
	}
	return fmt.Errorf("%s: %w", nameOf(l.path), err)
}

// give adds the chunk's leaves. The builder of a proof takes the piece that has the leaf only leaf by leaf.
func give(to builder, item *leafChunk) {
	if item.Whole() && to.AddPiece(item.piece) == nil {
		return
	}
	for _, leaf := range item.leaves {
		to.Add(leaf)
	}
}

func (l *leaves) work(lines *stream.Lines, item *leafChunk) error {
	item.leaves = slices.Grow(item.leaves[:0], item.Len())[:item.Len()]
	if item.entries == nil {
		item.entries = merkle.NewLeaves()
	}
	for index := range item.leaves {
		if err := l.leaf(item, index); err != nil {
			return fmt.Errorf("%s: %w", lines.Where(item.First+uint64(index)), err) // #nosec G115 -- never negative
		}
	}
	item.entries.Flush()
	if !item.Whole() {
		return nil
	}
	item.memory = append(item.memory[:0], item.leaves...)
	var err error
	if item.piece, err = merkle.Reduce(l.shape.value, item.First, item.memory); err != nil {
		return l.placed(err)
	}
	return nil
}

// leaf has the leaf made that a line stands for; one of an entry is there when the entries are flushed.
func (l *leaves) leaf(item *leafChunk, index int) (err error) {
	line, leaf := item.Item(index), &item.leaves[index]
	isHash := l.hashed || l.shape.value == merkle.Bitcoin
	if isHash && len(line) != 2*len(leaf) {
		return fmt.Errorf("there are %d characters; a hash has %d hexadecimal digits", len(line), 2*len(leaf))
	}
	if item.entry, err = stream.AppendHex(item.entry[:0], line); err != nil {
		return err
	}
	if isHash {
		*leaf = merkle.Hash(item.entry)
		return nil
	}
	item.entries.Add(leaf, item.entry)
	return nil
}
