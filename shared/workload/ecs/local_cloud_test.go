package ecs_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/shared/registry"
	"davit/shared/rollout"
	"davit/shared/workload"
	"davit/shared/workload/ecs"
)

// localCloud is an emulator with a cluster, a repository, a role and a log group.
type localCloud struct {
	endpoint string
	ecs      *sdk.Client
	driver   *ecs.Driver
	registry *registry.Registry
}

func newLocalCloud(t *testing.T) *localCloud {
	t.Setenv("DOCKER_HOST", "")
	endpoint := emulatortest.ForTest(t)
	configured := configuration(endpoint)
	cloud := &localCloud{
		endpoint: endpoint, ecs: sdk.NewFromConfig(configured), driver: ecs.New(clients(endpoint)),
		registry: registry.New(ecr.NewFromConfig(configured), ecrpublic.NewFromConfig(configured)),
	}
	ctx := t.Context()
	_, err := cloud.ecs.CreateCluster(ctx, &sdk.CreateClusterInput{ClusterName: aws.String("davit")})
	fatal(t, err)
	_, err = ecr.NewFromConfig(configured).CreateRepository(ctx,
		&ecr.CreateRepositoryInput{RepositoryName: aws.String("web")})
	fatal(t, err)
	_, err = iam.NewFromConfig(configured).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("davit-web"), Path: aws.String("/service/"), AssumeRolePolicyDocument: aws.String(`{}`)})
	fatal(t, err)
	_, err = cloudwatchlogs.NewFromConfig(configured).CreateLogGroup(ctx,
		&cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/web")})
	fatal(t, err)
	return cloud
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask calls ECS without the SDK, which knows too little of task definitions.
func (c *localCloud) ask(t *testing.T, operation string, document object) map[string]any {
	t.Helper()
	body, err := json.Marshal(document)
	fatal(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.endpoint, strings.NewReader(string(body)))
	fatal(t, err)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113."+operation)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+
		"/ecs/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	fatal(t, err)
	defer func() { _ = response.Body.Close() }()
	answered, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	fatal(t, err)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", operation, response.Status, answered)
	}
	return exact(t, string(answered))
}

// push pushes an image for linux and an architecture, and answers its digest.
func (c *localCloud) push(t *testing.T, tag, architecture string) string {
	t.Helper()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: architecture, Author: tag})
	fatal(t, err)
	target, err := name.ParseReference(strings.TrimPrefix(c.endpoint, "http://")+"/web:"+tag, name.Insecure)
	fatal(t, err)
	fatal(t, remote.Write(target, image, remote.WithContext(t.Context())))
	pushed, err := image.Digest()
	fatal(t, err)
	return pushed.String()
}

// createService runs revision web:1, which has fields that nobody knows, as service davit/web.
func (c *localCloud) createService(t *testing.T) {
	t.Helper()
	c.ask(t, "RegisterTaskDefinition", object{
		"family": "web", "requiresCompatibilities": array{"FARGATE"}, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
		"executionRoleArn": roleARN, "policyOfTomorrow": object{"large": json.Number("123456789012345678901234567890")},
		"containerDefinitions": array{
			object{"name": "web", "image": base + ":1.0.0", "fieldOfTomorrow": array{1, "two"}, "logConfiguration": object{
				"logDriver": "awslogs", "options": object{"awslogs-group": "/web", "awslogs-region": region}}},
			object{"name": "log", "image": "public.ecr.aws/fluent/bit:3"},
		},
		"tags": array{object{"key": "team", "value": "shop"}},
	})
	c.ask(t, "CreateService", object{
		"cluster": "davit", "serviceName": "web", "taskDefinition": "web:1", "desiredCount": 1, "launchType": "FARGATE",
		"deploymentConfiguration": object{"deploymentCircuitBreaker": object{"enable": true, "rollback": true}},
		"tags":                    array{object{"key": "davit/policy", "value": "semver:1.x"}},
	})
}

