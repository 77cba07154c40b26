package ethereum

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"

	"davit/shared/chain/ethereum/rlp"
	"davit/shared/hashing"
)

// MaximumBlock is how long a serialised block, and its list of receipts, may be in bytes. EIP-7934 allows 10 MiB; before
// it the gas limit did not allow much more.
const MaximumBlock = 64 << 20

const (
	// readAhead is how much is read at once, in bytes.
	readAhead = 128 << 10
	// batchHeaders is how many headers are hashed together, and batchBytes about how much is held for that.
	batchHeaders = 64
	batchBytes   = 4 << 20
)

// Source gives blocks one after another, io.EOF after the last. What it gives is valid until the room is used again.
type Source interface {
	next(room *arena) (Block, error)
}

// arena gives memory that is all taken back at once.
type arena struct {
	chunk []byte
	used  int
}

func (a *arena) take(size int) []byte {
	if len(a.chunk)-a.used < size {
		a.chunk, a.used = make([]byte, max(size, 2*len(a.chunk), readAhead)), 0
	}
	taken := a.chunk[a.used : a.used+size : a.used+size]
	a.used += size
	return taken
}

// reset takes all back. A chunk that one large block made is given up.
func (a *arena) reset() {
	a.used = 0
	if len(a.chunk) > 4*batchBytes {
		a.chunk = nil
	}
}

// Verify verifies all blocks of the source as one list of the network; nil is one whose forks are not known. A block that
// breaks a rule is an *Error, and the summary is of those before it. A source without any block is an error.
func Verify(ctx context.Context, network *Network, source Source) (Summary, error) {
	chain := NewChain(network)
	run := batch{chain: chain}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return chain.Summary(), fmt.Errorf("after %d blocks: %w", chain.summary.Headers, err)
		}
		failed := run.fill(source)
		if err := run.check(); err != nil {
			return chain.Summary(), err
		}
		if failed != nil && !errors.Is(failed, io.EOF) {
			return chain.Summary(), placed(failed, chain.summary.Headers)
		}
		more = failed == nil
	}
	if chain.summary.Headers == 0 {
		return Summary{}, errors.New("there are no headers")
	}
	return chain.Summary(), nil
}

// placed gives an *Error its index, and other errors the place in words.
func placed(err error, index uint64) error {
	if broken, ok := errors.AsType[*Error](err); ok {
		broken.Index = index
		return err
	}
	return fmt.Errorf("read block %d of the list: %w", index, err)
}

// Blocks are serialised blocks whose headers are hashed together, which is faster than one at a time.
type Blocks struct {
	hasher  *hashing.Hasher
	blocks  []Block
	headers hashing.Batch
	digests []byte
}

// Reset empties the list and keeps its memory.
func (b *Blocks) Reset() {
	b.blocks, b.digests = b.blocks[:0], b.digests[:0]
	b.headers.Reset()
}

// Len is how many blocks there are.
func (b *Blocks) Len() int { return len(b.blocks) }

// Add puts a block at the end. It is used until Reset.
func (b *Blocks) Add(block Block) {
	b.headers.Add(block.Header)
	b.blocks = append(b.blocks, block)
}

// Hash hashes the headers, once all blocks are added.
func (b *Blocks) Hash() {
	if b.hasher == nil {
		b.hasher = newHasher()
	}
	b.digests = b.hasher.AppendBatch(b.digests[:0], &b.headers)
}

// AddFrom is Add for one of blocks that are hashed.
func (c *Chain) AddFrom(blocks *Blocks, index int) error {
	return c.add(blocks.blocks[index], Hash(blocks.digests[index*len(Hash{}):]))
}

// batch is the blocks of a source that are verified next.
type batch struct {
	chain *Chain
	room  arena
	Blocks
}

// fill reads the next blocks, up to the first that cannot be read.
func (b *batch) fill(source Source) error {
	b.room.reset()
	b.Reset()
	for size := 0; b.Len() < batchHeaders && size < batchBytes; {
		block, err := source.next(&b.room)
		if err != nil {
			return err
		}
		b.Add(block)
		size += len(block.Header) + len(block.Receipts)
		if block.Body != nil {
			size += len(block.Body.Transactions)
		}
	}
	return nil
}

func (b *batch) check() error {
	b.Hash()
	for index := range b.Len() {
		if err := b.chain.AddFrom(&b.Blocks, index); err != nil {
			return err
		}
	}
	return nil
}

// exportSource reads serialised items one after another.
type exportSource struct{ from *bufio.Reader }

// NewExportSource reads serialised blocks or headers, one after another, as "geth export" and "reth export" write blocks.
func NewExportSource(from io.Reader) Source {
	return &exportSource{bufio.NewReaderSize(from, readAhead)}
}

func (e *exportSource) next(room *arena) (Block, error) {
	raw, err := readItem(e.from, room)
	if err != nil {
		return Block{}, err
	}
	return splitBlock(raw)
}

