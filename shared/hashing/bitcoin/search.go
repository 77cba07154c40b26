package bitcoin

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"davit/shared/hashing/lanes"
)

// searchStep is how many nonces a core tries between two looks at the deadline: a few milliseconds of work.
const searchStep = 1 << 15

// Search looks for a nonce that makes a header proof of work.
type Search struct {
	// Header is the header; its nonce does not matter.
	Header Header
	// Target is what the hash must not exceed: usually that of Header.Bits.
	Target Target
	// First and Last are the lowest and the highest nonce to try.
	First, Last uint32
	// Progress, where set, is told how many more nonces were tried, from several goroutines.
	Progress func(more uint64)
}

// Outcome is what a Search came to.
type Outcome struct {
	// Found tells whether there is a nonce. Header has it then, and Hash is the header's hash. Where Complete is true too,
	// it is the lowest one of the range.
	Found  bool
	Header Header
	Hash   Hash
	// Tried is how many nonces were tried.
	Tried uint64
	// Next is where to go on: every nonce of the range below it was tried and is none. It is 2^32 at most.
	Next uint64
	// Complete tells that the context did not end the search before its time.
	Complete bool
}

// Run searches on all cores until a nonce is found, the range ends or the context does. The end of the context is no
// error: the Outcome says where to go on. A range whose last nonce is below its first one is an error.
func (s Search) Run(ctx context.Context) (Outcome, error) {
	if s.Last < s.First {
		return Outcome{}, fmt.Errorf("the nonces from %d to %d are no range", s.First, s.Last)
	}
	total := uint64(s.Last) - uint64(s.First) + 1
	running := &search{Search: s, steps: (total + searchStep - 1) / searchStep, nonces: lanes.NewNonces(s.Header.Serialise())}
	running.best.Store(running.steps)
	workers := min(uint64(runtime.GOMAXPROCS(0)), running.steps) // #nosec G115 -- positive
	results := make([]uint64, workers)
	var group sync.WaitGroup
	for worker := range results {
		group.Go(func() { results[worker] = running.work(ctx) })
	}
	group.Wait()
	return running.outcome(results), nil
}

// search is a Search in progress. Its range is cut into steps, which are given out in order.
type search struct {
	Search
	steps  uint64
	nonces *lanes.Nonces
	// next is the next step to give out, best the lowest one with a nonce so far, tried the nonces done with.
	next, best, tried atomic.Uint64

	found sync.Mutex
	nonce uint32
}

// work takes steps until there are none of use, and answers the first step that it gave up, or the number of steps.
func (s *search) work(ctx context.Context) uint64 {
	for {
		step := s.next.Add(1) - 1
		if step >= s.best.Load() {
			return s.steps
		}
		if ctx.Err() != nil {
			return step
		}
		s.try(step)
	}
}

// try goes through one step. Where it has a nonce and no lower step has one so far, that is the best.
func (s *search) try(step uint64) {
	from := uint64(s.First) + step*searchStep
	end := min(from+searchStep, uint64(s.Last)+1)
	limit := uint32(s.Target.limbs[3] >> 32) // #nosec G115 -- the upper half
	for at := from; at < end; {
		nonce, candidate := s.nonces.Find(uint32(at), end-at, limit) // #nosec G115 -- below 2^32
		if !candidate {
			break
		}
		header := s.Header
		header.Nonce = nonce
		if s.Target.Meets(header.Hash()) {
			s.keep(step, nonce)
			end = uint64(nonce) + 1
			break
		}
		at = uint64(nonce) + 1
	}
	s.tried.Add(end - from)
	if s.Progress != nil {
		s.Progress(end - from)
	}
}

func (s *search) keep(step uint64, nonce uint32) {
	s.found.Lock()
	defer s.found.Unlock()
	if step < s.best.Load() {
		s.best.Store(step)
		s.nonce = nonce
	}
}

// outcome puts together what the workers gave up.
func (s *search) outcome(givenUp []uint64) Outcome {
	lowest := min(s.steps, slices.Min(givenUp))
	outcome := Outcome{
		Tried:    s.tried.Load(),
		Next:     min(uint64(s.First)+lowest*searchStep, uint64(s.Last)+1),
		Complete: lowest == s.steps,
	}
	if s.best.Load() == s.steps {
		return outcome
	}
	outcome.Found = true
	outcome.Header = s.Header
	outcome.Header.Nonce = s.nonce
	outcome.Hash = outcome.Header.Hash()
	outcome.Complete = lowest > s.best.Load()
	if outcome.Complete {
		outcome.Next = uint64(s.nonce) + 1
	}
	return outcome
}
