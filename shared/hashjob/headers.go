package hashjob

import (
	"errors"
	"fmt"

	"davit/events/hashjob"
	"davit/shared/hashing/bitcoin"
)

// overlap is how many headers a later invocation reads again: the target changes every so many, and what follows from a
// period's first and last header needs them both.
const overlap = 2016

// ChainState is how far a list of Bitcoin's headers was verified. A later invocation takes the headers from Begin on again
// on trust, since they were verified, and knows by Tip that they are the same.
type ChainState struct {
	// Begin is the first header that is read again, Height the first that is verified anew.
	Begin  chainMark `json:"begin"`
	Height chainMark `json:"height"`
	// Tip is the hash of the header before Height, and Summary what holds up to it.
	Tip     string          `json:"tip"`
	Summary bitcoin.Summary `json:"summary"`
}

// chainMark is the place of a header whose height is a multiple of the period.
type chainMark struct {
	Height uint64 `json:"height"`
	// Item is its place in the input, and Chunk the place of the chunk that holds it.
	Item  uint64   `json:"item"`
	Chunk Position `json:"chunk"`
}

func (r *run) verifyHeaders() (Step, error) {
	make, known := chains[r.job.Headers.Chain]
	if !known {
		return Step{}, hashjob.Wrong("headers.chain", "%.40q is not known", r.job.Headers.Chain)
	}
	if state := r.From.Chain; state != nil {
		r.From.At, r.From.Items = state.Begin.Chunk, state.Begin.Chunk.Item
	}
	return r.readAll(make(r))
}

// bitcoinHeaders is the handler of verify-headers for Bitcoin.
type bitcoinHeaders struct {
	*run
	network bitcoin.Network
	chain   *bitcoin.Chain
	// marks are the last two places at which a later invocation can begin; state is the later one's.
	marks []chainMark
	state *ChainState
	// again is what the headers that were read again came to, known after them.
	again bitcoin.Summary
	wrong *hashjob.WrongHeader
}

func newBitcoinHeaders(r *run) (handler, error) {
	network, err := bitcoin.ParseNetwork(r.job.Headers.Network)
	if err != nil {
		return nil, hashjob.Wrong("headers.network", "%s", err)
	}
	made := &bitcoinHeaders{run: r, network: network, state: r.From.Chain}
	height := r.job.Headers.Height
	if made.state != nil {
		height = made.state.Begin.Height
		made.marks = []chainMark{made.state.Begin, made.state.Height}
	}
	made.chain = bitcoin.NewChain(network, height, r.Now())
	return made, nil
}

// work checks what each header shows alone, up to the first wrong one.
func (h *bitcoinHeaders) work(from *source, b *block) error {
	w := &b.work
	unread := appendHeaders(w, from, b)
	// A header that is wrong comes before one that cannot be read.
	if w.headers, w.wrong = h.network.CheckAll(w.headers[:0], w.bytes); w.wrong != nil {
		return nil
	}
	return unread
}

// appendHeaders reads the headers of the block, one after another, up to the first that cannot be read.
func appendHeaders(w *work, from *source, b *block) error {
	w.bytes = w.bytes[:0]
	for index := range b.Len() {
		before := len(w.bytes)
		var err error
		w.bytes, err = from.appendItem(w.bytes, b, index)
		if length := len(w.bytes) - before; err == nil && length != bitcoin.HeaderSize {
			err = from.wrong(b, index, fmt.Errorf("a header has %d bytes, not %d", bitcoin.HeaderSize, length))
		}
		if err != nil {
			w.bytes = w.bytes[:before]
			return err
		}
	}
	return nil
}

func (h *bitcoinHeaders) take(from *source, b *block) error {
	for index, header := range b.work.headers {
		item := b.First + uint64(index) // #nosec G115 -- an index
		if len(h.marks) > 0 && item < h.marks[0].Item && h.chain.Summary().Headers == 0 {
			continue // before what is read again
		}
		if err := h.mark(item, b.start); err != nil {
			return err
		}
		if err := h.chain.Add(header); err != nil {
			return h.found(from, b, index, err)
		}
	}
	if b.work.wrong != nil {
		return h.found(from, b, len(b.work.headers), b.work.wrong)
	}
	return nil
}

// mark remembers the places at which a later invocation can begin.
func (h *bitcoinHeaders) mark(item uint64, chunk Position) error {
	height := h.chain.Height()
	if h.state != nil && height == h.state.Height.Height && h.again.Headers == 0 {
		h.again = h.chain.Summary()
		if h.again.Tip != h.state.Tip {
			return hashjob.Wrong("input.s3", "%s", ErrChanged)
		}
	}
	if height%overlap != 0 || len(h.marks) > 0 && height <= h.marks[len(h.marks)-1].Height {
		return nil
	}
	if len(h.marks) == 2 {
		h.marks = h.marks[1:]
	}
	h.marks = append(h.marks, chainMark{Height: height, Item: item, Chunk: chunk})
	if len(h.marks) == 2 {
		summary := h.summary()
		h.state, h.again = &ChainState{Begin: h.marks[0], Height: h.marks[1], Tip: summary.Tip, Summary: summary}, h.chain.Summary()
	}
	return nil
}

// summary is what was verified by this and all invocations before.
func (h *bitcoinHeaders) summary() bitcoin.Summary {
	now := h.chain.Summary()
	if h.state == nil {
		return now
	}
	total := h.state.Summary
	if h.again.Headers == 0 {
		return total
	}
	total.Headers += now.Headers - h.again.Headers
	total.Retargets += now.Retargets - h.again.Retargets
	total.RetargetsBounded += now.RetargetsBounded - h.again.RetargetsBounded
	total.MedianTimes += now.MedianTimes - h.again.MedianTimes
	total.Tip = now.Tip
	return total
}

// found is the first header that does not hold.
func (h *bitcoinHeaders) found(from *source, b *block, index int, err error) error {
	var broken *bitcoin.HeaderError
	if !errors.As(err, &broken) {
		return from.wrong(b, index, err)
	}
	h.wrong = &hashjob.WrongHeader{Index: b.First + uint64(index), Height: h.chain.Height(), // #nosec G115 -- an index
		Rule: string(broken.Rule), Reason: broken.Reason}
	return errAnswered
}

func (h *bitcoinHeaders) pause(into *Checkpoint) error {
	into.Chain = h.state
	if h.state == nil {
		into.At, into.Items = Position{}, 0 // too short to keep
		return nil
	}
	into.Items = h.state.Height.Item
	return nil
}

func (h *bitcoinHeaders) finish(into *Step) error {
	summary := h.summary()
	if summary.Headers == 0 && h.wrong == nil {
		return hashjob.Wrong(field(h.job.Input), "there are no headers")
	}
	into.Result.Items = summary.Headers
	into.Result.Headers = &hashjob.HeadersResult{Valid: h.wrong == nil, Chain: hashjob.ChainBitcoin, Network: h.network.String(),
		Headers: summary.Headers, FirstHeight: h.job.Headers.Height, Tip: summary.Tip, Retargets: summary.Retargets,
		RetargetsBounded: summary.RetargetsBounded, MedianTimes: summary.MedianTimes, Wrong: h.wrong}
	return nil
}