func TestARolloutInTheLocalCloud(t *testing.T) {
	cloud := newLocalCloud(t)
	cloud.push(t, "1.0.0", "amd64")
	pushed := cloud.push(t, "1.1.0", "amd64")
	cloud.createService(t)
	web, ctx := reference(t, "ecs:davit/web"), t.Context()

	t.Run("the tagged service is listed", func(t *testing.T) {
		for page, err := range cloud.driver.Tagged(ctx) {
			if err != nil || !cmp.Equal(page.References, []workload.Reference{web}, cmp.AllowUnexported(web)) {
				t.Errorf("listed %+v, %v", page, err)
			}
		}
	})
	seen := cloud.observe(t, web)
	t.Run("the service is observed", func(t *testing.T) {
		if !seen.Exists || !seen.RollsBack || seen.Settings.Policy != "semver:1.x" || seen.Revision != revisionARN("web:1") ||
			seen.Account != account || seen.Region != region || len(seen.Containers) != 2 {
			t.Errorf("observed %+v", seen)
		}
		if missing := cloud.observe(t, reference(t, "ecs:davit/none")); missing.Exists {
			t.Errorf("a missing service is observed as %+v", missing)
		}
		if missing := cloud.observe(t, reference(t, "ecs:none/web")); missing.Exists {
			t.Errorf("a service of a missing cluster is observed as %+v", missing)
		}
	})
	t.Run("the images are listed", func(t *testing.T) {
		images, err := cloud.registry.Images(ctx, change().Repository)
		if err != nil || len(images) != 2 || images[1].Digest != pushed || !slices.Contains(images[1].Tags, "1.1.0") ||
			time.Since(images[1].PushedAt).Abs() > time.Hour {
			t.Errorf("images %+v, %v", images, err)
		}
		if found, err := cloud.registry.Find(ctx, change().Repository, pushed); err != nil || found.Digest != pushed {
			t.Errorf("found %+v, %v", found, err)
		}
		_, err = cloud.registry.Images(ctx, workload.Repository{Registry: account, Region: region, Name: "none"})
		wantError(t, err, rollout.ErrNoRepository.Error())
	})

	wanted := change("web")
	wanted.From, wanted.Digest = seen.Revision, pushed
	t.Run("the image is verified", func(t *testing.T) {
		fatal(t, cloud.driver.Verify(ctx, seen, wanted))
	})
	t.Run("an image for another architecture is refused", func(t *testing.T) {
		foreign := wanted
		foreign.Digest = cloud.push(t, "1.2.0", "arm64")
		wantVerdict(t, cloud.driver.Verify(ctx, seen, foreign), "is for linux/arm64, and the task needs linux/amd64")
	})
	t.Run("an image that was never pushed is refused", func(t *testing.T) {
		foreign := wanted
		foreign.Digest = digest
		wantVerdict(t, cloud.driver.Verify(ctx, seen, foreign), "is not in the repository")
	})

	prepared, err := cloud.driver.Prepare(ctx, seen, wanted, false)
	fatal(t, err)
	t.Run("the new revision differs only in the image", func(t *testing.T) {
		cloud.wantOnlyTheImageChanged(t, prepared.Revision, pushed)
	})
	t.Run("a resumed preparation finds the revision", func(t *testing.T) {
		again, err := ecs.New(clients(cloud.endpoint)).Prepare(ctx, seen, wanted, true)
		if err != nil || again != prepared {
			t.Errorf("prepared %+v, %v, want %+v", again, err, prepared)
		}
	})
	t.Run("a container and a service that do not exist are refused", func(t *testing.T) {
		cloud.wantRefusals(t, seen, wanted)
	})

	started, err := cloud.driver.Start(ctx, workload.Observation{Workload: web}, rollout.Start{Revision: prepared.Revision})
	fatal(t, err)
	t.Run("a second start answers the same deployment", func(t *testing.T) {
		again, err := cloud.driver.Start(ctx, workload.Observation{Workload: web}, rollout.Start{Revision: prepared.Revision})
		if err != nil || again != started {
			t.Errorf("started %q, %v, want %q", again, err, started)
		}
	})
	t.Run("the deployment is observed", func(t *testing.T) {
		fatal(t, cloud.driver.Remember(ctx, web, base+"@"+pushed))
		after := cloud.observe(t, web)
		running, found := after.Deployment(started)
		if !found || !running.Primary || after.Revision != prepared.Revision || after.Desired != 1 ||
			after.Containers[0].Image != base+"@"+pushed {
			t.Errorf("observed %+v", after)
		}
		recalled, err := cloud.driver.Recall(ctx, []workload.Reference{web, reference(t, "ecs:davit/none")})
		want := map[workload.Reference]string{web: base + "@" + pushed, reference(t, "ecs:davit/none"): ""}
		if err != nil || !maps.Equal(recalled, want) {
			t.Errorf("recalled %v, %v, want %v", recalled, err, want)
		}
		resumed, err := cloud.driver.Prepare(ctx, after, wanted, true)
		if want := (rollout.Prepared{Revision: prepared.Revision, Deployment: started}); err != nil || resumed != want {
			t.Errorf("prepared %+v, %v, want %+v", resumed, err, want)
		}
	})
	t.Run("a task that was stopped is evidence", func(t *testing.T) {
		cloud.wantEvidenceOfAStop(t, web, started)
	})
}

