package hosts

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/recovery"
	"davit/shared/rollout"
)

const (
	active   = "ACTIVE"
	draining = "DRAINING"
)

// containerInstance is a host as ECS knows it; the zero value is a host that no cluster has.
type containerInstance struct {
	ARN, cluster string
	status       string
	connected    bool
	version      int64
	// tasks run on it, or are about to.
	tasks int
}

// admits tells whether tasks may start on it.
func (c containerInstance) admits() bool { return c.status == active }

// drained tells whether nothing runs on it any more, and nothing may.
func (c containerInstance) drained() bool { return c.ARN != "" && c.status == draining && c.tasks == 0 }

// disconnected is the version while the agent has no connection; 0 where it has one.
func (c containerInstance) disconnected() int64 {
	if c.connected {
		return 0
	}
	return c.version
}

// containerInstance asks each cluster for the host, until one has it. Who has it is remembered.
func (d *Driver) containerInstance(ctx context.Context, host string) (containerInstance, error) {
	if known, found := d.registered.Load(host); found {
		if described, err := d.describe(ctx, known.(containerInstance)); err != nil || described.ARN != "" {
			return described, err
		}
		d.registered.Delete(host) // it may have registered again
	}
	clusters := ecs.NewListClustersPaginator(d.clients.ECS, &ecs.ListClustersInput{})
	for clusters.HasMorePages() {
		page, err := clusters.NextPage(ctx)
		if err != nil {
			return containerInstance{}, fmt.Errorf("ecs:ListClusters: %w", err)
		}
		for _, cluster := range page.ClusterArns {
			listed, err := d.clients.ECS.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{Cluster: &cluster,
				Filter: aws.String("ec2InstanceId == " + host)})
			if err != nil {
				return containerInstance{}, fmt.Errorf("ecs:ListContainerInstances in %s: %w", cluster, err)
			}
			if len(listed.ContainerInstanceArns) > 0 {
				found := containerInstance{ARN: listed.ContainerInstanceArns[0], cluster: cluster}
				d.registered.Store(host, found)
				return d.describe(ctx, found)
			}
		}
	}
	return containerInstance{}, nil
}

func (d *Driver) describe(ctx context.Context, known containerInstance) (containerInstance, error) {
	described, err := d.clients.ECS.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{Cluster: &known.cluster,
		ContainerInstances: []string{known.ARN}})
	if err != nil {
		return containerInstance{}, fmt.Errorf("ecs:DescribeContainerInstances: %w", err)
	}
	for _, found := range described.ContainerInstances {
		// For a while, ECS describes one that it has no more (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html,
		// "status"); its status cannot be set.
		if status := aws.ToString(found.Status); status == "DEREGISTERING" || status == "INACTIVE" {
			continue
		}
		known.status, known.connected, known.version = aws.ToString(found.Status), found.AgentConnected, found.Version
		known.tasks = int(found.RunningTasksCount + found.PendingTasksCount)
		return known, nil
	}
	return containerInstance{}, nil
}

// drain has ECS start nothing more on the host, and move what services run there elsewhere
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-draining.html).
func (d *Driver) drain(ctx context.Context, host string) (recovery.Done, error) {
	found, err := d.containerInstance(ctx, host)
	if err != nil {
		return recovery.Done{}, err
	}
	if found.ARN == "" {
		return recovery.Done{}, rollout.Refusef("%s is no container instance any more", host)
	}
	if err := d.setStatus(ctx, found, types.ContainerInstanceStatusDraining); err != nil {
		return recovery.Done{}, err
	}
	return recovery.Done{Text: fmt.Sprintf("drained %s, on which %d tasks ran", host, found.tasks)}, nil
}

// takeBack lets tasks start on the host again.
func (d *Driver) takeBack(ctx context.Context, host string) (recovery.Done, error) {
	found, err := d.containerInstance(ctx, host)
	if err != nil {
		return recovery.Done{}, err
	}
	if found.ARN == "" {
		return recovery.Done{Text: host + " is no container instance any more"}, nil
	}
	return recovery.Done{Text: "let tasks start on " + host + " again"}, d.setStatus(ctx, found, types.ContainerInstanceStatusActive)
}

func (d *Driver) setStatus(ctx context.Context, of containerInstance, status types.ContainerInstanceStatus) error {
	updated, err := d.clients.ECS.UpdateContainerInstancesState(ctx, &ecs.UpdateContainerInstancesStateInput{Cluster: &of.cluster,
		ContainerInstances: []string{of.ARN}, Status: status})
	if err != nil {
		return fmt.Errorf("ecs:UpdateContainerInstancesState: %w", err)
	}
	for _, failure := range updated.Failures {
		return rollout.Refusef("ECS does not set %s to %s: %s", of.ARN, status, aws.ToString(failure.Reason))
	}
	return nil
}
