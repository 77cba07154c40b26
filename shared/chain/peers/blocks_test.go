package peers

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"

	"davit/shared/chain/ethereum"
)

// testData opens a file of go-ethereum's test data.
func testData(t testing.TB, path string) []byte {
	t.Helper()
	directory, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/ethereum/go-ethereum").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(directory)), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Two archives of Sepolia, of 8192 blocks each, with all transactions and receipts.
func TestArchivesOfSepoliaHold(t *testing.T) {
	for file, want := range map[string]ethereum.Summary{
		"core/rawdb/eradb/testdata/sepolia-00000-643a00f7.era1": {First: 0, Genesis: true},
		"core/rawdb/eradb/testdata/sepolia-00021-b8814b14.era1": {First: 21 * 8192},
	} {
		source := ethereum.NewArchiveSource(bytes.NewReader(testData(t, file)))
		summary, err := ethereum.Verify(t.Context(), ethereum.Sepolia(), source)
		if err != nil {
			t.Fatal(file, err)
		}
		if summary.Headers != 8192 || summary.First != want.First || summary.Genesis != want.Genesis || summary.Fork != "london" ||
			summary.TransactionRoots != 8192 || summary.ReceiptRoots != 8192 || summary.Receipts != summary.Transactions {
			t.Errorf("%s: %+v", file, summary)
		}
		t.Logf("%s: %d transactions", filepath.Base(file), summary.Transactions)
	}
}

// The chain of the tests between execution clients goes through all forks from the Merge to Amsterdam.
func TestTheChainOfTheInterfaceTestsHolds(t *testing.T) {
	const folder = "cmd/devp2p/internal/ethtest/testdata/"
	network, err := ethereum.ReadGenesis(testData(t, folder+"genesis.json"))
	if err != nil {
		t.Fatal(err)
	}
	file := testData(t, folder+"chain.rlp")
	summary, err := ethereum.Verify(t.Context(), network, ethereum.NewExportSource(bytes.NewReader(file)))
	if err != nil {
		t.Fatal(err)
	}
	var head struct{ Hash ethereum.Hash }
	if err := json.Unmarshal(testData(t, folder+"headblock.json"), &head); err != nil {
		t.Fatal(err)
	}
	if summary.Tip != head.Hash || summary.Fork != "amsterdam" || summary.WithdrawalRoots == 0 || summary.Transactions < 100 {
		t.Errorf("%+v, want the head %s", summary, head.Hash)
	}
	t.Logf("%+v", summary)
}

// payload is the block of the execution layer in a block of the beacon chain (ethereum/consensus-specs).
type payload struct {
	ParentHash    ethereum.Hash    `json:"parent_hash"`
	FeeRecipient  ethereum.Address `json:"fee_recipient"`
	StateRoot     ethereum.Hash    `json:"state_root"`
	ReceiptsRoot  ethereum.Hash    `json:"receipts_root"`
	LogsBloom     hexutil.Bytes    `json:"logs_bloom"`
	PrevRandao    ethereum.Hash    `json:"prev_randao"`
	BlockNumber   string           `json:"block_number"`
	GasLimit      string           `json:"gas_limit"`
	GasUsed       string           `json:"gas_used"`
	Timestamp     string           `json:"timestamp"`
	ExtraData     hexutil.Bytes    `json:"extra_data"`
	BaseFeePerGas string           `json:"base_fee_per_gas"`
	BlockHash     ethereum.Hash    `json:"block_hash"`
	Transactions  []hexutil.Bytes  `json:"transactions"`
	Withdrawals   []struct {
		Index          string           `json:"index"`
		ValidatorIndex string           `json:"validator_index"`
		Address        ethereum.Address `json:"address"`
		Amount         string           `json:"amount"`
	} `json:"withdrawals"`
	BlobGasUsed   string `json:"blob_gas_used"`
	ExcessBlobGas string `json:"excess_blob_gas"`
}

// Real blocks of the beacon chain carry the fields of a block of the execution layer, and its hash: the header that is
// put together from them, with the roots of davit's own trie, must have that hash.
func TestBlocksOfTheBeaconChainHaveTheHashThatTheySay(t *testing.T) {
	for _, name := range []string{"capella", "deneb"} {
		var file struct {
			ParentRoot ethereum.Hash `json:"parent_root"`
			Body       struct {
				ExecutionPayload payload `json:"execution_payload"`
			} `json:"body"`
		}
		if err := json.Unmarshal(testData(t, "beacon/types/testdata/block_"+name+".json"), &file); err != nil {
			t.Fatal(name, err)
		}
		from := file.Body.ExecutionPayload
		header := header(t, &from)
		if from.BlobGasUsed != "" {
			header.BlobGasUsed, header.ExcessBlobGas = number(t, from.BlobGasUsed), number(t, from.ExcessBlobGas)
			header.ParentBeaconRoot = hashOf(file.ParentRoot)
		}
		raw, err := rlp.EncodeToBytes(header)
		if err != nil {
			t.Fatal(err)
		}
		summary, err := ethereum.Verify(t.Context(), ethereum.Mainnet(), ethereum.NewExportSource(bytes.NewReader(raw)))
		if err != nil || summary.Tip != from.BlockHash {
			t.Errorf("%s: block %s has the hash %s, %v, want %s", name, from.BlockNumber, summary.Tip, err, from.BlockHash)
		}
		t.Logf("%s: block %s with %d transactions and %d withdrawals is of %s", name, from.BlockNumber, len(from.Transactions),
			len(from.Withdrawals), summary.Fork)
	}
}

func number(t testing.TB, text string) *uint64 {
	t.Helper()
	read, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return &read
}

func header(t testing.TB, from *payload) *types.Header {
	t.Helper()
	fee, ok := new(big.Int).SetString(from.BaseFeePerGas, 10)
	if !ok {
		t.Fatal(from.BaseFeePerGas)
	}
	values := make([][]byte, len(from.Transactions))
	for index, transaction := range from.Transactions {
		values[index] = transaction
	}
	withdrawals := make([][]byte, len(from.Withdrawals))
	for index, one := range from.Withdrawals {
		withdrawal := types.Withdrawal{Index: *number(t, one.Index), Validator: *number(t, one.ValidatorIndex),
			Address: [20]byte(one.Address), Amount: *number(t, one.Amount)}
		raw, err := rlp.EncodeToBytes(&withdrawal)
		if err != nil {
			t.Fatal(err)
		}
		withdrawals[index] = raw
	}
	made := &types.Header{ParentHash: [32]byte(from.ParentHash), UncleHash: types.EmptyUncleHash, Coinbase: [20]byte(from.FeeRecipient),
		Root: [32]byte(from.StateRoot), TxHash: [32]byte(ethereum.IndexRoot(values)), ReceiptHash: [32]byte(from.ReceiptsRoot),
		Bloom: types.BytesToBloom(from.LogsBloom), Difficulty: new(big.Int), Number: new(big.Int).SetUint64(*number(t, from.BlockNumber)),
		GasLimit: *number(t, from.GasLimit), GasUsed: *number(t, from.GasUsed), Time: *number(t, from.Timestamp),
		Extra: from.ExtraData, MixDigest: [32]byte(from.PrevRandao), BaseFee: fee}
	made.WithdrawalsHash = hashOf(ethereum.IndexRoot(withdrawals))
	return made
}

func hashOf(hash ethereum.Hash) *common.Hash {
	made := common.Hash(hash)
	return &made
}
