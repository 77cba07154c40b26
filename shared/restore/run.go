package restore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say how steps are carried out.
type Options struct {
	// Tier and Days are how fast archives are opened, and for how many days they stay open.
	Tier Tier
	Days int
	// Concurrency is how many objects are worked on at once, at least 1.
	Concurrency int
	// Wait follows archives until they are open, looking every Poll. Otherwise they are left marked for Complete.
	Wait bool
	Poll time.Duration
}

// Outcome is what became of one step.
type Outcome struct {
	Step
	// Result is "done", "already", "opening", "open" or "failed".
	Result Result `json:"result"`
	// Error says why it failed.
	Error string `json:"error,omitempty"`
}

// Result is what became of a step.
type Result string

// The results.
const (
	Done    Result = "done"
	Already Result = "already"
	// Opening: the archive is being opened. What then remains is done by Complete, or by another run.
	Opening Result = "opening"
	Open    Result = "open"
	Failed  Result = "failed"
)

// Plan decides on every object whose key begins with the prefix, or with exact on the one whose key it is. It calls see for
// each, in the order of the keys.
func (b *Bucket) Plan(ctx context.Context, prefix string, exact bool, wish Wish, see func(Step)) error {
	for versions, err := range b.Objects(ctx, prefix) {
		if err != nil {
			return err
		}
		if exact && versions[0].Key != prefix {
			continue
		}
		for i := range versions {
			if err := b.look(ctx, &versions[i]); err != nil {
				return err
			}
		}
		see(Decide(versions, wish))
		if exact {
			return nil
		}
	}
	return nil
}

// Run carries the steps out, many at once, and calls see with each outcome and with each change of one that is waited
// for, one call at a time. It goes on where a step fails, and answers how many did; it stops when the context ends.
func (b *Bucket) Run(ctx context.Context, steps []Step, options Options, see func(Outcome)) (failed int, err error) {
	var mutex sync.Mutex
	var waiting []Step
	tell := func(step Step, result Result, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		outcome := Outcome{Step: step, Result: result}
		if err != nil {
			outcome.Result, outcome.Error = Failed, err.Error()
			failed++
		}
		if result == Opening && err == nil {
			waiting = append(waiting, step)
		}
		see(outcome)
	}
	work := func(steps []Step, do func(context.Context, Step) (Result, error)) error {
		group := errgroup.Group{}
		group.SetLimit(max(1, options.Concurrency))
		for _, step := range steps {
			if ctx.Err() != nil {
				break
			}
			group.Go(func() error {
				result, err := do(ctx, step)
				if ctx.Err() == nil {
					tell(step, result, err)
				}
				return nil
			})
		}
		return errors.Join(group.Wait(), ctx.Err())
	}
	if err := work(steps, func(ctx context.Context, step Step) (Result, error) { return b.begin(ctx, step, options) }); err != nil {
		return failed, err
	}
	for options.Wait && len(waiting) > 0 {
		if err := pause(ctx, options.Poll); err != nil {
			return failed, err
		}
		again := waiting
		waiting = nil
		if err := work(again, b.follow); err != nil {
			return failed, err
		}
	}
	return failed, nil
}

// begin does what can be done at once.
func (b *Bucket) begin(ctx context.Context, step Step, options Options) (Result, error) {
	switch step.Kind {
	case Uncover:
		return Done, b.uncover(ctx, step.Wanted.Key, step.Markers)
	case Copy:
		return b.copyOnce(ctx, step.Wanted)
	case Thaw, ThawAndCopy:
		return b.open(ctx, step, options)
	}
	return Already, nil
}

func (b *Bucket) copyOnce(ctx context.Context, wanted Version) (Result, error) {
	done, err := b.copied(ctx, wanted)
	if done || err != nil {
		return Already, err
	}
	return Done, b.copy(ctx, wanted)
}

// open asks for an archive, unless it is open already. The mark comes before the request, so that whoever hears that the
// archive is open knows what is to be done.
func (b *Bucket) open(ctx context.Context, step Step, options Options) (Result, error) {
	if step.Kind == ThawAndCopy {
		if done, err := b.copied(ctx, step.Wanted); done || err != nil {
			return Already, err
		}
	}
	found, err := b.state(ctx, step.Wanted)
	switch {
	case err != nil:
		return Failed, err
	case found == open:
		return b.opened(ctx, step)
	case step.Kind == ThawAndCopy:
		if err := b.mark(ctx, step.Wanted, TagPending, pendingCopy); err != nil {
			return Failed, err
		}
	}
	if found == opening {
		return Opening, nil
	}
	return Opening, b.thaw(ctx, step.Wanted, options.Tier, options.Days)
}

// follow looks whether an archive is open by now.
func (b *Bucket) follow(ctx context.Context, step Step) (Result, error) {
	found, err := b.state(ctx, step.Wanted)
	switch {
	case err != nil:
		return Failed, err
	case found == open:
		return b.opened(ctx, step)
	case found == closed:
		return Failed, fmt.Errorf("the archive of %s is closed again: run the command once more", b.name(step.Wanted))
	}
	return Opening, nil
}

// opened does what remains once the archive is open.
func (b *Bucket) opened(ctx context.Context, step Step) (Result, error) {
	if step.Kind == Thaw {
		return Open, nil
	}
	result, err := b.copyOnce(ctx, step.Wanted)
	if err != nil {
		return Failed, err
	}
	return result, b.mark(ctx, step.Wanted, TagPending, "")
}

// Complete does what a marked version waited for, now that its archive is open, and answers what that was in words. It may
// be called again and again. An empty ID stands for the current version.
func (b *Bucket) Complete(ctx context.Context, key, id string) (string, error) {
	version := Version{Key: key, ID: id}
	tags, err := b.tags(ctx, key, version.id())
	if err != nil {
		return "", err
	}
	if tags[TagPending] != pendingCopy {
		return "nothing waits for it", nil
	}
	head, err := b.head(ctx, version)
	if err != nil {
		return "", err
	}
	version.StorageClass, version.InArchive = string(head.StorageClass), head.ArchiveStatus != ""
	if head.ContentLength != nil {
		version.Size = *head.ContentLength
	}
	if version.ID == "" && head.VersionId != nil {
		version.ID = *head.VersionId
	}
	found, err := b.state(ctx, version)
	if err != nil {
		return "", err
	}
	if found != open {
		return "", fmt.Errorf("complete %s: its archive is not open", b.name(version))
	}
	result, err := b.opened(ctx, Step{Kind: ThawAndCopy, Wanted: version})
	return "the copy is " + string(result), err
}

// pause waits, or until the context ends.
func pause(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
