package workqueue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/shared/workqueue"
)

// endpoint is the emulator of this package's tests.
var endpoint string

func TestMain(m *testing.M) {
	os.Exit(emulatortest.Run(m, func(started string) { endpoint = started }))
}

// cloud is a queue in the emulator with its dead-letter queue.
type cloud struct {
	*workqueue.Queue
	client    *sqs.Client
	url, dead string
}

func newCloud(t *testing.T, name string) cloud {
	t.Helper()
	client := sqs.New(sqs.Options{
		BaseEndpoint: &endpoint,
		Region:       "ap-northeast-2",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	create := func(name string) string {
		output, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			t.Fatal(err)
		}
		return *output.QueueUrl
	}
	url, dead := create(name), create(name+"-dead-letter")
	queue := workqueue.New(client, url, dead, workqueue.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	return cloud{Queue: queue, client: client, url: url, dead: dead}
}

// receive waits for messages, 20 s at most, as the event source mapping does.
func (c cloud) receive(t *testing.T, url string) []types.Message {
	t.Helper()
	output, err := c.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl:                    &url,
		MaxNumberOfMessages:         10,
		WaitTimeSeconds:             20,
		VisibilityTimeout:           60,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	return output.Messages
}

// invoke does what the event source mapping does: it hands over the messages, and deletes those that did not fail.
func (c cloud) invoke(t *testing.T, handler workqueue.Handler, messages []types.Message) (failed []string) {
	t.Helper()
	var records []map[string]any
	for _, message := range messages {
		records = append(records, map[string]any{
			"messageId": message.MessageId, "receiptHandle": message.ReceiptHandle, "body": message.Body,
			"attributes": message.Attributes, "eventSource": "aws:sqs",
		})
	}
	payload, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Handle(handler).Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Failures []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		t.Fatal(err)
	}
	for _, failure := range list.Failures {
		failed = append(failed, failure.ID)
	}
	for _, message := range messages {
		if slices.Contains(failed, *message.MessageId) {
			continue
		}
		_, err := c.client.DeleteMessage(t.Context(),
			&sqs.DeleteMessageInput{QueueUrl: &c.url, ReceiptHandle: message.ReceiptHandle})
		if err != nil {
			t.Fatal(err)
		}
	}
	return failed
}

func TestAFailedMessageComesAgainAsItsNextAttempt(t *testing.T) {
	queue := newCloud(t, "again")
	if err := queue.Enqueue(t.Context(), [][]byte{[]byte("the body")}, 0); err != nil {
		t.Fatal(err)
	}
	for attempt := 1; attempt <= 3; attempt++ {
		messages := queue.receive(t, queue.url)
		if len(messages) != 1 {
			t.Fatalf("before attempt %d came %d messages", attempt, len(messages))
		}
		failed := queue.invoke(t, func(_ context.Context, body []byte, got int) error {
			if got != attempt || string(body) != "the body" {
				t.Errorf("attempt %d got %q as attempt %d", attempt, body, got)
			}
			// The queue would hide the message for 60 s: that it comes sooner shows that the delay was set.
			return workqueue.Later(errors.New("not visible yet"), time.Second)
		}, messages)
		if len(failed) != 1 {
			t.Errorf("attempt %d reported %v", attempt, failed)
		}
	}
}

func TestPoisonLandsInTheDeadLetterQueue(t *testing.T) {
	queue := newCloud(t, "poison")
	large := strings.Repeat("x", 900<<10)
	if err := queue.Enqueue(t.Context(), [][]byte{[]byte(large)}, 0); err != nil {
		t.Fatal(err)
	}
	messages := queue.receive(t, queue.url)
	failed := queue.invoke(t, func(context.Context, []byte, int) error {
		return workqueue.Poison(errors.New("no detail-type: \x00 ø"))
	}, messages)
	if len(messages) != 1 || len(failed) != 0 {
		t.Fatalf("of %d messages failed %v", len(messages), failed)
	}
	dead := queue.receive(t, queue.dead)
	if len(dead) != 1 || *dead[0].Body != large {
		t.Fatalf("%d messages are in the dead-letter queue", len(dead))
	}
	for name, want := range map[string]string{
		workqueue.AttributeReason:    "no detail-type: ? ø",
		workqueue.AttributeMessageID: *messages[0].MessageId,
	} {
		if got := aws.ToString(dead[0].MessageAttributes[name].StringValue); got != want {
			t.Errorf("the attribute %s is %q, not %q", name, got, want)
		}
	}
}

func TestEveryMessageThatIsSentArrives(t *testing.T) {
	queue := newCloud(t, "many")
	var bodies [][]byte
	for i := range 23 {
		bodies = append(bodies, fmt.Appendf(nil, "body %02d", i))
	}
	if err := queue.Enqueue(t.Context(), bodies, 0); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for len(got) < len(bodies) {
		messages := queue.receive(t, queue.url)
		if len(messages) == 0 {
			t.Fatalf("only %d of %d messages came", len(got), len(bodies))
		}
		failed := queue.invoke(t, func(context.Context, []byte, int) error { return nil }, messages)
		if len(failed) != 0 {
			t.Errorf("failed: %v", failed)
		}
		for _, message := range messages {
			got[*message.Body] = true
		}
	}
}
