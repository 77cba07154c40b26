// Package lanes computes SHA-256 digests of many inputs of the same small length: the nodes of Merkle trees, and headers
// with many nonces. Callers hand over as many as they have, so that what computes several side by side has a place here.
package lanes

import "crypto/sha256"

// Digest is a SHA-256 digest.
type Digest = [sha256.Size]byte

// DoublePair is the double SHA-256 of one digest followed by another.
func DoublePair(left, right Digest) Digest {
	var pair [2 * sha256.Size]byte
	copy(pair[:sha256.Size], left[:])
	copy(pair[sha256.Size:], right[:])
	inner := sha256.Sum256(pair[:])
	return sha256.Sum256(inner[:])
}

// PrefixedPair is the SHA-256 of a prefix, one digest and another.
func PrefixedPair(prefix byte, left, right Digest) Digest {
	var node [1 + 2*sha256.Size]byte
	node[0] = prefix
	copy(node[1:], left[:])
	copy(node[1+sha256.Size:], right[:])
	return sha256.Sum256(node[:])
}

// DoublePairs sets to[i] to the DoublePair of from[2i] and from[2i+1]. From has at least twice as many digests as to; to may
// be the beginning of from.
func DoublePairs(to, from []Digest) {
	for index := range to {
		to[index] = DoublePair(from[2*index], from[2*index+1])
	}
}

// PrefixedPairs sets to[i] to the PrefixedPair of from[2i] and from[2i+1]. From has at least twice as many digests as to;
// to may be the beginning of from.
func PrefixedPairs(prefix byte, to, from []Digest) {
	for index := range to {
		to[index] = PrefixedPair(prefix, from[2*index], from[2*index+1])
	}
}
