// Package lanes computes digests of many inputs side by side: SHA-256, Keccak-256, SHA3-256 and RIPEMD-160, with the instructions that the CPU has:
// nodes of Merkle trees, headers, headers with many nonces, and small messages of any length. Nothing is allocated.
package lanes

import (
	"crypto/sha256"
	"unsafe"
)

//go:generate go run -C generator . -directory ..

// Digest is a digest of 32 bytes.
type Digest = [sha256.Size]byte

// NodePrefix is what nodes of the tree of RFC 6962 begin with (section 2.1).
const NodePrefix = 0x01

// HeaderSize is the length of a Bitcoin block header in bytes.
const HeaderSize = 80

// DoublePair is the double SHA-256 of one digest followed by another.
func DoublePair(left, right Digest) Digest {
	inner := Pair(left, right)
	return sha256.Sum256(inner[:])
}

// Pair is the SHA-256 of one digest followed by another.
func Pair(left, right Digest) Digest {
	var pair [2 * sha256.Size]byte
	copy(pair[:sha256.Size], left[:])
	copy(pair[sha256.Size:], right[:])
	return sha256.Sum256(pair[:])
}

// PrefixedPair is the SHA-256 of a prefix, one digest and another.
func PrefixedPair(prefix byte, left, right Digest) Digest {
	var node [1 + 2*sha256.Size]byte
	node[0] = prefix
	copy(node[1:], left[:])
	copy(node[1+sha256.Size:], right[:])
	return sha256.Sum256(node[:])
}

// Pairs sets to[i] to the Pair of from[2i] and from[2i+1]. From has at least twice as many digests as to; to may be the
// beginning of from.
func Pairs(to, from []Digest) {
	done := inLanes(len(to), width)
	if done > 0 {
		pairs(flat(to[:done]), flat(from[:2*done]))
	}
	for index := done; index < len(to); index++ {
		to[index] = Pair(from[2*index], from[2*index+1])
	}
}

// DoublePairs sets to[i] to the DoublePair of from[2i] and from[2i+1]. From has at least twice as many digests as to; to may
// be the beginning of from.
func DoublePairs(to, from []Digest) {
	done := inLanes(len(to), width)
	if done > 0 {
		doublePairs(flat(to[:done]), flat(from[:2*done]))
	}
	for index := done; index < len(to); index++ {
		to[index] = DoublePair(from[2*index], from[2*index+1])
	}
}

// PrefixedPairs sets to[i] to the PrefixedPair of from[2i] and from[2i+1]. From has at least twice as many digests as to;
// to may be the beginning of from. Only NodePrefix goes through lanes.
func PrefixedPairs(prefix byte, to, from []Digest) {
	done := inLanes(len(to), width)
	if prefix != NodePrefix {
		done = 0
	}
	if done > 0 {
		prefixedPairs(flat(to[:done]), flat(from[:2*done]))
	}
	for index := done; index < len(to); index++ {
		to[index] = PrefixedPair(prefix, from[2*index], from[2*index+1])
	}
}

// Headers sets to[i] to the double SHA-256 of the i-th of the headers, which lie one after another.
func Headers(to []Digest, headers []byte) {
	done := inLanes(len(to), width)
	if done > 0 {
		doubleHeaders(flat(to[:done]), headers[:HeaderSize*done])
	}
	for index := done; index < len(to); index++ {
		inner := sha256.Sum256(headers[HeaderSize*index : HeaderSize*(index+1)])
		to[index] = sha256.Sum256(inner[:])
	}
}

// Rehash replaces each 32 bytes by their SHA-256.
func Rehash(digests []byte) {
	done := inLanes(len(digests)/sha256.Size, width) * sha256.Size
	if done > 0 {
		rehash(digests[:done], digests[:done])
	}
	for ; done < len(digests); done += sha256.Size {
		digest := sha256.Sum256(digests[done : done+sha256.Size])
		copy(digests[done:], digest[:])
	}
}

// flat is the memory of the digests, of which there is at least one.
func flat(digests []Digest) []byte {
	return unsafe.Slice(&digests[0][0], len(digests)*sha256.Size) // #nosec G103 -- an array of arrays has no gaps
}
