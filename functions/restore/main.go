// The function restore completes restores of objects whose archive has opened. It wires and holds no logic.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"davit/shared/names"
	"davit/shared/restore"
	"davit/shared/telemetry"
	"davit/shared/workqueue"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "restore cannot start:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	configuration, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	log := telemetry.Logger(os.Stdout)
	client := s3.NewFromConfig(configuration, func(options *s3.Options) {
		// Where the endpoint is not AWS's own, there is no name for each bucket.
		options.UsePathStyle = configuration.BaseEndpoint != nil
	})
	queue := workqueue.New(sqs.NewFromConfig(configuration), os.Getenv(names.EnvironmentQueueURL),
		os.Getenv(names.EnvironmentDeadLetterQueueURL), workqueue.WithLogger(log))
	intake := &restore.Intake{Client: client, Log: log}
	lambda.Start(queue.Handle(intake.Handle))
	return nil
}
