package cloud

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"davit/shared/hashjob"
)

// signings are the algorithms over SHA-256 that an anchor is signed with: whichever the key has, the first first.
var signings = []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecEcdsaSha256, types.SigningAlgorithmSpecRsassaPssSha256,
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha256}

// Key is a hashjob.Signer with an asymmetric key of KMS.
type Key struct {
	client *kms.Client
	id     string
	// public is asked for once.
	mutex  sync.Mutex
	public *kms.GetPublicKeyOutput
}

var _ hashjob.Signer = (*Key)(nil)

// NewKey signs with the key of the ID, ARN or alias. It calls nothing.
func NewKey(configuration aws.Config, id string) *Key {
	return &Key{client: kms.NewFromConfig(configuration), id: id}
}

func (k *Key) known(ctx context.Context) (*kms.GetPublicKeyOutput, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.public == nil {
		public, err := k.client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &k.id})
		if err != nil {
			return nil, fmt.Errorf("read the public key of %s: %w", k.id, err)
		}
		k.public = public
	}
	return k.public, nil
}

// Public is the public key as a SubjectPublicKeyInfo in DER (RFC 5280, section 4.1.2.7).
func (k *Key) Public(ctx context.Context) ([]byte, error) {
	public, err := k.known(ctx)
	if err != nil {
		return nil, err
	}
	return public.PublicKey, nil
}

// Sign implements hashjob.Signer. A key that does not sign over SHA-256 is an error.
func (k *Key) Sign(ctx context.Context, message []byte) (hashjob.Signature, error) {
	public, err := k.known(ctx)
	if err != nil {
		return hashjob.Signature{}, err
	}
	at := slices.IndexFunc(signings, func(algorithm types.SigningAlgorithmSpec) bool {
		return slices.Contains(public.SigningAlgorithms, algorithm)
	})
	if at < 0 {
		return hashjob.Signature{}, fmt.Errorf("the key %s signs with none of %v, but with %v", k.id, signings, public.SigningAlgorithms)
	}
	digest := sha256.Sum256(message)
	signed, err := k.client.Sign(ctx, &kms.SignInput{KeyId: public.KeyId, Message: digest[:], MessageType: types.MessageTypeDigest,
		SigningAlgorithm: signings[at]})
	if err != nil {
		return hashjob.Signature{}, fmt.Errorf("sign with %s: %w", k.id, err)
	}
	return hashjob.Signature{Bytes: signed.Signature, Key: aws.ToString(signed.KeyId), Algorithm: string(signings[at])}, nil
}
