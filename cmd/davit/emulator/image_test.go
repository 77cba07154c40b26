package emulator_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"davit/cmd/davit/emulator/emulatortest"
)

// engineCall calls the Docker engine and answers its body. The test fails unless the engine answers with success.
func engineCall(t *testing.T, method, path string, body []byte) []byte {
	t.Helper()
	socket, found := strings.CutPrefix(emulatortest.DockerHost(), "unix://")
	if !found {
		t.Fatalf("the engine %q is not at a socket", emulatortest.DockerHost())
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(context.Background(), method, "http://docker"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %s", method, path, response.Status)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestImageOfTheEngineIsUsedWithoutARegistry(t *testing.T) {
	needEngine(t)
	local := "davit/" + unique(t) + ":local"
	tag, err := name.NewTag(local)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := tarball.Write(tag, containerImage(t), &archive); err != nil {
		t.Fatal(err)
	}
	engineCall(t, http.MethodPost, "/images/load?quiet=1", archive.Bytes())
	t.Cleanup(func() { engineCall(t, http.MethodDelete, "/images/"+local+"?force=1", nil) })

	actions := serviceEvents(t, "ECS Deployment State Change")
	web := newService(t, ecs.NewFromConfig(cloud(t)), local)
	id := *web.describe().Deployments[0].Id
	wantDeployment(t, actions, web, id, "IN_PROGRESS", inProgress(id))
	wantDeployment(t, actions, web, id, "COMPLETED", completed(id))
	_, err = web.client.UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: &web.name, Service: &web.name, DesiredCount: aws.Int32(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "both tasks run", func() bool { return web.describe().RunningCount == 2 })
	if failed := web.tasks(ecstypes.DesiredStatusStopped); len(failed) != 0 {
		t.Errorf("tasks failed: %+v", failed)
	}
}

func TestDeploymentRunsTheDigestThatItsTagHadWhenItStarted(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	first := pushContainer(t, repositoryName, "latest")
	web := newService(t, ecs.NewFromConfig(cloud(t)), registryImage(repositoryName, ":latest"))
	running := func() string {
		tasks := web.tasks(ecstypes.DesiredStatusRunning)
		if len(tasks) != 1 || aws.ToString(tasks[0].LastStatus) != "RUNNING" {
			return ""
		}
		return aws.ToString(tasks[0].Containers[0].ImageDigest)
	}
	eventually(t, "the first digest runs", func() bool { return running() == first })
	second := pushContainer(t, repositoryName, "latest", "forever")
	_, err := web.client.UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: &web.name, Service: &web.name, ForceNewDeployment: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second digest runs alone", func() bool { return running() == second })
}

func TestMissingImageFailsTheDeploymentWithItsReason(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	pushContainer(t, repositoryName, "1.0.0")
	web := newService(t, ecs.NewFromConfig(cloud(t)), registryImage(repositoryName, ":1.0.0"))
	eventually(t, "the first deployment completes", func() bool {
		return web.describe().Deployments[0].RolloutState == ecstypes.DeploymentRolloutStateCompleted
	})
	id := web.deploy(registryImage(repositoryName, ":absent"))
	eventually(t, "the second deployment fails", func() bool {
		for _, deployment := range web.describe().Deployments {
			if *deployment.Id == id {
				return deployment.RolloutState == ecstypes.DeploymentRolloutStateFailed
			}
		}
		return false
	})
	var reasons []string
	eventually(t, "its task stops", func() bool {
		reasons = nil
		for _, task := range web.tasks(ecstypes.DesiredStatusStopped) {
			reasons = append(reasons, string(task.StopCode)+" "+aws.ToString(task.StoppedReason))
		}
		return len(reasons) > 0
	})
	for _, reason := range reasons {
		if !strings.HasPrefix(reason, "TaskFailedToStart CannotPullContainerError: ") {
			t.Errorf("a task stopped because of %q", reason)
		}
	}
}
