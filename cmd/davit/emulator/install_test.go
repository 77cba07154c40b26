package emulator_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"davit/cmd/davit/emulator"
)

// fakePython is an interpreter that makes virtual environments of itself and writes down what pip is asked for. The
// file "fail" beside it makes pip fail.
const fakePython = `#!/bin/sh
case "$*" in
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip install "*)
	echo "$*" >> "$DAVIT_TEST_DIRECTORY/pip"
	if [ -e "$DAVIT_TEST_DIRECTORY/fail" ]; then echo "no such package"; exit 1; fi ;;
*"version_info"*) [ ! -e "$DAVIT_TEST_DIRECTORY/old" ] ;;
*"ensurepip"*) [ ! -e "$DAVIT_TEST_DIRECTORY/bare" ] ;;
esac
`

// fakeInterpreter makes the fake the only Python of the path and answers its directory.
func fakeInterpreter(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "python3"), []byte(fakePython), 0o700); err != nil { // #nosec G306
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "mkdir", "cp"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", directory)
	t.Setenv("DAVIT_TEST_DIRECTORY", directory)
	return directory
}

// touch makes an empty file.
func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// installs counts the installations by the fake.
func installs(t *testing.T, interpreter string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(interpreter, "pip"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "-m pip install")
}

func TestInstallWorksOnceForAllProcesses(t *testing.T) {
	interpreter, directory := fakeInterpreter(t), t.TempDir()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := emulator.Install(t.Context(), directory, func(string) {}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if err := emulator.Install(t.Context(), directory, nil); err != nil {
		t.Error(err)
	}
	if got := installs(t, interpreter); got != 1 {
		t.Errorf("five calls installed %d times", got)
	}
}

func TestInstallShowsWhatPipSaysAndTriesAgain(t *testing.T) {
	interpreter, directory := fakeInterpreter(t), t.TempDir()
	touch(t, filepath.Join(interpreter, "fail"))
	err := emulator.Install(t.Context(), directory, nil)
	if err == nil || !strings.Contains(err.Error(), "no such package") || !strings.Contains(err.Error(), directory) {
		t.Errorf("got %v, want what pip said and where", err)
	}
	if err := os.Remove(filepath.Join(interpreter, "fail")); err != nil {
		t.Fatal(err)
	}
	if err := emulator.Install(t.Context(), directory, nil); err != nil {
		t.Errorf("the second try: %v", err)
	}
	if got := installs(t, interpreter); got != 2 {
		t.Errorf("two tries installed %d times", got)
	}
}

func TestInstallNamesThePackageThatIsMissing(t *testing.T) {
	for name, test := range map[string]struct{ file, want string }{
		"no interpreter":             {want: "there is no python3; on Debian: apt install python3 python3-venv"},
		"an old interpreter":         {file: "old", want: "is older; on Debian: apt install python3 python3-venv"},
		"no virtual environments":    {file: "bare", want: "on Debian: apt install python3-venv"},
		"an interpreter that is new": {file: "new"},
	} {
		t.Run(name, func(t *testing.T) {
			interpreter := fakeInterpreter(t)
			if test.file == "" {
				t.Setenv("PATH", t.TempDir())
			} else {
				touch(t, filepath.Join(interpreter, test.file))
			}
			err := emulator.Install(t.Context(), t.TempDir(), nil)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

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
	python := filepath.Join(installation(t), "venv", "bin", "python")
	frozen, err := exec.CommandContext(t.Context(), python, "-m", "pip", "freeze", "--disable-pip-version-check").Output()
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
