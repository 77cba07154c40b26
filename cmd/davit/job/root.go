package job

import (
	"encoding/hex"

	"github.com/spf13/cobra"

	"davit/shared/hashing/merkle"
)

type rootJob struct {
	output *output
	leaves leaves
}

// rootResult is the result of merkle-root.
type rootResult struct {
	Tree   merkle.Shape `json:"tree"`
	Leaves uint64       `json:"leaves"`
	// Root is in internal byte order.
	Root string `json:"root"`
}

func rootCommand(output *output) *cobra.Command {
	job := rootJob{output: output}
	command := &cobra.Command{
		Use:   "merkle-root",
		Short: "The root of a Merkle tree",
		Long: `The root of a Merkle tree, in internal byte order like the leaves. Explorers of Bitcoin show both reversed.

bitcoin: leaves are transaction IDs; nodes are double SHA-256, and a node without a sibling is paired with itself. A list of
which another length could have the same root (CVE-2012-2459) is refused.
rfc6962: the tree of Certificate Transparency; leaves are entries of any length, an empty line is the empty entry.`,
		Example: `  davit job run merkle-root --tree bitcoin --leaves transactions.hex --json
  printf '%s\n' 616263 646566 | davit job run merkle-root --tree rfc6962 --leaves -`,
	}
	job.leaves.add(command.Flags())
	command.Args = checked(cobra.NoArgs, job.leaves.check)
	command.RunE = func(command *cobra.Command, _ []string) error { return job.run(command) }
	return command
}

func (j *rootJob) run(command *cobra.Command) error {
	builder := merkle.NewBuilder(j.leaves.shape.value)
	if err := j.leaves.read(command, builder); err != nil {
		return err
	}
	root, err := builder.Root()
	if err != nil {
		return j.leaves.placed(err)
	}
	result := rootResult{Tree: j.leaves.shape.value, Leaves: builder.Count(), Root: hex.EncodeToString(root[:])}
	return j.output.write(command.OutOrStdout(), result, result.Root+"\n")
}
