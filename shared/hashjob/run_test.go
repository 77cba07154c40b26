package hashjob_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	events "davit/events/hashjob"
	"davit/shared/hashing"
	"davit/shared/hashing/bitcoin"
	"davit/shared/hashing/merkle"
	"davit/shared/hashjob"
)

// job is a document that is right.
func job(t testing.TB, kind events.Kind, change func(*events.Job)) events.Job {
	t.Helper()
	made := events.Job{Version: "1", ID: "a-job", Kind: kind}
	change(&made)
	if err := made.Check(); err != nil {
		t.Fatal(err)
	}
	return made
}

// inSteps runs the job in as many invocations as it takes, each of so many looks at the clock, and hands the checkpoints on
// as JSON.
func inSteps(t testing.TB, runner *hashjob.Runner, job events.Job, looks int) (events.Result, int) {
	t.Helper()
	return inGrowingSteps(t, runner, job, looks, 0)
}

// inGrowingSteps gives each invocation so many looks more than the one before.
func inGrowingSteps(t testing.TB, runner *hashjob.Runner, job events.Job, looks, more int) (events.Result, int) {
	t.Helper()
	var from *hashjob.Checkpoint
	for invocation := 1; invocation <= 500; invocation, looks = invocation+1, looks+more {
		until := runner.Now().Add(time.Duration(looks)*time.Second + time.Millisecond)
		step, err := runner.Run(t.Context(), job, hashjob.Invocation{From: from, Until: until})
		if err != nil {
			t.Fatal(err)
		}
		if step.Next == nil {
			return step.Result, invocation
		}
		written, err := json.Marshal(step.Next)
		if err != nil {
			t.Fatal(err)
		}
		from = new(hashjob.Checkpoint)
		if err := json.Unmarshal(written, from); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("it does not come to an end")
	return events.Result{}, 0
}

func inOne(t testing.TB, runner *hashjob.Runner, job events.Job) events.Result {
	t.Helper()
	step, err := runner.Run(t.Context(), job, hashjob.Invocation{})
	if err != nil {
		t.Fatal(err)
	}
	if step.Next != nil || step.Result.Outcome != events.Succeeded || step.Result.ID != job.ID {
		t.Fatalf("it came to %+v", step)
	}
	return step.Result
}

// hashes are so many that differ, one after another.
func hashes(count int) ([]byte, []merkle.Hash) {
	raw := make([]byte, 32*count)
	list := make([]merkle.Hash, count)
	for index := range list {
		binary.BigEndian.PutUint64(raw[32*index:], uint64(index)+1)
		list[index] = merkle.Hash(raw[32*index : 32*index+32])
	}
	return raw, list
}

func hexLines(raw []byte, size int) []byte {
	var lines bytes.Buffer
	for start := 0; start < len(raw); start += size {
		_, _ = fmt.Fprintf(&lines, "%x\n", raw[start:start+size])
	}
	return lines.Bytes()
}

func s3(form events.Form, size int) *events.Input {
	return &events.Input{S3: &events.S3Input{Bucket: "media", Prefix: "in/", Form: form, RecordBytes: size}}
}

func TestRootsAreTheSameInOneGoAndInSteps(t *testing.T) {
	const count = 3*4096 + 2*4096 + 77
	raw, leaves := hashes(count)
	// The objects do not end where chunks do.
	cut := 32 * (4096 + 1000)
	for name, input := range map[string]struct {
		form   events.Form
		record int
		one    []byte
		two    []byte
	}{
		"records":   {events.FormRecords, 32, raw[:cut], raw[cut:]},
		"hex lines": {events.FormHexLines, 0, hexLines(raw[:cut], 32), hexLines(raw[cut:], 32)},
	} {
		for _, shape := range []merkle.Shape{merkle.Bitcoin, merkle.RFC6962} {
			t.Run(name+" "+shape.String(), func(t *testing.T) {
				want, err := merkle.Root(shape, leaves)
				if err != nil {
					t.Fatal(err)
				}
				objects := newBucket().put("in/1", input.one).put("in/2", input.two).put("other", []byte("none of it"))
				runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
				asked := job(t, events.MerkleRoot, func(j *events.Job) {
					j.Tree = &events.TreeOptions{Shape: shape.String(), Leaves: events.LeafHashes}
					j.Input = s3(input.form, input.record)
				})
				whole := inOne(t, runner, asked)
				if whole.Root.Root != hex.EncodeToString(want[:]) || whole.Root.Leaves != count || whole.Items != count {
					t.Errorf("in one go it is %+v, want %x", whole.Root, want)
				}
				for _, looks := range []int{1, 2, 3} {
					stepped, invocations := inSteps(t, runner, asked, looks)
					if difference := cmp.Diff(whole, stepped); difference != "" {
						t.Errorf("in %d steps it differs:\n%s", invocations, difference)
					}
					if invocations < 2 {
						t.Errorf("%d looks were enough for one invocation", looks)
					}
				}
			})
		}
	}
}

func TestProofsInStepsHold(t *testing.T) {
	const count = 5*4096 + 77
	raw, _ := hashes(count)
	objects := newBucket().put("in/1", raw)
	runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
	index, first := func(value uint64) events.ProveOptions { return events.ProveOptions{Index: &value} },
		func(value uint64) events.ProveOptions { return events.ProveOptions{FirstLeaves: &value} }
	for _, test := range []struct {
		shape string
		prove events.ProveOptions
	}{
		{"bitcoin", index(0)}, {"bitcoin", index(4095)}, {"bitcoin", index(12_000)}, {"bitcoin", index(count - 1)},
		{"rfc6962", index(0)}, {"rfc6962", index(8192)}, {"rfc6962", index(count - 1)},
		{"rfc6962", first(1)}, {"rfc6962", first(4096)}, {"rfc6962", first(8192)}, {"rfc6962", first(12_288)},
		{"rfc6962", first(16_384)}, {"rfc6962", first(16_385)}, {"rfc6962", first(20_000)}, {"rfc6962", first(count)},
	} {
		asked := job(t, events.MerkleProof, func(j *events.Job) {
			j.Tree = &events.TreeOptions{Shape: test.shape, Leaves: events.LeafHashes}
			j.Prove, j.Input = &test.prove, s3(events.FormRecords, 32)
		})
		whole := inOne(t, runner, asked)
		stepped, _ := inSteps(t, runner, asked, 1)
		if difference := cmp.Diff(whole, stepped); difference != "" {
			t.Errorf("%s %+v: in steps it differs:\n%s", test.shape, test.prove, difference)
		}
		verify := events.VerifyOptions{Proof: *whole.Proof, Root: whole.Proof.Root, FirstRoot: whole.Proof.FirstRoot}
		verdict := inOne(t, runner, job(t, events.MerkleVerify, func(j *events.Job) { j.Verify = &verify }))
		if !verdict.Verify.Valid {
			t.Errorf("%s %+v: it does not hold: %s", test.shape, test.prove, verdict.Verify.Reason)
		}
		verify.Root = strings.Repeat("0", 64)
		verdict = inOne(t, runner, job(t, events.MerkleVerify, func(j *events.Job) { j.Verify = &verify }))
		if verdict.Verify.Valid || !strings.Contains(verdict.Verify.Reason, "root: the proof is of ") {
			t.Errorf("%s %+v: against another root it is %+v", test.shape, test.prove, verdict.Verify)
		}
	}
}

func TestAnyListHasTheRootOfItsWholeTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, leaves := hashes(rapid.IntRange(1, 3*4096).Draw(t, "leaves"))
		objects := newBucket()
		for number := 0; len(raw) > 0; number++ {
			cut := min(32*rapid.IntRange(1, 5000).Draw(t, "cut"), len(raw))
			objects.put(fmt.Sprintf("in/%04d", number), raw[:cut])
			raw = raw[cut:]
		}
		runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
		want, err := merkle.Root(merkle.RFC6962, leaves)
		if err != nil {
			t.Fatal(err)
		}
		asked := events.Job{Version: "1", ID: "any", Kind: events.MerkleRoot, Input: s3(events.FormRecords, 32),
			Tree: &events.TreeOptions{Shape: "rfc6962", Leaves: events.LeafHashes}}
		until := runner.Now().Add(time.Duration(rapid.IntRange(1, 5).Draw(t, "looks")) * time.Second)
		step, err := runner.Run(t.Context(), asked, hashjob.Invocation{Until: until})
		for err == nil && step.Next != nil {
			step, err = runner.Run(t.Context(), asked, hashjob.Invocation{From: step.Next, Until: runner.Now().Add(3 * time.Second)})
		}
		if err != nil || step.Result.Root.Root != hex.EncodeToString(want[:]) {
			t.Fatalf("it is %+v, %v, want %x", step.Result.Root, err, want)
		}
	})
}

