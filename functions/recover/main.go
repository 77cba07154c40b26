// The function recover takes events from its queue and remedies the incidents of workloads. It wires and holds no logic.
package main

import (
	"context"
	"fmt"
	"os"
	_ "time/tzdata" // the settings name time zones, and the runtime has no database of them

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/shared/installation"
	"davit/shared/names"
	"davit/shared/publisher"
	"davit/shared/recovery"
	"davit/shared/telemetry"
	"davit/shared/workqueue"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "recover cannot start:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	configuration, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	log := telemetry.Logger(os.Stdout)
	davit := installation.Open(configuration, os.Getenv(names.EnvironmentTable), os.Getenv(names.EnvironmentSettingsParameter), log)
	messages := sqs.NewFromConfig(configuration)
	queue := workqueue.New(messages, os.Getenv(names.EnvironmentQueueURL), os.Getenv(names.EnvironmentDeadLetterQueueURL), workqueue.WithLogger(log))
	rollouts := workqueue.New(messages, os.Getenv(names.EnvironmentRolloutQueueURL), "", workqueue.WithLogger(log))
	place := recovery.Place{Account: os.Getenv(names.EnvironmentAccount), Region: configuration.Region}
	davit.Remedies.LookAgain = place.LookAgain(queue.Enqueue)
	davit.Remedies.Rollouts = place.Rollouts(rollouts.Enqueue)
	davit.Remedies.Reporter = &recovery.Announcer{Metrics: telemetry.NewMetrics(os.Stdout),
		Publisher: publisher.New(eventbridge.NewFromConfig(configuration), os.Getenv(names.EnvironmentBus)),
		Page:      recovery.PageBySNS(sns.NewFromConfig(configuration), os.Getenv(names.EnvironmentTopic))}
	intake := &recovery.Intake{Reconciler: davit.Remedies, Resolve: davit.Resolve, Open: davit.Ledger.Open, Count: davit.CountRemedied,
		Enqueue: queue.Enqueue, Log: log}
	lambda.Start(queue.Handle(intake.Handle))
	return nil
}
