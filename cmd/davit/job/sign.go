package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"davit/events/hashjob"
)

type signJob struct {
	output                             *output
	key, id, region                    string
	text, data, typedData, transaction string
}

func signCommand(output *output) *cobra.Command {
	job := signJob{output: output}
	made := &cobra.Command{
		Use:   "sign",
		Short: "Sign an Ethereum transaction or message by a KMS key",
		Long: `Sign an Ethereum transaction or message by a KMS key of the kind ECC_SECG_P256K1, with the caller's own AWS credentials.

A transaction is a JSON object with chain_id, gas_limit, to, value, data, and either gas_price (EIP-155) or max_fee_per_gas and
max_priority_fee_per_gas (EIP-1559, with an access_list if there is one); amounts are in wei. Without a nonce it gets the key's
next one from the table of hash jobs, which must be deployed. The same --id gives the same nonce and the same transaction for
ever. Nothing is sent: give what is signed to eth_sendRawTransaction.

Messages are signed by EIP-191, version 0x45, typed data by EIP-712.`,
		Example: `  davit job run sign --key alias/davit/chain/signing --text "I agree."
  davit job run sign --key alias/davit/chain/signing --typed-data mail.json --json
  davit job run sign --key alias/davit/chain/signing --id payout-17 --transaction payout.json`,
	}
	flags := made.Flags()
	flags.StringVar(&job.key, "key", "", "the KMS key: its ARN, its ID or an alias")
	flags.StringVar(&job.id, "id", "", "the transaction's own ID, which no other transaction of the key ever had")
	flags.StringVar(&job.text, "text", "", "a message in UTF-8")
	flags.StringVar(&job.data, "data", "", "a message of bytes, as 0x and hexadecimal digits")
	flags.StringVar(&job.typedData, "typed-data", "", "file of typed data, as wallets take it for eth_signTypedData_v4; - is standard input")
	flags.StringVar(&job.transaction, "transaction", "", "file of a transaction; - is standard input")
	flags.StringVar(&job.region, "region", "", "AWS region; that of the AWS environment if absent")
	made.Args = checked(cobra.NoArgs, func() error {
		return errors.Join(oneOf(flags, "text", "data", "typed-data", "transaction"), job.check())
	})
	made.RunE = func(given *cobra.Command, _ []string) error { return job.run(given) }
	return made
}

// oneOf is the error of flags of which not exactly one is given.
func oneOf(flags *pflag.FlagSet, names ...string) error {
	given := 0
	for _, name := range names {
		if flags.Changed(name) {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("want one of --%s, not %d of them", strings.Join(names, ", --"), given)
	}
	return nil
}

func (j *signJob) check() error {
	switch {
	case j.key == "":
		return missing("key", "the KMS key: its ARN, its ID or an alias")
	case j.transaction != "" && !hashjob.ValidID(j.id):
		return missing("id", `a transaction has an ID of its own: 1 to 128 letters, digits, ".", "_" and "-"`)
	case j.transaction == "" && j.id != "":
		return errors.New("--id is for --transaction")
	}
	return nil
}

// document is the job of the flags.
func (j *signJob) document(given *cobra.Command) (hashjob.Job, error) {
	made := hashjob.Job{Version: hashjob.Version, ID: j.id, Kind: hashjob.Sign, Sign: &hashjob.SignOptions{Key: j.key}}
	if made.ID == "" {
		made.ID = "message"
	}
	var err error
	switch flags := given.Flags(); {
	case flags.Changed("text"):
		made.Sign.Text = &j.text
	case flags.Changed("data"):
		made.Sign.Data = &j.data
	case flags.Changed("typed-data"):
		err = readObject(given, j.typedData, &made.Sign.TypedData)
	default:
		err = readObject(given, j.transaction, &made.Sign.Transaction)
	}
	if err != nil {
		return hashjob.Job{}, err
	}
	return made, made.Check()
}

// readObject reads a JSON file strictly.
func readObject(given *cobra.Command, path string, into any) error {
	from, err := openSource(given, path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	decoder := json.NewDecoder(io.LimitReader(from, hashjob.MaximumObject))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", from.name, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: something follows the object", from.name)
	}
	return nil
}

func (j *signJob) run(given *cobra.Command) error {
	asked, err := j.document(given)
	if err != nil {
		return err
	}
	result, err := runHere(given, asked, j.region)
	if err != nil {
		return err
	}
	return j.output.write(given.OutOrStdout(), result.Sign, signText(result.Sign))
}

func signText(signed *hashjob.SignResult) string {
	if transaction := signed.Transaction; transaction != nil {
		return fmt.Sprintf("Signed by %s with nonce %d on chain %d: transaction %s.\n%s\n", signed.Address, transaction.Nonce,
			transaction.ChainID, transaction.Hash, transaction.Raw)
	}
	return fmt.Sprintf("Signed by %s, digest %s.\n%s\n", signed.Address, signed.Digest, signed.Signature)
}