func TestDigestsOfEveryInput(t *testing.T) {
	inputs := [][]byte{nil, []byte("abc"), bytes.Repeat([]byte("x"), 200)}
	for _, name := range hashing.Names() {
		kind, err := hashing.ParseKind(name)
		if err != nil {
			t.Fatal(err)
		}
		hasher, err := hashing.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		var want, asHex, asBase64 []string
		objects := newBucket()
		for index, input := range inputs {
			want = append(want, hex.EncodeToString(hasher.Append(nil, input)))
			asHex, asBase64 = append(asHex, hex.EncodeToString(input)), append(asBase64, base64.StdEncoding.EncodeToString(input))
			objects.put(fmt.Sprintf("in/%d", index), input)
		}
		objects.put("hex", []byte(strings.Join(asHex, "\n"))).put("base64", []byte(strings.Join(asBase64, "\r\n")))
		runner := &hashjob.Runner{Objects: objects, Store: objects, Now: newClock().now}
		for from, input := range map[string]*events.Input{
			"hex": {Hex: asHex}, "base64": {Base64: asBase64}, "objects": s3(events.FormObjects, 0),
			"hex lines":    {S3: &events.S3Input{Bucket: "media", Key: "hex", Form: events.FormHexLines}},
			"base64 lines": {S3: &events.S3Input{Bucket: "media", Keys: []string{"base64"}, Form: events.FormBase64Lines}},
		} {
			asked := job(t, events.Digest, func(j *events.Job) {
				j.Digest, j.Input = &events.DigestOptions{Algorithm: name}, input
			})
			whole := inOne(t, runner, asked)
			if difference := cmp.Diff(want, whole.Digest.Digests); difference != "" || whole.Items != 3 {
				t.Errorf("%s of %s: %d items, -want +have:\n%s", name, from, whole.Items, difference)
			}
			if stepped, _ := inSteps(t, runner, asked, 1); cmp.Diff(whole, stepped) != "" {
				t.Errorf("%s of %s: in steps it is %+v", name, from, stepped)
			}
		}
	}
}

