package scenarios

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/endpoint"
	"davit/cmd/davit/local/webimage"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
)

// service is a service that was there first, with a repository and a task definition of its own, all of one name.
type service struct {
	*account
	t        *testing.T
	ctx      context.Context
	story    *console.Console
	name     string
	workload workload.Reference
}

// newService makes the repository and the first image of a service, and no service yet. Where the test fails, all
// that is known of the service is told.
func newService(t *testing.T, name string) *service {
	t.Helper()
	found, err := theAccount()
	if err != nil {
		t.Fatal(err)
	}
	reference, err := workload.ECSService(cluster, name)
	if err != nil {
		t.Fatal(err)
	}
	made := &service{
		account: found, t: t, ctx: running, story: console.New(testWriter{t}), name: name, workload: reference,
	}
	_, err = made.ecr.CreateRepository(made.ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
	made.must(err)
	made.push("1.0.0", made.program.Working)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(made.report())
		}
	})
	return made
}

// breaker is the deployment configuration of most services: ECS puts a failed deployment back.
func breaker() *types.DeploymentConfiguration {
	return &types.DeploymentConfiguration{
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		MinimumHealthyPercent:    aws.Int32(100), MaximumPercent: aws.Int32(200),
	}
}

// create makes the service with one task of version 1.0.0, by tag, and waits until it runs.
func (s *service) create(configuration *types.DeploymentConfiguration, tags ...types.Tag) {
	s.t.Helper()
	registered, err := s.ecs.RegisterTaskDefinition(s.ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &s.name, NetworkMode: types.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ExecutionRoleArn:        aws.String(roleARN(executionRole)), TaskRoleArn: aws.String(roleARN("services/" + taskRole)),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String(s.image("1.0.0")), Essential: aws.Bool(true),
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": logGroup, "awslogs-region": s.site.Endpoint.Region, "awslogs-stream-prefix": s.name,
			}},
		}},
	})
	s.must(err)
	s.createOn(aws.ToString(registered.TaskDefinition.TaskDefinitionArn), configuration, tags...)
}

// createOn makes the service on a revision, and waits until it runs.
func (s *service) createOn(revision string, configuration *types.DeploymentConfiguration, tags ...types.Tag) {
	s.t.Helper()
	_, err := s.ecs.CreateService(s.ctx, &ecs.CreateServiceInput{
		Cluster: aws.String(cluster), ServiceName: &s.name, TaskDefinition: &revision, DesiredCount: aws.Int32(1),
		LaunchType: types.LaunchTypeFargate, DeploymentConfiguration: configuration, Tags: tags,
	})
	s.must(err)
	s.awaitService("the service to run as its owner made it", func(seen sight) bool { return seen.settled() })
}

// image is the full name of an image of the service's repository.
func (s *service) image(tag string) string { return s.base() + ":" + tag }

func (s *service) pinned(digest string) string { return s.base() + "@" + digest }

func (s *service) base() string {
	return fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s", endpoint.Account, s.site.Endpoint.Region, s.name)
}

// push pushes an image of the version to the service's repository, and answers its digest.
func (s *service) push(version string, make func(version string) (v1.Image, error)) (digest string) {
	s.t.Helper()
	image, err := make(version)
	s.must(err)
	s.must(s.pusher.Push(s.ctx, image, s.name+":"+version))
	digest = s.digestOf(version)
	s.story.Line("pushed %s:%s, %s", s.name, version, workload.ShortDigest(digest))
	return digest
}

// digestOf is what the registry has under the tag.
func (s *service) digestOf(tag string) string {
	s.t.Helper()
	found, err := s.ecr.DescribeImages(s.ctx, &ecr.DescribeImagesInput{
		RepositoryName: &s.name, ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: &tag}},
	})
	s.must(err)
	if len(found.ImageDetails) != 1 {
		s.t.Fatalf("the registry has %d images %s:%s", len(found.ImageDetails), s.name, tag)
	}
	return aws.ToString(found.ImageDetails[0].ImageDigest)
}

func (s *service) repository() workload.Repository {
	return workload.Repository{Registry: endpoint.Account, Region: s.site.Endpoint.Region, Name: s.name}
}

// tag puts tags on the service, as its owner does.
func (s *service) tag(tags ...types.Tag) {
	s.t.Helper()
	_, err := s.ecs.TagResource(s.ctx, &ecs.TagResourceInput{ResourceArn: aws.String(s.arn()), Tags: tags})
	s.must(err)
}

func (s *service) untag(keys ...string) {
	s.t.Helper()
	_, err := s.ecs.UntagResource(s.ctx, &ecs.UntagResourceInput{ResourceArn: aws.String(s.arn()), TagKeys: keys})
	s.must(err)
}

func (s *service) arn() string {
	return fmt.Sprintf("arn:aws:ecs:%s:%s:service/%s/%s", s.site.Endpoint.Region, endpoint.Account, cluster, s.name)
}

