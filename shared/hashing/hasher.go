package hashing

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"golang.org/x/crypto/blake2b"
	//lint:ignore SA1019 Bitcoin's addresses are made of it, and nothing else can verify them.
	"golang.org/x/crypto/ripemd160" // #nosec G507 -- as above

	"davit/shared/hashing/lanes"
)

// chunk is how much of a stream is read at once, in bytes.
const chunk = 64 << 10

// Hasher computes digests of one kind. After the first digest nothing is allocated for the next one. A Hasher is not for
// use by several goroutines at once; make one each.
type Hasher struct {
	kind Kind
	// stream takes what is hashed, outer what comes of it where a kind hashes twice.
	stream, outer hash.Hash
	inner         [sha256.Size]byte
	read          []byte
	// side computes digests of a batch side by side, where the kind has lanes; again hashes those that wait.
	side, again *lanes.Messages
	waiting     []lanes.Digest
}

// New is a Hasher of the kind, which is one of the package's constants; any other value is an error.
func New(kind Kind) (*Hasher, error) {
	hasher := &Hasher{kind: kind}
	switch kind {
	case SHA256:
		hasher.stream = sha256.New()
	case DoubleSHA256:
		hasher.stream, hasher.outer = sha256.New(), sha256.New()
	case Keccak256:
		hasher.stream = lanes.NewLongKeccak256()
	case SHA3256:
		hasher.stream = lanes.NewLongSHA3256()
	case RIPEMD160:
		hasher.stream = ripemd160.New() // #nosec G406 -- the kind was asked for
	case HASH160:
		hasher.stream, hasher.outer = sha256.New(), ripemd160.New() // #nosec G406 -- as above
	case BLAKE2b256:
		stream, err := blake2b.New256(nil)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", kind, err)
		}
		hasher.stream = stream
	default:
		return nil, fmt.Errorf("%s is no digest", kind)
	}
	return hasher, nil
}

// Kind is the kind of the digests.
func (h *Hasher) Kind() Kind { return h.kind }

// Append appends the digest of the input, Kind().Size() bytes, and answers the longer slice.
func (h *Hasher) Append(to, input []byte) []byte {
	switch h.kind {
	case SHA256:
		digest := sha256.Sum256(input)
		return append(to, digest[:]...)
	case DoubleSHA256:
		digest := sha256.Sum256(input)
		digest = sha256.Sum256(digest[:])
		return append(to, digest[:]...)
	case HASH160:
		h.inner = sha256.Sum256(input)
		return sum(h.outer, to, h.inner[:])
	case BLAKE2b256:
		digest := blake2b.Sum256(input)
		return append(to, digest[:]...)
	}
	return sum(h.stream, to, input)
}

// together is how many inputs of a batch are hashed once before their digests are hashed again.
const together = 256

// AppendBatch appends the digests of all inputs of the batch, in their order. Of all kinds but BLAKE2b it computes
// several side by side.
func (h *Hasher) AppendBatch(to []byte, batch *Batch) []byte {
	size, start := h.kind.Size(), len(to)
	to = slices.Grow(to, batch.Len()*size)
	if !h.sideBySide() {
		for index := range batch.Len() {
			to = h.Append(to, batch.Input(index))
		}
		return to
	}
	to = to[:start+batch.Len()*size]
	for first := 0; first < batch.Len(); first += together {
		last := min(first+together, batch.Len())
		h.fill(to[start+first*size:start+last*size], batch, first)
	}
	return to
}

// sideBySide tells whether the kind has lanes, and gets ready for them.
func (h *Hasher) sideBySide() bool {
	if h.side != nil {
		return true
	}
	switch h.kind {
	case SHA256, DoubleSHA256:
		h.side = lanes.NewSHA256()
	case Keccak256:
		h.side = lanes.NewKeccak256()
	case SHA3256:
		h.side = lanes.NewSHA3256()
	case RIPEMD160:
		h.side = lanes.NewRIPEMD160()
	case HASH160:
		h.side, h.again = lanes.NewSHA256(), lanes.NewRIPEMD160()
	}
	if h.kind.Size() < len(lanes.Digest{}) {
		h.waiting = make([]lanes.Digest, together)
	}
	return h.side != nil
}

// fill computes the digests of inputs from first on, at most together, as many as there is room for.
func (h *Hasher) fill(to []byte, batch *Batch, first int) {
	switch h.kind {
	case RIPEMD160, HASH160:
		h.fillShort(to, batch, first)
		return
	}
	h.fillOnce(to, batch, first)
	if h.kind == DoubleSHA256 {
		lanes.Rehash(to)
	}
}

// fillShort computes digests of 20 bytes.
func (h *Hasher) fillShort(to []byte, batch *Batch, first int) {
	waiting := h.waiting[:len(to)/ripemd160.Size]
	for index := range waiting {
		h.side.Add(&waiting[index], nil, batch.Input(first+index))
	}
	h.side.Flush()
	if h.again != nil {
		for index := range waiting {
			h.again.Add(&waiting[index], nil, waiting[index][:])
		}
		h.again.Flush()
	}
	for index := range waiting {
		copy(to[index*ripemd160.Size:(index+1)*ripemd160.Size], waiting[index][:])
	}
}

// fillOnce computes digests of 32 bytes. Inputs of one block of SHA-256 that follow one another are taken where they are.
func (h *Hasher) fillOnce(to []byte, batch *Batch, first int) {
	count := len(to) / sha256.Size
	for index := 0; index < count; {
		run := 0
		if h.kind == SHA256 || h.kind == DoubleSHA256 {
			run = batch.run(first+index, count-index, sha256.BlockSize)
		}
		if run > 0 {
			start := batch.start(first + index)
			lanes.Blocks(to[index*sha256.Size:(index+run)*sha256.Size], batch.data[start:start+run*sha256.BlockSize])
			index += run
			continue
		}
		h.side.Add((*lanes.Digest)(to[index*sha256.Size:]), nil, batch.Input(first+index))
		index++
	}
	h.side.Flush()
}

// AppendReader appends the digest of all that the reader gives until it ends, and answers how many bytes those were. The
// memory it takes does not depend on their number. When reading fails nothing is appended.
func (h *Hasher) AppendReader(to []byte, from io.Reader) ([]byte, int64, error) {
	if h.read == nil {
		h.read = make([]byte, chunk)
	}
	h.stream.Reset()
	var total int64
	for {
		count, err := from.Read(h.read)
		total += int64(count)
		_, _ = h.stream.Write(h.read[:count]) // a hash never fails
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return to, total, fmt.Errorf("%s after %d bytes: %w", h.kind, total, err)
		}
	}
	if h.outer == nil {
		return h.stream.Sum(to), total, nil
	}
	return sum(h.outer, to, h.stream.Sum(h.inner[:0])), total, nil
}

func sum(with hash.Hash, to, input []byte) []byte {
	with.Reset()
	_, _ = with.Write(input) // a hash never fails
	return with.Sum(to)
}
