package merkle_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"davit/shared/hashing/merkle"
)

var shapes = []merkle.Shape{merkle.Bitcoin, merkle.RFC6962}

// rfcRoot is the definition of RFC 6962, section 2.1, as it stands there.
func rfcRoot(leaves []merkle.Hash) merkle.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := rfcRoot(leaves[:k]), rfcRoot(leaves[k:])
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

// bitcoinRoot is the definition of Bitcoin's developer reference, as it stands there.
func bitcoinRoot(leaves []merkle.Hash) merkle.Hash {
	row := slices.Clone(leaves)
	for len(row) > 1 {
		if len(row)%2 == 1 {
			row = append(row, row[len(row)-1])
		}
		for index := range len(row) / 2 {
			inner := sha256.Sum256(slices.Concat(row[2*index][:], row[2*index+1][:]))
			row[index] = sha256.Sum256(inner[:])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}

func defined(shape merkle.Shape, leaves []merkle.Hash) merkle.Hash {
	if shape == merkle.Bitcoin {
		return bitcoinRoot(leaves)
	}
	return rfcRoot(leaves)
}

// numbered are leaves that all differ.
func numbered(count int) []merkle.Hash {
	leaves := make([]merkle.Hash, count)
	for index := range leaves {
		leaves[index] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(index)))
	}
	return leaves
}

func hash(t *testing.T, text string) merkle.Hash {
	t.Helper()
	read, err := merkle.ParseHash(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return read
}

// reversed reads a hash as Bitcoin's tools show it.
func reversed(t *testing.T, text string) merkle.Hash {
	read := hash(t, text)
	slices.Reverse(read[:])
	return read
}

func TestRootsThatCertificateTransparencyPublished(t *testing.T) {
	entries := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	builder := merkle.NewBuilder(merkle.RFC6962)
	if root, err := builder.Root(); err != nil || root != sha256.Sum256(nil) {
		t.Errorf("the root of no leaves is %x, %v", root, err)
	}
	for index, entry := range entries {
		raw, err := hex.DecodeString(entry)
		if err != nil {
			t.Fatal(err)
		}
		builder.Add(merkle.LeafHash(raw))
		if root, err := builder.Root(); err != nil || root != hash(t, roots[index]) {
			t.Errorf("the root of %d leaves is %x, %v, want %s", index+1, root, err, roots[index])
		}
	}
}

func TestRootOfBitcoinBlock100000(t *testing.T) {
	leaves := []merkle.Hash{
		reversed(t, "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87"),
		reversed(t, "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4"),
		reversed(t, "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4"),
		reversed(t, "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d"),
	}
	want := reversed(t, "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766")
	if root, err := merkle.Root(merkle.Bitcoin, leaves); err != nil || root != want {
		t.Errorf("the root is %x, %v, want %x", root, err, want)
	}
}

func TestRootsAreAsDefined(t *testing.T) {
	for _, shape := range shapes {
		for _, count := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 100, 1023, 4095, 4096, 4097, 3*4096 + 77, 50_000} {
			leaves := numbered(count)
			before := slices.Clone(leaves)
			root, err := merkle.Root(shape, leaves)
			if want := defined(shape, leaves); err != nil || root != want {
				t.Errorf("%s of %d leaves: %x, %v, want %x", shape, count, root, err, want)
			}
			if !slices.Equal(leaves, before) {
				t.Errorf("%s of %d leaves: Root changed the leaves", shape, count)
			}
		}
	}
}

func TestLeafHashOfLongAndShortEntriesIsOfOneKind(t *testing.T) {
	for _, length := range []int{0, 1, 254, 255, 256, 257, 10_000} {
		entry := make([]byte, length)
		if want := sha256.Sum256(append([]byte{0}, entry...)); merkle.LeafHash(entry) != want {
			t.Errorf("an entry of %d bytes: %x, want %x", length, merkle.LeafHash(entry), want)
		}
	}
}

func TestManyLeavesAreThoseOfEachEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 400), 0, 100).Draw(t, "entries")
		hasher, leaves := merkle.NewLeaves(), make([]merkle.Hash, len(entries))
		for index, entry := range entries {
			reused := bytes.Clone(entry)
			hasher.Add(&leaves[index], reused)
			clear(reused)
		}
		hasher.Flush()
		for index, entry := range entries {
			if leaves[index] != merkle.LeafHash(entry) {
				t.Fatalf("leaf %d is %x, want %x", index, leaves[index], merkle.LeafHash(entry))
			}
		}
	})
}

