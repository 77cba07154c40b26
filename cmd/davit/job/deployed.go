package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"davit/cmd/davit/command"
	"davit/events/hashjob"
	"davit/shared/backoff"
	jobs "davit/shared/hashjob"
	"davit/shared/hashjob/cloud"
	"davit/shared/names"
)

// lookEvery is how often a job is looked at that is waited for.
const lookEvery = 500 * time.Millisecond

// maximumResult is the longest result that is shown, in bytes.
const maximumResult = 16 << 20

// deployed is the installation of hash jobs that a command works with.
type deployed struct {
	configuration aws.Config
	book          *cloud.Book
	output        output
	command       *cobra.Command
}

// onDeployed makes the body of a command that works with the deployed function.
func onDeployed(work func(ctx context.Context, d *deployed, arguments []string) error, more ...func(*cobra.Command)) func(*cobra.Command) {
	return func(made *cobra.Command) {
		var region string
		var shown output
		made.Flags().StringVar(&region, "region", "", "AWS region; that of the AWS environment if absent")
		made.Flags().BoolVar(&shown.asJSON, "json", false, "write the result as JSON")
		made.RunE = func(given *cobra.Command, arguments []string) error {
			configuration, err := command.LoadConfiguration(given.Context(), region)
			if err != nil {
				return err
			}
			d := &deployed{configuration: configuration, book: cloud.NewBook(configuration, names.HashJobTable), output: shown, command: given}
			return inWords(configuration, work(given.Context(), d, arguments))
		}
		for _, add := range more {
			add(made)
		}
	}
}

// inWords says what to do where hash jobs are not installed.
func inWords(configuration aws.Config, err error) error {
	var table *dynamodbtypes.ResourceNotFoundException
	var queue *sqstypes.QueueDoesNotExist
	var function *lambdatypes.ResourceNotFoundException
	if errors.As(err, &table) || errors.As(err, &queue) || errors.As(err, &function) {
		return fmt.Errorf("hash jobs are not installed in %s: deploy the stack davit-hashjobs, or set AWS_REGION / AWS_ENDPOINT_URL: %w",
			configuration.Region, err)
	}
	return err
}

func submitCommand() *cobra.Command {
	var wait, invoke bool
	made := &cobra.Command{
		Use:   "submit FILE",
		Short: "Send a job's document to the deployed function",
		Long: `Send a job's document to the queue of the deployed function. The document is checked first, so that what is wrong with it
is told here. A job that succeeded is not done again under its ID. With --wait the result is waited for and shown; with --invoke
the function is invoked instead, and its answer shown.

Exit codes: 0 sent, or with --wait and --invoke done; 1 failed.`,
		Example: `  davit job submit block.json --wait
  davit job submit block.json --invoke --json`,
		Args: func(given *cobra.Command, arguments []string) error {
			if wait && invoke {
				return errors.New("--invoke waits by itself: give only one of --wait and --invoke")
			}
			return cobra.ExactArgs(1)(given, arguments)
		},
	}
	onDeployed(func(ctx context.Context, d *deployed, arguments []string) error {
		document, job, err := readJob(d.command, arguments[0])
		if err != nil {
			return err
		}
		if invoke {
			return d.invoke(ctx, document)
		}
		if err := d.send(ctx, document); err != nil {
			return err
		}
		if !wait {
			return d.output.write(d.command.OutOrStdout(), map[string]string{"id": job.ID},
				fmt.Sprintf("Job %s is sent. See it with: davit job show %s\n", job.ID, job.ID))
		}
		return d.follow(ctx, job)
	})(made)
	made.Flags().BoolVar(&wait, "wait", false, "wait for the end of the job, and show its result")
	made.Flags().BoolVar(&invoke, "invoke", false, "invoke the function with the document, and show its answer")
	return made
}

