package job

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"davit/shared/hashing/bitcoin"
	"davit/shared/hashjob/stream"
)

// The forms of a file of headers: hex of both chains, raw of bitcoin, the others of ethereum.
const (
	formHex     = "hex"
	formRaw     = "raw"
	formExport  = "export"
	formArchive = "archive"
)

// The chains, and the forms that each has.
const (
	chainBitcoin  = "bitcoin"
	chainEthereum = "ethereum"
)

var headerForms = map[string][]string{chainBitcoin: {formHex, formRaw}, chainEthereum: {formHex, formExport, formArchive}}

type headersJob struct {
	output                     *output
	chain, path, form, network string
	genesis, receipts          string
	height                     uint64
}

// headersResult is the result of verify-headers.
type headersResult struct {
	Valid   bool   `json:"valid"`
	Network string `json:"network"`
	bitcoin.Summary
	// Wrong is the first header that does not hold.
	Wrong *wrongHeader `json:"wrong,omitempty"`
}

type wrongHeader struct {
	Where  string       `json:"where"`
	Height uint64       `json:"height"`
	Rule   bitcoin.Rule `json:"rule"`
	Reason string       `json:"reason"`
}

// Error names the header and the rule.
func (w *wrongHeader) Error() string {
	return fmt.Sprintf("%s, height %d: %s: %s", w.Where, w.Height, w.Rule, w.Reason)
}

func headersCommand(output *output) *cobra.Command {
	job := headersJob{output: output}
	command := &cobra.Command{
		Use:   "verify-headers",
		Short: "Verify a list of block headers of Bitcoin, or of headers or blocks of Ethereum",
		Long: `Verify a list of block headers.

Bitcoin: target, proof of work, linkage, difficulty, median time and version. A list that begins at height 0 must begin with
the network's own first block, and is verified wholly. Any other list is trusted where it begins: the first change of the
target is then only held to a factor of four, and the first eleven times to nothing. Hashes are shown as explorers show them,
reversed.

Ethereum: the form, linkage, gas, fees and blobs of each fork up to Amsterdam and, where bodies and receipts are there, the
roots of transactions, withdrawals and receipts. A list that does not begin with the network's first block is trusted where it
begins.

The result counts what was verified.`,
		Example: `  davit job run verify-headers --network mainnet --headers headers.hex
  davit job run verify-headers --headers headers.bin --form raw --height 1000 --json
  davit job run verify-headers --chain ethereum --headers blocks.rlp --form export
  davit job run verify-headers --chain ethereum --network sepolia --headers sepolia-00000-643a00f7.era1 --form archive`,
	}
	flags := command.Flags()
	flags.StringVar(&job.path, "headers", "", "file of headers; - is standard input")
	flags.StringVar(&job.chain, "chain", chainBitcoin, "bitcoin or ethereum")
	flags.StringVar(&job.form, "form", formHex, "hex: one a line; of bitcoin raw: 80 bytes each, one after another; of ethereum export: "+
		"serialised blocks or headers one after another, as \"geth export\" writes them, or archive: an era1 file")
	flags.StringVar(&job.network, "network", bitcoin.Mainnet().String(), "mainnet, signet or regtest; of ethereum mainnet, sepolia, hoodi or unknown")
	flags.Uint64Var(&job.height, "height", 0, "of bitcoin, the height of the first header")
	flags.StringVar(&job.genesis, "genesis", "", "of ethereum, the genesis file of another network")
	flags.StringVar(&job.receipts, "receipts", "", "of ethereum, a file of the lists of receipts, serialised, one a block")
	command.Args = checked(cobra.NoArgs, job.check)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if job.chain == chainEthereum {
			return job.runEthereum(command)
		}
		return job.run(command)
	}
	return command
}

func (j *headersJob) check() error {
	forms, known := headerForms[j.chain]
	switch {
	case j.path == "":
		return missing("headers", "a file of headers, or - for standard input")
	case !known:
		return fmt.Errorf("--chain %.40q is neither %s nor %s", j.chain, chainBitcoin, chainEthereum)
	case !slices.Contains(forms, j.form):
		return fmt.Errorf("--form %.40q is none of %s's: %s", j.form, j.chain, strings.Join(forms, ", "))
	case j.chain == chainEthereum:
		return j.checkEthereum()
	case j.genesis != "" || j.receipts != "":
		return fmt.Errorf("--genesis and --receipts are for --chain %s", chainEthereum)
	case j.height > 1<<40:
		return fmt.Errorf("--height %d is above any chain's", j.height)
	}
	_, err := bitcoin.ParseNetwork(j.network)
	return err
}