// build gives the leaves to the builder in pieces of any size that their place allows.
func build(t *rapid.T, shape merkle.Shape, leaves []merkle.Hash, add func(merkle.Hash), addPiece func(merkle.Piece) error) {
	for first := 0; first < len(leaves); {
		level := rapid.IntRange(0, 6).Draw(t, "level")
		for first&(1<<level-1) != 0 || first+1<<level > len(leaves) {
			level--
		}
		if level == 0 {
			add(leaves[first])
			first++
			continue
		}
		piece, err := merkle.Reduce(shape, uint64(first), slices.Clone(leaves[first:first+1<<level]))
		if err != nil {
			t.Fatal(err)
		}
		if addPiece(piece) != nil {
			for _, leaf := range leaves[first : first+1<<level] {
				add(leaf)
			}
		}
		first += 1 << level
	}
}

func TestSplitAndWholeGiveTheSameRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom(shapes).Draw(t, "shape")
		leaves := numbered(rapid.IntRange(1, 300).Draw(t, "leaves"))
		builder := merkle.NewBuilder(shape)
		build(t, shape, leaves, builder.Add, func(piece merkle.Piece) error {
			if err := builder.AddPiece(piece); err != nil {
				t.Fatal(err)
			}
			return nil
		})
		if root, err := builder.Root(); err != nil || root != defined(shape, leaves) || builder.Count() != uint64(len(leaves)) {
			t.Fatalf("%d leaves in pieces: %x, %v, want %x", builder.Count(), root, err, defined(shape, leaves))
		}
	})
}

func TestEveryLeafIsProved(t *testing.T) {
	for _, shape := range shapes {
		for count := 1; count <= 40; count++ {
			leaves := numbered(count)
			for index := range count {
				prover := merkle.NewInclusionProver(shape, uint64(index))
				for _, leaf := range leaves {
					prover.Add(leaf)
				}
				proof, leaf, root, err := prover.Prove()
				if err != nil || leaf != leaves[index] || root != defined(shape, leaves) {
					t.Fatalf("%s leaf %d of %d: %v", shape, index, count, err)
				}
				if err := proof.Verify(leaf, root); err != nil {
					t.Errorf("%s: %v", shape, err)
				}
			}
		}
	}
}

func TestProofsFromPiecesAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom(shapes).Draw(t, "shape")
		leaves := numbered(rapid.IntRange(1, 200).Draw(t, "leaves"))
		index := rapid.IntRange(0, len(leaves)-1).Draw(t, "index")
		whole, pieces := merkle.NewInclusionProver(shape, uint64(index)), merkle.NewInclusionProver(shape, uint64(index))
		for _, leaf := range leaves {
			whole.Add(leaf)
		}
		build(t, shape, leaves, pieces.Add, pieces.AddPiece)
		want, _, _, err := whole.Prove()
		got, leaf, root, other := pieces.Prove()
		if err != nil || other != nil || leaf != leaves[index] || root != defined(shape, leaves) {
			t.Fatal(err, other)
		}
		if difference := cmp.Diff(want, got); difference != "" {
			t.Fatalf("the proof from pieces differs:\n%s", difference)
		}
	})
}

// subproof is SUBPROOF of RFC 6962, section 2.1.2, as it stands there.
func subproof(m int, leaves []merkle.Hash, complete bool) []merkle.Hash {
	if m == len(leaves) {
		if complete {
			return nil
		}
		return []merkle.Hash{rfcRoot(leaves)}
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	if m <= k {
		return append(subproof(m, leaves[:k], complete), rfcRoot(leaves[k:]))
	}
	return append(subproof(m-k, leaves[k:], false), rfcRoot(leaves[:k]))
}

func TestConsistencyProofsAreAsDefined(t *testing.T) {
	for second := 1; second <= 40; second++ {
		leaves := numbered(second)
		for first := 1; first <= second; first++ {
			prover, err := merkle.NewConsistencyProver(uint64(first))
			if err != nil {
				t.Fatal(err)
			}
			for _, leaf := range leaves {
				prover.Add(leaf)
			}
			proof, oldRoot, newRoot, err := prover.Prove()
			if err != nil || oldRoot != rfcRoot(leaves[:first]) || newRoot != rfcRoot(leaves) {
				t.Fatalf("from %d to %d: %v", first, second, err)
			}
			want := merkle.Consistency{First: uint64(first), Second: uint64(second), Path: subproof(first, leaves, true)}
			if difference := cmp.Diff(want, proof); difference != "" {
				t.Fatalf("from %d to %d:\n%s", first, second, difference)
			}
			if err := proof.Verify(oldRoot, newRoot); err != nil {
				t.Error(err)
			}
			if err := proof.Verify(oldRoot, leaves[0]); first < second && !errors.Is(err, merkle.ErrMismatch) {
				t.Errorf("from %d to %d: a wrong root passes: %v", first, second, err)
			}
		}
	}
}

func TestConsistencyProofsFromPiecesAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := numbered(rapid.IntRange(1, 200).Draw(t, "leaves"))
		first := rapid.IntRange(1, len(leaves)).Draw(t, "first")
		prover, err := merkle.NewConsistencyProver(uint64(first))
		if err != nil {
			t.Fatal(err)
		}
		build(t, merkle.RFC6962, leaves, prover.Add, prover.AddPiece)
		proof, oldRoot, newRoot, err := prover.Prove()
		if err != nil || oldRoot != rfcRoot(leaves[:first]) || newRoot != rfcRoot(leaves) {
			t.Fatal(err)
		}
		if difference := cmp.Diff(subproof(first, leaves, true), proof.Path); difference != "" {
			t.Fatal(difference)
		}
	})
}

