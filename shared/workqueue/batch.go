package workqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/shared/backoff"
)

const (
	// maximumPayload bounds what is decoded: Lambda itself hands over at most 6 MB
	// (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
	maximumPayload = 6 << 20
	// maximumMessages is the largest batch that an event source mapping can be configured for
	// (docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html).
	maximumMessages = 10_000
	// reserve is how long before the invocation's end a handler is told to stop, so that the answer for the rest of
	// the batch still gets out.
	reserve = time.Second
	// notBegun is how long a message stays hidden that there was no time for.
	notBegun = 2 * time.Second
	// firstBackoff and longestBackoff bound the time before a failed message comes again.
	firstBackoff   = 2 * time.Second
	longestBackoff = 10 * time.Minute
	// leastJitter and mostJitter bound the window of what is added to a delay that was asked for. SQS hides messages for
	// whole seconds, so that with less than a few there is one moment at which all come again.
	leastJitter = 3 * time.Second
	mostJitter  = time.Minute
	// longestHidden keeps a message under the 12 hours that SQS allows from its receipt
	// (docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html), with the 15
	// minutes that an invocation can last taken off.
	longestHidden = 11*time.Hour + 45*time.Minute
)

// ErrBatch is wrapped by the error of an invocation whose payload is not a batch of SQS messages.
var ErrBatch = errors.New("not a batch of SQS messages")

// Handler handles the body of one message. attempt counts how often the queue handed the message out, from 1. No error
// means that the message is done with. Poison sends it to the dead-letter queue, Later brings it again after a while,
// and so does any other error. Messages come at least once and in any order.
type Handler func(ctx context.Context, body []byte, attempt int) error

// Batch is a Lambda handler for the batches of an event source mapping that reports failures an item
// (docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). It takes and answers raw bytes, and decodes
// of them only what it needs.
type Batch struct {
	queue  *Queue
	handle Handler
}

// Handle is the Lambda handler that feeds the queue's messages to handle.
func (q *Queue) Handle(handle Handler) *Batch { return &Batch{queue: q, handle: handle} }

// message is the part of an SQS message in an event that matters here.
type message struct {
	ID            string `json:"messageId"`
	ReceiptHandle string `json:"receiptHandle"`
	Body          string `json:"body"`
	Attributes    struct {
		ReceiveCount string `json:"ApproximateReceiveCount"`
	} `json:"attributes"`
	Source string `json:"eventSourceARN"`
}

// attempt is how often the message was handed out, from 1.
func (m *message) attempt() int {
	count, err := strconv.Atoi(m.Attributes.ReceiveCount)
	if err != nil {
		return 1
	}
	return max(count, 1)
}

type failure struct {
	ID string `json:"itemIdentifier"`
}

type answer struct {
	Failures []failure `json:"batchItemFailures"`
}

// Invoke handles the messages of one batch side by side and answers which of them failed. A payload that is no batch
// is an error of the invocation, which wraps ErrBatch; nothing of it was handled then.
func (b *Batch) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	messages, err := decode(payload)
	if err != nil {
		return nil, err
	}
	failed := b.handleAll(ctx, messages)
	list := make([]failure, 0, len(messages))
	for i := range messages {
		if failed[i] {
			list = append(list, failure{ID: messages[i].ID})
		}
	}
	return json.Marshal(answer{Failures: list})
}

func decode(payload []byte) ([]message, error) {
	if len(payload) > maximumPayload {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBatch, len(payload), maximumPayload)
	}
	var event struct {
		Records []message `json:"Records"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	if event.Records == nil {
		return nil, fmt.Errorf("%w: it has no Records", ErrBatch)
	}
	if len(event.Records) > maximumMessages {
		return nil, fmt.Errorf("%w: %d messages, at most %d", ErrBatch, len(event.Records), maximumMessages)
	}
	for i := range event.Records {
		if event.Records[i].ID == "" || event.Records[i].ReceiptHandle == "" {
			return nil, fmt.Errorf("%w: record %d has no message ID or no receipt handle", ErrBatch, i)
		}
	}
	return event.Records, nil
}

// handleAll answers for each message whether it failed.
func (b *Batch) handleAll(ctx context.Context, messages []message) []bool {
	failed := make([]bool, len(messages))
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(messages) {
				return
			}
			failed[i] = !b.handleOne(ctx, &messages[i])
		}
	}
	var others sync.WaitGroup
	for range min(b.queue.limit, len(messages)) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return failed
}

// handleOne answers whether the message is done with.
func (b *Batch) handleOne(ctx context.Context, message *message) bool {
	q := b.queue
	deadline, limited := ctx.Deadline()
	if limited && deadline.Sub(q.now()) < q.margin {
		q.logger.WarnContext(ctx, "no time left for a message", message.identity())
		q.hide(ctx, message, notBegun)
		return false
	}
	err := b.call(ctx, message)
	if err == nil {
		return true
	}
	var poisoned *poison
	if errors.As(err, &poisoned) {
		return q.bury(ctx, message, err)
	}
	q.logger.WarnContext(ctx, "a message failed and comes again", message.identity(), slog.Any("error", err))
	q.hide(ctx, message, q.delayOf(err, message.attempt()))
	return false
}

// call runs the handler with a little less time than the invocation has. A panic is an error of this message alone.
func (b *Batch) call(ctx context.Context, message *message) (err error) {
	if deadline, limited := ctx.Deadline(); limited {
		short, cancel := context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
		ctx = short
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the handler panicked: %v", cause)
			b.queue.logger.ErrorContext(ctx, "the handler of a message panicked", message.identity(),
				slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
		}
	}()
	return b.handle(ctx, []byte(message.Body), message.attempt())
}

// delayOf is when a failed message comes again.
func (q *Queue) delayOf(err error, attempt int) time.Duration {
	var asked *later
	if errors.As(err, &asked) && asked.delay > 0 {
		return min(asked.delay+q.jitter(jitterWindow(asked.delay)).Truncate(time.Second), longestHidden)
	}
	return backoff.Delay(firstBackoff, longestBackoff, attempt)
}

// jitterWindow is the longest that is added to a delay that was asked for: half of it within bounds.
func jitterWindow(delay time.Duration) time.Duration {
	return min(max(delay/2, leastJitter), mostJitter)
}

// hide sets when the message comes again. Where that fails the queue's own visibility timeout holds.
func (q *Queue) hide(ctx context.Context, message *message, delay time.Duration) {
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl:          &q.url,
		ReceiptHandle:     &message.ReceiptHandle,
		VisibilityTimeout: seconds(delay),
	})
	if err != nil {
		q.logger.WarnContext(ctx, "could not set when a message comes again", message.identity(),
			slog.Any("error", err))
	}
}

// seconds rounds up.
func seconds(delay time.Duration) int32 {
	return int32(min(math.Ceil(delay.Seconds()), longestHidden.Seconds()))
}

// identity names the message in the log. Its body is not logged.
func (m *message) identity() slog.Attr {
	return slog.Group("message", slog.String("id", m.ID), slog.Int("attempt", m.attempt()),
		slog.String("source", m.Source))
}
