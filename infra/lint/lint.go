// Package lint has templates read by linters, and remembers which of them passed, so that each is read once.
//
// A template passes a linter for good: what it says depends on the text of the template, on itself with the packages that it
// is made of, and on its settings, which are all in what is remembered. What fails is never remembered.
package lint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Linter is a program in a virtual environment of Python that is given the paths of templates and fails if it finds anything.
type Linter struct {
	// Program is its path.
	Program string
	// Arguments come before the paths.
	Arguments []string
	// Settings are the names of files that it reads by itself, in the working directory or in the user's home.
	Settings []string
}

// CfnLint is cfn-lint.
func CfnLint(program string) Linter {
	return Linter{Program: program, Settings: []string{".cfnlintrc", ".cfnlintrc.yaml", ".cfnlintrc.yml"}}
}

// Checkov is checkov, which asks nothing of the network.
func Checkov(program string) Linter {
	return Linter{
		Program:   program,
		Arguments: []string{"--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "--file"},
		Settings:  []string{".checkov.yaml", ".checkov.yml"},
	}
}

// Sum stands for all that the linter's answer depends on beside the templates.
func (l Linter) Sum() (string, error) {
	program, err := filepath.EvalSymlinks(l.Program)
	if err != nil {
		return "", fmt.Errorf("find the linter: %w", err)
	}
	// Each package that is installed has such a folder, with its version in the name; the path has Python's.
	environment := filepath.Dir(filepath.Dir(program))
	packages, err := fs.Glob(os.DirFS(environment), "lib/python*/site-packages/*.dist-info")
	if err != nil || len(packages) == 0 {
		return "", fmt.Errorf("%s is in no virtual environment of Python: %w", l.Program, errors.Join(err, fs.ErrNotExist))
	}
	parts := [][]byte{[]byte(filepath.Base(program))}
	for _, text := range slices.Concat(l.Arguments, packages) {
		parts = append(parts, []byte(text))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the linter's settings: %w", err)
	}
	for _, folder := range []string{".", home} {
		for _, name := range l.Settings {
			settings, err := os.ReadFile(filepath.Join(folder, name)) // #nosec G304 -- by the names above
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("read the linter's settings: %w", err)
			}
			parts = append(parts, settings)
		}
	}
	return Sum(parts...), nil
}

// Read has the linter read those of the templates, each text once, that are not remembered to have passed. It writes to output what
// the linter finds, and remembers them when it finds nothing in any of them.
func (l Linter) Read(templates []string, memory Memory, output io.Writer) error {
	itself, err := l.Sum()
	if err != nil {
		return err
	}
	var unread, sums []string
	seen := map[string]bool{}
	for _, path := range templates {
		template, err := os.ReadFile(path) // #nosec G304 -- the caller chooses the templates
		if err != nil {
			return fmt.Errorf("read a template: %w", err)
		}
		sum := Sum([]byte(itself), template)
		if !seen[sum] && !memory.Passed(sum) {
			unread, sums = append(unread, path), append(sums, sum)
		}
		seen[sum] = true
	}
	name := filepath.Base(l.Program)
	fmt.Fprintf(output, "%s: %d of %d templates are new\n", name, len(unread), len(seen))
	if len(unread) == 0 {
		return nil
	}
	linter := exec.Command(l.Program, append(slices.Clone(l.Arguments), unread...)...) // #nosec G204 -- what the caller chose
	// It sees no more of the environment, of which nothing is remembered.
	linter.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	linter.Stdout, linter.Stderr = output, output
	if err := linter.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return memory.Remember(sums...)
}
