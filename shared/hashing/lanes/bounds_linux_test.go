package lanes

import (
	"syscall"
	"testing"
	"unsafe"
)

// fenced is memory of the length with a page before and behind it that cannot be touched: it begins right behind the one, or
// ends right before the other.
func fenced(t *testing.T, length int, atEnd bool) []byte {
	t.Helper()
	page := syscall.Getpagesize()
	inner := (length + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, fence := range [][]byte{all[:page], all[page+inner:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if atEnd {
		return all[page+inner-length : page+inner : page+inner]
	}
	return all[page : page+length : page+length]
}

// TestNothingBesideTheInputIsTouched ends the test program where a function reads or writes beyond what it was given.
func TestNothingBesideTheInputIsTouched(t *testing.T) {
	digests := func(raw []byte) []Digest {
		return unsafe.Slice((*Digest)(unsafe.Pointer(&raw[0])), len(raw)/len(Digest{}))
	}
	onEachPath(t, func(t *testing.T) {
		for _, count := range []int{1, 2, 4, 8, 16, 20, 32, 36} {
			for _, atEnd := range []bool{false, true} {
				to, from := digests(fenced(t, 32*count, atEnd)), digests(fenced(t, 64*count, atEnd))
				Pairs(to, from)
				DoublePairs(to, from)
				PrefixedPairs(NodePrefix, to, from)
				Blocks(flat(to), flat(from))
				Rehash(flat(to))
				Headers(to, fenced(t, HeaderSize*count, atEnd))
				for _, function := range longFunctions {
					_, _ = function.ours().Write(fenced(t, rate*count, atEnd))
				}
			}
		}
	})
}
