// The function rollout takes events from its queue and rolls images out. It wires and holds no logic.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	_ "time/tzdata" // freeze windows name time zones, and the runtime has no database of them

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/shared/installation"
	"davit/shared/names"
	"davit/shared/publisher"
	"davit/shared/rollout"
	"davit/shared/telemetry"
	"davit/shared/workqueue"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "rollout cannot start:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	configuration, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	receives, err := strconv.Atoi(os.Getenv(names.EnvironmentMaximumReceives))
	if err != nil {
		return fmt.Errorf("%s: %w", names.EnvironmentMaximumReceives, err)
	}
	log := telemetry.Logger(os.Stdout)
	davit := installation.Open(configuration, os.Getenv(names.EnvironmentTable), os.Getenv(names.EnvironmentSettingsParameter), log)
	davit.Reconciler.Reporter = &rollout.Announcer{Metrics: telemetry.NewMetrics(os.Stdout),
		Publisher: publisher.New(eventbridge.NewFromConfig(configuration), os.Getenv(names.EnvironmentBus))}
	queue := workqueue.New(sqs.NewFromConfig(configuration), os.Getenv(names.EnvironmentQueueURL),
		os.Getenv(names.EnvironmentDeadLetterQueueURL), workqueue.WithLogger(log))
	intake := &rollout.Intake{Reconciler: davit.Reconciler, Fleet: davit.Fleet, Enqueue: queue.Enqueue, MaximumReceives: receives, Log: log}
	lambda.Start(queue.Handle(intake.Handle))
	return nil
}
