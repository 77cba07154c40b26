package hashing_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"davit/shared/hashing"
)

// The vectors are those of FIPS 180-4 and FIPS 202 (the examples that NIST publishes with them), of the RIPEMD-160 paper
// and of RFC 7693. Those of Keccak are the empty account's code hash and the examples of Ethereum's ABI.
var vectors = []struct {
	name  string
	kind  hashing.Kind
	input string
	want  string
}{
	{"SHA-256 of nothing", hashing.SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"SHA-256 of abc", hashing.SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"SHA-256 of two blocks", hashing.SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	{"SHA-256 of a million letters", hashing.SHA256, strings.Repeat("a", 1_000_000),
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
	{"double SHA-256 of hello", hashing.DoubleSHA256, "hello",
		"9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50"},
	{"Keccak-256 of nothing", hashing.Keccak256, "", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
	{"Keccak-256 of the transfer signature", hashing.Keccak256, "Transfer(address,address,uint256)",
		"ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"},
	{"SHA3-256 of nothing", hashing.SHA3256, "", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"},
	{"SHA3-256 of abc", hashing.SHA3256, "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
	{"RIPEMD-160 of nothing", hashing.RIPEMD160, "", "9c1185a5c5e9fc54612808977ee8f548b2258d31"},
	{"RIPEMD-160 of abc", hashing.RIPEMD160, "abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"},
	{"RIPEMD-160 of the alphabet", hashing.RIPEMD160, "abcdefghijklmnopqrstuvwxyz", "f71c27109c692c1b56bbdceb5b9d2865b3708dbc"},
	{"HASH160 of nothing", hashing.HASH160, "", "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb"},
	{"BLAKE2b-256 of nothing", hashing.BLAKE2b256, "", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
	{"BLAKE2b-256 of abc", hashing.BLAKE2b256, "abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
}

func TestVectors(t *testing.T) {
	for _, vector := range vectors {
		t.Run(vector.name, func(t *testing.T) {
			hasher := open(t, vector.kind)
			if got := hex.EncodeToString(hasher.Append(nil, []byte(vector.input))); got != vector.want {
				t.Errorf("Append: %s, want %s", got, vector.want)
			}
			got, count, err := hasher.AppendReader(nil, iotest.HalfReader(strings.NewReader(vector.input)))
			if err != nil || count != int64(len(vector.input)) || hex.EncodeToString(got) != vector.want {
				t.Errorf("AppendReader: %x, %d bytes, %v, want %s", got, count, err, vector.want)
			}
		})
	}
}

func open(t interface{ Fatal(...any) }, kind hashing.Kind) *hashing.Hasher {
	hasher, err := hashing.New(kind)
	if err != nil {
		t.Fatal(err)
	}
	return hasher
}

func kinds(t testing.TB) []hashing.Kind {
	var all []hashing.Kind
	for _, name := range hashing.Names() {
		kind, err := hashing.ParseKind(name)
		if err != nil || kind.String() != name {
			t.Fatalf("%s is read as %s, %v", name, kind, err)
		}
		all = append(all, kind)
	}
	return all
}

func TestBatchStreamAndSingleDigestsAgree(t *testing.T) {
	for _, kind := range kinds(t) {
		t.Run(kind.String(), func(t *testing.T) {
			hasher := open(t, kind)
			rapid.Check(t, func(t *rapid.T) {
				inputs := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 20).Draw(t, "inputs")
				var batch hashing.Batch
				var want []byte
				for index, input := range inputs {
					if index%2 == 0 {
						batch.Add(input)
					} else {
						copy(batch.Extend(len(input)), input)
					}
					want = hasher.Append(want, input)
					streamed, _, err := hasher.AppendReader(nil, bytes.NewReader(input))
					if err != nil || !bytes.Equal(streamed, want[len(want)-kind.Size():]) {
						t.Fatalf("input %d: streamed %x, %v; at once %x", index, streamed, err, want[len(want)-kind.Size():])
					}
				}
				if got := hasher.AppendBatch(nil, &batch); !bytes.Equal(got, want) {
					t.Fatalf("the batch gives %x, one by one %x", got, want)
				}
			})
		})
	}
}

func TestNothingIsAllocatedForADigest(t *testing.T) {
	for _, kind := range kinds(t) {
		hasher := open(t, kind)
		var batch hashing.Batch
		for index := range 100 {
			batch.Add(bytes.Repeat([]byte{byte(index)}, index*3))
		}
		digests := make([]byte, 0, batch.Len()*kind.Size())
		allocated := testing.AllocsPerRun(5, func() {
			digests = hasher.AppendBatch(digests[:0], &batch)
		})
		if allocated > 0 {
			t.Errorf("%s: %.0f allocations for %d digests", kind, allocated, batch.Len())
		}
	}
}

func TestABatchKeepsItsInputsApart(t *testing.T) {
	var batch hashing.Batch
	batch.Add([]byte("one"))
	batch.Add(nil)
	copy(batch.Extend(3), "two")
	first := append(batch.Input(0), '!')
	if batch.Len() != 3 || batch.Bytes() != 6 || string(first) != "one!" || len(batch.Input(1)) != 0 || string(batch.Input(2)) != "two" {
		t.Errorf("the batch is %d inputs, %d bytes: %q %q %q", batch.Len(), batch.Bytes(), batch.Input(0), batch.Input(1), batch.Input(2))
	}
	batch.Reset()
	if batch.Len() != 0 || batch.Bytes() != 0 {
		t.Errorf("after Reset it still has %d inputs", batch.Len())
	}
}

func TestAFailedReadGivesNoDigest(t *testing.T) {
	broken := errors.New("the disk is gone")
	reader := io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))
	digest, count, err := open(t, hashing.SHA256).AppendReader(nil, reader)
	if !errors.Is(err, broken) || len(digest) != 0 || count != 3 {
		t.Errorf("digest %x after %d bytes, %v", digest, count, err)
	}
	if want := "sha256 after 3 bytes: the disk is gone"; err != nil && err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}

func TestUnknownKindsAreRefused(t *testing.T) {
	if _, err := hashing.ParseKind("md5"); err == nil || !strings.Contains(err.Error(), "blake2b-256") {
		t.Errorf("md5: %v", err)
	}
	for _, kind := range []hashing.Kind{0, hashing.BLAKE2b256 + 1} {
		if _, err := hashing.New(kind); err == nil {
			t.Errorf("New(%s) works", kind)
		}
		if _, err := kind.MarshalText(); err == nil {
			t.Errorf("%s is written as text", kind)
		}
	}
	var kind hashing.Kind
	if err := kind.UnmarshalText([]byte("hash160")); err != nil || kind != hashing.HASH160 || kind.Size() != 20 {
		t.Errorf("hash160 is read as %s of %d bytes, %v", kind, kind.Size(), err)
	}
}
