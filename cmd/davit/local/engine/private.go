package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Limits of the private engine.
const (
	// socketPathLimit is the longest path that the sockets below the engine's directory may start with: sun_path holds
	// 108 bytes (unix(7)), and containerd's socket adds 33.
	socketPathLimit = 70
	startTimeout    = 60 * time.Second
	stopTimeout     = 20 * time.Second
	pollInterval    = 50 * time.Millisecond
)

// Private is an engine of our own in a directory: nothing of it is shared with the machine's engine. It makes no bridge
// and no firewall rule, so that its containers have no network but their own loopback.
type Private struct {
	// Directory holds the images, the log and the pid; it is absolute.
	Directory string
}

// Host is the engine's address in the form of DOCKER_HOST.
func (p Private) Host() string { return "unix://" + filepath.Join(p.runtime(), "docker.sock") }

// LogPath is where the engine writes its log.
func (p Private) LogPath() string { return filepath.Join(p.Directory, "dockerd.log") }

func (p Private) pidPath() string { return filepath.Join(p.Directory, "dockerd.pid") }

func (p Private) dataPath() string { return filepath.Join(p.Directory, "data") }

// runtime is the directory of the engine's sockets. Below a long path the sockets would not fit, and the engine gets a
// short directory whose name is derived from the long one.
func (p Private) runtime() string {
	near := filepath.Join(p.Directory, "run")
	if len(near) <= socketPathLimit {
		return near
	}
	sum := sha256.Sum256([]byte(p.Directory))
	return filepath.Join("/tmp", "davit-engine-"+hex.EncodeToString(sum[:6]))
}

// Start starts the engine and waits until it answers. One that answers already is used as it is.
func (p Private) Start(ctx context.Context) (*Engine, error) {
	if engine, err := Connect(ctx, p.Host()); err == nil {
		return engine, nil
	}
	for _, directory := range []string{p.Directory, p.runtime(), p.dataPath()} {
		if err := ownDirectory(directory); err != nil {
			return nil, fmt.Errorf("start a private Docker engine: %w", err)
		}
	}
	exited, err := p.launch()
	if err != nil {
		return nil, err
	}
	engine, err := p.await(ctx, exited)
	if err != nil {
		return nil, errors.Join(err, p.Stop(context.WithoutCancel(ctx)))
	}
	return engine, nil
}

// ownDirectory makes a directory that nobody else can enter, and refuses one that somebody else made.
func ownDirectory(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	var status syscall.Stat_t
	if err := syscall.Lstat(path, &status); err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if status.Mode&syscall.S_IFMT != syscall.S_IFDIR || int(status.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a directory of this user; remove it", path)
	}
	return nil
}

// launch starts dockerd in a session of its own, so that a Ctrl-C meant for this command does not reach it.
func (p Private) launch() (exited <-chan error, err error) {
	log, err := os.OpenFile(p.LogPath(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start a private Docker engine: %w", err)
	}
	defer func() { _ = log.Close() }()
	// #nosec G204 -- the program is fixed, and the paths are of this checkout.
	command := exec.Command(dockerd(), p.arguments()...)
	command.Stdout, command.Stderr = log, log
	command.Env = []string{"PATH=" + searchPath(), "HOME=" + p.Directory}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start a private Docker engine: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	return ended, nil
}

func (p Private) arguments() []string {
	return []string{
		"--iptables=false", "--ip6tables=false", "--bridge=none",
		"--data-root", p.dataPath(), "--exec-root", filepath.Join(p.runtime(), "x"),
		"-H", p.Host(), "-p", p.pidPath(),
	}
}

// await polls the engine until it answers, ends or takes too long.
func (p Private) await(ctx context.Context, exited <-chan error) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		engine, err := Connect(ctx, p.Host())
		if err == nil {
			return engine, nil
		}
		select {
		case ended := <-exited:
			return nil, fmt.Errorf("the private Docker engine ended at once (%v): %s", ended, p.lastWords())
		case <-ctx.Done():
			return nil, fmt.Errorf("the private Docker engine did not answer within %s: %w: see %s",
				startTimeout, ctx.Err(), p.LogPath())
		case <-time.After(pollInterval):
		}
	}
}

// lastWords are the last lines of the engine's log.
func (p Private) lastWords() string {
	text, err := os.ReadFile(p.LogPath())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// Stop removes every container, ends the engine and what it started, unmounts what it left and removes its images. A
// private engine that does not run is no error.
func (p Private) Stop(ctx context.Context) error {
	if engine, err := Connect(ctx, p.Host()); err == nil {
		// The engine itself would give each container ten seconds.
		if _, err := engine.RemoveLabelled(ctx); err != nil {
			return fmt.Errorf("stop the private Docker engine: %w", err)
		}
	}
	if pid := p.pid(); pid != 0 {
		if err := end(ctx, pid, stopTimeout); err != nil {
			return fmt.Errorf("stop the private Docker engine: %w", err)
		}
	}
	if err := endMentioning(ctx, p.runtime()); err != nil {
		return fmt.Errorf("stop what the private Docker engine started: %w", err)
	}
	for _, directory := range []string{p.runtime(), p.dataPath()} {
		if err := unmountBelow(directory); err != nil {
			return fmt.Errorf("clear after the private Docker engine: %w", err)
		}
		if err := os.RemoveAll(directory); err != nil {
			return fmt.Errorf("clear after the private Docker engine: %w", err)
		}
	}
	if err := os.Remove(p.pidPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clear after the private Docker engine: %w", err)
	}
	return nil
}

// pid is the engine's process, or 0. A pid file may outlive its process, and the number may be another's by now.
func (p Private) pid() int {
	text, err := os.ReadFile(p.pidPath())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || !mentions(pid, p.dataPath()) {
		return 0
	}
	return pid
}