func TestManyDigestsGoIntoOneObject(t *testing.T) {
	const count = 140_000 // more than one part of text
	raw, _ := hashes(count)
	objects := newBucket().put("in/1", raw)
	runner := &hashjob.Runner{Objects: objects, Store: objects, Now: newClock().now}
	asked := job(t, events.Digest, func(j *events.Job) {
		j.Digest, j.Input = &events.DigestOptions{Algorithm: "sha256"}, s3(events.FormRecords, 32)
	})
	result, invocations := inSteps(t, runner, asked, 12)
	if result.Digest.Object == nil || result.Items != count || invocations < 3 {
		t.Fatalf("in %d invocations it is %+v", invocations, result)
	}
	hasher, err := hashing.New(hashing.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for index := range count {
		want = append(hex.AppendEncode(want, hasher.Append(nil, raw[32*index:32*index+32])), '\n')
	}
	if !bytes.Equal(objects.objects[result.Digest.Object.Key], want) {
		t.Errorf("the object has %d bytes, want %d", len(objects.objects[result.Digest.Object.Key]), len(want))
	}
}

// mainnet are real headers, from height 0 on.
func mainnet(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile("../hashing/bitcoin/testdata/mainnet-0-2020.headers")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestHeadersHoldAndTheFirstThatDoesNotIsNamed(t *testing.T) {
	raw := mainnet(t)
	count := uint64(len(raw) / 80)
	runner := &hashjob.Runner{Objects: newBucket().put("in/1", raw), Now: time.Now}
	asked := job(t, events.VerifyHeaders, func(j *events.Job) {
		j.Headers, j.Input = &events.HeadersOptions{Chain: "bitcoin", Network: "mainnet"}, s3(events.FormRecords, 80)
	})
	result := inOne(t, runner, asked)
	if !result.Headers.Valid || result.Headers.Headers != count || result.Headers.Retargets != 1 || result.Items != count {
		t.Errorf("%d headers: %+v", count, result.Headers)
	}
	broken := bytes.Clone(raw)
	broken[80*1000+4] ^= 1
	runner.Objects = newBucket().put("in/1", broken)
	result = inOne(t, runner, asked)
	if result.Headers.Valid || result.Headers.Wrong == nil || result.Headers.Wrong.Index != 1000 || result.Headers.Wrong.Height != 1000 {
		t.Errorf("with a broken header: %+v, %+v", result.Headers, result.Headers.Wrong)
	}
}

// mined is a list of regtest headers from the height 0 on.
func mined(t testing.TB, count int) []byte {
	t.Helper()
	raw, err := hex.DecodeString("0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a" +
		"9fb8aa4b1e5e4adae5494dffff7f2002000000")
	if err != nil {
		t.Fatal(err)
	}
	last, err := bitcoin.ParseHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	target, err := bitcoin.ParseCompact(last.Bits)
	if err != nil {
		t.Fatal(err)
	}
	for len(raw) < 80*count {
		next := bitcoin.Header{Version: 4, Previous: last.Hash(), Time: last.Time + 600, Bits: last.Bits}
		for !target.Meets(next.Hash()) {
			next.Nonce++
		}
		serialised := next.Serialise()
		raw, last = append(raw, serialised[:]...), next
	}
	return raw
}

func TestHeadersInStepsAreVerifiedAsInOneGo(t *testing.T) {
	for name, test := range map[string]struct {
		network string
		raw     []byte
		cuts    []int
		height  uint64
	}{
		"mainnet over a change of the target": {"mainnet", mainnet(t), []int{1000, 2016, 2018}, 0},
		"regtest from its first block":        {"regtest", mined(t, 13_000), []int{100, 4100, 6000, 9001, 9002, 12_500}, 0},
		"regtest from the middle":             {"regtest", mined(t, 13_000)[80*3000:], []int{2000, 4000, 6000, 8000}, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			objects, from := newBucket(), 0
			for number, cut := range append(test.cuts, len(test.raw)/80) {
				objects.put(fmt.Sprintf("in/%02d", number), hexLines(test.raw[80*from:80*cut], 80))
				from = cut
			}
			runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
			asked := job(t, events.VerifyHeaders, func(j *events.Job) {
				j.Headers = &events.HeadersOptions{Chain: "bitcoin", Network: test.network, Height: test.height}
				j.Input = s3(events.FormHexLines, 0)
			})
			whole := inOne(t, runner, asked)
			if !whole.Headers.Valid || whole.Headers.Headers != uint64(len(test.raw)/80) {
				t.Fatalf("in one go it is %+v, %+v", whole.Headers, whole.Headers.Wrong)
			}
			// Each invocation has time for more than it reads again.
			stepped, invocations := inGrowingSteps(t, runner, asked, 4, 1)
			if difference := cmp.Diff(whole, stepped); difference != "" || invocations < 2 {
				t.Errorf("in %d steps it differs:\n%s", invocations, difference)
			}
		})
	}
}

func TestANonceIsSearchedWhereTheTimeWasUp(t *testing.T) {
	header := hex.EncodeToString(mainnet(t)[:80])
	last := uint32(2083236893) // of the first block
	asked := job(t, events.ProofOfWork, func(j *events.Job) {
		j.Work = &events.WorkOptions{Header: header, First: last - 300_000, Last: &last}
	})
	runner := &hashjob.Runner{Now: time.Now}
	step, err := runner.Run(t.Context(), asked, hashjob.Invocation{Until: time.Now()})
	if err != nil || step.Next == nil || step.Next.Nonce < uint64(asked.Work.First) || step.Next.Nonce >= uint64(last) {
		t.Fatalf("without time it came to %+v, %v", step, err)
	}
	step, err = runner.Run(t.Context(), asked, hashjob.Invocation{From: step.Next})
	if err != nil || !step.Result.Work.Found || *step.Result.Work.Nonce != last {
		t.Errorf("then it came to %+v, %v", step.Result.Work, err)
	}
}

func TestErrorsNameFieldAndIndex(t *testing.T) {
	raw, _ := hashes(5000)
	wrongLine := bytes.Replace(hexLines(raw, 32), []byte("0000000000001387"), []byte("000000000000138g"), 1)
	zero := uint64(5001)
	hashed := &events.TreeOptions{Shape: "bitcoin", Leaves: events.LeafHashes}
	for name, test := range map[string]struct {
		objects map[string][]byte
		change  func(*events.Job)
		field   string
		index   int
		reason  string
	}{
		"an input that is no hexadecimal": {nil, func(j *events.Job) {
			j.Kind, j.Digest, j.Input = events.Digest, &events.DigestOptions{Algorithm: "sha256"}, &events.Input{Hex: []string{"00", "0x"}}
		}, "input.hex", 1, `'x'`},
		"an input that is no base64": {nil, func(j *events.Job) {
			j.Kind, j.Digest, j.Input = events.Digest, &events.DigestOptions{Algorithm: "sha256"}, &events.Input{Base64: []string{"!"}}
		}, "input.base64", 0, "illegal base64"},
		"a line that is no hexadecimal": {map[string][]byte{"in/1": wrongLine}, func(j *events.Job) {
			j.Kind, j.Tree, j.Input = events.MerkleRoot, hashed, s3(events.FormHexLines, 0)
		}, "input.s3", 4998, "no hexadecimal digit"},
		"a hash that is too short": {map[string][]byte{"in/1": []byte("00\n")}, func(j *events.Job) {
			j.Kind, j.Tree, j.Input = events.MerkleRoot, hashed, s3(events.FormHexLines, 0)
		}, "input.s3", 0, "32 bytes"},
		"a record that is too short": {map[string][]byte{"in/1": raw[:32*4500+7]}, func(j *events.Job) {
			j.Kind, j.Tree, j.Input = events.MerkleRoot, hashed, s3(events.FormRecords, 32)
		}, "input.s3", 4500, "7 of its 32 bytes"},
		"leaves that repeat": {map[string][]byte{"in/1": append(bytes.Clone(raw[:32*4096]), raw[:32*4096]...)}, func(j *events.Job) {
			j.Kind, j.Tree, j.Input = events.MerkleRoot, hashed, s3(events.FormRecords, 32)
		}, "input.s3", 4096, "CVE-2012-2459"},
		"an object that is not there": {nil, func(j *events.Job) {
			j.Kind, j.Tree = events.MerkleRoot, hashed
			j.Input = &events.Input{S3: &events.S3Input{Bucket: "media", Keys: []string{"gone"}, Form: events.FormHexLines}}
		}, "input.s3.keys", 0, "s3://media/gone: there is no such object"},
		"a prefix of nothing": {nil, func(j *events.Job) {
			j.Kind, j.Tree, j.Input = events.MerkleRoot, hashed, s3(events.FormHexLines, 0)
		}, "input.s3.prefix", -1, "no key of the bucket media"},
		"no leaves": {map[string][]byte{"in/1": nil}, func(j *events.Job) {
			j.Kind, j.Tree, j.Input = events.MerkleRoot, hashed, s3(events.FormHexLines, 0)
		}, "input.s3", -1, "at least one leaf"},
		"a leaf beyond the end": {map[string][]byte{"in/1": raw}, func(j *events.Job) {
			j.Kind, j.Tree, j.Input, j.Prove = events.MerkleProof, hashed, s3(events.FormRecords, 32), &events.ProveOptions{Index: &zero}
		}, "prove.index", -1, "there is no leaf 5001"},
		"a target that cannot be": {nil, func(j *events.Job) {
			j.Kind, j.Work = events.ProofOfWork, &events.WorkOptions{Header: strings.Repeat("0", 160)}
		}, "work.header", -1, "the target is zero"},
		"an anchor without a key": {map[string][]byte{"in/1": raw}, func(j *events.Job) {
			j.Kind, j.Anchor, j.Input = events.Anchor, &events.AnchorOptions{RetainDays: 1}, s3(events.FormObjects, 0)
		}, "kind", -1, "by the deployed function"},
	} {
		t.Run(name, func(t *testing.T) {
			objects := newBucket()
			for key, body := range test.objects {
				objects.put(key, body)
			}
			runner := &hashjob.Runner{Objects: objects, Now: time.Now}
			_, err := runner.Run(t.Context(), job(t, "", func(j *events.Job) { test.change(j) }), hashjob.Invocation{})
			var wrong *events.FieldError
			if !errors.As(err, &wrong) {
				t.Fatalf("it is no error of the job: %v", err)
			}
			if wrong.Field != test.field || !strings.Contains(wrong.Reason, test.reason) {
				t.Errorf("%s: %q, want %s: %q", wrong.Field, wrong.Reason, test.field, test.reason)
			}
			if test.index >= 0 && (wrong.Index == nil || *wrong.Index != uint64(test.index)) {
				t.Errorf("the index is %v, want %d", wrong.Index, test.index)
			}
		})
	}
}

func TestAJobDoesNotGoOnWithOtherInputs(t *testing.T) {
	raw, _ := hashes(9000)
	for name, input := range map[string]events.S3Input{
		"a prefix": {Prefix: "in/"}, "a key": {Key: "in/1"}, "a list of keys": {Keys: []string{"in/1"}},
	} {
		objects := newBucket().put("in/1", raw)
		runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
		input.Bucket, input.Form, input.RecordBytes = "media", events.FormRecords, 32
		asked := job(t, events.MerkleRoot, func(j *events.Job) {
			j.Tree, j.Input = &events.TreeOptions{Shape: "bitcoin", Leaves: events.LeafHashes}, &events.Input{S3: &input}
		})
		step, err := runner.Run(t.Context(), asked, hashjob.Invocation{Until: runner.Now().Add(1500 * time.Millisecond)})
		if err != nil || step.Next == nil {
			t.Fatalf("%s: %+v, %v", name, step, err)
		}
		objects.put("in/1", append(raw, 0))
		_, err = runner.Run(t.Context(), asked, hashjob.Invocation{From: step.Next})
		if err == nil || !strings.Contains(err.Error(), hashjob.ErrChanged.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A chunk may end where its object does, which the invocation that stops there has not seen.
func TestAJobGoesOnAtTheEndOfAnObject(t *testing.T) {
	raw, _ := hashes(3 * 4096)
	for name, input := range map[string]events.S3Input{
		"a prefix": {Prefix: "in/"}, "a list of keys": {Keys: []string{"in/1", "in/2"}},
	} {
		objects := newBucket().put("in/1", raw[:32*8192]).put("in/2", raw[32*8192:])
		runner := &hashjob.Runner{Objects: objects, Now: newClock().now}
		input.Bucket, input.Form, input.RecordBytes = "media", events.FormRecords, 32
		asked := job(t, events.MerkleRoot, func(j *events.Job) {
			j.Tree, j.Input = &events.TreeOptions{Shape: "bitcoin", Leaves: events.LeafHashes}, &events.Input{S3: &input}
		})
		want := inOne(t, runner, asked)
		for looks := range 6 {
			if got, _ := inSteps(t, runner, asked, looks+1); cmp.Diff(want, got) != "" {
				t.Errorf("%s, %d looks: %+v, want %+v", name, looks+1, got.Root, want.Root)
			}
		}
	}
}

func TestABrokenConnectionIsNoFaultOfTheJob(t *testing.T) {
	raw, _ := hashes(9000)
	runner := &hashjob.Runner{Objects: breaking{newBucket().put("in/1", raw)}, Now: time.Now}
	for _, form := range []events.Form{events.FormRecords, events.FormObjects} {
		asked := job(t, events.Digest, func(j *events.Job) {
			j.Digest, j.Input = &events.DigestOptions{Algorithm: "sha256"}, s3(form, map[events.Form]int{events.FormRecords: 32}[form])
		})
		_, err := runner.Run(t.Context(), asked, hashjob.Invocation{})
		var wrong *events.FieldError
		if !errors.Is(err, errConnection) || errors.As(err, &wrong) {
			t.Errorf("%s: %v", form, err)
		}
	}
}

// The first header that is not right is named, whether it breaks a rule or cannot be read.
func TestTheFirstOfSeveralWrongHeadersIsNamed(t *testing.T) {
	raw := mainnet(t)
	var lines []string
	for start := 0; start < len(raw); start += 80 {
		lines = append(lines, hex.EncodeToString(raw[start:start+80]))
	}
	unread, unlike := "zz"+lines[0][2:], lines[0][:152]+"00000000"+lines[0][160:]
	verify := func(third, fifth string) (events.Result, error) {
		list := slices.Concat(lines[:2], []string{third, lines[3], fifth}, lines[5:])
		step, err := (&hashjob.Runner{Now: time.Now}).Run(t.Context(), job(t, events.VerifyHeaders, func(j *events.Job) {
			j.Headers, j.Input = &events.HeadersOptions{Chain: "bitcoin", Network: "mainnet"}, &events.Input{Hex: list}
		}), hashjob.Invocation{})
		return step.Result, err
	}
	result, err := verify(unlike, unread)
	if err != nil || result.Headers.Valid || result.Headers.Wrong.Index != 2 || result.Headers.Wrong.Rule != "proof-of-work" {
		t.Errorf("%+v, %v", result.Headers, err)
	}
	if _, err := verify(unread, unlike); err == nil || !strings.HasPrefix(err.Error(), "input.hex[2]: character 1 is 'z'") {
		t.Errorf("%v", err)
	}
}

// TestAnInputMoreCostsNoAllocation compares jobs of many inputs with those of four times as many.
func TestAnInputMoreCostsNoAllocation(t *testing.T) {
	const few = 8 * 4096
	raw, _ := hashes(4 * few)
	headers := mined(t, 4*few)
	for name, test := range map[string]struct {
		kind   events.Kind
		inputs []byte
		size   int
		change func(*events.Job)
	}{
		"digests":            {events.Digest, raw, 32, func(j *events.Job) { j.Digest = &events.DigestOptions{Algorithm: "keccak256"} }},
		"a root of hashes":   {events.MerkleRoot, raw, 32, func(j *events.Job) { j.Tree = &events.TreeOptions{Shape: "bitcoin", Leaves: "hashes"} }},
		"a root of entries":  {events.MerkleRoot, raw, 32, func(j *events.Job) { j.Tree = &events.TreeOptions{Shape: "rfc6962", Leaves: "entries"} }},
		"headers of Bitcoin": {events.VerifyHeaders, headers, 80, func(j *events.Job) { j.Headers = &events.HeadersOptions{Chain: "bitcoin", Network: "regtest"} }},
	} {
		t.Run(name, func(t *testing.T) {
			asked := job(t, test.kind, func(j *events.Job) {
				test.change(j)
				j.Input = s3(events.FormRecords, test.size)
			})
			allocated := func(count int) float64 {
				objects := newBucket().put("in/1", test.inputs[:count*test.size])
				runner := &hashjob.Runner{Objects: objects, Store: objects, Now: time.Now}
				return testing.AllocsPerRun(2, func() { inOne(t, runner, asked) })
			}
			least, most := allocated(few), allocated(4*few)
			if each := (most - least) / (3 * few); each > 0.01 {
				t.Errorf("%.0f allocations of %d inputs, %.0f of %d: %.3f each", least, few, most, 4*few, each)
			}
		})
	}
}
