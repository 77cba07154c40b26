package hashjob

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"davit/events/hashjob"
	"davit/shared/hashing"
	"davit/shared/hashing/merkle"
)

const jsonType = "application/json"

// AnchorState is how far an anchor came.
type AnchorState struct {
	// Leaves are the digests of the objects so far, one after another, and Sizes their lengths in bytes.
	Leaves []byte  `json:"leaves,omitempty"`
	Sizes  []int64 `json:"sizes,omitempty"`
	// Signed is the statement, once it is signed, and Proofs how many proofs are written.
	Signed *hashjob.Signed `json:"signed,omitempty"`
	Proofs int             `json:"proofs,omitempty"`
}

// anchor is the handler of anchor. The leaf of an object is that of RFC 6962 for the entry that the SHA-256 digest of its
// contents is, so that whoever knows the digest alone can verify a proof.
type anchor struct {
	*run
	digests []merkle.Hash
	state   AnchorState
	chained *chained
}

func newAnchor(r *run) (handler, error) {
	if r.Signer == nil || r.Store == nil {
		return nil, hashjob.Wrong("kind", "anchors are made by the deployed function: its key signs them, and its bucket keeps them")
	}
	made := &anchor{run: r}
	if r.From.Anchor != nil {
		made.state = *r.From.Anchor
	}
	var err error
	if made.chained, err = newChained(r); err != nil {
		return nil, err
	}
	made.digests, err = split(made.state.Leaves)
	return made, err
}

func (a *anchor) objectDigest() (hashing.Kind, []byte) { return hashing.SHA256, nil }

func (a *anchor) work(*source, *block) error { return nil }

func (a *anchor) take(_ *source, b *block) error {
	if b.object != nil {
		a.digests = append(a.digests, merkle.Hash(b.digest))
		a.state.Sizes = append(a.state.Sizes, b.object.Size)
	}
	return nil
}

func (a *anchor) pause(into *Checkpoint) error {
	a.state.Leaves = joined(a.digests)
	into.Anchor = &a.state
	return nil
}

func (a *anchor) finish(into *Step) error {
	levels, err := levelsOf(a.digests)
	if err != nil {
		return err
	}
	root := levels[len(levels)-1][0]
	if a.state.Signed == nil {
		if err := a.sign(root); err != nil {
			return err
		}
	}
	signed := a.state.Signed
	retention, err := a.retention(signed.Statement)
	if err != nil {
		return err
	}
	done, err := a.prove(levels, retention)
	if err != nil {
		return err
	}
	if !done {
		into.Next = &Checkpoint{}
		return a.pause(into.Next)
	}
	document, err := json.MarshalIndent(signed, "", "  ")
	if err != nil {
		return err
	}
	if err := a.writeObjects(retention); err != nil {
		return err
	}
	transaction, err := a.transaction(root, retention)
	if err != nil {
		return err
	}
	// Written last: an anchor whose statement is there has all of its proofs.
	statement, err := a.Store.Put(a.ctx, AnchorPrefix(a.job.ID)+"statement.json", jsonType, document, retention)
	if err != nil {
		return err
	}
	into.Result.Anchor = &hashjob.AnchorResult{Leaves: uint64(len(a.digests)), Root: hex.EncodeToString(root[:]), Key: signed.Key,
		Statement: statement, Proofs: hashjob.Location{Bucket: statement.Bucket, Key: proofsPrefix(a.job.ID)},
		Retained: retention.Until.Format(time.RFC3339), Transaction: transaction}
	return nil
}

func (a *anchor) sign(root merkle.Hash) error {
	statement := hashjob.Statement{ID: a.job.ID, Leaves: uint64(len(a.digests)), Root: root, At: a.Now().UTC().Truncate(time.Second)}
	text := statement.String()
	signature, err := a.Signer.Sign(a.ctx, []byte(text))
	if err != nil {
		return fmt.Errorf("sign the root of anchor %s: %w", a.job.ID, err)
	}
	a.state.Signed = &hashjob.Signed{Version: hashjob.Version, Statement: text, Signature: signature.Bytes, Key: signature.Key,
		Algorithm: signature.Algorithm}
	return nil
}

