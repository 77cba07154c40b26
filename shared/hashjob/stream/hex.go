package stream

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// AppendHex appends to the bytes what the hexadecimal digits say. Its error names the first wrong character, from 1.
func AppendHex(to, text []byte) ([]byte, error) {
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
