package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Lengths in bytes.
const (
	blockSize  = 64
	digestSize = 32
	headerSize = 80
)

// newVectors begins a file for so many lanes.
func newVectors(lanes int) *vectors {
	v := &vectors{Context: build.NewContext(), lanes: lanes}
	v.pool = newPool("constants" + v.name())
	return v
}

func (v *vectors) name() string {
	if v.wide() {
		return "AVX512"
	}
	return "AVX2"
}

// write is all of a file: what it computes, and the Go code that prepares a search of nonces.
func (v *vectors) write() (prepare string) {
	v.overGroups("pairs", "digests of groups of %d pairs of digests", 2*digestSize, func(from lanesOf) [8]word {
		return v.hashedConstants(v.hashed(fresh(), v.chunks(from)), padding(0, 512))
	})
	v.overGroups("prefixedPairs", "digests of groups of %d pairs of digests after a byte 1", 2*digestSize, v.prefixed)
	v.overGroups("rehash", "digests of groups of %d digests", digestSize, func(from lanesOf) [8]word {
		read, end := v.chunks(from), padding(8, 256)
		return v.hashed(fresh(), func(index int) word {
			if index < 8 {
				return read(index)
			}
			return constant(end[index])
		})
	})
	v.messages()
	v.ripemd()
	prepare = v.nonces()
	v.pool.write(v.Context)
	return prepare
}

// lanesOf tells where the bytes of a lane are.
type lanesOf func(lane int) operand.Mem

func (v *vectors) begin(name, doc, signature string) {
	v.uniforms = &uniforms{}
	v.Function(name + v.name())
	v.Doc(name + v.name() + " " + doc + ".")
	v.Pragma("noescape")
	v.SignatureExpr(signature)
	v.locals(8)
}

func (v *vectors) end() {
	v.VZEROUPPER()
	v.RET()
}

func (v *vectors) strided(base reg.Register, stride int) lanesOf {
	return func(lane int) operand.Mem { return operand.Mem{Base: base, Disp: lane * stride} }
}

// overGroups writes a function that takes messages of the same length, one after another, and gives their digests.
func (v *vectors) overGroups(name, doc string, stride int, digest func(from lanesOf) [8]word) {
	v.begin(name, "computes the "+fmt.Sprintf(doc, v.lanes), "func(to *byte, from *byte, groups uint64)")
	to, from, groups := v.Load(v.Param("to"), v.GP64()), v.Load(v.Param("from"), v.GP64()), v.Load(v.Param("groups"), v.GP64())
	v.Label("group")
	v.store(digest(v.strided(from, stride)), v.strided(to, digestSize))
	v.ADDQ(operand.I32(v.lanes*stride), from)
	v.ADDQ(operand.I32(v.lanes*digestSize), to)
	v.DECQ(groups)
	v.JNZ(operand.LabelRef("group"))
	v.end()
}

// prefixed is the digest of 65 bytes: all words move by a byte.
func (v *vectors) prefixed(from lanesOf) [8]word {
	last := v.place()
	read := v.chunks(from)
	before := constant(1)
	shifted := func(instruction func(...operand.Op), count int, w word) word {
		result := v.register()
		instruction(operand.U8(count), v.materialise(w), result)
		return word{vector: result}
	}
	middle := v.hashed(fresh(), func(index int) word {
		next := read(index)
		result := constant(1 << 24)
		if index > 0 {
			result = shifted(v.VPSLLD, 24, before)
		}
		next.vector = v.materialise(next) // its place is about to be written
		before = next
		if index%4 == 3 { // the next words come in between
			v.put(next, last)
			before = word{vector: last}
		}
		return v.sum(result, shifted(v.VPSRLD, 8, next))
	})
	end := padding(0, 65*8)
	return v.hashed(middle, func(index int) word {
		if index == 0 {
			return v.sum(shifted(v.VPSLLD, 24, word{vector: last}), constant(0x00800000))
		}
		return constant(end[index])
	})
}

// messages writes the function for messages of any length, already padded.
func (v *vectors) messages() {
	v.overBlocks("messages", "computes the digests of", initial[:], func(state []word, message func(int) word) []word {
		after := v.compress([8]word(state), message)
		result := make([]word, len(state))
		for index := range after {
			result[index] = v.sum(after[index], state[index])
		}
		return result
	})
}

