package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/cmd/davit/local/cloud"
	"davit/shared/names"
)

// document is JSON that the SDK has no type for, or too narrow a one.
type document = map[string]any

func TestContainersOfOneRepositoryChangeTogetherAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	s := newService(t, "paired")
	s.createOn(s.registerPair(), breaker())
	s.adopt(s.digestOf("1.0.0"))
	first := s.look()

	together := s.push("1.1.0", s.program.Working)
	second := s.awaitProved(together)
	s.checkChange(first.revision(), second.revision(), document{"web": s.pinned(together), "worker": s.pinned(together)})

	s.tag(tagged(names.TagContainer, "worker"))
	alone := s.push("1.2.0", s.program.Working)
	third := s.awaitService("the container that the tag names to run 1.2.0", func(seen sight) bool {
		return seen.settled() && seen.images["worker"] == s.pinned(alone)
	})
	s.checkChange(second.revision(), third.revision(), document{"worker": s.pinned(alone)})
}

// registerPair registers a task definition with two containers of the service's repository, one of another, and fields
// that no SDK knows yet.
func (s *service) registerPair() (revision string) {
	s.t.Helper()
	container := func(name, image, port string) document {
		return document{
			"name": name, "image": image, "essential": true, "fieldOfTomorrow": []any{name, json.Number("1")},
			"environment": []any{document{"name": "PORT", "value": port}},
		}
	}
	answer := s.call("RegisterTaskDefinition", document{
		"family": s.name, "networkMode": "awsvpc", "requiresCompatibilities": []any{"FARGATE"},
		"cpu": "256", "memory": "512",
		"executionRoleArn": roleARN(executionRole), "taskRoleArn": roleARN("services/" + taskRole),
		"policyOfTomorrow": document{"large": json.Number("123456789012345678901234567890")},
		"containerDefinitions": []any{
			container("web", s.image("1.0.0"), "8080"), container("worker", s.image("1.0.0"), "8081"),
			container("proxy", cloud.PlaceholderImage, "8082"),
		},
		"tags": []any{document{"key": "team", "value": "shop"}},
	})
	definition, _ := answer["taskDefinition"].(document)
	revision, ok := definition["taskDefinitionArn"].(string)
	if !ok {
		s.t.Fatalf("RegisterTaskDefinition answers %v", answer)
	}
	return revision
}

// checkChange wants a revision to be another with the images of the named containers changed, and with the tag that
// says what it was made for.
func (s *service) checkChange(from, to string, images document) {
	s.t.Helper()
	want, wantTags := s.describe(from)
	got, gotTags := s.describe(to)
	containers, _ := want["containerDefinitions"].([]any)
	changed := 0
	for _, listed := range containers {
		container, _ := listed.(document)
		name, _ := container["name"].(string)
		if image, found := images[name]; found {
			container["image"] = image
			changed++
		}
	}
	if changed != len(images) {
		s.t.Fatalf("%s has %d of the containers %v", from, changed, images)
	}
	for _, own := range []string{"revision", "taskDefinitionArn", "registeredAt"} {
		delete(want, own)
		delete(got, own)
	}
	if difference := cmp.Diff(want, got); difference != "" {
		s.t.Errorf("from %s to %s more changed than the images (-want +got):\n%s", from, to, difference)
	}
	if gotTags[names.TagRollout] == "" || gotTags[names.TagRollout] == wantTags[names.TagRollout] {
		s.t.Errorf("%s is tagged %v, want a rollout of its own", to, gotTags)
	}
	if gotTags["team"] != "shop" {
		s.t.Errorf("%s is tagged %v, want its owner's tag too", to, gotTags)
	}
}

// describe is a revision as ECS describes it, whole, and its tags.
func (s *service) describe(revision string) (definition document, tags map[string]string) {
	s.t.Helper()
	answer := s.call("DescribeTaskDefinition", document{"taskDefinition": revision, "include": []any{"TAGS"}})
	definition, ok := answer["taskDefinition"].(document)
	if !ok {
		s.t.Fatalf("DescribeTaskDefinition of %s answers %v", revision, answer)
	}
	tags = map[string]string{}
	listed, _ := answer["tags"].([]any)
	for _, one := range listed {
		tag, _ := one.(document)
		tags[fmt.Sprint(tag["key"])] = fmt.Sprint(tag["value"])
	}
	return definition, tags
}

// call calls ECS without the SDK.
func (s *service) call(operation string, input document) document {
	s.t.Helper()
	body, err := json.Marshal(input)
	s.must(err)
	request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.site.Endpoint.URL(), bytes.NewReader(body))
	s.must(err)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113."+operation)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+s.site.Endpoint.Region+
		"/ecs/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	s.must(err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	s.must(err)
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s: %s", operation, response.Status, text)
	}
	// Numbers of any size must be compared as they are.
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var answer document
	s.must(decoder.Decode(&answer))
	return answer
}
