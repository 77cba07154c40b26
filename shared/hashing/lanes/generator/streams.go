package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// streamCount is how many messages go side by side: an instruction of one is done while those of the others wait. The round
// instruction takes four cycles, and some CPUs begin one each cycle.
const streamCount = 4

// quad is the length in bytes of four words.
const quad = 16

// four is four words of a message's schedule: known beforehand, or at a place on the stack, and in a register too where
// one holds them. Those that read is set for are in neither yet.
type four struct {
	known    bool
	values   [4]uint32
	place    operand.Mem
	register reg.VecPhysical
	read     func(to reg.VecPhysical)
}

// stream is one message in the making.
type stream struct {
	// one and two hold the state, in turns as A, B, E, F and C, D, G, H, the last of them lowest.
	one, two reg.VecPhysical
	// schedule are the last sixteen words, places where they are on the stack. Of them only the newest are in a register.
	schedule [4]four
	places   [4]operand.Mem
	newest   *four
	// before is where the state before the block waits, where it is not the same for all messages.
	before operand.Mem
	fresh  bool
	// last is where the beginning of a second block waits.
	last operand.Mem
}

// streams writes SHA-256 with the SHA extensions of x86, some messages side by side. Every instruction is of SSE, so that
// nothing is left in the upper halves of registers.
type streams struct {
	*build.Context
	pool *pool
	// all are the streams that are written for.
	all []*stream
	// mixed is the register that the round instruction takes words from, free are those that hold nothing.
	mixed reg.VecPhysical
	free  []reg.VecPhysical
}

func newStreams() *streams {
	s := &streams{Context: build.NewContext(), pool: newPool("constantsSHANI"), mixed: reg.X0}
	s.all = []*stream{{one: reg.X1, two: reg.X2}, {one: reg.X3, two: reg.X4}, {one: reg.X5, two: reg.X6}, {one: reg.X7, two: reg.X8}}
	s.free = []reg.VecPhysical{reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15}
	return s
}

// take is a register that holds nothing, for the caller to release.
func (s *streams) take() reg.VecPhysical {
	taken := s.free[0]
	s.free = s.free[1:]
	return taken
}

func (s *streams) release(register reg.VecPhysical) { s.free = append(s.free, register) }

// hold makes the words those that the stream has in a register, or none.
func (s *streams) hold(stream *stream, words *four, register reg.VecPhysical) {
	if stream.newest != nil {
		s.release(stream.newest.register)
		stream.newest.register = nil
	}
	if stream.newest = words; words != nil {
		words.register = register
	}
}

