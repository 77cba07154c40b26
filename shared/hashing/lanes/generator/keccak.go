package main

import (
	"encoding/binary"
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	// rate is how many bytes of a message Keccak takes at once, for a digest of 32 bytes (FIPS 202, section 6.1).
	rate = 136
	// keccakWords is how many words of 64 bits the state has.
	keccakWords = 25
)

// offsets are the rotations of the step rho, by x+5y (FIPS 202, section 3.2.2).
var offsets = [keccakWords]int{0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14}

// roundConstants are those of the step iota in the 24 rounds, by the shift register of FIPS 202, section 3.2.5.
func roundConstants() []byte {
	var constants []byte
	register := uint16(1)
	for range 24 {
		var value uint64
		for bit := range 7 {
			value |= uint64(register&1) << (1<<bit - 1)
			register <<= 1
			if register>>8 != 0 {
				register ^= 0x171
			}
		}
		constants = binary.LittleEndian.AppendUint64(constants, value)
	}
	return constants
}

// sponges writes Keccak with one message a lane: 4 lanes of AVX2 or 8 of AVX-512.
type sponges struct {
	*vectors
}

func newSponges(wide bool) *sponges {
	v := &vectors{Context: build.NewContext(), lanes: 8}
	if wide {
		v.lanes = 16
	}
	v.pool = newPool("constantsKeccak" + v.name())
	return &sponges{v}
}

// messages is how many go side by side.
func (s *sponges) messages() int { return s.lanes / 2 }

func (s *sponges) write() {
	s.Function("keccak" + s.name())
	s.Doc(fmt.Sprintf("keccak%s computes the digests of groups of %d padded messages of so many blocks of %d bytes each.",
		s.name(), s.messages(), rate))
	s.Pragma("noescape")
	s.SignatureExpr("func(to *byte, from *byte, groups uint64, blocks uint64)")
	var places [2][keccakWords]operand.Mem
	s.reserve(len(places) * keccakWords)
	for half := range places {
		for index := range places[half] {
			places[half][index] = s.place()
		}
	}
	state := places[0]
	to, from, groups := s.Load(s.Param("to"), s.GP64()), s.Load(s.Param("from"), s.GP64()), s.Load(s.Param("groups"), s.GP64())
	stride, stride3, blocks := s.GP64(), s.GP64(), s.GP64()
	s.Load(s.Param("blocks"), stride)
	s.IMUL3Q(operand.I32(rate), stride, stride)
	s.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	s.Label("group")
	zero := s.register()
	s.exclusiveOr(zero, zero, zero)
	for _, place := range state {
		s.move(zero, place)
	}
	s.Load(s.Param("blocks"), blocks)
	s.Label("block")
	s.absorb(state, s.at(from, stride, stride3))
	if s.wide() {
		s.permute(state)
	} else {
		s.circle(places)
	}
	s.ADDQ(operand.U8(rate/2), from)
	s.ADDQ(operand.U8(rate/2), from)
	s.DECQ(blocks)
	s.JNZ(operand.LabelRef("block"))
	s.squeeze(state, s.strided(to, digestSize))
	s.ADDQ(operand.I32(s.messages()*digestSize), to)
	next := s.GP64() // from is at the end of the first message
	s.IMUL3Q(operand.I32(s.messages()-1), stride, next)
	s.ADDQ(next, from)
	s.DECQ(groups)
	s.JNZ(operand.LabelRef("group"))
	s.end()
	s.pool.write(s.Context)
}

// at tells where the messages of a group are.
func (s *sponges) at(from, stride, stride3 reg.Register) lanesOf {
	bases := []reg.Register{from}
	if s.wide() {
		second := s.GP64()
		s.LEAQ(operand.Mem{Base: from, Index: stride, Scale: 4}, second)
		bases = append(bases, second)
	}
	return func(lane int) operand.Mem {
		base := bases[lane/4]
		return [4]operand.Mem{{Base: base}, {Base: base, Index: stride, Scale: 1}, {Base: base, Index: stride, Scale: 2},
			{Base: base, Index: stride3, Scale: 1}}[lane%4]
	}
}

