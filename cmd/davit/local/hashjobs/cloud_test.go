// Package hashjobs holds what the deployed function does with hash jobs: one local cloud with nothing but the stack
// davit-hashjobs on it and a key that signs, its permissions enforced, and a test for each way in and out.
package hashjobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"go.yaml.in/yaml/v4"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/emulator/emulatortest"
	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/endpoint"
	"davit/events/davit"
	"davit/events/hashjob"
	jobs "davit/shared/hashjob"
	jobscloud "davit/shared/hashjob/cloud"
	"davit/shared/names"
)

// waitLimit bounds one wait, lookEvery is how often it looks.
const (
	waitLimit = 60 * time.Second
	lookEvery = 50 * time.Millisecond
)

// inputs is a bucket beside the function's own, from which the configuration lets it read; closed is one that it does not.
const (
	inputs = "media-of-others"
	closed = "closed-to-davit"
)

var (
	started string
	// theAccount is the one account of all tests. The first test makes it.
	theAccount = sync.OnceValues(makeAccount)
	// folders are removed at the end.
	folders []string
)

func TestMain(m *testing.M) {
	code := emulatortest.Run(m, func(endpoint string) { started = endpoint }, emulatortest.WithoutEngine,
		func(options *emulator.Options) { options.EnforcePermissions = true })
	for _, folder := range folders {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// account is an account with the stack.
type account struct {
	*jobs.Service
	bucket  string
	objects *jobscloud.Bucket
	key     *jobscloud.Key
	book    *jobscloud.Book
	s3      *s3.Client
	sqs     *sqs.Client
	lambda  *lambda.Client
	events  *eventbridge.Client
	// configuration is that of other clients.
	configuration aws.Config
	// mailbox gets every event of davit on its bus.
	mailbox, queue, dead string

	// told are the events that came so far. The tests run one after another.
	told []davit.HashJob
}

func makeAccount() (*account, error) {
	address, err := url.Parse(started)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		return nil, err
	}
	site, err := cloud.NewSite(port, emulator.DefaultRegion)
	if err != nil {
		return nil, err
	}
	if site.Directory, err = os.MkdirTemp("", "davit-hashjobs-"); err != nil {
		return nil, err
	}
	folders = append(folders, site.Directory)
	if site.Configuration, err = filepath.Rel(site.Root, filepath.Join(site.Directory, "hashjobs.yaml")); err != nil {
		return nil, err
	}
	if err := writeConfiguration(site); err != nil {
		return nil, err
	}
	application, out := site.Application(), console.New(os.Stdout)
	ctx := context.Background()
	if err := errors.Join(application.Bootstrap(ctx, out), application.Deploy(ctx, out)); err != nil {
		return nil, err
	}
	return open(ctx, site)
}

// writeConfiguration takes the configuration for hash jobs alone, as it is in the repository, and changes in it what its
// reader has to change: the account, the buckets, and for this machine the architecture of the function; and adds a key.
func writeConfiguration(site cloud.Site) error {
	text, err := os.ReadFile(filepath.Join(site.Root, "infra", "configurations", "hashjobs.yaml"))
	if err != nil {
		return err
	}
	var configuration map[string]any
	if err := yaml.Load(text, &configuration); err != nil {
		return err
	}
	section, ok := configuration["hashJobs"].(map[string]any)
	if !ok {
		return errors.New("infra/configurations/hashjobs.yaml has no hashJobs")
	}
	configuration["account"] = endpoint.Account
	section["architecture"] = map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	section["inputBuckets"] = []string{inputs}
	section["timeoutSeconds"] = 60
	configuration["chain"] = map[string]any{"signing": map[string]any{}}
	changed, err := yaml.Dump(configuration)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(site.Root, site.Configuration), changed, 0o600)
}

func open(ctx context.Context, site cloud.Site) (*account, error) {
	configuration := site.Endpoint.Config()
	bucket := names.HashJobBucket(endpoint.Account, site.Endpoint.Region)
	made := &account{
		bucket: bucket, objects: jobscloud.NewBucket(configuration, bucket), book: jobscloud.NewBook(configuration, names.HashJobTable),
		key:           jobscloud.NewKey(configuration, names.AnchorKeyAlias),
		s3:            s3.NewFromConfig(configuration, func(options *s3.Options) { options.UsePathStyle = true }),
		sqs:           sqs.NewFromConfig(configuration),
		configuration: configuration, lambda: lambda.NewFromConfig(configuration), events: eventbridge.NewFromConfig(configuration),
	}
	for _, name := range []string{inputs, closed} {
		_, err := made.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name),
			CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(site.Endpoint.Region)}})
		if err != nil {
			return nil, err
		}
	}
	var err error
	if made.queue, err = made.urlOf(ctx, names.HashJobQueue); err != nil {
		return nil, err
	}
	if made.dead, err = made.urlOf(ctx, names.HashJobDeadLetterQueue); err != nil {
		return nil, err
	}
	return made, made.listen(ctx, site.Endpoint.Region)
}

