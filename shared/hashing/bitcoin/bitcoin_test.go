package bitcoin

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// known are headers of mainnet, as they are on the wire.
var known = []struct {
	name, raw, hash string
	at              string
}{
	{"the genesis block", "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
		"000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", "2009-01-03T18:15:05Z"},
	{"block 1", "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
		"00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048", "2009-01-09T02:54:25Z"},
	{"block 125552", "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695",
		"00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d", "2011-05-21T17:26:31Z"},
}

func raw(t testing.TB, text string) []byte {
	t.Helper()
	read, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestKnownHeaders(t *testing.T) {
	for _, test := range known {
		t.Run(test.name, func(t *testing.T) {
			checked, err := Mainnet().Check(raw(t, test.raw))
			if err != nil || checked.Hash().String() != test.hash || checked.Header().At().Format(time.RFC3339) != test.at {
				t.Fatalf("%s at %s, %v, want %s at %s", checked.Hash(), checked.Header().At(), err, test.hash, test.at)
			}
			serialised := checked.Header().Serialise()
			if hex.EncodeToString(serialised[:]) != test.raw || checked.Header().Hash() != checked.Hash() {
				t.Errorf("it is written as %x", serialised)
			}
		})
	}
}

func TestGenesisOfEachNetwork(t *testing.T) {
	root := known[0].raw[72:136]
	for _, test := range []struct {
		network Network
		tail    string
	}{{Signet(), "008f4d5fae77031e8ad22203"}, {Regtest(), "dae5494dffff7f2002000000"}} {
		text := "01000000" + strings.Repeat("00", 32) + root + test.tail
		checked, err := test.network.Check(raw(t, text))
		if err != nil {
			t.Fatalf("%s: %v", test.network, err)
		}
		if err := NewChain(test.network, 0, time.Time{}).Add(checked); err != nil {
			t.Errorf("%s: %v", test.network, err)
		}
		read, err := ParseNetwork(test.network.String())
		if err != nil || read != test.network {
			t.Errorf("%s is read as %s, %v", test.network, read, err)
		}
	}
	if _, err := ParseNetwork("testnet3"); err == nil {
		t.Error("testnet3 is accepted")
	}
}

func TestCompactForm(t *testing.T) {
	// The first rows are the example of the developer reference and the cases that Bitcoin Core tests.
	for _, test := range []struct {
		name    string
		compact uint32
		want    string // leading zeros left out
		wrong   error
	}{
		{"the example of the reference", 0x181bc330, "1bc330" + strings.Repeat("00", 21), nil},
		{"the highest of mainnet", 0x1d00ffff, "ffff" + strings.Repeat("00", 26), nil},
		{"one byte", 0x01120000, "12", nil},
		{"two bytes", 0x02123400, "1234", nil},
		{"three bytes", 0x03123456, "123456", nil},
		{"four bytes", 0x04123456, "12345600", nil},
		{"a leading zero byte", 0x05009234, "92340000", nil},
		{"thirty-two bytes", 0x20123456, "123456" + strings.Repeat("00", 29), nil},
		{"a length of 33 with two digits of zero", 0x21001234, "1234" + strings.Repeat("00", 30), nil},
		{"a length of 34 with one digit", 0x22000012, "12" + strings.Repeat("00", 31), nil},
		{"nothing", 0, "", ErrZeroTarget},
		{"digits shifted out", 0x01003456, "", ErrZeroTarget},
		{"zero of any length", 0x04000000, "", ErrZeroTarget},
		{"a sign without digits", 0x04800000, "", ErrZeroTarget},
		{"a sign", 0x04923456, "", ErrNegativeTarget},
		{"a sign in one byte", 0x01fedcba, "", ErrNegativeTarget},
		{"a sign in all bits", 0xffffffff, "", ErrNegativeTarget},
		{"far too long", 0xff123456, "", ErrTargetOverflow},
		{"a length of 33 with three digits", 0x21123456, "", ErrTargetOverflow},
		{"a length of 34 with two digits", 0x22001234, "", ErrTargetOverflow},
		{"a length of 35", 0x23000001, "", ErrTargetOverflow},
	} {
		t.Run(test.name, func(t *testing.T) {
			target, err := ParseCompact(test.compact)
			if !errors.Is(err, test.wrong) || test.wrong == nil && err != nil {
				t.Fatalf("%v, want %v", err, test.wrong)
			}
			if got := strings.TrimLeft(target.String(), "0"); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func number(target Target) *big.Int {
	read, _ := new(big.Int).SetString(target.String(), 16)
	return read
}

func targets() *rapid.Generator[Target] {
	return rapid.Custom(func(t *rapid.T) Target {
		target := Target{limbs: [4]uint64(rapid.SliceOfN(rapid.Uint64(), 4, 4).Draw(t, "limbs"))}
		target.limbs[3] >>= 24 // room for a factor below 2^24
		for index := range rapid.IntRange(0, 3).Draw(t, "zero limbs") {
			target.limbs[3-index] = 0
		}
		return target
	})
}

func TestCompactFormIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := targets().Draw(t, "target")
		compact := target.Compact()
		read, err := ParseCompact(compact)
		if err != nil && target != (Target{}) {
			t.Fatal(err)
		}
		if read.Compact() != compact && err == nil {
			t.Fatalf("%08x is written again as %08x", compact, read.Compact())
		}
		lost := new(big.Int).Sub(number(target), number(read))
		if lost.Sign() < 0 || new(big.Int).Lsh(lost, 15).Cmp(number(target)) > 0 {
			t.Fatalf("%s is read as %s", target, read)
		}
	})
}

func TestScalingIsThatOfWholeNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target, a, b := targets().Draw(t, "target"), rapid.Uint64Range(0, 1<<24).Draw(t, "a"), rapid.Uint64Range(1, 1<<40).Draw(t, "b")
		want := new(big.Int).Mul(number(target), new(big.Int).SetUint64(a))
		want.Div(want, new(big.Int).SetUint64(b))
		if got := number(target.scale(a, b)); got.Cmp(want) != 0 {
			t.Fatalf("%s * %d / %d is %x, want %x", target, a, b, got, want)
		}
	})
}

func TestAHashMeetsATargetAsANumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := targets().Draw(t, "target")
		hash := Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		if rapid.Bool().Draw(t, "close") {
			for index, limb := range target.limbs {
				binary.LittleEndian.PutUint64(hash[8*index:], limb)
			}
			hash[0] += byte(rapid.IntRange(-1, 1).Draw(t, "off"))
		}
		read, _ := new(big.Int).SetString(hash.String(), 16)
		if got, want := target.Meets(hash), read.Cmp(number(target)) <= 0; got != want {
			t.Fatalf("%s meets %s: %v", hash, target, got)
		}
	})
}

func TestRetargetsOfMainnet(t *testing.T) {
	for _, test := range []struct {
		name             string
		last, first, end uint32
		want             uint32
	}{
		{"height 2016, where the network was too slow", 0x1d00ffff, 1231006505, 1233061996, 0x1d00ffff},
		{"height 32256, the first change", 0x1d00ffff, 1261130161, 1262152739, 0x1d00d86a},
		{"height 68544, held to a quarter", 0x1c05a3f4, 1279008237, 1279297671, 0x1c0168fd},
		{"a period of ten weeks, held to four times", 0x1c387f6f, 1263163443, 1269211443, 0x1d00e1fd},
		{"clocks that went backwards", 0x1c05a3f4, 1279297671, 1279008237, 0x1c0168fd},
	} {
		got, err := Mainnet().Retarget(test.last, test.first, test.end)
		if err != nil || got != test.want {
			t.Errorf("%s: %08x, %v, want %08x", test.name, got, err, test.want)
		}
		if !Mainnet().reachable(test.last, test.want) {
			t.Errorf("%s: %08x is not thought reachable", test.name, test.want)
		}
	}
	for _, next := range []uint32{0x1c0168fc, 0x1c168fd1, 0x04923456} {
		if Mainnet().reachable(0x1c05a3f4, next) {
			t.Errorf("%08x is thought reachable from 1c05a3f4", next)
		}
	}
}