// readJob reads and checks a document.
func readJob(given *cobra.Command, path string) ([]byte, hashjob.Job, error) {
	from, err := openSource(given, path)
	if err != nil {
		return nil, hashjob.Job{}, err
	}
	defer func() { _ = from.Close() }() // it was only read
	document, err := io.ReadAll(io.LimitReader(from, hashjob.MaximumDocument+1))
	if err != nil {
		return nil, hashjob.Job{}, fmt.Errorf("%s: %w", from.name, err)
	}
	job, err := hashjob.Parse(document)
	if err != nil {
		return nil, hashjob.Job{}, fmt.Errorf("%s: %w", from.name, err)
	}
	return document, job, nil
}

func (d *deployed) send(ctx context.Context, document []byte) error {
	client := sqs.NewFromConfig(d.configuration)
	queue, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(names.HashJobQueue)})
	if err != nil {
		return fmt.Errorf("find the queue of hash jobs: %w", err)
	}
	_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String(string(document))})
	if err != nil {
		return fmt.Errorf("send the job: %w", err)
	}
	return nil
}

func (d *deployed) invoke(ctx context.Context, document []byte) error {
	answer, err := lambda.NewFromConfig(d.configuration).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(names.HashJobFunction),
		Payload: document})
	if err != nil {
		return fmt.Errorf("invoke the function: %w", err)
	}
	if answer.FunctionError != nil {
		return fmt.Errorf("the function failed; send the job again, or see its log: %s", answer.Payload)
	}
	var result hashjob.Result
	if err := json.Unmarshal(answer.Payload, &result); err != nil {
		return fmt.Errorf("read the function's answer: %w", err)
	}
	return d.showResult(result)
}

// showResult shows a result; one that failed is an error as well.
func (d *deployed) showResult(result hashjob.Result) error {
	text, err := resultText(result)
	if err != nil {
		return err
	}
	return errors.Join(d.output.write(d.command.OutOrStdout(), result, text), failed(result))
}

func failed(result hashjob.Result) error {
	if result.Outcome != hashjob.Failed || result.Error == nil {
		return nil
	}
	return fmt.Errorf("job %s failed: %w", result.ID, result.Error)
}

// resultText is what a result says, without where it is stored.
func resultText(result hashjob.Result) (string, error) {
	if result.Outcome == hashjob.Continued {
		return fmt.Sprintf("Job %s goes on; %d items are done. See it with: davit job show %s\n", result.ID, result.Items, result.ID), nil
	}
	if result.Outcome == hashjob.Failed {
		return "", nil
	}
	bare := result
	bare.Stored = nil
	document, err := json.MarshalIndent(bare, "", "  ")
	if err != nil {
		return "", err
	}
	return string(document) + "\n", nil
}

// follow waits for the end of the job.
func (d *deployed) follow(ctx context.Context, job hashjob.Job) error {
	document, err := jobs.Identify(job)
	if err != nil {
		return err
	}
	progress := newProgress(d.command, "items of job "+job.ID)
	defer progress.end()
	var items uint64
	for {
		record, err := d.book.Read(ctx, job.ID)
		if err != nil {
			return err
		}
		progress.add(max(record.Items, items) - items)
		items = max(record.Items, items)
		switch {
		case record.Version > 0 && record.Document != document && record.Status != jobs.Failed:
			return fmt.Errorf("job %s belongs to another document, which is %s: choose another ID", job.ID, record.Status)
		case record.Announced && record.Document == document:
			progress.end()
			result, err := d.result(ctx, record)
			if err != nil {
				return err
			}
			return d.showResult(result)
		}
		if err := backoff.Wait(ctx, lookEvery); err != nil {
			return fmt.Errorf("stopped waiting; job %s goes on: %w", job.ID, err)
		}
	}
}

