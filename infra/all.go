package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// synthesiseAll synthesises every configuration that is checked in into a folder of its own below the given one. A shape that
// cannot work is left out, and the reason is shown.
func synthesiseAll(folder, functions string) error {
	document, err := os.ReadFile(settingsFile)
	if err != nil {
		return fmt.Errorf("read the CDK's feature flags: %w", err)
	}
	context, err := flags(document)
	if err != nil {
		return err
	}
	// By the paths of constructs, which the CLI has in its templates too, cfn-lint knows a template of the CDK's.
	context["aws:cdk:enable-path-metadata"] = true
	configurations, refused, err := checkedIn()
	if err != nil {
		return err
	}
	for _, reason := range refused {
		fmt.Println("refused, as it must be:", reason)
	}
	for _, name := range slices.Sorted(maps.Keys(configurations)) {
		app := newApp(&awscdk.AppProps{
			AnalyticsReporting: jsii.Bool(false),
			Context:            &context,
			Outdir:             jsii.String(filepath.Join(folder, name)),
			TreeMetadata:       jsii.Bool(false), // which is for the CDK's own tools
		})
		addStacks(app, configurations[name], functions)
		app.Synth(nil)
		if err := validated(filepath.Join(folder, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Printf("%d configurations are synthesised into %s\n", len(configurations), folder)
	return nil
}

// validated reads what the CDK's own validation found, if it ran. It does not fail a synthesis by itself: it sets the
// exit code of the process of the CDK, which is not this one.
func validated(folder string) error {
	document, err := os.ReadFile(filepath.Join(folder, "validation-report.json")) // #nosec G304 G703 -- the caller chooses the folder
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the validation report: %w", err)
	}
	var report struct {
		PluginReports []struct {
			Conclusion string
			Violations []struct{ RuleName, Description string }
		}
	}
	if err := json.Unmarshal(document, &report); err != nil {
		return fmt.Errorf("read the validation report: %w", err)
	}
	for _, plugin := range report.PluginReports {
		if plugin.Conclusion == "failure" {
			return fmt.Errorf("the CDK's validation failed: %v", plugin.Violations)
		}
	}
	return nil
}

// checkedIn are the checked-in configurations and shapes by name, and why the shapes are refused that cannot work.
func checkedIn() (found map[string]*config.Configuration, refused []error, err error) {
	paths, err := filepath.Glob(filepath.Join(configurationsFolder, "*.yaml"))
	if err != nil || len(paths) == 0 {
		return nil, nil, fmt.Errorf("find no configuration in %s; run it where cdk.json is: %w", configurationsFolder,
			errors.Join(err, os.ErrNotExist))
	}
	found = map[string]*config.Configuration{}
	for _, path := range paths {
		configuration, err := config.Read(path)
		if err != nil {
			return nil, nil, err
		}
		found[strings.TrimSuffix(filepath.Base(path), ".yaml")] = configuration
	}
	for _, shape := range config.Shapes {
		configuration, err := config.ReadShape(shapesFolder, shape)
		switch {
		case err == nil:
			found[shape] = configuration
		case config.ImpossibleShape(shape):
			refused = append(refused, err)
		default:
			return nil, nil, err
		}
	}
	return found, refused, nil
}

// flags are the CDK's feature flags of the text of a cdk.json, which the CLI gives to the app by itself.
func flags(document []byte) (map[string]any, error) {
	var settings struct{ Context map[string]any }
	if err := json.Unmarshal(document, &settings); err != nil {
		return nil, fmt.Errorf("read the CDK's feature flags in %s: %w", settingsFile, err)
	}
	return settings.Context, nil
}
