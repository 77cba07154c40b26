package signing

import (
	"context"
	"strconv"

	"davit/shared/chain/ethereum"
)

// SignedMessage is a message's signature.
type SignedMessage struct {
	Address   ethereum.Address `json:"address"`
	Digest    ethereum.Hash    `json:"digest"`
	Signature string           `json:"signature"`
}

// MessageDigest is what is signed of a message in version 0x45 of EIP-191 ("personal_sign"): no transaction and no typed
// data can have it.
func MessageDigest(message []byte) ethereum.Hash {
	return ethereum.Keccak256([]byte("\x19Ethereum Signed Message:\n"+strconv.Itoa(len(message))), message)
}

// Message signs a message by EIP-191, version 0x45.
func Message(ctx context.Context, key *Key, message []byte) (SignedMessage, error) {
	return signMessage(ctx, key, MessageDigest(message))
}

// TypedMessage signs typed data by EIP-712.
func TypedMessage(ctx context.Context, key *Key, document []byte) (SignedMessage, error) {
	digest, err := TypedDigest(document)
	if err != nil {
		return SignedMessage{}, err
	}
	return signMessage(ctx, key, digest)
}

func signMessage(ctx context.Context, key *Key, digest ethereum.Hash) (SignedMessage, error) {
	signature, err := key.SignDigest(ctx, digest)
	if err != nil {
		return SignedMessage{}, err
	}
	return SignedMessage{Address: key.Address(), Digest: digest, Signature: signature.String()}, nil
}
