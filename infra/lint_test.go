package main

import (
	"os"
	"path/filepath"
	"testing"

	"davit/infra/lint"
)

// newCheckout makes a checkout that has no more than what templates depend on, and tells how to write a file of it.
func newCheckout(t *testing.T) (root string, write func(path, content string)) {
	t.Helper()
	root = t.TempDir()
	write = func(path, content string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil { // #nosec G306 -- programs are among them
			t.Fatal(err)
		}
	}
	write("program", "synthesise")
	write(settingsFile, "{}")
	write(filepath.Join(configurationsFolder, "one.yaml"), "owner: one")
	write(filepath.Join(shapesFolder, "shape.yaml"), "owner: shape")
	write(filepath.Join(functionSources, "rollout", "main.go"), "package main")
	write("lint/bin/linter", "#!/bin/sh\n")
	write("lint/lib/python3/site-packages/linter-1.0.dist-info/METADATA", "")
	return root, write
}

func TestTemplatesAreLintedAgainWhenAnythingChangedThatTheyDependOn(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, root string, write func(path, content string)){
		"the program":    func(_ *testing.T, _ string, write func(string, string)) { write("program", "synthesise otherwise") },
		"a feature flag": func(_ *testing.T, _ string, write func(string, string)) { write(settingsFile, `{"context":{}}`) },
		"a configuration": func(_ *testing.T, _ string, write func(string, string)) {
			write(configurationsFolder+"/one.yaml", "owner: two")
		},
		"one configuration more": func(_ *testing.T, _ string, write func(string, string)) {
			write(configurationsFolder+"/two.yaml", "owner: two")
		},
		"a shape": func(_ *testing.T, _ string, write func(string, string)) {
			write(shapesFolder+"/shape.yaml", "owner: two")
		},
		"one function more": func(_ *testing.T, _ string, write func(string, string)) {
			write(functionSources+"/scale/main.go", "package main")
		},
		"one linter's package more": func(_ *testing.T, _ string, write func(string, string)) {
			write("lint/lib/python3/site-packages/rules-1.0.dist-info/METADATA", "")
		},
		"the CDK's context": func(t *testing.T, _ string, _ func(string, string)) { t.Setenv("CDK_CONTEXT_JSON", "{}") },
		"Node": func(t *testing.T, root string, write func(string, string)) {
			write("bin/node", "#!/bin/sh\necho v99.0.0\n")
			t.Setenv("PATH", filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			root, write := newCheckout(t)
			sum := func() string {
				t.Helper()
				sum, err := sumOfInputs(root, filepath.Join(root, "program"), []lint.Linter{{Program: filepath.Join(root, "lint/bin/linter")}})
				if err != nil {
					t.Fatal(err)
				}
				return sum
			}
			before := sum()
			if again := sum(); again != before {
				t.Error("it is another one without any change")
			}
			change(t, root, write)
			if sum() == before {
				t.Error("it is the same")
			}
		})
	}
}

func TestNothingPassesWithoutTheValidationOfTheCDK(t *testing.T) {
	t.Setenv("CDK_VALIDATION", "false")
	if err := lintAll(t.TempDir(), lint.Memory{}); err == nil {
		t.Error("it passes")
	}
}
