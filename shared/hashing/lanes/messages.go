package lanes

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	//lint:ignore SA1019 Bitcoin's addresses are made of it.
	"golang.org/x/crypto/ripemd160" // #nosec G507 -- as above
)

// mostBlocks is how many blocks a message may have to go through lanes: where it has more, they are computed at once.
const mostBlocks = 16

// together is how many messages of the same number of blocks wait for one another: a multiple of every width.
const together = 32

// Messages computes digests of messages of any length, with those of the same number of blocks side by side. It is made by
// one of the functions that begin with New, and is not for several goroutines at once.
type Messages struct {
	function function
	// block is the length of a block in bytes.
	block int
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

// rate is how many bytes of a message Keccak takes at once, for a digest of 32 bytes (FIPS 202, section 6.1).
const rate = 136

// function is what is computed.
type function uint8

const (
	sha2 function = iota
	keccak
	sha3Function
	ripemd
)

// NewSHA256 computes SHA-256.
func NewSHA256() *Messages { return newMessages(sha2, sha256.New()) }

// NewKeccak256 computes Keccak-256 as Ethereum has it.
func NewKeccak256() *Messages { return newMessages(keccak, NewLongKeccak256()) }

// NewSHA3256 computes SHA3-256.
func NewSHA3256() *Messages { return newMessages(sha3Function, NewLongSHA3256()) }

// NewRIPEMD160 computes RIPEMD-160, in the first 20 bytes of a Digest; the others are of no use.
func NewRIPEMD160() *Messages {
	return newMessages(ripemd, ripemd160.New()) // #nosec G406 -- it was asked for
}

func newMessages(function function, alone hash.Hash) *Messages {
	return &Messages{function: function, block: alone.BlockSize(), alone: alone}
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
	if len(prefix) > 0 {
		copy(message, prefix)
	}
	copy(message[len(prefix):], input)
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
	switch m.function {
	case sha2:
		return width
	case ripemd:
		return lines
	}
	return sponges
}

func (m *Messages) sponge() bool { return m.function == keccak || m.function == sha3Function }

// blocks is how many blocks a message of the length has with its padding.
func (m *Messages) blocks(length int) int {
	if m.sponge() {
		return length/rate + 1
	}
	return (length+8)/sha256.BlockSize + 1 // with the length itself
}

func (m *Messages) pad(message []byte, length int) {
	clear(message[length:])
	size := uint64(length) * 8 // #nosec G115 -- not negative
	switch m.function {
	case sha2:
		message[length] = 0x80
		binary.BigEndian.PutUint64(message[len(message)-8:], size)
	case ripemd:
		message[length] = 0x80
		binary.LittleEndian.PutUint64(message[len(message)-8:], size)
	case keccak:
		message[length] = endKeccak
		message[len(message)-1] |= 0x80
	case sha3Function:
		message[length] = endSHA3
		message[len(message)-1] |= 0x80
	}
}

func (m *Messages) flush(queue *waiting, blocks int) {
	var digests [together]Digest
	// Lanes that stay empty compute what nobody reads.
	groups := (queue.count + m.width() - 1) / m.width()
	to, from := flat(digests[:groups*m.width()]), queue.padded[:groups*m.width()*blocks*m.block]
	switch m.function {
	case sha2:
		sums(to, from, uint64(blocks)) // #nosec G115 -- a few
	case ripemd:
		twoLines(to, from, uint64(blocks)) // #nosec G115 -- a few
	default:
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
	if m.function == sha2 && len(prefix) == 0 {
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
