package peers

import (
	"crypto/sha256"
	"runtime"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/crypto/keccak"
	"github.com/prysmaticlabs/gohashtree"
	"github.com/transparency-dev/merkle/compact"

	"davit/shared/hashing"
	"davit/shared/hashing/bitcoin"
	"davit/shared/hashing/lanes"
	"davit/shared/hashing/merkle"
)

// many is how many leaves, headers or nonces one round takes.
const many = 1 << 16

// one keeps a benchmark to one core, as the peers are.
func one(b *testing.B) {
	before := runtime.GOMAXPROCS(1)
	b.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// report tells how many of the things were done a second.
func report(b *testing.B, each int, thing string) {
	b.ReportAllocs()
	b.ReportMetric(float64(each)*float64(b.N)/b.Elapsed().Seconds()/1e6, "M"+thing+"/s")
}

func BenchmarkBitcoinRoot(b *testing.B) {
	one(b)
	all := transactions(many)
	leaves := identities(all)
	b.Run("davit", func(b *testing.B) {
		for b.Loop() {
			if _, err := merkle.Root(merkle.Bitcoin, leaves); err != nil {
				b.Fatal(err)
			}
		}
		report(b, many, "leaves")
	})
	b.Run("btcd", func(b *testing.B) {
		for b.Loop() {
			blockchain.CalcMerkleRoot(all, false)
		}
		report(b, many, "leaves")
	})
}

func BenchmarkLogTree(b *testing.B) {
	one(b)
	entries := make([][]byte, many)
	for index := range entries {
		entries[index] = []byte{byte(index), byte(index >> 8), 3, 4, 5, 6, 7, 8}
	}
	b.Run("davit", func(b *testing.B) {
		leaves := make([]merkle.Hash, many)
		for b.Loop() {
			for index, entry := range entries {
				leaves[index] = merkle.LeafHash(entry)
			}
			if _, err := merkle.Root(merkle.RFC6962, leaves); err != nil {
				b.Fatal(err)
			}
		}
		report(b, many, "leaves")
	})
	b.Run("transparency-dev", func(b *testing.B) {
		for b.Loop() {
			tree := (&compact.RangeFactory{Hash: log.HashChildren}).NewEmptyRange(0)
			for _, entry := range entries {
				if err := tree.Append(log.HashLeaf(entry), nil); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, many, "leaves")
	})
}

// BenchmarkPairs is one row of a tree. Gohashtree's nodes are of a single SHA-256, without a prefix: two thirds of the work
// of Bitcoin's, and as much as RFC 6962's.
func BenchmarkPairs(b *testing.B) {
	leaves, parents := identities(transactions(many)), make([]merkle.Hash, many/2)
	for _, row := range []struct {
		name string
		hash func()
	}{
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
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				row.hash()
			}
			report(b, many/2, "nodes")
		})
	}
}

func header() wire.BlockHeader {
	return wire.BlockHeader{Version: 1, Bits: 0x1d00ffff, Nonce: 7}
}

func BenchmarkNonces(b *testing.B) {
	one(b)
	b.Run("davit", func(b *testing.B) {
		search := bitcoin.Search{Header: bitcoin.Header{Version: 1, Bits: 0x1d00ffff}, Last: many - 1}
		for b.Loop() {
			if outcome, err := search.Run(b.Context()); err != nil || outcome.Tried != many {
				b.Fatal(outcome, err)
			}
		}
		report(b, many, "nonces")
	})
	b.Run("btcd", func(b *testing.B) {
		tried := header()
		for b.Loop() {
			for nonce := range uint32(many) {
				tried.Nonce = nonce
				hash := tried.BlockHash()
				if blockchain.HashToBig(&hash).Sign() == 0 {
					b.Fatal("a hash is zero")
				}
			}
		}
		report(b, many, "nonces")
	})
	b.Run("crypto/sha256", func(b *testing.B) {
		var raw [80]byte
		for b.Loop() {
			for nonce := range uint32(many) {
				raw[76], raw[77], raw[78] = byte(nonce), byte(nonce>>8), byte(nonce>>16)
				inner := sha256.Sum256(raw[:])
				if sha256.Sum256(inner[:]) == [32]byte{} {
					b.Fatal("a hash is zero")
				}
			}
		}
		report(b, many, "nonces")
	})
}

func BenchmarkHeaders(b *testing.B) {
	all := blocks(b)[:4096]
	raws := make([][]byte, len(all))
	for index, block := range all {
		bytes, err := block.Bytes()
		if err != nil {
			b.Fatal(err)
		}
		raws[index] = bytes[:bitcoin.HeaderSize]
	}
	b.Run("davit", func(b *testing.B) {
		network := bitcoin.Mainnet()
		for b.Loop() {
			for _, raw := range raws {
				if _, err := network.Check(raw); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, len(raws), "headers")
	})
	b.Run("btcd", func(b *testing.B) {
		limit := blockchain.CompactToBig(0x1d00ffff)
		for b.Loop() {
			for _, block := range all {
				hash := block.MsgBlock().Header.BlockHash()
				target := blockchain.CompactToBig(block.MsgBlock().Header.Bits)
				if target.Cmp(limit) > 0 || blockchain.HashToBig(&hash).Cmp(target) > 0 {
					b.Fatal("no proof of work")
				}
			}
		}
		report(b, len(raws), "headers")
	})
}

func BenchmarkDigests(b *testing.B) {
	var batch hashing.Batch
	for index := range 4096 {
		copy(batch.Extend(64), []byte{byte(index), byte(index >> 8)})
	}
	var digests []byte
	for _, name := range hashing.Names() {
		kind, err := hashing.ParseKind(name)
		if err != nil {
			b.Fatal(err)
		}
		hasher, err := hashing.New(kind)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("davit "+name, func(b *testing.B) {
			for b.Loop() {
				digests = hasher.AppendBatch(digests[:0], &batch)
			}
			report(b, batch.Len(), "digests")
		})
	}
	for _, peer := range []struct {
		name string
		hash func(input []byte)
	}{
		{"go-ethereum keccak256", func() func([]byte) {
			hasher := keccak.NewLegacyKeccak256()
			return func(input []byte) {
				hasher.Reset()
				_, _ = hasher.Write(input)
				digests = hasher.Sum(digests[:0])
			}
		}()},
		{"btcd hash160", func(input []byte) { digests = address.Hash160(input) }},
		{"btcd double-sha256", func(input []byte) { _ = chainhash.DoubleHashH(input) }},
		{"crypto/sha256 sha256", func(input []byte) { _ = sha256.Sum256(input) }},
	} {
		b.Run(peer.name, func(b *testing.B) {
			for b.Loop() {
				for index := range batch.Len() {
					peer.hash(batch.Input(index))
				}
			}
			report(b, batch.Len(), "digests")
		})
	}
}
