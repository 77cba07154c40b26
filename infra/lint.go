package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"davit/infra/lint"
)

// lintAll synthesises every configuration that is checked in into the folder, where the CDK validates the templates, and has the
// linters read them. It does nothing where all that this depends on is remembered to have passed.
func lintAll(folder string, memory lint.Memory, linters ...lint.Linter) error {
	if os.Getenv("CDK_VALIDATION") == "false" {
		return errors.New("CDK_VALIDATION is false, and the CDK would not validate")
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	inputs, err := sumOfInputs(".", program, linters)
	if err != nil {
		return err
	}
	if memory.Passed(inputs) {
		fmt.Println("nothing changed in the stacks, their configurations and the linters since all templates passed")
		return nil
	}
	if err := os.RemoveAll(folder); err != nil { // #nosec G703 -- the caller chooses the folder
		return fmt.Errorf("remove what was synthesised before: %w", err)
	}
	functions, err := standIns(filepath.Join(folder, "functions"), functionSources)
	if err != nil {
		return err
	}
	if err := synthesiseAll(folder, functions); err != nil {
		return err
	}
	templates, err := filepath.Glob(filepath.Join(folder, "*", "*.template.json"))
	if err != nil {
		return err
	}
	for _, linter := range linters {
		if err := linter.Read(templates, memory, os.Stdout); err != nil {
			return err
		}
	}
	return memory.Remember(inputs)
}

// sumOfInputs stands for all that the templates and what is said of them depend on: the program that synthesises, with the CDK in
// it, what it reads in the checkout's root, the environment that the CDK looks at, Node, and the linters.
func sumOfInputs(root, program string, linters []lint.Linter) (string, error) {
	node, err := exec.Command("node", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask Node for its version: %w", err)
	}
	compiled, err := os.ReadFile(program) // #nosec G304 -- this program
	if err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	parts := [][]byte{node, compiled}
	paths := []string{settingsFile}
	for _, folder := range []string{configurationsFolder, shapesFolder} {
		found, err := fs.Glob(os.DirFS(root), folder+"/*.yaml")
		if err != nil {
			return "", err
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		content, err := os.ReadFile(filepath.Join(root, path)) // #nosec G304 -- by the names above
		if err != nil {
			return "", fmt.Errorf("read what the templates depend on: %w", err)
		}
		parts = append(parts, []byte(path), content)
	}
	names, err := functionNames(filepath.Join(root, functionSources))
	if err != nil {
		return "", err
	}
	for _, linter := range linters {
		itself, err := linter.Sum()
		if err != nil {
			return "", err
		}
		names = append(names, itself)
	}
	for _, name := range slices.Concat(names, environment()) {
		parts = append(parts, []byte(name))
	}
	return lint.Sum(parts...), nil
}

// environment are the variables that the CDK and Node look at.
func environment() []string {
	looked := []string{"AWS_", "CDK_", "JSII_", "NODE_"}
	found := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return !slices.ContainsFunc(looked, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
	slices.Sort(found)
	return found
}

// functionNames are the names of the functions whose sources are in the folder.
func functionNames(sources string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(sources, "*", "main.go"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("find no function in %s: %w", sources, errors.Join(err, os.ErrNotExist))
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(filepath.Dir(path))
	}
	return names, nil
}

// standIns makes the folder in the form of the built functions, for templates that are only looked at: they are then the same
// whatever the functions do.
func standIns(folder, sources string) (string, error) {
	names, err := functionNames(sources)
	if err != nil {
		return "", err
	}
	for _, architecture := range []string{"amd64", "arm64"} {
		for _, name := range names {
			path := filepath.Join(folder, architecture, name)
			if err := os.MkdirAll(path, 0o750); err != nil { // #nosec G703 -- the caller chooses the folder
				return "", fmt.Errorf("make stand-ins of the functions: %w", err)
			}
			if err := os.WriteFile(filepath.Join(path, "bootstrap"), []byte(architecture), 0o600); err != nil { // #nosec G703 -- the same
				return "", fmt.Errorf("make stand-ins of the functions: %w", err)
			}
		}
	}
	return folder, nil
}
