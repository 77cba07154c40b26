//go:build !purego

package lanes

import (
	"crypto/sha256"

	"golang.org/x/sys/cpu"
)

// shaExtensions is the bit of the SHA extensions in leaf 7 of CPUID, in EBX.
const shaExtensions = 1 << 29

func native() []Path {
	x86 := &cpu.X86
	if !x86.HasAVX2 || !x86.HasBMI1 || !x86.HasBMI2 || !x86.HasSSE41 {
		return nil
	}
	paths := []Path{AVX2}
	if extendedFeatures()&shaExtensions != 0 {
		paths = append(paths, SHANI)
	}
	if x86.HasAVX512F && x86.HasAVX512BW && x86.HasAVX512DQ && x86.HasAVX512VL {
		paths = append(paths, AVX512)
	}
	return paths
}

// widths are how many messages of SHA-256, Keccak and RIPEMD-160 the path has side by side.
func widths(path Path) (width, sponges, lines int) {
	switch path {
	case AVX2:
		return 8, 4, 8
	case SHANI:
		return 4, 4, 8
	case AVX512:
		return 16, 8, 16
	}
	return 0, 0, 0
}

func groups(to []byte, width int) uint64 {
	return uint64(len(to) / sha256.Size / width) // #nosec G115 -- not negative
}

func pairs(to, from []byte) {
	switch groups := groups(to, width); chosen {
	case AVX2:
		pairsAVX2(&to[0], &from[0], groups)
	case SHANI:
		pairsSHANI(&to[0], &from[0], groups)
	case AVX512:
		pairsAVX512(&to[0], &from[0], groups)
	}
}

func prefixedPairs(to, from []byte) {
	switch groups := groups(to, width); chosen {
	case AVX2:
		prefixedPairsAVX2(&to[0], &from[0], groups)
	case SHANI:
		prefixedPairsSHANI(&to[0], &from[0], groups)
	case AVX512:
		prefixedPairsAVX512(&to[0], &from[0], groups)
	}
}

func rehash(to, from []byte) {
	switch groups := groups(to, width); chosen {
	case AVX2:
		rehashAVX2(&to[0], &from[0], groups)
	case SHANI:
		rehashSHANI(&to[0], &from[0], groups)
	case AVX512:
		rehashAVX512(&to[0], &from[0], groups)
	}
}

func doublePairs(to, from []byte) {
	if chosen == SHANI {
		doublePairsSHANI(&to[0], &from[0], groups(to, width))
		return
	}
	twicePairs(to, from)
}

func doubleHeaders(to, from []byte) {
	if chosen == SHANI {
		headersSHANI(&to[0], &from[0], groups(to, width))
		return
	}
	twiceHeaders(to, from)
}

// sums computes the SHA-256 digests of messages that have their padding, of so many blocks each.
func sums(to, from []byte, blocks uint64) {
	switch groups := groups(to, width); chosen {
	case AVX2:
		messagesAVX2(&to[0], &from[0], groups, blocks)
	case SHANI:
		messagesSHANI(&to[0], &from[0], groups, blocks)
	case AVX512:
		messagesAVX512(&to[0], &from[0], groups, blocks)
	}
}

// squeezed computes the Keccak digests of messages that have their padding, of so many blocks each.
func squeezed(to, from []byte, blocks uint64) {
	groups := groups(to, sponges)
	if chosen == AVX512 {
		keccakAVX512(&to[0], &from[0], groups, blocks)
		return
	}
	keccakAVX2(&to[0], &from[0], groups, blocks)
}

// absorbs tells that absorb is there on all paths but Portable.
const absorbs = true

// absorb takes whole blocks, at least one, into the state of Keccak.
func absorb(state *[25]uint64, blocks []byte) {
	absorbBMI(&state[0], &blocks[0], uint64(len(blocks)/rate)) // #nosec G115 -- not negative
}

// twoLines computes the RIPEMD-160 digests of messages that have their padding, of so many blocks each.
func twoLines(to, from []byte, blocks uint64) {
	groups := groups(to, lines)
	if chosen == AVX512 {
		ripemdAVX512(&to[0], &from[0], groups, blocks)
		return
	}
	ripemdAVX2(&to[0], &from[0], groups, blocks)
}

// preparedNonces is what all nonces of a header have in common.
type preparedNonces struct {
	vectors nonceTable
	// streams are the midstate's halves, those of the state after two rounds, and the first words of the block.
	streams [20]uint32
}

func (p *preparedNonces) prepare(midstate [8]uint32, rest [3]uint32) {
	if chosen != SHANI {
		p.vectors.prepare(&midstate, &rest)
		return
	}
	ahead := midstate
	compress(&ahead, rest[:2])
	for index, word := range [...]int{5, 4, 1, 0, 7, 6, 3, 2} {
		p.streams[index] = midstate[word]
		p.streams[8+(index+4)%8] = ahead[word]
	}
	copy(p.streams[16:], rest[:])
}

// search tries groups of width nonces, at least one, and answers how many groups have no candidate before one that does.
func (p *preparedNonces) search(first uint32, groups uint64, limit uint32) uint64 {
	switch chosen {
	case AVX2:
		return noncesAVX2(&p.vectors[0], first, groups, limit)
	case SHANI:
		return noncesSHANI(&p.streams[0], first, groups, limit)
	case AVX512:
		return noncesAVX512(&p.vectors[0], first, groups, limit)
	}
	return 0
}
