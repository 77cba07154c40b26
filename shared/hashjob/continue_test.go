package hashjob_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	events "davit/events/hashjob"
	"davit/shared/hashing/merkle"
	"davit/shared/hashjob"
)

// objectCount is more objects than are on their way through a job at once.
const objectCount = 200

func record(number int) string { return fmt.Sprintf("record %d", number) }

// TestEveryKindThatReadsGoesOnWithTheSameResult: through the whole service, a job that is longer than an invocation ends as
// one that had all the time.
func TestEveryKindThatReadsGoesOnWithTheSameResult(t *testing.T) {
	records, _ := hashes(20*4096 + 5)
	index := uint64(40_000)
	for name, test := range map[string]struct {
		kind  events.Kind
		looks int
		// inputs are put below the prefix; nil has objectCount small objects there.
		inputs []byte
		change func(*events.Job)
	}{
		"digests of many records": {events.Digest, 6, records, func(j *events.Job) {
			j.Digest, j.Input = &events.DigestOptions{Algorithm: "keccak256"}, s3(events.FormRecords, 32)
		}},
		"digests of many objects": {events.Digest, 60, nil, func(j *events.Job) {
			j.Digest, j.Input = &events.DigestOptions{Algorithm: "sha256"}, s3(events.FormObjects, 0)
		}},
		"the root of many records": {events.MerkleRoot, 6, records, func(j *events.Job) {
			j.Tree, j.Input = &events.TreeOptions{Shape: "rfc6962", Leaves: events.LeafHashes}, s3(events.FormRecords, 32)
		}},
		"the root of many objects": {events.MerkleRoot, 60, nil, func(j *events.Job) {
			j.Tree, j.Input = &events.TreeOptions{Shape: "rfc6962", Leaves: events.LeafEntries}, s3(events.FormObjects, 0)
		}},
		"a proof of one of many records": {events.MerkleProof, 6, records, func(j *events.Job) {
			j.Tree, j.Input = &events.TreeOptions{Shape: "bitcoin", Leaves: events.LeafHashes}, s3(events.FormRecords, 32)
			j.Prove = &events.ProveOptions{Index: &index}
		}},
		"headers": {events.VerifyHeaders, 12, mined(t, 40_000), func(j *events.Job) {
			j.Headers, j.Input = &events.HeadersOptions{Chain: "bitcoin", Network: "regtest"}, s3(events.FormRecords, 80)
		}},
		// Each of several invocations writes proofs and reads nothing.
		"an anchor of many objects": {events.Anchor, 10, nil, func(j *events.Job) {
			j.Anchor, j.Input = &events.AnchorOptions{RetainDays: 30}, s3(events.FormObjects, 0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o, signs := newOffice(), newSigner(t)
			o.Runner.Signer = signs
			if test.inputs != nil {
				half := len(test.inputs) / 2 / 160 * 160
				o.bucket.put("in/1", test.inputs[:half]).put("in/2", test.inputs[half:])
			} else {
				for number := range objectCount {
					o.bucket.put(fmt.Sprintf("in/%04d", number), []byte(record(number)))
				}
			}
			asked := job(t, test.kind, test.change)
			want := inOne(t, o.Runner, asked)
			if result, err := o.Do(o.limited(t, test.looks), asked); err != nil || result.Outcome != events.Continued {
				t.Fatalf("the first invocation came to %+v, %v", result, err)
			}
			if invocations := o.goOn(t, test.looks); invocations < 2 {
				t.Errorf("it took %d more invocations", invocations)
			}
			got, err := o.Do(t.Context(), asked)
			if err != nil {
				t.Fatal(err)
			}
			ofTheDay := cmpopts.IgnoreFields(events.AnchorResult{}, "Retained")
			if difference := cmp.Diff(want, got, cmpopts.IgnoreFields(events.Result{}, "Stored"), ofTheDay); difference != "" {
				t.Errorf("in steps it differs:\n%s", difference)
			}
			if test.inputs == nil {
				areOfEachObject(t, o, got)
			}
		})
	}
}

// areOfEachObject holds a result to what the objects "record 0" and so on come to.
func areOfEachObject(t *testing.T, o *office, got events.Result) {
	t.Helper()
	var digests []string
	var leaves []merkle.Hash
	for number := range objectCount {
		digest := sha256.Sum256([]byte(record(number)))
		digests = append(digests, hex.EncodeToString(digest[:]))
		leaves = append(leaves, merkle.LeafHash([]byte(record(number))))
	}
	root, err := merkle.Root(merkle.RFC6962, leaves)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case got.Digest != nil:
		if difference := cmp.Diff(digests, got.Digest.Digests); difference != "" {
			t.Errorf("the digests differ:\n%s", difference)
		}
	case got.Root != nil:
		if got.Root.Root != hex.EncodeToString(root[:]) || got.Root.Leaves != objectCount {
			t.Errorf("the root is %+v, want %x of %d leaves", got.Root, root, objectCount)
		}
	default:
		for number, digest := range digests {
			proof, err := events.ParseAnchorProof(o.bucket.objects[hashjob.ProofKey("a-job", number)])
			if err != nil || proof.SHA256 != digest {
				t.Fatalf("proof %d is of %s, %v", number, proof.SHA256, err)
			}
		}
	}
}

func TestPiecesOfObjectsHaveTheRootOfTheWhole(t *testing.T) {
	const count = 2*4096 + 40
	o := newOffice()
	var leaves []merkle.Hash
	for number := range count {
		o.bucket.put(fmt.Sprintf("in/%06d", number), []byte(record(number)))
		leaves = append(leaves, merkle.LeafHash([]byte(record(number))))
	}
	want, err := merkle.Root(merkle.RFC6962, leaves)
	if err != nil {
		t.Fatal(err)
	}
	asked := job(t, events.MerkleRoot, func(j *events.Job) {
		j.Tree, j.Input = &events.TreeOptions{Shape: "rfc6962", Leaves: events.LeafEntries}, s3(events.FormObjects, 0)
		j.Split = 4096
	})
	if result, err := o.Do(t.Context(), asked); err != nil || result.Outcome != events.Continued {
		t.Fatalf("%+v, %v", result, err)
	}
	result := o.machine(t, 3)
	if result.Root == nil || result.Root.Root != hex.EncodeToString(want[:]) || result.Items != count {
		t.Errorf("it came to %+v, %+v, want %x", result.Root, result.Error, want)
	}
}
