package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectors writes SHA-256 with one message a lane: 8 lanes of AVX2 or 16 of AVX-512.
type vectors struct {
	*build.Context
	lanes int
	pool  *pool
	// uniforms are those of the function being written, table is where it finds them.
	uniforms *uniforms
	table    operand.Mem
	// schedule, chain and working are places on the stack: for words of the message, for the state before a block, and for
	// the state within it.
	schedule [16]operand.Mem
	chain    [8]operand.Mem
	working  [8]operand.Mem
	// room is where the next register goes on the stack, left how many more there may be.
	room   operand.Mem
	left   int
	labels int
	// little tells that the words of messages and digests are little-endian.
	little bool
}

func (v *vectors) wide() bool { return v.lanes == 16 }

// size is the length of a register in bytes.
func (v *vectors) size() int { return 4 * v.lanes }

func (v *vectors) register() reg.VecVirtual {
	if v.wide() {
		return v.ZMM()
	}
	return v.YMM()
}

// locals makes the places on the stack, and room for more.
func (v *vectors) locals(extra int) {
	v.reserve(len(v.schedule) + len(v.chain) + len(v.working) + extra)
	for _, places := range [][]operand.Mem{v.schedule[:], v.chain[:], v.working[:]} {
		for index := range places {
			places[index] = v.place()
		}
	}
}

// reserve makes room on the stack for so many registers, in such a way that none lies across two lines of the cache.
func (v *vectors) reserve(registers int) {
	frame, base := v.AllocLocal((registers+1)*v.size()), v.GP64()
	v.LEAQ(frame.Offset(v.size()-1), base)
	v.ANDQ(operand.I8(-v.size()), base)
	v.room, v.left = operand.Mem{Base: base}, registers
}

// place is the next place of those that are reserved.
func (v *vectors) place() operand.Mem {
	if v.left == 0 {
		panic("more places on the stack are wanted than were reserved")
	}
	next := v.room
	v.room, v.left = v.room.Offset(v.size()), v.left-1
	return next
}

func (v *vectors) load(from operand.Op) reg.VecVirtual {
	loaded := v.register()
	v.move(from, loaded)
	return loaded
}

func (v *vectors) move(from, to operand.Op) {
	if v.wide() {
		v.VMOVDQU32(from, to)
		return
	}
	v.VMOVDQU(from, to)
}

// materialise is the word in a register.
func (v *vectors) materialise(w word) operand.Op {
	switch {
	case w.vector == nil:
		register := v.register()
		v.VPBROADCASTD(v.address(w), register)
		return register
	case isMemory(w.vector):
		return v.load(w.vector)
	}
	return w.vector
}

// address is where a word that is no vector lies in memory.
func (v *vectors) address(w word) operand.Mem {
	switch {
	case w.listed:
		return w.place
	case w.uniform != "":
		return v.table.Offset(4 * v.uniforms.place(w.uniform))
	}
	return v.pool.word(w.constant)
}

func isMemory(op operand.Op) bool {
	_, memory := op.(operand.Mem)
	return memory
}

// sum adds the words. What is no vector is added up first; vectors are added in their order, so those that are known last
// stand last.
func (v *vectors) sum(words ...word) word {
	var total uint32
	var same, each []word
	for _, w := range words {
		switch {
		case w.vector != nil:
			each = append(each, w)
		case w.uniform != "" || w.listed:
			same = append(same, w)
		default:
			total += w.constant
		}
	}
	rest := constant(total)
	if len(same) > 0 {
		var terms []string
		for _, w := range append(same, rest) {
			if w.uniform != "" || w.constant != 0 {
				terms = append(terms, w.expression())
			}
		}
		rest = same[0]
		if len(terms) > 1 {
			rest = v.uniforms.define(strings.Join(terms, " + "), same...)
		}
	}
	if len(each) == 0 {
		return rest
	}
	reached := v.materialise(each[0])
	add := func(op operand.Op) {
		next := v.register()
		v.VPADDD(op, reached, next)
		reached = next
	}
	if !rest.isConstant() || rest.constant != 0 {
		if v.wide() {
			next := v.register()
			v.VPADDD_BCST(v.address(rest), reached, next)
			reached = next
		} else {
			add(v.materialise(rest))
		}
	}
	for _, w := range each[1:] {
		add(w.vector)
	}
	return word{vector: reached}
}

