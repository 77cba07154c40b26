package cloud

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/cmd/davit/local/endpoint"
	"davit/events/schedule"
	"davit/shared/names"
)

// errNoSweep says that the automation stack's schedule is not there.
var errNoSweep = errors.New("no rule with a schedule has the rollout queue as its target")

// Sweep puts on the rollout queue at once what the sweep's rule puts there on schedule, and answers the rule's name.
func (s Site) Sweep(ctx context.Context) (rule string, err error) {
	found, target, err := s.sweepRule(ctx)
	if err != nil {
		return "", err
	}
	body := aws.ToString(target.Input)
	if body == "" {
		event, err := schedule.Event("davit-"+rand.Text(), time.Now(), endpoint.Account, s.Endpoint.Region, aws.ToString(found.Arn))
		if err != nil {
			return "", fmt.Errorf("make a scheduled event: %w", err)
		}
		body = string(event)
	}
	client := sqs.NewFromConfig(s.Endpoint.Config())
	queue, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(names.RolloutQueue)})
	if err != nil {
		return "", fmt.Errorf("send a sweep: %w", err)
	}
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: &body}); err != nil {
		return "", fmt.Errorf("send a sweep: %w", err)
	}
	return aws.ToString(found.Name), nil
}

// sweepRule is the rule with a schedule whose target is the rollout queue.
func (s Site) sweepRule(ctx context.Context) (types.Rule, types.Target, error) {
	client := eventbridge.NewFromConfig(s.Endpoint.Config())
	rules, err := client.ListRules(ctx, &eventbridge.ListRulesInput{})
	if err != nil {
		return types.Rule{}, types.Target{}, fmt.Errorf("find the sweep's rule: %w", err)
	}
	for _, rule := range rules.Rules {
		if aws.ToString(rule.ScheduleExpression) == "" {
			continue
		}
		targets, err := client.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: rule.Name})
		if err != nil {
			return types.Rule{}, types.Target{}, fmt.Errorf("find the sweep's rule: %w", err)
		}
		for _, target := range targets.Targets {
			if strings.HasSuffix(aws.ToString(target.Arn), ":"+names.RolloutQueue) {
				return rule, target, nil
			}
		}
	}
	return types.Rule{}, types.Target{}, errNoSweep
}
