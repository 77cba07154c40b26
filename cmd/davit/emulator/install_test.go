package emulator_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestInstallationHasExactlyThePinnedPackages(t *testing.T) {
	pins, err := os.ReadFile("requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	exact := regexp.MustCompile(`^[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*$`)
	pinned := map[string]bool{}
	for line := range strings.Lines(string(pins)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if !exact.MatchString(line) {
			t.Errorf("%q pins no version", line)
		}
		pinned[strings.ToLower(line)] = true
	}
	const program = "import importlib.metadata as m; print(*(d.name + '==' + d.version for d in m.distributions()), sep='\\n')"
	python := filepath.Join(installation(t), "venv", "bin", "python")
	frozen, err := exec.CommandContext(t.Context(), python, "-c", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(frozen)) {
		if line = strings.ToLower(strings.TrimSpace(line)); !pinned[line] {
			t.Errorf("%s is installed and not pinned", line)
		}
		delete(pinned, line)
	}
	for line := range pinned {
		t.Errorf("%s is pinned and not installed", line)
	}
}
