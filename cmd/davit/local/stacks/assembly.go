// Package stacks deploys the CDK application to a local cloud with the real CDK command line, and checks afterwards that
// what the templates asked for exists.
package stacks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Stack is one stack of a synthesised application.
type Stack struct {
	// Name is the stack's name in CloudFormation.
	Name string
	// Resources are the template's resources by logical ID.
	Resources map[string]Resource
}

// Resource is one resource of a template.
type Resource struct {
	Type       string         `json:"Type"`
	Properties map[string]any `json:"Properties"`
}

// ReadAssembly reads the stacks of a cloud assembly, the directory that `cdk synth` writes, in the order of their
// names.
func ReadAssembly(directory string) ([]Stack, error) {
	var manifest struct {
		Artifacts map[string]struct {
			Type       string `json:"type"`
			Properties struct {
				TemplateFile string `json:"templateFile"`
				StackName    string `json:"stackName"`
			} `json:"properties"`
		} `json:"artifacts"`
	}
	if err := readJSON(filepath.Join(directory, "manifest.json"), &manifest); err != nil {
		return nil, fmt.Errorf("read the cloud assembly: %w", err)
	}
	var found []Stack
	for id, artifact := range manifest.Artifacts {
		if artifact.Type != "aws:cloudformation:stack" {
			continue
		}
		var template struct {
			Resources map[string]Resource `json:"Resources"`
		}
		if err := readJSON(filepath.Join(directory, artifact.Properties.TemplateFile), &template); err != nil {
			return nil, fmt.Errorf("read the template of stack %s: %w", id, err)
		}
		found = append(found, Stack{Name: cmp.Or(artifact.Properties.StackName, id), Resources: template.Resources})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("read the cloud assembly: %s holds no stack", directory)
	}
	slices.SortFunc(found, func(a, b Stack) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

func readJSON(path string, into any) error {
	// #nosec G304 -- the path is below the assembly that was just synthesised.
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
