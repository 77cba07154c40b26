// Package restore is the command that brings objects of S3 back.
package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"davit/cmd/davit/command"
	"davit/shared/restore"
)

// request is what the command line asks for.
type request struct {
	bucket, key, region string
	at, tier            string
	wish                restore.Wish
	options             restore.Options
	dryRun, agreed      bool
	noWait, asJSON      bool
	out, progress       io.Writer
}

// Command is `davit restore`.
func Command() *cobra.Command {
	wanted := &request{}
	made := &cobra.Command{
		Use:   "restore s3://BUCKET/KEY | s3://BUCKET/PREFIX/",
		Short: "Bring deleted, overwritten and archived objects of S3 back",
		Long: `Bring deleted, overwritten and archived objects of S3 back, in a bucket with versions.

An object that was deleted is uncovered: its delete markers go. One that was overwritten, as seen with --at or --version, gets
the wanted version as its newest; the others stay, so that this can be undone in the same way. One in Glacier Flexible
Retrieval, Deep Archive or an archive tier is opened for --days; --keep takes it out of the archive for good. A name that ends
in "/" stands for every object below it.

Opening archives costs money and takes hours: what it will cost is said first, and it is done only with --yes. The command
follows it to the end; with --no-wait, the function davit-restore does what remains. A command that was interrupted goes on when it
is run again. Nothing is deleted but delete markers: what came after the moment of --at stays.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage.`,
		Example: `  davit restore s3://media/cats/1.jpg
  davit restore s3://media/cats/ --at 2026-11-20T09:00:00Z --dry-run
  davit restore s3://records/2025/ --tier bulk --days 3 --yes
  davit restore s3://records/2025/report.pdf --keep --no-wait --yes`,
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return errors.New("want one s3://BUCKET/KEY")
			}
			return wanted.read(arguments[0])
		},
		RunE: func(made *cobra.Command, _ []string) error {
			wanted.out, wanted.progress = made.OutOrStdout(), made.ErrOrStderr()
			return wanted.run(made.Context())
		},
	}
	wanted.flags(made)
	return made
}

func (r *request) flags(made *cobra.Command) {
	flags := made.Flags()
	flags.StringVar(&r.at, "at", "", "the moment whose versions are wanted, such as 2026-11-20T09:00:00Z")
	flags.StringVar(&r.wish.VersionID, "version", "", "the version that is wanted, of one object")
	flags.StringVar(&r.tier, "tier", "standard", "how fast archives are opened: expedited, standard or bulk")
	flags.IntVar(&r.options.Days, "days", 7, "for how many days archives stay open, 1 to 365")
	flags.BoolVar(&r.wish.Keep, "keep", false, "take archived objects out of the archive for good, by a copy")
	flags.BoolVar(&r.wish.LeaveArchived, "leave-archived", false, "open no archive")
	flags.BoolVar(&r.dryRun, "dry-run", false, "say what would be done, and what it would cost; do nothing")
	flags.BoolVar(&r.agreed, "yes", false, "open archives, whatever it costs")
	flags.BoolVar(&r.noWait, "no-wait", false, "do not wait for archives to open")
	flags.DurationVar(&r.options.Poll, "poll", time.Minute, "how often to look whether archives are open, 1s to 1h")
	flags.IntVar(&r.options.Concurrency, "concurrency", 16, "how many objects to work on at once, 1 to 256")
	flags.BoolVar(&r.asJSON, "json", false, "write the result as JSON; progress goes to standard error")
	flags.StringVar(&r.region, "region", "", "AWS region of the bucket; that of the AWS environment if absent")
}

