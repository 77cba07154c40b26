package hashjob

import (
	"encoding"
	"encoding/hex"
	"errors"
	"strings"

	"davit/events/hashjob"
	"davit/shared/chain/ethereum"
	"davit/shared/hashing/merkle"
	"davit/shared/signing"
)

// Wallet signs for Ethereum: KMS has the keys, and the nonces are kept beside the records of jobs.
type Wallet struct {
	KMS    signing.KMSAPI
	Nonces *signing.Nonces
}

// anchorGas is the gas limit of an anchor's transaction: 21000, and 40 for each byte of the root that is not zero (EIP-7623),
// with some room.
const anchorGas = 30_000

// open opens the key; field is where the document names it.
func (r *run) open(field, key string) (*signing.Key, error) {
	if r.Wallet == nil {
		return nil, hashjob.Wrong("kind", "there is nothing to sign with here: the deployed function has keys")
	}
	opened, err := signing.Open(r.ctx, r.Wallet.KMS, key)
	return opened, unsigned(field, err)
}

// unsigned puts the errors of signing in words that name the field; others may pass.
func unsigned(field string, err error) error {
	var broken *signing.TransactionError
	switch {
	case errors.As(err, &broken):
		return hashjob.Wrong(field+"."+broken.Field, "%s", broken.Reason)
	case errors.Is(err, signing.ErrDifferent):
		return hashjob.Wrong("id", "%s", err)
	case errors.Is(err, signing.ErrKey), errors.Is(err, signing.ErrTyped):
		return hashjob.Wrong(field, "%s", err)
	}
	return err
}

// signOne does a job of the kind sign.
func (r *run) signOne() (Step, error) {
	options := r.job.Sign
	key, err := r.open("sign.key", options.Key)
	if err != nil {
		return Step{}, err
	}
	result := &hashjob.SignResult{Key: key.ID(), Address: key.Address().String()}
	if options.Transaction != nil {
		result.Transaction, err = r.signTransaction(key, "sign.transaction", *options.Transaction)
	} else {
		err = r.signMessage(key, result)
	}
	if err != nil {
		return Step{}, err
	}
	return Step{Result: hashjob.Result{Items: 1, Sign: result}}, nil
}

func (r *run) signMessage(key *signing.Key, result *hashjob.SignResult) error {
	digest, err := messageDigest(r.job.Sign)
	if err != nil {
		return err
	}
	signature, err := key.SignDigest(r.ctx, digest)
	if err != nil {
		return unsigned("sign.key", err)
	}
	result.Digest, result.Signature = digest.String(), signature.String()
	return nil
}

// messageDigest is what is signed of a message. What is wrong with it is a *hashjob.FieldError.
func messageDigest(options *hashjob.SignOptions) (ethereum.Hash, error) {
	switch {
	case options.TypedData != "":
		digest, err := signing.TypedDigest([]byte(options.TypedData))
		return digest, unsigned("sign.typed_data", err)
	case options.Text != nil:
		return signing.MessageDigest([]byte(*options.Text)), nil
	}
	var data signing.Data
	if err := data.UnmarshalText([]byte(*options.Data)); err != nil {
		return ethereum.Hash{}, hashjob.Wrong("sign.data", "%s", err)
	}
	return signing.MessageDigest(data), nil
}

// signTransaction signs a transaction under the job's ID, so that the same job gives the same transaction for ever.
func (r *run) signTransaction(key *signing.Key, field string, wanted hashjob.Transaction) (*hashjob.SignedTransaction, error) {
	transaction, err := transactionOf(field, wanted)
	if err != nil {
		return nil, err
	}
	signed, err := signing.SignTransaction(r.ctx, key, r.Wallet.Nonces, signing.Request{ID: r.job.ID, Transaction: transaction,
		FirstNonce: wanted.FirstNonce})
	if errors.Is(err, signing.ErrKey) {
		return nil, unsigned(strings.TrimSuffix(field, ".transaction")+".key", err)
	}
	if err != nil {
		return nil, unsigned(field, err)
	}
	return &hashjob.SignedTransaction{Hash: signed.Hash.String(), ChainID: transaction.ChainID, Nonce: signed.Nonce,
		Raw: signed.Raw.String()}, nil
}

