// Package webimage makes the images of the web server in cmd/davit/local/web: an image holds one static program and
// nothing else, and the same program and version always give the same digest.
package webimage

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"davit/cmd/davit/kubernetes"
)

// programPath is where the program is in the image.
const programPath = "/web"

// Check is the command that asks the server of a running container for its page.
var Check = []string{programPath, "-check"}

// Program is the web server, built for the containers of this machine.
type Program struct{ layer v1.Layer }

// Build compiles the web server of the module at root with the Go toolchain on PATH.
func Build(ctx context.Context, root string) (Program, error) {
	directory, err := os.MkdirTemp("", "davit-web-")
	if err != nil {
		return Program{}, fmt.Errorf("build the web server: %w", err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	path := filepath.Join(directory, "web")
	if err := Compile(ctx, root, "./cmd/davit/local/web", path); err != nil {
		return Program{}, err
	}
	// #nosec G304 -- the path is the one made above.
	binary, err := os.ReadFile(path)
	if err != nil {
		return Program{}, fmt.Errorf("build the web server: %w", err)
	}
	return fromBinary(binary)
}

// Compile builds one package of the module at root into a static Linux program without any trace of the machine.
func Compile(ctx context.Context, root, target, output string) error {
	// #nosec G204 -- the target is a package of this module.
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		"-o", output, target)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH, "GOFLAGS=")
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", target, err, bytes.TrimSpace(text))
	}
	return nil
}

func fromBinary(binary []byte) (Program, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	header := &tar.Header{
		Name: programPath[1:], Mode: 0o755, Size: int64(len(binary)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
	}
	if err := writer.WriteHeader(header); err != nil {
		return Program{}, fmt.Errorf("make the layer of the web server: %w", err)
	}
	if _, err := writer.Write(binary); err != nil {
		return Program{}, fmt.Errorf("make the layer of the web server: %w", err)
	}
	if err := writer.Close(); err != nil {
		return Program{}, fmt.Errorf("make the layer of the web server: %w", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	})
	if err != nil {
		return Program{}, fmt.Errorf("make the layer of the web server: %w", err)
	}
	return Program{layer: layer}, nil
}

// Working is an image whose server answers with the version.
func (p Program) Working(version string) (v1.Image, error) {
	return p.image(version, nil, programPath)
}

// Broken is an image whose process exits with code 1 at once, and which says so to clusters that run no process; see package
// kubernetes.
func (p Program) Broken(version string) (v1.Image, error) {
	return p.image(version, map[string]string{kubernetes.LabelExit: "1"}, programPath, "-fail")
}

func (p Program) image(version string, labels map[string]string, command ...string) (v1.Image, error) {
	image, err := mutate.AppendLayers(empty.Image, p.layer)
	if err != nil {
		return nil, fmt.Errorf("make image %s of the web server: %w", version, err)
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Created:      v1.Time{Time: time.Unix(0, 0).UTC()},
		RootFS:       v1.RootFS{Type: "layers", DiffIDs: diffIDs(image)},
		Config: v1.Config{
			Entrypoint: command,
			Labels:     labels,
			Env:        []string{"WEB_VERSION=" + version},
			// The server needs no right at all.
			User:         "65534:65534",
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make image %s of the web server: %w", version, err)
	}
	return image, nil
}

// diffIDs are the layers' uncompressed digests, which the configuration must list.
func diffIDs(image v1.Image) []v1.Hash {
	config, err := image.ConfigFile()
	if err != nil {
		return nil
	}
	return config.RootFS.DiffIDs
}

// Archive is the image under a name, in the form that `docker load` reads.
func Archive(image v1.Image, as string) (io.Reader, error) {
	reference, err := name.NewTag(as, name.WithDefaultRegistry(""))
	if err != nil {
		return nil, fmt.Errorf("archive an image of the web server: %w", err)
	}
	var archive bytes.Buffer
	if err := tarball.Write(reference, image, &archive); err != nil {
		return nil, fmt.Errorf("archive an image of the web server as %s: %w", as, err)
	}
	return &archive, nil
}
