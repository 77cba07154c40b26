package signing

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"davit/shared/chain/ethereum"
)

// Signature is an ECDSA signature on secp256k1 as Ethereum takes it: S is in the lower half of the order (EIP-2), and
// YParity, 0 or 1, tells which of two keys it is by.
type Signature struct {
	R, S    [32]byte
	YParity byte
}

// Bytes are R, S and 27 plus YParity: 65 bytes, the form for messages.
func (s Signature) Bytes() []byte {
	return append(append(append(make([]byte, 0, 65), s.R[:]...), s.S[:]...), 27+s.YParity)
}

// String is Bytes as 0x and 130 digits.
func (s Signature) String() string { return "0x" + hex.EncodeToString(s.Bytes()) }

// ErrSignature is wrapped by the error of a signature that is none.
var ErrSignature = errors.New("not a signature of the digest by the key")

// recoverable turns a signature in DER, as KMS gives it, into Ethereum's form. The error wraps ErrSignature if the
// signature is not of that digest by that key.
func recoverable(public *secp256k1.PublicKey, digest ethereum.Hash, der []byte) (Signature, error) {
	parsed, err := ecdsa.ParseDERSignature(der)
	if err != nil {
		return Signature{}, fmt.Errorf("%w: %w", err, ErrSignature)
	}
	if !parsed.Verify(digest[:], public) {
		return Signature{}, ErrSignature
	}
	r, s := parsed.R(), parsed.S()
	if s.IsOverHalfOrder() {
		s.Negate()
	}
	signature := Signature{R: r.Bytes(), S: s.Bytes()}
	for signature.YParity = range byte(2) {
		if found, err := signature.recover(digest); err == nil && found.IsEqual(public) {
			return signature, nil
		}
	}
	// The coordinate that R is of was above the order: nobody will see one (a chance of 2^-128), and Ethereum has no way
	// to write it.
	return Signature{}, errors.New("the signature is good, but Ethereum has no form for it: sign again")
}

// Recover is the account whose key made the signature of the digest.
func (s Signature) Recover(digest ethereum.Hash) (ethereum.Address, error) {
	var high secp256k1.ModNScalar
	overflows := high.SetByteSlice(s.S[:])
	if s.YParity > 1 || overflows || high.IsOverHalfOrder() {
		return ethereum.Address{}, fmt.Errorf("s is in the upper half, or the parity is %d: %w", s.YParity, ErrSignature)
	}
	public, err := s.recover(digest)
	if err != nil {
		return ethereum.Address{}, fmt.Errorf("%w: %w", err, ErrSignature)
	}
	return addressOf(public), nil
}

func (s Signature) recover(digest ethereum.Hash) (*secp256k1.PublicKey, error) {
	compact := append(append(append(make([]byte, 0, 65), 27+s.YParity), s.R[:]...), s.S[:]...)
	public, _, err := ecdsa.RecoverCompact(compact, digest[:])
	return public, err
}
