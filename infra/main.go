// Command infra is the CDK app of davit: it reads a configuration and synthesises its stacks. The CDK CLI runs it, as
// cdk.json says:
//
//	cdk deploy --all -c configuration=infra/configurations/development.yaml
//
// It looks nothing up and needs no credentials, so that synthesis works anywhere and gives the same everywhere.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

const (
	// defaultConfiguration is the file that is read where the context names none.
	defaultConfiguration = "infra/configurations/development.yaml"
	// functionsFolder is where the Makefile puts the built functions.
	functionsFolder = "bin/functions"
)

func main() {
	if err := synthesise(); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		os.Exit(1)
	}
}

func synthesise() error {
	defer jsii.Close()
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	path := defaultConfiguration
	if given, ok := app.Node().TryGetContext(jsii.String("configuration")).(string); ok && given != "" {
		path = given
	}
	configuration, err := config.Read(path)
	if err != nil {
		return err
	}
	addStacks(app, configuration, functionsFolder)
	app.Synth(nil)
	return nil
}
