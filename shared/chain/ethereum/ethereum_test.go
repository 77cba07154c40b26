package ethereum_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"davit/shared/chain/ethereum"
	"davit/shared/chain/ethereum/rlp"
)

func hash(t testing.TB, text string) ethereum.Hash {
	t.Helper()
	read, err := ethereum.ParseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// first are the first two headers of mainnet, as its nodes show them.
func first(t testing.TB) []ethereum.Header {
	genesis := ethereum.Header{UnclesHash: ethereum.Keccak256([]byte{0xc0}), Difficulty: ethereum.NewQuantity(0x400000000),
		StateRoot:        hash(t, "d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544"),
		TransactionsRoot: ethereum.EmptyTrie, ReceiptsRoot: ethereum.EmptyTrie, GasLimit: 5000,
		Nonce: [8]byte{7: 0x42}}
	genesis.ExtraData, _ = hex.DecodeString("11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa")
	second := ethereum.Header{ParentHash: ethereum.Keccak256(serialised(genesis)), UnclesHash: genesis.UnclesHash,
		StateRoot:        hash(t, "d67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3"),
		TransactionsRoot: ethereum.EmptyTrie, ReceiptsRoot: ethereum.EmptyTrie, Difficulty: ethereum.NewQuantity(0x3ff800000),
		Number: 1, GasLimit: 5000, Timestamp: 0x55ba4224, ExtraData: []byte("Geth/v1.0.0/linux/go1.4.2"),
		MixHash: hash(t, "969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59"),
		Nonce:   [8]byte{0x53, 0x9b, 0xd4, 0x97, 0x9f, 0xef, 0x1e, 0xc4}}
	miner, err := ethereum.ParseAddress("0x05a56e2d52c817161883f50c441c3228cfe54d9f")
	if err != nil {
		t.Fatal(err)
	}
	second.Miner = miner
	return []ethereum.Header{genesis, second}
}

func TestTheFirstBlocksOfMainnetHold(t *testing.T) {
	var file []byte
	for _, header := range first(t) {
		file = append(file, serialised(header)...)
	}
	summary, err := ethereum.Verify(t.Context(), ethereum.Mainnet(), ethereum.NewExportSource(bytes.NewReader(file)))
	if err != nil {
		t.Fatal(err)
	}
	want := ethereum.Summary{Headers: 2, Genesis: true, Fork: "frontier",
		FirstHash: hash(t, "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"),
		Tip:       hash(t, "88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6")}
	if difference := cmp.Diff(want, summary); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	if _, err := ethereum.Verify(t.Context(), ethereum.Sepolia(), ethereum.NewExportSource(bytes.NewReader(file))); rule(err) != ethereum.RuleFork {
		t.Errorf("as Sepolia's: %v", err)
	}
}

func rule(err error) ethereum.Rule {
	if broken, ok := errors.AsType[*ethereum.Error](err); ok {
		return broken.Rule
	}
	return ""
}

func TestBlocksOfEveryForkHoldInEveryForm(t *testing.T) {
	blocks := chain(t)
	var headers, whole, receipts, lines []byte
	for _, block := range blocks {
		headers = append(headers, serialised(block.header)...)
		whole = append(whole, block.block()...)
		receipts = append(receipts, list(block.receipts...)...)
		lines = append(append(lines, "\n0x"...), hex.EncodeToString(block.block())...)
	}
	export := func() ethereum.Source { return ethereum.NewExportSource(bytes.NewReader(whole)) }
	for name, test := range map[string]struct {
		source         ethereum.Source
		body, receipts bool
	}{
		"headers":             {ethereum.NewExportSource(bytes.NewReader(headers)), false, false},
		"blocks":              {export(), true, false},
		"blocks and receipts": {ethereum.WithReceipts(export(), bytes.NewReader(receipts)), true, true},
		"lines":               {ethereum.NewLineSource(bytes.NewReader(lines)), true, false},
		"an archive":          {ethereum.NewArchiveSource(bytes.NewReader(archive(t, blocks))), true, true},
		"byte by byte":        {ethereum.NewExportSource(oneByte{bytes.NewReader(whole)}), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			summary, err := ethereum.Verify(t.Context(), everyFork(t), test.source)
			if err != nil {
				t.Fatal(err)
			}
			want := ethereum.Summary{Headers: 10, Fork: "amsterdam", FirstHash: ethereum.Keccak256(serialised(blocks[0].header)),
				Tip: ethereum.Keccak256(serialised(blocks[9].header))}
			if test.body {
				want.TransactionRoots, want.Transactions, want.WithdrawalRoots = 10, 45, 6
			}
			if test.receipts {
				want.ReceiptRoots, want.Receipts = 10, 45
			}
			if difference := cmp.Diff(want, summary); difference != "" {
				t.Errorf("-want +have:\n%s", difference)
			}
		})
	}
}