func (c *localCloud) observe(t *testing.T, reference workload.Reference) workload.Observation {
	t.Helper()
	seen, err := c.driver.Observe(t.Context(), []workload.Reference{reference})
	fatal(t, err)
	return seen[reference]
}

// definition describes a revision with its tags, without what is of the revision alone and what has no value.
func (c *localCloud) definition(t *testing.T, revision string) map[string]any {
	t.Helper()
	answered := c.ask(t, "DescribeTaskDefinition", object{"taskDefinition": revision, "include": array{"TAGS"}})
	definition := answered["taskDefinition"].(map[string]any)
	for _, member := range []string{"taskDefinitionArn", "revision", "registeredAt"} {
		delete(definition, member)
	}
	definition["tags"] = answered["tags"]
	maps.DeleteFunc(definition, func(_ string, value any) bool { return value == nil })
	return definition
}

func (c *localCloud) wantOnlyTheImageChanged(t *testing.T, revision, digest string) {
	t.Helper()
	want, got := c.definition(t, "web:1"), c.definition(t, revision)
	web := want["containerDefinitions"].(array)[0].(map[string]any)
	if web["fieldOfTomorrow"] == nil {
		t.Fatalf("the local cloud dropped the field that nobody knows: %v", want)
	}
	web["image"] = base + "@" + digest
	want["tags"] = append(want["tags"].(array), object{"key": "davit/rollout", "value": "r-1"})
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("the new revision (-want +got):\n%s", difference)
	}
}

// wantRefusals prepares a change of a container that does not exist, and starts a service that does not exist.
func (c *localCloud) wantRefusals(t *testing.T, seen workload.Observation, wanted rollout.Change) {
	t.Helper()
	wanted.Containers = []string{"nobody"}
	_, err := c.driver.Prepare(t.Context(), seen, wanted, false)
	wantVerdict(t, err, `no container "nobody"`)
	_, err = c.driver.Start(t.Context(), workload.Observation{Workload: reference(t, "ecs:davit/none")},
		rollout.Start{Revision: revisionARN("web:1")})
	wantVerdict(t, err, "the service is gone")
}

func (c *localCloud) wantEvidenceOfAStop(t *testing.T, web workload.Reference, deployment string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		running, err := c.ecs.ListTasks(t.Context(), &sdk.ListTasksInput{
			Cluster: aws.String("davit"), ServiceName: aws.String("web"), DesiredStatus: types.DesiredStatusRunning})
		fatal(t, err)
		if len(running.TaskArns) > 0 {
			_, err = c.ecs.StopTask(t.Context(), &sdk.StopTaskInput{
				Cluster: aws.String("davit"), Task: &running.TaskArns[0], Reason: aws.String("stopped by hand")})
			fatal(t, err)
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no task of the service runs")
		}
		time.Sleep(50 * time.Millisecond)
	}
	lines, err := c.driver.Evidence(t.Context(), web, deployment)
	if err != nil || len(lines) == 0 || !strings.Contains(strings.Join(lines, "\n"), "stopped by hand") {
		t.Errorf("evidence %q, %v", lines, err)
	}
}
