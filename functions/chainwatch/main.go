// The function chainwatch looks at blockchain nodes on a schedule. It wires and holds no logic.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/chainwatch"
	"davit/shared/names"
	"davit/shared/telemetry"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "chainwatch cannot start:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	configuration, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	parameters := chainwatch.Parameters{Client: ssm.NewFromConfig(configuration)}
	watch := &chainwatch.Watch{Parameters: parameters, Parameter: os.Getenv(names.EnvironmentNodesParameter),
		Collector: chainwatch.NewCollector(parameters), Metrics: os.Stdout, Log: telemetry.Logger(os.Stdout), Now: time.Now}
	lambda.Start(watch.Look)
	return nil
}
