package scenarios

import (
	"strings"
	"testing"

	"davit/shared/names"
	"davit/shared/rollout"
)

func TestAPushToAServiceThatIsHeldByItsTagWaitsUntilTheTagGoes(t *testing.T) {
	t.Parallel()
	s := newService(t, "held")
	s.create(breaker())
	s.adopt(s.digestOf("1.0.0"))
	before := s.look()
	const why = "load test until noon, says jihye"
	s.tag(tagged(names.TagHold, why))

	digest := s.push("1.1.0", s.program.Working)
	s.awaitLog("the push to be refused", func(line logLine) bool {
		return s.decided(line, rollout.Held)
	})
	s.sweep(rollout.Held)
	if after := s.look(); !after.same(before) {
		t.Errorf("it was held and changed: before %s, after %s", before, after)
	}
	refusals := s.entries(rollout.Refuse, rollout.Held)
	if len(refusals) != 1 {
		t.Fatalf("the refusal is told %d times, want once", len(refusals))
	}
	told := refusals[0]
	if !strings.Contains(told.Reason, why) || told.Image == nil || told.Image.Digest != digest {
		t.Errorf("the refusal of %v says %q, want of 1.1.0 and with what the tag says", told.Image, told.Reason)
	}

	s.untag(names.TagHold)
	s.sweepFleet()
	s.awaitProved(digest)
	s.awaitAnswers("1.1.0", 1)
}
