// Package hashjob does hash jobs: in one go or over several invocations that hand the rest on, in a function or in a
// program, and in pieces side by side. What a job comes to does not depend on which of these it was.
package hashjob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"davit/events/hashjob"
	"davit/shared/chain/ethereum"
	"davit/shared/hashing"
	"davit/shared/hashing/bitcoin"
	"davit/shared/hashing/merkle"
	"davit/shared/hashjob/stream"
)

// objectsAtOnce is how many objects are read side by side where each is one input: most of the time goes by in waiting.
const objectsAtOnce = 16

// Runner does jobs.
type Runner struct {
	// Objects reads objects; nil where none can be read.
	Objects Objects
	// Store keeps what is too long for a result, and anchors; nil keeps everything in the result.
	Store Store
	// Signer signs anchors; nil where none can be made.
	Signer Signer
	// Wallet signs for Ethereum; nil where nothing can be signed.
	Wallet *Wallet
	Now    func() time.Time
}

// Checkpoint is how far a job came in one invocation, for the next one.
type Checkpoint struct {
	// Inputs identifies the objects that are read.
	Inputs string   `json:"inputs,omitempty"`
	At     Position `json:"at"`
	// Items is how many inputs were read, or nonces tried.
	Items uint64 `json:"items"`
	// The state of the kinds.
	Output *Output         `json:"output,omitempty"`
	Tree   []Part          `json:"tree,omitempty"`
	Chain  *ChainState     `json:"chain,omitempty"`
	Blocks *ethereum.State `json:"blocks,omitempty"`
	Anchor *AnchorState    `json:"anchor,omitempty"`
	// Nonce is the next one to try.
	Nonce uint64 `json:"nonce,omitempty"`
}

// done is how much of the job's work there is no need to do again.
func (c *Checkpoint) done() uint64 {
	if c.Anchor == nil {
		return c.Items
	}
	return c.Items + uint64(c.Anchor.Proofs) // #nosec G115 -- never negative
}

// Step is what one invocation came to: a result or, where the time was up, how to go on.
type Step struct {
	Result hashjob.Result
	Next   *Checkpoint
}

// Invocation is the bounds of one invocation.
type Invocation struct {
	// From is where an earlier one stopped; nil begins.
	From *Checkpoint
	// Until is when to stop and hand the rest on; zero for no limit.
	Until time.Time
	// Tell, where set, is told how many items were done so far, from one goroutine.
	Tell func(items uint64)
}

// errAnswered ends the reading: the rest of the input cannot change the answer.
var errAnswered = errors.New("the answer is known")

// kinds does each kind of job.
var kinds = map[hashjob.Kind]func(*run) (Step, error){
	hashjob.Digest:        func(r *run) (Step, error) { return r.readAll(newDigests(r)) },
	hashjob.MerkleRoot:    func(r *run) (Step, error) { return r.readAll(newRoot(r)) },
	hashjob.MerkleProof:   func(r *run) (Step, error) { return r.readAll(newProof(r)) },
	hashjob.MerkleVerify:  (*run).verify,
	hashjob.VerifyHeaders: (*run).verifyHeaders,
	hashjob.ProofOfWork:   (*run).search,
	hashjob.Anchor:        func(r *run) (Step, error) { return r.readAll(newAnchor(r)) },
	hashjob.Sign:          (*run).signOne,
}

// chains makes what verifies the headers of each chain.
var chains = map[string]func(*run) (handler, error){
	hashjob.ChainBitcoin:  newBitcoinHeaders,
	hashjob.ChainEthereum: newEthereumHeaders,
}

// Run does a job that was checked, or a part of it. An error that wraps a *hashjob.FieldError is the job's fault; others
// may pass.
func (r *Runner) Run(ctx context.Context, job hashjob.Job, invocation Invocation) (Step, error) {
	do, known := kinds[job.Kind]
	if !known {
		return Step{}, hashjob.Wrong("kind", "%.40q is not known", job.Kind)
	}
	if invocation.From == nil {
		invocation.From = &Checkpoint{}
	}
	step, err := do(&run{Runner: r, Invocation: invocation, ctx: ctx, job: job})
	if err != nil {
		return Step{}, err
	}
	if step.Next == nil {
		step.Result.Version, step.Result.ID, step.Result.Kind = hashjob.Version, job.ID, job.Kind
		step.Result.Outcome = hashjob.Succeeded
	}
	return step, nil
}

// run is one invocation of one job.
type run struct {
	*Runner
	Invocation
	ctx  context.Context
	job  hashjob.Job
	list []Object
}

// late tells whether the time is up.
func (r *run) late() bool { return !r.Until.IsZero() && !r.Now().Before(r.Until) }

func (r *run) tell(items uint64) {
	if r.Tell != nil {
		r.Tell(items)
	}
}

