package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"davit/cmd/davit/local/endpoint"
)

const (
	stateName = "cloud.json"
	lockName  = "lock"
	// lockPoll is the time between two looks at a lock that another process holds.
	lockPoll = 100 * time.Millisecond
)

// state is what a later command must know of a local cloud that was started. It is written as soon as there is
// something to clear away.
type state struct {
	// DockerHost is the engine of the site, in the form of the environment variable.
	DockerHost string `json:"dockerHost"`
	// PrivateEngine tells that the engine is the site's own.
	PrivateEngine bool      `json:"privateEngine"`
	StartedAt     time.Time `json:"startedAt"`
	// Endpoint is set once everything is deployed.
	Endpoint string `json:"endpoint,omitempty"`
	// Region is the region of the stacks.
	Region string `json:"region"`
	// Kubernetes tells that clusters of EKS are real there.
	Kubernetes bool `json:"kubernetes,omitempty"`
}

// refusal is the error of a start where the cloud is up that the state tells of.
func (s state) refusal(kubernetes bool) error {
	if kubernetes && !s.Kubernetes {
		return fmt.Errorf("the local cloud is up at %s without Kubernetes: run davit local down first", s.Endpoint)
	}
	return fmt.Errorf("%w at %s", ErrUp, s.Endpoint)
}

// endpoint is where the cloud is that the state tells of.
func (s state) endpoint() (endpoint.Endpoint, error) {
	address, err := url.Parse(s.Endpoint)
	if err != nil {
		return endpoint.Endpoint{}, fmt.Errorf("read the state of the local cloud: %w", err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		return endpoint.Endpoint{}, fmt.Errorf("read the state of the local cloud: %w", err)
	}
	return endpoint.Endpoint{Port: port, Region: s.Region}, nil
}

// AsStarted is the site with the port and the region of the cloud that was started there, which may be others than those that were
// asked for.
func (s Site) AsStarted() (Site, error) {
	started, err := s.readState()
	if err != nil || started.Endpoint == "" {
		return s, err
	}
	s.Endpoint, err = started.endpoint()
	return s, err
}

// stateOfNone is the state where nothing was started.
var stateOfNone state

func (s Site) statePath() string { return filepath.Join(s.Directory, stateName) }

// readState answers the zero state where nothing was started.
func (s Site) readState() (state, error) {
	// #nosec G304 -- the path is the site's own.
	text, err := os.ReadFile(s.statePath())
	if errors.Is(err, os.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read the state of the local cloud: %w", err)
	}
	var found state
	if err := json.Unmarshal(text, &found); err != nil {
		return state{}, fmt.Errorf("read the state of the local cloud in %s: %w", s.statePath(), err)
	}
	return found, nil
}

func (s Site) writeState(state state) error {
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("write the state of the local cloud: %w", err)
	}
	if err := os.WriteFile(s.statePath(), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the state of the local cloud: %w", err)
	}
	return nil
}

// lock keeps two commands from changing one site at once. It waits for the other one as long as the context lasts.
func (s Site) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(s.Directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the local cloud: %w", err)
	}
	path := filepath.Join(s.Directory, lockName)
	// #nosec G304 -- the path is the site's own.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the local cloud: %w", err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // #nosec G115 -- descriptors are small
		if err == nil {
			return func() { _ = file.Close() }, nil // Closing releases it, and so does the end of the process.
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock the local cloud with %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("another command works on the local cloud: %w", ctx.Err()), file.Close())
		case <-time.After(lockPoll):
		}
	}
}