func TestTheBeginningOfMainnet(t *testing.T) {
	data, err := os.ReadFile("testdata/mainnet-0-2020.headers")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		first int
		want  Summary
	}{
		{"from the genesis block", 0, Summary{Headers: 2021, Retargets: 1, MedianTimes: 2020}},
		{"from the middle of a period", 1000, Summary{Headers: 1021, First: 1000, RetargetsBounded: 1, MedianTimes: 1010}},
	} {
		t.Run(test.name, func(t *testing.T) {
			chain := NewChain(Mainnet(), uint64(test.first), time.Unix(1_300_000_000, 0))
			for at := test.first * HeaderSize; at < len(data); at += HeaderSize {
				add(t, chain, Mainnet(), data[at:at+HeaderSize])
			}
			test.want.Tip = chain.last.Hash().String()
			if chain.Summary() != test.want || chain.Height() != 2021 {
				t.Errorf("height %d, %+v, want %+v", chain.Height(), chain.Summary(), test.want)
			}
		})
	}
}

func add(t *testing.T, chain *Chain, network Network, raw []byte) {
	t.Helper()
	checked, err := network.Check(raw)
	if err == nil {
		err = chain.Add(checked)
	}
	if err != nil {
		t.Fatalf("height %d: %v", chain.Height(), err)
	}
}

// village is a network with which a test can mine.
func village() Network {
	return Network{name: "village", period: 8, timespan: 8 * 600, versions: [3]uint64{1, 1, 40}, limit: allOnes(252)}
}

// mine makes a header on top of the chain, with the bits that its rules demand and the changes that the test makes.
func mine(t *testing.T, chain *Chain, change func(*Header)) []byte {
	t.Helper()
	before := chain.last.header
	header := Header{Version: 4, Previous: chain.last.hash, Time: before.Time + 600, Bits: before.Bits}
	if chain.summary.Headers == 0 {
		header.Bits, header.Time = village().limit.Compact(), 1_700_000_000
	} else if chain.height%village().period == 0 {
		header.Bits = slow(before.Bits, chain.start, before.Time)
	}
	change(&header)
	target, err := ParseCompact(header.Bits)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := Search{Header: header, Target: target, Last: 1 << 20}.Run(t.Context())
	if err != nil || !outcome.Found {
		t.Fatalf("%+v, %v", outcome, err)
	}
	serialised := outcome.Header.Serialise()
	return serialised[:]
}

// slow is the change of the target with numbers of any size.
func slow(bits, first, end uint32) uint32 {
	took := min(max(int64(end)-int64(first), 1200), 19_200)
	target, _ := ParseCompact(bits)
	product := new(big.Int).Mul(number(target), big.NewInt(took))
	product.Div(product, big.NewInt(4800))
	if highest := number(village().limit); product.Cmp(highest) > 0 {
		product = highest
	}
	var wanted Target
	bytes := product.FillBytes(make([]byte, 32))
	for index := range wanted.limbs {
		wanted.limbs[index] = binary.BigEndian.Uint64(bytes[24-8*index:])
	}
	return wanted.Compact()
}

// grown is a mined chain with so many headers, which took the seconds each.
func grown(t *testing.T, height uint64, headers int, seconds uint32) *Chain {
	chain := NewChain(village(), height, time.Unix(1_700_100_000, 0))
	for range headers {
		add(t, chain, village(), mine(t, chain, func(header *Header) {
			if chain.summary.Headers > 0 {
				header.Time = chain.last.header.Time + seconds
			}
		}))
	}
	return chain
}

