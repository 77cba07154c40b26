package hashjobs

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"davit/events/davit"
	"davit/events/hashjob"
	"davit/shared/hashing/merkle"
	jobs "davit/shared/hashjob"
	"davit/shared/names"
	"davit/shared/workqueue"
)

// block100000 are the transaction IDs of that block of Bitcoin, in internal byte order, and its root.
var block100000 = []string{
	"876dd0a3ef4a2816ffd1c12ab649825a958b0ff3bb3d6f3e1250f13ddbf0148c",
	"c40297f730dd7b5a99567eb8d27b78758f607507c52292d02d4031895b52f2ff",
	"c46e239ab7d28e2c019b6d66ad8fae98a56ef1f21aeecb94d1b1718186f05963",
	"1d0cb83721529a062d9675b98d6e5c587e4a770fc84ed00abc5a5de04568a6e9",
}

const root100000 = "6657a9252aacd5c0b2940996ecff952228c3067cc38d4885efb5a4ac4247e9f3"

func blockJob(id string) hashjob.Job {
	return hashjob.Job{ID: id, Kind: hashjob.MerkleRoot, Tree: &hashjob.TreeOptions{Shape: "bitcoin", Leaves: hashjob.LeafHashes},
		Input: &hashjob.Input{Hex: block100000}}
}

func TestAJobComesInByFourWays(t *testing.T) {
	s := newScene(t)
	for way, send := range map[string]func(document []byte){
		"queue": s.send,
		"event": func(document []byte) {
			answer, err := s.events.PutEvents(s.ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
				EventBusName: aws.String(names.Bus), Source: aws.String("payments"), DetailType: aws.String(davit.DetailTypeHashJobRequested),
				Detail: aws.String(string(document)),
			}}})
			s.must(err)
			if answer.FailedEntryCount > 0 {
				t.Fatalf("%+v", answer.Entries)
			}
		},
		"object": func(document []byte) { s.put(s.bucket, jobs.DocumentsPrefix+"block.json", document) },
		"invocation": func(document []byte) {
			result := s.invoke(document)
			if result.Outcome != hashjob.Succeeded || result.Root == nil || result.Root.Root != root100000 {
				t.Errorf("the answer is %+v", result)
			}
		},
	} {
		t.Run(way, func(t *testing.T) {
			s := newScene(t)
			id := "by-" + way
			send(s.written(blockJob(id)))
			record, result := s.ended(id)
			want := &hashjob.RootResult{Tree: "bitcoin", Leaves: 4, Root: root100000}
			if difference := cmp.Diff(want, result.Root); difference != "" || record.Status != jobs.Succeeded {
				t.Errorf("it is %s:\n%s", record.Status, difference)
			}
			event := s.event(id)
			if event.Outcome != "succeeded" || event.Items != 4 || event.Result == nil || event.Result.Bucket != s.bucket ||
				event.Result.Key != jobs.ResultKey(id) {
				t.Errorf("the event says %+v", event)
			}
		})
	}
}

func TestTheSameJobTwiceIsDoneOnce(t *testing.T) {
	s := newScene(t)
	document := s.written(blockJob("twice"))
	s.send(document)
	first, _ := s.ended("twice")
	again := s.invoke(document)
	if again.Root == nil || again.Root.Root != root100000 {
		t.Errorf("the second time the answer is %+v", again)
	}
	s.send(document)
	// The queue hands messages out in no order, but a later job's event comes after what an earlier one would have done.
	s.send(s.written(blockJob("after-twice")))
	s.event("after-twice")
	record, _ := s.ended("twice")
	if record.Invocations != 1 || record.Version != first.Version {
		t.Errorf("it was done %d times, and its record written %d times after", record.Invocations, record.Version-first.Version)
	}
	if count := s.eventsOf("twice"); count != 1 {
		t.Errorf("there are %d events of it", count)
	}
	other := blockJob("twice")
	other.Input = &hashjob.Input{Hex: block100000[:1]}
	if refused := s.invoke(s.written(other)); refused.Outcome != hashjob.Failed || refused.Error.Field != "id" {
		t.Errorf("another document with its ID came to %+v", refused)
	}
	if _, result := s.ended("twice"); result.Root == nil || result.Root.Root != root100000 {
		t.Errorf("then its result is %+v", result)
	}
}

