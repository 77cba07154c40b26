package hashjob

import (
	"encoding/hex"
	"fmt"
	"slices"

	"davit/events/hashjob"
	"davit/shared/hashing"
	"davit/shared/hashing/merkle"
)

// leafPrefix is what RFC 6962 hashes before an entry (section 2.1).
const leafPrefix = 0x00

// tree is what the handlers of merkle-root and merkle-proof share: it reads the leaves.
type tree struct {
	*run
	spine  spine
	hashed bool
}

func newTree(r *run) (*tree, error) {
	shape, err := merkle.ParseShape(r.job.Tree.Shape)
	if err != nil {
		return nil, hashjob.Wrong("tree.shape", "%s", err)
	}
	return &tree{run: r, spine: spine{shape: shape}, hashed: r.job.Tree.Leaves == hashjob.LeafHashes}, nil
}

// resume reads what the invocation before wrote, after it is known what is watched.
func (t *tree) resume() error { return t.spine.read(t.From.Tree) }

func (t *tree) objectDigest() (hashing.Kind, []byte) { return hashing.SHA256, []byte{leafPrefix} }

func (t *tree) work(from *source, b *block) error {
	w := &b.work
	w.leaves, w.isPiece = w.leaves[:0], false
	if b.object != nil {
		w.leaves = append(w.leaves, merkle.Hash(b.digest))
		return nil
	}
	if err := t.readLeaves(from, b); err != nil {
		return err
	}
	if !b.Whole() || t.spine.watches(b.First, uint64(b.Len())) { // #nosec G115 -- never negative
		return nil
	}
	w.memory = append(w.memory[:0], w.leaves...)
	var err error
	if w.piece, err = merkle.Reduce(t.spine.shape, b.First, w.memory); err != nil {
		return refused(t.job.Input, err)
	}
	w.isPiece = true
	return nil
}

// readLeaves reads the leaves of the block, and hashes entries side by side.
func (t *tree) readLeaves(from *source, b *block) error {
	w := &b.work
	w.leaves = slices.Grow(w.leaves, b.Len())[:b.Len()]
	if w.entries == nil {
		w.entries = merkle.NewLeaves()
	}
	defer w.entries.Flush()
	for index := range w.leaves {
		var err error
		if w.bytes, err = from.appendItem(w.bytes[:0], b, index); err != nil {
			return err
		}
		if !t.hashed {
			w.entries.Add(&w.leaves[index], w.bytes)
			continue
		}
		if len(w.bytes) != len(merkle.Hash{}) {
			return from.wrong(b, index, fmt.Errorf("a hash has %d bytes, not %d", len(merkle.Hash{}), len(w.bytes)))
		}
		w.leaves[index] = merkle.Hash(w.bytes)
	}
	return nil
}

func (t *tree) take(_ *source, b *block) error {
	if b.work.isPiece && len(t.spine.tail) == 0 {
		return refused(t.job.Input, t.spine.addPiece(b.work.piece))
	}
	return refused(t.job.Input, t.spine.add(b.work.leaves))
}

func (t *tree) pause(into *Checkpoint) error {
	into.Tree = t.spine.write()
	return nil
}

// root is the handler of merkle-root.
type root struct{ *tree }

func newRoot(r *run) (handler, error) {
	made, err := newTree(r)
	if err != nil {
		return nil, err
	}
	return &root{made}, made.resume()
}

func (r *root) finish(into *Step) error {
	result, err := r.spine.root()
	if err != nil {
		return refused(r.job.Input, err)
	}
	into.Result.Root = result
	return nil
}

// root is the root of the list.
func (s *spine) root() (*hashjob.RootResult, error) {
	builder := merkle.NewBuilder(s.shape)
	if err := s.give(builder); err != nil {
		return nil, err
	}
	root, err := builder.Root()
	if err != nil {
		return nil, err
	}
	return &hashjob.RootResult{Tree: s.shape.String(), Leaves: builder.Count(), Root: hex.EncodeToString(root[:])}, nil
}

// proof is the handler of merkle-proof.
type proof struct{ *tree }

func newProof(r *run) (handler, error) {
	made, err := newTree(r)
	if err != nil {
		return nil, err
	}
	made.spine.isWatched = true
	if index := r.job.Prove.Index; index != nil {
		made.spine.watched = *index
	} else {
		made.spine.watched = *r.job.Prove.FirstLeaves - 1
	}
	return &proof{made}, made.resume()
}

func (p *proof) finish(into *Step) (err error) {
	if p.job.Prove.Index != nil {
		into.Result.Proof, err = p.inclusion()
	} else {
		into.Result.Proof, err = p.consistency()
	}
	return err
}

func (p *proof) inclusion() (*hashjob.Proof, error) {
	index := *p.job.Prove.Index
	prover := merkle.NewInclusionProver(p.spine.shape, index)
	if err := p.spine.give(prover); err != nil {
		return nil, err
	}
	if _, err := prover.Root(); err != nil {
		return nil, refused(p.job.Input, err)
	}
	proof, leaf, root, err := prover.Prove()
	if err != nil {
		return nil, hashjob.Wrong("prove.index", "%s", err)
	}
	return &hashjob.Proof{Proof: hashjob.ProofInclusion, Tree: proof.Shape.String(), Index: &proof.Index,
		Leaf: hex.EncodeToString(leaf[:]), Leaves: proof.Leaves, Root: hex.EncodeToString(root[:]), Path: written(proof.Path)}, nil
}

func (p *proof) consistency() (*hashjob.Proof, error) {
	prover, err := merkle.NewConsistencyProver(*p.job.Prove.FirstLeaves)
	if err != nil {
		return nil, hashjob.Wrong("prove.first_leaves", "%s", err)
	}
	if err := p.spine.give(prover); err != nil {
		return nil, err
	}
	proof, first, root, err := prover.Prove()
	if err != nil {
		return nil, hashjob.Wrong("prove.first_leaves", "%s", err)
	}
	return &hashjob.Proof{Proof: hashjob.ProofConsistency, Tree: hashjob.ShapeRFC6962, FirstLeaves: &proof.First,
		FirstRoot: hex.EncodeToString(first[:]), Leaves: proof.Second, Root: hex.EncodeToString(root[:]),
		Path: written(proof.Path)}, nil
}

// written are the hashes of a path in hexadecimal.
func written(path []merkle.Hash) []string {
	texts := make([]string, len(path))
	for index, hash := range path {
		texts[index] = hex.EncodeToString(hash[:])
	}
	return texts
}