func (d *deployed) result(ctx context.Context, record jobs.Record) (hashjob.Result, error) {
	document, err := cloud.NewBucket(d.configuration, record.Result.Bucket).Get(ctx, record.Result.Key, maximumResult)
	if err != nil {
		return hashjob.Result{}, err
	}
	var result hashjob.Result
	if err := json.Unmarshal(document, &result); err != nil {
		return hashjob.Result{}, fmt.Errorf("read the result of job %s: %w", record.ID, err)
	}
	return result, nil
}

// shown is what show writes as JSON.
type shown struct {
	Job jobs.Record `json:"job"`
	// PiecesDone is how many of the job's pieces are done.
	PiecesDone int             `json:"pieces_done,omitempty"`
	Result     *hashjob.Result `json:"result,omitempty"`
}

func showCommand() *cobra.Command {
	made := &cobra.Command{
		Use:   "show ID",
		Short: "Show how a job of the deployed function stands",
		Long: `Show how a job of the deployed function stands: how far it is, what it came to, where its result is. It changes nothing.
The exit code is 1 where there is no such job.`,
		Example: "  davit job show block-100000\n  davit job show block-100000 --json",
		Args:    cobra.ExactArgs(1),
	}
	onDeployed(func(ctx context.Context, d *deployed, arguments []string) error { return d.show(ctx, arguments[0]) })(made)
	return made
}

func (d *deployed) show(ctx context.Context, id string) error {
	if !hashjob.ValidID(id) {
		return fmt.Errorf("%.128q can be no ID of a job", id)
	}
	record, err := d.book.Read(ctx, id)
	if err != nil {
		return err
	}
	if record.Version == 0 {
		return fmt.Errorf("there is no job %s: it was never begun, or its record has expired", id)
	}
	seen := shown{Job: record}
	if record.Pieces > 0 {
		if seen.PiecesDone, err = d.pieces(ctx, record); err != nil {
			return err
		}
	}
	if record.Result != nil {
		result, err := d.result(ctx, record)
		if err != nil {
			return err
		}
		seen.Result = &result
	}
	text, err := seen.text()
	if err != nil {
		return err
	}
	return d.output.write(d.command.OutOrStdout(), seen, text)
}

// pieces counts the pieces that are done.
func (d *deployed) pieces(ctx context.Context, record jobs.Record) (int, error) {
	if record.Result != nil {
		return record.Pieces, nil
	}
	account, err := command.Account(ctx, d.configuration)
	if err != nil {
		return 0, err
	}
	bucket := cloud.NewBucket(d.configuration, names.HashJobBucket(account, d.configuration.Region))
	return bucket.Count(ctx, jobs.PiecesPrefix(record.ID, record.Attempt))
}

func (s *shown) text() (string, error) {
	var text strings.Builder
	record := s.Job
	line := func(name, format string, arguments ...any) {
		_, _ = fmt.Fprintf(&text, "  %-11s %s\n", name, fmt.Sprintf(format, arguments...))
	}
	_, _ = fmt.Fprintf(&text, "Job %s (%s): %s\n", record.ID, record.Kind, record.Status)
	line("begun", "%s", record.BegunAt.Format(time.RFC3339))
	if !record.EndedAt.IsZero() {
		line("ended", "%s, after %s", record.EndedAt.Format(time.RFC3339), record.EndedAt.Sub(record.BegunAt).Round(time.Millisecond))
	}
	line("items", "%d", record.Items)
	line("invocations", "%d", record.Invocations)
	if record.Pieces > 0 {
		line("pieces", "%d of %d done, by execution %s", s.PiecesDone, record.Pieces, record.Execution)
	}
	if record.Trouble != "" {
		line("trouble", "%s", record.Trouble)
	}
	if record.Error != nil {
		line("error", "%s", record.Error)
	}
	if record.Result != nil {
		line("result", "s3://%s/%s", record.Result.Bucket, record.Result.Key)
	}
	if s.Result == nil {
		return text.String(), nil
	}
	result, err := resultText(*s.Result)
	text.WriteString(result)
	return text.String(), err
}
