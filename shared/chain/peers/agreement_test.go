package peers

import (
	"bytes"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/misc/eip1559"
	"github.com/ethereum/go-ethereum/consensus/misc/eip4844"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	gethrlp "github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"
	"github.com/ethereum/go-ethereum/trie"

	"davit/shared/chain/ethereum"
	"davit/shared/chain/ethereum/rlp"
	"davit/shared/signing"
)

// FuzzItemsAgree: both read the same item off the same bytes, or neither does.
func FuzzItemsAgree(f *testing.F) {
	for _, seed := range []string{"\xc8\x83cat\x83dog", "\x81\x7f", "\xb8\x38", "\xf8\x01\xc0", "\x00", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		item, rest, err := rlp.Read(input)
		kind, content, left, wrong := gethrlp.Split(input)
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%x: %v, go-ethereum says %v", input, err, wrong)
		}
		if err == nil && (item.List != (kind == gethrlp.List) || !bytes.Equal(item.Content, content) || !bytes.Equal(rest, left)) {
			t.Fatalf("%x: %+v, go-ethereum says %s %x", input, item, kind, content)
		}
	})
}

// FuzzHeadersAgree: what davit reads as a header go-ethereum reads as the same one, with the same hash; and the other way
// round, but for what no chain has.
func FuzzHeadersAgree(f *testing.F) {
	for rest := testData(f, "cmd/devp2p/internal/ethtest/testdata/chain.rlp"); len(rest) > 0; {
		block, left, err := gethrlp.SplitList(rest)
		if err != nil {
			f.Fatal(err)
		}
		item, _, err := rlp.Read(block)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(item.Raw)
		rest = left
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		have, err := ethereum.ParseHeader(raw)
		var want types.Header
		wrong := gethrlp.DecodeBytes(raw, &want)
		if err != nil {
			if wrong == nil && want.SanityCheck() == nil && whole(&want) {
				t.Fatalf("%x: %v, but go-ethereum reads it", raw, err)
			}
			return
		}
		if wrong != nil {
			t.Fatalf("%x is read, go-ethereum says %v", raw, wrong)
		}
		if common.Hash(ethereum.Keccak256(raw)) != want.Hash() || have.ParentHash != ethereum.Hash(want.ParentHash) ||
			have.Number != want.Number.Uint64() || have.Timestamp != want.Time || have.Difficulty.Big().Cmp(want.Difficulty) != 0 {
			t.Fatalf("%+v, go-ethereum says %+v", have, want)
		}
		if (have.Shape >= ethereum.ShapeAmsterdam) != (want.SlotNumber != nil) || want.SlotNumber != nil && *want.SlotNumber != have.SlotNumber {
			t.Fatalf("slot %d, go-ethereum says %v", have.SlotNumber, want.SlotNumber)
		}
	})
}

// whole tells whether the header has all fields of its last fork, and numbers that fit.
func whole(header *types.Header) bool {
	return header.Number.IsUint64() && header.Difficulty.BitLen() <= 256 &&
		(header.BlobGasUsed != nil) == (header.ParentBeaconRoot != nil) &&
		(header.BlockAccessListHash != nil) == (header.SlotNumber != nil)
}

// FuzzRootsAgree: whatever the values, the tries have the same root.
func FuzzRootsAgree(f *testing.F) {
	f.Add([]byte("some values"), uint16(3))
	f.Add(bytes.Repeat([]byte{1, 2, 3}, 100), uint16(400))
	f.Add([]byte{7}, uint16(1400))
	f.Fuzz(func(t *testing.T, data []byte, count uint16) {
		if len(data) == 0 {
			return
		}
		values := make([][]byte, int(count)%1500)
		for index := range values {
			start := (index * 7) % len(data)
			values[index] = append([]byte{byte(index)}, data[start:min(len(data), start+1+index%90)]...)
		}
		if have, want := ethereum.IndexRoot(values), types.DeriveSha(list(values), trie.NewStackTrie(nil)); common.Hash(have) != want {
			t.Fatalf("%d values: %s, go-ethereum says %s", len(values), have, want)
		}
	})
}

// list are values as go-ethereum takes them.
type list [][]byte

func (l list) Len() int                                { return len(l) }
func (l list) EncodeIndex(index int, to *bytes.Buffer) { to.Write(l[index]) }

func TestTheRootOfManyValuesAgrees(t *testing.T) {
	for _, count := range []int{0, 1, 2, 16, 17, 127, 128, 129, 255, 256, 257, 70_000} {
		values := make([][]byte, count)
		for index := range values {
			values[index] = []byte{byte(index), byte(index >> 8), byte(index >> 16), 1}
		}
		if have, want := ethereum.IndexRoot(values), types.DeriveSha(list(values), trie.NewStackTrie(nil)); common.Hash(have) != want {
			t.Errorf("%d values: %s, go-ethereum says %s", count, have, want)
		}
	}
}

