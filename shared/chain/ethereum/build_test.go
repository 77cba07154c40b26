package ethereum_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/s2"

	"davit/shared/chain/ethereum"
	"davit/shared/chain/ethereum/rlp"
)

// serialised is the header as RLP.
func serialised(header ethereum.Header) []byte {
	var content []byte
	for _, part := range [][]byte{header.ParentHash[:], header.UnclesHash[:], header.Miner[:], header.StateRoot[:],
		header.TransactionsRoot[:], header.ReceiptsRoot[:], header.LogsBloom[:]} {
		content = rlp.AppendString(content, part)
	}
	content = rlp.AppendScalar(content, header.Difficulty[:])
	for _, number := range []uint64{header.Number, header.GasLimit, header.GasUsed, header.Timestamp} {
		content = rlp.AppendUint64(content, number)
	}
	for _, part := range [][]byte{header.ExtraData, header.MixHash[:], header.Nonce[:]} {
		content = rlp.AppendString(content, part)
	}
	if header.Shape >= ethereum.ShapeLondon {
		content = rlp.AppendScalar(content, header.BaseFeePerGas[:])
	}
	if header.Shape >= ethereum.ShapeShanghai {
		content = rlp.AppendString(content, header.WithdrawalsRoot[:])
	}
	if header.Shape >= ethereum.ShapeCancun {
		content = rlp.AppendUint64(content, header.BlobGasUsed)
		content = rlp.AppendUint64(content, header.ExcessBlobGas)
		content = rlp.AppendString(content, header.ParentBeaconBlockRoot[:])
	}
	if header.Shape >= ethereum.ShapePrague {
		content = rlp.AppendString(content, header.RequestsHash[:])
	}
	if header.Shape >= ethereum.ShapeAmsterdam {
		content = rlp.AppendString(content, header.BlockAccessListHash[:])
		content = rlp.AppendUint64(content, header.SlotNumber)
	}
	return rlp.AppendList(nil, content)
}

// genesisFile has every fork, one a block.
const genesisFile = `{"config": {"chainId": 3503995874, "londonBlock": 2, "terminalTotalDifficulty": 131072,
	"shanghaiTime": 40, "cancunTime": 50, "pragueTime": 60, "osakaTime": 70, "bpo1Time": 80, "amsterdamTime": 90,
	"blobSchedule": {
		"cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477},
		"prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
		"bpo1":   {"target": 10, "max": 15, "baseFeeUpdateFraction": 8346193}}},
	"difficulty": "0x20000", "gasLimit": "0x47b760"}`

func everyFork(t testing.TB) *ethereum.Network {
	t.Helper()
	network, err := ethereum.ReadGenesis([]byte(genesisFile))
	if err != nil {
		t.Fatal(err)
	}
	return network
}

// made is a block with all that is in it.
type made struct {
	header                              ethereum.Header
	transactions, receipts, withdrawals [][]byte
}

func list(items ...[]byte) []byte { return rlp.AppendList(nil, bytes.Join(items, nil)) }

func value(item []byte) []byte {
	if item[0] >= 0xc0 {
		return item
	}
	read, err := rlp.ReadOne(item)
	if err != nil {
		panic(err)
	}
	return read.Content
}

func root(items [][]byte) ethereum.Hash {
	values := make([][]byte, len(items))
	for index, item := range items {
		values[index] = value(item)
	}
	return ethereum.IndexRoot(values)
}

func (m made) block() []byte {
	lists := [][]byte{serialised(m.header), list(m.transactions...), list()}
	if m.header.Shape >= ethereum.ShapeShanghai {
		lists = append(lists, list(m.withdrawals...))
	}
	return list(lists...)
}

// typed is an item of a type, as it is in lists.
func typed(kind byte, content []byte) []byte {
	return rlp.AppendString(nil, append([]byte{kind}, content...))
}

// chain is ten blocks, one of each fork of genesisFile. Their transactions are of no meaning: what verifies them does not
// look into them.
func chain(t testing.TB) []made {
	t.Helper()
	shapes := []ethereum.Shape{ethereum.ShapeFrontier, ethereum.ShapeFrontier, ethereum.ShapeLondon, ethereum.ShapeLondon,
		ethereum.ShapeShanghai, ethereum.ShapeCancun, ethereum.ShapePrague, ethereum.ShapePrague, ethereum.ShapePrague,
		ethereum.ShapeAmsterdam}
	blocks := make([]made, len(shapes))
	for index, shape := range shapes {
		blocks[index] = next(blocks[:index], shape)
	}
	return blocks
}