func TestATargetFollowsTheTimeThatAPeriodTook(t *testing.T) {
	chain := grown(t, 8, 40, 400)
	if got := chain.Summary(); got.Retargets != 4 || got.MedianTimes != 29 || got.RetargetsBounded != 0 {
		t.Errorf("%+v", got)
	}
	if chain.last.header.Bits == village().limit.Compact() {
		t.Error("the target never changed")
	}
}

func TestEachRuleIsHeld(t *testing.T) {
	for _, test := range []struct {
		name    string
		headers int
		change  func(*Header)
		want    Rule
		reason  string
	}{
		{"another previous hash", 3, func(h *Header) { h.Previous[0]++ }, RuleLinkage, "the header before has the hash"},
		{"another target in a period", 12, func(h *Header) { h.Bits -= 0x100 }, RuleDifficulty, "no change is due"},
		{"another target after a period", 16, func(h *Header) { h.Bits -= 0x100 }, RuleDifficulty, "after 2800 s for the period"},
		{"a time like the median", 12, func(h *Header) { h.Time -= 600 + 5*400 }, RuleMedianTime, "is not above"},
		{"a time far ahead", 12, func(h *Header) { h.Time = 1_700_100_000 + 7201 }, RuleFuture, "more than two hours ahead"},
		{"an old version", 12, func(h *Header) { h.Version = 2 }, RuleVersion, "version 2 is below 3"},
		{"a target above the limit", 12, func(h *Header) { h.Bits = 0x207fffff }, RuleTarget, "above the highest target of village"},
	} {
		t.Run(test.name, func(t *testing.T) {
			chain := grown(t, 8, test.headers, 400)
			before := chain.Summary()
			checked, err := village().Check(mine(t, chain, test.change))
			if err == nil {
				err = chain.Add(checked)
			}
			var broken *HeaderError
			if !errors.As(err, &broken) || broken.Rule != test.want || !strings.Contains(err.Error(), test.reason) {
				t.Fatalf("%v, want %s: … %s …", err, test.want, test.reason)
			}
			if chain.Summary() != before {
				t.Errorf("the header was taken: %+v", chain.Summary())
			}
			add(t, chain, village(), mine(t, chain, func(*Header) {}))
		})
	}
}

func TestTimesJustWithinTheRulesPass(t *testing.T) {
	for name, change := range map[string]func(*Header){
		"one above the median":     func(h *Header) { h.Time -= 600 + 5*400 - 1 },
		"two hours ahead":          func(h *Header) { h.Time = 1_700_100_000 + 7200 },
		"a version that is needed": func(h *Header) { h.Version = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			chain := grown(t, 8, 12, 400)
			add(t, chain, village(), mine(t, chain, change))
		})
	}
}

func TestATargetAfterAnUnknownPeriodIsBounded(t *testing.T) {
	chain := grown(t, 8, 24, 200) // far below the limit
	end := chain.last
	late := NewChain(village(), 31, time.Time{})
	if err := late.Add(end); err != nil {
		t.Fatal(err)
	}
	target, err := ParseCompact(end.header.Bits)
	if err != nil {
		t.Fatal(err)
	}
	far := target.scale(1, 5).Compact()
	checked, err := village().Check(mine(t, late, func(header *Header) { header.Bits = far }))
	if err != nil {
		t.Fatal(err)
	}
	var broken *HeaderError
	if err := late.Add(checked); !errors.As(err, &broken) || broken.Rule != RuleDifficulty {
		t.Errorf("a fifth of the target: %v", err)
	}
	add(t, late, village(), mine(t, late, func(header *Header) { header.Bits = target.scale(1, 3).Compact() }))
	if late.Summary().RetargetsBounded != 1 {
		t.Errorf("%+v", late.Summary())
	}
}

func TestAnotherGenesisBlockIsRefused(t *testing.T) {
	checked, err := Mainnet().Check(raw(t, known[1].raw))
	if err != nil {
		t.Fatal(err)
	}
	var broken *HeaderError
	if err := NewChain(Mainnet(), 0, time.Time{}).Add(checked); !errors.As(err, &broken) || broken.Rule != RuleGenesis {
		t.Errorf("block 1 at height 0: %v", err)
	}
}

