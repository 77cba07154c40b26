package scenarios

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"davit/cmd/davit/local/endpoint"
	"davit/shared/names"
	"davit/shared/workqueue"
)

func TestTheQueueTellsTheTruth(t *testing.T) {
	t.Parallel()
	s := newService(t, "queued")
	queue, dead := s.openMailbox(names.RolloutQueue), s.openMailbox(names.RolloutDeadLetterQueue)

	const foreign = "5f0d3f1c-8f7a-4b5e-9a3e-0d8a3c1f2b4d"
	s.send(queue, fmt.Sprintf(`{"version":"0","id":%q,"source":"aws.s3","detail-type":"Object Deleted","account":%q,`+
		`"time":"2026-11-22T10:00:00Z","region":%q,"resources":[],"detail":{"bucket":{"name":"media"}}}`,
		foreign, endpoint.Account, s.site.Endpoint.Region))
	line := s.awaitLog("the event that is none of davit's to be acknowledged", func(line logLine) bool {
		return line.Message == "acknowledged" && line.Event == foreign
	})
	if !strings.Contains(line.Reason, "Object Deleted") {
		t.Errorf("it was acknowledged because %q, want its kind named", line.Reason)
	}

	const poison = `{"version":"0","id":"a poisoned message","source":"aws.ecr"`
	id := s.send(queue, poison)
	s.awaitRaw(dead, "the message that cannot be read to be in the dead-letter queue", func(message types.Message) bool {
		if body := aws.ToString(message.Body); body != poison {
			t.Errorf("another message is in the dead-letter queue: %s %v", body, attributes(message))
			return false
		}
		told := attributes(message)
		if told[workqueue.AttributeMessageID] != id || told[workqueue.AttributeReason] == "" {
			t.Errorf("its attributes are %v, want its ID %s and the reason", told, id)
		}
		t.Logf("the reason is %q", told[workqueue.AttributeReason])
		return true
	})
}

func (s *service) send(to mailbox, body string) (messageID string) {
	s.t.Helper()
	sent, err := s.sqs.SendMessage(s.ctx, &sqs.SendMessageInput{QueueUrl: &to.url, MessageBody: &body})
	s.must(err)
	return aws.ToString(sent.MessageId)
}

func attributes(message types.Message) map[string]string {
	found := map[string]string{}
	for name, value := range message.MessageAttributes {
		found[name] = aws.ToString(value.StringValue)
	}
	return found
}
