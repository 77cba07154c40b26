package recovery

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"davit/events/davit"
	"davit/shared/workload"
)

// Place is where davit runs, for the messages that it sends to itself.
type Place struct{ Account, Region string }

// Enqueue puts messages on a queue.
type Enqueue func(ctx context.Context, bodies [][]byte, delay time.Duration) error

// longestDelay is how long SQS delays a message
// (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html).
const longestDelay = 15 * time.Minute

// LookAgain is a Reconciler.LookAgain by a delayed message on the function's own queue.
func (p Place) LookAgain(enqueue func(ctx context.Context, bodies [][]byte, delay time.Duration) error) func(
	ctx context.Context, reference workload.Reference, after time.Duration) error {
	return func(ctx context.Context, reference workload.Reference, after time.Duration) error {
		body, err := p.message(reference, "look again")
		if err != nil {
			return err
		}
		// SQS delays by whole seconds, and a look that comes too early would be in vain.
		delay := min((after + time.Second - 1).Truncate(time.Second), longestDelay)
		if err := enqueue(ctx, [][]byte{body}, delay); err != nil {
			return fmt.Errorf("have it looked at again: %w", err)
		}
		return nil
	}
}

// Rollouts is a Reconciler.Rollouts by a message on the rollout function's queue.
func (p Place) Rollouts(enqueue Enqueue) Rollouts { return rolloutQueue{p, enqueue} }

type rolloutQueue struct {
	place   Place
	enqueue Enqueue
}

// Ask puts the workload on the rollout function's queue.
func (q rolloutQueue) Ask(ctx context.Context, reference workload.Reference, cause string) error {
	body, err := q.place.message(reference, "incident "+cause)
	if err != nil {
		return err
	}
	if err := q.enqueue(ctx, [][]byte{body}, 0); err != nil {
		return fmt.Errorf("ask for a rollback: %w", err)
	}
	return nil
}

func (p Place) message(reference workload.Reference, cause string) ([]byte, error) {
	message := davit.Reconcile{Workloads: []string{reference.String()}, Cause: cause}
	now := time.Now()
	return message.Event(fmt.Sprintf("recover-%d", now.UnixNano()), now, p.Account, p.Region)
}

// SNS is the call that pages.
type SNS interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// PageBySNS is a Pager that publishes to the topic: the letter to e-mail, the notification to all others
// (docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html has the structure).
func PageBySNS(client SNS, topic string) Pager {
	return func(ctx context.Context, page Page) error {
		message, err := json.Marshal(map[string]string{"default": page.Notification, "email": page.Letter})
		if err != nil {
			return err
		}
		_, err = client.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Subject: &page.Subject, Message: aws.String(string(message)),
			MessageStructure: aws.String("json")})
		if err != nil {
			return fmt.Errorf("sns:Publish to %s: %w", topic, err)
		}
		return nil
	}
}
