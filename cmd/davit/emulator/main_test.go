package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/emulator/emulatortest"
	"davit/cmd/davit/local/engine"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// endpoint is where the emulator of these tests answers.
var endpoint string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run gives the tests a Docker engine: the one that this machine has, or a private one for as long as they last.
func run(m *testing.M) int {
	directory, err := os.MkdirTemp("", "davit-engine-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(directory) }()
	say := func(line string) { fmt.Fprintln(os.Stderr, line) }
	found, private, err := engine.Ensure(context.Background(), engine.ThisMachine(), directory, say)
	if err != nil {
		fmt.Fprintln(os.Stderr, "these tests run containers:", err)
		return 1
	}
	if private {
		defer func() {
			if err := (engine.Private{Directory: directory}).Stop(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
	if err := os.Setenv("DOCKER_HOST", found.Host()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return emulatortest.Run(m, func(url string) { endpoint = url })
}

// withoutEngine gives the test an emulator of its own that runs no containers.
func withoutEngine(t *testing.T) {
	t.Helper()
	shared := endpoint
	endpoint = emulatortest.ForTest(t, emulatortest.WithoutEngine)
	t.Cleanup(func() { endpoint = shared })
}

// cloud is the configuration of AWS clients that talk to the emulator.
func cloud(t *testing.T) aws.Config {
	t.Helper()
	loaded, err := config.LoadDefaultConfig(t.Context(),
		config.WithRegion(emulator.DefaultRegion),
		config.WithBaseEndpoint(endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// unique is the test's own name for a resource: tests share the emulator.
func unique(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	return strings.Trim(name[max(0, len(name)-40):], "-")
}

// event is what EventBridge delivers.
type event struct {
	Version    string         `json:"version"`
	ID         string         `json:"id"`
	DetailType string         `json:"detail-type"`
	Source     string         `json:"source"`
	Account    string         `json:"account"`
	Time       time.Time      `json:"time"`
	Region     string         `json:"region"`
	Resources  []string       `json:"resources"`
	Detail     map[string]any `json:"detail"`
}

// bus delivers the events of the default bus that match a pattern.
type bus struct {
	t       *testing.T
	client  *sqs.Client
	queue   *string
	pending []event
}

// listen makes a queue and a rule that fills it with the events that match the pattern.
func listen(t *testing.T, pattern map[string]any) *bus {
	t.Helper()
	queues, rules := sqs.NewFromConfig(cloud(t)), eventbridge.NewFromConfig(cloud(t))
	arn := ownArn("sqs", unique(t))
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String(unique(t)), Attributes: map[string]string{"Policy": openTo("events.amazonaws.com", arn)},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(pattern)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rules.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String(unique(t)), EventPattern: aws.String(string(text)),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = rules.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule:    aws.String(unique(t)),
		Targets: []eventbridgetypes.Target{{Id: aws.String("queue"), Arn: aws.String(arn)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	listening := &bus{t: t, client: queues, queue: queue.QueueUrl}
	t.Cleanup(func() { listening.close(rules) })
	return listening
}

// openTo is a queue's policy that lets a service send to it.
func openTo(service, queueArn string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},
		"Action":"sqs:SendMessage","Resource":%q}]}`, service, queueArn)
}

func (b *bus) close(rules *eventbridge.Client) {
	ctx, rule := context.Background(), aws.String(unique(b.t))
	_, err := rules.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: rule, Ids: []string{"queue"}})
	if err != nil {
		b.t.Error(err)
	}
	if _, err := rules.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: rule}); err != nil {
		b.t.Error(err)
	}
}

// next is the next event, in the order of publication.
func (b *bus) next() event {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	for len(b.pending) == 0 {
		answer, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: b.queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 2,
		})
		if err != nil {
			b.t.Fatalf("wait for an event: %v", err)
		}
		for _, message := range answer.Messages {
			b.pending = append(b.pending, b.decode(*message.Body))
			_, err := b.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{
				QueueUrl: b.queue, ReceiptHandle: message.ReceiptHandle,
			})
			if err != nil {
				b.t.Fatal(err)
			}
		}
	}
	first := b.pending[0]
	b.pending = b.pending[1:]
	return first
}

// decode reads an event that has the envelope AWS documents, and nothing else.
// https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html
func (b *bus) decode(text string) event {
	b.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var received event
	if err := decoder.Decode(&received); err != nil {
		b.t.Fatalf("event %s: %v", text, err)
	}
	if received.ID == "" || received.Time.IsZero() {
		b.t.Fatalf("event %s has no id or no time", text)
	}
	return received
}

// equal fails unless the event is the wanted one in everything but its ID and time.
func equal(t *testing.T, got, want event) {
	t.Helper()
	want.Version, want.Account, want.Region = "0", emulator.Account, emulator.DefaultRegion
	want.ID, want.Time = got.ID, got.Time
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event differs (-want +got):\n%s", diff)
	}
}

// isTime fails unless the event's field is a time as the layout writes it, and close to now.
func isTime(t *testing.T, detail map[string]any, field, layout string) {
	t.Helper()
	text, ok := detail[field].(string)
	if !ok {
		t.Errorf("%s is %v, want a time", field, detail[field])
		return
	}
	moment, err := time.Parse(layout, text)
	if err != nil || time.Since(moment).Abs() > time.Hour {
		t.Errorf("%s is %q, want a time of now as %s: %v", field, text, layout, err)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, patience)
		case <-ticker.C:
		}
	}
}
