package scenarios

import (
	"strings"
	"testing"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/workload"
)

func TestAServiceWithoutACircuitBreakerIsPutBackByDavit(t *testing.T) {
	t.Parallel()
	s := newService(t, "unguarded")
	s.create(nil)
	good := s.digestOf("1.0.0")
	s.adopt(good)
	former := s.look()
	told, published := s.subscribe(), s.listen()

	bad := s.push("1.1.0", s.program.Broken)
	s.awaitRecord("the broken image to be set aside", func(record ledger.Record) bool {
		_, aside := record.IsSetAside(ledger.Image{Digest: bad})
		return aside && record.Rollout == nil
	})
	after := s.awaitService("the revision that ran before to be back", func(seen sight) bool {
		return seen.settled() && seen.revision() == former.revision()
	})
	s.awaitAnswers("1.0.0", 1)
	s.checkPutBack(bad)
	s.checkEvent(published, bad, good)
	s.checkNotification(told, bad)

	revisions := s.revisions()
	s.sweep(rollout.BadDigest)
	if swept := s.look(); !swept.same(after) || s.revisions() != revisions {
		t.Errorf("the sweep tried it again: %s", swept)
	}
}

// checkPutBack wants the history to say that davit put the service back, and how its tasks ended.
func (s *service) checkPutBack(digest string) {
	s.t.Helper()
	if put := s.entries(rollout.PutBack, rollout.TasksFailing); len(put) != 1 {
		s.t.Errorf("the history has %d lines about putting it back for failing tasks, want 1", len(put))
	}
	failed := s.entries(rollout.Fail, rollout.RolledBack)
	if len(failed) != 1 {
		s.t.Fatalf("the history has %d failures, want 1", len(failed))
	}
	if failed[0].Image == nil || failed[0].Image.Digest != digest {
		s.t.Errorf("the failure is about %v, want %s", failed[0].Image, digest)
	}
	if !strings.Contains(strings.Join(failed[0].Evidence, "\n"), "container app exit code 1") {
		s.t.Errorf("the evidence is %q, want the exit code of the container", failed[0].Evidence)
	}
}

// checkEvent wants the bus to have carried the failure, and all that a listener needs of it.
func (s *service) checkEvent(from mailbox, bad, good string) {
	s.t.Helper()
	event := awaitMessage(s, from, "the event that the rollout failed", func(body []byte) (rolloutEvent, bool) {
		event, ok := readEvent(body)
		return event, ok && event.DetailType == davit.DetailTypeRolloutFailed && event.Detail.Workload == s.workload.String()
	})
	detail := event.Detail
	if detail.Image == nil || detail.Image.Digest != bad || detail.Image.Tag != "1.1.0" ||
		detail.Image.Repository != s.repository().String() {
		s.t.Errorf("the event is about %+v, want 1.1.0", detail.Image)
	}
	if detail.Previous == nil || detail.Previous.Digest != good {
		s.t.Errorf("the event says that %+v ran before, want 1.0.0", detail.Previous)
	}
	if !strings.Contains(strings.Join(detail.Evidence, "\n"), "exit code 1") {
		s.t.Errorf("the event's evidence is %q, want the exit code", detail.Evidence)
	}
}

// checkNotification wants humans to have been told, with what to do next.
func (s *service) checkNotification(from mailbox, bad string) {
	s.t.Helper()
	text := awaitMessage(s, from, "the notification that the rollout failed", func(body []byte) (string, bool) {
		text := readNotification(body)
		return text, strings.HasPrefix(text, davit.DetailTypeRolloutFailed+": "+s.workload.String()+",")
	})
	for _, want := range []string{"1.1.0", workload.ShortDigest(bad), "davit forgive " + s.workload.String()} {
		if !strings.Contains(text, want) {
			s.t.Errorf("the notification lacks %q: %s", want, text)
		}
	}
}
