// Package job is the command line of hash jobs: those that run in the command's own process, a file a kind, and those of the
// deployed function.
package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Command is `davit job` with its subcommands.
func Command() *cobra.Command {
	command := &cobra.Command{
		Use:   "job",
		Short: "Compute digests, Merkle roots and proofs, verify block headers, sign",
		Long: `Compute digests, Merkle roots and proofs, verify block headers, sign for Ethereum and anchor records: with "run" on this machine,
which but for signing and anchoring needs no AWS account and changes nothing, or with "submit" by the deployed function.`,
		Example: "  davit job run digest --algorithm keccak256 --inputs calls.hex\n" +
			"  davit job run merkle-root --tree bitcoin --leaves transactions.hex --json\n" +
			"  davit job submit block.json --wait\n" +
			"  davit job show block-100000",
	}
	command.AddCommand(runCommand(), submitCommand(), showCommand())
	return command
}

func runCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "run KIND",
		Short: "Run one job and show its result",
		Long: `Run one job and show its result.

Files of inputs hold hexadecimal, one a line, without a prefix; "-" is standard input. Hashes are in internal byte order, as
the hash function gives them, unless a kind says otherwise. Files are read as a stream, so they may be of any length; a line
holds at most 4 MiB of data.

Exit codes: 0 done, 1 failed or the answer is no, 2 wrong usage.`,
		Example: `  davit job run digest --algorithm double-sha256 --inputs transactions.hex
  davit job run merkle-root --tree rfc6962 --leaves entries.hex
  davit job run verify-headers --network mainnet --headers headers.hex`,
	}
	var output output
	command.PersistentFlags().BoolVar(&output.asJSON, "json", false, "write the result as JSON")
	command.AddCommand(digestCommand(&output), rootCommand(&output), proofCommand(&output), verifyCommand(&output),
		headersCommand(&output), workCommand(&output), anchorCommand(&output), signCommand(&output), documentCommand(&output))
	return command
}

// output says how results are written.
type output struct{ asJSON bool }

// write writes the result as indented JSON, or else the text.
func (o *output) write(to io.Writer, result any, text string) error {
	if !o.asJSON {
		_, err := io.WriteString(to, text)
		return err
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// stdin is how standard input is named on the command line.
const stdin = "-"

// source is an input file or standard input.
type source struct {
	io.ReadCloser
	name string
}

func openSource(command *cobra.Command, path string) (source, error) {
	if path == stdin {
		return source{io.NopCloser(command.InOrStdin()), nameOf(path)}, nil
	}
	file, err := os.Open(path) // #nosec G304 -- the caller names the file
	if err != nil {
		return source{}, err
	}
	return source{file, path}, nil
}

// nameOf is how errors name the file.
func nameOf(path string) string {
	if path == stdin {
		return "standard input"
	}
	return path
}

// checked is a command's check of its flags, which runs before anything is read: what it finds is wrong usage.
func checked(arguments cobra.PositionalArgs, flags func() error) cobra.PositionalArgs {
	return func(command *cobra.Command, given []string) error {
		return errors.Join(arguments(command, given), flags())
	}
}

func missing(flag, meaning string) error {
	return fmt.Errorf("--%s is missing: %s", flag, meaning)
}
