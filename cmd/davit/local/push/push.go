// Package push puts images of the web server into the registry of a local cloud: by the docker command line where there
// is one, as a developer would, or else by the registry's protocol.
package push

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"davit/cmd/davit/local/engine"
	"davit/cmd/davit/local/webimage"
)

// Pusher pushes to one registry.
type Pusher struct {
	// Registry is the registry's host and port.
	Registry string
	// Engine holds the images that the docker command line pushes.
	Engine *engine.Engine
	// Home is a directory for the docker command line, instead of the user's own configuration.
	Home string
}

// Means says how this pusher pushes.
func (p Pusher) Means() string {
	if _, err := exec.LookPath("docker"); err != nil {
		return "the registry's protocol (there is no docker command line)"
	}
	return "docker push"
}

// Push pushes the image under the name, REPOSITORY:TAG.
func (p Pusher) Push(ctx context.Context, image v1.Image, as string) error {
	full := p.Registry + "/" + as
	if _, err := exec.LookPath("docker"); err != nil {
		return p.write(ctx, image, full)
	}
	archive, err := webimage.Archive(image, full)
	if err != nil {
		return err
	}
	if err := p.Engine.Load(ctx, archive); err != nil {
		return fmt.Errorf("push %s: %w", full, err)
	}
	// #nosec G204 -- the name is made of the registry's address and of a constant.
	command := exec.CommandContext(ctx, "docker", "--config", p.Home, "--host", p.Engine.Host(), "push", full)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.Home}
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("docker push %s: %w: %s", full, err, bytes.TrimSpace(output))
	}
	return nil
}

func (p Pusher) write(ctx context.Context, image v1.Image, full string) error {
	reference, err := name.NewTag(full)
	if err != nil {
		return fmt.Errorf("push %s: %w", full, err)
	}
	if err := remote.Write(reference, image, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("push %s: %w", full, err)
	}
	return nil
}
