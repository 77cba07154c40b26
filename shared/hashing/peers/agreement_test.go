package peers

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/crypto/keccak"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"davit/shared/hashing"
	"davit/shared/hashing/bitcoin"
	"davit/shared/hashing/merkle"
)

// blocks are the first 14,132 blocks of mainnet, which btcd has among its test data.
func blocks(t testing.TB) []*btcutil.Block {
	t.Helper()
	directory, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/btcsuite/btcd").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(directory)), "blockchain", "testdata", "blk_0_to_14131.dat"))
	if err != nil {
		t.Fatal(err)
	}
	var read []*btcutil.Block
	for len(data) > 8 && binary.LittleEndian.Uint32(data) == uint32(wire.MainNet) {
		size := 8 + binary.LittleEndian.Uint32(data[4:])
		block, err := btcutil.NewBlockFromBytes(data[8:size])
		if err != nil {
			t.Fatal(err)
		}
		read, data = append(read, block), data[size:]
	}
	if len(read) != 14_132 {
		t.Fatalf("btcd's test data has %d blocks", len(read))
	}
	return read
}

func TestRealBlocksHold(t *testing.T) {
	network := bitcoin.Mainnet()
	chain := bitcoin.NewChain(network, 0, time.Now())
	for height, block := range blocks(t) {
		var serialised bytes.Buffer
		if err := block.MsgBlock().Header.Serialize(&serialised); err != nil {
			t.Fatal(err)
		}
		checked, err := network.Check(serialised.Bytes())
		if err == nil {
			err = chain.Add(checked)
		}
		if err != nil || checked.Hash().String() != block.Hash().String() {
			t.Fatalf("height %d: %s, %v, btcd says %s", height, checked.Hash(), err, block.Hash())
		}
		var leaves []merkle.Hash
		for _, transaction := range block.Transactions() {
			leaves = append(leaves, merkle.Hash(*transaction.Hash()))
		}
		root, err := merkle.Root(merkle.Bitcoin, leaves)
		if err != nil || bitcoin.Hash(root) != checked.Header().MerkleRoot {
			t.Fatalf("height %d: the root is %x, %v, the header has %s", height, root, err, checked.Header().MerkleRoot)
		}
	}
	if got := chain.Summary(); got.Retargets != 7 || got.MedianTimes != 14_131 {
		t.Errorf("%+v", got)
	}
}

// transactions are so many that all differ.
func transactions(count int) []*btcutil.Tx {
	made := make([]*btcutil.Tx, count)
	for index := range made {
		message := wire.NewMsgTx(1)
		message.LockTime = uint32(index)
		made[index] = btcutil.NewTx(message)
	}
	return made
}

func identities(transactions []*btcutil.Tx) []merkle.Hash {
	leaves := make([]merkle.Hash, len(transactions))
	for index, transaction := range transactions {
		leaves[index] = merkle.Hash(*transaction.Hash())
	}
	return leaves
}

func TestBitcoinRootsAgree(t *testing.T) {
	for _, count := range []int{1, 2, 3, 5, 6, 7, 8, 100, 1023, 1024, 1025, 9000} {
		all := transactions(count)
		want := blockchain.CalcMerkleRoot(all, false)
		if root, err := merkle.Root(merkle.Bitcoin, identities(all)); err != nil || root != merkle.Hash(want) {
			t.Errorf("%d leaves: %x, %v, btcd says %x", count, root, err, want[:])
		}
	}
}

func FuzzCompactAgrees(f *testing.F) {
	for _, seed := range []uint32{0x1d00ffff, 0x01003456, 0x04923456, 0x20123456, 0x03000080, 0x05009234} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, compact uint32) {
		target, err := bitcoin.ParseCompact(compact)
		want := blockchain.CompactToBig(compact)
		if err != nil {
			if want.Sign() > 0 && want.BitLen() <= 256 {
				t.Fatalf("%08x: %v, btcd says %x", compact, err, want)
			}
			return
		}
		if got, _ := new(big.Int).SetString(target.String(), 16); got.Cmp(want) != 0 || target.Compact() != blockchain.BigToCompact(want) {
			t.Fatalf("%08x is %s, written as %08x; btcd says %x, %08x", compact, target, target.Compact(), want, blockchain.BigToCompact(want))
		}
	})
}

