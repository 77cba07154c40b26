package cloud

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"

	"davit/cmd/davit/kubernetes"
	"davit/shared/workload/eks"
)

// clusterName is the cluster of the local installation.
const clusterName = "davit"

// Kubeconfig is the path of a kubeconfig with which one is the administrator of the site's cluster.
func (s Site) Kubeconfig() string {
	return kubernetes.Kubeconfig(kubernetes.Directory(s.emulator(), s.Endpoint.Region, clusterName))
}

// Kubectl runs kubectl as the administrator of the site's cluster and answers what it wrote.
func (s Site) Kubectl(ctx context.Context, input []byte, arguments ...string) ([]byte, error) {
	program, err := kubernetes.Kubectl(s.Root)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, arguments...) // #nosec G204 -- the checkout's own kubectl
	command.Dir = s.Root
	command.Env = []string{"HOME=" + s.Home(), "KUBECONFIG=" + s.Kubeconfig()}
	command.Stdin = bytes.NewReader(input)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", arguments[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	return output, nil
}

// admitFunctions applies what lets davit's functions roll out on the cluster, as its administrator does on AWS.
func (s Site) admitFunctions(ctx context.Context, progress func(string)) error {
	if _, err := s.Kubectl(ctx, []byte(eks.Access), "apply", "-f", "-"); err != nil {
		return err
	}
	progress("kubectl --kubeconfig " + s.Kubeconfig() + " get deployments --all-namespaces")
	return nil
}
