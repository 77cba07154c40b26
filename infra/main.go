// Command infra is the CDK app of davit: it reads a configuration and synthesises its stacks. The CDK CLI runs it, as
// cdk.json says, with a file or with the name of a shape, which is a file of infra/shapes:
//
//	cdk deploy --all -c configuration=infra/configurations/development.yaml
//	cdk deploy --all -c shape=web-ecs-fargate
//
// By itself it synthesises every configuration that is checked in, each into a folder of its own, or has all of them validated by
// the CDK and read by linters, unless they passed before:
//
//	infra all FOLDER
//	infra lint FOLDER CFN-LINT CHECKOV
//
// It looks nothing up and needs no credentials, so that synthesis works anywhere and gives the same everywhere.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/lint"
)

const (
	// defaultConfiguration is the file that is read where the context names none.
	defaultConfiguration = "infra/configurations/development.yaml"
	// configurationsFolder has the configurations, and shapesFolder those of config.Shapes.
	configurationsFolder = "infra/configurations"
	shapesFolder         = "infra/shapes"
	// functionsFolder is where the Makefile puts the built functions.
	functionsFolder = "bin/functions"
	// functionSources has a folder for each of them, with its main.go.
	functionSources = "functions"
	// settingsFile is where the CDK's feature flags are.
	settingsFile = "cdk.json"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	defer jsii.Close()
	switch {
	case len(arguments) == 0:
		return synthesise()
	case len(arguments) == 2 && arguments[0] == "all":
		return synthesiseAll(arguments[1], functionsFolder)
	case len(arguments) == 4 && arguments[0] == "lint":
		return lintAll(arguments[1], lint.UserMemory(), lint.CfnLint(arguments[2]), lint.Checkov(arguments[3]))
	}
	return fmt.Errorf("unknown arguments %q: the CDK CLI gives none, \"infra all FOLDER\" synthesises everything, and "+
		"\"infra lint FOLDER CFN-LINT CHECKOV\" lints it", arguments)
}

// synthesise does what the CDK CLI asks for by its context.
func synthesise() error {
	app := newApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	configuration, err := choose(contextOf(app, "configuration"), contextOf(app, "shape"))
	if err != nil {
		return err
	}
	addStacks(app, configuration, functionsFolder)
	app.Synth(nil)
	return nil
}

// contextOf is the value of the context's key, empty without one.
func contextOf(app awscdk.App, key string) string {
	value, _ := app.Node().TryGetContext(jsii.String(key)).(string)
	return value
}

// choose reads the configuration that was asked for by its path or by the name of its shape.
func choose(path, shape string) (*config.Configuration, error) {
	switch {
	case path != "" && shape != "":
		return nil, errors.New("give -c configuration=FILE or -c shape=NAME, not both")
	case shape != "":
		return config.ReadShape(shapesFolder, shape)
	case path != "":
		return config.Read(path)
	}
	return config.Read(defaultConfiguration)
}