func FuzzHeaderAgrees(f *testing.F) {
	f.Add(bytes.Repeat([]byte{7}, bitcoin.HeaderSize))
	f.Fuzz(func(t *testing.T, raw []byte) {
		header, err := bitcoin.ParseHeader(raw)
		var other wire.BlockHeader
		if wrong := other.Deserialize(bytes.NewReader(raw)); err != nil {
			if wrong == nil && len(raw) == bitcoin.HeaderSize {
				t.Fatalf("%x: %v, but btcd reads it", raw, err)
			}
			return
		}
		if hash := other.BlockHash(); header.Hash() != bitcoin.Hash(hash) || header.At() != other.Timestamp.UTC() || header.Bits != other.Bits ||
			header.Version != other.Version || header.Nonce != other.Nonce || header.Previous != bitcoin.Hash(other.PrevBlock) {
			t.Fatalf("%+v, btcd says %+v", header, other)
		}
	})
}

func FuzzDigestsAgree(f *testing.F) {
	f.Add([]byte("abc"))
	f.Add(make([]byte, 136))
	f.Fuzz(func(t *testing.T, input []byte) {
		other := keccak.NewLegacyKeccak256()
		_, _ = other.Write(input)
		for kind, want := range map[hashing.Kind][]byte{
			hashing.Keccak256:    other.Sum(nil),
			hashing.HASH160:      address.Hash160(input),
			hashing.DoubleSHA256: chainhash.DoubleHashB(input),
			hashing.SHA256:       chainhash.HashB(input),
		} {
			hasher, err := hashing.New(kind)
			if err != nil {
				t.Fatal(err)
			}
			if got := hasher.Append(nil, input); !bytes.Equal(got, want) {
				t.Errorf("%s of %x is %x, the peer says %x", kind, input, got, want)
			}
		}
	})
}

var log = rfc6962.New(crypto.SHA256)

var ranges = compact.RangeFactory{Hash: log.HashChildren}

func raw(path []merkle.Hash) [][]byte {
	all := make([][]byte, len(path))
	for index := range path {
		all[index] = path[index][:]
	}
	return all
}

func TestLogTreesAgree(t *testing.T) {
	var leaves []merkle.Hash
	tree := ranges.NewEmptyRange(0)
	for size := 1; size <= 130; size++ {
		entry := bytes.Repeat([]byte{byte(size)}, size*3)
		leaf := merkle.LeafHash(entry)
		leaves = append(leaves, leaf)
		if err := tree.Append(log.HashLeaf(entry), nil); err != nil {
			t.Fatal(err)
		}
		want, err := tree.GetRootHash(nil)
		if err != nil {
			t.Fatal(err)
		}
		root, err := merkle.Root(merkle.RFC6962, leaves)
		if err != nil || !bytes.Equal(root[:], want) {
			t.Fatalf("%d leaves: %x, %v, transparency-dev says %x", size, root, err, want)
		}
		for index := range size {
			checkInclusion(t, leaves, index, root)
			checkConsistency(t, leaves, index+1, root)
		}
	}
}

func checkInclusion(t *testing.T, leaves []merkle.Hash, index int, root merkle.Hash) {
	prover := merkle.NewInclusionProver(merkle.RFC6962, uint64(index))
	for _, leaf := range leaves {
		prover.Add(leaf)
	}
	proved, leaf, _, err := prover.Prove()
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyInclusion(log, uint64(index), uint64(len(leaves)), leaf[:], raw(proved.Path), root[:]); err != nil {
		t.Fatalf("leaf %d of %d: transparency-dev says %v", index, len(leaves), err)
	}
}