func TestAmbiguousListsAreRefused(t *testing.T) {
	ordinary := numbered(8)
	cases := []struct {
		name  string
		order []int
		want  merkle.AmbiguousError
	}{
		{"the last leaf twice", []int{0, 1, 2, 2}, merkle.AmbiguousError{First: 2, Length: 1}},
		{"the last two leaves twice", []int{0, 1, 2, 3, 4, 5, 4, 5}, merkle.AmbiguousError{First: 4, Length: 2}},
		{"one leaf twice", []int{7, 7}, merkle.AmbiguousError{First: 0, Length: 1}},
		{"the same siblings in the middle", []int{0, 1, 3, 3, 4, 5, 6}, merkle.AmbiguousError{First: 2, Length: 1}},
		{"a whole half twice", []int{0, 1, 2, 3, 0, 1, 2, 3}, merkle.AmbiguousError{First: 0, Length: 4}},
		{"the end of an odd list", []int{0, 1, 2, 3, 4, 4}, merkle.AmbiguousError{First: 4, Length: 1}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var leaves []merkle.Hash
			for _, index := range test.order {
				leaves = append(leaves, ordinary[index])
			}
			_, err := merkle.Root(merkle.Bitcoin, leaves)
			var refused *merkle.AmbiguousError
			if !errors.As(err, &refused) || *refused != test.want {
				t.Errorf("%v, want %v", err, &test.want)
			}
			if len(leaves)&(len(leaves)-1) == 0 {
				if _, err := merkle.Reduce(merkle.Bitcoin, 0, slices.Clone(leaves)); !errors.As(err, &refused) || *refused != test.want {
					t.Errorf("Reduce: %v, want %v", err, &test.want)
				}
			}
			if _, err := merkle.Root(merkle.RFC6962, leaves); err != nil {
				t.Errorf("RFC 6962 has no such rule, but %v", err)
			}
		})
	}
}

