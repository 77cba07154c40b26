package emulator_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
)

// taskEvents listens to the tasks of the test's service, which is still to be made.
func taskEvents(t *testing.T) *bus {
	t.Helper()
	return listen(t, map[string]any{
		"source": []string{"aws.ecs"}, "detail-type": []string{"ECS Task State Change"},
		"detail": map[string]any{"group": []string{"service:" + unique(t)}},
	})
}

// keys are the sorted keys of an object.
func keys(object map[string]any) []string {
	var names []string
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestTaskPublishesEachOfItsStates(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	digest := pushContainer(t, repositoryName, "1.0.0")
	changes := taskEvents(t)
	web := newService(t, ecs.NewFromConfig(cloud(t)), registryImage(repositoryName, ":1.0.0"))
	deployment := *web.describe().Deployments[0].Id

	var last event
	for version, status := range []string{"PROVISIONING", "PENDING", "RUNNING"} {
		last = changes.next()
		if last.Detail["lastStatus"] != status || last.Detail["version"] != float64(version+1) ||
			last.Detail["desiredStatus"] != "RUNNING" || last.Detail["startedBy"] != deployment {
			t.Errorf("change %d is %v, want %s", version+1, last.Detail, status)
		}
	}
	arn := last.Detail["taskArn"].(string)
	if diff := cmp.Diff([]string{arn}, last.Resources); diff != "" {
		t.Errorf("resources differ (-want +got):\n%s", diff)
	}
	for _, field := range []string{"connectivityAt", "createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "updatedAt"} {
		isTime(t, last.Detail, field, isoMilliseconds)
	}
	wantKeys := []string{
		"attachments", "availabilityZone", "clusterArn", "connectivity", "connectivityAt", "containers", "cpu",
		"createdAt", "desiredStatus", "enableExecuteCommand", "ephemeralStorage", "group", "lastStatus", "launchType",
		"memory", "overrides", "platformFamily", "platformVersion", "pullStartedAt", "pullStoppedAt", "startedAt",
		"startedBy", "taskArn", "taskDefinitionArn", "updatedAt", "version",
	}
	if diff := cmp.Diff(wantKeys, keys(last.Detail)); diff != "" {
		t.Errorf("keys of the detail differ (-want +got):\n%s", diff)
	}
	container := last.Detail["containers"].([]any)[0].(map[string]any)
	wantKeys = []string{
		"containerArn", "cpu", "image", "imageDigest", "lastStatus", "memory", "name", "networkBindings",
		"networkInterfaces", "runtimeId", "taskArn",
	}
	if diff := cmp.Diff(wantKeys, keys(container)); diff != "" {
		t.Errorf("keys of the container differ (-want +got):\n%s", diff)
	}
	if container["image"] != registryImage(repositoryName, ":1.0.0") || container["imageDigest"] != digest {
		t.Errorf("the container runs %v, want the image by its own name at %s", container, digest)
	}

	_, err := web.client.UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: &web.name, Service: &web.name, DesiredCount: aws.Int32(0),
	})
	if err != nil {
		t.Fatal(err)
	}
	for version, status := range []string{"RUNNING", "DEPROVISIONING", "STOPPED"} {
		last = changes.next()
		if last.Detail["lastStatus"] != status || last.Detail["version"] != float64(version+4) ||
			last.Detail["desiredStatus"] != "STOPPED" || last.Detail["stopCode"] != "ServiceSchedulerInitiated" ||
			last.Detail["stoppedReason"] != "Scaling activity initiated by (deployment "+deployment+")" {
			t.Errorf("change %d is %v, want %s by the scheduler", version+4, last.Detail, status)
		}
	}
	for _, field := range []string{"stoppingAt", "stoppedAt", "executionStoppedAt"} {
		isTime(t, last.Detail, field, isoMilliseconds)
	}
}

func TestTaskThatExitsPublishesItsExitCode(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	pushContainer(t, repositoryName, "1.0.0", "3")
	changes := taskEvents(t)
	web := newService(t, ecs.NewFromConfig(cloud(t)), registryImage(repositoryName, ":1.0.0"))
	for {
		stopped := changes.next()
		if stopped.Detail["lastStatus"] != "STOPPED" {
			continue
		}
		container := stopped.Detail["containers"].([]any)[0].(map[string]any)
		if stopped.Detail["stopCode"] != "EssentialContainerExited" || container["exitCode"] != 3.0 ||
			container["lastStatus"] != "STOPPED" ||
			stopped.Detail["stoppedReason"] != "Essential container in task exited" {
			t.Errorf("the stopped task is %v, want exit code 3", stopped.Detail)
		}
		break
	}
	eventually(t, "the first deployment fails", func() bool {
		return web.describe().Deployments[0].RolloutState == ecstypes.DeploymentRolloutStateFailed
	})
}

