package bitcoin

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
)

// Errors of the compact form of a target; ParseCompact wraps them with the bits.
var (
	ErrNegativeTarget = errors.New("the target is negative")
	ErrTargetOverflow = errors.New("the target does not fit 256 bits")
	ErrZeroTarget     = errors.New("the target is zero")
)

// Target is a number of 256 bits that a header's hash, read as a little-endian number, must not exceed.
type Target struct {
	// limbs begin with the least significant.
	limbs [4]uint64
}

// ParseCompact reads the field Bits of a header: the first byte is the number's length in bytes, the other three its most
// significant bytes, of which the highest bit is a sign (developer.bitcoin.org/reference/block_chain.html#target-nbits).
// Numbers that consensus refuses, whatever the network, are errors: negative ones, those beyond 256 bits, and zero.
func ParseCompact(compact uint32) (Target, error) {
	const sign, digits = 0x00800000, 0x007fffff
	size, word := int(compact>>24), uint64(compact&digits)
	if size < 3 {
		word >>= 8 * (3 - size)
	}
	var wrong error
	switch {
	case word == 0:
		wrong = ErrZeroTarget
	case compact&sign != 0:
		wrong = ErrNegativeTarget
	case size > 34 || word > 0xff && size > 33 || word > 0xffff && size > 32:
		wrong = ErrTargetOverflow
	}
	if wrong != nil {
		return Target{}, fmt.Errorf("bits %08x: %w", compact, wrong)
	}
	var target Target
	shift := 8 * max(size-3, 0)
	target.limbs[shift/64] = word << (shift % 64)
	if next := shift/64 + 1; next < len(target.limbs) && shift%64 > 0 {
		target.limbs[next] = word >> (64 - shift%64)
	}
	return target, nil
}

// Compact is the field Bits for the target. What exceeds its three bytes of precision is cut off.
func (t Target) Compact() uint32 {
	size := (t.length() + 7) / 8
	shift := 8 * (size - 3)
	var word uint64
	if shift <= 0 {
		word = t.limbs[0] << -shift
	} else {
		word = t.limbs[shift/64] >> (shift % 64)
		if next := shift/64 + 1; next < len(t.limbs) && shift%64 > 0 {
			word |= t.limbs[next] << (64 - shift%64)
		}
	}
	word &= 0xffffff
	if word&0x800000 != 0 { // the highest bit is the sign's place
		word >>= 8
		size++
	}
	return uint32(word) | uint32(size)<<24 // #nosec G115 -- 24 bits, and a size of at most 33
}

// length is the number of bits without leading zeros.
func (t Target) length() int {
	for index := len(t.limbs) - 1; index >= 0; index-- {
		if t.limbs[index] != 0 {
			return 64*index + bits.Len64(t.limbs[index])
		}
	}
	return 0
}

// Compare is negative, zero or positive as the target is below, the same as, or above the other.
func (t Target) Compare(other Target) int {
	for index := len(t.limbs) - 1; index >= 0; index-- {
		if order := cmp.Compare(t.limbs[index], other.limbs[index]); order != 0 {
			return order
		}
	}
	return 0
}

// Meets tells whether the hash is proof of work for the target.
func (t Target) Meets(hash Hash) bool {
	var number Target
	for index := range number.limbs {
		number.limbs[index] = binary.LittleEndian.Uint64(hash[8*index:])
	}
	return number.Compare(t) <= 0
}

// String is the target as 64 hexadecimal digits, the most significant first.
func (t Target) String() string {
	var raw [32]byte
	for index, limb := range t.limbs {
		binary.BigEndian.PutUint64(raw[24-8*index:], limb)
	}
	return hex.EncodeToString(raw[:])
}

// scale is the target times a over b, rounded down; b is not zero. What exceeds 256 bits is cut off, as in Bitcoin Core:
// no target of a network is large enough for that.
func (t Target) scale(a, b uint64) Target {
	var product [len(t.limbs) + 1]uint64
	for index, limb := range t.limbs {
		high, low := bits.Mul64(limb, a)
		var carry uint64
		product[index], carry = bits.Add64(product[index], low, 0)
		product[index+1] = high + carry
	}
	var scaled Target
	remainder := product[len(t.limbs)] % b
	for index := len(t.limbs) - 1; index >= 0; index-- {
		scaled.limbs[index], remainder = bits.Div64(remainder, product[index], b)
	}
	return scaled
}
