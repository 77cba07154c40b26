package cloud

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/cmd/davit/local/console"
)

// Service is an ECS service of the local cloud.
type Service struct {
	Cluster string `json:"cluster"`
	Name    string `json:"name"`
	// Images are what the containers of the primary deployment run, in the order of the task definition.
	Images  []string `json:"images"`
	Desired int32    `json:"desired"`
	Running int32    `json:"running"`
	// State is the rollout state of the primary deployment.
	State string `json:"state"`
}

// String is the service in one line.
func (s Service) String() string {
	return fmt.Sprintf("%s/%s: %d of %d tasks run, %s, %s", s.Cluster, s.Name, s.Running, s.Desired, s.State,
		strings.Join(s.Images, " "))
}

// Services lists the services of every cluster of the local cloud.
func (s Site) Services(ctx context.Context) ([]Service, error) {
	client := ecs.NewFromConfig(s.Endpoint.Config())
	clusters, err := client.ListClusters(ctx, &ecs.ListClustersInput{})
	if err != nil {
		return nil, fmt.Errorf("list the clusters of the local cloud: %w", err)
	}
	var found []Service
	for _, cluster := range clusters.ClusterArns {
		services, err := servicesOf(ctx, client, cluster)
		if err != nil {
			return nil, fmt.Errorf("list the services of %s: %w", cluster, err)
		}
		found = append(found, services...)
	}
	return found, nil
}

func servicesOf(ctx context.Context, client *ecs.Client, cluster string) ([]Service, error) {
	// DescribeServices takes ten.
	pages := ecs.NewListServicesPaginator(client, &ecs.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(10)})
	var found []Service
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if len(page.ServiceArns) == 0 {
			continue
		}
		described, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{
			Cluster: &cluster, Services: page.ServiceArns,
		})
		if err != nil {
			return nil, err
		}
		for _, service := range described.Services {
			images, err := imagesOf(ctx, client, service)
			if err != nil {
				return nil, err
			}
			found = append(found, Service{
				Cluster: cluster[strings.LastIndexByte(cluster, '/')+1:], Name: aws.ToString(service.ServiceName),
				Images: images, Desired: service.DesiredCount, Running: service.RunningCount, State: stateOf(service),
			})
		}
	}
	return found, nil
}

func imagesOf(ctx context.Context, client *ecs.Client, service types.Service) ([]string, error) {
	described, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: service.TaskDefinition,
	})
	if err != nil {
		return nil, err
	}
	var images []string
	for _, container := range described.TaskDefinition.ContainerDefinitions {
		images = append(images, aws.ToString(container.Image))
	}
	return images, nil
}

// stateOf is the rollout state of the primary deployment.
func stateOf(service types.Service) string {
	for _, deployment := range service.Deployments {
		if aws.ToString(deployment.Status) == "PRIMARY" {
			return string(deployment.RolloutState)
		}
	}
	return "no primary deployment"
}

// awaitSteady waits until every service runs what its stack asked for.
func (s Site) awaitSteady(ctx context.Context, to *console.Console) error {
	wait := console.Wait{For: "every service to run its tasks", Limit: steadyLimit}
	return to.Await(ctx, wait, func(ctx context.Context) (seen string, done bool, err error) {
		services, err := s.Services(ctx)
		if err != nil {
			return "", false, err
		}
		done = true
		var lines []string
		for _, service := range services {
			lines = append(lines, service.String())
			if service.State == string(types.DeploymentRolloutStateFailed) {
				return "", false, fmt.Errorf("the first deployment failed: %s", service)
			}
			done = done && service.State == string(types.DeploymentRolloutStateCompleted) &&
				service.Running == service.Desired
		}
		return strings.Join(lines, "\n"), done, nil
	})
}
