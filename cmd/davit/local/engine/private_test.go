package engine

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestAPrivateEngineStartsAndLeavesNothing runs the real thing where it can run: as root with dockerd at hand.
// Elsewhere it holds Ensure to its promise of an error that tells what to do.
func TestAPrivateEngineStartsAndLeavesNothing(t *testing.T) {
	// A long path checks that the sockets are kept in a short one.
	directory := filepath.Join(t.TempDir(), strings.Repeat("long", 20), "engine")
	machine := ThisMachine()
	machine.Environment = func(string) string { return "" }
	if _, err := os.Stat(dockerd()); !machine.Root || err != nil {
		machine.Root = false
		err := machine.canHavePrivate(ErrNone)
		if err == nil || !strings.Contains(err.Error(), "DOCKER_HOST") {
			t.Fatalf("without root: got %v, want an error that names DOCKER_HOST", err)
		}
		return
	}
	private := Private{Directory: directory}
	started, err := private.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = private.Stop(t.Context()) })
	if version, err := started.Version(t.Context()); err != nil || version == "" {
		t.Errorf("version: got %q, %v", version, err)
	}
	again, err := private.Start(t.Context())
	if err != nil || again.Host() != started.Host() {
		t.Errorf("second start: got %v, %v, want the same engine", again, err)
	}
	runtime := private.runtime()
	if len(runtime) > socketPathLimit {
		t.Errorf("runtime directory %s is too long for sockets", runtime)
	}
	if err := private.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := processesMentioning(t, directory, runtime); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if left := append(mountPoints(string(mounts), directory), mountPoints(string(mounts), runtime)...); len(left) > 0 {
		t.Errorf("mounts left: %v", left)
	}
	if _, err := os.Stat(runtime); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", runtime, err)
	}
	if err := private.Stop(t.Context()); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func processesMentioning(t *testing.T, paths ...string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		for _, path := range paths {
			if mentions(pid, path) {
				found = append(found, pid)
			}
		}
	}
	return found
}
