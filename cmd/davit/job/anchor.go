package job

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"davit/events/hashjob"
)

type anchorJob struct {
	output *output
	region string
	job    hashjob.Job
	from   hashjob.S3Input
	anchor hashjob.AnchorOptions
}

func anchorCommand(output *output) *cobra.Command {
	job := anchorJob{output: output}
	made := &cobra.Command{
		Use:   "anchor",
		Short: "Anchor objects of S3 under a root that KMS signs",
		Long: `Anchor objects of S3: the root of their digests is signed by KMS and written under Object Lock, with a proof for each object.

It works in this process with the caller's own AWS credentials, on the bucket and the key of the stack davit-hashjobs; the
deployed function does the same ("davit job submit"). "davit anchor verify" verifies a file by its proof alone.`,
		Example: `  davit job run anchor --id records-2026-11-22 --bucket media --prefix 2026/11/22/ --retain-days 3650
  davit job run anchor --id release-1.4 --bucket media --key app-1.4.tar --key app-1.4.sbom --retain-days 365 --mode COMPLIANCE --json`,
	}
	flags := made.Flags()
	flags.StringVar(&job.job.ID, "id", "", "the anchor's ID, which no other anchor has")
	flags.StringVar(&job.from.Bucket, "bucket", "", "the bucket of the objects")
	flags.StringVar(&job.from.Prefix, "prefix", "", "take all objects whose keys begin with it")
	flags.StringArrayVar(&job.from.Keys, "key", nil, "take this object; may be given more than once")
	flags.IntVar(&job.anchor.RetainDays, "retain-days", 0, "for how many days what is written can be neither changed nor deleted")
	flags.StringVar(&job.anchor.Mode, "mode", "GOVERNANCE", "GOVERNANCE, where a privileged user can lift it, or COMPLIANCE, where nobody can")
	flags.StringVar(&job.region, "region", "", "AWS region; that of the AWS environment if absent")
	made.Args = checked(cobra.NoArgs, job.check)
	made.RunE = func(given *cobra.Command, _ []string) error { return job.run(given) }
	return made
}

// flagsOf are the flags of the fields of the document.
var flagsOf = map[string]string{"id": "id", "input.s3": "key or --prefix", "input.s3.bucket": "bucket", "input.s3.keys": "key",
	"input.s3.prefix": "prefix", "anchor.retain_days": "retain-days", "anchor.mode": "mode"}

func (j *anchorJob) check() error {
	j.from.Form = hashjob.FormObjects
	j.job.Version, j.job.Kind, j.job.Anchor, j.job.Input = hashjob.Version, hashjob.Anchor, &j.anchor, &hashjob.Input{S3: &j.from}
	err := j.job.Check()
	if wrong, ok := errors.AsType[*hashjob.FieldError](err); ok && flagsOf[wrong.Field] != "" {
		return fmt.Errorf("--%s: %s", flagsOf[wrong.Field], wrong.Reason)
	}
	return err
}

func (j *anchorJob) run(given *cobra.Command) error {
	result, err := runHere(given, j.job, j.region)
	if err != nil {
		return err
	}
	anchored := result.Anchor
	return j.output.write(given.OutOrStdout(), anchored, fmt.Sprintf("%d objects are anchored under the root %s, until %s.\n"+
		"See a proof with: davit anchor proof %s KEY\n", anchored.Leaves, anchored.Root, anchored.Retained, j.job.ID))
}
