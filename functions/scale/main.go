// The function scale takes events from its queue and scales workloads. It wires and holds no logic.
package main

import (
	"context"
	"fmt"
	"os"
	_ "time/tzdata" // schedules name time zones, and the runtime has no database of them

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/shared/installation"
	"davit/shared/names"
	"davit/shared/publisher"
	"davit/shared/scaling"
	"davit/shared/telemetry"
	"davit/shared/workqueue"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "scale cannot start:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	configuration, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	log := telemetry.Logger(os.Stdout)
	davit := installation.OpenScaling(configuration, os.Getenv(names.EnvironmentTable), os.Getenv(names.EnvironmentSettingsParameter), log)
	queue := workqueue.New(sqs.NewFromConfig(configuration), os.Getenv(names.EnvironmentQueueURL),
		os.Getenv(names.EnvironmentDeadLetterQueueURL), workqueue.WithLogger(log))
	intake := &scaling.Intake{Reconciler: davit.Scaler, AlarmTags: davit.Counts.AlarmTags, Workload: davit.WorkloadOf, Fleet: davit.Fleet,
		Enqueue: queue.Enqueue, Log: log}
	davit.Scaler.LookAgain = intake.LookAgain
	davit.Scaler.Reporter = &scaling.Announcer{Metrics: telemetry.NewMetrics(os.Stdout),
		Publisher: publisher.New(eventbridge.NewFromConfig(configuration), os.Getenv(names.EnvironmentBus))}
	lambda.Start(queue.Handle(intake.Handle))
	return nil
}
