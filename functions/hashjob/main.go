// The function hashjob does hash jobs: those of its queue, those that it is invoked with, and the steps of its state
// machine. It wires and holds no logic.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/shared/hashjob"
	"davit/shared/hashjob/cloud"
	"davit/shared/names"
	"davit/shared/telemetry"
	"davit/shared/workqueue"
)

// atOnce is how many messages of a batch are worked on side by side: all of them, so that none waits for another's end.
const atOnce = 10

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "hashjob cannot start:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	configuration, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	log := telemetry.Logger(os.Stdout)
	queue := workqueue.New(sqs.NewFromConfig(configuration), os.Getenv(names.EnvironmentQueueURL),
		os.Getenv(names.EnvironmentDeadLetterQueueURL), workqueue.WithLogger(log), workqueue.WithLimit(atOnce))
	service := cloud.Open(configuration, cloud.Installation{
		Table: os.Getenv(names.EnvironmentTable), Bucket: os.Getenv(names.EnvironmentBucket), Bus: os.Getenv(names.EnvironmentBus),
		AnchorKey: os.Getenv(names.EnvironmentAnchorKey), StateMachine: os.Getenv(names.EnvironmentStateMachine), Enqueue: queue.Enqueue,
	}, log)
	lambda.Start(&hashjob.Entry{Service: service, Batch: queue.Handle(service.Handle)})
	return nil
}
