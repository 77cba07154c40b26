package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// pool collects the constants of a file, each once.
type pool struct {
	name   string
	places map[[2]any]int
	data   []byte
}

func newPool(name string) *pool { return &pool{name: name, places: map[[2]any]int{}} }

// bytes is where the bytes lie, at a multiple of their number, which is a power of two.
func (p *pool) bytes(value []byte) operand.Mem {
	key := [2]any{len(value), string(value)}
	place, known := p.places[key]
	if !known {
		for len(p.data)%len(value) != 0 {
			p.data = append(p.data, 0)
		}
		place = len(p.data)
		p.data = append(p.data, value...)
		p.places[key] = place
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(p.name), place)
}

func little(values ...uint32) []byte {
	var raw []byte
	for _, value := range values {
		raw = append(raw, byte(value), byte(value>>8), byte(value>>16), byte(value>>24))
	}
	return raw
}

// word is where the word lies.
func (p *pool) word(value uint32) operand.Mem { return p.bytes(little(value)) }

// list is where the words lie one after another.
func (p *pool) list(values []uint32) operand.Mem { return p.bytes(little(values...)) }

// four is where four words lie one after another.
func (p *pool) four(values [4]uint32) operand.Mem { return p.bytes(little(values[:]...)) }

// swap is the order that turns the bytes of each word of a register around.
func (p *pool) swap(size int) operand.Mem {
	order := make([]byte, size)
	for index := range order {
		order[index] = byte(index&^3+3-index&3) & 15
	}
	return p.bytes(order)
}

// write puts the constants into the file.
func (p *pool) write(to *build.Context) {
	to.StaticGlobal(p.name)
	to.DataAttributes(attr.NOPTR | attr.RODATA)
	for len(p.data)%8 != 0 {
		p.data = append(p.data, 0)
	}
	for at := 0; at < len(p.data); at += 8 {
		var value uint64
		for index := range 8 {
			value |= uint64(p.data[at+index]) << (8 * index)
		}
		to.AddDatum(at, operand.U64(value))
	}
}
