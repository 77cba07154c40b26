// Package bitcoin verifies Bitcoin's block headers: their form, their proof of work, and, for a list of them, linkage,
// difficulty and time. It also searches nonces.
package bitcoin

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// HeaderSize is the length of a serialised header in bytes.
const HeaderSize = 80

// Hash is a double SHA-256 in internal byte order: as SHA-256 gives it.
type Hash [sha256.Size]byte

// String is the hash as Bitcoin's tools show it: reversed, in hexadecimal.
func (h Hash) String() string {
	slices.Reverse(h[:])
	return hex.EncodeToString(h[:])
}

// ParseHash reads a hash as Bitcoin's tools show it.
func ParseHash(text string) (Hash, error) {
	var hash Hash
	if len(text) != hex.EncodedLen(len(hash)) {
		return Hash{}, fmt.Errorf("it has %d characters; a hash has %d hexadecimal digits", len(text), hex.EncodedLen(len(hash)))
	}
	if _, err := hex.Decode(hash[:], []byte(text)); err != nil {
		return Hash{}, fmt.Errorf("read a hash: %w", err)
	}
	slices.Reverse(hash[:])
	return hash, nil
}

// Header is a block header (developer.bitcoin.org/reference/block_chain.html#block-headers).
type Header struct {
	Version int32
	// Previous is the hash of the header before; zero in a chain's first block.
	Previous Hash
	// MerkleRoot is the root of the block's transaction IDs.
	MerkleRoot Hash
	// Time is in seconds since 1970.
	Time uint32
	// Bits is the target in compact form; see ParseCompact.
	Bits  uint32
	Nonce uint32
}

// ParseHeader reads a serialised header of exactly HeaderSize bytes. Every such sequence is a header in form; Check says
// whether it can be one in a network.
func ParseHeader(raw []byte) (Header, error) {
	if len(raw) != HeaderSize {
		return Header{}, fmt.Errorf("a block header has %d bytes, not %d", HeaderSize, len(raw))
	}
	var header Header
	header.read(raw)
	return header, nil
}

// read takes the fields from HeaderSize bytes.
func (h *Header) read(raw []byte) {
	_ = raw[HeaderSize-1]
	h.Version = int32(binary.LittleEndian.Uint32(raw)) // #nosec G115 -- the field is signed
	copy(h.Previous[:], raw[4:])
	copy(h.MerkleRoot[:], raw[36:])
	h.Time = binary.LittleEndian.Uint32(raw[68:])
	h.Bits = binary.LittleEndian.Uint32(raw[72:])
	h.Nonce = binary.LittleEndian.Uint32(raw[76:])
}

// Serialise is the header's HeaderSize bytes.
func (h Header) Serialise() [HeaderSize]byte {
	var raw [HeaderSize]byte
	binary.LittleEndian.PutUint32(raw[0:], uint32(h.Version)) // #nosec G115 -- the same bits
	copy(raw[4:], h.Previous[:])
	copy(raw[36:], h.MerkleRoot[:])
	binary.LittleEndian.PutUint32(raw[68:], h.Time)
	binary.LittleEndian.PutUint32(raw[72:], h.Bits)
	binary.LittleEndian.PutUint32(raw[76:], h.Nonce)
	return raw
}

// Hash is the double SHA-256 of the serialised header: the block's name.
func (h Header) Hash() Hash {
	raw := h.Serialise()
	return hashRaw(raw[:])
}

func hashRaw(raw []byte) Hash {
	inner := sha256.Sum256(raw)
	return sha256.Sum256(inner[:])
}

// At is the header's time.
func (h Header) At() time.Time { return time.Unix(int64(h.Time), 0).UTC() }
