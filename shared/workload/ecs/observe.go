package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sync/errgroup"

	"davit/shared/names"
	"davit/shared/workload"
)

// batch is how many services DescribeServices and how many parameters GetParameters take in a call.
const batch = 10

// survey is one Observe under way.
type survey struct {
	driver *Driver

	mutex        sync.Mutex
	observations map[workload.Reference]workload.Observation
	faults       []error
}

// Observe says what ECS knows of each service: one DescribeServices for each ten services of a cluster, and one
// DescribeTaskDefinition for each revision that this process has not seen yet, side by side. A service that is missing,
// inactive or draining, or whose cluster is missing, has Exists false.
//
// One fault does not spoil the rest: beside the error, which joins all faults, stands what could be observed.
func (d *Driver) Observe(
	ctx context.Context, references []workload.Reference,
) (map[workload.Reference]workload.Observation, error) {
	seen := &survey{
		driver:       d,
		observations: make(map[workload.Reference]workload.Observation, len(references)),
	}
	clusters, err := byCluster(references)
	if err != nil {
		return nil, err
	}
	var calls errgroup.Group
	calls.SetLimit(concurrency)
	for _, services := range clusters {
		for chunk := range slices.Chunk(services, batch) {
			calls.Go(func() error { seen.services(ctx, chunk); return nil })
		}
	}
	_ = calls.Wait()
	seen.failures(ctx)
	seen.revisions(ctx)
	return seen.observations, errors.Join(seen.faults...)
}

// byCluster groups the references by cluster, each once.
func byCluster(references []workload.Reference) ([][]workload.Reference, error) {
	var clusters [][]workload.Reference
	index := map[string]int{}
	known := make(map[workload.Reference]bool, len(references))
	for _, reference := range references {
		if reference.Kind() != workload.ECS {
			return nil, fmt.Errorf("observe %q: not an ECS service", reference.String())
		}
		if known[reference] {
			continue
		}
		known[reference] = true
		at, found := index[reference.Cluster()]
		if !found {
			at = len(clusters)
			index[reference.Cluster()] = at
			clusters = append(clusters, nil)
		}
		clusters[at] = append(clusters[at], reference)
	}
	return clusters, nil
}

// services describes up to ten services of one cluster.
func (s *survey) services(ctx context.Context, references []workload.Reference) {
	output, err := s.driver.clients.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster:  aws.String(references[0].Cluster()),
		Services: serviceNames(references),
		Include:  []types.ServiceField{types.ServiceFieldTags},
	})
	if hasCode(err, missingCluster) {
		output, err = &ecs.DescribeServicesOutput{}, nil
	}
	if err != nil {
		s.fault(fmt.Errorf("observe %s: %w", enumerate(references), failed("ecs:DescribeServices", "*", err)))
		return
	}
	if err := unusual(output.Failures); err != nil {
		s.fault(fmt.Errorf("observe services of cluster %s: %w", references[0].Cluster(), err))
		return
	}
	described := make(map[string]types.Service, len(output.Services))
	for _, service := range output.Services {
		described[aws.ToString(service.ServiceName)] = service
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, reference := range references {
		s.observations[reference] = observation(reference, described[reference.Name()])
	}
}

// unusual is an error unless every failure says that a service is missing.
func unusual(failures []types.Failure) error {
	for _, failure := range failures {
		if reason := aws.ToString(failure.Reason); reason != "MISSING" {
			return fmt.Errorf("ecs:DescribeServices: %s: %s %s", aws.ToString(failure.Arn), reason,
				aws.ToString(failure.Detail))
		}
	}
	return nil
}

// revisions adds the containers to the observations. A workload whose revision cannot be described has no observation.
func (s *survey) revisions(ctx context.Context) {
	running := map[string][]workload.Reference{}
	for reference, observed := range s.observations {
		if observed.Exists && observed.Revision != "" {
			running[observed.Revision] = append(running[observed.Revision], reference)
		}
	}
	var calls errgroup.Group
	calls.SetLimit(concurrency)
	for arn, references := range running {
		calls.Go(func() error { s.containers(ctx, arn, references); return nil })
	}
	_ = calls.Wait()
}

func (s *survey) containers(ctx context.Context, arn string, references []workload.Reference) {
	described, err := s.driver.revision(ctx, arn)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, reference := range references {
		if err != nil {
			delete(s.observations, reference)
			s.faults = append(s.faults, fmt.Errorf("observe %s: %w", reference, err))
			continue
		}
		observed := s.observations[reference]
		observed.Containers = containers(described.definition)
		s.observations[reference] = observed
	}
}

func (s *survey) fault(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.faults = append(s.faults, err)
}