type oneByte struct{ from io.Reader }

func (o oneByte) Read(to []byte) (int, error) { return o.from.Read(to[:min(1, len(to))]) }

// Every rule, broken in one block; the blocks after it are not looked at.
func TestABrokenBlockIsNamedWithItsRuleAndField(t *testing.T) {
	for name, test := range map[string]struct {
		index int
		spoil func(*made)
		rule  ethereum.Rule
		field string
	}{
		"fields of an older fork":      {5, func(m *made) { m.header.Shape = ethereum.ShapeShanghai }, ethereum.RuleFork, "header"},
		"fields of a newer fork":       {3, func(m *made) { m.header.Shape = ethereum.ShapeAmsterdam }, ethereum.RuleFork, "header"},
		"another parent":               {4, func(m *made) { m.header.ParentHash[31] ^= 1 }, ethereum.RuleLinkage, "parentHash"},
		"a number left out":            {1, func(m *made) { m.header.Number++; m.header.Shape = ethereum.ShapeLondon }, ethereum.RuleLinkage, "number"},
		"no time passed":               {6, func(m *made) { m.header.Timestamp = 50; m.header.Shape = ethereum.ShapeCancun }, ethereum.RuleTimestamp, "timestamp"},
		"more gas used than allowed":   {4, func(m *made) { m.header.GasUsed = m.header.GasLimit + 1 }, ethereum.RuleGas, "gasUsed"},
		"a gas limit that jumps":       {4, func(m *made) { m.header.GasLimit += m.header.GasLimit / 1024 }, ethereum.RuleGas, "gasLimit"},
		"a gas limit that falls":       {4, func(m *made) { m.header.GasLimit -= m.header.GasLimit / 1024 }, ethereum.RuleGas, "gasLimit"},
		"a gas limit below all":        {1, func(m *made) { m.header.GasLimit, m.header.GasUsed = 4999, 0 }, ethereum.RuleGas, "gasLimit"},
		"another first base fee":       {2, func(m *made) { m.header.BaseFeePerGas[31]++ }, ethereum.RuleBaseFee, "baseFeePerGas"},
		"another base fee":             {7, func(m *made) { m.header.BaseFeePerGas[31]++ }, ethereum.RuleBaseFee, "baseFeePerGas"},
		"a part of a blob":             {5, func(m *made) { m.header.BlobGasUsed++ }, ethereum.RuleBlobGas, "blobGasUsed"},
		"too many blobs":               {5, func(m *made) { m.header.BlobGasUsed = 7 << 17 }, ethereum.RuleBlobGas, "blobGasUsed"},
		"another excess under Prague":  {6, func(m *made) { m.header.ExcessBlobGas++ }, ethereum.RuleBlobGas, "excessBlobGas"},
		"another excess under Osaka":   {7, func(m *made) { m.header.ExcessBlobGas = 0 }, ethereum.RuleBlobGas, "excessBlobGas"},
		"33 bytes of extra data":       {3, func(m *made) { m.header.ExtraData = make([]byte, 33) }, ethereum.RuleExtraData, "extraData"},
		"work after the Merge":         {4, func(m *made) { m.header.Difficulty[31] = 1 }, ethereum.RuleProofOfStake, "difficulty"},
		"a nonce after the Merge":      {4, func(m *made) { m.header.Nonce[0] = 1 }, ethereum.RuleProofOfStake, "nonce"},
		"uncles after the Merge":       {4, func(m *made) { m.header.UnclesHash[0]++ }, ethereum.RuleProofOfStake, "sha3Uncles"},
		"another transaction":          {8, func(m *made) { m.transactions[3] = typed(1, []byte{1}) }, ethereum.RuleRoot, "transactionsRoot"},
		"a transaction left out":       {8, func(m *made) { m.transactions = m.transactions[:7] }, ethereum.RuleRoot, "transactionsRoot"},
		"transactions in other places": {8, func(m *made) { m.transactions[1], m.transactions[3] = m.transactions[3], m.transactions[1] }, ethereum.RuleRoot, "transactionsRoot"},
		"an empty transaction":         {8, func(m *made) { m.transactions[1] = []byte{0x80} }, ethereum.RuleForm, "transactions"},
		"another uncle hash":           {3, func(m *made) { m.header.UnclesHash[0]++ }, ethereum.RuleRoot, "sha3Uncles"},
		"another withdrawal":           {5, func(m *made) { m.withdrawals[0] = list([]byte{9}) }, ethereum.RuleRoot, "withdrawalsRoot"},
		"a receipt left out":           {9, func(m *made) { m.receipts = m.receipts[:8] }, ethereum.RuleForm, "receipts"},
		"another receipt":              {9, func(m *made) { m.receipts[0] = m.receipts[2] }, ethereum.RuleRoot, "receiptsRoot"},
		"another bloom":                {9, func(m *made) { m.header.LogsBloom[255] = 1 }, ethereum.RuleRoot, "logsBloom"},
		"gas that no receipt has":      {8, func(m *made) { m.header.GasUsed++ }, ethereum.RuleRoot, "gasUsed"},
	} {
		t.Run(name, func(t *testing.T) {
			blocks := chain(t)
			test.spoil(&blocks[test.index])
			_, err := ethereum.Verify(t.Context(), everyFork(t), ethereum.NewArchiveSource(bytes.NewReader(archive(t, blocks))))
			broken, ok := errors.AsType[*ethereum.Error](err)
			if !ok {
				t.Fatalf("it holds: %v", err)
			}
			if broken.Rule != test.rule || broken.Field != test.field || broken.Index != uint64(test.index) {
				t.Errorf("%v", broken)
			}
		})
	}
}

