package job

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"davit/shared/chain/ethereum"
)

// blocksResult is the result of verify-headers for ethereum.
type blocksResult struct {
	Valid   bool   `json:"valid"`
	Network string `json:"network"`
	ethereum.Summary
	// Wrong is the first block that does not hold.
	Wrong *ethereum.Error `json:"wrong,omitempty"`
}

func (j *headersJob) checkEthereum() error {
	switch {
	case j.height != 0:
		return errors.New("--height is of bitcoin: headers of ethereum have their number themselves")
	case j.receipts != "" && j.form == formArchive:
		return fmt.Errorf("--receipts: an %s has them itself", formArchive)
	}
	_, err := ethereum.ParseNetwork(j.network)
	return err
}

// ethereumNetwork is the one of the flags.
func (j *headersJob) ethereumNetwork(command *cobra.Command) (*ethereum.Network, error) {
	if j.genesis == "" {
		return ethereum.ParseNetwork(j.network)
	}
	from, err := openSource(command, j.genesis)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }() // it was only read
	document, err := io.ReadAll(io.LimitReader(from, ethereum.MaximumGenesis+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from.name, err)
	}
	network, err := ethereum.ReadGenesis(document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from.name, err)
	}
	return network, nil
}

func (j *headersJob) runEthereum(command *cobra.Command) error {
	network, err := j.ethereumNetwork(command)
	if err != nil {
		return err
	}
	from, err := openSource(command, j.path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	blocks := map[string]func(io.Reader) ethereum.Source{formHex: ethereum.NewLineSource, formExport: ethereum.NewExportSource,
		formArchive: ethereum.NewArchiveSource}[j.form](from)
	if j.receipts != "" {
		receipts, err := openSource(command, j.receipts)
		if err != nil {
			return err
		}
		defer func() { _ = receipts.Close() }() // it was only read
		blocks = ethereum.WithReceipts(blocks, receipts)
	}
	summary, err := ethereum.Verify(command.Context(), network, blocks)
	broken, isVerdict := errors.AsType[*ethereum.Error](err)
	if err != nil && !isVerdict {
		return fmt.Errorf("%s: %w", from.name, err)
	}
	result := blocksResult{Valid: err == nil, Network: network.String(), Summary: summary, Wrong: broken}
	text := ""
	if err == nil {
		text = blocksText(result)
	} else {
		err = fmt.Errorf("%s: %w", from.name, err)
	}
	return errors.Join(j.output.write(command.OutOrStdout(), result, text), err)
}

func blocksText(result blocksResult) string {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%d headers of %s hold, from number %d to %d; the last is %s, of %s.\n", result.Headers, result.Network,
		result.First, result.First+result.Headers-1, result.Tip, result.Fork)
	_, _ = fmt.Fprintf(&text, "Roots verified: %d of %d transactions, %d of %d receipts, %d of withdrawals.\n", result.TransactionRoots,
		result.Transactions, result.ReceiptRoots, result.Receipts, result.WithdrawalRoots)
	if !result.Genesis {
		text.WriteString("The list does not begin with the network's first block: it is trusted where it begins.\n")
	}
	return text.String()
}