func TestAHeaderWithoutWorkIsRefused(t *testing.T) {
	changed := raw(t, known[0].raw)
	changed[79]++
	_, err := Mainnet().Check(changed)
	var broken *HeaderError
	if !errors.As(err, &broken) || broken.Rule != RuleProofOfWork {
		t.Errorf("%v", err)
	}
	for _, size := range []int{0, 79, 81} {
		if _, err := Mainnet().Check(make([]byte, size)); err == nil {
			t.Errorf("%d bytes are a header", size)
		}
	}
}

// TestManyHeadersAreCheckedAsEachOfThem breaks a header of a long list, or none, and cuts the list anywhere.
func TestManyHeadersAreCheckedAsEachOfThem(t *testing.T) {
	data, err := os.ReadFile("testdata/mainnet-0-2020.headers")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.IntRange(0, 1700).Draw(t, "first")
		list := bytes.Clone(data[first*HeaderSize : (first+rapid.IntRange(0, 300).Draw(t, "count"))*HeaderSize])
		if len(list) > 0 && rapid.Bool().Draw(t, "broken") {
			list[rapid.IntRange(0, len(list)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		list = append(list, make([]byte, rapid.IntRange(0, HeaderSize-1).Draw(t, "rest"))...)
		var want []Checked
		var wrong error
		for rest := list; len(rest) > 0 && wrong == nil; {
			size := min(len(rest), HeaderSize)
			var checked Checked
			if checked, wrong = Mainnet().Check(rest[:size]); wrong == nil {
				want = append(want, checked)
			}
			rest = rest[size:]
		}
		got, err := Mainnet().CheckAll(nil, list)
		if !slices.Equal(got, want) || (err == nil) != (wrong == nil) {
			t.Fatalf("%d headers hold, %v; one by one %d, %v", len(got), err, len(want), wrong)
		}
		var broken, same *HeaderError
		if errors.As(wrong, &broken) && (!errors.As(err, &same) || *broken != *same) {
			t.Fatalf("the error is %v, of the header alone %v", err, wrong)
		}
	})
}

func TestNothingIsAllocatedForAHeader(t *testing.T) {
	data, err := os.ReadFile("testdata/mainnet-0-2020.headers")
	if err != nil {
		t.Fatal(err)
	}
	checked := make([]Checked, 0, len(data)/HeaderSize)
	allocated := testing.AllocsPerRun(5, func() {
		checked, err = Mainnet().CheckAll(checked[:0], data)
	})
	if err != nil || len(checked) != 2021 || allocated > 0 {
		t.Errorf("%d headers, %v, %.0f allocations", len(checked), err, allocated)
	}
}

func genesis(t testing.TB) Header {
	header, err := ParseHeader(raw(t, known[0].raw))
	if err != nil {
		t.Fatal(err)
	}
	return header
}

func TestTheNonceOfTheGenesisBlockIsFound(t *testing.T) {
	header := genesis(t)
	target, err := ParseCompact(header.Bits)
	if err != nil {
		t.Fatal(err)
	}
	want := header.Nonce
	header.Nonce = 0
	outcome, err := Search{Header: header, Target: target, First: want - 100_000, Last: want + 200_000}.Run(t.Context())
	if err != nil || !outcome.Found || !outcome.Complete || outcome.Header.Nonce != want || outcome.Hash.String() != known[0].hash ||
		outcome.Next != uint64(want)+1 || outcome.Tried < 100_001 {
		t.Errorf("%+v, %v", outcome, err)
	}
}

func TestTheLowestNonceOfARangeIsFound(t *testing.T) {
	header := genesis(t)
	rapid.Check(t, func(t *rapid.T) {
		header.Time = rapid.Uint32().Draw(t, "time")
		first := rapid.Uint32Range(0, 1<<32-1-100_000).Draw(t, "first")
		length := rapid.Uint32Range(0, 100_000).Draw(t, "length")
		target := allOnes(rapid.IntRange(238, 246).Draw(t, "bits"))
		outcome, err := Search{Header: header, Target: target, First: first, Last: first + length}.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		tried := header
		for tried.Nonce = first; tried.Nonce != first+length+1; tried.Nonce++ {
			if !target.Meets(tried.Hash()) {
				continue
			}
			if !outcome.Found || outcome.Header != tried || outcome.Hash != tried.Hash() || outcome.Next != uint64(tried.Nonce)+1 {
				t.Fatalf("nonce %d is not found: %+v", tried.Nonce, outcome)
			}
			return
		}
		want := Outcome{Tried: uint64(length) + 1, Next: uint64(first) + uint64(length) + 1, Complete: true}
		if outcome != want {
			t.Fatalf("%+v, want %+v", outcome, want)
		}
	})
}

func TestASearchThatEndedEarlyGoesOnWhereItStopped(t *testing.T) {
	header := genesis(t)
	target := allOnes(200) // practically none
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := Search{Header: header, Target: target, First: 10, Last: 40 * searchStep}
	var tried atomic.Uint64
	interrupted.Progress = func(more uint64) {
		if tried.Add(more) > 5*searchStep {
			cancel()
		}
	}
	outcome, err := interrupted.Run(ctx)
	if err != nil || outcome.Found || outcome.Complete || outcome.Next <= 10+4*searchStep || outcome.Next-10 > outcome.Tried {
		t.Fatalf("%+v, %v", outcome, err)
	}
	rest, err := Search{Header: header, Target: target, First: uint32(outcome.Next), Last: interrupted.Last}.Run(t.Context())
	if err != nil || !rest.Complete || outcome.Next-10+rest.Tried != uint64(interrupted.Last)-10+1 {
		t.Errorf("%+v and then %+v, %v", outcome, rest, err)
	}
	cancelled, err := Search{Header: header, Target: target, First: 7, Last: 1 << 31}.Run(ctx)
	if err != nil || cancelled.Tried != 0 || cancelled.Next != 7 {
		t.Errorf("without any time: %+v, %v", cancelled, err)
	}
	if _, err := (Search{Header: header, First: 2, Last: 1}).Run(t.Context()); err == nil {
		t.Error("a range that ends before it begins is accepted")
	}
}

func TestTheLastNonceOfAllIsTried(t *testing.T) {
	outcome, err := Search{Header: genesis(t), Target: Target{}, First: 1<<32 - 5, Last: 1<<32 - 1}.Run(t.Context())
	if err != nil || outcome.Next != 1<<32 || outcome.Tried != 5 || !outcome.Complete {
		t.Errorf("%+v, %v", outcome, err)
	}
}

func FuzzHeader(f *testing.F) {
	for _, seed := range known {
		f.Add(raw(f, seed.raw), uint64(0))
	}
	f.Add(bytes.Repeat([]byte{0xff}, HeaderSize), uint64(2016))
	f.Fuzz(func(t *testing.T, data []byte, height uint64) {
		checked, err := Regtest().Check(data)
		if header, wrong := ParseHeader(data); wrong == nil {
			again := header.Serialise()
			if !bytes.Equal(again[:], data) {
				t.Fatalf("%x is written again as %x", data, again)
			}
		}
		if err != nil {
			return
		}
		chain := NewChain(Regtest(), height>>1, time.Time{})
		if chain.Add(checked) != nil {
			return
		}
		if err := chain.Add(checked); err == nil {
			t.Error("a header is linked to itself")
		}
	})
}

func FuzzCompact(f *testing.F) {
	f.Add(uint32(0x1d00ffff))
	f.Add(uint32(0x01fedcba))
	f.Fuzz(func(t *testing.T, compact uint32) {
		target, err := ParseCompact(compact)
		if err != nil {
			return
		}
		again, err := ParseCompact(target.Compact())
		if err != nil || again != target {
			t.Errorf("%08x is %s, written as %08x and read as %s, %v", compact, target, target.Compact(), again, err)
		}
	})
}
