package job

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"davit/shared/hashing/bitcoin"
	"davit/shared/hashjob/stream"
)

type workJob struct {
	output   *output
	header   string
	from, to uint32
	timeout  time.Duration
	parsed   bitcoin.Header
	target   bitcoin.Target
}

// workResult is the result of proof-of-work.
type workResult struct {
	Found bool `json:"found"`
	// Nonce, Hash and Header are there where a nonce was found; Hash is as explorers show it.
	Nonce  *uint32 `json:"nonce,omitempty"`
	Hash   string  `json:"hash,omitempty"`
	Header string  `json:"header,omitempty"`
	Tried  uint64  `json:"tried"`
	// Next is the lowest nonce that was not tried; 4294967296 where none is left.
	Next     uint64 `json:"next"`
	Complete bool   `json:"complete"`
}

// firstHeader is that of Bitcoin's first block, without its nonce.
const firstHeader = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f" +
	"617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d00000000"

func workCommand(output *output) *cobra.Command {
	job := workJob{output: output}
	command := &cobra.Command{
		Use:   "proof-of-work",
		Short: "Search a nonce for a Bitcoin block header",
		Long: `Search a nonce that makes the hash of a Bitcoin block header meet the target in its own bits, on all cores.
Where the time is up, the result says where to go on (next, for --from). The exit code is 0 only if a nonce was found.`,
		Example: "  davit job run proof-of-work --from 2083000000 --to 2084000000 --header " + firstHeader + "\n" +
			"  davit job run proof-of-work --from 2083000000 --timeout 30s --json --header " + firstHeader,
	}
	flags := command.Flags()
	flags.StringVar(&job.header, "header", "", "the header, 160 hexadecimal digits; the nonce in it does not matter")
	flags.Uint32Var(&job.from, "from", 0, "the lowest nonce to try")
	flags.Uint32Var(&job.to, "to", 1<<32-1, "the highest nonce to try")
	flags.DurationVar(&job.timeout, "timeout", 0, "stop after this time; 0 for no limit")
	command.Args = checked(cobra.NoArgs, job.check)
	command.RunE = func(command *cobra.Command, _ []string) error { return job.run(command) }
	return command
}

func (j *workJob) check() error {
	switch {
	case j.header == "":
		return missing("header", "the header's 160 hexadecimal digits")
	case len(j.header) != 2*bitcoin.HeaderSize:
		return fmt.Errorf("--header has %d characters, not %d", len(j.header), 2*bitcoin.HeaderSize)
	case j.to < j.from:
		return fmt.Errorf("--to %d is below --from %d", j.to, j.from)
	case j.timeout < 0:
		return fmt.Errorf("--timeout %s is below 0", j.timeout)
	}
	raw, err := stream.AppendHex(nil, []byte(j.header))
	if err != nil {
		return fmt.Errorf("--header: %w", err)
	}
	if j.parsed, err = bitcoin.ParseHeader(raw); err != nil {
		return fmt.Errorf("--header: %w", err)
	}
	if j.target, err = bitcoin.ParseCompact(j.parsed.Bits); err != nil {
		return fmt.Errorf("--header: %w", err)
	}
	return nil
}

func (j *workJob) run(command *cobra.Command) error {
	ctx := command.Context()
	if j.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, j.timeout)
		defer cancel()
	}
	progress := newProgress(command, "nonces")
	outcome, err := bitcoin.Search{Header: j.parsed, Target: j.target, First: j.from, Last: j.to, Progress: progress.add}.Run(ctx)
	progress.end()
	if err != nil {
		return err
	}
	result := workResult{Found: outcome.Found, Tried: outcome.Tried, Next: outcome.Next, Complete: outcome.Complete}
	if !outcome.Found {
		return errors.Join(j.output.write(command.OutOrStdout(), result, ""), j.failure(outcome))
	}
	raw := outcome.Header.Serialise()
	result.Nonce, result.Hash, result.Header = &outcome.Header.Nonce, outcome.Hash.String(), hex.EncodeToString(raw[:])
	return j.output.write(command.OutOrStdout(), result,
		fmt.Sprintf("Nonce %d gives the hash %s.\n%s\n", *result.Nonce, result.Hash, result.Header))
}

func (j *workJob) failure(outcome bitcoin.Outcome) error {
	if outcome.Complete {
		return fmt.Errorf("no nonce from %d to %d meets the target %s", j.from, j.to, j.target)
	}
	return fmt.Errorf("stopped after %d nonces without one that meets the target %s; go on with --from %d",
		outcome.Tried, j.target, outcome.Next)
}
