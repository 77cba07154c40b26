package job

import (
	"encoding"
	"encoding/hex"

	"github.com/spf13/pflag"

	"davit/shared/hashing/merkle"
)

// word is a flag with a value of a few words, which its type reads.
type word[T interface {
	comparable
	encoding.TextMarshaler
}, P interface {
	*T
	encoding.TextUnmarshaler
}] struct{ value T }

// Set reads the word.
func (w *word[T, P]) Set(text string) error { return P(&w.value).UnmarshalText([]byte(text)) }

// String is empty for a value that is not set.
func (w *word[T, P]) String() string {
	var none T
	if w.value == none {
		return ""
	}
	text, err := w.value.MarshalText()
	if err != nil {
		return ""
	}
	return string(text)
}

// Type is how help names the value.
func (w *word[T, P]) Type() string { return "name" }

// hashFlag is a flag of a hash in hexadecimal.
type hashFlag struct {
	hash  merkle.Hash
	given bool
}

// Set reads the hash.
func (h *hashFlag) Set(text string) (err error) {
	h.given = true
	h.hash, err = merkle.ParseHash(text)
	return err
}

// String is empty for a hash that was not given.
func (h *hashFlag) String() string {
	if !h.given {
		return ""
	}
	return hex.EncodeToString(h.hash[:])
}

// Type is how help names the value.
func (h *hashFlag) Type() string { return "hex" }

var _ pflag.Value = (*hashFlag)(nil)