// tagged is a tag.
func tagged(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

// adopt opts the service in, and waits until davit knows it and has pinned what it runs.
func (s *service) adopt(digest string) {
	s.t.Helper()
	s.tag(tagged(names.TagPolicy, "semver:1.x"))
	s.sweepFleet()
	s.awaitProved(digest)
}

// sight is what ECS says of a service.
type sight struct {
	desired    int32
	deployment types.Deployment
	others     []types.Deployment
	// images are what the containers of the primary deployment run, by the containers' names.
	images map[string]string
}

func (s sight) revision() string { return aws.ToString(s.deployment.TaskDefinition) }

// settled tells whether the primary deployment is done and all its tasks run.
func (s sight) settled() bool {
	return s.deployment.RolloutState == types.DeploymentRolloutStateCompleted && s.deployment.RunningCount == s.desired &&
		s.deployment.DesiredCount == s.desired
}

// same tells whether nothing was deployed between two looks.
func (s sight) same(other sight) bool {
	return aws.ToString(s.deployment.Id) == aws.ToString(other.deployment.Id) && s.revision() == other.revision()
}

func (s sight) String() string {
	text := describeDeployment(s.deployment)
	for _, name := range slices.Sorted(maps.Keys(s.images)) {
		text += fmt.Sprintf(", %s: %s", name, shortImage(s.images[name]))
	}
	for _, other := range s.others {
		text += "; " + describeDeployment(other)
	}
	return text
}

func describeDeployment(deployment types.Deployment) string {
	revision := aws.ToString(deployment.TaskDefinition)
	return fmt.Sprintf("%s %s, %d of %d tasks run, %d failed, %s", aws.ToString(deployment.Status),
		deployment.RolloutState, deployment.RunningCount, deployment.DesiredCount, deployment.FailedTasks,
		revision[strings.LastIndexByte(revision, '/')+1:])
}

// shortImage leaves the registry's host out and shortens the digest.
func shortImage(image string) string {
	name := image[strings.LastIndexByte(image, '/')+1:]
	if base, digest, found := strings.Cut(name, "@"); found {
		return base + "@" + workload.ShortDigest(digest)
	}
	return name
}

func (s *service) look() sight {
	s.t.Helper()
	seen, err := s.see(s.ctx)
	s.must(err)
	return seen
}

func (s *service) see(ctx context.Context) (sight, error) {
	answer, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: aws.String(cluster), Services: []string{s.name},
	})
	if err != nil {
		return sight{}, err
	}
	if len(answer.Services) != 1 {
		return sight{}, errors.New("there is no such service")
	}
	seen := sight{desired: answer.Services[0].DesiredCount, images: map[string]string{}}
	for _, deployment := range answer.Services[0].Deployments {
		if aws.ToString(deployment.Status) == "PRIMARY" {
			seen.deployment = deployment
			continue
		}
		seen.others = append(seen.others, deployment)
	}
	definition, err := s.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: aws.String(seen.revision()),
	})
	if err != nil {
		return sight{}, err
	}
	for _, container := range definition.TaskDefinition.ContainerDefinitions {
		seen.images[aws.ToString(container.Name)] = aws.ToString(container.Image)
	}
	return seen, nil
}

// await waits for a condition; look says what it saw.
func (s *service) await(expected string, look func(ctx context.Context) (seen string, done bool, err error)) {
	s.t.Helper()
	s.must(s.story.Await(s.ctx, console.Wait{For: expected, Limit: waitLimit, Every: lookEvery}, look))
}

// awaitService waits until ECS says of the service what is expected.
func (s *service) awaitService(expected string, holds func(sight) bool) sight {
	s.t.Helper()
	var last sight
	s.await(expected, func(ctx context.Context) (string, bool, error) {
		seen, err := s.see(ctx)
		last = seen
		return seen.String(), err == nil && holds(seen), err
	})
	return last
}

// awaitRecord waits until the ledger says of the service what is expected.
func (s *service) awaitRecord(expected string, holds func(ledger.Record) bool) ledger.Record {
	s.t.Helper()
	var last ledger.Record
	s.await(expected, func(ctx context.Context) (string, bool, error) {
		record, err := s.record(ctx)
		last = record
		return describeRecord(record), err == nil && holds(record), err
	})
	return last
}

// awaitProved waits until every container that follows the repository runs the digest, pinned, and davit counts it as
// good.
func (s *service) awaitProved(digest string) sight {
	s.t.Helper()
	seen := s.awaitService(fmt.Sprintf("every container of %s to run %s", s.name, workload.ShortDigest(digest)),
		func(seen sight) bool {
			for _, image := range seen.images {
				if strings.HasPrefix(image, s.base()) && image != s.pinned(digest) {
					return false
				}
			}
			return seen.settled()
		})
	s.awaitRecord("davit to count "+workload.ShortDigest(digest)+" as good", func(record ledger.Record) bool {
		return record.Rollout == nil && len(record.Good) > 0 && record.Good[0].Digest == digest
	})
	return seen
}

