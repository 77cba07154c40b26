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
	field, message, err := r.message(key)
	if err != nil {
		return unsigned(field, err)
	}
	result.Digest, result.Signature = message.Digest.String(), message.Signature
	return nil
}

// message signs the message of the document, and names the field that a wrong one is in.
func (r *run) message(key *signing.Key) (field string, signed signing.SignedMessage, err error) {
	switch options := r.job.Sign; {
	case options.TypedData != "":
		signed, err = signing.TypedMessage(r.ctx, key, []byte(options.TypedData))
		return "sign.typed_data", signed, err
	case options.Text != nil:
		signed, err = signing.Message(r.ctx, key, []byte(*options.Text))
		return "sign.key", signed, err
	default:
		var data signing.Data
		if err := data.UnmarshalText([]byte(*options.Data)); err != nil {
			return "", signed, hashjob.Wrong("sign.data", "%s", err)
		}
		signed, err = signing.Message(r.ctx, key, data)
		return "sign.key", signed, err
	}
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

// signRoot signs the transaction that carries the root of an anchor.
func (r *run) signRoot(root merkle.Hash) (*hashjob.SignedTransaction, error) {
	wanted := r.job.Anchor.Ethereum
	key, err := r.open("anchor.ethereum.key", wanted.Key)
	if err != nil {
		return nil, err
	}
	transaction := hashjob.Transaction{ChainID: wanted.ChainID, FirstNonce: wanted.FirstNonce, GasLimit: wanted.GasLimit,
		MaxFeePerGas: wanted.MaxFeePerGas, MaxPriorityFeePerGas: wanted.MaxPriorityFeePerGas, To: wanted.To,
		Data: "0x" + hex.EncodeToString(root[:])}
	if transaction.GasLimit == 0 {
		transaction.GasLimit = anchorGas
	}
	if transaction.To == "" {
		transaction.To = key.Address().String()
	}
	return r.signTransaction(key, "anchor.ethereum", transaction)
}