// write is all of the file.
func (s *streams) write() {
	groups := fmt.Sprintf("digests of groups of %d ", streamCount)
	message := func(stride int) func(operand.Mem) {
		return func(from operand.Mem) {
			s.fresh()
			s.message(from, stride)
		}
	}
	end := func(operand.Mem) { s.constants(padding(0, 2*digestSize*8)) }
	again := func(operand.Mem) { s.digest() }
	s.overStages("pairs", "computes the "+groups+"pairs of digests", 2*digestSize, message(2*digestSize), end)
	s.overStages("doublePairs", "computes the double "+groups+"pairs of digests", 2*digestSize, message(2*digestSize), end, again)
	s.overStages("prefixedPairs", "computes the "+groups+"pairs of digests after a byte 1", 2*digestSize, s.prefixed, s.prefixedEnd)
	s.overStages("headers", "computes the double "+groups+"messages of 80 bytes", headerSize, message(headerSize), func(from operand.Mem) {
		s.constants(padding(4, headerSize*8))
		s.words(0, from.Offset(blockSize), headerSize)
	}, again)
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
	const each = (2 + 4 + 1) * quad
	frame, base := s.AllocLocal(streamCount*each+quad), s.GP64()
	s.LEAQ(frame.Offset(quad-1), base)
	s.ANDQ(operand.I8(-quad), base)
	for index, stream := range s.all {
		stream.before = operand.Mem{Base: base, Disp: each * index}
		for place := range stream.places {
			stream.places[place] = stream.before.Offset((2 + place) * quad)
		}
		stream.last = stream.before.Offset(6 * quad)
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

// part is some of the streams, and the block that they are at: a stage of their messages, which are at from.
type part struct {
	streams []*stream
	stage   func(from operand.Mem)
	from    operand.Mem
}

// overStages writes messages of several blocks. Half of the streams are a block behind the others, so that while the words of
// one block are extended there is another that has none to extend, and the round instruction has work all the time. Those
// that are ahead begin with the next group before this one ends; after the last group they read what is not used.
func (s *streams) overStages(name, doc string, stride int, stages ...func(from operand.Mem)) {
	const half = streamCount / 2
	s.begin(name, doc, "func(to *byte, from *byte, groups uint64)")
	to, from, groups := s.Load(s.Param("to"), s.GP64()), s.Load(s.Param("from"), s.GP64()), s.Load(s.Param("groups"), s.GP64())
	next, unused := s.GP64(), s.GP64()
	s.LEAQ(s.AllocLocal(half*stride), unused)
	behind, ahead, here := s.all[:half], s.all[half:], operand.Mem{Base: from}
	s.turn(part{ahead, stages[0], here.Offset(half * stride)})
	s.Label("group")
	for index, stage := range stages {
		if index < len(stages)-1 {
			s.turn(part{behind, stage, here}, part{ahead, stages[index+1], here.Offset(half * stride)})
			continue
		}
		s.storeOf(ahead, operand.Mem{Base: to, Disp: half * digestSize})
		s.LEAQ(here.Offset((streamCount+half)*stride), next)
		s.CMPQ(groups, operand.U8(1))
		s.CMOVQEQ(unused, next)
		s.turn(part{behind, stage, here}, part{ahead, stages[0], operand.Mem{Base: next}})
		s.storeOf(behind, operand.Mem{Base: to})
	}
	s.ADDQ(operand.I32(streamCount*stride), from)
	s.ADDQ(operand.I32(streamCount*digestSize), to)
	s.DECQ(groups)
	s.JNZ(operand.LabelRef("group"))
	s.RET()
}

// turn does a block of each part, side by side.
func (s *streams) turn(parts ...part) {
	all, taken := s.all, []*stream(nil)
	for _, part := range parts {
		s.all = part.streams
		part.stage(part.from)
		taken = append(taken, part.streams...)
	}
	s.all = taken
	s.hash()
	s.all = all
}

// storeOf writes the digests of some of the streams.
func (s *streams) storeOf(some []*stream, to operand.Mem) {
	all := s.all
	s.all = some
	s.store(to)
	s.all = all
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

// unread are four words that are read when they are wanted.
func (s *streams) unread(place, from operand.Mem) four {
	return four{place: place, read: func(to reg.VecPhysical) {
		s.MOVOU(from, to)
		s.PSHUFB(s.pool.swap(quad), to)
	}}
}

// words has four words of each message read.
func (s *streams) words(place int, from operand.Mem, stride int) {
	for index, stream := range s.all {
		stream.schedule[place] = s.unread(stream.places[place], from.Offset(index*stride))
	}
}

// message has a block of each message read.
func (s *streams) message(from operand.Mem, stride int) {
	for place := range 4 {
		s.words(place, from.Offset(quad*place), stride)
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
	s.constants(padding(8, 256))
	for _, stream := range s.all {
		first, second := s.inOrder(stream)
		for place, register := range []reg.VecPhysical{first, second} {
			s.MOVOA(register, stream.places[place])
			s.release(register)
			stream.schedule[place] = four{place: stream.places[place]}
		}
	}
	s.fresh()
}

// inOrder puts the state's words in their order into two registers.
func (s *streams) inOrder(stream *stream) (first, second reg.VecPhysical) {
	first, second = s.take(), s.take()
	s.PSHUFD(operand.U8(0x1b), stream.one, first)
	s.PSHUFD(operand.U8(0x1b), stream.two, stream.two)
	s.MOVO(first, second)
	s.PUNPCKLQDQ(stream.two, first)
	s.PUNPCKHQDQ(stream.two, second)
	return first, second
}

// store writes the digests.
func (s *streams) store(to operand.Mem) {
	for index, stream := range s.all {
		first, second := s.inOrder(stream)
		for half, register := range []reg.VecPhysical{first, second} {
			s.PSHUFB(s.pool.swap(quad), register)
			s.MOVOU(register, to.Offset(digestSize*index+quad*half))
			s.release(register)
		}
	}
}

// hash is the compression function (FIPS 180-4, section 6.2.2) of all streams.
func (s *streams) hash() {
	for _, stream := range s.all {
		if !stream.fresh {
			s.MOVOA(stream.one, stream.before)
			s.MOVOA(stream.two, stream.before.Offset(quad))
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
		s.PADDD(stream.before, stream.one)
		s.PADDD(stream.before.Offset(quad), stream.two)
	}
}

// rounds goes from one pair of rounds to another.
func (s *streams) rounds(first, last int) {
	for group := first / 2; group <= last/2; group++ {
		for rest := s.all; len(rest) > 0; {
			// Those with the same words go together.
			words, count := rest[0].schedule[group%4], 1
			for words.known && count < len(rest) && rest[count].schedule[group%4].values == words.values && rest[count].schedule[group%4].known {
				count++
			}
			s.fourRounds(rest[:count], group, first, last)
			for _, each := range rest[:count] {
				if group >= 3 && group < last/2 {
					s.extend(each, group+1)
				}
			}
			rest = rest[count:]
		}
	}
	for _, stream := range s.all {
		s.hold(stream, nil, nil)
	}
}

// fourRounds does the rounds of a group for streams that have the same words in them.
func (s *streams) fourRounds(all []*stream, group, first, last int) {
	s.mix(all[0], group)
	if 2*group >= first {
		for _, stream := range all {
			s.SHA256RNDS2(s.mixed, stream.one, stream.two)
		}
	}
	if 2*group+1 <= last {
		s.PSHUFD(operand.U8(0x0e), s.mixed, s.mixed)
		for _, stream := range all {
			s.SHA256RNDS2(s.mixed, stream.two, stream.one)
		}
	}
}

// mix adds four words of the message and the rounds' constants.
func (s *streams) mix(stream *stream, group int) {
	words, constants := &stream.schedule[group%4], [4]uint32(rounds[4*group:])
	if words.known {
		for index := range constants {
			constants[index] += words.values[index]
		}
		s.MOVOA(s.pool.four(constants), s.mixed)
		return
	}
	if words.read != nil {
		register := s.take()
		words.read(register)
		words.read = nil
		s.MOVOA(register, words.place)
		s.hold(stream, words, register)
	}
	s.move(*words, s.mixed)
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
	register, aside := s.take(), s.take()
	sum := s.firstPart(*oldest, second, register)
	if third.known && newest.known {
		sum = s.plus(sum, four{known: true, values: shiftedIn(third, newest)}, register)
	} else {
		s.move(newest, aside)
		s.PALIGNR(operand.U8(4), s.operand(third), aside)
		sum = s.plus(sum, four{register: aside}, register)
	}
	s.move(sum, register)
	s.SHA256MSG2(s.operand(newest), register)
	s.release(aside)
	s.hold(stream, nil, nil)
	*oldest = four{place: stream.places[group%4]}
	s.hold(stream, oldest, register)
	if group+2 < len(rounds)/4 { // then it is wanted when newer ones are in the register
		s.MOVOA(register, oldest.place)
	}
}

// firstPart is the sum of the oldest words and the small sigma 0 of those after.
func (s *streams) firstPart(oldest, second four, register reg.VecPhysical) four {
	if oldest.known && second.known {
		var values [4]uint32
		later := [5]uint32{oldest.values[0], oldest.values[1], oldest.values[2], oldest.values[3], second.values[0]}
		for index := range values {
			values[index] = later[index] + smallSigma0.of(later[index+1])
		}
		return four{known: true, values: values}
	}
	s.move(oldest, register)
	s.SHA256MSG1(s.operand(second), register)
	return four{register: register}
}

// plus adds words, of which one may be in the register already.
func (s *streams) plus(a, b four, register reg.VecPhysical) four {
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
	if a.register != register && !b.known {
		a, b = b, a
	}
	s.move(a, register)
	s.PADDD(s.operand(b), register)
	return four{register: register}
}

// move puts words into the register.
func (s *streams) move(words four, register reg.VecPhysical) {
	switch from := s.operand(words).(type) {
	case operand.Mem:
		s.MOVOA(from, register)
	case reg.VecPhysical:
		if from != register {
			s.MOVO(from, register)
		}
	}
}

func (s *streams) operand(words four) operand.Op {
	switch {
	case words.known:
		return s.pool.four(words.values)
	case words.register != nil:
		return words.register
	}
	return words.place
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

// prefix is the length of what nodes of RFC 6962 begin with: all that follows moves by it.
const prefix = 1

// prefixed is the first block of 65 bytes. The last byte is kept for the second one, since a digest may be where it was.
func (s *streams) prefixed(from operand.Mem) {
	s.fresh()
	s.message(from.Offset(-prefix), 2*digestSize)
	for index, stream := range s.all {
		at := from.Offset(2 * digestSize * index)
		stream.schedule[0].read = func(to reg.VecPhysical) {
			s.MOVOU(at, to)
			s.PSLLO(operand.U8(prefix), to)
			s.POR(s.pool.four([4]uint32{prefix}), to)
			s.PSHUFB(s.pool.swap(quad), to)
		}
		last := s.take()
		s.MOVOU(at.Offset(2*digestSize-quad), last)
		s.PSRLO(operand.U8(quad-prefix), last) // the lowest now
		s.PSLLL(operand.U8(24), last)
		s.POR(s.pool.four([4]uint32{0x00800000}), last)
		s.MOVOA(last, stream.last)
		s.release(last)
	}
}

// prefixedEnd is the second block.
func (s *streams) prefixedEnd(operand.Mem) {
	s.constants(padding(0, (prefix+2*digestSize)*8))
	for _, stream := range s.all {
		stream.schedule[0] = four{place: stream.last}
	}
}

// messages writes the function for messages of any length, already padded.
func (s *streams) messages() {
	s.begin("messages", fmt.Sprintf("computes the digests of groups of %d padded messages of so many blocks each", streamCount),
		"func(to *byte, from *byte, groups uint64, blocks uint64)")
	to, from, groups := s.Load(s.Param("to"), s.GP64()), s.Load(s.Param("from"), s.GP64()), s.Load(s.Param("groups"), s.GP64())
	stride, three, blocks := s.GP64(), s.GP64(), s.GP64()
	s.Load(s.Param("blocks"), stride)
	s.SHLQ(operand.U8(6), stride)
	s.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, three)
	firsts := [streamCount]operand.Mem{
		{Base: from}, {Base: from, Index: stride, Scale: 1}, {Base: from, Index: stride, Scale: 2}, {Base: from, Index: three, Scale: 1},
	}
	s.Label("group")
	s.fresh()
	s.Load(s.Param("blocks"), blocks)
	s.Label("block")
	for index, stream := range s.all {
		stream.fresh = false
		for place := range stream.schedule {
			stream.schedule[place] = s.unread(stream.places[place], firsts[index].Offset(quad*place))
		}
	}
	s.hash()
	s.ADDQ(operand.I32(blockSize), from)
	s.DECQ(blocks)
	s.JNZ(operand.LabelRef("block"))
	s.store(operand.Mem{Base: to})
	s.ADDQ(operand.I32(streamCount*digestSize), to)
	s.ADDQ(three, from) // it is at the end of the first message
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
	at := operand.Mem{Base: table}
	s.constants(padding(4, headerSize*8))
	for index, stream := range s.all {
		s.MOVOU(at.Offset(32), stream.one)
		s.MOVOU(at.Offset(48), stream.two)
		stream.schedule[0] = four{place: stream.places[0], read: func(to reg.VecPhysical) {
			s.LEAL(operand.Mem{Base: first.As64(), Disp: index}, nonce)
			s.BSWAPL(nonce)
			s.MOVOU(at.Offset(64), to)
			s.PINSRD(operand.U8(3), nonce, to)
		}}
	}
	s.rounds(1, 31)
	upperHalf, lowerHalf := s.take(), s.take()
	s.MOVOU(at, upperHalf)
	s.MOVOU(at.Offset(quad), lowerHalf)
	for _, stream := range s.all {
		s.PADDD(upperHalf, stream.one)
		s.PADDD(lowerHalf, stream.two)
	}
	s.release(upperHalf)
	s.release(lowerHalf)
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
