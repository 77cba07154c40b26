package main

import (
	"github.com/mmcloughlin/avo/operand"
)

// The words, the rotations and the constants of the two lines of RIPEMD-160 (Dobbertin, Bosselaers, Preneel 1996, appendix A).
var (
	ripemdWords = [2][80]int{
		{
			0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
			7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8,
			3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12,
			1, 9, 11, 10, 0, 8, 12, 4, 13, 3, 7, 15, 14, 5, 6, 2,
			4, 0, 5, 9, 7, 12, 2, 10, 14, 1, 3, 8, 11, 6, 15, 13,
		},
		{
			5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12,
			6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8, 12, 4, 9, 1, 2,
			15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13,
			8, 6, 4, 1, 3, 11, 15, 0, 5, 12, 2, 13, 9, 7, 10, 14,
			12, 15, 10, 4, 1, 5, 8, 7, 6, 2, 13, 14, 0, 3, 9, 11,
		},
	}
	ripemdTurns = [2][80]int{
		{
			11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8,
			7, 6, 8, 13, 11, 9, 7, 15, 7, 12, 15, 9, 11, 7, 13, 12,
			11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5,
			11, 12, 14, 15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12,
			9, 15, 5, 11, 6, 8, 13, 12, 5, 12, 13, 14, 11, 8, 5, 6,
		},
		{
			8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6,
			9, 13, 15, 7, 12, 8, 9, 11, 7, 7, 12, 7, 6, 15, 13, 11,
			9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5,
			15, 5, 8, 11, 14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8,
			8, 5, 12, 9, 12, 5, 14, 6, 8, 13, 6, 5, 15, 13, 11, 11,
		},
	}
	ripemdConstants = [2][5]uint32{
		{0, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e},
		{0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0},
	}
	ripemdInitial = [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
)

// The five functions as VPTERNLOG takes them.
var ripemdTables = [5]int{0x96, 0xca, 0x59, 0xe4, 0x2d}

// ripemd writes RIPEMD-160 for messages of any length, already padded.
func (v *vectors) ripemd() {
	v.little = true
	v.overBlocks("ripemd", "computes the RIPEMD-160 digests, each in the first 20 of 32 bytes, of", ripemdInitial[:],
		func(state []word, message func(int) word) []word {
			for index := range 16 {
				w := message(index)
				if w.vector != v.schedule[index] {
					v.put(w, v.schedule[index])
				}
			}
			lines := [2][]word{v.line(0, state), v.line(1, state)}
			var after []word
			for index := range state {
				after = append(after, v.sum(state[(index+1)%5], lines[0][(index+2)%5], lines[1][(index+3)%5]))
			}
			return after
		})
	v.little = false
}

// line is one of the two lines. Its result waits on the stack.
func (v *vectors) line(line int, state []word) []word {
	var s [5]word
	for index, w := range state {
		s[index] = word{vector: v.materialise(w)}
	}
	for step := range 80 {
		round := step / 16
		function := round
		if line == 1 {
			function = 4 - round
		}
		a, b, c, d, e := s[0], s[1], s[2], s[3], s[4]
		mixed := v.sum(a, word{vector: v.schedule[ripemdWords[line][step]]})
		mixed = v.plusFunction(function, mixed, b, c, d, ripemdConstants[line][round])
		next := v.sum(v.rotatedLeft(mixed, ripemdTurns[line][step]), e)
		s = [5]word{e, next, b, v.rotatedLeft(c, 10), d}
	}
	places := v.chain
	if line == 1 {
		places = v.working
	}
	result := make([]word, len(s))
	for index, w := range s {
		v.put(w, places[index])
		result[index] = word{vector: places[index]}
	}
	return result
}

// plusFunction adds a constant and one of the five functions.
func (v *vectors) plusFunction(function int, to, x, y, z word, add uint32) word {
	if v.wide() {
		result := v.load(x.vector)
		v.VPTERNLOGD(operand.U8(ripemdTables[function]), z.vector, y.vector, result)
		return v.sum(to, word{vector: result}, constant(add))
	}
	two := func(instruction func(a, b, to operand.Op), first, second operand.Op) operand.Op {
		result := v.register()
		instruction(second, first, result)
		return result
	}
	subtract := func(a, b, to operand.Op) { v.VPSUBD(a, b, to) }
	// Of a function that is the complement of what is computed, that is taken away: ~f is -f-1.
	var value operand.Op
	switch function {
	case 0:
		value = two(v.VPXOR, two(v.VPXOR, x.vector, y.vector), z.vector)
	case 1:
		value = two(v.VPXOR, two(v.VPAND, two(v.VPXOR, y.vector, z.vector), x.vector), z.vector)
	case 2:
		value = two(v.VPXOR, two(v.VPANDN, x.vector, y.vector), z.vector)
	case 3:
		value = two(v.VPXOR, two(v.VPAND, two(v.VPXOR, x.vector, y.vector), z.vector), y.vector)
	case 4:
		value = two(v.VPXOR, two(v.VPANDN, y.vector, z.vector), x.vector)
	}
	if function != 2 && function != 4 {
		return v.sum(to, constant(add), word{vector: value})
	}
	return word{vector: two(subtract, v.sum(to, constant(add-1)).vector, value)}
}

func (v *vectors) rotatedLeft(w word, count int) word {
	if v.wide() {
		result := v.register()
		v.VPROLD(operand.U8(count), w.vector, result)
		return word{vector: result}
	}
	left, right, result := v.register(), v.register(), v.register()
	v.VPSLLD(operand.U8(count), w.vector, left)
	v.VPSRLD(operand.U8(32-count), w.vector, right)
	v.VPOR(left, right, result)
	return word{vector: result}
}
