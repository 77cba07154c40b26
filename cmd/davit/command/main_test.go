package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/emulator/emulatortest"
	"davit/events/davit"
	"davit/shared/installation"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workqueue"
)

var endpoint string

func TestMain(m *testing.M) {
	os.Exit(emulatortest.Run(m, func(url string) { endpoint = url }, emulatortest.WithoutEngine))
}

func localConfiguration(region string) aws.Config {
	if region == "" {
		region = emulator.DefaultRegion
	}
	return aws.Config{Region: region, BaseEndpoint: aws.String(endpoint),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// calls records the operations that were called.
type calls struct {
	mutex      sync.Mutex
	operations []string
}

func (c *calls) record(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Recorder", func(ctx context.Context,
		input middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		c.mutex.Lock()
		c.operations = append(c.operations, awsmiddleware.GetServiceID(ctx)+":"+awsmiddleware.GetOperationName(ctx))
		c.mutex.Unlock()
		return next.HandleInitialize(ctx, input)
	}), middleware.After)
}

// outcome is what a run of the command line left.
type outcome struct {
	code           int
	output, errors string
	operations     []string
}

// run runs the command line against the emulator.
func run(t *testing.T, arguments ...string) outcome {
	t.Helper()
	return runWith(t, "", arguments...)
}

func runWith(t *testing.T, input string, arguments ...string) outcome {
	t.Helper()
	recorder := &calls{}
	world := environment{now: time.Now, load: func(_ context.Context, region string) (aws.Config, error) {
		configuration := localConfiguration(region)
		configuration.APIOptions = append(configuration.APIOptions, recorder.record)
		return configuration, nil
	}}
	var output, errorOutput bytes.Buffer
	root := newRoot(world)
	root.SetIn(strings.NewReader(input))
	root.SetOut(&output)
	root.SetErr(&errorOutput)
	code := execute(t.Context(), root, arguments, &errorOutput)
	return outcome{code: code, output: output.String(), errors: errorOutput.String(), operations: recorder.operations}
}

// want checks the exit code, and that all the texts are in what was written.
func (o outcome) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d; output:\n%s\nerrors:\n%s", o.code, code, o.output, o.errors)
	}
	for _, text := range texts {
		if !strings.Contains(o.output+o.errors, text) {
			t.Errorf("nothing says %q; output:\n%s\nerrors:\n%s", text, o.output, o.errors)
		}
	}
}

// wantJSON decodes the output.
func wantJSON[T any](t *testing.T, o outcome) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(o.output), &value); err != nil {
		t.Fatalf("%v in the output:\n%s\nerrors:\n%s", err, o.output, o.errors)
	}
	return value
}

// wantOnlyReads checks that every operation is one of the reads that AWS lists under "Read" or "List" in the Service
// Authorization Reference.
func (o outcome) wantOnlyReads(t *testing.T) {
	t.Helper()
	reads := []string{"Application Auto Scaling:DescribeScalableTargets", "DynamoDB:GetItem", "DynamoDB:BatchGetItem", "DynamoDB:Query", "ECS:DescribeServices",
		"ECS:DescribeTaskDefinition", "ECR:DescribeImages", "ECR:BatchGetImage", "ECR:GetDownloadUrlForLayer", "SSM:GetParameter", "SSM:GetParameters",
		"Resource Groups Tagging API:GetResources", "STS:GetCallerIdentity"}
	if len(o.operations) == 0 {
		t.Error("nothing was called")
	}
	for _, operation := range o.operations {
		if !slices.Contains(reads, operation) {
			t.Errorf("%s is called", operation)
		}
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// install makes the table, the queue, and the rule that brings the events of ECS, once for all tests.
var install = sync.OnceValue(func() error {
	return errors.Join(createTable(context.Background()), createQueue(context.Background()))
})

func createTable(ctx context.Context) error {
	text := dynamodbtypes.ScalarAttributeTypeS
	_, err := dynamodb.NewFromConfig(localConfiguration("")).CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(names.Table), BillingMode: dynamodbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{
			{AttributeName: aws.String(names.TablePartitionKey), AttributeType: text},
			{AttributeName: aws.String(names.TableSortKey), AttributeType: text}},
		KeySchema: []dynamodbtypes.KeySchemaElement{
			{AttributeName: aws.String(names.TablePartitionKey), KeyType: dynamodbtypes.KeyTypeHash},
			{AttributeName: aws.String(names.TableSortKey), KeyType: dynamodbtypes.KeyTypeRange}},
	})
	return err
}

func createQueue(ctx context.Context) error {
	_, err := sqs.NewFromConfig(localConfiguration("")).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(names.RolloutQueue)})
	if err != nil {
		return err
	}
	rules, rule := eventbridge.NewFromConfig(localConfiguration("")), aws.String("deployments")
	_, err = rules.PutRule(ctx, &eventbridge.PutRuleInput{Name: rule,
		EventPattern: aws.String(`{"source":["aws.ecs"],"detail-type":["ECS Deployment State Change"]}`)})
	if err != nil {
		return err
	}
	_, err = rules.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: rule, Targets: []eventbridgetypes.Target{{Id: aws.String("queue"),
		Arn: aws.String("arn:aws:sqs:" + emulator.DefaultRegion + ":" + emulator.Account + ":" + names.RolloutQueue)}}})
	return err
}

// service is one ECS service with its own cluster and repository of the same name.
type service struct {
	name     string
	workload string
}

