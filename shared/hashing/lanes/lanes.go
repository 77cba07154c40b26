// Package lanes computes SHA-256 digests of many inputs of the same small length: the nodes of Merkle trees. Callers hand
// over as many as they have, since a processor may compute several side by side.
package lanes

import "crypto/sha256"

// Digest is a SHA-256 digest.
type Digest = [sha256.Size]byte

// DoublePairs sets to[i] to the double SHA-256 of from[2i] followed by from[2i+1]. From has at least twice as many digests
// as to; to may be the beginning of from.
func DoublePairs(to, from []Digest) {
	var pair [2 * sha256.Size]byte
	for index := range to {
		copy(pair[:sha256.Size], from[2*index][:])
		copy(pair[sha256.Size:], from[2*index+1][:])
		inner := sha256.Sum256(pair[:])
		to[index] = sha256.Sum256(inner[:])
	}
}

// PrefixedPairs sets to[i] to the SHA-256 of the prefix, from[2i] and from[2i+1]. From has at least twice as many digests
// as to; to may be the beginning of from.
func PrefixedPairs(prefix byte, to, from []Digest) {
	var node [1 + 2*sha256.Size]byte
	node[0] = prefix
	for index := range to {
		copy(node[1:], from[2*index][:])
		copy(node[1+sha256.Size:], from[2*index+1][:])
		to[index] = sha256.Sum256(node[:])
	}
}