// read reads the argument and checks the flags, which are known by then. Its errors are of usage.
func (r *request) read(argument string) error {
	rest, found := strings.CutPrefix(argument, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !found || bucket == "" {
		return fmt.Errorf("want s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for every object below it, have %q", argument)
	}
	r.bucket, r.key = bucket, key
	tiers := map[string]restore.Tier{"expedited": restore.Expedited, "standard": restore.Standard, "bulk": restore.Bulk}
	r.options.Tier = tiers[strings.ToLower(r.tier)]
	switch {
	case r.options.Tier == "":
		return fmt.Errorf("--tier: want expedited, standard or bulk, have %q", r.tier)
	case r.options.Days < 1 || r.options.Days > 365:
		return fmt.Errorf("--days: want 1 to 365, have %d", r.options.Days)
	case r.options.Concurrency < 1 || r.options.Concurrency > 256:
		return fmt.Errorf("--concurrency: want 1 to 256, have %d", r.options.Concurrency)
	case r.options.Poll < time.Second || r.options.Poll > time.Hour:
		return fmt.Errorf("--poll: want 1s to 1h, have %s", r.options.Poll)
	case r.wish.Keep && r.wish.LeaveArchived:
		return errors.New("--keep opens archives, and --leave-archived does not: give one")
	case r.wish.VersionID != "" && (r.at != "" || !r.exact()):
		return errors.New("--version is of one object, and stands without --at")
	case r.at == "":
		return nil
	}
	at, err := time.Parse(time.RFC3339, r.at)
	if err != nil {
		return fmt.Errorf("--at: want a moment with its time zone, such as 2026-11-20T09:00:00Z, have %q", r.at)
	}
	r.wish.At = at
	return nil
}

// exact tells whether one object is meant.
func (r *request) exact() bool { return r.key != "" && !strings.HasSuffix(r.key, "/") }

// report is the result as JSON.
type report struct {
	Bucket   string             `json:"bucket"`
	Prefix   string             `json:"prefix"`
	Looked   int                `json:"looked"`
	Nothing  int                `json:"nothing"`
	Estimate *restore.Estimate  `json:"estimate,omitempty"`
	DryRun   bool               `json:"dryRun,omitempty"`
	Steps    []restore.Step     `json:"steps,omitempty"`
	Outcomes []*restore.Outcome `json:"outcomes,omitempty"`
}

func (r *request) run(ctx context.Context) error {
	configuration, err := command.LoadConfiguration(ctx, r.region)
	if err != nil {
		return err
	}
	bucket := &restore.Bucket{Name: r.bucket, Client: s3.NewFromConfig(configuration, func(options *s3.Options) {
		options.UsePathStyle = aws.ToString(configuration.BaseEndpoint) != ""
	})}
	r.options.Wait = !r.noWait
	found := &report{Bucket: r.bucket, Prefix: r.key, DryRun: r.dryRun}
	var lone restore.Step
	var steps []restore.Step
	err = bucket.Plan(ctx, r.key, r.exact(), r.wish, func(step restore.Step) {
		found.Looked++
		if lone = step; step.Kind == restore.Nothing {
			found.Nothing++
			return
		}
		steps = append(steps, step)
		if found.Looked%1000 == 0 {
			r.say("looked at %d objects", found.Looked)
		}
	})
	if err != nil {
		return fmt.Errorf("plan the restore of s3://%s/%s: %w", r.bucket, r.key, err)
	}
	if found.Looked == 0 {
		return fmt.Errorf("s3://%s/%s: there is no such object, and no version of one; a prefix ends in \"/\"", r.bucket, r.key)
	}
	if err := r.estimate(found, steps, configuration.Region); err != nil {
		return err
	}
	switch {
	case len(steps) == 0 && r.exact():
		r.say("nothing to do for s3://%s/%s: %s%s", r.bucket, r.key, lone.Reason, hint(lone))
		return r.write(found, "")
	case r.dryRun:
		found.Steps = steps
		return r.write(found, planned(steps)+summary(found))
	case found.Estimate != nil && !r.agreed:
		return errors.New("nothing was done: give --yes to open the archives, --dry-run to see each object, " +
			"or --leave-archived to restore the rest")
	}
	return r.carryOut(ctx, bucket, steps, found)
}

// hint says what an owner may have meant whose object is as it is.
func hint(step restore.Step) string {
	if step.Wanted.ID != "" && step.Wanted.ID == step.Current && !step.Wanted.Archived() {
		return "; to go back to an older one, give --at or --version"
	}
	return ""
}

// estimate says what opening the archives takes and costs, where there are any.
func (r *request) estimate(found *report, steps []restore.Step, region string) error {
	estimate, err := restore.EstimateSteps(steps, region, r.options.Tier, r.options.Days)
	if err != nil {
		return fmt.Errorf("estimate the restore: %w", err)
	}
	if estimate.Objects == 0 {
		return nil
	}
	found.Estimate = &estimate
	r.say("%d archived objects of %s are to be opened (%s) for %d days: about $%.2f, and up to %s.", estimate.Objects,
		size(estimate.Bytes), strings.ToLower(string(r.options.Tier)), r.options.Days, estimate.Dollars, estimate.Takes)
	for _, price := range estimate.Prices {
		r.say("  %s of %s: $%g a GB and $%g for 1,000 requests, $%g a GB and month for the open copy (%s, %s). %s", price.StorageClass,
			price.Region, price.GB, price.ThousandRequests, price.CopyMonth, price.Source, price.Date, price.Note)
	}
	if len(estimate.Prices) > 0 && estimate.Region != region {
		r.say("  There are no prices of %s here: yours differ.", region)
	}
	return nil
}

// carryOut does the work with its progress, and tells how it went.
func (r *request) carryOut(ctx context.Context, bucket *restore.Bucket, steps []restore.Step, found *report) error {
	latest := map[string]*restore.Outcome{}
	finished, told := 0, time.Now()
	failed, err := bucket.Run(ctx, steps, r.options, func(outcome restore.Outcome) {
		key := outcome.Wanted.Key
		if latest[key] == nil {
			latest[key] = &outcome
			found.Outcomes = append(found.Outcomes, &outcome)
		}
		*latest[key] = outcome
		if outcome.Result != restore.Opening {
			finished++
		}
		if outcome.Result == restore.Failed {
			r.say("failed: %s", outcome.Error)
		}
		if time.Since(told) > 2*time.Second {
			told = time.Now()
			r.say("%d of %d objects are done", finished, len(steps))
		}
	})
	if err != nil {
		r.say("%d of %d objects are done; run the command again to go on", finished, len(steps))
		return fmt.Errorf("restore s3://%s/%s: %w", r.bucket, r.key, err)
	}
	if err := r.write(found, outcomes(found.Outcomes)+summary(found)); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d objects failed; run the command again to try those", failed, len(steps))
	}
	return nil
}

func (r *request) say(format string, arguments ...any) {
	_, _ = fmt.Fprintf(r.progress, format+"\n", arguments...)
}

// write writes the report as JSON, or the text.
func (r *request) write(found *report, text string) error {
	if !r.asJSON {
		_, err := io.WriteString(r.out, text)
		return err
	}
	encoder := json.NewEncoder(r.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(found)
}
