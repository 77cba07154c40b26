package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// streamCount is how many messages go side by side: an instruction of one is done while those of the other wait.
const streamCount = 2

// four is four words of a message's schedule: known beforehand, in memory, or in a register.
type four struct {
	known    bool
	values   [4]uint32
	register reg.VecPhysical
}

// stream is one message in the making.
type stream struct {
	// one and two hold the state, in turns as A, B, E, F and C, D, G, H, the last of them lowest.
	one, two reg.VecPhysical
	// schedule are the last sixteen words, homes the registers for them.
	schedule [4]four
	homes    [4]reg.VecPhysical
	// before is where the state before the block waits, where it is not the same for all messages.
	before operand.Mem
	fresh  bool
}

// streams writes SHA-256 with the SHA extensions of x86, two messages side by side. Every instruction is of SSE, so that
// nothing is left in the upper halves of registers.
type streams struct {
	*build.Context
	pool *pool
	all  [streamCount]*stream
	// mixed is the register that the round instruction takes words from, spare is free at any time.
	mixed, spare reg.VecPhysical
}

func newStreams() *streams {
	s := &streams{Context: build.NewContext(), pool: newPool("constantsSHANI"), mixed: reg.X0, spare: reg.X1}
	s.all[0] = &stream{one: reg.X2, two: reg.X3, homes: [4]reg.VecPhysical{reg.X4, reg.X5, reg.X6, reg.X7}}
	s.all[1] = &stream{one: reg.X8, two: reg.X9, homes: [4]reg.VecPhysical{reg.X10, reg.X11, reg.X12, reg.X13}}
	return s
}

// write is all of the file.
func (s *streams) write() {
	const groups = "digests of groups of 2 "
	s.overGroups("pairs", "computes the "+groups+"pairs of digests", 2*digestSize, func(from operand.Mem) {
		s.fresh()
		s.message(from, 2*digestSize)
		s.hash()
		s.constants(padding(0, 512))
		s.hash()
	})
	s.overGroups("doublePairs", "computes the double "+groups+"pairs of digests", 2*digestSize, func(from operand.Mem) {
		s.fresh()
		s.message(from, 2*digestSize)
		s.hash()
		s.constants(padding(0, 512))
		s.hash()
		s.digest()
		s.hash()
	})
	s.overGroups("prefixedPairs", "computes the "+groups+"pairs of digests after a byte 1", 2*digestSize, s.prefixed)
	s.overGroups("headers", "computes the double "+groups+"messages of 80 bytes", headerSize, func(from operand.Mem) {
		s.fresh()
		s.message(from, headerSize)
		s.hash()
		s.constants(padding(4, headerSize*8))
		s.words(0, from.Offset(blockSize), headerSize)
		s.hash()
		s.digest()
		s.hash()
	})
	s.overGroups("rehash", "computes the "+groups+"digests", digestSize, func(from operand.Mem) {
		s.fresh()
		s.constants(padding(8, 256))
		s.words(0, from, digestSize)
		s.words(1, from.Offset(16), digestSize)
		s.hash()
	})
	s.messages()
	s.nonces()
	s.pool.write(s.Context)
}

func (s *streams) begin(name, doc, signature string) {
	s.Function(name + "SHANI")
	s.Doc(name + "SHANI " + doc + ".")
	s.Pragma("noescape")
	s.SignatureExpr(signature)
	for _, stream := range s.all {
		stream.before = s.AllocLocal(32)
	}
}

func (s *streams) overGroups(name, doc string, stride int, write func(from operand.Mem)) {
	s.begin(name, doc, "func(to *byte, from *byte, groups uint64)")
	to, from, groups := s.Load(s.Param("to"), s.GP64()), s.Load(s.Param("from"), s.GP64()), s.Load(s.Param("groups"), s.GP64())
	s.Label("group")
	write(operand.Mem{Base: from})
	s.store(operand.Mem{Base: to})
	s.ADDQ(operand.I32(streamCount*stride), from)
	s.ADDQ(operand.I32(streamCount*digestSize), to)
	s.DECQ(groups)
	s.JNZ(operand.LabelRef("group"))
	s.RET()
}

// upper and lower are the halves of a state as the instructions hold it.
func upper(state [8]uint32) [4]uint32 { return [4]uint32{state[5], state[4], state[1], state[0]} }
func lower(state [8]uint32) [4]uint32 { return [4]uint32{state[7], state[6], state[3], state[2]} }

