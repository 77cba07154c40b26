package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"davit/cmd/davit/command"
	"davit/events/hashjob"
	jobs "davit/shared/hashjob"
	"davit/shared/hashjob/cloud"
	"davit/shared/names"
)

// runHere does a job in this process, with the caller's own AWS credentials where it needs any.
func runHere(given *cobra.Command, job hashjob.Job, region string) (hashjob.Result, error) {
	runner, configuration := &jobs.Runner{Now: time.Now}, aws.Config{}
	if job.Sign != nil || job.Input != nil && job.Input.S3 != nil {
		var err error
		if configuration, err = command.LoadConfiguration(given.Context(), region); err != nil {
			return hashjob.Result{}, err
		}
		if runner, err = cloudRunner(given.Context(), configuration, job); err != nil {
			return hashjob.Result{}, err
		}
	}
	progress := newProgress(given, "items")
	defer progress.end()
	var told uint64
	step, err := runner.Run(given.Context(), job, jobs.Invocation{Tell: func(items uint64) {
		progress.add(items - told)
		told = items
	}})
	return step.Result, inWords(configuration, err)
}

// cloudRunner does jobs with objects in S3 and keys in KMS. Only an anchor is written to the bucket of hash jobs.
func cloudRunner(ctx context.Context, configuration aws.Config, job hashjob.Job) (*jobs.Runner, error) {
	runner := &jobs.Runner{Objects: cloud.NewBucket(configuration, ""), Wallet: cloud.NewWallet(configuration, names.HashJobTable), Now: time.Now}
	if job.Anchor == nil {
		return runner, nil
	}
	account, err := command.Account(ctx, configuration)
	if err != nil {
		return nil, err
	}
	name := names.HashJobBucket(account, configuration.Region)
	bucket := cloud.NewBucket(configuration, name)
	_, err = bucket.Stat(ctx, name, jobs.AnchorObjectsKey(job.ID))
	switch {
	case err == nil:
		return nil, fmt.Errorf("there is an anchor %s: choose another ID", job.ID)
	case !errors.Is(err, jobs.ErrNoObject):
		return nil, fmt.Errorf("look for an anchor %s: %w", job.ID, err)
	}
	runner.Objects, runner.Store, runner.Signer = bucket, bucket, cloud.NewKey(configuration, names.AnchorKeyAlias)
	return runner, nil
}
