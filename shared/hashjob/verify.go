package hashjob

import (
	"encoding/hex"
	"fmt"

	"davit/events/hashjob"
	"davit/shared/hashing/merkle"
)

func (r *run) verify() (Step, error) {
	result := VerifyProof(*r.job.Verify)
	return Step{Result: hashjob.Result{Verify: &result}}, nil
}

// VerifyProof verifies a proof that was checked against roots that are trusted. What the proof says of roots is only
// compared: a proof shows nothing against its own root.
func VerifyProof(options hashjob.VerifyOptions) hashjob.VerifyResult {
	proof := options.Proof
	result := hashjob.VerifyResult{Proof: proof.Proof, Tree: proof.Tree, Leaves: proof.Leaves, Root: options.Root}
	verify := verifyInclusion
	if proof.Proof == hashjob.ProofConsistency {
		verify = verifyConsistency
	}
	if err := verify(options); err != nil {
		result.Reason = err.Error()
		return result
	}
	result.Valid = true
	return result
}

func verifyInclusion(options hashjob.VerifyOptions) error {
	proof := options.Proof
	root, err := same("root", proof.Root, options.Root)
	if err != nil {
		return err
	}
	trusted := options.Leaf
	if trusted == "" {
		trusted = proof.Leaf
	}
	leaf, err := same("leaf", proof.Leaf, trusted)
	if err != nil {
		return err
	}
	shape, path, err := read(proof)
	if err != nil {
		return err
	}
	return merkle.Inclusion{Shape: shape, Index: *proof.Index, Leaves: proof.Leaves, Path: path}.Verify(leaf, root)
}

func verifyConsistency(options hashjob.VerifyOptions) error {
	proof := options.Proof
	root, err := same("root", proof.Root, options.Root)
	if err != nil {
		return err
	}
	first, err := same("first_root", proof.FirstRoot, options.FirstRoot)
	if err != nil {
		return err
	}
	_, path, err := read(proof)
	if err != nil {
		return err
	}
	return merkle.Consistency{First: *proof.FirstLeaves, Second: proof.Leaves, Path: path}.Verify(first, root)
}

// same holds a field of the proof against what is trusted.
func same(field, text, trusted string) (merkle.Hash, error) {
	said, err := merkle.ParseHash(text)
	if err != nil {
		return merkle.Hash{}, fmt.Errorf("%s: %w", field, err)
	}
	want, err := merkle.ParseHash(trusted)
	if err != nil {
		return merkle.Hash{}, fmt.Errorf("%s: %w", field, err)
	}
	if said != want {
		return merkle.Hash{}, fmt.Errorf("%s: the proof is of %s, not of %s", field, hex.EncodeToString(said[:]), hex.EncodeToString(want[:]))
	}
	return said, nil
}

func read(proof hashjob.Proof) (merkle.Shape, []merkle.Hash, error) {
	shape, err := merkle.ParseShape(proof.Tree)
	if err != nil {
		return 0, nil, err
	}
	path := make([]merkle.Hash, len(proof.Path))
	for index, text := range proof.Path {
		if path[index], err = merkle.ParseHash(text); err != nil {
			return 0, nil, fmt.Errorf("path[%d]: %w", index, err)
		}
	}
	return shape, path, nil
}