// observation is what a description says of a service; the zero description is of a service that does not exist.
func observation(reference workload.Reference, service types.Service) workload.Observation {
	observed := workload.Observation{Workload: reference}
	if aws.ToString(service.Status) != "ACTIVE" {
		return observed
	}
	name := parseARN(aws.ToString(service.ServiceArn))
	observed.Exists = true
	observed.Account, observed.Region = name.account, name.region
	observed.Settings = ownerSettings(service.Tags)
	deployedBy := controller(service.DeploymentController)
	if deployedBy != string(types.DeploymentControllerTypeEcs) {
		observed.Blocked = "its deployment controller is " + deployedBy + ", and davit rolls out only through ECS's own"
	}
	if configuration := service.DeploymentConfiguration; configuration != nil && observed.Blocked == "" {
		observed.RollsBack = rollsBack(configuration.DeploymentCircuitBreaker)
		observed.ShiftsTraffic = configuration.Strategy != "" && configuration.Strategy != types.DeploymentStrategyRolling
	}
	observed.Revision = runningRevision(service)
	observed.Deployments = deployments(service.Deployments)
	observed.Desired, observed.Running = int(service.DesiredCount), int(service.RunningCount)
	return observed
}

func ownerSettings(tags []types.Tag) workload.Settings {
	var said workload.Settings
	for _, tag := range tags {
		value := aws.ToString(tag.Value)
		switch aws.ToString(tag.Key) {
		case names.TagPolicy:
			said.Policy = value
		case names.TagContainer:
			said.Container = value
		case names.TagRepository:
			said.Repository = value
		case names.TagHold:
			said.Hold = value
		case names.TagPlaybook:
			said.Playbook = value
		case names.TagMemoryLimit:
			said.MemoryLimit = value
		}
	}
	return said
}

// controller is who deploys the service; ECS itself where the service does not say
// (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentController.html).
func controller(declared *types.DeploymentController) string {
	if declared == nil || declared.Type == "" {
		return string(types.DeploymentControllerTypeEcs)
	}
	return string(declared.Type)
}

// rollsBack tells whether ECS puts a failed deployment back by itself. Its circuit breaker with rollback does, whatever the
// strategy; an alarm alone does not, as it sees no task that never starts
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-failure-detection.html).
func rollsBack(breaker *types.DeploymentCircuitBreaker) bool {
	return breaker != nil && breaker.Enable && breaker.Rollback
}

// runningRevision is the task definition of the primary deployment. Services of other controllers have no deployments:
// theirs is the primary task set's, or the service's own.
func runningRevision(service types.Service) string {
	for _, deployment := range service.Deployments {
		if aws.ToString(deployment.Status) == statusPrimary {
			return aws.ToString(deployment.TaskDefinition)
		}
	}
	for _, set := range service.TaskSets {
		if aws.ToString(set.Status) == statusPrimary {
			return aws.ToString(set.TaskDefinition)
		}
	}
	return aws.ToString(service.TaskDefinition)
}

// statusPrimary is the status of the deployment that a service is brought to.
const statusPrimary = "PRIMARY"

func deployments(listed []types.Deployment) []workload.Deployment {
	answer := make([]workload.Deployment, 0, len(listed))
	for _, deployment := range listed {
		answer = append(answer, workload.Deployment{
			ID:          aws.ToString(deployment.Id),
			Revision:    aws.ToString(deployment.TaskDefinition),
			Primary:     aws.ToString(deployment.Status) == statusPrimary,
			State:       state(deployment, len(listed)),
			Reason:      aws.ToString(deployment.RolloutStateReason),
			CreatedAt:   aws.ToTime(deployment.CreatedAt),
			Desired:     int(deployment.DesiredCount),
			Running:     int(deployment.RunningCount),
			FailedTasks: int(deployment.FailedTasks),
		})
	}
	return answer
}

// state is ECS's rollout state. ECS gives none for services behind a Classic Load Balancer
// (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html); there a primary deployment has completed
// when it is the only one and all its tasks run, which is the CLI's definition of a stable service.
func state(deployment types.Deployment, deployments int) workload.DeploymentState {
	if deployment.RolloutState != "" {
		return workload.DeploymentState(deployment.RolloutState)
	}
	stable := deployments == 1 && deployment.PendingCount == 0 && deployment.RunningCount == deployment.DesiredCount
	if stable && aws.ToString(deployment.Status) == statusPrimary {
		return workload.Completed
	}
	return workload.InProgress
}

func containers(definition *types.TaskDefinition) []workload.Container {
	answer := make([]workload.Container, 0, len(definition.ContainerDefinitions))
	for _, container := range definition.ContainerDefinitions {
		answer = append(answer, workload.Container{
			Name: aws.ToString(container.Name), Image: aws.ToString(container.Image),
		})
	}
	return answer
}

func serviceNames(references []workload.Reference) []string {
	answer := make([]string, 0, len(references))
	for _, reference := range references {
		answer = append(answer, reference.Name())
	}
	return answer
}

// enumerate names workloads in an error.
func enumerate(references []workload.Reference) string {
	words := make([]string, 0, len(references))
	for _, reference := range references {
		words = append(words, reference.String())
	}
	return strings.Join(words, ", ")
}
