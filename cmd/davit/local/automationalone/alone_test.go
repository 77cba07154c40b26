// Package automationalone holds the way in of those who have services already: infra/configurations/automation.yaml is
// deployed as it is, a service that its owner made is tagged, and the next push rolls out.
package automationalone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/endpoint"
	"davit/cmd/davit/local/push"
	"davit/cmd/davit/local/webimage"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
)

const (
	// wholeLimit bounds the life of the local cloud.
	wholeLimit = 8 * time.Minute
	// waitLimit bounds one wait. A rollout takes a few seconds on an idle machine.
	waitLimit = 90 * time.Second
	// cluster and name are of the service, whose repository is called like it.
	cluster, name = "existing", "shop"
	// executionRole is one of those that the configuration lets davit pass.
	executionRole = "ecsTaskExecutionRole"
)

func TestTheAutomationAloneRollsOutOnAServiceThatWasThereFirst(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), wholeLimit)
	defer cancel()
	site, story := newSite(t), console.New(testWriter{t})
	t.Cleanup(func() { must(t, site.Down(context.WithoutCancel(ctx), story)) })
	must(t, site.Up(ctx, story))

	deployed, err := cloudformation.NewFromConfig(site.Endpoint.Config()).ListStacks(ctx, &cloudformation.ListStacksInput{})
	must(t, err)
	var stacks []string
	for _, stack := range deployed.StackSummaries {
		if found := aws.ToString(stack.StackName); found != "CDKToolkit" && !slices.Contains(stacks, found) {
			stacks = append(stacks, found)
		}
	}
	if len(stacks) != 1 || !strings.Contains(strings.ToLower(stacks[0]), "automation") {
		t.Fatalf("these stacks are deployed: %v", stacks)
	}

	owner := newOwner(ctx, t, site)
	program, err := webimage.Build(ctx, site.Root)
	must(t, err)
	engine, err := site.Engine(ctx)
	must(t, err)
	pusher := push.Pusher{Registry: site.Endpoint.Registry(), Engine: engine, Home: filepath.Join(site.Directory, "docker")}
	pushed := func(version string) (digest string) {
		image, err := program.Working(version)
		must(t, err)
		must(t, pusher.Push(ctx, image, name+":"+version))
		var found struct {
			ImageDetails []struct {
				ImageDigest string `json:"imageDigest"`
			} `json:"imageDetails"`
		}
		owner.call("ecr", "DescribeImages", object{"repositoryName": name, "imageIds": []object{{"imageTag": version}}}, &found)
		return found.ImageDetails[0].ImageDigest
	}

	owner.call("ecr", "CreateRepository", object{"repositoryName": name}, nil)
	first := pushed("1.0.0")
	service := owner.makeService()
	owner.call("ecs", "TagResource", object{"resourceArn": service, "tags": []object{{"key": "davit/policy", "value": "semver:1.x"}}}, nil)
	_, err = site.Sweep(ctx) // what the schedule does within 15 minutes
	must(t, err)
	owner.awaitImage(first)
	second := pushed("1.1.0")
	owner.awaitImage(second)
	wantCause(ctx, t, site, second, "push of "+name+":1.1.0 (success)")
}

// wantCause wants the history to say that the image rolled out for this cause, and not as a sweep came upon it.
func wantCause(ctx context.Context, t *testing.T, site cloud.Site, digest, cause string) {
	t.Helper()
	reference, err := workload.ECSService(cluster, name)
	must(t, err)
	entries, err := ledger.New(dynamodb.NewFromConfig(site.Endpoint.Config()), names.Table).History(ctx, reference, ledger.MaximumHistory, "")
	must(t, err)
	for _, entry := range entries {
		if entry.Action == string(rollout.Roll) && entry.Image.Digest == digest {
			if entry.Cause != cause {
				t.Errorf("%s rolled out for %q, want %q", entry.Image.Tag, entry.Cause, cause)
			}
			return
		}
	}
	t.Errorf("no rollout of %s is in the history: %+v", digest, entries)
}

// newSite is a local cloud of its own, with the configuration of the repository in which its reader's account is named, and
// for this machine the architecture of the function.
func newSite(t *testing.T) cloud.Site {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	must(t, listener.Close())
	site, err := cloud.NewSite(port, "ap-northeast-2")
	must(t, err)
	site.Directory = t.TempDir()
	text, err := os.ReadFile(filepath.Join(site.Root, "infra", "configurations", "automation.yaml"))
	must(t, err)
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	for old, changed := range map[string]string{
		`account: "111122223333"`: fmt.Sprintf("account: %q", endpoint.Account), "\nautomation:\n": "\nautomation:\n  architecture: " + architecture + "\n",
	} {
		if bytes.Count(text, []byte(old)) != 1 {
			t.Fatalf("the configuration has not one %q", old)
		}
		text = bytes.Replace(text, []byte(old), []byte(changed), 1)
	}
	must(t, os.WriteFile(filepath.Join(site.Directory, "automation.yaml"), text, 0o600))
	site.Configuration, err = filepath.Rel(site.Root, filepath.Join(site.Directory, "automation.yaml"))
	must(t, err)
	return site
}

type object map[string]any

// owner is who has the service: one who uses the AWS CLI where it is installed, and its requests where it is not.
type owner struct {
	t    *testing.T
	ctx  context.Context
	site cloud.Site
	// program is the AWS CLI, or empty.
	program string
}