// readItem reads one serialised item off the stream; io.EOF where the stream ends before it.
func readItem(from *bufio.Reader, room *arena) ([]byte, error) {
	start, err := from.Peek(9)
	if err != nil && (len(start) == 0 || !errors.Is(err, io.EOF)) {
		return nil, err
	}
	length, err := rlp.Length(start)
	if err != nil {
		return nil, breaks(RuleForm, "header", "%w", err)
	}
	if length > MaximumBlock {
		return nil, breaks(RuleForm, "header", "an item of %d bytes, more than %d", length, MaximumBlock)
	}
	if length > batchBytes {
		return readLong(from, length)
	}
	raw := room.take(int(length)) // #nosec G115 -- at most batchBytes
	if _, err := io.ReadFull(from, raw); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, breaks(RuleForm, "header", "%w", rlp.ErrTruncated)
		}
		return nil, err
	}
	return raw, nil
}

// readLong reads an item whose length is not believed before it is there.
func readLong(from *bufio.Reader, length uint64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(from, int64(length))) // #nosec G115 -- at most MaximumBlock
	if err == nil && uint64(len(raw)) < length {
		err = breaks(RuleForm, "header", "%w", rlp.ErrTruncated)
	}
	return raw, err
}

// splitBlock splits a serialised block; a header alone begins with a string, a block with its header's list.
func splitBlock(raw []byte) (Block, error) {
	whole, err := rlp.ReadOne(raw)
	if err != nil {
		return Block{}, breaks(RuleForm, "header", "%w", err)
	}
	items, err := whole.Items()
	if err != nil {
		return Block{}, breaks(RuleForm, "header", "%w", err)
	}
	first, err := items.Next()
	if err != nil {
		return Block{}, breaks(RuleForm, "header", "%w", err)
	}
	if !first.List {
		return Block{Header: raw}, nil
	}
	body, err := splitBody(items)
	if err != nil {
		return Block{}, err
	}
	return Block{Header: first.Raw, Body: body}, nil
}

var bodyLists = [...]string{"transactions", "uncles", "withdrawals"}

func splitBody(items rlp.Items) (*Body, error) {
	body := new(Body)
	lists := [...]*[]byte{&body.Transactions, &body.Uncles, &body.Withdrawals}
	count := 0
	for ; items.More(); count++ {
		if count == len(lists) {
			return nil, breaks(RuleForm, "body", "there are more than %d lists", len(lists))
		}
		item, err := items.Next()
		if err == nil && !item.List {
			err = rlp.ErrKind
		}
		if err != nil {
			return nil, breaks(RuleForm, bodyLists[count], "%w", err)
		}
		*lists[count] = item.Raw
	}
	if count < 2 {
		return nil, breaks(RuleForm, "body", "there are %d lists, want transactions, uncles and perhaps withdrawals", count)
	}
	return body, nil
}

// lineSource reads hexadecimal digits.
type lineSource struct {
	from *bufio.Reader
	line uint64
}

// NewLineSource reads serialised blocks or headers in hexadecimal digits, one a line, with or without 0x. Empty lines are
// left out.
func NewLineSource(from io.Reader) Source {
	return &lineSource{from: bufio.NewReaderSize(from, readAhead)}
}

func (l *lineSource) next(room *arena) (Block, error) {
	for {
		line, err := l.read()
		if err != nil {
			return Block{}, err
		}
		digits := bytes.TrimPrefix(bytes.TrimSpace(line), []byte("0x"))
		if len(digits) == 0 {
			continue
		}
		raw := room.take(len(digits) / 2)
		if len(digits)%2 == 1 {
			return Block{}, breaks(RuleForm, "header", "line %d has an odd number of digits, %d", l.line, len(digits))
		}
		if _, err := hex.Decode(raw, digits); err != nil {
			return Block{}, breaks(RuleForm, "header", "line %d: %w", l.line, err)
		}
		return splitBlock(raw)
	}
}