// fresh begins new messages.
func (s *streams) fresh() {
	for _, stream := range s.all {
		s.MOVOA(s.pool.four(upper(initial)), stream.one)
		s.MOVOA(s.pool.four(lower(initial)), stream.two)
		stream.fresh = true
	}
}

// words reads four words of each message.
func (s *streams) words(place int, from operand.Mem, stride int) {
	for index, stream := range s.all {
		home := stream.homes[place]
		s.MOVOU(from.Offset(index*stride), home)
		s.PSHUFB(s.pool.swap(16), home)
		stream.schedule[place] = four{register: home}
	}
}

// message reads a block of each message.
func (s *streams) message(from operand.Mem, stride int) {
	for place := range 4 {
		s.words(place, from.Offset(16*place), stride)
	}
}

// constants makes a block of what is the same in all messages.
func (s *streams) constants(block [16]uint32) {
	for _, stream := range s.all {
		for place := range stream.schedule {
			stream.schedule[place] = four{known: true, values: [4]uint32(block[4*place:])}
		}
	}
}

// digest makes a block of the state, and begins new messages.
func (s *streams) digest() {
	for _, stream := range s.all {
		end := padding(8, 256)
		s.inOrder(stream)
		for place := range stream.schedule {
			stream.schedule[place] = four{known: true, values: [4]uint32(end[4*place:])}
			if place < 2 {
				stream.schedule[place] = four{register: stream.homes[place]}
			}
		}
	}
	s.fresh()
}

// inOrder puts the state's words in their order into the first two registers of the schedule.
func (s *streams) inOrder(stream *stream) {
	first, second := stream.homes[0], stream.homes[1]
	s.PSHUFD(operand.U8(0x1b), stream.one, first)
	s.PSHUFD(operand.U8(0x1b), stream.two, stream.two)
	s.MOVO(first, second)
	s.PUNPCKLQDQ(stream.two, first)
	s.PUNPCKHQDQ(stream.two, second)
}

// store writes the digests.
func (s *streams) store(to operand.Mem) {
	for index, stream := range s.all {
		s.inOrder(stream)
		for half, register := range stream.homes[:2] {
			s.PSHUFB(s.pool.swap(16), register)
			s.MOVOU(register, to.Offset(digestSize*index+16*half))
		}
	}
}

// hash is the compression function (FIPS 180-4, section 6.2.2) of all streams.
func (s *streams) hash() {
	for _, stream := range s.all {
		if !stream.fresh {
			s.MOVOU(stream.one, stream.before)
			s.MOVOU(stream.two, stream.before.Offset(16))
		}
	}
	s.rounds(0, 31)
	for _, stream := range s.all {
		if stream.fresh {
			s.PADDD(s.pool.four(upper(initial)), stream.one)
			s.PADDD(s.pool.four(lower(initial)), stream.two)
			stream.fresh = false
			continue
		}
		s.MOVOU(stream.before, s.mixed)
		s.PADDD(s.mixed, stream.one)
		s.MOVOU(stream.before.Offset(16), s.spare)
		s.PADDD(s.spare, stream.two)
	}
}

// rounds goes from one pair of rounds to another.
func (s *streams) rounds(first, last int) {
	for group := first / 2; group <= last/2; group++ {
		for _, stream := range s.all {
			s.mix(stream, group)
			if 2*group >= first {
				s.SHA256RNDS2(s.mixed, stream.one, stream.two)
			}
			if 2*group+1 <= last {
				s.PSHUFD(operand.U8(0x0e), s.mixed, s.mixed)
				s.SHA256RNDS2(s.mixed, stream.two, stream.one)
			}
			if group >= 3 && group < last/2 {
				s.extend(stream, group+1)
			}
		}
	}
}

// mix adds four words of the message and the rounds' constants.
func (s *streams) mix(stream *stream, group int) {
	words, constants := stream.schedule[group%4], [4]uint32(rounds[4*group:])
	if words.known {
		for index := range constants {
			constants[index] += words.values[index]
		}
		s.MOVOA(s.pool.four(constants), s.mixed)
		return
	}
	s.MOVO(words.register, s.mixed)
	s.PADDD(s.pool.four(constants), s.mixed)
}

