package job

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"davit/events/hashjob"
	jobs "davit/shared/hashjob"
)

// maximumDocument is the largest proof that is read, in bytes; one of 2^55 leaves has 5 KiB.
const maximumDocument = 64 << 10

type verifyJob struct {
	output                *output
	path                  string
	root, firstRoot, leaf hashFlag
}

func verifyCommand(output *output) *cobra.Command {
	job := verifyJob{output: output}
	command := &cobra.Command{
		Use:   "merkle-verify",
		Short: "Verify a proof of merkle-proof against a root",
		Long: `Verify a proof of merkle-proof against a root that you trust. What the document says of roots is only compared: a proof
shows nothing against its own root. An inclusion proof is of the leaf in the document, or of --leaf; a consistency proof
needs the older list's root too. The exit code is 0 only if the proof is valid.`,
		Example: `  davit job run merkle-verify --proof proof.json --root 6657a9252aacd5c0b2940996ecff952228c3067cc38d4885efb5a4ac4247e9f3
  davit job run merkle-verify --proof grown.json --json --root ff75da7c7b0a9feae53edabc91a33b606f787462383406c449aa7dfd23b0309e ` +
			`--first-root 75c0b5328c14ebdab04b24f779011d375a1b54e89a3fd0f842d7ef449735c92f`,
	}
	flags := command.Flags()
	flags.StringVar(&job.path, "proof", "", "file of the proof; - is standard input")
	flags.Var(&job.root, "root", "the root of the list, in internal byte order")
	flags.Var(&job.firstRoot, "first-root", "the root of the older list, for a consistency proof")
	flags.Var(&job.leaf, "leaf", "the leaf's hash that is to be in the list, for an inclusion proof")
	command.Args = checked(cobra.NoArgs, job.check)
	command.RunE = func(command *cobra.Command, _ []string) error { return job.run(command) }
	return command
}

func (j *verifyJob) check() error {
	switch {
	case j.path == "":
		return missing("proof", "a file that merkle-proof wrote, or - for standard input")
	case !j.root.given:
		return missing("root", "the root that you trust")
	case j.leaf.given && j.firstRoot.given:
		return fmt.Errorf("--leaf is for inclusion proofs, --first-root for consistency proofs: give one of them")
	}
	return nil
}

func (j *verifyJob) run(command *cobra.Command) error {
	from, err := openSource(command, j.path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	proof, err := readProof(from)
	if err != nil {
		return fmt.Errorf("%s: %w", from.name, err)
	}
	if err := j.suits(proof); err != nil {
		return fmt.Errorf("%s: %w", from.name, err)
	}
	result := jobs.VerifyProof(hashjob.VerifyOptions{Proof: proof, Root: j.root.String(), FirstRoot: j.firstRoot.String(), Leaf: j.leaf.String()})
	if !result.Valid {
		err = fmt.Errorf("%s: the proof is not valid: %s", from.name, result.Reason)
		return errors.Join(j.output.write(command.OutOrStdout(), result, ""), err)
	}
	return j.output.write(command.OutOrStdout(), result, "The proof is valid.\n")
}

// readProof reads one proof strictly.
func readProof(from io.Reader) (hashjob.Proof, error) {
	data, err := io.ReadAll(io.LimitReader(from, maximumDocument+1))
	if err != nil {
		return hashjob.Proof{}, err
	}
	if len(data) > maximumDocument {
		return hashjob.Proof{}, fmt.Errorf("the proof is longer than %d bytes", maximumDocument)
	}
	proof, err := hashjob.ParseProof(data)
	if err != nil {
		return hashjob.Proof{}, fmt.Errorf("read the proof: %w", err)
	}
	return proof, nil
}

// suits holds the flags against the kind of proof.
func (j *verifyJob) suits(proof hashjob.Proof) error {
	consistency := proof.Proof == hashjob.ProofConsistency
	switch {
	case consistency && !j.firstRoot.given:
		return missing("first-root", "a consistency proof is verified against both roots")
	case consistency && j.leaf.given:
		return fmt.Errorf("--leaf is for inclusion proofs, but this is a consistency proof")
	case !consistency && j.firstRoot.given:
		return fmt.Errorf("--first-root is for consistency proofs, but this is an inclusion proof")
	}
	return nil
}