// read is the next line, of any length up to that of a block.
func (l *lineSource) read() ([]byte, error) {
	l.line++
	line, err := l.from.ReadSlice('\n')
	if err == nil || errors.Is(err, io.EOF) && len(line) > 0 {
		return line, nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(long) > 2*MaximumBlock {
			return nil, breaks(RuleForm, "header", "line %d has more than %d digits", l.line, 2*MaximumBlock)
		}
		line, err = l.from.ReadSlice('\n')
		long = append(long, line...)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return long, nil
}

// receiptSource adds receipts to blocks.
type receiptSource struct {
	blocks   Source
	receipts *bufio.Reader
}

// WithReceipts adds to each block of the source the next serialised list of receipts, in the form of the consensus. There
// must be one a block.
func WithReceipts(blocks Source, receipts io.Reader) Source {
	return &receiptSource{blocks, bufio.NewReaderSize(receipts, readAhead)}
}

func (r *receiptSource) next(room *arena) (Block, error) {
	block, err := r.blocks.next(room)
	if errors.Is(err, io.EOF) {
		if _, more := r.receipts.Peek(1); more == nil {
			return Block{}, breaks(RuleForm, "receipts", "there are more lists of receipts than blocks")
		}
	}
	if err != nil {
		return Block{}, err
	}
	block.Receipts, err = readItem(r.receipts, room)
	if errors.Is(err, io.EOF) {
		err = breaks(RuleForm, "receipts", "there is no list of receipts for this block")
	}
	return block, err
}

// archiveSource reads era1 files.
type archiveSource struct {
	from   *bufio.Reader
	snappy *s2.Reader
	begun  bool
}

// NewArchiveSource reads an era1 file, in which execution clients keep the blocks before the Merge with their receipts
// (github.com/eth-clients/e2store-format-specs, formats/era1.md). Its accumulator and index are not read: the headers'
// own hashes say what they would.
func NewArchiveSource(from io.Reader) Source {
	return &archiveSource{from: bufio.NewReaderSize(from, readAhead), snappy: s2.NewReader(nil, s2.ReaderMaxBlockSize(64<<10))}
}

// The types of an era1 file's entries.
const (
	entryVersion    = 0x3265
	entryHeader     = 0x03
	entryBody       = 0x04
	entryReceipts   = 0x05
	entryDifficulty = 0x06
	entryRoot       = 0x07
	entryIndex      = 0x3266
)

func (a *archiveSource) next(room *arena) (Block, error) {
	parts, err := a.parts(room)
	if err != nil {
		return Block{}, err
	}
	block := Block{Header: parts[0], Receipts: parts[2]}
	return block, block.setBody(parts[1])
}

// parts are the next block's header, body and receipts, serialised.
func (a *archiveSource) parts(room *arena) ([][]byte, error) {
	if !a.begun {
		kind, content, err := a.entry()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil || kind != entryVersion || content.N != 0 {
			return nil, breaks(RuleForm, "header", "this is no era1 file: it does not begin with its version")
		}
		a.begun = true
	}
	kind, content, err := a.entry()
	switch {
	case err != nil:
		return nil, err
	case kind == entryRoot || kind == entryIndex:
		return nil, io.EOF
	case kind != entryHeader:
		return nil, breaks(RuleForm, "header", "an entry of type %#04x where a header should be", kind)
	}
	parts := make([][]byte, 3)
	for index, kind := range []uint16{entryHeader, entryBody, entryReceipts} {
		if index > 0 {
			if content, err = a.expect(kind); err != nil {
				return nil, err
			}
		}
		if parts[index], err = a.decompress(content, room); err != nil {
			return nil, err
		}
		if item, err := rlp.ReadOne(parts[index]); err != nil || !item.List {
			return nil, breaks(RuleForm, "header", "an entry of type %#04x is not one list", kind)
		}
	}
	return parts, a.skip(entryDifficulty)
}

func (b *Block) setBody(raw []byte) error {
	whole, err := rlp.ReadOne(raw)
	if err != nil {
		return breaks(RuleForm, "body", "%w", err)
	}
	items, err := whole.Items()
	if err != nil {
		return breaks(RuleForm, "body", "%w", err)
	}
	b.Body, err = splitBody(items)
	return err
}

func (a *archiveSource) skip(want uint16) error {
	content, err := a.expect(want)
	if err == nil {
		_, err = io.Copy(io.Discard, content)
	}
	return err
}

func (a *archiveSource) expect(want uint16) (*io.LimitedReader, error) {
	kind, content, err := a.entry()
	if err == nil && kind != want {
		err = breaks(RuleForm, "header", "an entry of type %#04x where %#04x should be", kind, want)
	}
	if errors.Is(err, io.EOF) {
		err = breaks(RuleForm, "header", "the era1 file ends within a block")
	}
	return content, err
}

// entry reads the head of an entry: two bytes of type, four of length, two that are zero.
func (a *archiveSource) entry() (kind uint16, content *io.LimitedReader, err error) {
	var head [8]byte
	if _, err := io.ReadFull(a.from, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, nil, breaks(RuleForm, "header", "the era1 file ends within an entry")
		}
		return 0, nil, err
	}
	length := binary.LittleEndian.Uint32(head[2:])
	if length > MaximumBlock || head[6] != 0 || head[7] != 0 {
		return 0, nil, breaks(RuleForm, "header", "this is no era1 file: an entry begins with %x", head)
	}
	return binary.LittleEndian.Uint16(head[:]), &io.LimitedReader{R: a.from, N: int64(length)}, nil
}

// decompress reads the content of an entry, which is compressed by snappy in frames.
func (a *archiveSource) decompress(content *io.LimitedReader, room *arena) ([]byte, error) {
	a.snappy.Reset(content)
	var raw bytes.Buffer
	if _, err := io.Copy(&raw, io.LimitReader(a.snappy, MaximumBlock+1)); err != nil {
		return nil, breaks(RuleForm, "header", "an entry cannot be decompressed: %w", err)
	}
	if raw.Len() > MaximumBlock || content.N != 0 {
		return nil, breaks(RuleForm, "header", "an entry is of more than %d bytes, or has something behind it", MaximumBlock)
	}
	kept := room.take(raw.Len())
	copy(kept, raw.Bytes())
	return kept, nil
}
