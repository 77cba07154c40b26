package job

import (
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"davit/events/hashjob"
	"davit/shared/hashing/merkle"
)

type proofJob struct {
	output *output
	leaves leaves
	index  int64
	first  int64
}

func proofCommand(output *output) *cobra.Command {
	job := proofJob{output: output}
	command := &cobra.Command{
		Use:   "merkle-proof",
		Short: "Prove that a leaf is in a tree, or that a list only grew",
		Long: `Prove that a leaf is in a tree (--index), or that a list of rfc6962 begins with an older one (--first-leaves).
The proof is a JSON document, with or without --json; merkle-verify reads it. Hashes are in internal byte order.`,
		Example: `  davit job run merkle-proof --tree bitcoin --leaves transactions.hex --index 3 >proof.json
  printf '%s\n' 616263 646566 676869 | davit job run merkle-proof --tree rfc6962 --leaves - --first-leaves 2 >grown.json`,
	}
	flags := command.Flags()
	job.leaves.add(flags)
	flags.Int64Var(&job.index, "index", -1, "prove the leaf with this index, counted from 0")
	flags.Int64Var(&job.first, "first-leaves", -1, "prove that the list begins with its own first leaves, so many (rfc6962)")
	command.Args = checked(cobra.NoArgs, func() error { return job.check(flags.Changed("index"), flags.Changed("first-leaves")) })
	command.RunE = func(command *cobra.Command, _ []string) error { return job.run(command) }
	return command
}

func (j *proofJob) check(index, first bool) error {
	switch {
	case index == first:
		return fmt.Errorf("say what to prove: either --index or --first-leaves")
	case index && j.index < 0:
		return fmt.Errorf("--index %d is below 0", j.index)
	case first && j.first < 1:
		return fmt.Errorf("--first-leaves %d is below 1", j.first)
	case first && j.leaves.shape.value == merkle.Bitcoin:
		return fmt.Errorf("--first-leaves needs --tree rfc6962: bitcoin's tree has no consistency proofs")
	}
	return j.leaves.check()
}

func (j *proofJob) run(command *cobra.Command) error {
	prove := j.inclusion
	if j.first > 0 {
		prove = j.consistency
	}
	proved, err := prove(command)
	if err != nil {
		return err
	}
	return (&output{asJSON: true}).write(command.OutOrStdout(), proved, "")
}

func (j *proofJob) inclusion(command *cobra.Command) (hashjob.Proof, error) {
	prover := merkle.NewInclusionProver(j.leaves.shape.value, uint64(j.index)) // #nosec G115 -- checked
	if err := j.leaves.read(command, prover); err != nil {
		return hashjob.Proof{}, err
	}
	proof, leaf, root, err := prover.Prove()
	if err != nil {
		return hashjob.Proof{}, j.leaves.placed(err)
	}
	return hashjob.Proof{Proof: hashjob.ProofInclusion, Tree: proof.Shape.String(), Index: &proof.Index, Leaf: hex.EncodeToString(leaf[:]),
		Leaves: proof.Leaves, Root: hex.EncodeToString(root[:]), Path: written(proof.Path)}, nil
}

func (j *proofJob) consistency(command *cobra.Command) (hashjob.Proof, error) {
	prover, err := merkle.NewConsistencyProver(uint64(j.first)) // #nosec G115 -- checked
	if err != nil {
		return hashjob.Proof{}, err
	}
	if err := j.leaves.read(command, prover); err != nil {
		return hashjob.Proof{}, err
	}
	proof, first, root, err := prover.Prove()
	if err != nil {
		return hashjob.Proof{}, j.leaves.placed(err)
	}
	return hashjob.Proof{Proof: hashjob.ProofConsistency, Tree: hashjob.ShapeRFC6962, FirstLeaves: &proof.First, FirstRoot: hex.EncodeToString(first[:]),
		Leaves: proof.Second, Root: hex.EncodeToString(root[:]), Path: written(proof.Path)}, nil
}

func written(path []merkle.Hash) []string {
	texts := make([]string, len(path))
	for index, hash := range path {
		texts[index] = hex.EncodeToString(hash[:])
	}
	return texts
}
