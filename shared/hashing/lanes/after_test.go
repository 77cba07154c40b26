package lanes

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var upperHalves = regexp.MustCompile(`\b[YZ][0-9]+\b`)

// TestVectorCodeLeavesNoUpperHalves: what follows is slow on many CPUs where the upper halves of vector registers are in
// use, so each function that touches them must end in VZEROUPPER, wherever it returns.
func TestVectorCodeLeavesNoUpperHalves(t *testing.T) {
	names, err := filepath.Glob("*_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, function := range strings.Split(string(source), "\nTEXT ")[1:] {
			if !upperHalves.MatchString(function) {
				continue
			}
			checked++
			lines := strings.Fields(strings.ReplaceAll(function, "\tRET\n", "\tRET \n"))
			for index, word := range lines {
				if word == "RET" && lines[index-1] != "VZEROUPPER" {
					t.Errorf("%s: %s returns without VZEROUPPER", name, lines[0])
				}
			}
		}
	}
	if checked < 12 {
		t.Errorf("only %d functions with vectors were found", checked)
	}
}

// TestGoHashesAsFastAfterwards shows it where the CPU is one of those: sha256.Sum256 takes at most 1.2 of its usual time right after each of the functions here.
// The best of many turns counts, and a bad ratio has to come again and again to fail: other work on the machine does that to
// none of the two for long.
func TestGoHashesAsFastAfterwards(t *testing.T) {
	from, to, headers := numbered(64, 1), make([]Digest, 64), make([]byte, 32*HeaderSize)
	usual := func() {
		for index := range to {
			to[index] = sha256.Sum256(from[index][:])
		}
	}
	onEachPath(t, func(t *testing.T) {
		nonces, log, ethereum, address := NewNonces([HeaderSize]byte{}), NewSHA256(), NewKeccak256(), NewRIPEMD160()
		for name, vectors := range map[string]func(){
			"Pairs":         func() { Pairs(to[:32], from) },
			"DoublePairs":   func() { DoublePairs(to[:32], from) },
			"PrefixedPairs": func() { PrefixedPairs(NodePrefix, to[:32], from) },
			"Rehash":        func() { Rehash(flat(to)) },
			"Headers":       func() { Headers(to[:32], headers) },
			"Find":          func() { nonces.Find(0, 64, 0) },
			"SHA-256":       func() { sumAll(log, to, from) },
			"Keccak-256":    func() { sumAll(ethereum, to, from) },
			"RIPEMD-160":    func() { sumAll(address, to, from) },
		} {
			const attempts, allowed = 20, 1.2
			var ratios []float64
			for range attempts {
				ratio := afterwards(vectors, usual)
				if ratios = append(ratios, ratio); ratio <= allowed {
					break
				}
			}
			if slices.Min(ratios) > allowed {
				t.Errorf("after %s SHA-256 takes %.2f of its usual time", name, ratios)
			}
		}
	})
}

func sumAll(messages *Messages, to, from []Digest) {
	for index := range to {
		messages.Add(&to[index], nil, from[index][:])
	}
	messages.Flush()
}

// afterwards is how long the usual takes right after the vectors, compared with after itself: the shortest of many times.
func afterwards(vectors, usual func()) float64 {
	took := func(before func()) time.Duration {
		before()
		start := time.Now()
		usual()
		return time.Since(start)
	}
	alone, after := took(usual), took(vectors)
	for range 50 {
		alone, after = min(alone, took(usual)), min(after, took(vectors))
	}
	return float64(after) / float64(alone)
}
