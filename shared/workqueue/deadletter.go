package workqueue

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Attributes of a message in the dead-letter queue that was put there by Poison. What SQS itself moves there has none.
const (
	// AttributeReason says why the message can never be handled, in at most 1024 bytes.
	AttributeReason = "reason"
	// AttributeMessageID is the ID that the message had in its queue.
	AttributeMessageID = "messageId"
)

// maximumReason bounds the reason in bytes.
const maximumReason = 1024

var errNoDeadLetterQueue = errors.New("there is no dead-letter queue")

// bury moves the message to the dead-letter queue and answers whether it is there. Where it is not, the message stays
// in its queue, whose own limit moves it in the end. A message may be buried twice when the invocation dies between.
func (q *Queue) bury(ctx context.Context, message *message, cause error) bool {
	err := errNoDeadLetterQueue
	if q.deadLetterURL != "" {
		_, err = q.client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl:    &q.deadLetterURL,
			MessageBody: &message.Body,
			MessageAttributes: map[string]types.MessageAttributeValue{
				AttributeReason:    textAttribute(reason(cause)),
				AttributeMessageID: textAttribute(message.ID),
			},
		})
	}
	if err != nil {
		q.logger.ErrorContext(ctx, "could not move a message to the dead-letter queue", message.identity(),
			slog.Any("reason", cause), slog.Any("error", err))
		q.hide(ctx, message, q.delayOf(cause, message.attempt()))
		return false
	}
	q.logger.ErrorContext(ctx, "a message went to the dead-letter queue", message.identity(),
		slog.Any("reason", cause))
	return true
}

func textAttribute(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
}

// reason is the error's text as SQS takes it: not empty, at most maximumReason bytes, and of the characters that
// docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html lists.
func reason(cause error) string {
	text := strings.Map(allowed, strings.ToValidUTF8(cause.Error(), "?"))
	if strings.TrimSpace(text) == "" {
		return errNoReason.Error()
	}
	if len(text) <= maximumReason {
		return text
	}
	end := maximumReason - len("…")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// allowed replaces what SQS refuses in a message.
func allowed(character rune) rune {
	switch {
	case character == '\t', character == '\n', character == '\r':
		return character
	case character < ' ', character == 0xFFFE, character == 0xFFFF:
		return '?'
	}
	return character
}
