package lanes

import (
	"crypto/sha256"
	"encoding/binary"
)

// headerSize and nonceOffset are those of a Bitcoin block header, in bytes.
const (
	headerSize  = 80
	nonceOffset = 76
)

// Nonces tries nonces of one Bitcoin block header.
type Nonces struct {
	header [headerSize]byte
}

// NewNonces takes the serialised header; the nonce in it, its last four bytes, does not matter.
func NewNonces(header [headerSize]byte) *Nonces {
	return &Nonces{header: header}
}

// Find tries count nonces from first on, which do not exceed 2^32, and answers the first one for which the last four bytes
// of the header's double SHA-256, read as a little-endian number, are at most limit. Those are the most significant bytes
// of what is held to a target.
func (n *Nonces) Find(first uint32, count uint64, limit uint32) (nonce uint32, found bool) {
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
