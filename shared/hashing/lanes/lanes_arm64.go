//go:build !purego

package lanes

import (
	"crypto/sha256"

	"golang.org/x/sys/cpu"
)

func native() []Path {
	if !cpu.ARM64.HasSHA2 {
		return nil
	}
	return []Path{ARM64}
}

// widths are how many messages of SHA-256, Keccak and RIPEMD-160 the path has side by side.
func widths(path Path) (width, sponges, lines int) {
	if path == ARM64 {
		return 2, 0, 0
	}
	return 0, 0, 0
}

func groups(to []byte) uint64 {
	return uint64(len(to) / sha256.Size / width) // #nosec G115 -- not negative
}

func pairs(to, from []byte) { pairsSHA2(&to[0], &from[0], groups(to)) }

func doublePairs(to, from []byte) { twicePairs(to, from) }

func prefixedPairs(to, from []byte) {
	const length, most = 1 + 2*sha256.Size, 16
	var room [most * padded]byte
	padTwo(room[:], length)
	for len(to) > 0 {
		count := min(most, len(to)/sha256.Size)
		for index := range count {
			message := room[index*padded:]
			message[0] = NodePrefix
			copy(message[1:length], from[2*sha256.Size*index:])
		}
		sums(to[:count*sha256.Size], room[:count*padded], 2)
		to, from = to[count*sha256.Size:], from[2*count*sha256.Size:]
	}
}

func doubleHeaders(to, from []byte) { twiceHeaders(to, from) }

func rehash(to, from []byte) { rehashSHA2(&to[0], &from[0], groups(to)) }

// sums computes the SHA-256 digests of messages that have their padding, of so many blocks each.
func sums(to, from []byte, blocks uint64) { messagesSHA2(&to[0], &from[0], groups(to), blocks) }

// These are for Keccak and RIPEMD-160, which have no lanes here.

func squeezed(_, _ []byte, _ uint64) {}
func twoLines(_, _ []byte, _ uint64) {}

// Without code for it nothing calls absorb.
const absorbs = false

func absorb(*[25]uint64, []byte) {}

// preparedNonces is what all nonces of a header have in common: the midstate, and the first words of the second block.
type preparedNonces [12]uint32

func (p *preparedNonces) prepare(midstate [8]uint32, rest [3]uint32) {
	copy(p[:], midstate[:])
	copy(p[8:], rest[:])
}

// search tries groups of width nonces, at least one, and answers how many groups have no candidate before one that does.
func (p *preparedNonces) search(first uint32, groups uint64, limit uint32) uint64 {
	return noncesSHA2(&p[0], first, groups, limit)
}
