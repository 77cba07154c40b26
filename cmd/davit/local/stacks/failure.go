package stacks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// failures asks CloudFormation what failed in the stacks of the assembly, an error for each event that says so.
func (a Application) failures(ctx context.Context) error {
	stacks, err := ReadAssembly(a.Assembly)
	if err != nil {
		return nil //nolint:nilerr // Nothing was synthesised, so nothing was deployed: the command's own error says why.
	}
	client := cloudformation.NewFromConfig(a.Endpoint.Config())
	var found []error
	for _, stack := range stacks {
		events, err := client.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{
			StackName: aws.String(stack.Name),
		})
		if err != nil {
			continue // The deployment did not come to this stack.
		}
		for _, event := range events.StackEvents {
			if failure := describe(stack.Name, event); failure != nil {
				found = append(found, failure)
			}
		}
	}
	return errors.Join(found...)
}

// describe is the failure that an event tells of, or nil.
func describe(stack string, event types.StackEvent) error {
	if !strings.HasSuffix(string(event.ResourceStatus), "_FAILED") {
		return nil
	}
	return fmt.Errorf("stack %s: %s (%s): %s: %s", stack, aws.ToString(event.LogicalResourceId),
		aws.ToString(event.ResourceType), event.ResourceStatus, aws.ToString(event.ResourceStatusReason))
}
