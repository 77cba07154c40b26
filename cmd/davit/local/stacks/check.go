package stacks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"golang.org/x/sync/errgroup"
)

// probesAtOnce bounds how many services are asked side by side.
const probesAtOnce = 8

// Created is what CloudFormation says of one resource of a stack.
type Created struct {
	PhysicalID string
	Type       string
	Status     string
}

// Probe asks a service whether a resource exists and is what the template asked for. Its error says what is amiss. In
// the properties that it gets, references to other resources are resolved.
type Probe func(ctx context.Context, created Created, asked Resource) error

// Checker compares what templates asked for with what exists. An emulator may accept a resource and make nothing of
// it, so a deployment that reports success proves little.
type Checker struct {
	// List answers what CloudFormation made of a stack, by logical ID.
	List func(ctx context.Context, stack string) (map[string]Created, error)
	// Probes are the services' own answers, by resource type. A type without a probe is judged by CloudFormation alone.
	Probes map[string]Probe
}

// NewChecker asks the services behind a configuration.
func NewChecker(configuration aws.Config) Checker {
	client := cloudformation.NewFromConfig(configuration)
	return Checker{
		List: func(ctx context.Context, stack string) (map[string]Created, error) {
			return list(ctx, client, stack)
		},
		Probes: probes(configuration),
	}
}

// Check answers an error that names the stack, the logical ID and the type of everything that is missing or differs.
func (c Checker) Check(ctx context.Context, stacks []Stack) error {
	var found []error
	for _, stack := range stacks {
		created, err := c.List(ctx, stack.Name)
		if err != nil {
			return fmt.Errorf("list what stack %s made: %w", stack.Name, err)
		}
		found = append(found, c.stack(ctx, stack, created)...)
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("what the templates asked for is not there:\n%w", errors.Join(found...))
}

// stack checks one stack, the services side by side, and answers the differences in the order of the logical IDs.
func (c Checker) stack(ctx context.Context, stack Stack, created map[string]Created) []error {
	ids := slices.Sorted(maps.Keys(stack.Resources))
	differences := make([]error, len(ids))
	var group errgroup.Group
	group.SetLimit(probesAtOnce)
	for i, id := range ids {
		group.Go(func() error {
			asked := resolve(stack.Resources[id], created)
			if err := c.resource(ctx, created[id], asked); err != nil {
				differences[i] = fmt.Errorf("stack %s: %s (%s): %w", stack.Name, id, asked.Type, err)
			}
			return nil
		})
	}
	_ = group.Wait() // No member answers an error.
	return slices.DeleteFunc(differences, func(err error) bool { return err == nil })
}

// resolve replaces the properties that name another resource of the stack, {"Ref": ID}, by its physical ID, which is
// what a Ref of the probed types gives.
func resolve(asked Resource, created map[string]Created) Resource {
	properties := maps.Clone(asked.Properties)
	for name, value := range properties {
		reference, ok := value.(map[string]any)
		if !ok || len(reference) != 1 {
			continue
		}
		if id, ok := reference["Ref"].(string); ok && created[id].PhysicalID != "" {
			properties[name] = created[id].PhysicalID
		}
	}
	return Resource{Type: asked.Type, Properties: properties}
}

func (c Checker) resource(ctx context.Context, created Created, asked Resource) error {
	switch {
	case created == Created{}:
		return errors.New("CloudFormation did not make it")
	case created.PhysicalID == "":
		return errors.New("it has no physical ID")
	case created.Type != asked.Type:
		return fmt.Errorf("CloudFormation made a %s", created.Type)
	case !strings.HasSuffix(created.Status, "_COMPLETE") || strings.HasPrefix(created.Status, "DELETE"):
		return fmt.Errorf("its status is %s", created.Status)
	}
	probe, found := c.Probes[asked.Type]
	if !found {
		return nil
	}
	return probe(ctx, created, asked)
}

func list(ctx context.Context, client *cloudformation.Client, stack string) (map[string]Created, error) {
	created := map[string]Created{}
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{
		StackName: aws.String(stack),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, resource := range page.StackResourceSummaries {
			created[aws.ToString(resource.LogicalResourceId)] = Created{
				PhysicalID: aws.ToString(resource.PhysicalResourceId),
				Type:       aws.ToString(resource.ResourceType),
				Status:     string(resource.ResourceStatus),
			}
		}
	}
	return created, nil
}
