package lanes

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func numbered(count int, seed uint64) []Digest {
	digests := make([]Digest, count)
	for index := range digests {
		digests[index] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, seed+uint64(index)))
	}
	return digests
}

func TestPairsAreWhatTheStandardLibraryComputes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := numbered(2*rapid.IntRange(0, 100).Draw(t, "pairs")+rapid.IntRange(0, 1).Draw(t, "odd"), rapid.Uint64().Draw(t, "seed"))
		prefix := rapid.Byte().Draw(t, "prefix")
		double, prefixed := make([]Digest, len(from)/2), make([]Digest, len(from)/2)
		DoublePairs(double, from)
		PrefixedPairs(prefix, prefixed, from)
		for index := range double {
			pair := slices.Concat(from[2*index][:], from[2*index+1][:])
			inner := sha256.Sum256(pair)
			if want := sha256.Sum256(inner[:]); double[index] != want {
				t.Fatalf("double pair %d of %d is %x, want %x", index, len(double), double[index], want)
			}
			if want := sha256.Sum256(slices.Concat([]byte{prefix}, pair)); prefixed[index] != want {
				t.Fatalf("prefixed pair %d of %d is %x, want %x", index, len(double), prefixed[index], want)
			}
		}
		inPlace := slices.Clone(from)
		DoublePairs(inPlace[:len(double)], inPlace)
		if !slices.Equal(inPlace[:len(double)], double) {
			t.Fatal("in place the result is another")
		}
		inPlace = slices.Clone(from)
		PrefixedPairs(prefix, inPlace[:len(double)], inPlace)
		if !slices.Equal(inPlace[:len(double)], prefixed) {
			t.Fatal("in place the result is another, with a prefix")
		}
	})
}

func TestTheFirstNonceIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		header := [HeaderSize]byte(rapid.SliceOfN(rapid.Byte(), HeaderSize, HeaderSize).Draw(t, "header"))
		count := rapid.Uint64Range(0, 200).Draw(t, "count")
		first := rapid.Uint32Range(0, 1<<32-1-200).Draw(t, "first")
		limit := uint32(1<<32-1) >> rapid.IntRange(0, 12).Draw(t, "bits")
		nonce, found := NewNonces(header).Find(first, count, limit)
		for tried := range uint32(count) {
			binary.LittleEndian.PutUint32(header[nonceOffset:], first+tried)
			inner := sha256.Sum256(header[:])
			outer := sha256.Sum256(inner[:])
			if binary.LittleEndian.Uint32(outer[28:]) <= limit {
				if !found || nonce != first+tried {
					t.Fatalf("%d, %v, want %d", nonce, found, first+tried)
				}
				return
			}
		}
		if found {
			t.Fatalf("%d is found, which is none", nonce)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	from := numbered(1000, 0)
	nonces := NewNonces([HeaderSize]byte{})
	allocated := testing.AllocsPerRun(10, func() {
		DoublePairs(from[:500], from)
		PrefixedPairs(1, from[:500], from)
		nonces.Find(0, 1000, 0)
	})
	if allocated > 0 {
		t.Errorf("%.0f allocations", allocated)
	}
}

// onEachPath runs a test on every path that this CPU has.
func onEachPath(t *testing.T, test func(t *testing.T)) {
	before := chosen
	defer func() {
		if err := choose(before); err != nil {
			t.Error(err)
		}
	}()
	for _, path := range Paths() {
		if err := choose(path); err != nil {
			t.Fatal(err)
		}
		t.Run(string(path), test)
	}
}
