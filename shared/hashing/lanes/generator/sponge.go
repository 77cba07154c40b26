package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sponge writes Keccak for one message, with general-purpose registers and the instructions of BMI.
type sponge struct {
	*build.Context
	// here has the state before a round, there the state after it.
	here, there [keccakWords]operand.Mem
	row, theta  [5]reg.Register
	spare       reg.Register
	constants   reg.Register
}

func newSponge() *build.Context {
	s := &sponge{Context: build.NewContext()}
	p := newPool("constantsKeccakBMI")
	constants := p.bytes(append(roundConstants(), make([]byte, 64)...)) // a power of two
	s.Function("absorbBMI")
	s.Doc(fmt.Sprintf("absorbBMI takes so many blocks of %d bytes into the state of %d words.", rate, keccakWords))
	s.Pragma("noescape")
	s.SignatureExpr("func(state *uint64, from *byte, blocks uint64)")
	frame := s.AllocLocal(8 * (2*keccakWords + 1))
	for index := range keccakWords {
		s.here[index], s.there[index] = frame.Offset(8*index), frame.Offset(8*(keccakWords+index))
	}
	left := frame.Offset(8 * 2 * keccakWords)
	for index := range s.row {
		s.row[index], s.theta[index] = s.GP64(), s.GP64()
	}
	s.spare, s.constants = s.GP64(), s.GP64()
	from := s.Load(s.Param("from"), s.GP64())
	blocks, err := s.Param("blocks").Resolve()
	if err != nil {
		panic(err)
	}
	state := s.row[0]
	s.Load(s.Param("state"), state)
	for index, place := range s.here {
		s.MOVQ(operand.Mem{Base: state, Disp: 8 * index}, s.spare)
		s.MOVQ(s.spare, place)
	}
	s.Label("block")
	for index := range rate / 8 {
		s.MOVQ(operand.Mem{Base: from, Disp: 8 * index}, s.spare)
		s.XORQ(s.spare, s.here[index])
	}
	s.LEAQ(constants, s.constants)
	s.MOVQ(operand.U32(12), left)
	s.Label("rounds")
	for half := range 2 {
		s.round(operand.Mem{Base: s.constants, Disp: 8 * half})
		s.here, s.there = s.there, s.here
	}
	s.ADDQ(operand.U8(16), s.constants)
	s.DECQ(left)
	s.JNZ(operand.LabelRef("rounds"))
	s.ADDQ(operand.U8(rate/2), from)
	s.ADDQ(operand.U8(rate/2), from)
	s.DECQ(blocks.Addr)
	s.JNZ(operand.LabelRef("block"))
	s.Load(s.Param("state"), state)
	for index, place := range s.here {
		s.MOVQ(place, s.spare)
		s.MOVQ(s.spare, operand.Mem{Base: state, Disp: 8 * index})
	}
	s.RET()
	p.write(s.Context)
	return s.Context
}

// round is one round (FIPS 202, section 3.3) with its constant.
func (s *sponge) round(constant operand.Mem) {
	for x, column := range s.row {
		s.MOVQ(s.here[x], column)
		for y := 1; y < 5; y++ {
			s.XORQ(s.here[x+5*y], column)
		}
	}
	for x, difference := range s.theta {
		s.RORXQ(operand.U8(63), s.row[(x+1)%5], difference)
		s.XORQ(s.row[(x+4)%5], difference)
	}
	for y := range 5 {
		for x, word := range s.row {
			column := (x + 3*y) % 5
			from := column + 5*x
			s.MOVQ(s.here[from], word)
			s.XORQ(s.theta[column], word)
			if offsets[from] > 0 {
				s.ROLQ(operand.U8(offsets[from]), word)
			}
		}
		for x, word := range s.row {
			s.ANDNQ(s.row[(x+2)%5], s.row[(x+1)%5], s.spare)
			s.XORQ(word, s.spare)
			if x+5*y == 0 {
				s.XORQ(constant, s.spare)
			}
			s.MOVQ(s.spare, s.there[x+5*y])
		}
	}
}
