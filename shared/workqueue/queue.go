// Package workqueue feeds the messages of an SQS queue to a handler inside a Lambda function, and tells the queue the
// truth about each: handled, again later, or never.
package workqueue

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/shared/backoff"
)

// SQSAPI is the part of the SQS client that a Queue uses.
type SQSAPI interface {
	ChangeMessageVisibility(ctx context.Context, input *sqs.ChangeMessageVisibilityInput,
		options ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error)
	SendMessage(ctx context.Context, input *sqs.SendMessageInput,
		options ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(ctx context.Context, input *sqs.SendMessageBatchInput,
		options ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// Queue is a standard SQS queue with its dead-letter queue.
type Queue struct {
	client        SQSAPI
	url           string
	deadLetterURL string
	limit         int
	margin        time.Duration
	logger        *slog.Logger
	now           func() time.Time
	jitter        func(window time.Duration) time.Duration
	pause         func(ctx context.Context, attempt int) error
}

// Option changes how a Queue works.
type Option func(*Queue)

// WithLimit sets how many messages of a batch are handled side by side, 1 or more; 4 if absent.
func WithLimit(limit int) Option {
	return func(q *Queue) { q.limit = max(limit, 1) }
}

// WithMargin sets how much of the invocation's time must be left for a message to be begun; 5 s if absent. It is what
// one message usually takes, with room, and must be well below the function's timeout.
func WithMargin(margin time.Duration) Option {
	return func(q *Queue) { q.margin = margin }
}

// WithLogger sets where failures are logged; slog.Default() if absent.
func WithLogger(logger *slog.Logger) Option {
	return func(q *Queue) { q.logger = logger }
}

// New is the queue at the URL. Messages that can never be handled go to the queue at deadLetterURL; where that is
// empty they fail like any other, and the queue's own limit decides. New makes no call.
func New(client SQSAPI, url, deadLetterURL string, options ...Option) *Queue {
	queue := &Queue{
		client:        client,
		url:           url,
		deadLetterURL: deadLetterURL,
		limit:         4,
		margin:        5 * time.Second,
		logger:        slog.Default(),
		now:           time.Now,
		jitter:        backoff.Jitter,
		pause:         pause,
	}
	for _, option := range options {
		option(queue)
	}
	return queue
}
