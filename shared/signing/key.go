// Package signing signs Ethereum's transactions and messages by keys that never leave AWS KMS.
package signing

import (
	"context"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"davit/shared/chain/ethereum"
)

// KMSAPI is the part of the KMS client that signing uses: the permissions are kms:GetPublicKey and kms:Sign on the key.
type KMSAPI interface {
	GetPublicKey(ctx context.Context, input *kms.GetPublicKeyInput,
		options ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
	Sign(ctx context.Context, input *kms.SignInput, options ...func(*kms.Options)) (*kms.SignOutput, error)
}

// ErrKey is wrapped by the error of a key that cannot sign for Ethereum, whatever is tried.
var ErrKey = errors.New("the key cannot sign for Ethereum")

// Key is a KMS key of the kind ECC_SECG_P256K1 for SIGN_VERIFY. It is safe for use by several goroutines.
type Key struct {
	client  KMSAPI
	id      string
	public  *secp256k1.PublicKey
	address ethereum.Address
}

// Open asks KMS for the public half of a key, by its ID, its ARN or an alias. That half never changes, so a Key is good
// for as long as the process; one that an alias named goes on naming the key that the alias had then.
func Open(ctx context.Context, client KMSAPI, id string) (*Key, error) {
	output, err := client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &id})
	if err != nil {
		return nil, fmt.Errorf("get the public half of the KMS key %s (permission kms:GetPublicKey): %w", id, classed(err))
	}
	if output.KeySpec != types.KeySpecEccSecgP256k1 || output.KeyUsage != types.KeyUsageTypeSignVerify {
		return nil, fmt.Errorf("the KMS key %s is %s for %s, want %s for %s: %w", id, output.KeySpec, output.KeyUsage,
			types.KeySpecEccSecgP256k1, types.KeyUsageTypeSignVerify, ErrKey)
	}
	public, err := parsePublicKey(output.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("read the public half of the KMS key %s: %w: %w", id, err, ErrKey)
	}
	if output.KeyId != nil {
		id = *output.KeyId
	}
	return &Key{client: client, id: id, public: public, address: addressOf(public)}, nil
}

// ID is the key's ARN.
func (k *Key) ID() string { return k.id }

// Address is the account that the key signs for.
func (k *Key) Address() ethereum.Address { return k.address }

// SignDigest signs a digest of 32 bytes. The answer of KMS is taken only if it is a signature of that digest by that key.
func (k *Key) SignDigest(ctx context.Context, digest ethereum.Hash) (Signature, error) {
	output, err := k.client.Sign(ctx, &kms.SignInput{
		KeyId:            &k.id,
		Message:          digest[:],
		MessageType:      types.MessageTypeDigest,
		SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return Signature{}, fmt.Errorf("sign by the KMS key %s (permission kms:Sign): %w", k.id, classed(err))
	}
	signature, err := recoverable(k.public, digest, output.Signature)
	if err != nil {
		return Signature{}, fmt.Errorf("the signature that KMS answered for the key %s: %w", k.id, err)
	}
	return signature, nil
}

// keyFaults are the codes of errors that are the key's, and not KMS's: it is not there, may not be used, or is none that signs
// ("GetPublicKey" and "Sign" in the API reference of KMS, with its common errors).
var keyFaults = []string{"AccessDeniedException", "DisabledException", "InvalidArnException", "InvalidKeyUsageException",
	"KMSInvalidStateException", "NotFoundException", "UnsupportedOperationException", "ValidationException"}

// classed wraps ErrKey as well where the error is the key's.
func classed(err error) error {
	var answered smithy.APIError
	if errors.As(err, &answered) && slices.Contains(keyFaults, answered.ErrorCode()) {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	return err
}

// The object identifiers of RFC 5480, section 2.1.1, and SEC 2, section A.2.1.
var (
	ellipticCurve = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	curve256k1    = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

// parsePublicKey reads a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7), which the standard library does not for this
// curve.
func parsePublicKey(der []byte) (*secp256k1.PublicKey, error) {
	var info struct {
		Algorithm struct {
			Kind  asn1.ObjectIdentifier
			Curve asn1.ObjectIdentifier
		}
		Key asn1.BitString
	}
	rest, err := asn1.Unmarshal(der, &info)
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0 || info.Key.BitLength != 8*len(info.Key.Bytes):
		return nil, errors.New("something follows the key")
	case !info.Algorithm.Kind.Equal(ellipticCurve) || !info.Algorithm.Curve.Equal(curve256k1):
		return nil, fmt.Errorf("it is of %s on %s, not of secp256k1", info.Algorithm.Kind, info.Algorithm.Curve)
	}
	return secp256k1.ParsePubKey(info.Key.Bytes)
}

// addressOf is the account of a key: the end of the hash of both coordinates (Yellow Paper, appendix F).
func addressOf(public *secp256k1.PublicKey) (address ethereum.Address) {
	hash := ethereum.Keccak256(public.SerializeUncompressed()[1:])
	copy(address[:], hash[12:])
	return address
}
