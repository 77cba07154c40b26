package hashjob

import (
	"context"
	"encoding/hex"
	"math"

	"davit/events/hashjob"
	"davit/shared/hashing/bitcoin"
)

// search looks for a nonce from where the invocation before stopped, until the time is up.
func (r *run) search() (Step, error) {
	wanted := r.job.Work
	raw, err := hex.DecodeString(wanted.Header)
	if err != nil {
		return Step{}, hashjob.Wrong("work.header", "%s", err)
	}
	header, err := bitcoin.ParseHeader(raw)
	if err != nil {
		return Step{}, hashjob.Wrong("work.header", "%s", err)
	}
	target, err := bitcoin.ParseCompact(header.Bits)
	if err != nil {
		return Step{}, hashjob.Wrong("work.header", "%s", err)
	}
	first, last := max(r.From.Nonce, uint64(wanted.First)), uint32(math.MaxUint32)
	if wanted.Last != nil {
		last = *wanted.Last
	}
	ctx := r.ctx
	if !r.Until.IsZero() {
		limited, cancel := context.WithTimeout(ctx, r.Until.Sub(r.Now()))
		defer cancel()
		ctx = limited
	}
	search := bitcoin.Search{Header: header, Target: target, First: uint32(first), Last: last} // #nosec G115 -- at most last
	outcome, err := search.Run(ctx)
	if err != nil {
		return Step{}, err
	}
	if r.ctx.Err() != nil {
		return Step{}, r.ctx.Err()
	}
	items := r.From.Items + outcome.Tried
	r.tell(items)
	if !outcome.Found && !outcome.Complete {
		// What was tried above Next is tried again.
		return Step{Next: &Checkpoint{Items: r.From.Items + outcome.Next - first, Nonce: outcome.Next}}, nil
	}
	result := &hashjob.WorkResult{Found: outcome.Found, Next: outcome.Next}
	if outcome.Found {
		serialised := outcome.Header.Serialise()
		result.Nonce, result.Hash = &outcome.Header.Nonce, outcome.Hash.String()
		result.Header = hex.EncodeToString(serialised[:])
	}
	return Step{Result: hashjob.Result{Items: items, Work: result}}, nil
}