func (s *sponges) exclusiveOr(a, b, to operand.Op) {
	if s.wide() {
		s.VPXORQ(a, b, to)
		return
	}
	s.VPXOR(a, b, to)
}

// absorb adds a block of each message to the state.
func (s *sponges) absorb(state [keccakWords]operand.Mem, at lanesOf) {
	for word := 0; word < rate/8; word += 2 {
		offset := 8 * word
		if word == rate/8-1 {
			offset -= 8 // the word alone, read with the one before
		}
		even, odd := s.sixteen(0, offset, at), s.sixteen(1, offset, at)
		add := func(instruction func(...operand.Op), word int) {
			joined, sum := s.register(), s.register()
			instruction(odd, even, joined)
			s.exclusiveOr(state[word], joined, sum)
			s.move(sum, state[word])
		}
		if offset == 8*word {
			add(s.VPUNPCKLQDQ, word)
			add(s.VPUNPCKHQDQ, word+1)
		} else {
			add(s.VPUNPCKHQDQ, word)
		}
	}
}

// sixteen reads 16 bytes of every second lane.
func (s *sponges) sixteen(lane, offset int, at lanesOf) operand.Op {
	gathered := s.register()
	if s.wide() {
		s.VBROADCASTI32X4(at(lane).Offset(offset), gathered)
	} else {
		s.VBROADCASTI128(at(lane).Offset(offset), gathered)
	}
	for part := 1; part < s.messages()/2; part++ {
		next := s.register()
		if s.wide() {
			s.VINSERTI32X4(operand.U8(part), at(lane+2*part).Offset(offset), gathered, next)
		} else {
			s.VINSERTI128(operand.U8(part), at(lane+2*part).Offset(offset), gathered, next)
		}
		gathered = next
	}
	return gathered
}

// squeeze writes the first four words of each lane.
func (s *sponges) squeeze(state [keccakWords]operand.Mem, to lanesOf) {
	for word := 0; word < 4; word += 2 {
		first := s.load(state[word])
		for lane, instruction := range []func(...operand.Op){s.VPUNPCKLQDQ, s.VPUNPCKHQDQ} {
			joined := s.register()
			instruction(state[word+1], first, joined)
			for part := range s.messages() / 2 {
				place := to(lane + 2*part).Offset(8 * word)
				switch {
				case s.wide():
					s.VEXTRACTI32X4(operand.U8(part), joined, place)
				case part == 0:
					s.VMOVDQU(joined.AsX(), place)
				default:
					s.VEXTRACTI128(operand.U8(part), joined, place)
				}
			}
		}
	}
}

// source is the word that the step pi moves to a place, as x+5y.
func source(x, y int) int { return (x+3*y)%5 + 5*x }

// permute is Keccak-f (FIPS 202, section 3.3) with the whole state in registers.
func (s *sponges) permute(places [keccakWords]operand.Mem) {
	var state [keccakWords]reg.VecVirtual
	for index, place := range places {
		state[index] = s.load(place)
	}
	constants := s.pool.bytes(roundConstants())
	for round := range 24 {
		var sums [5]reg.VecVirtual
		for x := range sums {
			sums[x] = s.load(state[x])
			s.VPTERNLOGQ(operand.U8(exclusiveOr3), state[x+10], state[x+5], sums[x])
			s.VPTERNLOGQ(operand.U8(exclusiveOr3), state[x+20], state[x+15], sums[x])
		}
		for x := range sums {
			turned := s.register()
			s.VPROLQ(operand.U8(1), sums[(x+1)%5], turned)
			for y := range 5 {
				s.VPTERNLOGQ(operand.U8(exclusiveOr3), turned, sums[(x+4)%5], state[x+5*y])
			}
		}
		for index, count := range offsets {
			if count > 0 {
				turned := s.register()
				s.VPROLQ(operand.U8(count), state[index], turned)
				state[index] = turned
			}
		}
		var next [keccakWords]reg.VecVirtual
		for y := range 5 {
			var row [5]reg.VecVirtual
			for x := range row {
				row[x] = state[source(x, y)]
			}
			first, second := s.load(row[0]), s.load(row[1])
			row2, row3 := row[2], row[3]
			s.VPTERNLOGQ(operand.U8(andNotXor), row2, row[1], row[0])
			s.VPTERNLOGQ(operand.U8(andNotXor), row3, row2, row[1])
			s.VPTERNLOGQ(operand.U8(andNotXor), row[4], row3, row2)
			s.VPTERNLOGQ(operand.U8(andNotXor), first, row[4], row3)
			s.VPTERNLOGQ(operand.U8(andNotXor), second, first, row[4])
			for x := range row {
				next[x+5*y] = row[x]
			}
		}
		state = next
		s.VPXORQ_BCST(constants.Offset(8*round), state[0], state[0])
	}
	for index, place := range places {
		s.move(state[index], place)
	}
}

