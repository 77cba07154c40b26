// Package cloud brings the local cloud of a checkout up and down: a Docker engine, the emulator, and the stacks on it.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/local/endpoint"
	"davit/cmd/davit/local/engine"
	"davit/cmd/davit/local/stacks"
)

// DefaultConfiguration is the installation that is deployed to a local cloud, relative to the module's root.
const DefaultConfiguration = "infra/configurations/local.yaml"

// KubernetesConfiguration is the same installation with a cluster of EKS beside that of ECS.
const KubernetesConfiguration = "infra/configurations/local-eks.yaml"

// toolsDirectory holds the installed emulator, the same for every local cloud of the checkout.
const toolsDirectory = ".local"

// ErrNotBuilt is wrapped by the error about programs that are made or installed before a local cloud can start.
var ErrNotBuilt = errors.New("not there yet")

// Site says where one local cloud lives. Two sites with different directories and ports share nothing but the installed
// tools.
type Site struct {
	// Root is the module's root.
	Root string
	// Directory holds state, logs and pids; absolute.
	Directory string
	// Configuration is the installation to deploy, relative to Root.
	Configuration string
	// Endpoint is where the local cloud answers.
	Endpoint endpoint.Endpoint
	// Kubernetes makes clusters of EKS real; see WithKubernetes.
	Kubernetes bool
}

// NewSite is the site of the checkout around the working directory, with its state in .local.
func NewSite(port int, region string) (Site, error) {
	working, err := os.Getwd()
	if err != nil {
		return Site{}, fmt.Errorf("find the checkout: %w", err)
	}
	root, err := findRoot(working)
	if err != nil {
		return Site{}, err
	}
	return Site{
		Root: root, Directory: filepath.Join(root, toolsDirectory), Configuration: DefaultConfiguration,
		Endpoint: endpoint.Endpoint{Port: port, Region: region},
	}, nil
}

// WithKubernetes is the site with a cluster of EKS, whose control plane is a process of the emulator's.
func (s Site) WithKubernetes() Site {
	s.Kubernetes, s.Configuration = true, KubernetesConfiguration
	return s
}

// findRoot is the nearest directory at or above start whose go.mod is davit's.
func findRoot(start string) (string, error) {
	for directory := start; ; directory = filepath.Dir(directory) {
		// #nosec G304 -- reads go.mod and nothing else.
		text, err := os.ReadFile(filepath.Join(directory, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module davit\n") {
			return directory, nil
		}
		if directory == filepath.Dir(directory) {
			return "", fmt.Errorf("%s is not inside a checkout of davit: change into one", start)
		}
	}
}

func (s Site) tools() string { return filepath.Join(s.Root, toolsDirectory) }

func (s Site) emulator() string { return filepath.Join(s.Directory, "emulator") }

func (s Site) engine() engine.Private {
	return engine.Private{Directory: filepath.Join(s.Directory, "engine")}
}

// Home is the home directory of programs that work for a local cloud. All sites of the checkout share it, for the caches in it.
func (s Site) Home() string { return filepath.Join(s.tools(), "home") }

// Application is the CDK application of the checkout, deployed to this site.
func (s Site) Application() stacks.Application {
	return stacks.Application{
		Root: s.Root, Configuration: s.Configuration, Assembly: filepath.Join(s.Directory, "cdk.out"),
		Home: s.Home(), Log: filepath.Join(s.Directory, "deploy.log"), Endpoint: s.Endpoint,
	}
}

// Running tells whether the emulator of the site is up.
func (s Site) Running() bool {
	_, running := emulator.Running(s.emulator())
	return running
}

// Engine opens the Docker engine that runs the site's containers.
func (s Site) Engine(ctx context.Context) (*engine.Engine, error) {
	state, err := s.readState()
	if err != nil {
		return nil, err
	}
	return engine.Connect(ctx, state.DockerHost)
}

// checkBuilt names the first thing that is missing, and what makes it.
func (s Site) checkBuilt() error {
	type need struct{ path, remedy string }
	needs := []need{
		{filepath.Join("bin", "infra"), "make build"},
		{filepath.Join("bin", "functions", runtime.GOARCH), "make build"},
		{filepath.Join("node_modules", ".bin", "cdk"), "npm ci"},
		{s.Configuration, "git checkout " + s.Configuration},
	}
	if s.Kubernetes {
		needs = append(needs, need{filepath.Join("bin", "controlplane"), "make bin/controlplane"},
			need{filepath.Join("bin", "kubectl"), "make bin/kubectl"})
	}
	for _, needed := range needs {
		if _, err := os.Stat(filepath.Join(s.Root, needed.path)); err != nil {
			return fmt.Errorf("%s is %w: run %s", needed.path, ErrNotBuilt, needed.remedy)
		}
	}
	return nil
}
