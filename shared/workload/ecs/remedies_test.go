package ecs

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/recovery"
	"davit/shared/settings"
	"davit/shared/workload"
)

func TestMemoryGrowsByAStepThatFargateOffers(t *testing.T) {
	for _, test := range []struct {
		name, cpu, memory string
		fargate           bool
		want              int
	}{
		{"the smallest task", "256", "512", true, 1024},
		{"the smallest task, again", "256", "1024", true, 2048},
		{"the smallest task with all it may have", "256", "2048", true, 0},
		{"a large task grows by a quarter at least", "2048", "8192", true, 10240},
		{"a task that is 8 vCPU wide", "8192", "16384", true, 20480},
		{"a task on EC2", "256", "500", false, 768},
		{"a task without memory", "256", "", false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			definition := &types.TaskDefinition{Cpu: &test.cpu, Memory: &test.memory}
			if test.fargate {
				definition.RequiresCompatibilities = []types.Compatibility{types.CompatibilityFargate}
			}
			if got := nextMemory(definition); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestMemoryIsRaisedWithinWhatTheOwnerAllows(t *testing.T) {
	for _, test := range []struct {
		name, limit  string
		memory, next int
		may          bool
	}{
		{"no tag", "", 512, 1024, false},
		{"a tag that is no number", "much", 512, 1024, false},
		{"a limit below the next step", "1000", 512, 1024, false},
		{"a limit at the next step", "1024", 512, 1024, true},
		{"no next step", "9999", 2048, 0, false},
		{"a task without memory", "9999", 0, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := recovery.Observation{Memory: test.memory, NextMemory: test.next}
			seen.Desired, seen.Settings = 1, workload.Settings{MemoryLimit: test.limit}
			if reason := (Remedies{}).cannot(seen, "")[settings.RaiseMemory]; (reason == "") != test.may {
				t.Errorf("the reason is %q", reason)
			}
		})
	}
}

func TestARevisionWithMoreMemoryDiffersInNothingElse(t *testing.T) {
	from := &revision{definition: &types.TaskDefinition{}, tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
		document: map[string]json.RawMessage{"family": json.RawMessage(`"web"`), "memory": json.RawMessage(`"512"`), "revision": json.RawMessage(`3`),
			"containerDefinitions": json.RawMessage(`[{"name":"web","memory":256,"future":{"a":1}},{"name":"side"}]`)}}
	body, err := from.withMemory(512, 1024, "act-1")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"containerDefinitions":[{"future":{"a":1},"memory":512,"name":"web"},{"name":"side"}],"family":"web","memory":"1024",` +
		`"tags":[{"key":"team","value":"web"},{"key":"davit/rollout","value":"act-1"}]}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func TestAServiceIsHealthyWhenAllThatShouldRunDoes(t *testing.T) {
	completed := workload.Deployment{ID: "ecs-svc/1", Primary: true, State: workload.Completed}
	beginning := workload.Deployment{ID: "ecs-svc/1", Primary: true, State: workload.InProgress}
	for _, test := range []struct {
		name             string
		desired, running int
		deployment       workload.Deployment
		want             bool
	}{
		{"all tasks run", 2, 2, completed, true},
		{"a task is missing", 2, 1, completed, false},
		{"a deployment is in progress", 2, 2, beginning, false},
		{"it is scaled to zero", 0, 0, completed, true},
		{"there is no primary deployment", 1, 1, workload.Deployment{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, why := health(workload.Observation{Desired: test.desired, Running: test.running, Deployments: []workload.Deployment{test.deployment}})
			if got != test.want || got != (why == "") {
				t.Errorf("got %t, %q", got, why)
			}
		})
	}
}
