package lanes

import (
	"bytes"
	"crypto/sha3"
	"hash"
	"testing"

	legacy "golang.org/x/crypto/sha3"
	"pgregory.net/rapid"
)

var longFunctions = map[string]struct{ ours, theirs func() hash.Hash }{
	"Keccak-256": {NewLongKeccak256, legacy.NewLegacyKeccak256},
	"SHA3-256":   {NewLongSHA3256, func() hash.Hash { return sha3.New256() }},
}

func TestAMessageInPiecesHasTheDigestOfTheStandardLibrary(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		for name, function := range longFunctions {
			rapid.Check(t, func(t *rapid.T) {
				ours, theirs := function.ours(), function.theirs()
				for _, length := range rapid.SliceOfN(rapid.IntRange(0, 4*rate), 1, 8).Draw(t, "lengths") {
					piece := bytes.Repeat([]byte{byte(length), byte(length >> 8), 3}, length)[:length]
					_, _ = theirs.Write(piece)
					if count, err := ours.Write(piece); count != length || err != nil {
						t.Fatalf("%d of %d bytes are taken, %v", count, length, err)
					}
					if got, want := ours.Sum([]byte("before")), theirs.Sum([]byte("before")); !bytes.Equal(got, want) {
						t.Fatalf("%s is %x, want %x", name, got, want)
					}
				}
				ours.Reset()
				theirs.Reset()
				if got, want := ours.Sum(nil), theirs.Sum(nil); !bytes.Equal(got, want) {
					t.Fatalf("%s of nothing is %x, want %x", name, got, want)
				}
				if ours.Size() != theirs.Size() || ours.BlockSize() != theirs.BlockSize() {
					t.Fatalf("%s has %d bytes of %d", name, ours.Size(), ours.BlockSize())
				}
			})
		}
	})
}

func TestALongMessageCostsNoAllocation(t *testing.T) {
	message, digest := make([]byte, 10_000), make([]byte, 0, 32)
	onEachPath(t, func(t *testing.T) {
		for name, function := range longFunctions {
			hasher := function.ours()
			allocated := testing.AllocsPerRun(10, func() {
				hasher.Reset()
				_, _ = hasher.Write(message[:99])
				_, _ = hasher.Write(message)
				digest = hasher.Sum(digest[:0])
			})
			if allocated > 0 {
				t.Errorf("%s: %.0f allocations", name, allocated)
			}
		}
	})
}
