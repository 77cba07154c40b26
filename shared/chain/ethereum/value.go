// Package ethereum verifies what Ethereum's nodes and archives say: the hashes of headers, how headers follow from one
// another under each fork's rules, and the roots of the tries of transactions, receipts and withdrawals. What a node
// executes (state, signatures of transactions, logs) is beyond it.
package ethereum

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"davit/shared/hashing"
)

// Hash is a Keccak-256 digest.
type Hash [32]byte

// Address is the address of an account: the last 20 bytes of the hash of its public key.
type Address [20]byte

// Quantity is a number of 256 bits at most, big-endian, such as an amount of wei.
type Quantity [32]byte

var (
	_ encoding.TextUnmarshaler = (*Hash)(nil)
	_ encoding.TextUnmarshaler = (*Address)(nil)
	_ encoding.TextUnmarshaler = (*Quantity)(nil)
	_ encoding.TextMarshaler   = Quantity{}
)

// String is the hash as 0x and 64 digits.
func (h Hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

// MarshalText is String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hexadecimal digits, with or without 0x.
func (h *Hash) UnmarshalText(text []byte) error { return decodeFixed(h[:], text, "a hash") }

// ParseHash is UnmarshalText for a string.
func ParseHash(text string) (hash Hash, err error) {
	err = hash.UnmarshalText([]byte(text))
	return hash, err
}

// ErrChecksum is wrapped by the error of an address whose capitals are not those of its checksum.
var ErrChecksum = errors.New("the capitals of the address are not its checksum (EIP-55): a character is wrong")

// String is the address with the capitals that are its checksum (EIP-55).
func (a Address) String() string {
	digits := []byte(hex.EncodeToString(a[:]))
	sum := Keccak256(digits)
	for i, digit := range digits {
		if digit >= 'a' && sum[i/2]>>(4*(1-i%2))&8 != 0 {
			digits[i] = digit - 'a' + 'A'
		}
	}
	return "0x" + string(digits)
}

// MarshalText is String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads 40 hexadecimal digits, with or without 0x. If both small letters and capitals are among them they
// must be those of the checksum; the error wraps ErrChecksum otherwise.
func (a *Address) UnmarshalText(text []byte) error {
	var read Address
	if err := decodeFixed(read[:], text, "an address"); err != nil {
		return err
	}
	digits := string(bytes.TrimPrefix(text, []byte("0x")))
	mixed := strings.ToLower(digits) != digits && strings.ToUpper(digits) != digits
	if mixed && read.String() != "0x"+digits {
		return fmt.Errorf("%s: %w", text, ErrChecksum)
	}
	*a = read
	return nil
}

// ParseAddress is UnmarshalText for a string.
func ParseAddress(text string) (address Address, err error) {
	err = address.UnmarshalText([]byte(text))
	return address, err
}

func decodeFixed(to, text []byte, what string) error {
	digits := bytes.TrimPrefix(text, []byte("0x"))
	if len(digits) != 2*len(to) {
		return fmt.Errorf("%.80q is not %s: want 0x and %d hexadecimal digits", text, what, 2*len(to))
	}
	if _, err := hex.Decode(to, digits); err != nil {
		return fmt.Errorf("%.80q is not %s: %w", text, what, err)
	}
	return nil
}

// NewQuantity is the number.
func NewQuantity(number uint64) (quantity Quantity) {
	for i := range 8 {
		quantity[31-i] = byte(number >> (8 * i)) // #nosec G115 -- the lowest byte is meant
	}
	return quantity
}

// QuantityOf is the number; it must be from 0 to 2^256-1.
func QuantityOf(number *big.Int) (quantity Quantity, err error) {
	if number.Sign() < 0 || number.BitLen() > 256 {
		return Quantity{}, fmt.Errorf("%s is not from 0 to 2^256-1", number)
	}
	number.FillBytes(quantity[:])
	return quantity, nil
}

// Big is the number.
func (q Quantity) Big() *big.Int { return new(big.Int).SetBytes(q[:]) }

// Uint64 is the number, if it has at most 64 bits.
func (q Quantity) Uint64() (number uint64, fits bool) {
	for _, digit := range q[24:] {
		number = number<<8 | uint64(digit)
	}
	return number, [24]byte(q[:24]) == [24]byte{}
}

// IsZero tells whether the number is 0.
func (q Quantity) IsZero() bool { return q == Quantity{} }

// Compare is -1, 0 or 1.
func (q Quantity) Compare(other Quantity) int { return bytes.Compare(q[:], other[:]) }

// String is the number in decimal digits.
func (q Quantity) String() string { return q.Big().String() }

// MarshalText is String.
func (q Quantity) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads decimal digits, or 0x and hexadecimal digits, of a number below 2^256.
func (q *Quantity) UnmarshalText(text []byte) error {
	digits, base := string(text), 10
	if after, found := strings.CutPrefix(digits, "0x"); found {
		digits, base = after, 16
	}
	number, valid := new(big.Int), len(digits) > 0 && len(digits) <= 78 && digits[0] != '+' && digits[0] != '-'
	if valid {
		number, valid = number.SetString(digits, base)
	}
	if !valid || number.BitLen() > 256 || strings.Contains(digits, "_") {
		return fmt.Errorf("%.80q is not a number from 0 to 2^256-1, decimal or hexadecimal with 0x", text)
	}
	number.FillBytes(q[:])
	return nil
}

// ParseQuantity is UnmarshalText for a string.
func ParseQuantity(text string) (quantity Quantity, err error) {
	err = quantity.UnmarshalText([]byte(text))
	return quantity, err
}

// Keccak256 is the digest of the inputs, one after another.
func Keccak256(inputs ...[]byte) (hash Hash) {
	hasher := newHasher()
	hasher.Append(hash[:0], bytes.Join(inputs, nil))
	return hash
}

// newHasher is a hasher of Keccak-256.
func newHasher() *hashing.Hasher {
	hasher, err := hashing.New(hashing.Keccak256)
	if err != nil {
		panic(err) // the kind is one of the package's constants
	}
	return hasher
}