// extend computes the schedule's words of a group from those of the four before.
func (s *streams) extend(stream *stream, group int) {
	oldest, second := &stream.schedule[group%4], stream.schedule[(group+1)%4]
	third, newest := stream.schedule[(group+2)%4], stream.schedule[(group+3)%4]
	if oldest.known && second.known && third.known && newest.known {
		*oldest = four{known: true, values: extended(*oldest, second, third, newest)}
		return
	}
	home := stream.homes[group%4]
	sum := s.firstPart(*oldest, second, home)
	if third.known && newest.known {
		sum = s.plus(sum, four{known: true, values: shiftedIn(third, newest)}, home)
	} else {
		s.place(newest, s.spare)
		s.PALIGNR(operand.U8(4), s.operand(third), s.spare)
		sum = s.plus(sum, four{register: s.spare}, home)
	}
	s.place(sum, home)
	s.SHA256MSG2(s.operand(newest), home)
	*oldest = four{register: home}
}

// firstPart is the sum of the oldest words and the small sigma 0 of those after.
func (s *streams) firstPart(oldest, second four, home reg.VecPhysical) four {
	if oldest.known && second.known {
		var values [4]uint32
		later := [5]uint32{oldest.values[0], oldest.values[1], oldest.values[2], oldest.values[3], second.values[0]}
		for index := range values {
			values[index] = later[index] + smallSigma0.of(later[index+1])
		}
		return four{known: true, values: values}
	}
	s.place(oldest, home)
	s.SHA256MSG1(s.operand(second), home)
	return four{register: home}
}

func (s *streams) plus(a, b four, home reg.VecPhysical) four {
	switch {
	case a.known && b.known:
		for index := range a.values {
			a.values[index] += b.values[index]
		}
		return a
	case a.known && a.values == [4]uint32{}:
		return b
	case b.known && b.values == [4]uint32{}:
		return a
	}
	if a.known {
		a, b = b, a
	}
	if a.register != home && !b.known {
		a, b = b, a
	}
	s.place(a, home)
	s.PADDD(s.operand(b), home)
	return four{register: home}
}

// place puts words into the register.
func (s *streams) place(words four, register reg.VecPhysical) {
	if words.register != register {
		s.MOVOA(s.operand(words), register)
	}
}

func (s *streams) operand(words four) operand.Op {
	if words.known {
		return s.pool.four(words.values)
	}
	return words.register
}

// shiftedIn are the last three words of the first and the first one of the second.
func shiftedIn(first, second four) [4]uint32 {
	return [4]uint32{first.values[1], first.values[2], first.values[3], second.values[0]}
}

func extended(oldest, second, third, newest four) [4]uint32 {
	var values [4]uint32
	words := append(append([]uint32(nil), oldest.values[:]...), second.values[0])
	between, last := shiftedIn(third, newest), []uint32{newest.values[2], newest.values[3]}
	for index := range values {
		values[index] = words[index] + smallSigma0.of(words[index+1]) + between[index] + smallSigma1.of(last[index])
		last = append(last, values[index])
	}
	return values
}

// prefixed is the digest of 65 bytes: all of them move by one.
func (s *streams) prefixed(from operand.Mem) {
	s.fresh()
	for index, stream := range s.all {
		for place := range 4 {
			s.MOVOU(from.Offset(2*digestSize*index+16*place), stream.homes[place])
		}
		s.MOVO(stream.homes[3], s.spare)
		s.PSRLO(operand.U8(15), s.spare) // the last byte, the lowest now
		s.PSLLL(operand.U8(24), s.spare)
		s.POR(s.pool.four([4]uint32{0x00800000}), s.spare)
		s.MOVOU(s.spare, s.lastByte(stream))
		for place := 3; place > 0; place-- {
			s.PALIGNR(operand.U8(15), stream.homes[place-1], stream.homes[place])
		}
		s.PSLLO(operand.U8(1), stream.homes[0])
		s.POR(s.pool.four([4]uint32{1}), stream.homes[0])
		for place, home := range stream.homes {
			s.PSHUFB(s.pool.swap(16), home)
			stream.schedule[place] = four{register: home}
		}
	}
	s.hash()
	s.constants(padding(0, 65*8))
	for _, stream := range s.all {
		s.MOVOU(s.lastByte(stream), stream.homes[0])
		stream.schedule[0] = four{register: stream.homes[0]}
	}
	s.hash()
}

