package emulator_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/emulator/emulatortest"
)

// needEngine fails the test where no container can run: it would show nothing.
func needEngine(t *testing.T) {
	t.Helper()
	if emulatortest.DockerHost() == "" {
		t.Fatal("this test needs a Docker engine: set DOCKER_HOST")
	}
}

// containerProgram is the program of the test images.
var containerProgram = sync.OnceValues(func() ([]byte, error) { return buildProgram("./testdata/container") })

// containerImage is an image of the test program with arguments.
func containerImage(t *testing.T, arguments ...string) v1.Image {
	t.Helper()
	program, err := containerProgram()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		var archive bytes.Buffer
		writer := tar.NewWriter(&archive)
		header := &tar.Header{Name: "container", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(program); err != nil {
			return nil, err
		}
		return io.NopCloser(&archive), writer.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, RootFS: rootFS(t, image),
		Config: v1.Config{Entrypoint: append([]string{"/container"}, arguments...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func rootFS(t *testing.T, image v1.Image) v1.RootFS {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config.RootFS
}

// pushContainer pushes an image of the test program and answers its digest.
func pushContainer(t *testing.T, repositoryName, tag string, arguments ...string) string {
	t.Helper()
	image := containerImage(t, arguments...)
	if err := remote.Write(reference(t, repositoryName, ":"+tag), image); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// registryImage is the name of an image in private ECR.
func registryImage(repositoryName, identifier string) string {
	return emulator.Account + ".dkr.ecr." + emulator.DefaultRegion + ".amazonaws.com/" + repositoryName + identifier
}

// service is an ECS service in a cluster of the test's own.
type service struct {
	t      *testing.T
	client *ecs.Client
	name   string
	gone   bool
}

// forget leaves the service to the end of its emulator.
func (s *service) forget() { s.gone = true }

// newService makes the cluster and the service, with one task of the image and a circuit breaker that rolls back, and
// stops it when the test ends.
func newService(t *testing.T, client *ecs.Client, image string) *service {
	t.Helper()
	return newServiceWith(t, client, image, ecstypes.DeploymentCircuitBreaker{Enable: true, Rollback: true})
}

// newServiceWith is newService with the given circuit breaker.
func newServiceWith(t *testing.T, client *ecs.Client, image string, breaker ecstypes.DeploymentCircuitBreaker) *service {
	t.Helper()
	made := &service{t: t, client: client, name: unique(t)}
	if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &made.name}); err != nil {
		t.Fatal(err)
	}
	_, err := client.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: &made.name, ServiceName: &made.name, DesiredCount: aws.Int32(1), TaskDefinition: made.register(image),
		LaunchType:              ecstypes.LaunchTypeFargate,
		DeploymentConfiguration: &ecstypes.DeploymentConfiguration{DeploymentCircuitBreaker: &breaker},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if made.gone {
			return
		}
		_, err := client.DeleteService(context.Background(), &ecs.DeleteServiceInput{
			Cluster: &made.name, Service: &made.name, Force: aws.Bool(true),
		})
		if err != nil {
			t.Error(err)
		}
	})
	return made
}

// register registers a task definition with one container of the image.
func (s *service) register(image string) *string {
	s.t.Helper()
	cpu := ecstypes.CPUArchitectureX8664
	if runtime.GOARCH == "arm64" {
		cpu = ecstypes.CPUArchitectureArm64
	}
	answer, err := s.client.RegisterTaskDefinition(s.t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: &s.name, Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: ecstypes.NetworkModeAwsvpc,
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		RuntimePlatform:         &ecstypes.RuntimePlatform{CpuArchitecture: cpu},
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("app"), Image: &image, Essential: aws.Bool(true),
			PortMappings: []ecstypes.PortMapping{{ContainerPort: aws.Int32(8080)}},
		}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.TaskDefinition.TaskDefinitionArn
}

// deploy starts a deployment of the image and answers its ID.
func (s *service) deploy(image string) string {
	s.t.Helper()
	answer, err := s.client.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{
		Cluster: &s.name, Service: &s.name, TaskDefinition: s.register(image),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return *answer.Service.Deployments[0].Id
}

func (s *service) describe() ecstypes.Service {
	s.t.Helper()
	answer, err := s.client.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{
		Cluster: &s.name, Services: []string{s.name},
	})
	if err != nil || len(answer.Services) != 1 {
		s.t.Fatalf("describe the service: %v %v", answer, err)
	}
	return answer.Services[0]
}

// tasks are the service's tasks with the desired status.
func (s *service) tasks(status ecstypes.DesiredStatus) []ecstypes.Task {
	s.t.Helper()
	list, err := s.client.ListTasks(s.t.Context(), &ecs.ListTasksInput{
		Cluster: &s.name, ServiceName: &s.name, DesiredStatus: status,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(list.TaskArns) == 0 {
		return nil
	}
	answer, err := s.client.DescribeTasks(s.t.Context(), &ecs.DescribeTasksInput{Cluster: &s.name, Tasks: list.TaskArns})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.Tasks
}

func (s *service) arn() string {
	return "arn:aws:ecs:" + emulator.DefaultRegion + ":" + emulator.Account + ":service/" + s.name + "/" + s.name
}

func (s *service) clusterArn() string {
	return "arn:aws:ecs:" + emulator.DefaultRegion + ":" + emulator.Account + ":cluster/" + s.name
}