func TestServiceStartsATaskForOneThatWasStopped(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	pushContainer(t, repositoryName, "1.0.0")
	client := ecs.NewFromConfig(cloud(t))
	web := newService(t, client, registryImage(repositoryName, ":1.0.0"))
	eventually(t, "the deployment completes", func() bool {
		return web.describe().Deployments[0].RolloutState == ecstypes.DeploymentRolloutStateCompleted
	})
	running := func() []string {
		listed, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &web.name, ServiceName: &web.name})
		if err != nil {
			t.Fatal(err)
		}
		return listed.TaskArns
	}
	stopped := running()
	if len(stopped) != 1 {
		t.Fatalf("the tasks %q run, want one", stopped)
	}
	if _, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: &web.name, Task: &stopped[0]}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another task runs", func() bool {
		now := running()
		return len(now) == 1 && now[0] != stopped[0] && web.describe().RunningCount == 1
	})
}

func TestTaskOutsideAServiceIsStoppedByItsUser(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	pushContainer(t, repositoryName, "1.0.0")
	client, name := ecs.NewFromConfig(cloud(t)), unique(t)
	changes := listen(t, map[string]any{
		"source": []string{"aws.ecs"}, "detail-type": []string{"ECS Task State Change"},
		"detail": map[string]any{"group": []string{"family:" + name}, "lastStatus": []string{"RUNNING", "STOPPED"}},
	})
	if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &name}); err != nil {
		t.Fatal(err)
	}
	image := registryImage(repositoryName, ":1.0.0")
	ran, err := client.RunTask(t.Context(), &ecs.RunTaskInput{
		Cluster: &name, TaskDefinition: (&service{t: t, client: client, name: name}).register(image),
	})
	if err != nil || len(ran.Tasks) != 1 {
		t.Fatalf("run a task: %v %v", ran, err)
	}
	if running := changes.next(); running.Detail["lastStatus"] != "RUNNING" {
		t.Errorf("the task is %v, want it running", running.Detail)
	}
	_, err = client.StopTask(t.Context(), &ecs.StopTaskInput{
		Cluster: &name, Task: ran.Tasks[0].TaskArn, Reason: aws.String("enough"),
	})
	if err != nil {
		t.Fatal(err)
	}
	changes.next() // still running, asked to stop
	stopped := changes.next()
	if stopped.Detail["lastStatus"] != "STOPPED" || stopped.Detail["stopCode"] != "UserInitiated" ||
		stopped.Detail["stoppedReason"] != "enough" {
		t.Errorf("the task is %v, want it stopped by its user", stopped.Detail)
	}
}

func TestTaskOutsideAServiceRunsTheImageThatItsTagHasNow(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	client, name := ecs.NewFromConfig(cloud(t)), unique(t)
	changes := listen(t, map[string]any{
		"source": []string{"aws.ecs"}, "detail-type": []string{"ECS Task State Change"},
		"detail": map[string]any{
			"group": []string{"family:" + name}, "stopCode": []string{"EssentialContainerExited"}, "lastStatus": []string{"STOPPED"},
		},
	})
	if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &name}); err != nil {
		t.Fatal(err)
	}
	definition := (&service{t: t, client: client, name: name}).register(registryImage(repositoryName, ":latest"))
	for _, code := range []string{"4", "5"} {
		pushContainer(t, repositoryName, "latest", code)
		if _, err := client.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: &name, TaskDefinition: definition}); err != nil {
			t.Fatal(err)
		}
		container := changes.next().Detail["containers"].([]any)[0].(map[string]any)
		if got := fmt.Sprint(container["exitCode"]); got != code {
			t.Errorf("the task exited with %s, the image of its tag exits with %s", got, code)
		}
	}
}

func TestTaskDefinitionKeepsFieldsTheEmulatorDoesNotKnow(t *testing.T) {
	client := ecs.NewFromConfig(cloud(t))
	family := unique(t)
	registered, err := client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: &family, EnableFaultInjection: aws.Bool(true),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String("web"), RestartPolicy: &ecstypes.ContainerRestartPolicy{
				Enabled: aws.Bool(true), IgnoredExitCodes: []int32{0},
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	described, err := client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &family})
	if err != nil {
		t.Fatal(err)
	}
	for name, definition := range map[string]*ecstypes.TaskDefinition{
		"RegisterTaskDefinition": registered.TaskDefinition, "DescribeTaskDefinition": described.TaskDefinition,
	} {
		if !aws.ToBool(definition.EnableFaultInjection) ||
			!aws.ToBool(definition.ContainerDefinitions[0].RestartPolicy.Enabled) || definition.TaskRoleArn != nil {
			t.Errorf("%s answers %+v", name, definition)
		}
	}
}
