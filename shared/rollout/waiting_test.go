package rollout

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/shared/ledger"
	"davit/shared/workload"
	"davit/shared/workqueue"
)

// hidden keeps for how many seconds a message was hidden last; 0 is not at all.
type hidden struct {
	workqueue.SQSAPI
	seconds int32
}

func (h *hidden) ChangeMessageVisibility(_ context.Context, input *sqs.ChangeMessageVisibilityInput,
	_ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	h.seconds = input.VisibilityTimeout
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

// delivery is what the function is invoked with for one message.
func delivery(body []byte, attempt int) []byte {
	text, _ := json.Marshal(string(body)) // a string always encodes
	return fmt.Appendf(nil, `{"Records":[{"messageId":"m","receiptHandle":"r","body":%s,"attributes":{"ApproximateReceiveCount":%q}}]}`,
		text, strconv.Itoa(attempt))
}

const (
	done      = `{"batchItemFailures":[]}`
	comesBack = `{"batchItemFailures":[{"itemIdentifier":"m"}]}`
)

// SQS makes a message a dead letter when it would hand it out more often than MaximumReceives says.
func TestAnImageThatIsNotVisibleIsWaitedForUpToTheQueuesLimit(t *testing.T) {
	for _, maximum := range []int{5, 6, 12} {
		t.Run(strconv.Itoa(maximum), func(t *testing.T) {
			w, intake, _ := quietWorld(t)
			if _, err := w.reconciler.Reconcile(context.Background(), w.order, Cause{Text: "sweep"}); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			intake.MaximumReceives, intake.Log = maximum, slog.New(slog.NewTextHandler(&log, nil))
			client := new(hidden)
			batch := workqueue.New(client, "queue", "dead", workqueue.WithLogger(slog.New(slog.DiscardHandler))).Handle(intake.Handle)
			for attempt := 1; ; attempt++ {
				*client = hidden{}
				answer, err := batch.Invoke(context.Background(), delivery(pushEvent("e", "2.0.0", "SUCCESS"), attempt))
				if err != nil {
					t.Fatal(err)
				}
				if string(answer) == done {
					if attempt != maximum-1 || client.seconds != 0 {
						t.Errorf("given up at attempt %d of %d, and hidden for %d s", attempt, maximum, client.seconds)
					}
					break
				}
				least := min(int32(1)<<(attempt-1), int32(longestWait/time.Second))
				if string(answer) != comesBack || client.seconds < least || client.seconds > least+max(3, least/2) {
					t.Fatalf("attempt %d: %s, and it is hidden for %d s, not %d and jitter", attempt, answer, client.seconds, least)
				}
			}
			if text := log.String(); strings.Count(text, "left to the sweep") != 1 || !strings.Contains(text, "does not list 2.0.0") {
				t.Errorf("the log is %s", text)
			}
		})
	}
}

func TestWhatAnotherInvocationWonComesAgain(t *testing.T) {
	w, intake, _ := quietWorld(t)
	if _, err := w.reconciler.Reconcile(context.Background(), w.order, Cause{Text: "sweep"}); err != nil {
		t.Fatal(err)
	}
	w.images = append(w.images, image("a", "1.0.0", 0))
	w.reconciler.Ledger = &overtaken{Ledger: w.reconciler.Ledger}
	client := new(hidden)
	batch := workqueue.New(client, "queue", "dead", workqueue.WithLogger(slog.New(slog.DiscardHandler))).Handle(intake.Handle)
	for attempt, want := range []string{comesBack, done} {
		answer, err := batch.Invoke(context.Background(), delivery(pushEvent("a", "1.0.0", "SUCCESS"), attempt+1))
		if err != nil || string(answer) != want {
			t.Errorf("attempt %d: %s, %v; want %s", attempt+1, answer, err, want)
		}
	}
	if client.seconds < 1 || client.seconds > 4 {
		t.Errorf("it comes again after %d s", client.seconds)
	}
	service := w.services[w.order[0]]
	if running := service.digest(service.primary().Revision); running != digest("a") {
		t.Errorf("the service is on %s after both", running)
	}
}

// overtaken is a ledger in which another invocation writes each record that is read for the first time.
type overtaken struct {
	Ledger
	since bool
}

func (o *overtaken) Read(ctx context.Context, references []workload.Reference) (map[workload.Reference]ledger.Record, error) {
	records, err := o.Ledger.Read(ctx, references)
	if err != nil || o.since {
		return records, err
	}
	o.since = true
	for _, record := range records {
		if _, err := o.Ledger.Write(ctx, record); err != nil {
			return nil, err
		}
	}
	return records, nil
}
