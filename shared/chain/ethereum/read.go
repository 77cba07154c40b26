package ethereum

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/s2"

	"davit/shared/chain/ethereum/rlp"
)

// Reader reads the blocks of a file one after another as they are, so that reading can stop between two of them and go on
// later. ParseBlock takes apart what it gives.
type Reader struct {
	from    *bufio.Reader
	counted *counter
	room    arena
	archive *archiveSource
}

// counter counts what was read.
type counter struct {
	from  io.Reader
	count int64
}

// Read reads on.
func (c *counter) Read(into []byte) (int, error) {
	count, err := c.from.Read(into)
	c.count += int64(count)
	return count, err
}

// NewExportReader reads what NewExportSource reads.
func NewExportReader(from io.Reader) *Reader {
	counted := &counter{from: from}
	return &Reader{from: bufio.NewReaderSize(counted, readAhead), counted: counted}
}

// NewArchiveReader reads what NewArchiveSource reads: from its beginning or, where it is continued, from between two blocks.
func NewArchiveReader(from io.Reader, continued bool) *Reader {
	made := NewExportReader(from)
	made.archive = &archiveSource{from: made.from, snappy: s2.NewReader(nil, s2.ReaderMaxBlockSize(64<<10)), begun: continued}
	return made
}

// Offset is how many bytes the blocks so far took.
func (r *Reader) Offset() int64 { return r.counted.count - int64(r.from.Buffered()) }

// Append appends the next block; io.EOF where there is none. What is no block is an *Error; other errors are those of the
// reader below.
func (r *Reader) Append(to []byte) ([]byte, error) {
	r.room.reset()
	if r.archive == nil {
		raw, err := readItem(r.from, &r.room)
		return append(to, raw...), err
	}
	parts, err := r.archive.parts(&r.room)
	for _, part := range parts {
		to = append(to, part...)
	}
	return to, err
}

// ParseBlock takes a serialised block apart: a header, or a block, as one item; with the list of its receipts as a second
// one; or its header, its body and its receipts as three, as archives have them. Its errors are *Error.
func ParseBlock(raw []byte) (Block, error) {
	var parts [][]byte
	for rest := raw; len(rest) > 0; {
		item, after, err := rlp.Read(rest)
		if err == nil && (!item.List || len(parts) == 3) {
			err = rlp.ErrKind
		}
		if err != nil {
			return Block{}, breaks(RuleForm, "header", "%w", err)
		}
		parts, rest = append(parts, item.Raw), after
	}
	switch len(parts) {
	case 0:
		return Block{}, breaks(RuleForm, "header", "%w", rlp.ErrTruncated)
	case 3:
		block := Block{Header: parts[0], Receipts: parts[2]}
		return block, block.setBody(parts[1])
	}
	block, err := splitBlock(parts[0])
	if len(parts) == 2 {
		block.Receipts = parts[1]
	}
	return block, err
}
