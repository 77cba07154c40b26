package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// requirements pins the emulator and every package that it needs.
//
//go:embed requirements.txt
var requirements []byte

const (
	stampName    = ".davit-requirements"
	outputTail   = 4 << 10
	pythonNeeded = "Python 3.10 or later"
)

// pythons are the names by which a new enough Python may be found, the usual one first.
var pythons = []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"}

// Install makes directory/venv with the emulator in it. It does nothing if that was done already for the same
// requirements, and is safe when several processes do it at once: one works, the others wait for it. It calls progress,
// which may be nil, before each step that takes long. pip's output is shown only in the error when pip fails.
func Install(ctx context.Context, directory string, progress func(step string)) error {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return fmt.Errorf("install the emulator in %s: %w", directory, err)
	}
	if progress == nil {
		progress = func(string) {}
	}
	if installed(directory) {
		return nil
	}
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return fmt.Errorf("install the emulator: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(directory, "install.lock"))
	if err != nil {
		return fmt.Errorf("install the emulator in %s: %w", directory, err)
	}
	defer unlock()
	if installed(directory) { // by the process that had the lock before
		return nil
	}
	if err := install(ctx, directory, progress); err != nil {
		return fmt.Errorf("install the emulator in %s: %w", directory, err)
	}
	return nil
}

func install(ctx context.Context, directory string, progress func(string)) error {
	interpreter, err := findPython(ctx)
	if err != nil {
		return err
	}
	environment := filepath.Join(directory, "venv")
	if err := os.RemoveAll(environment); err != nil {
		return err
	}
	progress("making a virtual environment for the emulator")
	if err := run(ctx, interpreter, "-m", "venv", environment); err != nil {
		return err
	}
	list := filepath.Join(environment, "requirements.txt")
	if err := os.WriteFile(list, requirements, 0o600); err != nil {
		return err
	}
	progress("installing the emulator's packages")
	// Without dependencies: what is not pinned must not come in. The check says if a pin is missing.
	err = run(ctx, python(directory), "-m", "pip", "install", "--quiet", "--no-input", "--no-deps",
		"--disable-pip-version-check", "--requirement", list)
	if err != nil {
		return err
	}
	if err := run(ctx, python(directory), "-m", "pip", "check", "--disable-pip-version-check"); err != nil {
		return err
	}
	return os.WriteFile(stamp(directory), []byte(requirementsHash()), 0o600)
}

// installed tells whether the directory's environment was finished for these requirements.
func installed(directory string) bool {
	found, err := os.ReadFile(stamp(directory))
	return err == nil && string(found) == requirementsHash()
}

func stamp(directory string) string { return filepath.Join(directory, "venv", stampName) }

func requirementsHash() string {
	sum := sha256.Sum256(requirements)
	return hex.EncodeToString(sum[:])
}

// python is the interpreter of the directory's environment.
func python(directory string) string { return filepath.Join(directory, "venv", "bin", "python") }

// findPython finds an interpreter that is new enough and can make virtual environments.
func findPython(ctx context.Context) (string, error) {
	var old []string
	for _, name := range pythons {
		interpreter, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if err := run(ctx, interpreter, "-c", "import sys; sys.exit(sys.version_info < (3, 10))"); err != nil {
			old = append(old, interpreter)
			continue
		}
		if err := run(ctx, interpreter, "-c", "import venv, ensurepip"); err != nil {
			return "", fmt.Errorf("%s cannot make virtual environments; on Debian: apt install python3-venv: %w",
				interpreter, err)
		}
		return interpreter, nil
	}
	if len(old) > 0 {
		return "", fmt.Errorf("%s is needed, %s is older; on Debian: apt install python3 python3-venv",
			pythonNeeded, strings.Join(old, ", "))
	}
	return "", fmt.Errorf("%s is needed and there is no python3; on Debian: apt install python3 python3-venv",
		pythonNeeded)
}

// run runs a command to its end; the error of one that fails has the end of its output.
func run(ctx context.Context, name string, arguments ...string) error {
	command := exec.CommandContext(ctx, name, arguments...) // #nosec G204 -- an interpreter of PATH or our own
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		text := bytes.TrimSpace(output.Bytes())
		text = text[max(0, len(text)-outputTail):]
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(arguments, " "), err, text)
	}
	return nil
}

// lock takes the file's lock, waiting for its holder as long as the context lasts.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- our own lock
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // #nosec G115 -- descriptors are small
		if err == nil {
			return func() { _ = file.Close() }, nil // closing releases the lock
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-ticker.C:
		}
	}
}
