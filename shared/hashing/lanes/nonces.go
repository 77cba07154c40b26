package lanes

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// nonceOffset is where a Bitcoin block header has its nonce.
const nonceOffset = 76

// Nonces tries nonces of one Bitcoin block header.
type Nonces struct {
	header   [HeaderSize]byte
	prepared preparedNonces
}

// NewNonces takes the serialised header; the nonce in it, its last four bytes, does not matter.
func NewNonces(header [HeaderSize]byte) *Nonces {
	nonces := &Nonces{header: header}
	if width > 0 {
		var words [HeaderSize/4 - 1]uint32
		for index := range words {
			words[index] = binary.BigEndian.Uint32(header[4*index:])
		}
		nonces.prepared.prepare(stateAfter([16]uint32(words[:])), [3]uint32(words[16:]))
	}
	return nonces
}

// Find tries count nonces from first on, which do not exceed 2^32, and answers the first one for which the last four bytes
// of the header's double SHA-256, read as a little-endian number, are at most limit. Those are the most significant bytes
// of what is held to a target.
func (n *Nonces) Find(first uint32, count uint64, limit uint32) (nonce uint32, found bool) {
	if width == 0 {
		return n.find(first, count, limit)
	}
	lanes := uint64(width) // #nosec G115 -- not negative
	for count >= lanes {
		passed := n.prepared.search(first, count/lanes, limit) * lanes
		first, count = first+uint32(passed), count-passed // #nosec G115 -- at most 2^32 in all
		if count < lanes {
			break
		}
		if nonce, found = n.find(first, lanes, limit); found {
			return nonce, true
		}
		first, count = first+uint32(lanes), count-lanes // #nosec G115 -- 16 at most
	}
	return n.find(first, count, limit)
}

func (n *Nonces) find(first uint32, count uint64, limit uint32) (nonce uint32, found bool) {
	header := n.header
	for tried := range count {
		nonce = first + uint32(tried) // #nosec G115 -- at most 2^32 in all
		binary.LittleEndian.PutUint32(header[nonceOffset:], nonce)
		inner := sha256.Sum256(header[:])
		outer := sha256.Sum256(inner[:])
		if binary.LittleEndian.Uint32(outer[28:]) <= limit {
			return nonce, true
		}
	}
	return 0, false
}

// initial and constants are the words that SHA-256 begins with and the constants of its rounds (FIPS 180-4, sections 5.3.3
// and 4.2.2).
var (
	initial = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

	constants = [64]uint32{
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
		0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
		0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
		0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
		0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
	}
)

// stateAfter is SHA-256's state after a first block: the midstate of messages that begin with it.
func stateAfter(block [16]uint32) [8]uint32 {
	var schedule [64]uint32
	copy(schedule[:], block[:])
	for round := len(block); round < len(schedule); round++ {
		early, late := schedule[round-15], schedule[round-2]
		schedule[round] = schedule[round-16] + schedule[round-7] +
			(bits.RotateLeft32(early, -7) ^ bits.RotateLeft32(early, -18) ^ early>>3) +
			(bits.RotateLeft32(late, -17) ^ bits.RotateLeft32(late, -19) ^ late>>10)
	}
	state := initial
	compress(&state, schedule[:])
	for index := range state {
		state[index] += initial[index]
	}
	return state
}

// compress goes through the first rounds with these words of the schedule (FIPS 180-4, section 6.2.2, step 3).
func compress(state *[8]uint32, schedule []uint32) {
	a, b, c, d, e, f, g, h := state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
	for round, word := range schedule {
		first := h + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)) + (e&f ^ ^e&g) +
			constants[round] + word
		second := (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)) + (a&b ^ a&c ^ b&c)
		a, b, c, d, e, f, g, h = first+second, a, b, c, d+first, e, f, g
	}
	*state = [8]uint32{a, b, c, d, e, f, g, h}
}