// newService makes cluster, repository and service NAME in an installation. The service runs 1.0.0 by tag.
func newService(t *testing.T, name string) service {
	t.Helper()
	fatal(t, install())
	ctx, client := t.Context(), ecs.NewFromConfig(localConfiguration(""))
	_, err := ecr.NewFromConfig(localConfiguration("")).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
	fatal(t, err)
	push(t, name, "1.0.0", "amd64")
	_, err = client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name})
	fatal(t, err)
	_, err = client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &name, NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: &name,
			Image: aws.String(emulator.Account + ".dkr.ecr." + emulator.DefaultRegion + ".amazonaws.com/" + name + ":1.0.0")}},
	})
	fatal(t, err)
	_, err = client.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: &name, ServiceName: &name, TaskDefinition: &name, DesiredCount: aws.Int32(1), LaunchType: ecstypes.LaunchTypeFargate,
		DeploymentConfiguration: &ecstypes.DeploymentConfiguration{
			DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: true, Rollback: true}},
		Tags: []ecstypes.Tag{{Key: aws.String(names.TagPolicy), Value: aws.String("semver:1.x")}},
	})
	fatal(t, err)
	return service{name: name, workload: "ecs:" + name + "/" + name}
}

// push pushes an image for linux and an architecture, and answers its digest.
func push(t *testing.T, repository, tag, architecture string) string {
	t.Helper()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: architecture, Author: tag})
	fatal(t, err)
	target, err := name.ParseReference(strings.TrimPrefix(endpoint, "http://")+"/"+repository+":"+tag, name.Insecure)
	fatal(t, err)
	fatal(t, remote.Write(target, image, remote.WithContext(t.Context())))
	pushed, err := image.Digest()
	fatal(t, err)
	return pushed.String()
}

// pushed is the event of a push.
func pushed(repository, tag, digest string) string {
	return `{"version": "0", "id": "push-` + tag + `", "detail-type": "ECR Image Action", "source": "aws.ecr", "account": "` +
		emulator.Account + `", "time": "2026-11-22T12:00:00Z", "region": "` + emulator.DefaultRegion + `", "resources": [], "detail": {` +
		`"result": "SUCCESS", "action-type": "PUSH", "repository-name": "` + repository + `", "image-tag": "` + tag +
		`", "image-digest": "` + digest + `"}}`
}

// hearer keeps what the function reports: workload, detail type and who, for each.
type hearer struct {
	mutex sync.Mutex
	lines []string
}

func (r *hearer) Report(_ context.Context, announcements ...ledger.Announcement[davit.Rollout]) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, announcement := range announcements {
		r.lines = append(r.lines, announcement.Detail.Workload+" "+announcement.DetailType+" "+announcement.Detail.Who)
	}
	return nil
}

func (r *hearer) times(line string) (times int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, other := range r.lines {
		if other == line {
			times++
		}
	}
	return times
}

// function does what the function does with the messages of the queue, until the test ends or stop is called.
func function(t *testing.T) (reports *hearer, stop func()) {
	t.Helper()
	configuration := localConfiguration("")
	log := slog.New(slog.DiscardHandler)
	davit := installation.Open(configuration, names.Table, names.SettingsParameter, log)
	reports = new(hearer)
	davit.Reconciler.Reporter = reports
	client := sqs.NewFromConfig(configuration)
	found, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(names.RolloutQueue)})
	fatal(t, err)
	queue := workqueue.New(client, *found.QueueUrl, "")
	intake := &rollout.Intake{Reconciler: davit.Reconciler, Fleet: davit.Fleet, Enqueue: queue.Enqueue, MaximumReceives: 6, Log: log}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			handleMessages(ctx, t, client, *found.QueueUrl, intake)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return reports, stop
}

func handleMessages(ctx context.Context, t *testing.T, client *sqs.Client, queue string, intake *rollout.Intake) {
	output, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10,
		WaitTimeSeconds: 1, VisibilityTimeout: 1,
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameApproximateReceiveCount}})
	if err != nil {
		if ctx.Err() == nil {
			t.Errorf("receiving messages: %v", err)
		}
		return
	}
	for _, message := range output.Messages {
		if err := intake.Handle(ctx, []byte(*message.Body), 1); err != nil {
			if ctx.Err() == nil {
				t.Logf("comes again: %v", err)
			}
			continue
		}
		if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: message.ReceiptHandle}); err != nil && ctx.Err() == nil {
			t.Errorf("deleting a message: %v", err)
		}
	}
}

// quiet waits until the function's queue has been empty for a second.
func quiet(t *testing.T) {
	t.Helper()
	client := sqs.NewFromConfig(localConfiguration(""))
	found, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(names.RolloutQueue)})
	fatal(t, err)
	for empty, deadline := 0, time.Now().Add(30*time.Second); empty < 10; time.Sleep(100 * time.Millisecond) {
		held, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: found.QueueUrl,
			AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
		fatal(t, err)
		if empty++; held.Attributes["ApproximateNumberOfMessages"] != "0" || held.Attributes["ApproximateNumberOfMessagesNotVisible"] != "0" {
			empty = 0
		}
		if time.Now().After(deadline) {
			t.Fatalf("the queue is not empty: %v", held.Attributes)
		}
	}
}

// eventually runs the command line until the output has the text.
func eventually(t *testing.T, text string, arguments ...string) outcome {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		seen := run(t, arguments...)
		if strings.Contains(seen.output, text) {
			return seen
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q does not come up in:\n%s%s", text, seen.output, seen.errors)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