// everyFork has one fork after another, at times that a seed of a byte can reach.
func everyFork() *params.ChainConfig {
	at := func(time uint64) *uint64 { return &time }
	config := *params.MergedTestChainConfig
	config.ChainID = big.NewInt(7)
	config.ShanghaiTime, config.CancunTime, config.PragueTime, config.OsakaTime = at(0), at(0), at(50), at(100)
	config.BPO1Time, config.BPO2Time = at(150), at(200)
	config.BlobScheduleConfig = &params.BlobScheduleConfig{Cancun: params.DefaultCancunBlobConfig, Prague: params.DefaultPragueBlobConfig,
		BPO1: params.DefaultBPO1BlobConfig, BPO2: params.DefaultBPO2BlobConfig}
	return &config
}

// FuzzFeesAgree: the header after any parent has the base fee and the excess of blob gas that go-ethereum computes; with
// any other davit refuses it.
func FuzzFeesAgree(f *testing.F) {
	f.Add(uint64(30_000_000), uint64(29_000_000), uint64(1_000_000_000), uint64(0), uint64(0), uint8(6), uint8(60))
	f.Add(uint64(36_000_000), uint64(0), uint64(7), uint64(1)<<60, uint64(40_000_000), uint8(3), uint8(120))
	f.Add(uint64(36_000_000), uint64(36_000_000), uint64(1)<<63, uint64(1)<<63, uint64(500_000), uint8(21), uint8(220))
	config := everyFork()
	document, err := json.Marshal(config)
	if err != nil {
		f.Fatal(err)
	}
	network, err := ethereum.ReadGenesis(document)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, limit, used, fee, feeHigh, excess uint64, blobs, now uint8) {
		limit = 5000 + limit%(1<<40)
		baseFee := new(big.Int).Add(new(big.Int).Lsh(new(big.Int).SetUint64(feeHigh), 64), new(big.Int).SetUint64(fee))
		excess %= 1 << 31 // go-ethereum reckons with more for ever
		blobGas := uint64(blobs%22) << 17
		zero, time := new(common.Hash), uint64(now)
		parent := &types.Header{UncleHash: types.EmptyUncleHash, Difficulty: new(big.Int), Number: big.NewInt(10), GasLimit: limit,
			GasUsed: used % (limit + 1), Time: time, BaseFee: baseFee, WithdrawalsHash: zero, BlobGasUsed: &blobGas, ExcessBlobGas: &excess,
			ParentBeaconRoot: zero}
		if config.IsPrague(parent.Number, parent.Time) {
			parent.RequestsHash = zero
		}
		nextExcess := eip4844.CalcExcessBlobGas(config, parent, time+1)
		header := types.CopyHeader(parent)
		header.Number, header.Time, header.ParentHash = big.NewInt(11), time+1, parent.Hash()
		header.GasUsed, header.BlobGasUsed, header.ExcessBlobGas = 0, new(uint64), &nextExcess
		header.BaseFee = eip1559.CalcBaseFee(config, parent)
		if config.IsPrague(header.Number, header.Time) {
			header.RequestsHash = zero
		}
		verify := func(header *types.Header) error {
			var file bytes.Buffer
			for _, one := range []*types.Header{parent, header} {
				if err := gethrlp.Encode(&file, one); err != nil {
					t.Fatal(err)
				}
			}
			_, err := ethereum.Verify(t.Context(), network, ethereum.NewExportSource(&file))
			return err
		}
		if blobGas > uint64(eip4844.MaxBlobsPerBlock(config, time))<<17 {
			return // the parent is refused already
		}
		if err := verify(header); err != nil && header.BaseFee.BitLen() <= 256 {
			t.Fatalf("base fee %s, excess %d: %v", header.BaseFee, nextExcess, err)
		}
		header.BaseFee.Add(header.BaseFee, common.Big1)
		if verify(header) == nil {
			t.Fatal("another base fee holds")
		}
		header.BaseFee.Sub(header.BaseFee, common.Big1)
		nextExcess++
		if verify(header) == nil {
			t.Fatal("another excess holds")
		}
	})
}

