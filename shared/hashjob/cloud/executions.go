package cloud

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Machine starts executions of a state machine.
type Machine struct {
	client *sfn.Client
	arn    string
}

// NewMachine is the state machine of the ARN. It calls nothing.
func NewMachine(configuration aws.Config, arn string) *Machine {
	return &Machine{client: sfn.NewFromConfig(configuration), arn: arn}
}

// Start starts an execution. One of the same name that was started before is no error.
func (m *Machine) Start(ctx context.Context, name string, input []byte) error {
	_, err := m.client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &m.arn, Name: &name, Input: aws.String(string(input))})
	var exists *types.ExecutionAlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	return err
}
