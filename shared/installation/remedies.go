package installation

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/workload"
	"davit/shared/workload/autoscaling"
	ecsdriver "davit/shared/workload/ecs"
	eksdriver "davit/shared/workload/eks"
	"davit/shared/workload/hosts"
)

// remedies are the drivers of the kinds of workload whose incidents can be remedied.
func remedies(configuration aws.Config, services *ecsdriver.Driver, pods *eksdriver.Driver) map[workload.Kind]recovery.Driver {
	counts := autoscaling.New(autoscaling.Clients{ECS: ecs.NewFromConfig(configuration), Targets: applicationautoscaling.NewFromConfig(configuration),
		Groups: groups.NewFromConfig(configuration)}, names.TagPlaybook)
	machines := hosts.New(hosts.Clients{EC2: hosts.NewEC2(configuration), Groups: groups.NewFromConfig(configuration), Sizes: autoscaling.NewGroups(counts),
		ECS: ecs.NewFromConfig(configuration), SSM: ssm.NewFromConfig(configuration), Nodes: eksdriver.NewNodes(pods),
		Tagging: resourcegroupstaggingapi.NewFromConfig(configuration)})
	return map[workload.Kind]recovery.Driver{workload.ECS: ecsdriver.NewRemedies(services, machines, counts),
		workload.EKS: eksdriver.NewRemedies(pods), workload.EC2: machines, workload.ASG: machines}
}

// CountRemedied counts the workloads that opted in to remedies: services, workloads of Kubernetes and hosts. A group of hosts counts as its hosts.
func (i *Installation) CountRemedied(ctx context.Context) (int, error) {
	count := 0
	for page, err := range i.Services.TaggedWith(ctx, names.TagPlaybook) {
		if err != nil {
			return 0, err
		}
		count += len(page.References)
	}
	annotated, err := i.Annotated(ctx, names.TagPlaybook)
	if err != nil {
		return 0, err
	}
	count += len(annotated)
	machines, found := i.Remedies.Drivers[workload.EC2].(*hosts.Driver)
	if !found {
		return count, nil
	}
	more, err := machines.Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count the hosts that opted in: %w", err)
	}
	return count + more, nil
}
