package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/operand"
)

// word is a 32-bit word of all lanes: the same number in every lane and every call (constant), the same number in every
// lane, known before the loop (uniform: the name of a Go variable; listed: in the memory at place), or another number in
// each (vector: a register or memory).
type word struct {
	constant uint32
	uniform  string
	listed   bool
	place    operand.Mem
	vector   operand.Op
}

func constant(value uint32) word { return word{constant: value} }

func (w word) isConstant() bool { return w.uniform == "" && w.vector == nil && !w.listed }

// uniforms collects the Go code that computes uniform words once, and gives those that a loop needs a place in a table.
type uniforms struct {
	names []string
	code  map[string]uniform
	table []string
}

type uniform struct {
	code string
	uses []string
}

// define names an expression, of which the words that are uniform are the operands.
func (u *uniforms) define(code string, operands ...word) word {
	name := fmt.Sprintf("u%d", len(u.names))
	u.names = append(u.names, name)
	if u.code == nil {
		u.code = map[string]uniform{}
	}
	defined := uniform{code: code}
	for _, operand := range operands {
		if operand.uniform != "" {
			defined.uses = append(defined.uses, operand.uniform)
		}
	}
	u.code[name] = defined
	return word{uniform: name}
}

// place is the index in the table of a uniform word.
func (u *uniforms) place(name string) int {
	if index := slices.Index(u.table, name); index >= 0 {
		return index
	}
	u.table = append(u.table, name)
	return len(u.table) - 1
}

// text is the Go code that fills the table.
func (u *uniforms) text() string {
	used := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		if !used[name] {
			used[name] = true
			for _, other := range u.code[name].uses {
				follow(other)
			}
		}
	}
	for _, name := range u.table {
		follow(name)
	}
	var lines strings.Builder
	for _, name := range u.names {
		if used[name] {
			fmt.Fprintf(&lines, "\t%s := %s\n", name, u.code[name].code)
		}
	}
	for index, name := range u.table {
		fmt.Fprintf(&lines, "\ttable[%d] = %s\n", index, name)
	}
	return lines.String()
}

// expression is how Go writes a word that is no vector.
func (w word) expression() string {
	if w.uniform != "" {
		return w.uniform
	}
	return fmt.Sprintf("%#08x", w.constant)
}