// turned is one of the sigma functions.
func (v *vectors) turned(w word, by turn) word {
	switch {
	case w.isConstant():
		return constant(by.of(w.constant))
	case w.vector == nil:
		last := fmt.Sprintf("bits.RotateLeft32(%s, -%d)", w.uniform, by[2])
		if by.shifts() {
			last = fmt.Sprintf("%s>>%d", w.uniform, by[2])
		}
		return v.uniforms.define(fmt.Sprintf("bits.RotateLeft32(%s, -%d) ^ bits.RotateLeft32(%s, -%d) ^ %s",
			w.uniform, by[0], w.uniform, by[1], last), w)
	}
	from := v.materialise(w)
	if v.wide() {
		first, second, third := v.register(), v.register(), v.register()
		v.VPRORD(operand.U8(by[0]), from, first)
		v.VPRORD(operand.U8(by[1]), from, second)
		if by.shifts() {
			v.VPSRLD(operand.U8(by[2]), from, third)
		} else {
			v.VPRORD(operand.U8(by[2]), from, third)
		}
		v.VPTERNLOGD(operand.U8(exclusiveOr3), third, second, first)
		return word{vector: first}
	}
	var reached operand.Op
	join := func(op operand.Op) {
		if reached == nil {
			reached = op
			return
		}
		next := v.register()
		v.VPXOR(op, reached, next)
		reached = next
	}
	for index, count := range by {
		right := v.register()
		v.VPSRLD(operand.U8(count), from, right)
		join(right)
		if index < 2 || !by.shifts() {
			left := v.register()
			v.VPSLLD(operand.U8(32-count), from, left)
			join(left)
		}
	}
	return word{vector: reached}
}

// The truth tables of functions of three bits, as VPTERNLOG takes them.
const (
	exclusiveOr3 = 0x96
	choose       = 0xca
	mostOf       = 0xe8
	andNotXor    = 0xd2 // a ^ (^b & c)
)

// chosen is Ch(e, f, g).
func (v *vectors) chosen(e, f, g word) word {
	switch {
	case e.isConstant() && f.isConstant() && g.isConstant():
		return constant(e.constant&f.constant ^ ^e.constant&g.constant)
	case e.vector == nil && f.vector == nil && g.vector == nil:
		return v.uniforms.define(fmt.Sprintf("%s&%s ^ ^%s&%s", e.expression(), f.expression(), e.expression(), g.expression()), e, f, g)
	}
	first, second, third := v.materialise(e), v.materialise(f), v.materialise(g)
	if v.wide() {
		result := v.load(first)
		v.VPTERNLOGD(operand.U8(choose), third, second, result)
		return word{vector: result}
	}
	differ, taken, result := v.register(), v.register(), v.register()
	v.VPXOR(second, third, differ)
	v.VPAND(first, differ, taken)
	v.VPXOR(taken, third, result)
	return word{vector: result}
}

// majority is Maj(a, b, c). Where the lanes have no instruction for it, it takes and gives on in what the first two words
// differ: those are the last two of the next round.
func (v *vectors) majority(a, b, c word, before operand.Op) (word, operand.Op) {
	switch {
	case a.isConstant() && b.isConstant() && c.isConstant():
		return constant(a.constant&b.constant ^ a.constant&c.constant ^ b.constant&c.constant), nil
	case a.vector == nil && b.vector == nil && c.vector == nil:
		x, y, z := a.expression(), b.expression(), c.expression()
		return v.uniforms.define(fmt.Sprintf("%s&%s ^ %s&%s ^ %s&%s", x, y, x, z, y, z), a, b, c), nil
	}
	first, second := v.materialise(a), v.materialise(b)
	if v.wide() {
		result := v.load(first)
		v.VPTERNLOGD(operand.U8(mostOf), v.materialise(c), second, result)
		return word{vector: result}, nil
	}
	if before == nil {
		before = v.register()
		v.VPXOR(second, v.materialise(c), before)
	}
	differ, taken, result := v.register(), v.register(), v.register()
	v.VPXOR(first, second, differ)
	v.VPAND(differ, before, taken)
	v.VPXOR(taken, second, result)
	return word{vector: result}, differ
}

// kept puts a vector where it can stay: in its register, where there are enough of them, or on the stack.
func (v *vectors) kept(w word, place operand.Mem) word {
	if w.vector == nil || v.wide() || isMemory(w.vector) {
		return w
	}
	v.move(w.vector, place)
	return word{vector: place}
}

