package lanes

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func numbered(count int, seed uint64) []Digest {
	digests := make([]Digest, count)
	for index := range digests {
		digests[index] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, seed+uint64(index)))
	}
	return digests
}

// TestDigestsAreWhatTheStandardLibraryComputes holds every function to crypto/sha256, into other memory and, where that may
// be, in place.
func TestDigestsAreWhatTheStandardLibraryComputes(t *testing.T) {
	double := func(parts ...[]byte) Digest {
		inner := sha256.Sum256(slices.Concat(parts...))
		return sha256.Sum256(inner[:])
	}
	for _, function := range []struct {
		name string
		// each is how many digests one result is of.
		each int
		hash func(to, from []Digest)
		want func(from []Digest) Digest
	}{
		{"Pairs", 2, Pairs, func(from []Digest) Digest { return sha256.Sum256(flat(from)) }},
		{"DoublePairs", 2, DoublePairs, func(from []Digest) Digest { return double(flat(from)) }},
		{"PrefixedPairs of nodes", 2, func(to, from []Digest) { PrefixedPairs(NodePrefix, to, from) },
			func(from []Digest) Digest { return sha256.Sum256(slices.Concat([]byte{1}, flat(from))) }},
		{"PrefixedPairs of others", 2, func(to, from []Digest) { PrefixedPairs(9, to, from) },
			func(from []Digest) Digest { return sha256.Sum256(slices.Concat([]byte{9}, flat(from))) }},
		{"Rehash", 1, func(to, from []Digest) {
			copy(to, from)
			if len(to) > 0 {
				Rehash(flat(to))
			}
		}, func(from []Digest) Digest { return sha256.Sum256(from[0][:]) }},
		{"Blocks", 2, func(to, from []Digest) {
			if len(to) > 0 {
				Blocks(flat(to), flat(from))
			}
		}, func(from []Digest) Digest { return sha256.Sum256(flat(from)) }},
		{"Headers", 3, func(to, from []Digest) {
			if len(to) > 0 {
				Headers(to, headersOf(from))
			}
		}, func(from []Digest) Digest { return double(flat(from)[:HeaderSize]) }},
	} {
		t.Run(function.name, func(t *testing.T) {
			onEachPath(t, func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					count := rapid.IntRange(0, 600).Draw(t, "count")
					from := numbered(count*function.each, rapid.Uint64().Draw(t, "seed"))
					to := make([]Digest, count)
					function.hash(to, from)
					for index, digest := range to {
						if want := function.want(from[index*function.each : (index+1)*function.each]); digest != want {
							t.Fatalf("digest %d of %d is %x, want %x", index, count, digest, want)
						}
					}
					function.hash(from[:count], from)
					if !slices.Equal(from[:count], to) {
						t.Fatal("in place the result is another")
					}
				})
			})
		})
	}
}

// headersOf takes the first 80 of each 96 bytes.
func headersOf(digests []Digest) []byte {
	var headers []byte
	for group := range slices.Chunk(digests, 3) {
		headers = append(headers, flat(group)[:HeaderSize]...)
	}
	return headers
}

func TestTheFirstNonceIsFound(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			header := [HeaderSize]byte(rapid.SliceOfN(rapid.Byte(), HeaderSize, HeaderSize).Draw(t, "header"))
			count := rapid.Uint64Range(0, 200).Draw(t, "count")
			first := rapid.Uint32Range(0, 1<<32-1-200).Draw(t, "first")
			limit := uint32(1<<32-1) >> rapid.IntRange(0, 12).Draw(t, "bits")
			nonce, found := NewNonces(header).Find(first, count, limit)
			for tried := range uint32(count) {
				if last(header, first+tried) <= limit {
					if !found || nonce != first+tried {
						t.Fatalf("%d, %v, want %d", nonce, found, first+tried)
					}
					return
				}
			}
			if found {
				t.Fatalf("%d is found, which is none", nonce)
			}
		})
	})
}

// last are the last four bytes of the header's double digest.
func last(header [HeaderSize]byte, nonce uint32) uint32 {
	binary.LittleEndian.PutUint32(header[nonceOffset:], nonce)
	inner := sha256.Sum256(header[:])
	outer := sha256.Sum256(inner[:])
	return binary.LittleEndian.Uint32(outer[28:])
}