// headerChunk is a chunk of a file with its headers. Wrong is what is wrong with the header after the last one of them.
type headerChunk struct {
	stream.Chunk
	raw     []byte
	headers []bitcoin.Checked
	wrong   error
}

// headerReader reads headers of either form.
type headerReader interface {
	Read(into *stream.Chunk) error
	Where(index uint64) string
}

func (j *headersJob) run(command *cobra.Command) error {
	network, err := bitcoin.ParseNetwork(j.network)
	if err != nil {
		return err
	}
	from, err := openSource(command, j.path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	var reader headerReader = stream.NewLines(from.name, from, 0)
	if j.form == formRaw {
		reader = stream.NewRecords(from.name, from, bitcoin.HeaderSize, 0)
	}
	chain := bitcoin.NewChain(network, j.height, time.Now())
	verdict := j.verify(command, reader, network, chain)
	if verdict == nil && chain.Summary().Headers == 0 {
		return fmt.Errorf("%s: there are no headers", from.name)
	}
	result := headersResult{Valid: verdict == nil, Network: network.String(), Summary: chain.Summary()}
	if verdict != nil && !errors.As(verdict, &result.Wrong) {
		return verdict
	}
	text := ""
	if verdict == nil {
		text = summaryText(result)
	}
	return errors.Join(j.output.write(command.OutOrStdout(), result, text), verdict)
}

func (j *headersJob) verify(command *cobra.Command, reader headerReader, network bitcoin.Network, chain *bitcoin.Chain) error {
	progress := newProgress(command, "headers")
	defer progress.end()
	return stream.InOrder(command.Context(), runtime.GOMAXPROCS(0),
		func(item *headerChunk) error { return reader.Read(&item.Chunk) },
		func(item *headerChunk) error {
			item.check(network, j.form == formHex)
			return nil
		},
		func(item *headerChunk) error {
			progress.add(uint64(item.Len())) // #nosec G115 -- never negative
			for index, header := range item.headers {
				if err := chain.Add(header); err != nil {
					return placed(err, reader.Where(item.First+uint64(index)), chain.Height()) // #nosec G115 -- never negative
				}
			}
			if item.wrong != nil {
				return placed(item.wrong, reader.Where(item.First+uint64(len(item.headers))), chain.Height())
			}
			return nil
		})
}

// placed is the error with the place of the header.
func placed(err error, where string, height uint64) error {
	var broken *bitcoin.HeaderError
	if errors.As(err, &broken) {
		return &wrongHeader{Where: where, Height: height, Rule: broken.Rule, Reason: broken.Reason}
	}
	return fmt.Errorf("%s, height %d: %w", where, height, err)
}

// check checks the headers, up to the first wrong one.
func (c *headerChunk) check(network bitcoin.Network, asHex bool) {
	unread := c.read(asHex)
	// A header that is wrong comes before one that cannot be read.
	if c.headers, c.wrong = network.CheckAll(c.headers[:0], c.raw); c.wrong == nil {
		c.wrong = unread
	}
}

// read puts the headers one after another, up to the first that cannot be read.
func (c *headerChunk) read(asHex bool) error {
	c.raw = c.raw[:0]
	for index := range c.Len() {
		item := c.Item(index)
		if !asHex {
			c.raw = append(c.raw, item...)
			continue
		}
		if len(item) != 2*bitcoin.HeaderSize {
			return fmt.Errorf("there are %d characters; a header has %d hexadecimal digits", len(item), 2*bitcoin.HeaderSize)
		}
		before := len(c.raw)
		var err error
		if c.raw, err = stream.AppendHex(c.raw, item); err != nil {
			c.raw = c.raw[:before]
			return err
		}
	}
	return nil
}

func summaryText(result headersResult) string {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%d headers of %s hold, from height %d to %d; the last is %s.\n", result.Headers, result.Network,
		result.First, result.First+result.Headers-1, result.Tip)
	_, _ = fmt.Fprintf(&text, "Changes of the target verified: %d; only held to a factor of four: %d. Median times verified: %d.\n",
		result.Retargets, result.RetargetsBounded, result.MedianTimes)
	return text.String()
}
