package main

import (
	"fmt"
	"strings"
)

// arm writes SHA-256 with the SHA-2 instructions of ARMv8, two messages side by side. Avo has no such assembly, so this is
// text. Registers 0 to 7 are those of the first message, 8 to 15 of the second one, 16 to 31 hold the rounds' constants.
type arm struct {
	text, declarations strings.Builder
}

// armStreams is how many messages go side by side.
const armStreams = 2

// The registers of a message, counted from its first one.
const (
	armABCD = iota
	armEFGH
	armOld
	armMixed
	armSchedule
)

func (a *arm) line(format string, arguments ...any) {
	fmt.Fprintf(&a.text, "\t"+format+"\n", arguments...)
}

func (a *arm) label(name string) { fmt.Fprintf(&a.text, "%s:\n", name) }

// each writes the same for both messages.
func (a *arm) each(write func(index, base int)) {
	for index := range armStreams {
		write(index, 8*index)
	}
}

func (a *arm) table(name string, words []uint32) {
	a.text.WriteString("\n")
	for index, word := range words {
		fmt.Fprintf(&a.text, "DATA %s<>+%d(SB)/4, $0x%08x\n", name, 4*index, word)
	}
	fmt.Fprintf(&a.text, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, 4*len(words))
}

func sums(block [16]uint32) []uint32 {
	all := make([]uint32, len(rounds))
	for round := range all {
		if round >= 16 {
			block[round&15] += smallSigma0.of(block[(round+1)&15]) + block[(round+9)&15] + smallSigma1.of(block[(round+14)&15])
		}
		all[round] = block[round&15] + rounds[round]
	}
	return all
}

// write is the assembly and the Go declarations.
func (a *arm) write() (assembly, declarations []byte) {
	fmt.Fprintf(&a.text, "%s\n\n//go:build %s\n\n#include \"textflag.h\"\n", warning, tags)
	fmt.Fprintf(&a.declarations, "%s\n\n//go:build %s\n\npackage lanes\n", warning, tags)
	digestEnd, headerEnd := padding(8, 256), padding(4, headerSize*8)
	a.table("rounds", rounds[:])
	a.table("initial", initial[:])
	a.table("blockEnd", sums(padding(0, 512)))
	a.table("digestEnd", digestEnd[8:])
	a.table("headerEnd", headerEnd[4:])

	a.overGroups("pairs", "computes the digests of groups of 2 pairs of digests", "to, from *byte, groups uint64", func() {
		a.fresh()
		a.message("R1", 2*digestSize)
		a.hash("initial", false)
		a.each(func(_, base int) { a.save(base) })
		a.line("MOVD $blockEnd<>(SB), R6")
		a.hash("", true)
	})
	a.overGroups("rehash", "computes the digests of groups of 2 digests", "to, from *byte, groups uint64", func() {
		a.fresh()
		a.line("MOVD $digestEnd<>(SB), R6")
		a.each(func(_, base int) {
			a.line("VLD1.P 32(R1), [V%d.B16, V%d.B16]", base+armSchedule, base+armSchedule+1)
			a.swap(base+armSchedule, 2)
			a.line("VLD1 (R6), [V%d.S4, V%d.S4]", base+armSchedule+2, base+armSchedule+3)
		})
		a.hash("initial", false)
	})
	a.overGroups("messages", "computes the digests of groups of 2 padded messages of so many blocks each",
		"to, from *byte, groups, blocks uint64", func() {
			a.fresh()
			a.line("MOVD blocks+24(FP), R7")
			a.line("ADD R7<<6, R1, R8")
			a.label("block")
			a.each(func(index, base int) {
				a.save(base)
				a.line("VLD1.P 64(R%d), [V%d.B16, V%d.B16, V%d.B16, V%d.B16]", []int{1, 8}[index], base+4, base+5, base+6, base+7)
				a.swap(base+armSchedule, 4)
			})
			a.hash("", false)
			a.line("SUB $1, R7")
			a.line("CBNZ R7, block")
			a.line("MOVD R8, R1")
		})
	a.nonces()
	return []byte(a.text.String()), []byte(a.declarations.String())
}

func (a *arm) begin(name, doc, parameters, result string, arguments int) {
	fmt.Fprintf(&a.declarations, "\n// %sSHA2 %s.\n//\n//go:noescape\nfunc %sSHA2(%s)%s\n", name, doc, name, parameters, result)
	fmt.Fprintf(&a.text, "\n// func %sSHA2(%s)%s\nTEXT ·%sSHA2(SB), NOSPLIT, $64-%d\n", name, parameters, result, name, arguments)
	a.line("MOVD $rounds<>(SB), R6")
	for first := 16; first < 32; first += 4 {
		a.line("VLD1.P 64(R6), [V%d.S4, V%d.S4, V%d.S4, V%d.S4]", first, first+1, first+2, first+3)
	}
	a.line("MOVD $initial<>(SB), R4")
	a.line("MOVD $saved-64(SP), R5") // room for the states before a block
}

func (a *arm) overGroups(name, doc, parameters string, write func()) {
	a.begin(name, doc, parameters, "", 8*(1+strings.Count(parameters, ",")))
	a.line("MOVD to+0(FP), R0")
	a.line("MOVD from+8(FP), R1")
	a.line("MOVD groups+16(FP), R2")
	a.label("group")
	write()
	a.each(func(_, base int) {
		a.swap(base, 2)
		a.line("VST1.P [V%d.B16, V%d.B16], 32(R0)", base, base+1)
	})
	a.line("SUB $1, R2")
	a.line("CBNZ R2, group")
	a.line("RET")
}