// state is what the rounds work on, with in what the second and the third word differ, where that is known.
type state struct {
	words  [8]word
	differ operand.Op
}

// round is one round with the sum of a word of the message and the round's constant. Where a is not wanted, it is zero.
func (v *vectors) round(s state, message, add word, wanted bool) state {
	a, b, c, d, e, f, g, h := s.words[0], s.words[1], s.words[2], s.words[3], s.words[4], s.words[5], s.words[6], s.words[7]
	mixed := v.sum(h, message, add, v.chosen(e, f, g), v.turned(e, bigSigma1))
	var next state
	later := constant(0)
	if wanted {
		var most word
		most, next.differ = v.majority(a, b, c, s.differ)
		later = v.sum(mixed, most, v.turned(a, bigSigma0))
	}
	next.words = [8]word{later, a, b, c, v.sum(d, mixed), e, f, g}
	return next
}

// extended is the next word of the schedule, from those of the last sixteen rounds.
func (v *vectors) extended(schedule *[16]word, round int) word {
	return v.sum(schedule[round&15], v.turned(schedule[(round+1)&15], smallSigma0), schedule[(round+9)&15],
		v.turned(schedule[(round+14)&15], smallSigma1))
}

// unrolled is the compression function (FIPS 180-4, section 6.2.2) without its last addition, up to round last, of which
// only e is of use, written out, so that all that does not differ from lane to lane is computed once. The message's words
// are asked for one after another.
func (v *vectors) unrolled(before [8]word, message func(index int) word, last int) [8]word {
	var schedule [16]word
	s := state{words: before}
	for round := range last + 1 {
		var next word
		if round < 16 {
			next = message(round)
		} else {
			next = v.extended(&schedule, round)
		}
		schedule[round&15] = v.kept(next, v.schedule[round&15])
		// What comes of a is in e four rounds later.
		s = v.round(s, next, constant(rounds[round]), last == 63 || round <= last-4)
	}
	return s.words
}

// compress is the compression function without its last addition. After sixteen rounds it goes in a circle.
func (v *vectors) compress(before [8]word, message func(index int) word) [8]word {
	s := state{words: before}
	for round := range 16 {
		next := message(round)
		if v.schedule[round] != next.vector {
			v.put(next, v.schedule[round])
		}
		s = v.round(s, next, constant(rounds[round]), true)
	}
	return v.circle(s.words, v.pool.list(rounds[:]).Offset(4*16), 3, func(round int) word {
		var schedule [16]word
		for index, place := range v.schedule {
			schedule[index] = word{vector: place}
		}
		next := v.extended(&schedule, round)
		v.put(next, v.schedule[round])
		return next
	})
}

// compressConstants is compress of a block that is the same for all lanes.
func (v *vectors) compressConstants(before [8]word, block [16]uint32) [8]word {
	return v.circle(before, v.pool.list(sums(block)), 4, func(int) word { return constant(0) })
}

// circle goes through sixteen rounds several times, with constants from the list.
func (v *vectors) circle(before [8]word, list operand.Mem, times int, message func(round int) word) [8]word {
	constants, left := v.GP64(), v.GP64()
	v.LEAQ(list, constants)
	v.MOVQ(operand.U32(times), left)
	v.park(before)
	v.labels++
	label := fmt.Sprintf("rounds%d", v.labels)
	v.Label(label)
	var s state
	for index, place := range v.working {
		s.words[index] = word{vector: v.load(place)}
	}
	for round := range 16 {
		s = v.round(s, message(round), word{listed: true, place: operand.Mem{Base: constants, Disp: 4 * round}}, true)
	}
	v.park(s.words)
	v.ADDQ(operand.U8(64), constants)
	v.DECQ(left)
	v.JNZ(operand.LabelRef(label))
	for index, place := range v.working {
		s.words[index] = word{vector: place}
	}
	return s.words
}

// put stores a word, and answers its register.
func (v *vectors) put(w word, place operand.Mem) operand.Op {
	register := v.materialise(w)
	v.move(register, place)
	return register
}

func (v *vectors) park(words [8]word) {
	for index, w := range words {
		v.put(w, v.working[index])
	}
}

func fresh() [8]word {
	var words [8]word
	for index, value := range initial {
		words[index] = constant(value)
	}
	return words
}

// remembered puts vectors of the state before a block where they stay.
func (v *vectors) remembered(before [8]word) [8]word {
	for index, w := range before {
		if w.vector != nil && !isMemory(w.vector) {
			v.put(w, v.chain[index])
			before[index] = word{vector: v.chain[index]}
		}
	}
	return before
}

