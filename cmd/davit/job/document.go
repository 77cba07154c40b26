package job

import (
	"errors"

	"github.com/spf13/cobra"
)

// documentCommand runs a document in process, as the deployed function would.
func documentCommand(output *output) *cobra.Command {
	var region string
	made := &cobra.Command{
		Use:   "document FILE",
		Short: "Run a job's document, as the deployed function takes it",
		Long: `Run a job's document in this process: the same document that "davit job submit" sends to the deployed function, with the same
result. Objects in S3 are read, and KMS signs, with the caller's own AWS credentials; without either none are needed. An anchor
is written to the bucket of hash jobs; nothing else is.`,
		Example: `  davit job run document block.json
  davit job run document calls.json --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(given *cobra.Command, arguments []string) error {
			_, job, err := readJob(given, arguments[0])
			if err != nil {
				return err
			}
			result, err := runHere(given, job, region)
			if err != nil {
				return err
			}
			text, err := resultText(result)
			return errors.Join(err, output.write(given.OutOrStdout(), result, text))
		},
	}
	made.Flags().StringVar(&region, "region", "", "AWS region; that of the AWS environment if absent")
	return made
}
