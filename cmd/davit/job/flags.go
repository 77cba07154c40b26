package job

import (
	"encoding"
	"encoding/hex"
	"fmt"
	"strings"

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

// digits appends to the bytes what the hexadecimal digits say. Its error names the first wrong character, from 1.
func digits(to, text []byte) ([]byte, error) {
	if len(text)%2 == 0 {
		read, err := hex.AppendDecode(to, text)
		if err == nil {
			return read, nil
		}
	}
	const known = "0123456789abcdefABCDEF"
	for index, character := range text {
		if strings.IndexByte(known, character) < 0 {
			return to, fmt.Errorf("character %d is %q, which is no hexadecimal digit", index+1, rune(character))
		}
	}
	return to, fmt.Errorf("there are %d hexadecimal digits: their number is odd", len(text))
}