func TestAmbiguityInALongListIsNamedByItsLeaf(t *testing.T) {
	leaves := numbered(20_000)
	leaves[9_001] = leaves[9_000]
	leaves[19_001] = leaves[19_000]
	_, err := merkle.Root(merkle.Bitcoin, leaves)
	want := "leaf 9001 is the same as leaf 9000: a list without it can have the same root (CVE-2012-2459)"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Any list whose tail is repeated so that the root stays is refused, whatever its length.
func TestNoRepeatedTailKeepsTheRoot(t *testing.T) {
	for count := 1; count <= 64; count++ {
		leaves := numbered(count)
		for tail := 1; tail <= count; tail++ {
			longer := append(slices.Clone(leaves), leaves[count-tail:]...)
			if bitcoinRoot(longer) != bitcoinRoot(leaves) {
				continue
			}
			if _, err := merkle.Root(merkle.Bitcoin, longer); err == nil {
				t.Errorf("%d leaves with the last %d repeated have the root of the list without them", count, tail)
			}
		}
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	leaves := numbered(8)
	short := merkle.NewInclusionProver(merkle.RFC6962, 9)
	short.Add(leaves[0])
	_, _, _, beyond := short.Prove()
	older, err := merkle.NewConsistencyProver(9)
	if err != nil {
		t.Fatal(err)
	}
	older.Add(leaves[0])
	_, _, _, shrunk := older.Prove()
	_, none := merkle.NewConsistencyProver(0)
	_, empty := merkle.Root(merkle.Bitcoin, nil)
	_, odd := merkle.Reduce(merkle.Bitcoin, 0, slices.Clone(leaves[:3]))
	_, misplaced := merkle.Reduce(merkle.RFC6962, 2, slices.Clone(leaves[:4]))
	_, shapeless := merkle.Root(0, leaves)
	gap := merkle.NewBuilder(merkle.RFC6962).AddPiece(merkle.Piece{First: 4, Level: 2})
	hidden := merkle.NewInclusionProver(merkle.RFC6962, 3).AddPiece(merkle.Piece{Level: 2})
	_, digits := merkle.ParseHash("xy")
	_, letters := merkle.ParseHash(fmt.Sprintf("%064s", "g"))
	_, tree := merkle.ParseShape("heap")
	for name, err := range map[string]error{
		"a leaf beyond the end": beyond, "a shrunk list": shrunk, "an older list without leaves": none, "an empty block": empty,
		"three leaves as a piece": odd, "a piece across others": misplaced, "no shape": shapeless, "a gap": gap,
		"a piece that hides the leaf": hidden, "a short hash": digits, "letters in a hash": letters, "an unknown tree": tree,
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if !errors.Is(empty, merkle.ErrNoLeaves) {
		t.Errorf("an empty block: %v", empty)
	}
}

func TestAllocationsDoNotGrowWithTheList(t *testing.T) {
	for _, shape := range shapes {
		leaves := numbered(4096)
		builder := merkle.NewBuilder(shape)
		memory := make([]merkle.Hash, len(leaves))
		allocated := testing.AllocsPerRun(3, func() {
			copy(memory, leaves)
			piece, err := merkle.Reduce(shape, builder.Count(), memory)
			if err := errors.Join(err, builder.AddPiece(piece)); err != nil {
				t.Fatal(err)
			}
			leaves[0][0]++
			for _, leaf := range leaves {
				builder.Add(leaf)
			}
			leaves[0][0]++
		})
		if allocated > 0 {
			t.Errorf("%s: %.0f allocations for %d leaves", shape, allocated, 2*len(leaves))
		}
	}
}

// FuzzInclusion: a proof of a leaf of a known tree is accepted only if it is the true one.
func FuzzInclusion(f *testing.F) {
	f.Add(uint8(1), uint64(3), uint64(7), 7, []byte{})
	f.Add(uint8(2), uint64(6), uint64(7), 7, []byte{0, 1})
	f.Add(uint8(1), uint64(0), uint64(1), 1, make([]byte, 64))
	f.Add(uint8(1), uint64(0), uint64(1), 64, []byte{})
	f.Fuzz(func(t *testing.T, shape uint8, index, leaves uint64, count int, path []byte) {
		known := numbered(1 + count&31)
		tree := merkle.Shape(shape%2 + 1)
		prover := merkle.NewInclusionProver(tree, index%uint64(len(known)))
		for _, leaf := range known {
			prover.Add(leaf)
		}
		truth, leaf, root, err := prover.Prove()
		if err != nil {
			t.Fatal(err)
		}
		claim := merkle.Inclusion{Shape: merkle.Shape(shape), Index: index, Leaves: leaves, Path: slices.Clone(truth.Path)}
		for position, change := range path {
			if position/32 < len(claim.Path) {
				claim.Path[position/32][position%32] ^= change
			} else if position%32 == 0 {
				claim.Path = append(claim.Path, merkle.Hash{change})
			}
		}
		err = claim.Verify(leaf, root)
		// Bitcoin's root does not fix the number of leaves: other numbers may fit the same way up. A leaf alone is the root of a tree
		// of either shape.
		same := (claim.Shape == truth.Shape || truth.Leaves == 1) && claim.Index == truth.Index && slices.Equal(claim.Path, truth.Path) &&
			(claim.Leaves == truth.Leaves || claim.Leaves > claim.Index)
		if err == nil && !same {
			t.Errorf("%+v is accepted, the truth is %+v", claim, truth)
		}
		if err != nil && cmp.Equal(claim, truth) {
			t.Errorf("the truth is refused: %v", err)
		}
	})
}

// FuzzConsistency: a changed proof between known trees is refused.
func FuzzConsistency(f *testing.F) {
	f.Add(uint64(3), uint64(7), []byte{})
	f.Add(uint64(4), uint64(8), []byte{1})
	f.Add(uint64(1<<63), uint64(1<<63), make([]byte, 80))
	f.Fuzz(func(t *testing.T, first, second uint64, change []byte) {
		known := numbered(int(1 + second&31))
		prover, err := merkle.NewConsistencyProver(1 + first%uint64(len(known)))
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range known {
			prover.Add(leaf)
		}
		truth, oldRoot, newRoot, err := prover.Prove()
		if err != nil {
			t.Fatal(err)
		}
		if err := truth.Verify(oldRoot, newRoot); err != nil {
			t.Fatal(err)
		}
		claim := merkle.Consistency{First: first, Second: second, Path: slices.Clone(truth.Path)}
		_ = claim.Verify(oldRoot, newRoot) // any numbers: it must not fail other than by an error
		claim.First, claim.Second = truth.First, truth.Second
		for position, bits := range change {
			if position/32 < len(claim.Path) {
				claim.Path[position/32][position%32] ^= bits
			} else if position%32 == 0 {
				claim.Path = append(claim.Path, merkle.Hash{bits})
			}
		}
		if err := claim.Verify(oldRoot, newRoot); (err == nil) != slices.Equal(claim.Path, truth.Path) {
			t.Errorf("%+v: %v, the truth is %+v", claim, err, truth)
		}
	})
}
