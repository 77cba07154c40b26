package anchorproof

import (
	"errors"
	"fmt"

	"davit/shared/chain/ethereum"
	"davit/shared/chain/ethereum/rlp"
	"davit/shared/hashing/merkle"
)

// ErrTransaction says that a transaction of Ethereum does not carry the root of the anchor.
var ErrTransaction = errors.New("the transaction does not carry the root")

// The form of a transaction of EIP-1559: its type, how many fields it has, and which of them is the data.
const (
	dynamicFee       = 2
	dynamicFeeFields = 12
	dataField        = 7
)

// VerifyTransaction checks that a serialised transaction carries the root as its data, and answers its hash and its network's
// number. That it is in a block is for others to say.
func VerifyTransaction(raw []byte, root merkle.Hash) (hash ethereum.Hash, chainID uint64, err error) {
	if len(raw) == 0 || raw[0] != dynamicFee {
		return hash, 0, fmt.Errorf("it is no transaction of EIP-1559: %w", ErrTransaction)
	}
	whole, err := rlp.ReadOne(raw[1:])
	if err != nil {
		return hash, 0, fmt.Errorf("%w: %w", ErrTransaction, err)
	}
	fields, err := whole.Split(dynamicFeeFields)
	if err != nil {
		return hash, 0, fmt.Errorf("%w: %w", ErrTransaction, err)
	}
	if len(fields) != dynamicFeeFields {
		return hash, 0, fmt.Errorf("it has %d fields, not %d: %w", len(fields), dynamicFeeFields, ErrTransaction)
	}
	carried, err := fields[dataField].Fixed(len(root))
	if err != nil || merkle.Hash(carried) != root {
		return hash, 0, fmt.Errorf("its data is %x, the root %x: %w", fields[dataField].Content, root, ErrTransaction)
	}
	if chainID, err = fields[0].Uint64(); err != nil {
		return hash, 0, fmt.Errorf("%w: %w", ErrTransaction, err)
	}
	return ethereum.Keccak256(raw), chainID, nil
}
