package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Machine is what Ensure needs to know of the machine; a test plants another.
type Machine struct {
	// Environment reads the caller's environment.
	Environment func(string) string
	// Root tells whether this process may install packages and start an engine.
	Root bool
	// Release is the path of os-release(5).
	Release string
	// PolicyPath is where invoke-rc.d asks whether a package may start its service (policy-rc.d).
	PolicyPath string
}

// ThisMachine is the machine that the command runs on.
func ThisMachine() Machine {
	return Machine{
		Environment: os.Getenv, Root: os.Geteuid() == 0,
		Release: "/etc/os-release", PolicyPath: "/usr/sbin/policy-rc.d",
	}
}

// Without is the machine as it is without the private engine: a DOCKER_HOST that names that engine, as "davit local up" tells
// its user to set it, is no wish for another one.
func (m Machine) Without(private Private) Machine {
	environment := m.Environment
	m.Environment = func(name string) string {
		if value := environment(name); name != "DOCKER_HOST" || value != private.Host() {
			return value
		}
		return ""
	}
	return m
}

// Ensure answers an engine that can be used: the one that Find finds or, on Debian and Ubuntu as root, a private one in
// the directory, installing docker.io first where there is no dockerd. private tells which.
func Ensure(ctx context.Context, machine Machine, directory string, progress func(string)) (
	found *Engine, private bool, err error) {
	machine = machine.Without(Private{Directory: directory})
	found, err = Find(ctx, machine.Environment)
	if err == nil {
		return found, false, nil
	}
	if !errors.Is(err, ErrNone) {
		return nil, false, err
	}
	progress("no Docker engine answers: starting a private one in " + directory)
	if err := Install(ctx, machine, progress); err != nil {
		return nil, false, err
	}
	found, err = Private{Directory: directory}.Start(ctx)
	return found, true, err
}

// Install sees to it that Ensure will have an engine: one that answers, or the program of one. It starts nothing.
func Install(ctx context.Context, machine Machine, progress func(string)) error {
	_, err := Find(ctx, machine.Environment)
	if !errors.Is(err, ErrNone) {
		return err
	}
	if err := machine.canHavePrivate(err); err != nil {
		return err
	}
	if _, err := os.Stat(dockerd()); err == nil {
		return nil
	}
	return machine.install(ctx, progress)
}

// canHavePrivate says what to do where no private engine can be started.
func (m Machine) canHavePrivate(none error) error {
	const remedy = "start Docker (https://docs.docker.com/engine/install/) or point DOCKER_HOST at an engine"
	if !m.Root {
		return fmt.Errorf("%w, and only root can start a private one: %s, or run as root on Debian or Ubuntu",
			none, remedy)
	}
	if _, err := os.Stat(dockerd()); err == nil {
		return nil
	}
	if !m.debian() {
		return fmt.Errorf("%w, and docker.io is installed by itself only on Debian and Ubuntu: %s", none, remedy)
	}
	return nil
}

// debian reads ID and ID_LIKE of os-release.
func (m Machine) debian() bool {
	text, err := os.ReadFile(m.Release)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key != "ID" && key != "ID_LIKE" {
			continue
		}
		for name := range strings.FieldsSeq(strings.Trim(value, `"'`)) {
			if name == "debian" || name == "ubuntu" {
				return true
			}
		}
	}
	return false
}

// lockTimeout lets apt-get wait for another one, such as a machine's own upgrades, instead of failing at once
// (apt.conf(5), DPkg::Lock::Timeout, in seconds).
const lockTimeout = "DPkg::Lock::Timeout=300"

// install gets dockerd from the distribution, without letting the package start an engine of its own: that one would
// make a bridge and firewall rules.
func (m Machine) install(ctx context.Context, progress func(string)) error {
	restore, err := m.forbidServices()
	if err != nil {
		return fmt.Errorf("install docker.io: %w", err)
	}
	defer restore()
	for _, arguments := range [][]string{
		{"update"},
		{"install", "-y", "--no-install-recommends", "docker.io"},
	} {
		progress("apt-get " + strings.Join(arguments, " "))
		// #nosec G204 -- the arguments are the two lists above.
		command := exec.CommandContext(ctx, "apt-get", append([]string{"-qq", "-o", lockTimeout}, arguments...)...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		output, err := command.CombinedOutput()
		if err != nil {
			return fmt.Errorf("install docker.io: apt-get %s: %w: %s", arguments[0], err, tail(string(output), 600))
		}
	}
	if _, err := os.Stat(dockerd()); err != nil {
		return fmt.Errorf("install docker.io: apt-get succeeded, and there is still no dockerd: %w", err)
	}
	return nil
}

// forbidServices puts a policy-rc.d in place that denies every start, unless there is a policy already, and answers
// what takes it away again.
func (m Machine) forbidServices() (restore func(), err error) {
	// #nosec G302 G304 -- invoke-rc.d executes this file.
	policy, err := os.OpenFile(m.PolicyPath, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = policy.WriteString("#!/bin/sh\nexit 101\n")
	if err := errors.Join(err, policy.Close()); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(m.PolicyPath) }, nil
}

// searchPath is PATH with the directories of the system's daemons, which a user's PATH may lack.
func searchPath() string {
	return os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
}

// dockerd finds the engine's program on searchPath, and answers its bare name where there is none.
func dockerd() string {
	for _, directory := range filepath.SplitList(searchPath()) {
		candidate := filepath.Join(directory, "dockerd")
		if status, err := os.Stat(candidate); err == nil && !status.IsDir() && filepath.IsAbs(candidate) {
			return candidate
		}
	}
	return "dockerd"
}

// tail is the end of a text, at most limit bytes.
func tail(text string, limit int) string {
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-limit):]
}
