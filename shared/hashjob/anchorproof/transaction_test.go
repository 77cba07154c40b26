package anchorproof_test

import (
	"errors"
	"testing"

	"davit/shared/chain/ethereum"
	"davit/shared/chain/ethereum/rlp"
	"davit/shared/hashing/merkle"
	"davit/shared/hashjob/anchorproof"
)

// carrying is a transaction of so many fields with the data.
func carrying(kind byte, fields int, data []byte) []byte {
	var content []byte
	for field := range fields {
		switch field {
		case 0:
			content = rlp.AppendUint64(content, 17)
		case 7:
			content = rlp.AppendString(content, data)
		default:
			content = rlp.AppendUint64(content, uint64(field))
		}
	}
	return rlp.AppendList([]byte{kind}, content)
}

func TestATransactionCarriesItsRootAndNoOther(t *testing.T) {
	root := merkle.Hash{1, 2, 3}
	good := carrying(2, 12, root[:])
	hash, chainID, err := anchorproof.VerifyTransaction(good, root)
	if err != nil || chainID != 17 || hash != ethereum.Keccak256(good) {
		t.Fatalf("%s on chain %d, %v", hash, chainID, err)
	}
	for name, raw := range map[string][]byte{
		"another root":       carrying(2, 12, make([]byte, 32)),
		"the root and more":  carrying(2, 12, append(root[:], 0)),
		"another kind":       carrying(1, 12, root[:]),
		"too few fields":     carrying(2, 11, root[:]),
		"too many fields":    carrying(2, 13, root[:]),
		"something after it": append(carrying(2, 12, root[:]), 0),
		"nothing":            nil,
		"a part":             good[:len(good)-1],
	} {
		if _, _, err := anchorproof.VerifyTransaction(raw, root); !errors.Is(err, anchorproof.ErrTransaction) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
