package peers

import (
	_ "github.com/aws/aws-sdk-go-v2/credentials"
	_ "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	_ "github.com/aws/aws-sdk-go-v2/service/kms"
	_ "github.com/c2sp/wycheproof"
	_ "github.com/ethereum/go-ethereum/accounts"
	_ "github.com/ethereum/go-ethereum/consensus/misc/eip1559"
	_ "github.com/ethereum/go-ethereum/consensus/misc/eip4844"
	_ "github.com/ethereum/go-ethereum/core/types"
	_ "github.com/ethereum/go-ethereum/ethclient/simulated"
	_ "github.com/ethereum/go-ethereum/signer/core/apitypes"
	_ "github.com/ethereum/go-ethereum/trie"

	_ "davit/cmd/davit/emulator/emulatortest"
	_ "davit/shared/chain/ethereum"
	_ "davit/shared/signing"
)