func TestWhatIsNoHeaderIsNamedByItsField(t *testing.T) {
	good := serialised(chain(t)[9].header)
	item, err := rlp.ReadOne(good)
	if err != nil {
		t.Fatal(err)
	}
	items, err := item.Split(23)
	if err != nil {
		t.Fatal(err)
	}
	with := func(index int, replacement []byte) []byte {
		var content []byte
		for at, item := range items {
			if at == index {
				item.Raw = replacement
			}
			content = append(content, item.Raw...)
		}
		return list(content)
	}
	for name, test := range map[string]struct {
		raw   []byte
		field string
	}{
		"a string":                 {[]byte{0x80}, "header"},
		"something behind it":      {append(bytes.Clone(good), 0), "header"},
		"22 fields":                {with(22, nil), "header"},
		"24 fields":                {with(22, []byte{1, 1}), "header"},
		"a short parent":           {with(0, []byte{0x80}), "parentHash"},
		"a miner that is a list":   {with(2, []byte{0xc0}), "miner"},
		"a padded number":          {with(8, []byte{0x82, 0, 1}), "number"},
		"a difficulty of 264 bits": {with(7, rlp.AppendString(nil, bytes.Repeat([]byte{1}, 33))), "difficulty"},
		"a gas limit of 72 bits":   {with(9, rlp.AppendString(nil, bytes.Repeat([]byte{1}, 9))), "gasLimit"},
		"too much extra data":      {with(12, rlp.AppendString(nil, make([]byte, 200_000))), "extraData"},
		"a long slot number":       {with(22, rlp.AppendString(nil, bytes.Repeat([]byte{1}, 9))), "slotNumber"},
	} {
		_, err := ethereum.ParseHeader(test.raw)
		broken, ok := errors.AsType[*ethereum.Error](err)
		if !ok || broken.Rule != ethereum.RuleForm || broken.Field != test.field {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStreamsThatEndOrLieAreRefused(t *testing.T) {
	blocks := chain(t)
	whole := blocks[0].block()
	file := archive(t, blocks)
	for name, source := range map[string]ethereum.Source{
		"nothing":                     ethereum.NewExportSource(strings.NewReader("")),
		"a block that is cut":         ethereum.NewExportSource(bytes.NewReader(whole[:len(whole)-1])),
		"a length beyond all":         ethereum.NewExportSource(strings.NewReader("\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
		"a length above the limit":    ethereum.NewExportSource(strings.NewReader("\xfb\x10\x00\x00\x00")),
		"digits that are none":        ethereum.NewLineSource(strings.NewReader("0xzz")),
		"an odd number of digits":     ethereum.NewLineSource(strings.NewReader("0xc")),
		"no receipts":                 ethereum.WithReceipts(ethereum.NewExportSource(bytes.NewReader(whole)), strings.NewReader("")),
		"more receipts than blocks":   ethereum.WithReceipts(ethereum.NewExportSource(bytes.NewReader(whole)), strings.NewReader("\xc0\xc0")),
		"a file of another kind":      ethereum.NewArchiveSource(strings.NewReader("#!/bin/sh and more")),
		"an archive cut in an entry":  ethereum.NewArchiveSource(bytes.NewReader(file[:100])),
		"an archive cut in a head":    ethereum.NewArchiveSource(bytes.NewReader(file[:12])),
		"an archive without a body":   ethereum.NewArchiveSource(bytes.NewReader(append(entry(0x3265, nil), entry(3, compressed(t, serialised(blocks[0].header)))...))),
		"an archive that begins late": ethereum.NewArchiveSource(bytes.NewReader(append(entry(0x3265, nil), entry(4, nil)...))),
		"an archive of other frames":  ethereum.NewArchiveSource(bytes.NewReader(append(entry(0x3265, nil), entry(3, []byte("none"))...))),
	} {
		if _, err := ethereum.Verify(t.Context(), nil, source); err == nil {
			t.Errorf("%s: it holds", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ethereum.Verify(ctx, nil, ethereum.NewExportSource(bytes.NewReader(whole))); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}

// The rules that need no schedule hold on a network that nothing is known of.
func TestAnUnknownNetworkIsHeldToWhatHeadersShow(t *testing.T) {
	blocks := chain(t)
	var file []byte
	for _, block := range blocks {
		file = append(file, block.block()...)
	}
	summary, err := ethereum.Verify(t.Context(), nil, ethereum.NewExportSource(bytes.NewReader(file)))
	if err != nil || summary.Headers != 10 || summary.Genesis {
		t.Errorf("%+v, %v", summary, err)
	}
	tail := blocks[5].block()
	if _, err := ethereum.Verify(t.Context(), nil, ethereum.NewExportSource(bytes.NewReader(append(bytes.Clone(tail), tail...)))); rule(err) != ethereum.RuleLinkage {
		t.Errorf("the same block twice: %v", err)
	}
}

// What these roots are is checked beside another implementation, in the module of peers.
func TestRootsChangeWithEveryValueAndPlace(t *testing.T) {
	if want := hash(t, "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"); ethereum.IndexRoot(nil) != want {
		t.Errorf("the empty root is %s", ethereum.IndexRoot(nil))
	}
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 60), 1, 300).Draw(t, "values")
		before := ethereum.IndexRoot(values)
		changed := rapid.IntRange(0, len(values)-1).Draw(t, "changed")
		values[changed] = append(bytes.Clone(values[changed]), 1)
		if ethereum.IndexRoot(values) == before {
			t.Fatal("another value has the same root")
		}
		if ethereum.IndexRoot(values[:len(values)-1]) == before {
			t.Fatal("one value less has the same root")
		}
	})
}

func TestNumbersAndAddressesAreReadAsTheyAreWritten(t *testing.T) {
	// The addresses of EIP-55.
	for _, text := range []string{"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"} {
		address, err := ethereum.ParseAddress(text)
		if err != nil || address.String() != text {
			t.Errorf("%s is %s, %v", text, address, err)
		}
		if _, err := ethereum.ParseAddress(text[:2] + strings.Replace(text[2:], "b", "B", 1)); !errors.Is(err, ethereum.ErrChecksum) {
			t.Errorf("another capital in %s: %v", text, err)
		}
		if _, err := ethereum.ParseAddress(strings.ToLower(text)); err != nil {
			t.Error(err)
		}
	}
	for text, want := range map[string]string{"0": "0", "0x0": "0", "0xde0b6b3a7640000": "1000000000000000000",
		"0x" + strings.Repeat("f", 64): "115792089237316195423570985008687907853269984665640564039457584007913129639935"} {
		if number, err := ethereum.ParseQuantity(text); err != nil || number.String() != want {
			t.Errorf("%s is %s, %v", text, number, err)
		}
	}
	for _, text := range []string{"", "0x", "-1", "+1", "1_0", "0x1" + strings.Repeat("0", 64), "1e18", strings.Repeat("9", 79)} {
		if number, err := ethereum.ParseQuantity(text); err == nil {
			t.Errorf("%q is read as %s", text, number)
		}
	}
	if _, err := ethereum.QuantityOf(big.NewInt(-1)); err == nil {
		t.Error("-1 is a quantity")
	}
}

func TestGenesisFilesSayWhatTheyLack(t *testing.T) {
	for document, want := range map[string]string{
		"{":              "read the genesis file",
		`{"config": {}}`: "chainId",
		`{"chainId": 1, "cancunTime": 0, "blobSchedule": {"cancun": {"target": 6, "max": 3, "baseFeeUpdateFraction": 1}}}`: "blobSchedule.cancun",
		`{"chainId": 1, "londonBlock": -1}`: "londonBlock",
	} {
		if _, err := ethereum.ReadGenesis([]byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", document, err)
		}
	}
	for _, name := range []string{"mainnet", "sepolia", "hoodi", "unknown"} {
		if network, err := ethereum.ParseNetwork(name); err != nil || network.String() != name {
			t.Errorf("%s: %v, %v", name, network, err)
		}
	}
	if _, err := ethereum.ParseNetwork("ropsten"); err == nil {
		t.Error("ropsten is known")
	}
}

// FuzzBlocks: whatever the stream, the answer is a summary or an error, in bounded memory, and what holds has a tip that
// its last header hashes to.
func FuzzBlocks(f *testing.F) {
	blocks := chain(f)
	var file []byte
	for _, block := range blocks {
		file = append(file, block.block()...)
	}
	f.Add(file, byte(0))
	f.Add(archive(f, blocks[:3]), byte(1))
	f.Add([]byte(hex.EncodeToString(file)), byte(2))
	f.Add(append(blocks[1].block(), list(blocks[1].receipts...)...), byte(3))
	f.Fuzz(func(t *testing.T, data []byte, form byte) {
		var source ethereum.Source
		switch form % 4 {
		case 0:
			source = ethereum.NewExportSource(bytes.NewReader(data))
		case 1:
			source = ethereum.NewArchiveSource(bytes.NewReader(data))
		case 2:
			source = ethereum.NewLineSource(bytes.NewReader(data))
		case 3:
			half := len(data) / 2
			source = ethereum.WithReceipts(ethereum.NewExportSource(bytes.NewReader(data[:half])), bytes.NewReader(data[half:]))
		}
		summary, err := ethereum.Verify(context.Background(), nil, source)
		if err == nil && summary.Headers == 0 {
			t.Fatal("nothing holds")
		}
		if form%4 > 1 {
			return
		}
		stepped, failed := oneByOne(t, nil, data, form%4 == 1)
		if difference := cmp.Diff(summary, stepped); err == nil != (failed == nil) || summary.Headers > 0 && difference != "" {
			t.Fatalf("%v one by one, %v at once (-at once +one by one):\n%s", failed, err, difference)
		}
	})
}

// oneByOne verifies a file with a reader and a chain of their own for each block, from where the one before ended.
func oneByOne(t *testing.T, network *ethereum.Network, file []byte, isArchive bool) (ethereum.Summary, error) {
	t.Helper()
	var state ethereum.State
	for offset := int64(0); ; {
		reader := ethereum.NewExportReader(bytes.NewReader(file[offset:]))
		if isArchive {
			reader = ethereum.NewArchiveReader(bytes.NewReader(file[offset:]), offset > 0)
		}
		raw, err := reader.Append(nil)
		if errors.Is(err, io.EOF) && state.Summary.Headers > 0 {
			return state.Summary, nil
		}
		if err != nil {
			return state.Summary, err
		}
		offset += reader.Offset()
		block, err := ethereum.ParseBlock(raw)
		if err != nil {
			return state.Summary, err
		}
		written, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		state = ethereum.State{}
		if err := json.Unmarshal(written, &state); err != nil {
			t.Fatal(err)
		}
		chain, err := ethereum.ContinueChain(network, state)
		if err != nil {
			t.Fatal(err)
		}
		if err := chain.Add(block); err != nil {
			return state.Summary, err
		}
		state = chain.State()
	}
}

func TestBlocksOneByOneComeToTheSame(t *testing.T) {
	blocks := chain(t)
	var whole []byte
	for _, block := range blocks {
		whole = append(whole, block.block()...)
	}
	for name, file := range map[string][]byte{"an export": whole, "an archive": archive(t, blocks)} {
		source := ethereum.NewExportSource(bytes.NewReader(file))
		if name == "an archive" {
			source = ethereum.NewArchiveSource(bytes.NewReader(file))
		}
		want, err := ethereum.Verify(t.Context(), everyFork(t), source)
		if err != nil {
			t.Fatal(err)
		}
		have, err := oneByOne(t, everyFork(t), file, name == "an archive")
		if difference := cmp.Diff(want, have); difference != "" || err != nil || want.Headers != 10 {
			t.Errorf("%s: %v (-want +have):\n%s", name, err, difference)
		}
	}
	state := ethereum.State{Summary: ethereum.Summary{Headers: 1, Tip: ethereum.Hash{1}}, Last: serialised(blocks[0].header)}
	if _, err := ethereum.ContinueChain(nil, state); err == nil {
		t.Error("a state whose last header is another is taken")
	}
}

func BenchmarkHeaders(b *testing.B) {
	header := chain(b)[8].header
	var file []byte
	for range 1024 {
		header.Number++
		header.Timestamp++
		header.BaseFeePerGas = ethereum.Quantity{}
		header.GasUsed, header.BlobGasUsed, header.ExcessBlobGas = 0, 0, 0
		file = append(file, serialised(header)...)
		header.ParentHash = ethereum.Keccak256(serialised(header))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ethereum.Verify(context.Background(), nil, ethereum.NewExportSource(bytes.NewReader(file))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/header")
}
