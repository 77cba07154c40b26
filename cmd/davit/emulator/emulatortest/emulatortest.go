// Package emulatortest gives tests a local cloud of their own: an emulator on a free port with an empty state.
package emulatortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"davit/cmd/davit/emulator"
)

const usualSocket = "/var/run/docker.sock"

// Run starts an emulator, runs the tests with its endpoint, and stops it. It is for TestMain, where one emulator serves
// all tests of a package:
//
//	func TestMain(m *testing.M) { os.Exit(emulatortest.Run(m, func(url string) { endpoint = url })) }
//
// ECS runs containers on the engine of the environment variable DOCKER_HOST or else of the usual socket, and none where
// there is neither. The changes, such as WithoutEngine, are made to the options before the start. Run answers the exit
// code: that of the tests, or 1 if the emulator cannot be installed, started or stopped.
func Run(m interface{ Run() int }, ready func(endpoint string), changes ...func(*emulator.Options)) int {
	directory, err := os.MkdirTemp("", "davit-emulator-")
	if err != nil {
		return fail(err)
	}
	endpoint, err := start(directory, changes)
	if err != nil {
		return fail(errors.Join(err, os.RemoveAll(directory)))
	}
	ready(endpoint)
	code := m.Run()
	if err := stop(directory, code != 0); err != nil {
		return fail(err)
	}
	return code
}

// ForTest starts an emulator for one test, as Run does, and answers its endpoint. It is stopped when the test ends; the
// log of a failed test is kept.
func ForTest(tb testing.TB, changes ...func(*emulator.Options)) string {
	tb.Helper()
	directory, err := os.MkdirTemp("", "davit-emulator-")
	if err != nil {
		tb.Fatal(err)
	}
	endpoint, err := start(directory, changes)
	if err != nil {
		tb.Fatal(errors.Join(err, os.RemoveAll(directory)))
	}
	tb.Cleanup(func() {
		if err := stop(directory, tb.Failed()); err != nil {
			tb.Error(err)
		}
	})
	return endpoint
}

// WithoutEngine is a change for Run and ForTest: ECS runs no containers, every deployment completes at once.
func WithoutEngine(options *emulator.Options) { options.DockerHost = "" }

// DockerHost is the engine that tests may use, in the form of the variable DOCKER_HOST, empty if there is none.
func DockerHost() string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return host
	}
	if info, err := os.Stat(usualSocket); err == nil && info.Mode().Type() == os.ModeSocket {
		return "unix://" + usualSocket
	}
	return ""
}

func start(directory string, changes []func(*emulator.Options)) (string, error) {
	installation, err := Installation()
	if err != nil {
		return "", err
	}
	ctx := context.Background()
	if err := emulator.Install(ctx, installation, nil); err != nil {
		return "", err
	}
	options := emulator.Options{
		Directory: directory, Installation: installation, DockerHost: DockerHost(), Attached: true,
	}
	for _, change := range changes {
		change(&options)
	}
	started, err := emulator.Start(ctx, options)
	if err != nil {
		return "", err
	}
	return started.Endpoint(), nil
}

// stop ends the emulator. The directory of failed tests is kept for its log.
func stop(directory string, failed bool) error {
	if err := emulator.Stop(context.Background(), directory); err != nil {
		return err
	}
	if failed {
		fmt.Fprintln(os.Stderr, "the emulator's log:", filepath.Join(directory, "emulator.log"))
		return nil
	}
	return os.RemoveAll(directory)
}

// Installation is the folder in which all tests share one installed emulator: .local beside davit's own go.mod, above the
// working directory, which go test sets to the package's folder. The modules within davit's share it, too.
func Installation() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		module, err := os.ReadFile(filepath.Join(directory, "go.mod")) // #nosec G304 -- a folder above the tests
		if err == nil && bytes.HasPrefix(module, []byte("module davit\n")) {
			return filepath.Join(directory, ".local"), nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", errors.New("there is no go.mod of the module davit above the working directory")
		}
		directory = parent
	}
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
