package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/engine"
)

// Down ends the local cloud: the emulator with its functions, its containers, and the engine where it is the site's own.
// It removes the state and keeps the logs and the installed tools. A local cloud that is not up is no error.
func (s Site) Down(ctx context.Context, console *console.Console) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return console.Step("Ending the local cloud", func() error { return s.end(ctx) })
}

// end clears away whatever there is, going on after an error.
func (s Site) end(ctx context.Context) error {
	stopped := emulator.Stop(ctx, s.emulator())
	forgotten := s.removeImages(ctx)
	ended := s.engine().Stop(ctx)
	if err := errors.Join(stopped, forgotten, ended); err != nil {
		return fmt.Errorf("end the local cloud: %w", err)
	}
	return s.removeState()
}

// removeImages takes the local cloud's images from an engine that others use. The site's own goes as a whole.
func (s Site) removeImages(ctx context.Context) error {
	state, err := s.readState()
	if err != nil {
		return err
	}
	if s, err = s.AsStarted(); err != nil {
		return err
	}
	if state.DockerHost == "" || state.PrivateEngine {
		return nil
	}
	shared, err := engine.Connect(ctx, state.DockerHost)
	if err != nil {
		return nil //nolint:nilerr // An engine that is gone has nothing left of ours.
	}
	_, err = shared.RemoveImages(ctx, s.Endpoint.Registry()+"/*", fmt.Sprintf("127.0.0.1:%d/*", s.Endpoint.Port))
	return err
}

// removeState keeps the logs, the tools, and the lock, which this process holds.
func (s Site) removeState() error {
	for _, name := range []string{
		stateName, "cdk.out",
		"emulator/home", "emulator/temporary", "emulator/state", "emulator/objects", "emulator/plugin",
		"emulator/kubernetes",
	} {
		if err := os.RemoveAll(filepath.Join(s.Directory, name)); err != nil {
			return fmt.Errorf("remove the state of the local cloud: %w", err)
		}
	}
	return nil
}
