package workqueue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"davit/shared/backoff"
)

const (
	// maximumEntries is how many messages SendMessageBatch takes
	// (docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
	maximumEntries = 10
	// maximumBatch is how many bytes a call is filled with. SQS takes 1 MiB; this keeps calls small.
	maximumBatch = 256 << 10
	// maximumBody is the largest message.
	maximumBody = 1 << 20
	// maximumDelay is the longest that SQS delays a message.
	maximumDelay = 15 * time.Minute
	// sendAttempts is how often a message that SQS refused is sent in all. The client repeats calls that failed whole.
	sendAttempts = 4
)

// Enqueue sends the bodies as messages, ten a call, to be handed out after delay, which is 0 to 15 minutes and is
// rounded up to seconds. What SQS refuses for the moment is sent again a few times. Where the error is not nil, some
// messages may have been sent.
func (q *Queue) Enqueue(ctx context.Context, bodies [][]byte, delay time.Duration) error {
	if delay < 0 || delay > maximumDelay {
		return fmt.Errorf("send to %s: a delay of %s is not 0 to %s", q.url, delay, maximumDelay)
	}
	for i, body := range bodies {
		if len(body) == 0 || len(body) > maximumBody {
			return fmt.Errorf("send to %s: body %d has %d bytes, not 1 to %d", q.url, i, len(body), maximumBody)
		}
	}
	for len(bodies) > 0 {
		count := fitting(bodies)
		if err := q.send(ctx, bodies[:count], seconds(delay)); err != nil {
			return fmt.Errorf("send to %s: %w", q.url, err)
		}
		bodies = bodies[count:]
	}
	return nil
}

// fitting is how many of the first bodies go into one call; at least one.
func fitting(bodies [][]byte) int {
	total := 0
	for count, body := range bodies {
		total += len(body)
		if count == maximumEntries || count > 0 && total > maximumBatch {
			return count
		}
	}
	return len(bodies)
}

// send makes one call, and more for what was refused.
func (q *Queue) send(ctx context.Context, bodies [][]byte, delay int32) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(bodies))
	for i, body := range bodies {
		entries[i] = types.SendMessageBatchRequestEntry{
			Id:           aws.String(strconv.Itoa(i)),
			MessageBody:  aws.String(string(body)),
			DelaySeconds: delay,
		}
	}
	for attempt := 1; ; attempt++ {
		output, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return err
		}
		if len(output.Failed) == 0 {
			return nil
		}
		if err := refusal(output.Failed, attempt); err != nil {
			return err
		}
		entries = refusedOf(entries, output.Failed)
		if err := q.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// refusal is the error of messages that are not worth sending again: they are at fault themselves, or it was tried
// often enough.
func refusal(failed []types.BatchResultErrorEntry, attempt int) error {
	for _, entry := range failed {
		if entry.SenderFault || attempt == sendAttempts {
			return fmt.Errorf("%d messages refused at attempt %d: %s: %s",
				len(failed), attempt, aws.ToString(entry.Code), aws.ToString(entry.Message))
		}
	}
	return nil
}

func refusedOf(entries []types.SendMessageBatchRequestEntry,
	failed []types.BatchResultErrorEntry) []types.SendMessageBatchRequestEntry {
	refused := make([]types.SendMessageBatchRequestEntry, 0, len(failed))
	for _, failure := range failed {
		for _, entry := range entries {
			if *entry.Id == aws.ToString(failure.Id) {
				refused = append(refused, entry)
			}
		}
	}
	return refused
}

// pause waits before refused messages are sent again.
func pause(ctx context.Context, attempt int) error {
	return backoff.Wait(ctx, backoff.Delay(100*time.Millisecond, 2*time.Second, attempt))
}
