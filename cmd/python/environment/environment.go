// Package environment makes virtual environments of Python that have exactly the packages of a list.
//
// uv installs them, as pip takes a minute of computing for what uv does in a second; pip, which Python brings, installs uv.
package environment

import (
	"bytes"
	"context"
	"crypto/sha256"
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

const (
	uvVersion    = "0.13.8"
	stampName    = ".davit-requirements"
	outputTail   = 4 << 10
	pythonNeeded = "Python 3.10 or later"
)

// pythons are the names by which a new enough Python may be found, the usual one first.
var pythons = []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"}

// Options are what an environment is to be.
type Options struct {
	// Requirements pin each package and all that it needs, a line each, as in pip's requirements files.
	Requirements []byte
	// Compile has all modules compiled at once, which pays where many processes start.
	Compile bool
	// Progress, which may be nil, is called before each step that takes long.
	Progress func(step string)
}

// Make makes the directory a virtual environment with the packages, by the index, the certificates and the other settings that
// pip has. It does nothing if that was done already for the same requirements, and is safe when several processes do it at
// once: one works, the others wait for it. What is beside the directory is uv and a lock. Their output is shown only in the
// error when they fail.
func Make(ctx context.Context, directory string, options Options) error {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	if made(directory, options) {
		return nil
	}
	beside := filepath.Dir(directory)
	if err := os.MkdirAll(beside, 0o750); err != nil {
		return err
	}
	unlock, err := lock(ctx, filepath.Join(beside, "install.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if made(directory, options) { // by the process that had the lock before
		return nil
	}
	if options.Progress == nil {
		options.Progress = func(string) {}
	}
	return install(ctx, directory, options)
}

// Python is the interpreter of an environment.
func Python(directory string) string { return filepath.Join(directory, "bin", "python") }

func install(ctx context.Context, directory string, options Options) error {
	interpreter, err := findPython(ctx)
	if err != nil {
		return err
	}
	uv := tool{directory: filepath.Join(filepath.Dir(directory), "uv-"+uvVersion)}
	if err := uv.install(ctx, interpreter, options.Progress); err != nil {
		return err
	}
	if err := os.RemoveAll(directory); err != nil {
		return err
	}
	options.Progress("making a virtual environment")
	if err := uv.run(ctx, "venv", "--quiet", "--python", interpreter, directory); err != nil {
		return err
	}
	list := filepath.Join(directory, "requirements.txt")
	if err := os.WriteFile(list, options.Requirements, 0o600); err != nil {
		return err
	}
	options.Progress("installing its packages")
	// Exactly the list: what is not pinned must not come in. The check says if a pin is missing.
	if err := uv.sync(ctx, directory, list, options.Compile); err != nil {
		return err
	}
	if err := uv.run(ctx, "pip", "check", "--python", Python(directory)); err != nil {
		return err
	}
	return os.WriteFile(stamp(directory), []byte(hash(options)), 0o600)
}

// made tells whether the environment was finished for these requirements.
func made(directory string, options Options) bool {
	found, err := os.ReadFile(stamp(directory))
	return err == nil && string(found) == hash(options)
}

func stamp(directory string) string { return filepath.Join(directory, stampName) }

func hash(options Options) string {
	sum := sha256.Sum256(options.Requirements)
	return hex.EncodeToString(sum[:])
}

// findPython finds an interpreter that is new enough.
func findPython(ctx context.Context) (string, error) {
	var old []string
	for _, name := range pythons {
		interpreter, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if _, err := run(ctx, nil, interpreter, "-c", "import sys; sys.exit(sys.version_info < (3, 10))"); err != nil {
			old = append(old, interpreter)
			continue
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

// run runs a command to its end, with more in its environment, and answers its output; the error of one that fails has the end
// of that.
func run(ctx context.Context, more []string, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, name, arguments...) // #nosec G204 -- an interpreter of PATH or our own
	command.Env = append(os.Environ(), more...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		text := bytes.TrimSpace(output.Bytes())
		text = text[max(0, len(text)-outputTail):]
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(arguments, " "), err, text)
	}
	return output.String(), nil
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
