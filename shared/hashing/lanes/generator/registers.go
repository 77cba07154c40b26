package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// compile is avo's pass of the same name with another allocation of registers: avo's takes minutes for functions of
// thousands of instructions.
var compile = pass.Concat(
	pass.Verify,
	pass.FunctionPass(pass.LabelTarget),
	pass.FunctionPass(pass.CFG),
	pass.InstructionPass(pass.ZeroExtend32BitOutputs),
	pass.FunctionPass(allocate),
	pass.FunctionPass(pass.BindRegisters),
	pass.FunctionPass(pass.VerifyAllocation),
	pass.FunctionPass(pass.EnsureBasePointerCalleeSaved),
	pass.Func(pass.IncludeTextFlagHeader),
	pass.FunctionPass(pass.PruneSelfMoves),
	pass.FunctionPass(pass.RequiredISAExtensions),
)

// allocate gives each general-purpose register a place of its own for the whole function, and each vector register one from
// where it is first written to where it is last read. No vector register may be in use where the function jumps back.
func allocate(function *ir.Function) error {
	instructions := function.Instructions()
	last := map[reg.ID]int{}
	taken := map[reg.ID]bool{}
	wide := false
	for index, instruction := range instructions {
		for _, register := range instruction.Registers() {
			last[register.ID()] = index
			if physical := reg.ToPhysical(register); physical != nil {
				taken[physical.ID()] = true
			}
			wide = wide || register.Size() == 64
		}
	}
	function.Allocation = reg.NewEmptyAllocation()
	for index, instruction := range instructions {
		// What is read for the last time makes room for what is written.
		for _, register := range instruction.InputRegisters() {
			if reg.ToVirtual(register) != nil && register.Kind() == reg.KindVector && last[register.ID()] == index {
				delete(taken, function.Allocation[register.ID()])
			}
		}
		for _, register := range instruction.OutputRegisters() {
			given, known := function.Allocation[register.ID()]
			if reg.ToVirtual(register) == nil {
				continue
			}
			if !known {
				if given, known = first(register.Kind(), wide, taken); !known {
					return fmt.Errorf("%s: no register is left for instruction %d, %s", function.Name, index, instruction.Opcode)
				}
				function.Allocation[register.ID()] = given
			}
			if register.Kind() == reg.KindGP || last[register.ID()] > index {
				taken[given] = true
			}
		}
	}
	return nil
}

// first is the first register that is not taken.
func first(kind reg.Kind, wide bool, taken map[reg.ID]bool) (reg.ID, bool) {
	for _, register := range reg.FamilyOfKind(kind).Registers() {
		usable := register.Info()&(reg.Restricted|reg.BasePointer) == 0 && !taken[register.ID()]
		if kind == reg.KindVector && !wide && register.PhysicalIndex() > 15 {
			usable = false
		}
		if usable {
			return register.ID(), true
		}
	}
	return 0, false
}
