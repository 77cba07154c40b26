package cloud

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"davit/cmd/davit/local/engine"
)

// Status is what is to be seen of a local cloud.
type Status struct {
	// Up is true when the stacks are deployed and the emulator answers.
	Up bool `json:"up"`
	// Endpoint is where every service answers; empty if not up.
	Endpoint string `json:"endpoint,omitempty"`
	Region   string `json:"region,omitempty"`
	// DockerHost is the engine of its containers.
	DockerHost string `json:"dockerHost,omitempty"`
	// PrivateEngine tells that Down will end the engine.
	PrivateEngine bool      `json:"privateEngine"`
	EngineAnswers bool      `json:"engineAnswers"`
	StartedAt     time.Time `json:"startedAt,omitzero"`
	Stacks        []Stack   `json:"stacks,omitempty"`
	Services      []Service `json:"services,omitempty"`
}

// Stack is a deployed stack.
type Stack struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

// Status looks at the local cloud and changes nothing.
func (s Site) Status(ctx context.Context) (Status, error) {
	state, err := s.readState()
	if err != nil {
		return Status{}, err
	}
	if state.Endpoint == "" || !s.Running() {
		return Status{}, nil
	}
	if s, err = s.AsStarted(); err != nil {
		return Status{}, err
	}
	seen := Status{
		Up: true, Endpoint: state.Endpoint, Region: state.Region, StartedAt: state.StartedAt,
		DockerHost: state.DockerHost, PrivateEngine: state.PrivateEngine,
	}
	_, err = engine.Connect(ctx, state.DockerHost)
	seen.EngineAnswers = err == nil
	if seen.Stacks, err = s.stacks(ctx); err != nil {
		return Status{}, err
	}
	seen.Services, err = s.Services(ctx)
	return seen, err
}

func (s Site) stacks(ctx context.Context) ([]Stack, error) {
	client := cloudformation.NewFromConfig(s.Endpoint.Config())
	pages := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
	var found []Stack
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the stacks of the local cloud: %w", err)
		}
		for _, stack := range page.Stacks {
			found = append(found, Stack{Name: aws.ToString(stack.StackName), Status: string(stack.StackStatus)})
		}
	}
	return found, nil
}
