package hashjob_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	events "davit/events/hashjob"
	"davit/shared/hashing/merkle"
	"davit/shared/hashjob"
)

func anchored(t *testing.T, count int) (*bucket, events.Job) {
	t.Helper()
	objects := newBucket()
	for index := range count {
		objects.put(fmt.Sprintf("in/%04d", index), []byte(fmt.Sprintf("record %d", index)))
	}
	return objects, job(t, events.Anchor, func(j *events.Job) {
		j.Anchor, j.Input = &events.AnchorOptions{RetainDays: 30, Mode: "COMPLIANCE"}, s3(events.FormObjects, 0)
	})
}

func TestEveryObjectOfAnAnchorHasAProofThatHolds(t *testing.T) {
	for _, count := range []int{1, 2, 3, 7, 8, 33} {
		for name, looks := range map[string]int{"in one go": 1000, "in steps": 2} {
			t.Run(fmt.Sprintf("%d objects %s", count, name), func(t *testing.T) {
				objects, asked := anchored(t, count)
				key := newSigner(t)
				runner := &hashjob.Runner{Objects: objects, Store: objects, Signer: key, Now: newClock().now}
				result, _ := inSteps(t, runner, asked, looks)
				if result.Anchor.Leaves != uint64(count) || result.Items != uint64(count) {
					t.Fatalf("it is %+v", result.Anchor)
				}
				for index := range count {
					checkProof(t, objects, key, result, index)
				}
				if _, stored := objects.objects[result.Anchor.Statement.Key]; !stored || len(objects.locked) != count+2 {
					t.Errorf("%d objects are locked, with the statement %t", len(objects.locked), stored)
				}
			})
		}
	}
}

func checkProof(t *testing.T, objects *bucket, key *signer, result events.Result, index int) {
	t.Helper()
	name := hashjob.ProofKey("a-job", index)
	proof, err := events.ParseAnchorProof(objects.objects[name])
	if err != nil {
		t.Fatalf("proof %d: %v", index, err)
	}
	content := objects.objects[proof.Object.Key]
	digest := sha256.Sum256(content)
	if proof.SHA256 != hex.EncodeToString(digest[:]) || proof.Bytes != int64(len(content)) || string(content) != fmt.Sprintf("record %d", index) {
		t.Errorf("proof %d is of %s, %d bytes: %q", index, proof.SHA256, proof.Bytes, content)
	}
	statement, err := events.ParseStatement(proof.Signed.Statement)
	if err != nil {
		t.Fatal(err)
	}
	path := make([]merkle.Hash, len(proof.Path))
	for level, text := range proof.Path {
		if path[level], err = merkle.ParseHash(text); err != nil {
			t.Fatal(err)
		}
	}
	inclusion := merkle.Inclusion{Shape: merkle.RFC6962, Index: proof.Index, Leaves: statement.Leaves, Path: path}
	if err := inclusion.Verify(merkle.LeafHash(digest[:]), statement.Root); err != nil {
		t.Errorf("proof %d: %v", index, err)
	}
	signed := sha256.Sum256([]byte(proof.Signed.Statement))
	if !ecdsa.VerifyASN1(&key.key.PublicKey, signed[:], proof.Signed.Signature) {
		t.Errorf("the signature of proof %d is not the key's", index)
	}
	lock := objects.locked[name]
	if lock.Mode != "COMPLIANCE" || lock.Until.Sub(statement.At) != 30*24*time.Hour || result.Anchor.Retained != lock.Until.Format(time.RFC3339) {
		t.Errorf("proof %d is locked by %+v, the statement is of %s", index, lock, statement.At)
	}
}

func TestAnAnchorOfAnObjectThatIsGoneFailsAndLeavesNothingLocked(t *testing.T) {
	objects, asked := anchored(t, 3)
	asked.Input.S3.Prefix, asked.Input.S3.Keys = "", []string{"in/0000", "in/9999"}
	runner := &hashjob.Runner{Objects: objects, Store: objects, Signer: newSigner(t), Now: time.Now}
	_, err := runner.Run(t.Context(), asked, hashjob.Invocation{})
	if err == nil || !strings.Contains(err.Error(), "input.s3.keys[1]: s3://media/in/9999") || len(objects.locked) > 0 {
		t.Errorf("%v, and %d objects are locked", err, len(objects.locked))
	}
}