func (s *service) record(ctx context.Context) (ledger.Record, error) {
	records, err := s.ledger.Read(ctx, []workload.Reference{s.workload})
	return records[s.workload], err
}

// history is all that the ledger has to tell, oldest first.
func (s *service) history() []ledger.Entry {
	s.t.Helper()
	entries, err := s.ledger.History(s.ctx, s.workload, ledger.MaximumHistory, "")
	s.must(err)
	slices.Reverse(entries)
	return entries
}

// entries are those of the history with the action and the code.
func (s *service) entries(action rollout.Action, code rollout.Code) []ledger.Entry {
	s.t.Helper()
	return slices.DeleteFunc(s.history(), func(entry ledger.Entry) bool {
		return entry.Action != string(action) || entry.Code != string(code)
	})
}

// revisions counts the revisions of the task definition.
func (s *service) revisions() int {
	s.t.Helper()
	listed, err := s.ecs.ListTaskDefinitions(s.ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: &s.name})
	s.must(err)
	return len(listed.TaskDefinitionArns)
}

// awaitAnswers waits until the given number of containers run, and each says that it is the version.
func (s *service) awaitAnswers(version string, count int) {
	s.t.Helper()
	want := slices.Repeat([]string{"web " + version}, count)
	s.await(fmt.Sprintf("%d containers that answer %q", count, "web "+version),
		func(ctx context.Context) (string, bool, error) {
			pages, err := s.pages(ctx)
			return fmt.Sprintf("containers answer %q", pages), slices.Equal(pages, want), err
		})
}

// pages are what the containers of the service's running tasks answer, asked from within.
func (s *service) pages(ctx context.Context) ([]string, error) {
	listed, err := s.ecs.ListTasks(ctx, &ecs.ListTasksInput{
		Cluster: aws.String(cluster), ServiceName: &s.name, DesiredStatus: types.DesiredStatusRunning,
	})
	if err != nil || len(listed.TaskArns) == 0 {
		return nil, err
	}
	described, err := s.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{
		Cluster: aws.String(cluster), Tasks: listed.TaskArns,
	})
	if err != nil {
		return nil, err
	}
	var pages []string
	for _, task := range described.Tasks {
		for _, container := range task.Containers {
			_, page, err := s.engine.Execute(ctx, aws.ToString(container.RuntimeId), webimage.Check...)
			if err != nil {
				page = err.Error() // It may be starting, or ending.
			}
			pages = append(pages, strings.TrimSpace(page))
		}
	}
	return pages, nil
}

// must ends the test with an error.
func (s *service) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", s.workload, err)
	}
}

// report is all that is known of the service, for whoever has to find out why a test failed.
func (s *service) report() string {
	ctx := context.WithoutCancel(s.ctx)
	lines := []string{"what is known of " + s.workload.String() + ":"}
	if seen, err := s.see(ctx); err == nil {
		lines = append(lines, "service: "+seen.String())
	}
	described, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: aws.String(cluster), Services: []string{s.name},
	})
	if err == nil {
		for _, service := range described.Services {
			for _, event := range service.Events[:min(len(service.Events), 10)] {
				lines = append(lines, "service event: "+aws.ToString(event.Message))
			}
		}
	}
	if record, err := s.record(ctx); err == nil {
		lines = append(lines, "record: "+describeRecord(record))
	}
	if entries, err := s.ledger.History(ctx, s.workload, ledger.MaximumHistory, ""); err == nil {
		for _, entry := range slices.Backward(entries) {
			lines = append(lines, "history: "+describeEntry(entry))
		}
	}
	if logged, err := s.logLines(ctx); err == nil {
		for _, line := range logged {
			if line.Workload == s.workload.String() {
				lines = append(lines, "log: "+line.String())
			}
		}
	}
	return strings.Join(lines, "\n  ")
}

func describeRecord(record ledger.Record) string {
	text := fmt.Sprintf("version %d, follows %v", record.Version, record.Repositories)
	if len(record.Good) > 0 {
		text += ", newest good " + describeImage(record.Good[0])
	}
	for _, aside := range record.AllSetAside() {
		text += fmt.Sprintf(", set aside %s: %s", describeImage(aside.Image), aside.Reason)
	}
	if current := record.Rollout; current != nil {
		text += fmt.Sprintf(", rollout of %s %s", describeImage(current.Image), current.Phase)
	}
	return text
}

func describeEntry(entry ledger.Entry) string {
	text := fmt.Sprintf("%s: %s (%s): %s", entry.Cause, entry.Action, entry.Code, entry.Reason)
	if len(entry.Evidence) > 0 {
		text += fmt.Sprintf(" %q", entry.Evidence)
	}
	return text
}

func describeImage(image ledger.Image) string {
	return image.Tag + " (" + workload.ShortDigest(image.Digest) + ")"
}

func roleARN(name string) string { return "arn:aws:iam::" + endpoint.Account + ":role/" + name }
