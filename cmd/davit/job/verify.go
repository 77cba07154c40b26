package job

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"davit/shared/hashing/merkle"
)

// maximumDocument is the largest proof that is read, in bytes; one of 2^55 leaves has 5 KiB.
const maximumDocument = 64 << 10

type verifyJob struct {
	output                *output
	path                  string
	root, firstRoot, leaf hashFlag
}

// verifyResult is the result of merkle-verify.
type verifyResult struct {
	Valid  bool         `json:"valid"`
	Proof  string       `json:"proof"`
	Tree   merkle.Shape `json:"tree"`
	Leaves uint64       `json:"leaves"`
	Root   string       `json:"root"`
	Reason string       `json:"reason,omitempty"`
}

func verifyCommand(output *output) *cobra.Command {
	job := verifyJob{output: output}
	command := &cobra.Command{
		Use:   "merkle-verify",
		Short: "Verify a proof of merkle-proof against a root",
		Long: `Verify a proof of merkle-proof against a root that you trust. What the document says of roots is only compared: a proof
shows nothing against its own root. An inclusion proof is of the leaf in the document, or of --leaf; a consistency proof
needs the older list's root too. The exit code is 0 only if the proof is valid.`,
		Example: `  davit job run merkle-verify --proof proof.json --root f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766
  davit job run merkle-verify --proof grown.json --root HEX --first-root HEX --json`,
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
	read, err := readDocument(from)
	if err != nil {
		return fmt.Errorf("%s: %w", from.name, err)
	}
	verdict := j.verify(read)
	result := verifyResult{Valid: verdict == nil, Proof: read.Proof, Tree: read.Tree, Leaves: read.Leaves, Root: j.root.String()}
	text := ""
	if verdict == nil {
		text = "The proof is valid.\n"
	} else {
		result.Reason = verdict.Error()
		verdict = fmt.Errorf("%s: the proof is not valid: %w", from.name, verdict)
	}
	return errors.Join(j.output.write(command.OutOrStdout(), result, text), verdict)
}

// readDocument reads one proof strictly: no unknown fields, nothing after it.
func readDocument(from io.Reader) (document, error) {
	data, err := io.ReadAll(io.LimitReader(from, maximumDocument+1))
	if err != nil {
		return document{}, err
	}
	if len(data) > maximumDocument {
		return document{}, fmt.Errorf("the proof is longer than %d bytes", maximumDocument)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var read document
	if err := decoder.Decode(&read); err != nil {
		return document{}, fmt.Errorf("read the proof: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return document{}, fmt.Errorf("something follows the proof")
	}
	return read, read.check()
}

// check holds the fields against the kind of proof.
func (d document) check() error {
	switch {
	case d.Proof != inclusion && d.Proof != consistency:
		return fmt.Errorf("proof: %.40q is neither %s nor %s", d.Proof, inclusion, consistency)
	case d.Tree == 0:
		return fmt.Errorf("tree: it is missing")
	case d.Proof == inclusion && (d.Index == nil || d.Leaf == ""):
		return fmt.Errorf("index, leaf: an inclusion proof has both")
	case d.Proof == consistency && (d.FirstLeaves == nil || d.FirstRoot == ""):
		return fmt.Errorf("first_leaves, first_root: a consistency proof has both")
	case d.Proof == consistency && d.Tree != merkle.RFC6962:
		return fmt.Errorf("tree: %s has no consistency proofs", d.Tree)
	case d.Proof == inclusion && (d.FirstLeaves != nil || d.FirstRoot != ""):
		return fmt.Errorf("first_leaves, first_root: an inclusion proof has neither")
	case d.Proof == consistency && (d.Index != nil || d.Leaf != ""):
		return fmt.Errorf("index, leaf: a consistency proof has neither")
	}
	return nil
}

func (j *verifyJob) verify(read document) error {
	path, err := parsePath(read.Path)
	if err != nil {
		return err
	}
	if err := compare("root", read.Root, j.root); err != nil {
		return err
	}
	if read.Proof == inclusion {
		return j.verifyInclusion(read, path)
	}
	if !j.firstRoot.given {
		return missing("first-root", "a consistency proof is verified against both roots")
	}
	if j.leaf.given {
		return fmt.Errorf("--leaf is for inclusion proofs, but this is a consistency proof")
	}
	if err := compare("first_root", read.FirstRoot, j.firstRoot); err != nil {
		return err
	}
	proof := merkle.Consistency{First: *read.FirstLeaves, Second: read.Leaves, Path: path}
	return proof.Verify(j.firstRoot.hash, j.root.hash)
}

func (j *verifyJob) verifyInclusion(read document, path []merkle.Hash) error {
	if j.firstRoot.given {
		return fmt.Errorf("--first-root is for consistency proofs, but this is an inclusion proof")
	}
	leaf, err := merkle.ParseHash(read.Leaf)
	if err != nil {
		return fmt.Errorf("leaf: %w", err)
	}
	if j.leaf.given {
		if err := compare("leaf", read.Leaf, j.leaf); err != nil {
			return err
		}
	}
	proof := merkle.Inclusion{Shape: read.Tree, Index: *read.Index, Leaves: read.Leaves, Path: path}
	return proof.Verify(leaf, j.root.hash)
}

// compare holds a field of the document against what was given on the command line.
func compare(field, text string, given hashFlag) error {
	hash, err := merkle.ParseHash(text)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	if hash != given.hash {
		return fmt.Errorf("%s: the proof is of %s, not of %s", field, hex.EncodeToString(hash[:]), given.String())
	}
	return nil
}

func parsePath(texts []string) ([]merkle.Hash, error) {
	path := make([]merkle.Hash, len(texts))
	for index, text := range texts {
		var err error
		if path[index], err = merkle.ParseHash(text); err != nil {
			return nil, fmt.Errorf("path[%d]: %w", index, err)
		}
	}
	return path, nil
}
