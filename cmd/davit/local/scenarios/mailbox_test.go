package scenarios

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"davit/cmd/davit/local/endpoint"
	"davit/events/davit"
	"davit/shared/names"
)

// mailbox is a queue that a test reads.
type mailbox struct{ name, url, arn string }

// newMailbox makes a queue to which an AWS service may deliver.
func (s *service) newMailbox(name, principal string) mailbox {
	s.t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},`+
		`"Action":"sqs:SendMessage","Resource":%q}]}`, principal, s.queueARN(name))
	made, err := s.sqs.CreateQueue(s.ctx, &sqs.CreateQueueInput{
		QueueName: &name, Attributes: map[string]string{string(types.QueueAttributeNamePolicy): policy},
	})
	s.must(err)
	return mailbox{name: name, url: aws.ToString(made.QueueUrl), arn: s.queueARN(name)}
}

// openMailbox is a queue that is there.
func (s *service) openMailbox(name string) mailbox {
	s.t.Helper()
	found, err := s.sqs.GetQueueUrl(s.ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	s.must(err)
	return mailbox{name: name, url: aws.ToString(found.QueueUrl), arn: s.queueARN(name)}
}

func (s *service) queueARN(name string) string {
	return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", s.site.Endpoint.Region, endpoint.Account, name)
}

// listen gets every event of the bus davit into a mailbox.
func (s *service) listen() mailbox {
	s.t.Helper()
	made := s.newMailbox(s.name+"-events", "events.amazonaws.com")
	_, err := s.events.PutRule(s.ctx, &eventbridge.PutRuleInput{
		Name: &made.name, EventBusName: aws.String(names.Bus), EventPattern: aws.String(`{"source":["davit"]}`),
	})
	s.must(err)
	_, err = s.events.PutTargets(s.ctx, &eventbridge.PutTargetsInput{
		Rule: &made.name, EventBusName: aws.String(names.Bus),
		Targets: []eventtypes.Target{{Id: aws.String("mailbox"), Arn: &made.arn}},
	})
	s.must(err)
	return made
}

// subscribe gets every notification for humans into a mailbox.
func (s *service) subscribe() mailbox {
	s.t.Helper()
	made := s.newMailbox(s.name+"-notifications", "sns.amazonaws.com")
	topic := fmt.Sprintf("arn:aws:sns:%s:%s:%s", s.site.Endpoint.Region, endpoint.Account, names.Topic)
	_, err := s.sns.Subscribe(s.ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &made.arn,
	})
	s.must(err)
	return made
}

// awaitMessage waits for a message of the mailbox that can be read as what is expected. The others are dropped.
func awaitMessage[T any](s *service, from mailbox, expected string, read func(body []byte) (T, bool)) T {
	s.t.Helper()
	var found T
	s.awaitRaw(from, expected, func(message types.Message) bool {
		value, ok := read([]byte(aws.ToString(message.Body)))
		found = value
		return ok
	})
	return found
}

// awaitRaw waits for a message of the mailbox, and takes out all that it sees on the way.
func (s *service) awaitRaw(from mailbox, expected string, is func(types.Message) bool) {
	s.t.Helper()
	seen := "no message"
	s.await(expected, func(ctx context.Context) (string, bool, error) {
		answer, err := s.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &from.url, WaitTimeSeconds: 1, MaxNumberOfMessages: 1, MessageAttributeNames: []string{"All"},
		})
		if err != nil || len(answer.Messages) == 0 {
			return seen, false, err
		}
		message := answer.Messages[0]
		seen = fmt.Sprintf("in %s: %s", from.name, aws.ToString(message.Body))
		_, err = s.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{
			QueueUrl: &from.url, ReceiptHandle: message.ReceiptHandle,
		})
		return seen, is(message), err
	})
}

// rolloutEvent is an event of the bus davit.
type rolloutEvent struct {
	Source     string        `json:"source"`
	DetailType string        `json:"detail-type"`
	Detail     davit.Rollout `json:"detail"`
}

func readEvent(body []byte) (rolloutEvent, bool) {
	var event rolloutEvent
	err := json.Unmarshal(body, &event)
	return event, err == nil && event.Source == names.EventSource
}

// readNotification is the text of a notification for humans, out of what SNS wraps for SQS
// (docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html). EventBridge delivers a template that is a text with
// its quotes (docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html).
func readNotification(body []byte) (text string) {
	var notification struct{ Type, Message string }
	if json.Unmarshal(body, &notification) != nil || notification.Type != "Notification" {
		return ""
	}
	if json.Unmarshal([]byte(notification.Message), &text) != nil {
		return ""
	}
	return text
}