// transactionOf reads a transaction of a document.
func transactionOf(field string, wanted hashjob.Transaction) (signing.Transaction, error) {
	made := signing.Transaction{ChainID: wanted.ChainID, Nonce: wanted.Nonce, GasLimit: wanted.GasLimit}
	var gasPrice, maximum, priority ethereum.Quantity
	var to ethereum.Address
	for _, part := range []struct {
		name, text string
		into       encoding.TextUnmarshaler
		given      func()
	}{
		{"gas_price", wanted.GasPrice, &gasPrice, func() { made.GasPrice = &gasPrice }},
		{"max_fee_per_gas", wanted.MaxFeePerGas, &maximum, func() { made.MaxFeePerGas = &maximum }},
		{"max_priority_fee_per_gas", wanted.MaxPriorityFeePerGas, &priority, func() { made.MaxPriorityFeePerGas = &priority }},
		{"to", wanted.To, &to, func() { made.To = &to }},
		{"value", wanted.Value, &made.Value, func() {}},
		{"data", wanted.Data, &made.Data, func() {}},
	} {
		if part.text == "" {
			continue
		}
		if err := part.into.UnmarshalText([]byte(part.text)); err != nil {
			return signing.Transaction{}, hashjob.Wrong(field+"."+part.name, "%s", err)
		}
		part.given()
	}
	for index, entry := range wanted.AccessList {
		access, err := accessOf(entry)
		if err != nil {
			return signing.Transaction{}, hashjob.WrongAt(field+".access_list", uint64(index), "%s", err) // #nosec G115 -- an index
		}
		made.AccessList = append(made.AccessList, access)
	}
	return made, nil
}

func accessOf(entry hashjob.Access) (access signing.Access, err error) {
	if access.Address, err = ethereum.ParseAddress(entry.Address); err != nil {
		return access, err
	}
	access.StorageKeys = make([]ethereum.Hash, len(entry.StorageKeys))
	for index, text := range entry.StorageKeys {
		if access.StorageKeys[index], err = ethereum.ParseHash(text); err != nil {
			return access, err
		}
	}
	return access, nil
}

// chained is the transaction that carries the root of an anchor, before it is known.
type chained struct {
	*run
	key         *signing.Key
	transaction hashjob.Transaction
}

const anchorField = "anchor.ethereum"

// newChained makes sure that the transaction can be signed once the root is known. It is nil where the job asks for none.
func newChained(r *run) (*chained, error) {
	wanted := r.job.Anchor.Ethereum
	if wanted == nil {
		return nil, nil
	}
	key, err := r.open(anchorField+".key", wanted.Key)
	if err != nil {
		return nil, err
	}
	made := &chained{run: r, key: key, transaction: hashjob.Transaction{ChainID: wanted.ChainID, FirstNonce: wanted.FirstNonce,
		GasLimit: wanted.GasLimit, MaxFeePerGas: wanted.MaxFeePerGas, MaxPriorityFeePerGas: wanted.MaxPriorityFeePerGas, To: wanted.To}}
	if made.transaction.GasLimit == 0 {
		made.transaction.GasLimit = anchorGas
	}
	if made.transaction.To == "" {
		made.transaction.To = key.Address().String()
	}
	read, err := transactionOf(anchorField, made.with(merkle.Hash{}))
	if err != nil {
		return nil, err
	}
	return made, unsigned(anchorField, read.Validate())
}

func (c *chained) with(root merkle.Hash) hashjob.Transaction {
	transaction := c.transaction
	transaction.Data = "0x" + hex.EncodeToString(root[:])
	return transaction
}

func (c *chained) sign(root merkle.Hash) (*hashjob.SignedTransaction, error) {
	return c.signTransaction(c.key, anchorField, c.with(root))
}