func TestABadJobIsToldPreciselyAndHarmsNoOther(t *testing.T) {
	s := newScene(t)
	bad := blockJob("bad-line")
	bad.Input = &hashjob.Input{Hex: append([]string{}, block100000[0], "zz")}
	s.send(s.written(bad))
	const unknown, text = `{"version":"1","id":"bad-field","kind":"digest","colour":"blue"}`, `no JSON at all`
	s.send([]byte(unknown))
	s.send([]byte(text))
	closedTo := hashjob.Job{ID: "bad-bucket", Kind: hashjob.Digest, Digest: &hashjob.DigestOptions{Algorithm: "sha256"},
		Input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: closed, Key: "secret", Form: hashjob.FormObjects}}}
	s.put(closed, "secret", []byte("not for davit"))
	s.send(s.written(closedTo))
	s.send(s.written(blockJob("beside-bad")))
	if _, result := s.ended("beside-bad"); result.Outcome != hashjob.Succeeded {
		t.Errorf("the good one beside them came to %+v", result)
	}
	for id, want := range map[string]struct {
		field, reason string
		index         int
	}{
		"bad-line":   {"input.hex", "character 1 is 'z', which is no hexadecimal digit", 1},
		"bad-field":  {"colour", "there is no such field", -1},
		"bad-bucket": {"input.s3.key", "hashJobs.inputBuckets", -1},
	} {
		record, result := s.ended(id)
		if record.Status != jobs.Failed || result.Outcome != hashjob.Failed || result.Error == nil {
			t.Errorf("%s came to %+v", id, result)
			continue
		}
		if result.Error.Field != want.field || !strings.Contains(result.Error.Reason, want.reason) {
			t.Errorf("%s: %s: %q, want %s: %q", id, result.Error.Field, result.Error.Reason, want.field, want.reason)
		}
		if want.index >= 0 && (result.Error.Index == nil || *result.Error.Index != uint64(want.index)) {
			t.Errorf("%s: the index is %v, want %d", id, result.Error.Index, want.index)
		}
		if event := s.event(id); event.Outcome != "failed" || event.Field != want.field || event.Reason == "" {
			t.Errorf("%s: the event says %+v", id, event)
		}
	}
	s.buried(map[string]string{
		string(s.written(bad)):      "job bad-line failed: input.hex[1]: character 1 is 'z'",
		unknown:                     "job bad-field failed: colour: there is no such field",
		text:                        "the message is no JSON object",
		string(s.written(closedTo)): "job bad-bucket failed: input.s3.key: s3://closed-to-davit/secret",
	})
}

// buried waits for dead letters and holds the reason of each against what it must say.
func (s *scene) buried(want map[string]string) {
	s.t.Helper()
	reasons := map[string]string{}
	s.await("the dead letters", func() (string, bool) {
		for _, message := range s.take(s.dead) {
			reasons[aws.ToString(message.Body)] = aws.ToString(message.MessageAttributes[workqueue.AttributeReason].StringValue)
		}
		for body := range want {
			if reasons[body] == "" {
				return fmt.Sprint(reasons), false
			}
		}
		return "", true
	})
	for body, reason := range want {
		if !strings.Contains(reasons[body], reason) {
			s.t.Errorf("the reason of %.60s is %q, want %q", body, reasons[body], reason)
		}
	}
}

// leaves are so many hashes that differ, one after another, and the root of them.
func leaves(t *testing.T, shape merkle.Shape, count int) (raw []byte, root string) {
	t.Helper()
	raw, list := make([]byte, 32*count), make([]merkle.Hash, count)
	for index := range list {
		binary.BigEndian.PutUint64(raw[32*index:], uint64(index)+1)
		list[index] = merkle.Hash(raw[32*index : 32*index+32])
	}
	found, err := merkle.Root(shape, list)
	if err != nil {
		t.Fatal(err)
	}
	return raw, hex.EncodeToString(found[:])
}

func TestSplitAndWholeHaveTheSameRoot(t *testing.T) {
	s := newScene(t)
	const count = 5*4096 + 321
	for _, shape := range []merkle.Shape{merkle.Bitcoin, merkle.RFC6962} {
		raw, root := leaves(t, shape, count)
		// The objects end where no piece does.
		prefix := "leaves-" + shape.String() + "/"
		for number, cut := range []int{0, 3000, 9000, count} {
			if number > 0 {
				from := []int{0, 3000, 9000, count}[number-1]
				s.put(inputs, fmt.Sprintf("%s%d", prefix, number), raw[32*from:32*cut])
			}
		}
		whole := hashjob.Job{ID: "whole-" + shape.String(), Kind: hashjob.MerkleRoot,
			Tree:  &hashjob.TreeOptions{Shape: shape.String(), Leaves: hashjob.LeafHashes},
			Input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: inputs, Prefix: prefix, Form: hashjob.FormRecords, RecordBytes: 32}}}
		split := whole
		split.ID, split.Split = "split-"+shape.String(), 4096
		s.send(s.written(split))
		want := &hashjob.RootResult{Tree: shape.String(), Leaves: count, Root: root}
		if result := s.invoke(s.written(whole)); cmp.Diff(want, result.Root) != "" {
			t.Errorf("whole it is %+v", result)
		}
		record, result := s.ended(split.ID)
		if difference := cmp.Diff(want, result.Root); difference != "" {
			t.Errorf("split it differs: %+v\n%s", result.Error, difference)
		}
		if record.Pieces != 6 || record.Execution == "" {
			t.Errorf("it was done in %d pieces by %q", record.Pieces, record.Execution)
		}
		done, err := s.objects.Count(s.ctx, jobs.PiecesPrefix(split.ID, record.Attempt))
		if s.must(err); done != 6 {
			t.Errorf("there are %d pieces", done)
		}
	}
}