func (a *arm) swap(first, count int) {
	for register := first; register < first+count; register++ {
		a.line("VREV32 V%d.B16, V%d.B16", register, register)
	}
}

func (a *arm) fresh() {
	a.each(func(_, base int) { a.line("VLD1 (R4), [V%d.S4, V%d.S4]", base, base+1) })
}

func (a *arm) message(from string, stride int) {
	a.each(func(_, base int) {
		a.line("VLD1.P %d(%s), [V%d.B16, V%d.B16, V%d.B16, V%d.B16]", stride, from, base+4, base+5, base+6, base+7)
		a.swap(base+armSchedule, 4)
	})
}

// save puts the state where hash finds it.
func (a *arm) save(base int) {
	if base == 0 {
		a.line("VST1.P [V%d.S4, V%d.S4], 32(R5)", base, base+1)
		return
	}
	a.line("VST1 [V%d.S4, V%d.S4], (R5)", base, base+1)
	a.line("SUB $32, R5")
}

// hash is the compression function (FIPS 180-4, section 6.2.2). The state before it is the initial one, or what was saved.
// Where the block is the same for all messages, R6 is where its words lie, with the rounds' constants added.
func (a *arm) hash(before string, same bool) {
	for group := range 16 {
		if same {
			a.line("VLD1.P 16(R6), [V%d.S4]", armMixed)
			a.line("VMOV V%d.B16, V%d.B16", armMixed, 8+armMixed)
		}
		a.each(func(_, base int) { a.group(group, base, same) })
	}
	a.each(func(index, base int) {
		switch {
		case before == "initial":
			a.line("VLD1 (R4), [V%d.S4, V%d.S4]", base+armOld, base+armMixed)
		case index == 0:
			a.line("VLD1.P 32(R5), [V%d.S4, V%d.S4]", base+armOld, base+armMixed)
		default:
			a.line("VLD1 (R5), [V%d.S4, V%d.S4]", base+armOld, base+armMixed)
			a.line("SUB $32, R5")
		}
		a.line("VADD V%d.S4, V%d.S4, V%d.S4", base+armOld, base, base)
		a.line("VADD V%d.S4, V%d.S4, V%d.S4", base+armMixed, base+1, base+1)
	})
}

// group is four rounds of one message.
func (a *arm) group(group, base int, same bool) {
	schedule := func(place int) int { return base + armSchedule + (group+place)%4 }
	mixed, old := base+armMixed, base+armOld
	extends := !same && group < 12
	if !same {
		a.line("VADD V%d.S4, V%d.S4, V%d.S4", 16+group, schedule(0), mixed)
	}
	if extends {
		a.line("SHA256SU0 V%d.S4, V%d.S4", schedule(1), schedule(0))
	}
	a.line("VMOV V%d.B16, V%d.B16", base, old)
	a.line("SHA256H V%d.S4, V%d, V%d", mixed, base+armEFGH, base)
	a.line("SHA256H2 V%d.S4, V%d, V%d", mixed, old, base+armEFGH)
	if extends {
		a.line("SHA256SU1 V%d.S4, V%d.S4, V%d.S4", schedule(3), schedule(2), schedule(0))
	}
}

// nonces writes the search. The table has the midstate and the words of the first four rounds without the nonce.
func (a *arm) nonces() {
	a.begin("nonces", "tries groups of 2 nonces from first on, and answers how many groups it went through before one with a candidate",
		"table *uint32, first uint32, groups uint64, limit uint32", " (tried uint64)", 40)
	a.line("MOVD table+0(FP), R0")
	a.line("MOVWU first+8(FP), R1")
	a.line("MOVD groups+16(FP), R2")
	a.line("MOVWU limit+24(FP), R3")
	a.line("MOVD ZR, R7")
	a.line("ADD $32, R0, R8")
	a.line("MOVD $headerEnd<>(SB), R9")
	a.line("MOVD $digestEnd<>(SB), R10")
	a.line("MOVWU 28(R4), R11") // what the last word begins with
	a.label("group")
	a.each(func(index, base int) {
		a.line("VLD1 (R0), [V%d.S4, V%d.S4]", base, base+1)
		a.line("VLD1 (R8), [V%d.S4]", base+armSchedule)
		a.line("ADDW $%d, R1, R12", index)
		a.line("REVW R12, R12")
		a.line("VMOV R12, V%d.S[3]", base+armSchedule)
		a.line("VLD1 (R9), [V%d.S4, V%d.S4, V%d.S4]", base+5, base+6, base+7)
		a.save(base)
	})
	a.hash("", false)
	a.each(func(_, base int) {
		a.line("VMOV V%d.B16, V%d.B16", base, base+armSchedule)
		a.line("VMOV V%d.B16, V%d.B16", base+1, base+armSchedule+1)
		a.line("VLD1 (R10), [V%d.S4, V%d.S4]", base+6, base+7)
	})
	a.fresh()
	for group := range 16 {
		a.each(func(_, base int) { a.group(group, base, false) })
	}
	a.each(func(_, base int) {
		a.line("VMOV V%d.S[3], R12", base+armEFGH)
		a.line("ADDW R11, R12, R12")
		a.line("REVW R12, R12")
		a.line("CMPW R3, R12")
		a.line("BLS candidate")
	})
	a.line("ADDW $%d, R1, R1", armStreams)
	a.line("ADD $1, R7")
	a.line("CMP R2, R7")
	a.line("BNE group")
	a.label("candidate")
	a.line("MOVD R7, tried+32(FP)")
	a.line("RET")
}
