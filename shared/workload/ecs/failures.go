package ecs

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sync/errgroup"

	"davit/shared/workload"
)

// failures counts the failed tasks of deployments that no circuit breaker judges. ECS's own count stands still there,
// and its stopped tasks tell.
func (s *survey) failures(ctx context.Context) {
	var calls errgroup.Group
	calls.SetLimit(concurrency)
	for reference, observed := range s.observations {
		index := unjudged(observed)
		if index < 0 {
			continue
		}
		calls.Go(func() error {
			s.countFailures(ctx, reference, &observed.Deployments[index])
			return nil
		})
	}
	_ = calls.Wait()
}

// unjudged is the place of the deployment that must be judged by its tasks, or -1.
func unjudged(observed workload.Observation) int {
	if !observed.Exists || observed.RollsBack || observed.Settings.Policy == "" {
		return -1
	}
	for index, deployment := range observed.Deployments {
		if deployment.Primary && deployment.State == workload.InProgress {
			return index
		}
	}
	return -1
}

// countFailures changes the deployment where it is, and no map: the others are being gone through meanwhile.
func (s *survey) countFailures(ctx context.Context, reference workload.Reference, deployment *workload.Deployment) {
	stopped, err := s.driver.stoppedTasks(ctx, reference)
	if err != nil {
		s.fault(fmt.Errorf("observe %s: count the failed tasks of %s: %w", reference, deployment.ID, err))
		return
	}
	failed := 0
	for _, task := range stopped {
		if aws.ToString(task.StartedBy) == deployment.ID && taskFailed(task) {
			failed++
		}
	}
	deployment.FailedTasks = max(deployment.FailedTasks, failed)
}

// taskFailed tells a task that failed from one that somebody or the scheduler stopped for another reason. A task that
// fails its health checks is stopped by the scheduler, and only the reason says so
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html).
func taskFailed(task types.Task) bool {
	switch task.StopCode {
	case types.TaskStopCodeEssentialContainerExited, types.TaskStopCodeTaskFailedToStart:
		return true
	case types.TaskStopCodeServiceSchedulerInitiated:
		return strings.Contains(strings.ToLower(aws.ToString(task.StoppedReason)), "health check")
	}
	return false
}