func TestAnErrorInAPieceIsTheJobs(t *testing.T) {
	s := newScene(t)
	raw, _ := leaves(t, merkle.Bitcoin, 3*4096)
	copy(raw[32*9001:], raw[32*9000:32*9001])
	s.put(inputs, "repeated", raw)
	s.put(inputs, "odd", raw[:1000])
	job := hashjob.Job{ID: "split-bad", Kind: hashjob.MerkleRoot, Split: 4096, Tree: &hashjob.TreeOptions{Shape: "bitcoin", Leaves: hashjob.LeafHashes},
		Input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: inputs, Key: "repeated", Form: hashjob.FormRecords, RecordBytes: 32}}}
	s.send(s.written(job))
	if _, result := s.ended("split-bad"); result.Error == nil || result.Error.Index == nil || *result.Error.Index != 9001 {
		t.Errorf("it came to %+v", result.Error)
	}
	job.ID, job.Input.S3.Key = "split-odd", "odd"
	s.send(s.written(job))
	if _, result := s.ended("split-odd"); result.Error == nil || !strings.Contains(result.Error.Reason, "no records of 32") {
		t.Errorf("it came to %+v", result.Error)
	}
}

func TestManyDigestsAreKeptInAnObject(t *testing.T) {
	s := newScene(t)
	raw, _ := leaves(t, merkle.RFC6962, 10_000)
	s.put(inputs, "many", raw)
	result := s.invoke(s.written(hashjob.Job{ID: "many", Kind: hashjob.Digest, Digest: &hashjob.DigestOptions{Algorithm: "sha256"},
		Input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: inputs, Key: "many", Form: hashjob.FormRecords, RecordBytes: 32}}}))
	if result.Digest == nil || result.Digest.Object == nil {
		t.Fatalf("it is %+v", result)
	}
	text, err := s.objects.Get(s.ctx, result.Digest.Object.Key, 1<<20)
	if s.must(err); strings.Count(string(text), "\n") != 10_000 {
		t.Errorf("there are %d lines", strings.Count(string(text), "\n"))
	}
}

func TestAnAnchorIsSignedAndLocked(t *testing.T) {
	s := newScene(t)
	for index := range 5 {
		s.put(inputs, fmt.Sprintf("records/%d", index), []byte(fmt.Sprintf("record %d", index)))
	}
	s.send(s.written(hashjob.Job{ID: "records", Kind: hashjob.Anchor, Anchor: &hashjob.AnchorOptions{RetainDays: 1},
		Input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: inputs, Prefix: "records/", Form: hashjob.FormObjects}}}))
	_, result := s.ended("records")
	if result.Anchor == nil || result.Anchor.Leaves != 5 {
		t.Fatalf("it came to %+v, %+v", result.Anchor, result.Error)
	}
	key := jobs.ProofKey("records", 3)
	document, err := s.objects.Get(s.ctx, key, 1<<20)
	s.must(err)
	if _, err := hashjob.ParseAnchorProof(document); err != nil {
		t.Error(err)
	}
	for _, locked := range []string{key, result.Anchor.Statement.Key} {
		held, err := s.s3.GetObjectRetention(s.ctx, &s3.GetObjectRetentionInput{Bucket: &s.bucket, Key: &locked})
		s.must(err)
		until := aws.ToTime(held.Retention.RetainUntilDate)
		if held.Retention.Mode != "GOVERNANCE" || until.Before(time.Now().Add(23*time.Hour)) {
			t.Errorf("%s is locked by %s until %s", locked, held.Retention.Mode, until)
		}
		found, err := s.s3.HeadObject(s.ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &locked})
		s.must(err)
		_, err = s.s3.DeleteObject(s.ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &locked, VersionId: found.VersionId})
		if err == nil {
			t.Errorf("%s can be deleted", locked)
		}
	}
}
