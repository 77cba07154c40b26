package emulator_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// newQueue makes a queue with a policy, which may be empty, and answers its URL.
func newQueue(t *testing.T, name, policy string) *string {
	t.Helper()
	attributes := map[string]string{}
	if policy != "" {
		attributes["Policy"] = policy
	}
	queue, err := sqs.NewFromConfig(cloud(t)).CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: &name, Attributes: attributes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return queue.QueueUrl
}

// waiting is the number of messages in the queue, as text.
func waiting(t *testing.T, queue *string) string {
	t.Helper()
	number := sqstypes.QueueAttributeNameApproximateNumberOfMessages
	answer, err := sqs.NewFromConfig(cloud(t)).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: queue, AttributeNames: []sqstypes.QueueAttributeName{number},
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Attributes[string(number)]
}

func judgeDelivery(t *testing.T) {
	rules, name := eventbridge.NewFromConfig(cloud(t)), unique(t)
	closed := newQueue(t, name+"-closed", "")
	other := newQueue(t, name+"-other", openTo("sns.amazonaws.com", ownArn("sqs", name+"-other")))
	open := newQueue(t, name+"-open", strings.TrimSuffix(openTo("events.amazonaws.com", ownArn("sqs", name+"-open")), "}]}")+
		`,"Condition":{"ArnEquals":{"aws:SourceArn":"`+ownArn("events", "rule/"+name)+`"}}}]}`)
	_, err := rules.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: &name, EventPattern: aws.String(`{"source":["` + name + `"]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	targets := []eventbridgetypes.Target{}
	for _, suffix := range []string{"-closed", "-other", "-open"} { // in the order of delivery
		targets = append(targets, eventbridgetypes.Target{
			Id: aws.String(strings.TrimPrefix(suffix, "-")), Arn: aws.String(ownArn("sqs", name+suffix)),
		})
	}
	if _, err := rules.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: &name, Targets: targets}); err != nil {
		t.Fatal(err)
	}
	_, err = rules.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
		Source: &name, DetailType: aws.String("test"), Detail: aws.String("{}"),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event is in the open queue", func() bool { return waiting(t, open) != "0" })
	if waiting(t, closed) != "0" || waiting(t, other) != "0" {
		t.Error("the event is in a queue whose policy does not let EventBridge send")
	}
}

func judgeMapping(t *testing.T) {
	role := newFunction(t)
	queue := newQueue(t, role, "")
	client := lambda.NewFromConfig(cloud(t))
	mapping, err := client.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: &role, EventSourceArn: aws.String(ownArn("sqs", role)),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqs.NewFromConfig(cloud(t)).SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: queue, MessageBody: aws.String("work"),
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mapping says that it may not read", func() bool {
		found, err := client.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: mapping.UUID})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(aws.ToString(found.LastProcessingResult), "lacks permissions")
	})
	if waiting(t, queue) == "0" {
		t.Error("the message was read without permission")
	}
	for _, action := range []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} {
		allow(t, role, action, ownArn("sqs", role), "")
	}
	eventually(t, "the message is read", func() bool { return waiting(t, queue) == "0" })
}
