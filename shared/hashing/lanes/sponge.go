package lanes

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"hash"

	legacy "golang.org/x/crypto/sha3"
)

// The bytes that end a message: as Ethereum has it, and as FIPS 202, section 6.1, does.
const (
	endKeccak = 0x01
	endSHA3   = 0x06
)

// NewLongKeccak256 and NewLongSHA3256 compute one digest of a message of any length, of which nothing can go side by side.
func NewLongKeccak256() hash.Hash { return newSponge(endKeccak, legacy.NewLegacyKeccak256) }

// NewLongSHA3256 is NewLongKeccak256 for SHA3-256.
func NewLongSHA3256() hash.Hash {
	return newSponge(endSHA3, func() hash.Hash { return sha3.New256() })
}

func newSponge(end byte, others func() hash.Hash) hash.Hash {
	if chosen == Portable || !absorbs {
		return others()
	}
	return &sponge{end: end}
}

// sponge is Keccak with a capacity of 512 bits (FIPS 202, section 4).
type sponge struct {
	state [25]uint64
	block [rate]byte
	// filled is how much of the block waits to be absorbed.
	filled int
	end    byte
}

// Write takes more of the message. It never fails.
func (s *sponge) Write(more []byte) (int, error) {
	length := len(more)
	if s.filled > 0 {
		taken := copy(s.block[s.filled:], more)
		s.filled, more = s.filled+taken, more[taken:]
		if s.filled < rate {
			return length, nil
		}
		absorb(&s.state, s.block[:])
		s.filled = 0
	}
	if whole := len(more) - len(more)%rate; whole > 0 {
		absorb(&s.state, more[:whole])
		more = more[whole:]
	}
	s.filled = copy(s.block[:], more)
	return length, nil
}

// Sum appends the digest of what came so far; more may follow.
func (s *sponge) Sum(to []byte) []byte {
	state, block := s.state, s.block
	clear(block[s.filled:])
	block[s.filled] = s.end
	block[rate-1] |= 0x80
	absorb(&state, block[:])
	for _, word := range state[:s.Size()/8] {
		to = binary.LittleEndian.AppendUint64(to, word)
	}
	return to
}

// Reset begins a new message.
func (s *sponge) Reset() { s.state, s.filled = [25]uint64{}, 0 }

// Size is the length of a digest in bytes.
func (s *sponge) Size() int { return sha256.Size }

// BlockSize is how many bytes are absorbed at once.
func (s *sponge) BlockSize() int { return rate }
