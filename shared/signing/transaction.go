package signing

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"

	"davit/shared/chain/ethereum"
	"davit/shared/chain/ethereum/rlp"
)

// Transaction is what is to be signed: with GasPrice a transaction of EIP-155, with MaxFeePerGas one of EIP-1559. Amounts
// are in wei.
type Transaction struct {
	// ChainID is the network's number, from 1 to 2^63-37 (EIP-2294). Required: without it a signature would be good on
	// every network.
	ChainID uint64 `json:"chain_id"`
	// Nonce is the transaction's place among those of its account. Absent, it is the next one by the ledger.
	Nonce *uint64 `json:"nonce,omitempty"`
	// GasLimit is how much gas it may use, 21000 at least.
	GasLimit uint64 `json:"gas_limit"`
	// GasPrice is of a transaction of EIP-155.
	GasPrice *ethereum.Quantity `json:"gas_price,omitempty"`
	// MaxFeePerGas and MaxPriorityFeePerGas are of a transaction of EIP-1559, the second not above the first.
	MaxFeePerGas         *ethereum.Quantity `json:"max_fee_per_gas,omitempty"`
	MaxPriorityFeePerGas *ethereum.Quantity `json:"max_priority_fee_per_gas,omitempty"`
	// To is the receiver. Absent, Data is a contract to be made.
	To    *ethereum.Address `json:"to,omitempty"`
	Value ethereum.Quantity `json:"value"`
	// Data is the call's input, 128 KiB at most, which is what nodes pass on.
	Data Data `json:"data,omitempty"`
	// AccessList is of a transaction of EIP-1559 (EIP-2930).
	AccessList []Access `json:"access_list,omitempty"`
}

// Access are storage slots of an account that a transaction announces.
type Access struct {
	Address     ethereum.Address `json:"address"`
	StorageKeys []ethereum.Hash  `json:"storage_keys"`
}

// Data is bytes that are written as 0x and hexadecimal digits.
type Data []byte

// String is 0x and digits.
func (d Data) String() string { return "0x" + hex.EncodeToString(d) }

// MarshalText is String.
func (d Data) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 0x and an even number of digits.
func (d *Data) UnmarshalText(text []byte) error {
	digits, found := strings.CutPrefix(string(text), "0x")
	if !found {
		return fmt.Errorf("%.80q is not 0x and hexadecimal digits", text)
	}
	decoded, err := hex.DecodeString(digits)
	if err != nil {
		return fmt.Errorf("%.80q is not 0x and hexadecimal digits: %w", text, err)
	}
	*d = decoded
	return nil
}

// ErrTransaction is wrapped by the error of a transaction that cannot be signed, which begins with the field.
var ErrTransaction = errors.New("the transaction cannot be signed")

const (
	minimumGas     = 21_000
	maximumData    = 128 << 10
	maximumAccess  = 4096
	maximumChainID = math.MaxUint64/2 - 36
	// dynamicFee is the type of EIP-1559's transactions.
	dynamicFee = 2
)

// TransactionError is what is wrong with a transaction. It wraps ErrTransaction.
type TransactionError struct{ Field, Reason string }

// Error names the field.
func (t *TransactionError) Error() string {
	return fmt.Sprintf("%s: %s: %s", t.Field, t.Reason, ErrTransaction)
}

// Unwrap is ErrTransaction.
func (t *TransactionError) Unwrap() error { return ErrTransaction }