func (a *account) urlOf(ctx context.Context, queue string) (string, error) {
	found, err := a.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		return "", err
	}
	return aws.ToString(found.QueueUrl), nil
}

// listen gets every event of davit into the mailbox.
func (a *account) listen(ctx context.Context, region string) error {
	const name = "mailbox"
	arn := fmt.Sprintf("arn:aws:sqs:%s:%s:%s", region, endpoint.Account, name)
	made, err := a.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: map[string]string{
		"Policy": fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},`+
			`"Action":"sqs:SendMessage","Resource":%q}]}`, arn)}})
	if err != nil {
		return err
	}
	a.mailbox = aws.ToString(made.QueueUrl)
	_, err = a.events.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String(name), EventBusName: aws.String(names.Bus),
		EventPattern: aws.String(`{"source":["davit"]}`)})
	if err != nil {
		return err
	}
	_, err = a.events.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String(name), EventBusName: aws.String(names.Bus),
		Targets: []eventtypes.Target{{Id: aws.String(name), Arn: &arn}}})
	return err
}

// scene is the account in one test.
type scene struct {
	*account
	t   *testing.T
	ctx context.Context
}

func newScene(t *testing.T) *scene {
	t.Helper()
	made, err := theAccount()
	if err != nil {
		t.Fatal(err)
	}
	return &scene{account: made, t: t, ctx: t.Context()}
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// await waits until look answers true; its words say what was seen last.
func (s *scene) await(what string, look func() (string, bool)) {
	s.t.Helper()
	deadline := time.Now().Add(waitLimit)
	for {
		seen, there := look()
		if there {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %s for %s: %s", waitLimit, what, seen)
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatal(s.ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

// ended waits for the end of a job and answers its record and its result.
func (s *scene) ended(id string) (jobs.Record, hashjob.Result) {
	s.t.Helper()
	var record jobs.Record
	s.await("the end of job "+id, func() (string, bool) {
		var err error
		record, err = s.book.Read(s.ctx, id)
		s.must(err)
		return fmt.Sprintf("%+v", record), record.Announced
	})
	document, err := s.objects.Get(s.ctx, record.Result.Key, 1<<20)
	s.must(err)
	var result hashjob.Result
	s.must(json.Unmarshal(document, &result))
	return record, result
}

// event waits for the event of a job's end.
func (s *scene) event(id string) davit.HashJob {
	s.t.Helper()
	var found davit.HashJob
	s.await("the event of job "+id, func() (string, bool) {
		s.collect()
		for _, told := range s.told {
			if told.Job == id {
				found = told
				return "", true
			}
		}
		return fmt.Sprintf("%+v", s.told), false
	})
	return found
}

// events counts those of a job that came so far.
func (s *scene) eventsOf(id string) int {
	s.t.Helper()
	s.collect()
	count := 0
	for _, told := range s.told {
		if told.Job == id {
			count++
		}
	}
	return count
}

func (s *scene) collect() {
	s.t.Helper()
	for _, message := range s.take(s.mailbox) {
		var event struct {
			DetailType string        `json:"detail-type"`
			Detail     davit.HashJob `json:"detail"`
		}
		s.must(json.Unmarshal([]byte(aws.ToString(message.Body)), &event))
		if event.DetailType == davit.DetailTypeHashJobCompleted {
			s.told = append(s.told, event.Detail)
		}
	}
}

// take takes the messages of a queue that are there.
func (s *scene) take(queue string) []sqstypes.Message {
	s.t.Helper()
	answer, err := s.sqs.ReceiveMessage(s.ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10,
		MessageAttributeNames: []string{"All"}})
	s.must(err)
	for _, message := range answer.Messages {
		_, err := s.sqs.DeleteMessage(s.ctx, &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: message.ReceiptHandle})
		s.must(err)
	}
	return answer.Messages
}

func (s *scene) send(document []byte) {
	s.t.Helper()
	_, err := s.sqs.SendMessage(s.ctx, &sqs.SendMessageInput{QueueUrl: &s.queue, MessageBody: aws.String(string(document))})
	s.must(err)
}

func (s *scene) invoke(document []byte) hashjob.Result {
	s.t.Helper()
	answer, err := s.lambda.Invoke(s.ctx, &lambda.InvokeInput{FunctionName: aws.String(names.HashJobFunction), Payload: document})
	s.must(err)
	if answer.FunctionError != nil {
		s.t.Fatalf("the function failed: %s", answer.Payload)
	}
	var result hashjob.Result
	s.must(json.Unmarshal(answer.Payload, &result))
	return result
}

func (s *scene) put(bucket, key string, body []byte) {
	s.t.Helper()
	_, err := s.s3.PutObject(s.ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
	s.must(err)
}

// written is a document as a user would write it.
func (s *scene) written(job hashjob.Job) []byte {
	s.t.Helper()
	job.Version = hashjob.Version
	document, err := json.Marshal(job)
	s.must(err)
	return document
}