// retention counts from the time in the statement, so that all that one anchor writes is locked for the same time, however
// many invocations write it.
func (a *anchor) retention(text string) (*Retention, error) {
	statement, err := hashjob.ParseStatement(text)
	if err != nil {
		return nil, err
	}
	mode := a.job.Anchor.Mode
	if mode == "" {
		mode = "GOVERNANCE"
	}
	return &Retention{Mode: mode, Until: statement.At.AddDate(0, 0, a.job.Anchor.RetainDays)}, nil
}

// prove writes a proof for each object, and tells whether there was time for all.
func (a *anchor) prove(levels [][]merkle.Hash, retention *Retention) (done bool, err error) {
	for a.state.Proofs < len(a.digests) {
		if a.late() {
			return false, nil
		}
		end := min(a.state.Proofs+objectsAtOnce, len(a.digests))
		group, ctx := errgroup.WithContext(a.ctx)
		for index := a.state.Proofs; index < end; index++ {
			group.Go(func() error {
				document, err := json.MarshalIndent(a.proofOf(levels, index), "", "  ")
				if err != nil {
					return err
				}
				_, err = a.Store.Put(ctx, ProofKey(a.job.ID, index), jsonType, document, retention)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return false, err
		}
		a.state.Proofs = end
	}
	return true, nil
}

// transaction signs and writes the transaction of Ethereum that carries the root, if the job asks for one.
func (a *anchor) transaction(root merkle.Hash, retention *Retention) (*hashjob.SignedTransaction, error) {
	if a.chained == nil {
		return nil, nil
	}
	signed, err := a.chained.sign(root)
	if err != nil {
		return nil, err
	}
	document, err := json.MarshalIndent(signed, "", "  ")
	if err != nil {
		return nil, err
	}
	_, err = a.Store.Put(a.ctx, AnchorTransactionKey(a.job.ID), jsonType, document, retention)
	return signed, err
}

// writeObjects writes the list of the objects, by which the proof of one is found.
func (a *anchor) writeObjects(retention *Retention) error {
	var list []byte
	for _, object := range a.list {
		line, err := json.Marshal(hashjob.Location{Bucket: object.Bucket, Key: object.Key})
		if err != nil {
			return err
		}
		list = append(append(list, line...), '\n')
	}
	_, err := a.Store.Put(a.ctx, AnchorObjectsKey(a.job.ID), "application/jsonl", list, retention)
	return err
}

func (a *anchor) proofOf(levels [][]merkle.Hash, index int) hashjob.AnchorProof {
	object := a.list[index]
	return hashjob.AnchorProof{Version: hashjob.Version, Object: hashjob.Location{Bucket: object.Bucket, Key: object.Key},
		Bytes: a.state.Sizes[index], SHA256: hex.EncodeToString(a.digests[index][:]),
		Index: uint64(index), Path: written(pathOf(levels, index)), Signed: *a.state.Signed} // #nosec G115 -- an index
}

// levelsOf are the levels of the tree of RFC 6962, from the leaves of the digests to the root. A node without a sibling
// rises to the next level as it is, which gives the RFC's tree: its left part is always the largest power of two.
func levelsOf(digests []merkle.Hash) ([][]merkle.Hash, error) {
	level := make([]merkle.Hash, len(digests))
	for index, digest := range digests {
		level[index] = merkle.LeafHash(digest[:])
	}
	levels := [][]merkle.Hash{level}
	for len(level) > 1 {
		above := make([]merkle.Hash, 0, (len(level)+1)/2)
		for index := 0; index+1 < len(level); index += 2 {
			parent, err := merkle.Reduce(merkle.RFC6962, 0, []merkle.Hash{level[index], level[index+1]})
			if err != nil {
				return nil, err
			}
			above = append(above, parent.Root)
		}
		if len(level)%2 == 1 {
			above = append(above, level[len(level)-1])
		}
		levels, level = append(levels, above), above
	}
	return levels, nil
}

// pathOf are the siblings from the leaf to the root.
func pathOf(levels [][]merkle.Hash, index int) []merkle.Hash {
	path := make([]merkle.Hash, 0, len(levels))
	for _, level := range levels {
		if sibling := index ^ 1; sibling < len(level) {
			path = append(path, level[sibling])
		}
		index /= 2
	}
	return path
}
