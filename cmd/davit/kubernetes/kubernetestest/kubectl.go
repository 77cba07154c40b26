package kubernetestest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"davit/cmd/davit/kubernetes"
)

// kubectls are processes of kubectl that stay, as starting one takes longer than most commands. There are as many as
// commands were run side by side.
type kubectls struct {
	lock sync.Mutex
	idle []*kubectl
}

// kubectl is such a process. It ends with this one, which holds the other end of its standard input.
type kubectl struct {
	requests *json.Encoder
	answers  *json.Decoder
}

// take answers a process that nobody uses, which is started if there is none.
func (k *kubectls) take(program, home string) (*kubectl, error) {
	k.lock.Lock()
	defer k.lock.Unlock()
	if last := len(k.idle) - 1; last >= 0 {
		taken := k.idle[last]
		k.idle = k.idle[:last]
		return taken, nil
	}
	return startKubectl(program, home)
}

func (k *kubectls) giveBack(used *kubectl) {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.idle = append(k.idle, used)
}

func startKubectl(program, home string) (*kubectl, error) {
	command := exec.Command(program, "stay") // #nosec G204 -- the checkout's own kubectl
	command.Env = []string{"HOME=" + home}
	command.Stderr = os.Stderr
	requests, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return &kubectl{json.NewEncoder(requests), json.NewDecoder(answers)}, nil
}

// run runs one command. The error has what it wrote to standard error.
func (k *kubectl) run(input string, arguments []string) (output string, err error) {
	request := struct {
		Arguments []string `json:"arguments"`
		Input     string   `json:"input"`
	}{arguments, input}
	var answer struct {
		Output, Complaint string
		Code              int
	}
	if err := errors.Join(k.requests.Encode(request), k.answers.Decode(&answer)); err != nil {
		return "", fmt.Errorf("kubectl %s: it does not answer: %w", strings.Join(arguments, " "), err)
	}
	if answer.Code != 0 {
		return answer.Output, fmt.Errorf("kubectl %s: exit status %d: %s", strings.Join(arguments, " "), answer.Code,
			strings.TrimSpace(answer.Complaint))
	}
	return answer.Output, nil
}

// Kubectl runs kubectl as the administrator and answers its standard output. The test fails if kubectl does.
func (c *Cluster) Kubectl(tb testing.TB, arguments ...string) string {
	tb.Helper()
	output, err := c.TryKubectl(tb, "", arguments...)
	if err != nil {
		tb.Fatal(err)
	}
	return output
}

// ApplyTo applies the manifests, in YAML or JSON, to the namespace as the administrator.
func (c *Cluster) ApplyTo(tb testing.TB, namespace, manifests string) {
	tb.Helper()
	if _, err := c.TryKubectl(tb, manifests, "--namespace", namespace, "apply", "-f", "-"); err != nil {
		tb.Fatal(err)
	}
}

// TryKubectl runs kubectl as the administrator with the input. The error has what kubectl wrote to standard error.
func (c *Cluster) TryKubectl(tb testing.TB, input string, arguments ...string) (output string, err error) {
	tb.Helper()
	program, err := kubernetes.Kubectl(c.cloud.root)
	if err != nil {
		tb.Fatal(err)
	}
	running, err := c.cloud.kubectls.take(program, c.cloud.directory)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.cloud.kubectls.giveBack(running)
	return running.run(input, append([]string{"--kubeconfig", c.Kubeconfig}, arguments...))
}
