// Package kubernetes is what clusters of the local cloud's EKS consist of: the program that is a cluster's control plane,
// which a module of its own builds (folder controlplane), kubectl, and where a cluster keeps its files.
//
// The emulator starts the program for each cluster that is made in its EKS, and ends it with the cluster and with itself;
// see emulator.Options.
package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
)

// Labels of images whose containers end on a local cluster, at once and each time.
const (
	// LabelExit names the exit code.
	LabelExit = "davit.test.exit"
	// LabelOOM, "true", has them killed for want of memory.
	LabelOOM = "davit.test.oom"
)

// ControlPlane is the program of control planes, built in the checkout at root. It fails if the program is not built.
func ControlPlane(root string) (string, error) { return built(root, "controlplane") }

// Kubectl is kubectl, built in the checkout at root. It fails if the program is not built.
func Kubectl(root string) (string, error) { return built(root, "kubectl") }

func built(root, name string) (string, error) {
	path, err := filepath.Abs(filepath.Join(root, "bin", name))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("run \"make bin/%s\" first: %w", name, err)
	}
	return path, nil
}

// Directory is where a cluster of the emulator in the directory keeps its files. They go with the cluster; its log, named
// like the directory with ".log" added, stays.
func Directory(emulator, region, cluster string) string {
	return filepath.Join(emulator, "kubernetes", region, cluster)
}

// Kubeconfig is the kubeconfig in a cluster's directory with which one is its administrator.
func Kubeconfig(directory string) string { return filepath.Join(directory, "kubeconfig") }
