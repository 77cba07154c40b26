package signing

import (
	"strconv"

	"davit/shared/chain/ethereum"
)

// MessageDigest is what is signed of a message in version 0x45 of EIP-191 ("personal_sign"): no transaction and no typed
// data can have it.
func MessageDigest(message []byte) ethereum.Hash {
	return ethereum.Keccak256([]byte("\x19Ethereum Signed Message:\n"+strconv.Itoa(len(message))), message)
}
