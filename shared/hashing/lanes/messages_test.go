package lanes

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"slices"
	"testing"

	//lint:ignore SA1019 Bitcoin's addresses are made of it.
	"golang.org/x/crypto/ripemd160" // #nosec G507 -- as above
	legacy "golang.org/x/crypto/sha3"
	"pgregory.net/rapid"
)

var functions = []struct {
	name string
	open func() *Messages
	want func(message []byte) []byte
}{
	{"SHA-256", NewSHA256, func(message []byte) []byte { digest := sha256.Sum256(message); return digest[:] }},
	{"SHA3-256", NewSHA3256, func(message []byte) []byte { digest := sha3.Sum256(message); return digest[:] }},
	{"Keccak-256", NewKeccak256, func(message []byte) []byte {
		hasher := legacy.NewLegacyKeccak256()
		_, _ = hasher.Write(message)
		return hasher.Sum(nil)
	}},
	{"RIPEMD-160", NewRIPEMD160, func(message []byte) []byte {
		hasher := ripemd160.New() // #nosec G406 -- it was asked for
		_, _ = hasher.Write(message)
		return hasher.Sum(nil)
	}},
}

func TestMessagesOfEveryLengthHaveTheDigestOfTheStandardLibrary(t *testing.T) {
	text := make([]byte, 1300)
	for index := range text {
		text[index] = byte(index * index >> 3)
	}
	onEachPath(t, func(t *testing.T) {
		for _, function := range functions {
			messages := function.open()
			digests := make([]Digest, len(text))
			for length := range digests {
				messages.Add(&digests[length], text[:length%3], text[length%3:length])
			}
			messages.Flush()
			for length, digest := range digests {
				if want := function.want(text[:length]); !bytes.Equal(digest[:len(want)], want) {
					t.Errorf("%s of %d bytes is %x, want %x", function.name, length, digest, want)
				}
			}
		}
	})
}

func TestMessagesInAnyOrderHaveTheirOwnDigests(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		for _, function := range functions {
			messages := function.open()
			rapid.Check(t, func(t *rapid.T) {
				inputs := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 700), 0, 100).Draw(t, "inputs")
				prefix := rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "prefix")
				digests := make([]Digest, len(inputs))
				for index, input := range inputs {
					messages.Add(&digests[index], prefix, input)
				}
				messages.Flush()
				for index, input := range inputs {
					if want := function.want(slices.Concat(prefix, input)); !bytes.Equal(digests[index][:len(want)], want) {
						t.Fatalf("%s of input %d is %x, want %x", function.name, index, digests[index], want)
					}
				}
			})
		}
	})
}
