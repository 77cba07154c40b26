package signing

import (
	"context"
	"fmt"

	"davit/shared/chain/ethereum"
)

// Request asks for a transaction.
type Request struct {
	// ID names the request, 1 to 256 characters. The same ID gives the same nonce and the same transaction for ever; use
	// the job's.
	ID          string
	Transaction Transaction
	// FirstNonce is the lowest nonce that the ledger may give: the account's transaction count as the network says it
	// ("eth_getTransactionCount" with "pending"). It matters where the key has signed elsewhere before.
	FirstNonce uint64
}

// SignedTransaction is a transaction that can be sent.
type SignedTransaction struct {
	Hash  ethereum.Hash    `json:"hash"`
	From  ethereum.Address `json:"from"`
	Nonce uint64           `json:"nonce"`
	// Raw is what "eth_sendRawTransaction" takes.
	Raw Data `json:"raw"`
}

// SignTransaction gives the request its nonce, signs it and keeps it, in that order, so that whatever dies in between is
// finished by the same request: a nonce is never left out, never given twice, and nothing is signed twice into two
// different transactions that are both answered. Errors wrap ErrTransaction, ErrDifferent or ErrBusy, or are of KMS or of
// DynamoDB and may be tried again.
func SignTransaction(ctx context.Context, key *Key, nonces *Nonces, request Request) (SignedTransaction, error) {
	if request.ID == "" || len(request.ID) > maximumID {
		return SignedTransaction{}, fmt.Errorf("the request's ID has %d bytes, want 1 to %d: %w", len(request.ID), maximumID,
			ErrTransaction)
	}
	if err := request.Transaction.Validate(); err != nil {
		return SignedTransaction{}, err
	}
	of := account{chain: request.Transaction.ChainID, address: key.Address()}
	fingerprint := request.Transaction.fingerprint()
	reserved, err := nonces.reserve(ctx, of, request.ID, fingerprint, request.FirstNonce, request.Transaction.Nonce)
	if err != nil {
		return SignedTransaction{}, err
	}
	raw := reserved.transaction
	if len(raw) == 0 {
		signature, err := key.SignDigest(ctx, request.Transaction.digest(reserved.nonce))
		if err != nil {
			return SignedTransaction{}, err
		}
		raw, err = nonces.keep(ctx, of, request.ID, fingerprint, request.Transaction.signed(reserved.nonce, signature))
		if err != nil {
			return SignedTransaction{}, err
		}
	}
	return SignedTransaction{Hash: ethereum.Keccak256(raw), From: of.address, Nonce: reserved.nonce, Raw: raw}, nil
}
