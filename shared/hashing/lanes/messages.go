package lanes

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"hash"

	legacy "golang.org/x/crypto/sha3"
)

// mostBlocks is how many blocks a message may have to go through lanes: where it has more, they are computed at once.
const mostBlocks = 8

// together is how many messages of the same number of blocks wait for one another: a multiple of every width.
const together = 32

// Messages computes digests of messages of any length, with those of the same number of blocks side by side. It is made by
// one of the functions that begin with New, and is not for several goroutines at once.
type Messages struct {
	// block is the length of a block in bytes, domain what a message ends with in Keccak, 0 in SHA-256.
	block  int
	domain byte
	// alone computes what does not go through lanes.
	alone   hash.Hash
	waiting [mostBlocks + 1]waiting
}

// waiting are padded messages of the same number of blocks, and where their digests go.
type waiting struct {
	padded []byte
	places [together]*Digest
	count  int
}

// The first bytes of Keccak's padding: Ethereum's, and that of FIPS 202, section 6.1.
const (
	keccakDomain = 0x01
	sha3Domain   = 0x06
)

// NewSHA256 computes SHA-256.
func NewSHA256() *Messages { return &Messages{block: sha256.BlockSize, alone: sha256.New()} }

// NewKeccak256 computes Keccak-256 as Ethereum has it.
func NewKeccak256() *Messages {
	alone := legacy.NewLegacyKeccak256()
	return &Messages{block: alone.BlockSize(), domain: keccakDomain, alone: alone}
}

// NewSHA3256 computes SHA3-256.
func NewSHA3256() *Messages {
	alone := sha3.New256()
	return &Messages{block: alone.BlockSize(), domain: sha3Domain, alone: alone}
}

// Add takes a copy of the message, which is the prefix and the input. Its digest is in to after Flush, or before.
func (m *Messages) Add(to *Digest, prefix, input []byte) {
	length := len(prefix) + len(input)
	blocks := m.blocks(length)
	if m.width() == 0 || blocks > mostBlocks {
		m.sum(to, prefix, input)
		return
	}
	queue := &m.waiting[blocks]
	if queue.padded == nil {
		queue.padded = make([]byte, together*blocks*m.block)
	}
	message := queue.padded[queue.count*blocks*m.block:][:blocks*m.block]
	copy(message[copy(message, prefix):], input)
	m.pad(message, length)
	queue.places[queue.count] = to
	queue.count++
	if queue.count == together {
		m.flush(queue, blocks)
	}
}

// Flush computes what waits.
func (m *Messages) Flush() {
	for blocks := range m.waiting {
		if m.waiting[blocks].count > 0 {
			m.flush(&m.waiting[blocks], blocks)
		}
	}
}

func (m *Messages) width() int {
	if m.domain == 0 {
		return width
	}
	return sponges
}

// blocks is how many blocks a message of the length has with its padding.
func (m *Messages) blocks(length int) int {
	if m.domain == 0 {
		length += 8 // the length itself
	}
	return length/m.block + 1
}

func (m *Messages) pad(message []byte, length int) {
	clear(message[length:])
	if m.domain != 0 {
		message[length] = m.domain
		message[len(message)-1] |= 0x80
		return
	}
	message[length] = 0x80
	binary.BigEndian.PutUint64(message[len(message)-8:], uint64(length)*8) // #nosec G115 -- not negative
}

func (m *Messages) flush(queue *waiting, blocks int) {
	var digests [together]Digest
	// Lanes that stay empty compute what nobody reads.
	groups := (queue.count + m.width() - 1) / m.width()
	to, from := flat(digests[:groups*m.width()]), queue.padded[:groups*m.width()*blocks*m.block]
	if m.domain == 0 {
		sums(to, from, uint64(blocks)) // #nosec G115 -- a few
	} else {
		squeezed(to, from, uint64(blocks)) // #nosec G115 -- a few
	}
	for index, place := range queue.places[:queue.count] {
		*place = digests[index]
	}
	clear(queue.places[:queue.count])
	queue.count = 0
}

// sum computes one digest by itself.
func (m *Messages) sum(to *Digest, prefix, input []byte) {
	if m.domain == 0 && len(prefix) == 0 {
		*to = sha256.Sum256(input)
		return
	}
	m.alone.Reset()
	_, _ = m.alone.Write(prefix) // a hash never fails
	_, _ = m.alone.Write(input)
	m.alone.Sum(to[:0])
}

// Blocks sets each 32 bytes of to to the SHA-256 of 64 bytes, which lie one after another.
func Blocks(to, from []byte) {
	done := inLanes(len(to)/sha256.Size, width)
	if done > 0 {
		pairs(to[:done*sha256.Size], from[:done*sha256.BlockSize])
	}
	for ; done*sha256.Size < len(to); done++ {
		digest := sha256.Sum256(from[done*sha256.BlockSize : (done+1)*sha256.BlockSize])
		copy(to[done*sha256.Size:], digest[:])
	}
}