func newOwner(ctx context.Context, t *testing.T, site cloud.Site) owner {
	t.Helper()
	made := owner{t: t, ctx: ctx, site: site}
	// A version manager may leave a program that cannot run anything.
	if path, err := exec.LookPath("aws"); err == nil {
		version := exec.CommandContext(ctx, path, "--version") // #nosec G204 -- the one program
		if version.Env = site.Endpoint.Environment(site.Directory); version.Run() == nil {
			made.program = path
		}
	}
	t.Logf("the AWS CLI is %q", made.program)
	return made
}

// targets are the services of the AWS JSON 1.1 protocol, as their requests name them.
var targets = map[string]string{"ecs": "AmazonEC2ContainerServiceV20141113.", "ecr": "AmazonEC2ContainerRegistry_V20150921."}

// call makes one call of a service with the document, which is the same for the CLI and for its request.
func (o owner) call(service, operation string, input object, output any) {
	o.t.Helper()
	document, err := json.Marshal(input)
	must(o.t, err)
	var answer []byte
	if o.program != "" {
		answer, err = o.byProgram(service, operation, document)
	} else {
		answer, err = o.byRequest(service, operation, document)
	}
	if err != nil {
		o.t.Fatalf("%s %s: %v: %s", service, operation, err, answer)
	}
	if output != nil {
		must(o.t, json.Unmarshal(answer, output))
	}
}

// byProgram names the operation as the CLI does: create-service for CreateService.
func (o owner) byProgram(service, operation string, document []byte) ([]byte, error) {
	var verb strings.Builder
	for i, letter := range operation {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			verb.WriteByte('-')
		}
		verb.WriteString(strings.ToLower(string(letter)))
	}
	// #nosec G204 -- the AWS CLI with documents of this test
	run := exec.CommandContext(o.ctx, o.program, service, verb.String(), "--cli-input-json", string(document), "--output", "json")
	run.Env = o.site.Endpoint.Environment(o.site.Directory)
	var told bytes.Buffer
	run.Stderr = &told
	answer, err := run.Output()
	if err != nil {
		return told.Bytes(), err
	}
	return answer, nil
}

func (o owner) byRequest(service, operation string, document []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(o.ctx, http.MethodPost, o.site.Endpoint.URL(), bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", targets[service]+operation)
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=test/20260101/%s/%s/aws4_request, SignedHeaders=host, Signature=0",
		o.site.Endpoint.Region, service))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return answer, err
}

// makeService makes the service with one task of version 1.0.0, by tag, and answers its ARN.
func (o owner) makeService() string {
	o.t.Helper()
	role, err := iam.NewFromConfig(o.site.Endpoint.Config()).CreateRole(o.ctx, &iam.CreateRoleInput{RoleName: aws.String(executionRole),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
			`"Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}`)})
	must(o.t, err)
	o.call("ecs", "CreateCluster", object{"clusterName": cluster}, nil)
	o.call("ecs", "RegisterTaskDefinition", object{"family": name, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
		"requiresCompatibilities": []string{"FARGATE"}, "executionRoleArn": aws.ToString(role.Role.Arn),
		"containerDefinitions": []object{{"name": "app", "image": o.repository() + ":1.0.0", "essential": true,
			"portMappings": []object{{"containerPort": 8080}}}}}, nil)
	var made struct {
		Service struct {
			ServiceARN string `json:"serviceArn"`
		} `json:"service"`
	}
	o.call("ecs", "CreateService", object{"cluster": cluster, "serviceName": name, "taskDefinition": name, "desiredCount": 1, "launchType": "FARGATE",
		"deploymentConfiguration": object{"deploymentCircuitBreaker": object{"enable": true, "rollback": true}}}, &made)
	return made.Service.ServiceARN
}

func (o owner) repository() string {
	return fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com/%s", endpoint.Account, o.site.Endpoint.Region, name)
}

// awaitImage waits until the service has one deployment, completed, whose task runs the digest.
func (o owner) awaitImage(digest string) {
	o.t.Helper()
	want, seen := o.repository()+"@"+digest, ""
	for begun := time.Now(); time.Since(begun) < waitLimit; {
		if seen = o.running(); seen == want {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	o.t.Fatalf("the service runs %s, want %s", seen, want)
}

// running is the image of the service's one deployment once it is completed.
func (o owner) running() string {
	o.t.Helper()
	var described struct {
		Services []struct {
			Deployments []struct {
				TaskDefinition string `json:"taskDefinition"`
				RolloutState   string `json:"rolloutState"`
				RunningCount   int    `json:"runningCount"`
			} `json:"deployments"`
		} `json:"services"`
	}
	o.call("ecs", "DescribeServices", object{"cluster": cluster, "services": []string{name}}, &described)
	deployments := described.Services[0].Deployments
	if len(deployments) != 1 || deployments[0].RolloutState != "COMPLETED" || deployments[0].RunningCount != 1 {
		return fmt.Sprintf("%+v", deployments)
	}
	var defined struct {
		TaskDefinition struct {
			ContainerDefinitions []struct {
				Image string `json:"image"`
			} `json:"containerDefinitions"`
		} `json:"taskDefinition"`
	}
	o.call("ecs", "DescribeTaskDefinition", object{"taskDefinition": deployments[0].TaskDefinition}, &defined)
	return defined.TaskDefinition.ContainerDefinitions[0].Image
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testWriter writes a story to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Log(string(text[:len(text)-1]))
	return len(text), nil
}