// next is a block of the shape after those before.
func next(before []made, shape ethereum.Shape) made {
	index := len(before)
	header := ethereum.Header{Shape: shape, Number: uint64(index), Timestamp: uint64(10 * index), GasLimit: 10_000_000,
		UnclesHash: ethereum.Keccak256([]byte{0xc0}), TransactionsRoot: ethereum.EmptyTrie, ReceiptsRoot: ethereum.EmptyTrie,
		Difficulty: ethereum.NewQuantity(131_072), ExtraData: []byte("davit")}
	block := made{header: header}
	if shape >= ethereum.ShapeShanghai {
		block.header.Difficulty = ethereum.Quantity{}
	}
	if index == 0 {
		return block
	}
	parent := before[index-1].header
	block.header.ParentHash = ethereum.Keccak256(serialised(parent))
	gas := uint64(0)
	for count := range index {
		gas += 21_000
		bloom := make([]byte, 256)
		bloom[count] = 1
		receipt := list([]byte{1}, rlp.AppendUint64(nil, gas), rlp.AppendString(nil, bloom), list())
		transaction := list(rlp.AppendUint64(nil, uint64(count)), rlp.AppendString(nil, make([]byte, 40*count)))
		if count%2 == 1 {
			receipt, transaction = typed(2, receipt), typed(2, transaction)
		}
		block.header.LogsBloom[count] = 1
		block.receipts, block.transactions = append(block.receipts, receipt), append(block.transactions, transaction)
	}
	block.header.GasUsed = gas
	block.header.TransactionsRoot, block.header.ReceiptsRoot = root(block.transactions), root(block.receipts)
	if shape >= ethereum.ShapeLondon {
		block.header.BaseFeePerGas = fee(parent)
		if parent.Shape == ethereum.ShapeFrontier {
			block.header.GasLimit, block.header.BaseFeePerGas = 20_000_000, ethereum.NewQuantity(1_000_000_000)
		} else {
			block.header.GasLimit = parent.GasLimit
		}
	}
	if shape >= ethereum.ShapeShanghai {
		block.withdrawals = [][]byte{list([]byte{1}, []byte{2}, rlp.AppendString(nil, make([]byte, 20)), []byte{3})}
		block.header.WithdrawalsRoot = root(block.withdrawals)
	}
	if shape >= ethereum.ShapeCancun {
		block.header.BlobGasUsed = 6 << 17
		if index > 5 {
			block.header.ExcessBlobGas = excess[index]
		}
	}
	block.header.SlotNumber = uint64(index)
	return block
}

// fee is the base fee after the parent, by the words of EIP-1559 for a parent that used less than its target.
func fee(parent ethereum.Header) ethereum.Quantity {
	before, _ := parent.BaseFeePerGas.Uint64()
	target := parent.GasLimit / 2
	return ethereum.NewQuantity(before - before*(target-parent.GasUsed)/target/8)
}

// excess is by hand, 6 blobs a block: Prague aims at 6 (0+6-6, then as it was), Osaka keeps Prague's limits but
// blob gas is below the reserve of EIP-7918, so that only 6*(9-6)/9 = 2 are added; the first blob fork aims at 10 of at
// most 15, and below the reserve adds 6*(15-10)/15 = 2; but not above the target (2+6 < 10) it falls to 0.
var excess = map[int]uint64{6: 0, 7: 2 << 17, 8: 0, 9: 0}

// archive is an era1 file of the blocks.
func archive(t testing.TB, blocks []made) []byte {
	t.Helper()
	file := entry(0x3265, nil)
	for _, block := range blocks {
		lists := [][]byte{list(block.transactions...), list()}
		if block.header.Shape >= ethereum.ShapeShanghai {
			lists = append(lists, list(block.withdrawals...))
		}
		for kind, content := range [][]byte{serialised(block.header), list(lists...), list(block.receipts...)} {
			file = append(file, entry(uint16(3+kind), compressed(t, content))...)
		}
		file = append(file, entry(6, make([]byte, 32))...)
	}
	return append(append(file, entry(7, make([]byte, 32))...), entry(0x3266, make([]byte, 24))...)
}

func entry(kind uint16, content []byte) []byte {
	head := binary.LittleEndian.AppendUint16(nil, kind)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(content)))
	return append(append(head, 0, 0), content...)
}

func compressed(t testing.TB, content []byte) []byte {
	var out bytes.Buffer
	writer := s2.NewWriter(&out, s2.WriterSnappyCompat(), s2.WriterConcurrency(1), s2.WriterBlockSize(64<<10))
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
