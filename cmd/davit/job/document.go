package job

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"davit/cmd/davit/command"
	jobs "davit/shared/hashjob"
	"davit/shared/hashjob/cloud"
)

// documentCommand runs a document in process, as the deployed function would.
func documentCommand(output *output) *cobra.Command {
	var region string
	made := &cobra.Command{
		Use:   "document FILE",
		Short: "Run a job's document, as the deployed function takes it",
		Long: `Run a job's document in this process: the same document that "davit job submit" sends to the deployed function, with the same
result. Objects in S3 are read with the caller's own AWS credentials; where the inputs are in the document, none are needed.
Anchors are made by the deployed function only, whose key signs them.`,
		Example: `  davit job run document block.json
  davit job run document calls.json --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(given *cobra.Command, arguments []string) error {
			_, job, err := readJob(given, arguments[0])
			if err != nil {
				return err
			}
			runner := &jobs.Runner{Now: time.Now}
			if job.Input != nil && job.Input.S3 != nil {
				configuration, err := command.LoadConfiguration(given.Context(), region)
				if err != nil {
					return err
				}
				runner.Objects = cloud.NewBucket(configuration, "")
			}
			progress := newProgress(given, "items")
			defer progress.end()
			var told uint64
			step, err := runner.Run(given.Context(), job, jobs.Invocation{Tell: func(items uint64) {
				progress.add(items - told)
				told = items
			}})
			progress.end()
			if err != nil {
				return err
			}
			text, err := resultText(step.Result)
			return errors.Join(err, output.write(given.OutOrStdout(), step.Result, text))
		},
	}
	made.Flags().StringVar(&region, "region", "", "AWS region; that of the AWS environment if absent")
	return made
}
