package emulator_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const isoMilliseconds = "2006-01-02T15:04:05.000Z"

// serviceEvents listens to the events of one kind about the test's service, which is still to be made.
func serviceEvents(t *testing.T, detailType string) *bus {
	t.Helper()
	return listen(t, map[string]any{
		"source": []string{"aws.ecs"}, "detail-type": []string{detailType},
		"resources": []string{(&service{name: unique(t)}).arn()},
	})
}

// wantDeployment fails unless the next event says that the deployment reached the state.
func wantDeployment(t *testing.T, deployments *bus, s *service, id, state, reason string) {
	t.Helper()
	got := deployments.next()
	isTime(t, got.Detail, "updatedAt", isoMilliseconds)
	kind := "INFO"
	if state == "FAILED" {
		kind = "ERROR"
	}
	equal(t, got, event{
		Source: "aws.ecs", DetailType: "ECS Deployment State Change", Resources: []string{s.arn()},
		Detail: map[string]any{
			"eventType": kind, "eventName": "SERVICE_DEPLOYMENT_" + state, "deploymentId": id, "reason": reason,
			"updatedAt": got.Detail["updatedAt"],
		},
	})
}

func inProgress(id string) string { return "ECS deployment " + id + " in progress." }

func completed(id string) string { return "ECS deployment " + id + " completed." }

func TestDeploymentsWithoutAnEngineStartAndCompleteOnce(t *testing.T) {
	withoutEngine(t)
	deployments := serviceEvents(t, "ECS Deployment State Change")
	web := newService(t, ecs.NewFromConfig(cloud(t)), "first")
	first := *web.describe().Deployments[0].Id
	wantDeployment(t, deployments, web, first, "IN_PROGRESS", inProgress(first))
	wantDeployment(t, deployments, web, first, "COMPLETED", completed(first))
	second := web.deploy("second")
	wantDeployment(t, deployments, web, second, "IN_PROGRESS", inProgress(second))
	wantDeployment(t, deployments, web, second, "COMPLETED", completed(second))
	third := web.deploy("third")
	wantDeployment(t, deployments, web, third, "IN_PROGRESS", inProgress(third))
	wantDeployment(t, deployments, web, third, "COMPLETED", completed(third))
}

func TestDeploymentsTellTheirTimesToTheMillisecond(t *testing.T) {
	t.Parallel()
	web := newService(t, ecs.NewFromConfig(cloud(t)), "first")
	begun := time.Now().Truncate(time.Millisecond)
	id := web.deploy("second")
	ended := time.Now()
	primary := web.describe().Deployments[0]
	if created := aws.ToTime(primary.CreatedAt); *primary.Id != id || created.Before(begun) || created.After(ended) {
		t.Errorf("deployment %s made at %s, want %s between %s and %s", *primary.Id, created, id, begun, ended)
	}
}

func TestFailedDeploymentIsPutBackByTheCircuitBreaker(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	pushContainer(t, repositoryName, "1.0.0")
	bad := pushContainer(t, repositoryName, "1.1.0", "7")

	deployments := serviceEvents(t, "ECS Deployment State Change")
	web := newService(t, ecs.NewFromConfig(cloud(t)), registryImage(repositoryName, ":1.0.0"))
	first := *web.describe().Deployments[0].Id
	wantDeployment(t, deployments, web, first, "IN_PROGRESS", inProgress(first))
	wantDeployment(t, deployments, web, first, "COMPLETED", completed(first))

	second := web.deploy(registryImage(repositoryName, "@"+bad))
	wantDeployment(t, deployments, web, second, "IN_PROGRESS", inProgress(second))
	wantDeployment(t, deployments, web, second, "FAILED", "ECS deployment circuit breaker: tasks failed to start.")
	wantDeployment(t, deployments, web, first, "IN_PROGRESS",
		"ECS deployment circuit breaker: rolling back to deploymentId "+first+".")
	wantDeployment(t, deployments, web, first, "COMPLETED", completed(first))

	for _, task := range web.tasks(ecstypes.DesiredStatusStopped) {
		container := task.Containers[0]
		if aws.ToString(task.StartedBy) != second || aws.ToInt32(container.ExitCode) != 7 ||
			task.StopCode != ecstypes.TaskStopCodeEssentialContainerExited ||
			aws.ToString(task.StoppedReason) != "Essential container in task exited" {
			t.Errorf("stopped task: started by %s, exit code %d, %s: %s; want %s, 7 and its own exit",
				aws.ToString(task.StartedBy), aws.ToInt32(container.ExitCode), task.StopCode,
				aws.ToString(task.StoppedReason), second)
		}
		if aws.ToString(container.ImageDigest) != bad {
			t.Errorf("stopped task ran %s, want %s", aws.ToString(container.ImageDigest), bad)
		}
	}
}

// wantAction fails unless the next event is the service action.
func wantAction(t *testing.T, actions *bus, s *service, kind, name string) {
	t.Helper()
	got := actions.next()
	isTime(t, got.Detail, "createdAt", isoMilliseconds)
	equal(t, got, event{
		Source: "aws.ecs", DetailType: "ECS Service Action", Resources: []string{s.arn()},
		Detail: map[string]any{
			"eventType": kind, "eventName": name, "clusterArn": s.clusterArn(), "createdAt": got.Detail["createdAt"],
		},
	})
}

func TestSteadyStateIsPublishedOnceADeployment(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	pushContainer(t, repositoryName, "1.0.0")
	pushContainer(t, repositoryName, "1.1.0", "forever")
	actions := serviceEvents(t, "ECS Service Action")
	web := newService(t, ecs.NewFromConfig(cloud(t)), registryImage(repositoryName, ":1.0.0"))
	wantAction(t, actions, web, "INFO", "SERVICE_STEADY_STATE")
	web.deploy(registryImage(repositoryName, ":1.1.0"))
	wantAction(t, actions, web, "INFO", "SERVICE_STEADY_STATE")
	web.deploy(registryImage(repositoryName, ":absent"))
	wantAction(t, actions, web, "INFO", "SERVICE_STEADY_STATE") // after the rollback
}

func TestServiceWithoutACircuitBreakerIsSaidToStartBadly(t *testing.T) {
	needEngine(t)
	_, repositoryName := repository(t)
	pushContainer(t, repositoryName, "1.0.0", "1")
	actions := serviceEvents(t, "ECS Service Action")
	web := newServiceWith(t, ecs.NewFromConfig(cloud(t)), registryImage(repositoryName, ":1.0.0"),
		ecstypes.DeploymentCircuitBreaker{})
	wantAction(t, actions, web, "WARN", "SERVICE_TASK_START_IMPAIRED")
	if state := web.describe().Deployments[0].RolloutState; state != ecstypes.DeploymentRolloutStateInProgress {
		t.Errorf("the deployment is %s, want it in progress: nothing judges it", state)
	}
	eventually(t, "tasks are started again", func() bool { return len(web.tasks(ecstypes.DesiredStatusStopped)) > 3 })
}
