package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"davit/shared/workload"
)

func digests[T any](list []T, digest func(T) string) string {
	var words []string
	for _, element := range list {
		words = append(words, digest(element))
	}
	return strings.Join(words, " ")
}

func good(r Record) string { return digests(r.Good, func(i Image) string { return i.Digest }) }

func setAside(r Record) string {
	return digests(r.AllSetAside(), func(s SetAside) string { return s.Digest })
}

func TestAddGoodKeepsTheNewestFirstAndEachOnce(t *testing.T) {
	var record Record
	for _, digest := range []string{"a", "b", "c", "b"} {
		record.AddGood(Image{Digest: digest})
	}
	if got := good(record); got != "b c a" {
		t.Errorf("the good images are %s", got)
	}
	record.AddGood(Image{Digest: "a", Tag: "later"})
	if record.Good[0].Tag != "later" || len(record.Good) != 3 {
		t.Errorf("the good images are %v", record.Good)
	}
}

func TestAddSetAsideKeepsTheNewestReason(t *testing.T) {
	var record Record
	record.AddSetAside(SetAside{Image: Image{Digest: "a"}, Reason: "first"})
	record.AddSetAside(SetAside{Image: Image{Digest: "b"}})
	record.AddSetAside(SetAside{Image: Image{Digest: "a"}, Reason: "second"})
	if image, found := record.IsSetAside(Image{Digest: "a"}); !found || image.Reason != "second" || setAside(record) != "a b" {
		t.Errorf("set aside are %s, a because %q", setAside(record), image.Reason)
	}
	if _, found := record.IsSetAside(Image{Digest: "c"}); found {
		t.Error("c is set aside")
	}
}

func TestRecordsRememberOnlySoMany(t *testing.T) {
	var record Record
	for i := range MaximumSetAside + 10 {
		record.AddGood(Image{Digest: fmt.Sprint(i)})
		record.AddSetAside(SetAside{Image: Image{Digest: fmt.Sprint(i)}})
	}
	last := fmt.Sprint(MaximumSetAside + 9)
	if len(record.Good) != MaximumGood || record.Good[0].Digest != last {
		t.Errorf("%d good images, %s first", len(record.Good), record.Good[0].Digest)
	}
	if len(record.SetAside) != MaximumSetAside || record.SetAside[0].Digest != last {
		t.Errorf("%d images set aside, %s first", len(record.SetAside), record.SetAside[0].Digest)
	}
}

func TestForgive(t *testing.T) {
	for name, test := range map[string]struct {
		digest string
		left   string
	}{
		"one image that failed":          {"b", "c a e f"},
		"one image that was passed over": {"e", "c b a f"},
		"every image":                    {"", ""},
		"an image that is not there":     {"d", "c b a e f"},
	} {
		t.Run(name, func(t *testing.T) {
			var record Record
			for _, digest := range []string{"a", "b", "c"} {
				record.AddSetAside(SetAside{Image: Image{Digest: digest}})
			}
			record.PassOver(Request{Image: Image{Digest: "g"}}, []Image{{Digest: "e"}, {Digest: "b"}, {Digest: "f"}})
			if record.Forgive(test.digest); setAside(record) != test.left {
				t.Errorf("%q is left, want %q", setAside(record), test.left)
			}
		})
	}
}

func TestWhatARequestPassesOverIsNotTriedAgainHoweverMuchItIs(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var record Record
	record.AddSetAside(SetAside{Image: Image{Digest: "crashed"}, Reason: "exit code 1"})
	var images []Image
	for i := range 3 * MaximumPassedOver {
		images = append(images, Image{Digest: fmt.Sprint(i), PushedAt: at.Add(-time.Hour)})
	}
	images = append(images, Image{Digest: "crashed", PushedAt: at.Add(-time.Hour)})
	record.PassOver(Request{Image: Image{Digest: "asked", Tag: "1.2.0"}, Who: "oncall", Why: "errors", At: at.Add(-24 * time.Hour), Newest: at}, images)
	for _, image := range images {
		aside, found := record.IsSetAside(image)
		want := "oncall went to 1.2.0 instead: errors"
		if image.Digest == "crashed" {
			want = "exit code 1"
		}
		if !found || aside.Reason != want {
			t.Fatalf("%s: got %t %q, want it set aside: %s", image.Digest, found, aside.Reason, want)
		}
	}
	for _, image := range []Image{{Digest: "asked", PushedAt: at.Add(-time.Hour)}, {Digest: "newer", PushedAt: at.Add(time.Second)}, {Digest: "unknown"}} {
		if _, found := record.IsSetAside(image); found {
			t.Errorf("%s is set aside", image.Digest)
		}
	}
	if len(record.PassedOver.Images) != MaximumPassedOver {
		t.Errorf("%d images are named, want %d", len(record.PassedOver.Images), MaximumPassedOver)
	}
	unnamed := images[2*MaximumPassedOver]
	for _, digest := range []string{images[0].Digest, unnamed.Digest} {
		record.Forgive(digest)
	}
	for _, image := range []Image{images[0], unnamed} {
		if aside, found := record.IsSetAside(image); found {
			t.Errorf("%s is forgiven and set aside: %s", image.Digest, aside.Reason)
		}
	}
	if _, found := record.IsSetAside(images[2*MaximumPassedOver+1]); !found {
		t.Error("the rest is forgiven with one of it")
	}
	record.PassOver(Request{Image: Image{Digest: "newer"}, At: at.Add(time.Hour)}, nil)
	if _, found := record.IsSetAside(images[1]); !found {
		t.Error("what a request passed over may be tried again since another asked for something newer")
	}
	for _, image := range []Image{images[0], {Digest: "asked", PushedAt: at.Add(-time.Hour)}, {Digest: "later", PushedAt: at.Add(time.Second)}} {
		if aside, found := record.IsSetAside(image); found {
			t.Errorf("%s is set aside by a request that did not leave it behind: %s", image.Digest, aside.Reason)
		}
	}
	record = Record{}
	if record.PassOver(Request{Image: Image{Digest: "0"}, At: at}, images[:1]); record.PassedOver != nil {
		t.Errorf("a request that leaves nothing behind left %+v", record.PassedOver)
	}
}

func TestChangingARecordLeavesItsCopiesAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Slices with room behind them are where an append would write into a copy.
		record := Record{Good: make([]Image, 0, 8), SetAside: make([]SetAside, 0, 8)}
		for range rapid.IntRange(0, 30).Draw(t, "changes") {
			copied, goodBefore, asideBefore := record, good(record), setAside(record)
			digest := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "digest")
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				record.AddGood(Image{Digest: digest})
			case 1:
				record.AddSetAside(SetAside{Image: Image{Digest: digest}})
			case 2:
				record.Forgive(digest)
			case 3:
				record.PassOver(Request{Image: Image{Digest: "e"}}, []Image{{Digest: digest}, {Digest: "f"}})
			}
			if good(copied) != goodBefore || setAside(copied) != asideBefore {
				t.Fatalf("the copy was %q %q and is %q %q", goodBefore, asideBefore, good(copied), setAside(copied))
			}
		}
	})
}

func TestCloneSharesNothing(t *testing.T) {
	original := func() Record {
		return Record{
			Repositories: []workload.Repository{{Name: "web"}},
			Good:         []Image{{Digest: "a"}},
			SetAside:     []SetAside{{Reason: "a"}},
			PassedOver:   &PassedOver{Images: []Image{{Digest: "a"}}},
			Rollout:      &Rollout{Containers: []string{"a"}},
			Hold:         &Hold{Who: "a"}, Request: &Request{Who: "a"}, Refusal: &Refusal{Text: "a"},
		}
	}
	text := func(record Record) string {
		encoded, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	}
	record := original()
	clone := record.Clone()
	if text(clone) != text(record) {
		t.Errorf("the clone is %s", text(clone))
	}
	clone.Repositories[0].Name, clone.Good[0].Digest, clone.SetAside[0].Reason = "b", "b", "b"
	clone.Rollout.Containers[0], clone.Rollout.ID = "b", "b"
	clone.PassedOver.RestBefore, clone.PassedOver.Images[0].Digest = time.Unix(1, 0), "b"
	clone.Hold.Who, clone.Request.Who, clone.Refusal.Text = "b", "b", "b"
	if text(record) != text(original()) {
		t.Errorf("changing the clone changed the record: %s", text(record))
	}
}

func TestKeysSortByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment := func(name string) Entry {
			zone := time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, name+" zone")*3600)
			milliseconds := rapid.Int64Range(0, 4_000_000_000_000).Draw(t, name)
			return Entry{ID: name, At: time.UnixMilli(milliseconds).In(zone)}
		}
		a, b := moment("a"), moment("b")
		if order := a.At.Compare(b.At); order != 0 && strings.Compare(a.Key(), b.Key()) != order {
			t.Fatalf("%s and %s have the keys %s and %s", a.At, b.At, a.Key(), b.Key())
		}
	})
}

func TestAFullRecordIsFarBelowTheLimit(t *testing.T) {
	record := Record{Workload: references(t, 1)[0]}
	for i := range MaximumSetAside {
		image := Image{Digest: fmt.Sprintf("sha256:%064x", i), Tag: strings.Repeat("t", 128), At: time.Now()}
		image.PushedAt = image.At
		record.AddGood(image)
		record.AddSetAside(SetAside{Image: image, Reason: strings.Repeat("ø\n", 5000)})
	}
	if err := Validate(record); err != nil {
		t.Error(err)
	}
	if reason := record.SetAside[0].Reason; len(reason) > MaximumReason || !utf8.ValidString(reason) {
		t.Errorf("the reason has %d bytes: %q", len(reason), reason)
	}
}
