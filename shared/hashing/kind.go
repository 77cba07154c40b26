// Package hashing computes digests: of one small input, of batches of many, and of streams of any length. Merkle trees
// and Bitcoin's headers are in the packages below it.
package hashing

import (
	"encoding"
	"fmt"
	"strings"
)

// Kind is a digest function. The zero value is none.
type Kind uint8

// The digest functions.
const (
	// SHA256 is SHA-256 (FIPS 180-4, section 6.2).
	SHA256 Kind = iota + 1
	// DoubleSHA256 is SHA-256 of the SHA-256 digest, with which Bitcoin names blocks and transactions
	// (developer.bitcoin.org/reference/block_chain.html).
	DoubleSHA256
	// Keccak256 is Keccak with a capacity of 512 bits and the padding of the original submission, as Ethereum uses it
	// (Yellow Paper, section 3). It differs from SHA3256 in one byte of padding.
	Keccak256
	// SHA3256 is SHA3-256 (FIPS 202, section 6.1).
	SHA3256
	// RIPEMD160 is RIPEMD-160 (Dobbertin, Bosselaers, Preneel 1996; ISO/IEC 10118-3).
	RIPEMD160
	// HASH160 is RIPEMD-160 of the SHA-256 digest, from which Bitcoin makes addresses.
	HASH160
	// BLAKE2b256 is unkeyed BLAKE2b with a digest of 256 bits (RFC 7693).
	BLAKE2b256
)

// names are how kinds are written, by kind.
var names = [...]string{
	SHA256: "sha256", DoubleSHA256: "double-sha256", Keccak256: "keccak256", SHA3256: "sha3-256",
	RIPEMD160: "ripemd160", HASH160: "hash160", BLAKE2b256: "blake2b-256",
}

var (
	_ encoding.TextMarshaler   = SHA256
	_ encoding.TextUnmarshaler = (*Kind)(nil)
)

// Names lists how the kinds are written.
func Names() []string { return append([]string(nil), names[1:]...) }

// ParseKind reads one of Names. Its error lists them.
func ParseKind(text string) (Kind, error) {
	for kind, name := range names {
		if kind > 0 && name == text {
			return Kind(kind), nil
		}
	}
	return 0, fmt.Errorf("%.40q is no digest: it is one of %s", text, strings.Join(names[1:], ", "))
}

func (k Kind) valid() bool { return k > 0 && int(k) < len(names) }

// String is the name that ParseKind reads.
func (k Kind) String() string {
	if !k.valid() {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return names[k]
}

// Size is the length of a digest in bytes: 20 or 32.
func (k Kind) Size() int {
	if k == RIPEMD160 || k == HASH160 {
		return 20
	}
	return 32
}

// MarshalText writes the name.
func (k Kind) MarshalText() ([]byte, error) {
	if !k.valid() {
		return nil, fmt.Errorf("%s is no digest", k)
	}
	return []byte(names[k]), nil
}

// UnmarshalText reads the name.
func (k *Kind) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKind(string(text))
	return err
}
