package peers

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"maps"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/prysmaticlabs/gohashtree"
	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/crypto/blake2b"

	//lint:ignore SA1019 Bitcoin's addresses are made of it.
	"golang.org/x/crypto/ripemd160"

	"davit/shared/hashing"
	"davit/shared/hashing/bitcoin"
	"davit/shared/hashing/lanes"
	"davit/shared/hashing/merkle"
)

// many is how many leaves, headers or nonces one round takes.
const many = 1 << 16

// compare runs one of the ways to do the same, on one core, and tells how many of the things were done a second of the CPU's
// time: that of the wall says little on a machine with other work.
func compare(b *testing.B, name string, each int, thing string, round func(b *testing.B)) {
	b.Run(name, func(b *testing.B) {
		before := runtime.GOMAXPROCS(1)
		defer runtime.GOMAXPROCS(before)
		b.ReportAllocs()
		start := processTime(b)
		for b.Loop() {
			round(b)
		}
		b.ReportMetric(float64(each)*float64(b.N)/(processTime(b)-start).Seconds()/1e6, "M"+thing+"/s")
	})
}

func processTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkBitcoinRoot(b *testing.B) { compareRoots(b, many) }

// BenchmarkBlockRoot is the root of as many transactions as a block of today has.
func BenchmarkBlockRoot(b *testing.B) { compareRoots(b, 3517) }

func compareRoots(b *testing.B, count int) {
	all := transactions(count)
	leaves := identities(all)
	if root, err := merkle.Root(merkle.Bitcoin, leaves); err != nil || chainhash.Hash(root) != blockchain.CalcMerkleRoot(all, false) {
		b.Fatalf("davit's root is %x, %v", root, err)
	}
	compare(b, "davit", count, "leaves", func(b *testing.B) {
		if _, err := merkle.Root(merkle.Bitcoin, leaves); err != nil {
			b.Fatal(err)
		}
	})
	compare(b, "btcd", count, "leaves", func(b *testing.B) {
		blockchain.CalcMerkleRoot(all, false)
	})
}

