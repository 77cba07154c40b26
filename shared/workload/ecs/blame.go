package ecs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/names"
	"davit/shared/workload"
)

// blameAge is how old a failure may be that a host is blamed for.
const blameAge = 30 * time.Minute

// blamed is the EC2 instance on which the service's tasks fail, or the reason why none is to blame.
func (r Remedies) blamed(ctx context.Context, reference workload.Reference) (host, blameless string, err error) {
	stopped, err := r.driver.stoppedTasks(ctx, reference)
	if err != nil {
		return "", "", err
	}
	worst, blameless := blame(stopped, time.Now())
	if blameless != "" {
		return "", blameless, nil
	}
	described, err := r.driver.clients.ECS.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
		Cluster: aws.String(reference.Cluster()), ContainerInstances: []string{worst}, Include: []types.ContainerInstanceField{types.ContainerInstanceFieldTags}})
	if err != nil {
		return "", "", failed("ecs:DescribeContainerInstances", "*", err)
	}
	if len(described.ContainerInstances) == 0 {
		return "", "the host on which its tasks failed is gone", nil
	}
	found := described.ContainerInstances[0]
	host = aws.ToString(found.Ec2InstanceId)
	if !slices.ContainsFunc(found.Tags, func(tag types.Tag) bool { return aws.ToString(tag.Key) == names.TagPlaybook }) {
		return "", fmt.Sprintf("its tasks fail on %s, which carries no %s tag", host, names.TagPlaybook), nil
	}
	return host, "", nil
}

// blame finds the container instance on which most of the tasks failed that failed lately: more than half of them, and two
// at least, so that a service that fails wherever it runs has no host ended for it.
func blame(stopped []types.Task, now time.Time) (worst, blameless string) {
	count, failures := map[string]int{}, 0
	for _, task := range stopped {
		arn := aws.ToString(task.ContainerInstanceArn)
		if arn == "" || !failedBySelf(task) || now.Sub(aws.ToTime(task.StoppedAt)) > blameAge {
			continue
		}
		failures++
		if count[arn]++; count[arn] > count[worst] {
			worst = arn
		}
	}
	switch most := count[worst]; {
	case failures == 0:
		return "", "none of its tasks failed on a host lately"
	case most < 2:
		return "", "only one of its tasks failed on any host lately"
	case len(count) > 1 && most*2 <= failures:
		return "", fmt.Sprintf("its tasks failed on %d hosts alike, so none of them is to blame", len(count))
	}
	return worst, ""
}

// failedBySelf tells whether a task stopped for a reason that is nobody's wish.
func failedBySelf(task types.Task) bool {
	return task.StopCode == types.TaskStopCodeEssentialContainerExited || task.StopCode == types.TaskStopCodeTaskFailedToStart
}
