package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNone says that no Docker engine answered.
var ErrNone = errors.New("no Docker engine answers")

// Find answers the engine that DOCKER_HOST names or, without it, the first of the usual sockets that answers. An engine
// that DOCKER_HOST names and that does not answer is an error of its own: whoever set it wants that one. When nothing
// answers the error wraps ErrNone.
func Find(ctx context.Context, environment func(string) string) (*Engine, error) {
	if host := environment("DOCKER_HOST"); host != "" {
		if environment("DOCKER_TLS_VERIFY") != "" {
			return nil, fmt.Errorf("%w: DOCKER_TLS_VERIFY is set, and TLS is not spoken here; unset DOCKER_HOST and "+
				"DOCKER_TLS_VERIFY, or name a local socket", ErrHost)
		}
		engine, err := Connect(ctx, host)
		if errors.Is(err, ErrHost) {
			return nil, fmt.Errorf("DOCKER_HOST is %w; set it so, or unset it", err)
		}
		if err != nil {
			return nil, fmt.Errorf("DOCKER_HOST is set: %w: start that engine, or unset DOCKER_HOST", err)
		}
		return engine, nil
	}
	var tried []string
	for _, socket := range usualSockets(environment) {
		if _, err := os.Stat(socket); err != nil {
			continue
		}
		engine, err := Connect(ctx, "unix://"+socket)
		if err == nil {
			return engine, nil
		}
		tried = append(tried, err.Error())
	}
	if len(tried) == 0 {
		return nil, ErrNone
	}
	return nil, fmt.Errorf("%w: %s", ErrNone, strings.Join(tried, "; "))
}

// usualSockets are where engines listen by default: the system's, a rootless one's and Docker Desktop's.
func usualSockets(environment func(string) string) []string {
	sockets := []string{"/var/run/docker.sock"}
	if directory := environment("XDG_RUNTIME_DIR"); directory != "" {
		sockets = append(sockets, filepath.Join(directory, "docker.sock"))
	}
	if home := environment("HOME"); home != "" {
		sockets = append(sockets, filepath.Join(home, ".docker", "run", "docker.sock"))
	}
	return sockets
}