func BenchmarkLogTree(b *testing.B) {
	entries := make([][]byte, many)
	for index := range entries {
		entries[index] = []byte{byte(index), byte(index >> 8), 3, 4, 5, 6, 7, 8}
	}
	leaves, hasher := make([]merkle.Hash, many), merkle.NewLeaves()
	compare(b, "davit", many, "leaves", func(b *testing.B) {
		for index, entry := range entries {
			hasher.Add(&leaves[index], entry)
		}
		hasher.Flush()
		if _, err := merkle.Root(merkle.RFC6962, leaves); err != nil {
			b.Fatal(err)
		}
	})
	compare(b, "transparency-dev", many, "leaves", func(b *testing.B) {
		tree := (&compact.RangeFactory{Hash: log.HashChildren}).NewEmptyRange(0)
		for _, entry := range entries {
			if err := tree.Append(log.HashLeaf(entry), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPairs is one row of a tree. Gohashtree's nodes are of a single SHA-256, without a prefix: two thirds of the work
// of Bitcoin's.
func BenchmarkPairs(b *testing.B) {
	leaves, parents := identities(transactions(many)), make([]merkle.Hash, many/2)
	for _, row := range []struct {
		name string
		hash func()
	}{
		{"davit single", func() { lanes.Pairs(parents, leaves) }},
		{"davit double", func() { lanes.DoublePairs(parents, leaves) }},
		{"davit prefixed", func() { lanes.PrefixedPairs(1, parents, leaves) }},
		{"gohashtree single", func() { _ = gohashtree.Hash(parents, leaves) }},
		{"crypto/sha256 single", func() {
			for index := range parents {
				var pair [64]byte
				copy(pair[:], leaves[2*index][:])
				copy(pair[32:], leaves[2*index+1][:])
				parents[index] = sha256.Sum256(pair[:])
			}
		}},
	} {
		compare(b, row.name, many/2, "nodes", func(b *testing.B) {
			row.hash()
		})
	}
}

// BenchmarkPairRoot is the root of a tree of single SHA-256, as Ethereum's consensus has them, row by row.
func BenchmarkPairRoot(b *testing.B) {
	leaves, rows := identities(transactions(many)), make([]merkle.Hash, many)
	reduce := func(b *testing.B, pairs func(to, from []merkle.Hash) error) {
		for row := leaves; len(row) > 1; row = rows[:len(row)/2] {
			if err := pairs(rows[:len(row)/2], row); err != nil {
				b.Fatal(err)
			}
		}
	}
	compare(b, "davit", many, "leaves", func(b *testing.B) {
		reduce(b, func(to, from []merkle.Hash) error { lanes.Pairs(to, from); return nil })
	})
	compare(b, "gohashtree", many, "leaves", func(b *testing.B) { reduce(b, gohashtree.Hash) })
}

// BenchmarkEthereumHeaders is the hash of headers as they come over the wire, in RLP.
func BenchmarkEthereumHeaders(b *testing.B) {
	headers := make([]*types.Header, 1024)
	var batch hashing.Batch
	for index := range headers {
		headers[index] = &types.Header{ParentHash: common.Hash{1}, Root: common.Hash{2}, TxHash: common.Hash{3}, ReceiptHash: common.Hash{4},
			Difficulty: new(big.Int), Number: big.NewInt(20_000_000 + int64(index)), GasLimit: 30_000_000, GasUsed: 12_345_678,
			Time: 1_700_000_000 + 12*uint64(index), Extra: []byte("an extra of 20 bytes"), BaseFee: big.NewInt(7_000_000_000)}
		raw, err := rlp.EncodeToBytes(headers[index])
		if err != nil {
			b.Fatal(err)
		}
		batch.Add(raw)
	}
	hasher, err := hashing.New(hashing.Keccak256)
	if err != nil {
		b.Fatal(err)
	}
	digests := hasher.AppendBatch(nil, &batch)
	for index, header := range headers {
		if want := header.Hash(); !bytes.Equal(digests[index*32:(index+1)*32], want[:]) {
			b.Fatalf("header %d has the hash %x, not %x", index, digests[index*32:(index+1)*32], want)
		}
	}
	compare(b, "davit", len(headers), "headers", func(*testing.B) { digests = hasher.AppendBatch(digests[:0], &batch) })
	hash := others()["go-ethereum keccak256"]
	compare(b, "go-ethereum from RLP", len(headers), "headers", func(*testing.B) { digests = appendAll(digests[:0], &batch, hash) })
	compare(b, "go-ethereum from fields", len(headers), "headers", func(*testing.B) {
		for _, header := range headers {
			_ = header.Hash()
		}
	})
}

// BenchmarkMillion is a batch of a million small inputs of many lengths.
func BenchmarkMillion(b *testing.B) {
	var batch hashing.Batch
	for index := range 1_000_000 {
		copy(batch.Extend(1+index*7919%100), "an input")
	}
	for _, row := range []struct {
		kind hashing.Kind
		peer string
	}{{hashing.SHA256, "crypto/sha256"}, {hashing.Keccak256, "go-ethereum"}} {
		hasher, err := hashing.New(row.kind)
		if err != nil {
			b.Fatal(err)
		}
		digests, hash := hasher.AppendBatch(nil, &batch), others()[row.peer+" "+row.kind.String()]
		agree(b, &batch, digests, hash)
		compare(b, "davit "+row.kind.String(), batch.Len(), "digests", func(*testing.B) {
			digests = hasher.AppendBatch(digests[:0], &batch)
		})
		compare(b, row.peer+" "+row.kind.String(), batch.Len(), "digests", func(*testing.B) {
			digests = appendAll(digests[:0], &batch, hash)
		})
	}
}

func appendAll(to []byte, batch *hashing.Batch, hash func(to, input []byte) []byte) []byte {
	for index := range batch.Len() {
		to = hash(to, batch.Input(index))
	}
	return to
}

// agree sees to it that what is compared does the same.
func agree(b *testing.B, batch *hashing.Batch, digests []byte, hash func(to, input []byte) []byte) {
	if !bytes.Equal(digests, appendAll(nil, batch, hash)) {
		b.Fatal("the digests of davit and of its peer differ")
	}
}

// others are the ways of others to append a digest, each in the form that allocates and copies least.
func others() map[string]func(to, input []byte) []byte {
	sponge, line := crypto.NewKeccakState(), ripemd160.New()
	return map[string]func(to, input []byte) []byte{
		"crypto/sha256 sha256": func(to, input []byte) []byte { digest := sha256.Sum256(input); return append(to, digest[:]...) },
		"btcd double-sha256":   func(to, input []byte) []byte { digest := chainhash.DoubleHashH(input); return append(to, digest[:]...) },
		"go-ethereum keccak256": func(to, input []byte) []byte {
			digest := crypto.HashData(sponge, input)
			return append(to, digest[:]...)
		},
		"crypto/sha3 sha3-256": func(to, input []byte) []byte { digest := sha3.Sum256(input); return append(to, digest[:]...) },
		"btcd hash160":         func(to, input []byte) []byte { return append(to, address.Hash160(input)...) },
		"x/crypto blake2b-256": func(to, input []byte) []byte { digest := blake2b.Sum256(input); return append(to, digest[:]...) },
		"x/crypto ripemd160": func(to, input []byte) []byte {
			line.Reset()
			_, _ = line.Write(input)
			return line.Sum(to)
		},
	}
}

func header() wire.BlockHeader {
	return wire.BlockHeader{Version: 1, Bits: 0x1d00ffff, Nonce: 7}
}

func BenchmarkNonces(b *testing.B) {
	compare(b, "davit", many, "nonces", func(b *testing.B) {
		search := bitcoin.Search{Header: bitcoin.Header{Version: 1, Bits: 0x1d00ffff}, Last: many - 1}
		if outcome, err := search.Run(b.Context()); err != nil || outcome.Tried != many {
			b.Fatal(outcome, err)
		}
	})
	compare(b, "btcd", many, "nonces", func(b *testing.B) {
		tried := header()
		for nonce := range uint32(many) {
			tried.Nonce = nonce
			hash := tried.BlockHash()
			if blockchain.HashToBig(&hash).Sign() == 0 {
				b.Fatal("a hash is zero")
			}
		}
	})
	compare(b, "crypto/sha256", many, "nonces", func(b *testing.B) {
		var raw [80]byte
		for nonce := range uint32(many) {
			raw[76], raw[77], raw[78] = byte(nonce), byte(nonce>>8), byte(nonce>>16)
			inner := sha256.Sum256(raw[:])
			if sha256.Sum256(inner[:]) == [32]byte{} {
				b.Fatal("a hash is zero")
			}
		}
	})
}

func BenchmarkHeaders(b *testing.B) {
	all := blocks(b)[:4096]
	var raw []byte
	for _, block := range all {
		serialised, err := block.Bytes()
		if err != nil {
			b.Fatal(err)
		}
		raw = append(raw, serialised[:bitcoin.HeaderSize]...)
	}
	network, checked := bitcoin.Mainnet(), make([]bitcoin.Checked, 0, len(all))
	compare(b, "davit", len(all), "headers", func(b *testing.B) {
		var err error
		if checked, err = network.CheckAll(checked[:0], raw); err != nil {
			b.Fatal(err)
		}
	})
	compare(b, "btcd", len(all), "headers", func(b *testing.B) {
		limit := blockchain.CompactToBig(0x1d00ffff)
		for _, block := range all {
			hash := block.MsgBlock().Header.BlockHash()
			target := blockchain.CompactToBig(block.MsgBlock().Header.Bits)
			if target.Cmp(limit) > 0 || blockchain.HashToBig(&hash).Cmp(target) > 0 {
				b.Fatal("no proof of work")
			}
		}
	})
}

func BenchmarkDigests(b *testing.B) {
	var batch hashing.Batch
	for index := range 4096 {
		copy(batch.Extend(64), []byte{byte(index), byte(index >> 8)})
	}
	compareDigests(b, &batch, batch.Len(), "digests")
}

// BenchmarkLong is one long input, of which nothing can go side by side.
func BenchmarkLong(b *testing.B) {
	var batch hashing.Batch
	copy(batch.Extend(1<<20), "an input")
	compareDigests(b, &batch, batch.Bytes(), "B")
}

func compareDigests(b *testing.B, batch *hashing.Batch, each int, thing string) {
	for _, name := range slices.Sorted(maps.Keys(others())) {
		peer, kindName, _ := strings.Cut(name, " ")
		kind, err := hashing.ParseKind(kindName)
		if err != nil {
			b.Fatal(err)
		}
		hasher, err := hashing.New(kind)
		if err != nil {
			b.Fatal(err)
		}
		digests, hash := hasher.AppendBatch(nil, batch), others()[name]
		agree(b, batch, digests, hash)
		compare(b, "davit "+kindName, each, thing, func(b *testing.B) { digests = hasher.AppendBatch(digests[:0], batch) })
		compare(b, peer+" "+kindName, each, thing, func(b *testing.B) { digests = appendAll(digests[:0], batch, hash) })
	}
}
