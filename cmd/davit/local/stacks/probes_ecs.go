package stacks

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

const active = "ACTIVE"

func addECSProbes(found map[string]Probe, configuration aws.Config) {
	client := ecs.NewFromConfig(configuration)
	found["AWS::ECS::Cluster"] = cluster(client)
	found["AWS::ECS::Service"] = service(client)
	found["AWS::ECS::TaskDefinition"] = taskDefinition(client)
}

func cluster(client *ecs.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		answer, err := client.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{created.PhysicalID}})
		if err != nil {
			return err
		}
		if len(answer.Clusters) != 1 {
			return errGone
		}
		if status := aws.ToString(answer.Clusters[0].Status); status != active {
			return fmt.Errorf("the cluster is %s", status)
		}
		return nil
	}
}

// service finds the cluster in the service's ARN, which is its physical ID: …:service/CLUSTER/SERVICE.
func service(client *ecs.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		parts := strings.Split(created.PhysicalID, "/")
		if len(parts) != 3 {
			return fmt.Errorf("its physical ID %q is not the ARN of a service", created.PhysicalID)
		}
		answer, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{
			Cluster: &parts[1], Services: []string{created.PhysicalID},
		})
		if err != nil {
			return err
		}
		if len(answer.Services) != 1 {
			return errGone
		}
		if status := aws.ToString(answer.Services[0].Status); status != active {
			return fmt.Errorf("the service is %s", status)
		}
		return nil
	}
}

func taskDefinition(client *ecs.Client) Probe {
	return func(ctx context.Context, created Created, _ Resource) error {
		_, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
			TaskDefinition: &created.PhysicalID,
		})
		return err
	}
}
