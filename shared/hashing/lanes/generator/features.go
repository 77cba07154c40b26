package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// features writes the question to the CPU for what Go's libraries do not tell.
func features() *build.Context {
	c := build.NewContext()
	c.Function("extendedFeatures")
	c.Doc("extendedFeatures is what the CPU answers to leaf 7 of CPUID in EBX, or 0 where it has no such leaf.")
	c.SignatureExpr("func() (features uint32)")
	c.XORL(reg.EAX, reg.EAX)
	c.CPUID()
	c.CMPL(reg.EAX, operand.U8(7))
	c.JB(operand.LabelRef("none"))
	c.MOVL(operand.U32(7), reg.EAX)
	c.XORL(reg.ECX, reg.ECX)
	c.CPUID()
	c.Store(reg.EBX, c.Return("features"))
	c.RET()
	c.Label("none")
	c.XORL(reg.EBX, reg.EBX)
	c.Store(reg.EBX, c.Return("features"))
	c.RET()
	return c
}
