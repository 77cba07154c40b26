package hashing

import (
	"crypto/sha256"
	"crypto/sha3"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/crypto/blake2b"
	//lint:ignore SA1019 Bitcoin's addresses are made of it, and nothing else can verify them.
	"golang.org/x/crypto/ripemd160" // #nosec G507 -- as above
	legacy "golang.org/x/crypto/sha3"
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
		hasher.stream = legacy.NewLegacyKeccak256()
	case SHA3256:
		hasher.stream = sha3.New256()
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
	}
	return sum(h.stream, to, input)
}

// AppendBatch appends the digests of all inputs of the batch, in their order.
func (h *Hasher) AppendBatch(to []byte, batch *Batch) []byte {
	for index := range batch.Len() {
		to = h.Append(to, batch.Input(index))
	}
	return to
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
