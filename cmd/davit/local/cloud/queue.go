package cloud

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"davit/cmd/davit/local/console"
	"davit/shared/names"
)

// quietLimit is how long the rollout function gets for the messages in its queue.
const quietLimit = 90 * time.Second

// backlog is what a queue holds: waiting, being worked on, and put off.
type backlog struct{ visible, inFlight, delayed int }

func (b backlog) String() string {
	return fmt.Sprintf("%d waiting, %d being worked on, %d put off", b.visible, b.inFlight, b.delayed)
}

// AwaitQuiet waits until the rollout function has handled every message of its queue. A message in the dead-letter queue
// is an error: in a local cloud nothing should end there.
func (s Site) AwaitQuiet(ctx context.Context, to *console.Console) error {
	client := sqs.NewFromConfig(s.Endpoint.Config())
	wait := console.Wait{For: "the rollout function to handle every message of its queue", Limit: quietLimit}
	err := to.Await(ctx, wait, func(ctx context.Context) (seen string, done bool, err error) {
		found, err := backlogOf(ctx, client, names.RolloutQueue)
		if err != nil || found == (backlog{}) {
			return "the queue is empty", true, err
		}
		return "the queue holds messages: " + found.String(), false, nil
	})
	if err != nil {
		return err
	}
	dead, err := backlogOf(ctx, client, names.RolloutDeadLetterQueue)
	if err != nil {
		return err
	}
	if dead.visible > 0 {
		return fmt.Errorf("%d messages are in the queue %s; the function's log is in the log group /aws/lambda/%s",
			dead.visible, names.RolloutDeadLetterQueue, names.RolloutFunction)
	}
	return nil
}

func backlogOf(ctx context.Context, client *sqs.Client, queue string) (backlog, error) {
	address, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		return backlog{}, fmt.Errorf("look into the queue %s: %w", queue, err)
	}
	answer, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: address.QueueUrl,
		AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		},
	})
	if err != nil {
		return backlog{}, fmt.Errorf("look into the queue %s: %w", queue, err)
	}
	count := func(name types.QueueAttributeName) int {
		number, err := strconv.Atoi(answer.Attributes[string(name)])
		if err != nil {
			return 0 // An attribute that is not answered counts nothing.
		}
		return number
	}
	return backlog{
		visible:  count(types.QueueAttributeNameApproximateNumberOfMessages),
		inFlight: count(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
		delayed:  count(types.QueueAttributeNameApproximateNumberOfMessagesDelayed),
	}, nil
}