// lastByte is where the beginning of the second block waits; the state before the first block is no vector.
func (s *streams) lastByte(stream *stream) operand.Mem { return stream.before }

// messages writes the function for messages of any length, already padded.
func (s *streams) messages() {
	s.begin("messages", fmt.Sprintf("computes the digests of groups of %d padded messages of so many blocks each", streamCount),
		"func(to *byte, from *byte, groups uint64, blocks uint64)")
	to, from, groups := s.Load(s.Param("to"), s.GP64()), s.Load(s.Param("from"), s.GP64()), s.Load(s.Param("groups"), s.GP64())
	stride, blocks := s.GP64(), s.GP64()
	s.Load(s.Param("blocks"), stride)
	s.SHLQ(operand.U8(6), stride)
	s.Label("group")
	s.fresh()
	s.Load(s.Param("blocks"), blocks)
	s.Label("block")
	for index, stream := range s.all {
		stream.fresh = false
		for place, home := range stream.homes {
			at := operand.Mem{Base: from, Disp: 16 * place}
			if index > 0 {
				at.Index, at.Scale = stride, 1
			}
			s.MOVOU(at, home)
			s.PSHUFB(s.pool.swap(16), home)
			stream.schedule[place] = four{register: home}
		}
	}
	s.hash()
	s.ADDQ(operand.I32(blockSize), from)
	s.DECQ(blocks)
	s.JNZ(operand.LabelRef("block"))
	s.store(operand.Mem{Base: to})
	s.ADDQ(operand.I32(streamCount*digestSize), to)
	s.ADDQ(stride, from) // it is at the end of the first message
	s.DECQ(groups)
	s.JNZ(operand.LabelRef("group"))
	s.RET()
}

// nonces writes the search. The table has the midstate's two halves, the state's after two rounds, and the words of the
// first four rounds without the nonce.
func (s *streams) nonces() {
	s.begin("nonces", fmt.Sprintf("tries groups of %d nonces from first on, and answers how many groups it went through "+
		"before one with a candidate", streamCount), "func(table *uint32, first uint32, groups uint64, limit uint32) (tried uint64)")
	table, first := s.Load(s.Param("table"), s.GP64()), s.Load(s.Param("first"), s.GP32()).(reg.GPVirtual)
	groups, limit := s.Load(s.Param("groups"), s.GP64()), s.Load(s.Param("limit"), s.GP32())
	tried, nonce := s.GP64(), s.GP32()
	s.XORQ(tried, tried)
	s.Label("group")
	for index, stream := range s.all {
		at := operand.Mem{Base: table}
		s.constants(padding(4, headerSize*8))
		_ = index
		s.MOVOU(at.Offset(32), stream.one)
		s.MOVOU(at.Offset(48), stream.two)
	}
	for index, stream := range s.all {
		s.LEAL(operand.Mem{Base: first.As64(), Disp: index}, nonce)
		s.BSWAPL(nonce)
		s.MOVOU(operand.Mem{Base: table, Disp: 64}, stream.homes[0])
		s.PINSRD(operand.U8(3), nonce, stream.homes[0])
		stream.schedule[0] = four{register: stream.homes[0]}
	}
	s.rounds(1, 31)
	for _, stream := range s.all {
		s.MOVOU(operand.Mem{Base: table}, s.mixed)
		s.PADDD(s.mixed, stream.one)
		s.MOVOU(operand.Mem{Base: table, Disp: 16}, s.spare)
		s.PADDD(s.spare, stream.two)
	}
	s.digest()
	s.rounds(0, 30)
	for _, stream := range s.all {
		// After the round before the last two, two has A, B, E and F; F is what H becomes.
		s.MOVD(stream.two, nonce)
		s.ADDL(operand.U32(initial[7]), nonce)
		s.BSWAPL(nonce)
		s.CMPL(nonce, limit)
		s.JLS(operand.LabelRef("candidate"))
	}
	s.ADDL(operand.U8(streamCount), first)
	s.INCQ(tried)
	s.CMPQ(tried, groups)
	s.JNE(operand.LabelRef("group"))
	s.Label("candidate")
	s.Store(tried, s.Return("tried"))
	s.RET()
}