// columns are the sums of the state's columns, where the state itself is in memory.
var columns = [5]reg.VecPhysical{reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}

// circle is Keccak-f with the state in memory, two rounds at a time: from one half of the places to the other, and back.
func (s *sponges) circle(places [2][keccakWords]operand.Mem) {
	constants, left := s.GP64(), s.GP64()
	s.LEAQ(s.pool.bytes(roundConstants()), constants)
	s.MOVQ(operand.U32(12), left)
	for x, column := range columns {
		s.VMOVDQU(places[0][x], column)
		for y := 1; y < 5; y++ {
			s.VPXOR(places[0][x+5*y], column, column)
		}
	}
	s.Label("rounds")
	s.round(places[0], places[1], operand.Mem{Base: constants})
	s.round(places[1], places[0], operand.Mem{Base: constants, Disp: 8})
	s.ADDQ(operand.U8(16), constants)
	s.DECQ(left)
	s.JNZ(operand.LabelRef("rounds"))
}

// round is one round of Keccak-p (FIPS 202, section 3.3). It leaves the columns' sums for the next one.
func (s *sponges) round(from, to [keccakWords]operand.Mem, constant operand.Mem) {
	var effect [5]operand.Op
	for x := range effect {
		effect[x] = s.exclusive(columns[(x+4)%5], s.rotated(columns[(x+1)%5], 1))
	}
	for y := range 5 {
		var row [5]operand.Op
		for x := range row {
			index := source(x, y)
			row[x] = s.rotated(s.exclusive(from[index], effect[index%5]), offsets[index])
		}
		for x, column := range columns {
			taken := s.register()
			s.VPANDN(row[(x+2)%5], row[(x+1)%5], taken)
			if y > 0 {
				result := s.exclusive(taken, row[x])
				s.VPXOR(result, column, column)
				s.VMOVDQU(result, to[x+5*y])
				continue
			}
			s.VPXOR(taken, row[x], column)
			if x == 0 {
				value := s.register()
				s.VPBROADCASTQ(constant, value)
				s.VPXOR(value, column, column)
			}
			s.VMOVDQU(column, to[x])
		}
	}
}

func (s *sponges) exclusive(a, b operand.Op) operand.Op {
	result := s.register()
	s.VPXOR(a, b, result)
	return result
}

func (s *sponges) rotated(from operand.Op, count int) operand.Op {
	if count == 0 {
		return from
	}
	result := s.register()
	if count%8 == 0 {
		order := make([]byte, s.size())
		for index := range order {
			order[index] = byte(index&8 + (index+8-count/8)&7)
		}
		s.VPSHUFB(s.pool.bytes(order), from, result)
		return result
	}
	left, right := s.register(), s.register()
	s.VPSLLQ(operand.U8(count), from, left)
	s.VPSRLQ(operand.U8(64-count), from, right)
	s.VPOR(left, right, result)
	return result
}