// Validate says what is wrong with a transaction; the error is a *TransactionError.
func (t *Transaction) Validate() error {
	wrong := func(field, format string, arguments ...any) error {
		return &TransactionError{Field: field, Reason: fmt.Sprintf(format, arguments...)}
	}
	keys := 0
	for _, access := range t.AccessList {
		keys += 1 + len(access.StorageKeys)
	}
	switch legacy := t.GasPrice != nil; {
	case t.ChainID == 0 || t.ChainID > maximumChainID:
		return wrong("chain_id", "want 1 to 2^63-37, since a signature without it is good on every network")
	case t.GasLimit < minimumGas:
		return wrong("gas_limit", "%d, want at least %d", t.GasLimit, minimumGas)
	case legacy && (t.MaxFeePerGas != nil || t.MaxPriorityFeePerGas != nil || len(t.AccessList) > 0):
		return wrong("gas_price", "it excludes max_fee_per_gas, max_priority_fee_per_gas and access_list")
	case !legacy && (t.MaxFeePerGas == nil || t.MaxPriorityFeePerGas == nil):
		return wrong("max_fee_per_gas", "give it and max_priority_fee_per_gas, or gas_price")
	case !legacy && t.MaxPriorityFeePerGas.Compare(*t.MaxFeePerGas) > 0:
		return wrong("max_priority_fee_per_gas", "%s is above max_fee_per_gas, %s", t.MaxPriorityFeePerGas, t.MaxFeePerGas)
	case t.To == nil && len(t.Data) == 0:
		return wrong("to", "required, unless data is a contract to be made")
	case len(t.Data) > maximumData:
		return wrong("data", "%d bytes, want at most %d", len(t.Data), maximumData)
	case keys > maximumAccess:
		return wrong("access_list", "%d entries and keys, want at most %d", keys, maximumAccess)
	case t.Nonce != nil && *t.Nonce == math.MaxUint64:
		return wrong("nonce", "want below 2^64-1 (EIP-2681)")
	}
	return nil
}

// unsigned is the content of the list that is signed.
func (t *Transaction) unsigned(nonce uint64) []byte {
	var content []byte
	if t.GasPrice != nil {
		content = rlp.AppendUint64(content, nonce)
		content = rlp.AppendScalar(content, t.GasPrice[:])
	} else {
		content = rlp.AppendUint64(content, t.ChainID)
		content = rlp.AppendUint64(content, nonce)
		content = rlp.AppendScalar(content, t.MaxPriorityFeePerGas[:])
		content = rlp.AppendScalar(content, t.MaxFeePerGas[:])
	}
	content = rlp.AppendUint64(content, t.GasLimit)
	var to []byte
	if t.To != nil {
		to = t.To[:]
	}
	content = rlp.AppendString(content, to)
	content = rlp.AppendScalar(content, t.Value[:])
	content = rlp.AppendString(content, t.Data)
	if t.GasPrice == nil {
		content = appendAccessList(content, t.AccessList)
	}
	return content
}

func appendAccessList(to []byte, list []Access) []byte {
	var entries []byte
	for _, access := range list {
		var keys []byte
		for _, key := range access.StorageKeys {
			keys = rlp.AppendString(keys, key[:])
		}
		entries = rlp.AppendList(entries, rlp.AppendList(rlp.AppendString(nil, access.Address[:]), keys))
	}
	return rlp.AppendList(to, entries)
}

// digest is what is signed: of EIP-155 with the chain's ID in the place of the signature, of EIP-1559 after its type.
func (t *Transaction) digest(nonce uint64) ethereum.Hash {
	content := t.unsigned(nonce)
	if t.GasPrice != nil {
		content = append(rlp.AppendUint64(content, t.ChainID), 0x80, 0x80)
		return ethereum.Keccak256(rlp.AppendList(nil, content))
	}
	return ethereum.Keccak256([]byte{dynamicFee}, rlp.AppendList(nil, content))
}

// signed is the transaction as it is sent.
func (t *Transaction) signed(nonce uint64, signature Signature) []byte {
	content := t.unsigned(nonce)
	if t.GasPrice != nil {
		content = rlp.AppendUint64(content, 35+2*t.ChainID+uint64(signature.YParity))
	} else {
		content = rlp.AppendUint64(content, uint64(signature.YParity))
	}
	content = rlp.AppendScalar(rlp.AppendScalar(content, signature.R[:]), signature.S[:])
	if t.GasPrice != nil {
		return rlp.AppendList(nil, content)
	}
	return rlp.AppendList([]byte{dynamicFee}, content)
}

// fingerprint tells requests apart. It does not depend on the nonce that the ledger gives.
func (t *Transaction) fingerprint() ethereum.Hash {
	if t.Nonce != nil {
		return ethereum.Keccak256([]byte("exact"), t.digestBytes(*t.Nonce))
	}
	return ethereum.Keccak256([]byte("next"), t.digestBytes(0))
}

func (t *Transaction) digestBytes(nonce uint64) []byte {
	digest := t.digest(nonce)
	return digest[:]
}