// work is what the kinds keep in a block.
type work struct {
	inputs  hashing.Batch
	bytes   []byte
	text    []byte
	leaves  []merkle.Hash
	entries *merkle.Leaves
	memory  []merkle.Hash
	piece   merkle.Piece
	isPiece bool
	headers []bitcoin.Checked
	blocks  ethereum.Blocks
	ends    []int
	wrong   error
}

// handler is what a kind makes of the input.
type handler interface {
	// work is done on several blocks at once, take on one after another in the order of the input.
	work(from *source, b *block) error
	take(from *source, b *block) error
	// pause writes into the checkpoint what was made so far.
	pause(into *Checkpoint) error
	// finish makes the result. It may hand the rest of its own work on.
	finish(into *Step) error
}

// objectHandler is a handler that takes the digest of an object for its contents.
type objectHandler interface {
	// objectDigest says which digest, and what is hashed before the contents.
	objectDigest() (kind hashing.Kind, prefix []byte)
}

// readAll has the handler go through the input from where the invocation before stopped.
func (r *run) readAll(handler handler, err error) (Step, error) {
	if err != nil {
		return Step{}, err
	}
	from, err := r.source()
	if err != nil {
		return Step{}, err
	}
	items, err := r.read(from, handler)
	var step Step
	switch {
	case errors.Is(err, errPaused):
		step.Next = &Checkpoint{Inputs: identify(from.list), At: from.at, Items: items}
		return step, handler.pause(step.Next)
	case err != nil && !errors.Is(err, errAnswered):
		return Step{}, err
	}
	step.Result.Items = items
	if err := handler.finish(&step); err != nil {
		return Step{}, err
	}
	if step.Next != nil {
		step.Next.Inputs, step.Next.At, step.Next.Items = identify(from.list), from.at, items
	}
	return step, nil
}

// source is the input from where the invocation before stopped.
func (r *run) source() (*source, error) {
	list, err := resolve(r.ctx, r.Objects, r.job.Input)
	if err == nil {
		err = r.measure(r.ctx, list) // by which a later invocation sees whether they changed
	}
	if err != nil {
		return nil, err
	}
	if before := r.From.Inputs; before != "" && before != identify(list) {
		return nil, hashjob.Wrong("input.s3", "%s", ErrChanged)
	}
	r.list = list
	return &source{ctx: r.ctx, objects: r.Objects, input: r.job.Input, list: list, at: r.From.At, stop: r.late,
		prefixed: r.job.Headers != nil && r.job.Headers.Chain == hashjob.ChainEthereum}, nil
}

// read answers how many items the job has had.
func (r *run) read(from *source, handler handler) (uint64, error) {
	defer from.close()
	prepare, workers := handler.work, runtime.GOMAXPROCS(0)
	if from.wholeObjects() {
		var err error
		if prepare, err = r.digesting(handler); err != nil {
			return 0, err
		}
		workers = objectsAtOnce
	}
	items := r.From.Items
	err := stream.InOrder(r.ctx, workers, from.read,
		func(b *block) error { return prepare(from, b) },
		func(b *block) error {
			if err := handler.take(from, b); err != nil {
				return err
			}
			items += uint64(b.Len()) // #nosec G115 -- never negative
			if b.object != nil {
				items++
			}
			r.tell(items)
			return nil
		})
	return items, err
}

// digesting is the work of a handler on whole objects: first comes their digest.
func (r *run) digesting(handler handler) (func(*source, *block) error, error) {
	by, ok := handler.(objectHandler)
	if !ok {
		return nil, hashjob.Wrong("input.s3.form", "a job of kind %s does not read whole objects", r.job.Kind)
	}
	kind, prefix := by.objectDigest()
	if _, err := hashing.New(kind); err != nil {
		return nil, err
	}
	hashers := sync.Pool{New: func() any {
		hasher, _ := hashing.New(kind) // the kind was tried
		return hasher
	}}
	return func(from *source, b *block) error {
		if b.object == nil { // the end; what the block holds is of an object before
			return handler.work(from, b)
		}
		hasher := hashers.Get().(*hashing.Hasher)
		defer hashers.Put(hasher)
		if err := r.digest(hasher, prefix, b); err != nil {
			return err
		}
		return handler.work(from, b)
	}, nil
}

func (r *run) digest(hasher *hashing.Hasher, prefix []byte, b *block) error {
	index := b.First
	body, err := r.Objects.Open(r.ctx, *b.object, 0)
	if err != nil {
		return unreadable("input.s3", &index, *b.object, err)
	}
	defer func() { _ = body.Close() }() // it was only read
	var contents io.Reader = body
	if len(prefix) > 0 {
		contents = io.MultiReader(bytes.NewReader(prefix), body)
	}
	digest, count, err := hasher.AppendReader(b.digest[:0], contents)
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", b.object.Bucket, b.object.Key, err)
	}
	b.digest, b.object.Size = digest, count-int64(len(prefix))
	return nil
}