// davit's networks are those of go-ethereum's chain specifications.
func TestNetworksAgree(t *testing.T) {
	for name, config := range map[string]*params.ChainConfig{"mainnet": params.MainnetChainConfig, "sepolia": params.SepoliaChainConfig,
		"hoodi": params.HoodiChainConfig} {
		network, err := ethereum.ParseNetwork(name)
		if err != nil || network.ChainID() != config.ChainID.Uint64() {
			t.Fatalf("%s: %d, %v", name, network.ChainID(), err)
		}
		times := []uint64{0}
		for _, fork := range []*uint64{config.ShanghaiTime, config.CancunTime, config.PragueTime, config.OsakaTime, config.BPO1Time,
			config.BPO2Time, config.BPO3Time, config.BPO4Time, config.BPO5Time, config.AmsterdamTime} {
			if fork != nil && *fork > 0 {
				times = append(times, *fork-1, *fork)
			}
		}
		for _, time := range times {
			checkFork(t, name, network, config, time)
		}
		for _, number := range []int64{1, 12_964_999, 12_965_000} {
			have := refusal(t, network, shaped(config, big.NewInt(number), 1))
			if have != nil {
				t.Errorf("%s: block %d: %v", name, number, have)
			}
		}
	}
}

// checkFork holds that a header with go-ethereum's fields at the time is taken, with as many blobs as it may have and no
// more.
func checkFork(t *testing.T, name string, network *ethereum.Network, config *params.ChainConfig, time uint64) {
	header := shaped(config, big.NewInt(20_000_000), time)
	if err := refusal(t, network, header); err != nil {
		t.Errorf("%s at %d: %v", name, time, err)
	}
	if header.BlobGasUsed == nil {
		return
	}
	*header.BlobGasUsed = eip4844.MaxBlobGasPerBlock(config, time)
	if err := refusal(t, network, header); err != nil {
		t.Errorf("%s at %d, as many blobs as there may be: %v", name, time, err)
	}
	*header.BlobGasUsed += params.BlobTxBlobGasPerBlob
	if err := refusal(t, network, header); err == nil {
		t.Errorf("%s at %d: a blob too many holds", name, time)
	}
}

// shaped is a header with the fields that go-ethereum's forks have.
func shaped(config *params.ChainConfig, number *big.Int, time uint64) *types.Header {
	zero := new(common.Hash)
	header := &types.Header{UncleHash: types.EmptyUncleHash, Difficulty: new(big.Int), Number: number, GasLimit: 30_000_000, Time: time}
	if config.IsLondon(number) {
		header.BaseFee = big.NewInt(7)
	}
	if config.IsShanghai(number, time) {
		header.WithdrawalsHash = zero
	}
	if config.IsCancun(number, time) {
		header.BlobGasUsed, header.ExcessBlobGas, header.ParentBeaconRoot = new(uint64), new(uint64), zero
	}
	if config.IsPrague(number, time) {
		header.RequestsHash = zero
	}
	if config.IsAmsterdam(number, time) {
		header.BlockAccessListHash, header.SlotNumber = zero, new(uint64)
	}
	return header
}

func refusal(t *testing.T, network *ethereum.Network, header *types.Header) error {
	t.Helper()
	raw, err := gethrlp.EncodeToBytes(header)
	if err != nil {
		t.Fatal(err)
	}
	return ethereum.NewChain(network).Add(ethereum.Block{Header: raw})
}

// FuzzTypedDataAgrees: where both take typed data, they sign the same; what davit refuses and go-ethereum takes would be
// misunderstood by somebody.
func FuzzTypedDataAgrees(f *testing.F) {
	const document = `{"types": {"EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
		"Leaf": [{"name": "who", "type": "address"}, {"name": "data", "type": "bytes"}, {"name": "mark", "type": "bytes4"}],
		"Tree": [{"name": "leaves", "type": "Leaf[]"}, {"name": "pair", "type": "int64[2]"}, {"name": "yes", "type": "bool"},
			{"name": "text", "type": "string"}, {"name": "large", "type": "uint256"}]},
		"primaryType": "Tree", "domain": {"name": "davit", "chainId": "0x1"},
		"message": {"leaves": [{"who": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "data": "0x0102", "mark": "0x01020304"}],
			"pair": ["-5", "7"], "yes": true, "text": "héllo", "large": "115792089237316195423570985008687907853269984665640564039457584007913129639935"}}`
	f.Add([]byte(document))
	if _, err := signing.TypedDigest([]byte(document)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		have, err := signing.TypedDigest(document)
		if err != nil {
			return
		}
		var data apitypes.TypedData
		if json.Unmarshal(document, &data) != nil {
			return
		}
		want, _, wrong := apitypes.TypedDataAndHash(data)
		if wrong == nil && !bytes.Equal(have[:], want) {
			t.Fatalf("%s: %s, go-ethereum says %x", document, have, want)
		}
	})
}

func FuzzMessagesAgree(f *testing.F) {
	f.Add([]byte("hello world"))
	f.Fuzz(func(t *testing.T, message []byte) {
		if have := signing.MessageDigest(message); !bytes.Equal(have[:], accounts.TextHash(message)) {
			t.Fatalf("%x: %s", message, have)
		}
	})
}