func (v *vectors) added(after, before [8]word) [8]word {
	for index := range after {
		after[index] = v.sum(after[index], before[index])
	}
	return after
}

// hashed is the state after a block.
func (v *vectors) hashed(before [8]word, message func(index int) word) [8]word {
	remembered := v.remembered(before)
	return v.added(v.compress(before, message), remembered)
}

// hashedConstants is the state after a block that is the same for all lanes.
func (v *vectors) hashedConstants(before [8]word, block [16]uint32) [8]word {
	remembered := v.remembered(before)
	return v.added(v.compressConstants(before, block), remembered)
}

// ofDigest is the block of a message that is a digest.
func (v *vectors) ofDigest(digest [8]word) func(int) word {
	end := padding(8, 256)
	for index := range digest {
		digest[index] = v.kept(digest[index], v.schedule[index])
	}
	return func(index int) word {
		if index < len(digest) {
			return digest[index]
		}
		return constant(end[index])
	}
}

// chunk reads 16 bytes of each lane: four words.
func (v *vectors) chunk(at func(lane int) operand.Mem) [4]word {
	var rows [4]operand.Op
	for row := range rows {
		gathered := v.register()
		if v.wide() {
			v.VBROADCASTI32X4(at(row), gathered)
		} else {
			v.VBROADCASTI128(at(row), gathered)
		}
		for part := 1; part < v.lanes/4; part++ {
			next := v.register()
			if v.wide() {
				v.VINSERTI32X4(operand.U8(part), at(4*part+row), gathered, next)
			} else {
				v.VINSERTI128(operand.U8(part), at(4*part+row), gathered, next)
			}
			gathered = next
		}
		rows[row] = v.swapped(gathered)
	}
	return v.transposed(rows)
}

// swapped turns the bytes of each word around, where messages have them so.
func (v *vectors) swapped(from operand.Op) reg.VecVirtual {
	if v.little {
		return from.(reg.VecVirtual)
	}
	swapped := v.register()
	v.VPSHUFB(v.pool.swap(v.size()), from, swapped)
	return swapped
}

// transposed turns four rows of four words, in each quarter of the lanes, into columns.
func (v *vectors) transposed(rows [4]operand.Op) [4]word {
	pair := func(instruction func(...operand.Op), first, second operand.Op) operand.Op {
		result := v.register()
		instruction(second, first, result)
		return result
	}
	low01, high01 := pair(v.VPUNPCKLDQ, rows[0], rows[1]), pair(v.VPUNPCKHDQ, rows[0], rows[1])
	low23, high23 := pair(v.VPUNPCKLDQ, rows[2], rows[3]), pair(v.VPUNPCKHDQ, rows[2], rows[3])
	return [4]word{
		{vector: pair(v.VPUNPCKLQDQ, low01, low23)}, {vector: pair(v.VPUNPCKHQDQ, low01, low23)},
		{vector: pair(v.VPUNPCKLQDQ, high01, high23)}, {vector: pair(v.VPUNPCKHQDQ, high01, high23)},
	}
}

// store writes the digest of each lane.
func (v *vectors) store(state [8]word, at func(lane int) operand.Mem) {
	for half := range 2 {
		var rows [4]operand.Op
		for row := range rows {
			rows[row] = v.materialise(state[4*half+row])
		}
		for row, column := range v.transposed(rows) {
			swapped := v.swapped(column.vector)
			if !v.wide() {
				v.VMOVDQU(swapped.AsX(), at(row).Offset(16*half))
				v.VEXTRACTI128(operand.U8(1), swapped, at(4+row).Offset(16*half))
				continue
			}
			for part := 0; part < v.lanes/4; part++ {
				v.VEXTRACTI32X4(operand.U8(part), swapped, at(4*part+row).Offset(16*half))
			}
		}
	}
}

// chunks gives the words of a block one after another, from four words of each lane at a time.
func (v *vectors) chunks(at func(lane int) operand.Mem) func(index int) word {
	var read [4]word
	return func(index int) word {
		if index%4 == 0 {
			read = v.chunk(func(lane int) operand.Mem { return at(lane).Offset(4 * index) })
			for place := range read { // the other three wait on the stack
				if place > 0 {
					read[place] = v.kept(read[place], v.schedule[index+place])
				}
			}
		}
		return read[index%4]
	}
}