// TestALimitIsMetExactly: a nonce of which the bytes are the limit is one, and none where they are one above.
func TestALimitIsMetExactly(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		for nonce := range uint32(64) {
			header := [HeaderSize]byte{1}
			number := last(header, nonce)
			nonces := NewNonces(header)
			if _, found := nonces.Find(nonce, 1, number); !found {
				t.Errorf("nonce %d alone is not found", nonce)
			}
			below := uint64(0)
			for other := range nonce {
				if last(header, other) <= number {
					below++
				}
			}
			if got, found := nonces.Find(0, 64, number); !found || below == 0 && got != nonce {
				t.Errorf("the first nonce is %d, %v, want %d", got, found, nonce)
			}
			if got, found := nonces.Find(nonce, 1, number-1); number > 0 && found {
				t.Errorf("nonce %d is found below its number", got)
			}
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	from := numbered(1000, 0)
	headers := make([]byte, HeaderSize*100)
	nonces := NewNonces([HeaderSize]byte{})
	messages := []*Messages{NewSHA256(), NewKeccak256(), NewSHA3256(), NewRIPEMD160()}
	onEachPath(t, func(t *testing.T) {
		nonces = NewNonces([HeaderSize]byte{})
		allocated := testing.AllocsPerRun(10, func() {
			Pairs(from[:500], from)
			DoublePairs(from[:500], from)
			PrefixedPairs(NodePrefix, from[:500], from)
			Rehash(flat(from))
			Headers(from[:100], headers)
			nonces.Find(0, 1000, 0)
			for _, function := range messages {
				for length := range 500 {
					function.Add(&from[length], headers[:1], headers[:length])
				}
				function.Flush()
			}
		})
		if allocated > 0 {
			t.Errorf("%.0f allocations", allocated)
		}
	})
}

// TestTheVariableForcesAPath starts this test once more for each path, with the variable set.
func TestTheVariableForcesAPath(t *testing.T) {
	const asked = "DAVIT_HASHING_ASKED"
	if os.Getenv(asked) != "" {
		fmt.Printf("chosen: %s\n", Chosen())
		return
	}
	paths := Paths()
	fastest := paths[len(paths)-1]
	for value, want := range map[Path]Path{"": fastest, "abacus": fastest, Portable: Portable, AVX2: AVX2, SHANI: SHANI, AVX512: AVX512, ARM64: ARM64} {
		if want != fastest && !slices.Contains(paths, want) {
			want = fastest
		}
		command := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$") // #nosec G204 G702 -- this test itself
		command.Env = append(os.Environ(), asked+"=1", Variable+"="+string(value))
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", value, err, output)
		}
		if !strings.Contains(string(output), "chosen: "+string(want)+"\n") {
			t.Errorf("%s=%s: want %s, got\n%s", Variable, value, want, output)
		}
		warned := strings.Contains(string(output), "is no way to hash on this CPU")
		if forced := value == "" || slices.Contains(paths, value); warned == forced {
			t.Errorf("%s=%s: a warning: %v\n%s", Variable, value, warned, output)
		}
	}
}

// FuzzPathsAgree cuts the data into messages and holds every path to the standard library.
func FuzzPathsAgree(f *testing.F) {
	f.Add([]byte("ab\x00\x40and more"), byte(7))
	f.Add(make([]byte, 3000), byte(200))
	f.Fuzz(func(t *testing.T, data []byte, cut byte) {
		inputs := slices.Collect(slices.Chunk(data, int(cut)*3+1))
		digests := make([]Digest, len(inputs))
		before := chosen
		defer func() { _ = choose(before) }()
		for _, path := range Paths() {
			if err := choose(path); err != nil {
				t.Fatal(err)
			}
			for _, function := range functions {
				messages := function.open()
				for index, input := range inputs {
					messages.Add(&digests[index], nil, input)
				}
				messages.Flush()
				for index, input := range inputs {
					if want := function.want(input); !bytes.Equal(digests[index][:len(want)], want) {
						t.Fatalf("%s, %s of %x is %x, want %x", path, function.name, input, digests[index], want)
					}
				}
			}
			agreeOnPairs(t, path, digests)
			agreeOnNonces(t, path, data)
		}
	})
}

func agreeOnPairs(t *testing.T, path Path, from []Digest) {
	single, double, prefixed := make([]Digest, len(from)/2), make([]Digest, len(from)/2), make([]Digest, len(from)/2)
	Pairs(single, from)
	DoublePairs(double, from)
	PrefixedPairs(NodePrefix, prefixed, from)
	for index := range single {
		left, right := from[2*index], from[2*index+1]
		if single[index] != Pair(left, right) || double[index] != DoublePair(left, right) ||
			prefixed[index] != PrefixedPair(NodePrefix, left, right) {
			t.Fatalf("%s: pair %d is %x, %x, %x", path, index, single[index], double[index], prefixed[index])
		}
	}
}

func agreeOnNonces(t *testing.T, path Path, data []byte) {
	var header [HeaderSize]byte
	copy(header[:], data)
	nonces := NewNonces(header)
	first, limit := binary.LittleEndian.Uint32(header[4:])>>1, uint32(1<<27)
	nonce, found := nonces.Find(first, 100, limit)
	if want, exists := nonces.find(first, 100, limit); nonce != want || found != exists {
		t.Fatalf("%s: nonce %d, %v, want %d, %v", path, nonce, found, want, exists)
	}
}

// onEachPath runs a test on every path that this CPU has.
func onEachPath(t *testing.T, test func(t *testing.T)) {
	before := chosen
	defer func() {
		if err := choose(before); err != nil {
			t.Error(err)
		}
	}()
	for _, path := range Paths() {
		if err := choose(path); err != nil {
			t.Fatal(err)
		}
		t.Run(string(path), test)
	}
}
