package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"davit/cmd/davit/command/show"
	"davit/shared/backoff"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/workload"
)

const (
	// followed is how many of the newest entries are looked through at each look.
	followed = 50
	// lookEvery is how often the history is read while waiting.
	lookEvery = time.Second
	// explainEvery is after how many looks without news it is asked what the request waits for.
	explainEvery = 5
)

// follower waits for what comes of a request by reading the history, and says what it finds.
type follower struct {
	*session
	workload workload.Reference
	image    ledger.Image
	// own is the key of the request's own entry, and told those of the entries that are known already.
	own  string
	told map[string]bool
	// rollout is the ID of the rollout that the request led to; empty before there is one.
	rollout string
	// entries are what the history says since the request, oldest first; reason is the last one's.
	entries []ledger.Entry
	reason  string
	// waitsFor is what was said last of why nothing begins.
	waitsFor string
}

// follow returns when the image runs, or with an error when it will not, or not in time.
func (f *follower) follow(ctx context.Context, timeout time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	f.entries = []ledger.Entry{}
	for looks := 1; ; looks++ {
		ended, err := f.look(bounded)
		if ended {
			return err
		}
		if err == nil && looks%explainEvery == 0 {
			f.explain(bounded)
		}
		if err == nil {
			err = backoff.Wait(bounded, lookEvery)
		}
		if err != nil {
			return f.unfinished(ctx, bounded, timeout, err)
		}
	}
}

// unfinished is the error of a wait that ended before the outcome.
func (f *follower) unfinished(ctx, bounded context.Context, timeout time.Duration, err error) error {
	next := fmt.Sprintf("it goes on: davit history %s shows what comes of it", f.workload)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: no longer waiting; %s", f.workload, next)
	case bounded.Err() != nil:
		return fmt.Errorf("%s: no outcome within %s; %s", f.workload, timeout, next)
	}
	return fmt.Errorf("%s: the history could not be read; %s: %w", f.workload, next, err)
}

// look reads what is new. It has ended when the request came to an end, with an error unless the image runs.
func (f *follower) look(ctx context.Context) (ended bool, err error) {
	newestFirst, err := f.Ledger.History(ctx, f.workload, followed, "")
	if err != nil {
		return false, err
	}
	for _, entry := range show.OldestFirst(newestFirst) {
		if f.told[entry.Key()] {
			continue
		}
		f.told[entry.Key()] = true
		if entry.Key() == f.own {
			continue
		}
		f.entries, f.reason = append(f.entries, entry), entry.Reason
		f.say("%s  %s", show.Time(entry.At), show.Entry(entry))
		for _, line := range entry.Evidence {
			f.say("    %s", line)
		}
		if ended, err := f.judge(entry); ended {
			return true, err
		}
	}
	return false, nil
}

// judge says whether an entry is the end of the request.
func (f *follower) judge(entry ledger.Entry) (ended bool, err error) {
	action := rollout.Action(entry.Action)
	words, ends := show.Ending(entry.Action)
	switch {
	case action == rollout.Settle && rollout.Code(entry.Code) == rollout.Superseded && f.about(entry):
		return true, fmt.Errorf("%s: the request for %s was superseded: %s", f.workload, show.Image(f.image.Tag, f.image.Digest), entry.Reason)
	case action == rollout.Roll && f.about(entry):
		f.rollout = entry.Rollout
		return false, nil
	case action == rollout.Settle && f.about(entry), action == rollout.Succeed && f.rollout != "" && entry.Rollout == f.rollout:
		return true, nil
	case ends && f.rollout != "" && entry.Rollout == f.rollout:
		return true, fmt.Errorf("%s: the rollout of %s %s: %s", f.workload, show.Image(f.image.Tag, f.image.Digest), words,
			entry.Reason)
	case action == rollout.Refuse && (entry.Image == nil || f.about(entry)):
		return true, f.refused(entry)
	case slices.Contains([]string{"rollback", "rollout"}, entry.Action):
		return true, fmt.Errorf("%s: another request took the place of this one: %s: %s", f.workload, entry.Cause, entry.Reason)
	}
	return false, nil
}

func (f *follower) about(entry ledger.Entry) bool {
	return entry.Image != nil && entry.Image.Digest == f.image.Digest
}

// refused says what to do about a refusal.
func (f *follower) refused(entry ledger.Entry) error {
	code := rollout.Code(entry.Code)
	refusal := fmt.Errorf("%s: refused: %s", f.workload, entry.Reason)
	if code.EndsRequest() {
		return refusal
	}
	if code == rollout.Held || code == rollout.Frozen {
		return fmt.Errorf("%w\nThe request stands and is carried out when that ends; to pass it: "+
			"davit rollout %s --to %s --override --why …; to withdraw it, ask for the image that runs", refusal, f.workload, f.image.Digest)
	}
	return fmt.Errorf("%w\nThe request stands: davit explain %s shows what it needs; to withdraw it, ask for the image that runs", refusal, f.workload)
}

// explain says why nothing begins, once.
func (f *follower) explain(ctx context.Context) {
	if f.rollout != "" {
		return
	}
	seen, err := f.lookAt(ctx, f.workload)
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			f.say("What it waits for cannot be told: %s", err)
		}
		return
	}
	if seen.Decision.Action == rollout.Wait && seen.Decision.Reason != f.waitsFor {
		f.waitsFor = seen.Decision.Reason
		f.say("It waits: %s.", f.waitsFor)
	}
}
