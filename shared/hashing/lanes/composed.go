//go:build (amd64 || arm64) && !purego

package lanes

import (
	"crypto/sha256"
)

// These are put together from others, where there is no code for the whole.

// nearby is how many digests are hashed once before they are hashed again: they stay in the first cache.
const nearby = 256

func twicePairs(to, from []byte) {
	for len(to) > 0 {
		size := min(len(to), nearby*sha256.Size)
		pairs(to[:size], from[:2*size])
		rehash(to[:size], to[:size])
		to, from = to[size:], from[2*size:]
	}
}

// padded is the length of two blocks.
const padded = 2 * sha256.BlockSize

// padTwo writes what follows a message of a length below two blocks.
func padTwo(messages []byte, length int) {
	for message := messages; len(message) > 0; message = message[padded:] {
		message[length] = 0x80
		message[padded-2], message[padded-1] = byte(length*8>>8), byte(length*8&0xff) // #nosec G115 -- below 1024
	}
}

func twiceHeaders(to, from []byte) {
	var room [16 * padded]byte // the widest lanes
	messages, size := room[:width*padded], width*sha256.Size
	padTwo(messages, HeaderSize)
	for len(to) > 0 {
		for index := range width {
			copy(messages[index*padded:], from[index*HeaderSize:(index+1)*HeaderSize])
		}
		sums(to[:size], messages, 2)
		rehash(to[:size], to[:size])
		to, from = to[size:], from[width*HeaderSize:]
	}
}