func checkConsistency(t *testing.T, leaves []merkle.Hash, first int, root merkle.Hash) {
	prover, err := merkle.NewConsistencyProver(uint64(first))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range leaves {
		prover.Add(leaf)
	}
	proved, old, _, err := prover.Prove()
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyConsistency(log, uint64(first), uint64(len(leaves)), raw(proved.Path), old[:], root[:]); err != nil {
		t.Fatalf("from %d to %d: transparency-dev says %v", first, len(leaves), err)
	}
}

// FuzzInclusionVerdictsAgree: whatever the proof, both verifiers say the same.
func FuzzInclusionVerdictsAgree(f *testing.F) {
	f.Add(uint64(2), uint64(5), []byte{1, 2, 3})
	f.Add(uint64(1<<63), uint64(1<<63+1), []byte{})
	f.Fuzz(func(t *testing.T, index, size uint64, fill []byte) {
		var path []merkle.Hash
		for at := 0; at < len(fill) && len(path) < 70; at++ {
			path = append(path, merkle.Hash{fill[at]})
		}
		leaf := merkle.Hash{9}
		got, err := merkle.Inclusion{Shape: merkle.RFC6962, Index: index, Leaves: size, Path: path}.Root(leaf)
		want, wrong := proof.RootFromInclusionProof(log, index, size, leaf[:], raw(path))
		if size > 1<<55 {
			return // beyond what davit takes
		}
		if (err == nil) != (wrong == nil) || err == nil && !bytes.Equal(got[:], want) {
			t.Errorf("leaf %d of %d, %d hashes: %x, %v; transparency-dev says %x, %v", index, size, len(path), got, err, want, wrong)
		}
	})
}

// FuzzConsistencyVerdictsAgree: whatever is done to a true proof that a log grew, both verifiers say the same.
func FuzzConsistencyVerdictsAgree(f *testing.F) {
	f.Add(byte(3), byte(7), byte(0), byte(0), byte(0), []byte{})
	f.Add(byte(6), byte(8), byte(1), byte(0), byte(0), []byte{0, 1})
	f.Add(byte(4), byte(4), byte(0), byte(1), byte(0), []byte{})
	f.Add(byte(3), byte(7), byte(0), byte(0), byte(0), []byte{1}) // the older list is one subtree: the newer root alone differs
	f.Add(byte(4), byte(9), byte(0), byte(0), byte(2), []byte{3})
	f.Fuzz(func(t *testing.T, first, second, wrongFirst, wrongSecond, cut byte, more []byte) {
		size := int(second)%64 + 1
		from := uint64(int(first)%size + 1)
		prover, err := merkle.NewConsistencyProver(from)
		if err != nil {
			t.Fatal(err)
		}
		for index := range size {
			prover.Add(merkle.LeafHash([]byte{byte(index)}))
		}
		proved, old, root, err := prover.Prove()
		if err != nil {
			t.Fatal(err)
		}
		path := slices.Clone(proved.Path[:len(proved.Path)-int(cut)%(len(proved.Path)+1)])
		for index, change := range more {
			if index < len(path) {
				path[index][0] ^= change
			} else if len(path) < 70 {
				path = append(path, merkle.Hash{change})
			}
		}
		claimed, grown := from+uint64(wrongFirst), uint64(size)+uint64(wrongSecond)
		verdict := merkle.Consistency{First: claimed, Second: grown, Path: path}.Verify(old, root)
		other := proof.VerifyConsistency(log, claimed, grown, raw(path), old[:], root[:])
		if (verdict == nil) != (other == nil) {
			t.Errorf("from %d to %d, %d hashes: %v; transparency-dev says %v", claimed, grown, len(path), verdict, other)
		}
		if untouched := wrongFirst|wrongSecond|cut == 0 && len(more) == 0; untouched && verdict != nil {
			t.Errorf("a true proof from %d to %d: %v", from, size, verdict)
		}
	})
}
