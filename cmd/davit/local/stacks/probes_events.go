package stacks

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

func addEventProbes(found map[string]Probe, configuration aws.Config) {
	client := eventbridge.NewFromConfig(configuration)
	found["AWS::Events::EventBus"] = bus(client)
	found["AWS::Events::Rule"] = rule(client)
}

func bus(client *eventbridge.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		_, err := client.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &created.PhysicalID})
		return err
	}
}

// rule checks the rule and the number of its targets: a rule without its targets does nothing, silently.
func rule(client *eventbridge.Client) Probe {
	return func(ctx context.Context, created Created, asked Resource) error {
		name, on := ruleName(created, asked)
		described, err := client.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name, EventBusName: on})
		if err != nil {
			return err
		}
		if asked.Properties["State"] != "DISABLED" && described.State != types.RuleStateEnabled {
			return fmt.Errorf("the rule is %s", described.State)
		}
		answer, err := client.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &name, EventBusName: on})
		if err != nil {
			return err
		}
		wanted, _ := asked.Properties["Targets"].([]any)
		if len(answer.Targets) != len(wanted) {
			return fmt.Errorf("the rule has %d targets, the template asks for %d", len(answer.Targets), len(wanted))
		}
		return nil
	}
}

// ruleName finds the rule's name in its physical ID, which is the name, or BUS|NAME on a bus of one's own, and the bus
// in its properties; nil is the default bus.
func ruleName(created Created, asked Resource) (name string, bus *string) {
	name = created.PhysicalID
	if _, after, found := strings.Cut(name, "|"); found {
		name = after
	}
	if on, ok := asked.Properties["EventBusName"].(string); ok {
		return name, aws.String(on)
	}
	return name, nil
}