// overBlocks writes a function over messages of the same number of blocks. What a block makes of the state, which is on
// the stack, must not be in the state's own places.
func (v *vectors) overBlocks(name, doc string, initial []uint32, block func(state []word, message func(int) word) []word) {
	v.begin(name, fmt.Sprintf("%s groups of %d padded messages of so many blocks each", doc, v.lanes),
		"func(to *byte, from *byte, groups uint64, blocks uint64)")
	state := make([]word, len(initial))
	for index := range state {
		state[index] = word{vector: v.place()}
	}
	to, from, groups := v.Load(v.Param("to"), v.GP64()), v.Load(v.Param("from"), v.GP64()), v.Load(v.Param("groups"), v.GP64())
	stride, stride3, blocks := v.GP64(), v.GP64(), v.GP64()
	v.Load(v.Param("blocks"), stride)
	v.SHLQ(operand.U8(6), stride)
	v.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	v.Label("group")
	for index, value := range initial {
		v.put(constant(value), state[index].vector.(operand.Mem))
	}
	v.Load(v.Param("blocks"), blocks)
	v.Label("block")
	bases := []reg.Register{from}
	for len(bases) < v.lanes/4 {
		next := v.GP64()
		v.LEAQ(operand.Mem{Base: bases[len(bases)-1], Index: stride, Scale: 4}, next)
		bases = append(bases, next)
	}
	after := block(state, v.chunks(func(lane int) operand.Mem {
		base := bases[lane/4]
		return [4]operand.Mem{{Base: base}, {Base: base, Index: stride, Scale: 1}, {Base: base, Index: stride, Scale: 2},
			{Base: base, Index: stride3, Scale: 1}}[lane%4]
	}))
	for index, w := range after {
		v.put(w, state[index].vector.(operand.Mem))
	}
	v.ADDQ(operand.I32(blockSize), from)
	v.DECQ(blocks)
	v.JNZ(operand.LabelRef("block"))
	var digest [8]word
	copy(digest[:], state)
	v.store(digest, v.strided(to, digestSize))
	v.ADDQ(operand.I32(v.lanes*digestSize), to)
	// From is at the end of the first message.
	next := v.GP64()
	v.MOVQ(stride, next)
	v.IMUL3Q(operand.I32(v.lanes-1), stride, next)
	v.ADDQ(next, from)
	v.DECQ(groups)
	v.JNZ(operand.LabelRef("group"))
	v.end()
}

// nonces writes the search. What is the same for all nonces is in the table.
func (v *vectors) nonces() (prepare string) {
	v.begin("nonces", fmt.Sprintf("tries groups of %d nonces from first on, and answers how many groups it went through "+
		"before one with a candidate", v.lanes), "func(table *uint32, first uint32, groups uint64, limit uint32) (tried uint64)")
	nonces, order := v.place(), v.place()
	table := v.Load(v.Param("table"), v.GP64())
	groups := v.Load(v.Param("groups"), v.GP64())
	v.table = operand.Mem{Base: table}
	tried := v.GP64()
	v.XORQ(tried, tried)

	swap := v.load(v.pool.swap(v.size()))
	v.move(swap, order)
	broadcast := func(parameter string) operand.Op {
		value, result, low := v.GP32(), v.register(), v.XMM()
		v.Load(v.Param(parameter), value)
		v.VMOVD(value, low)
		v.VPBROADCASTD(low, result)
		return result
	}
	var count []uint32
	for lane := range v.lanes {
		count = append(count, uint32(lane))
	}
	begin := v.register()
	v.VPADDD(v.pool.bytes(little(count...)), broadcast("first"), begin)
	v.move(begin, nonces)
	limit := v.place()
	v.move(broadcast("limit"), limit)

	v.Label("group")
	var midstate [8]word
	for index := range midstate {
		midstate[index] = v.uniforms.define(fmt.Sprintf("midstate[%d]", index))
	}
	end := padding(4, headerSize*8)
	var rest [16]word
	for index := range rest {
		rest[index] = constant(end[index])
		if index < 3 {
			rest[index] = v.uniforms.define(fmt.Sprintf("rest[%d]", index))
		}
	}
	inner := v.added(v.unrolled(midstate, func(index int) word {
		if index != 3 {
			return rest[index]
		}
		swapped := v.register()
		v.VPSHUFB(order, v.load(nonces), swapped)
		return word{vector: swapped}
	}, 63), midstate)
	outer := v.unrolled(fresh(), v.ofDigest(inner), 60)
	value := v.sum(outer[4], constant(initial[7])) // the last word of the digest is the e of three rounds ago
	number := v.register()
	v.VPSHUFB(order, value.vector, number)
	candidates := v.GP32()
	if v.wide() {
		mask := reg.K1
		v.VPCMPUD(operand.U8(2), limit, number, mask)
		v.KMOVW(mask, candidates)
	} else {
		least, same := v.register(), v.register()
		v.VPMINUD(limit, number, least)
		v.VPCMPEQD(least, number, same)
		v.VPMOVMSKB(same, candidates)
	}
	v.TESTL(candidates, candidates)
	v.JNZ(operand.LabelRef("candidate"))
	next := v.register()
	v.VPADDD(nonces, v.materialise(constant(uint32(v.lanes))), next)
	v.move(next, nonces)
	v.INCQ(tried)
	v.CMPQ(tried, groups)
	v.JNE(operand.LabelRef("group"))
	v.Label("candidate")
	v.Store(tried, v.Return("tried"))
	v.end()
	return v.uniforms.text()
}
