package stacks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	queue := Created{PhysicalID: "http://localhost/q", Type: "AWS::SQS::Queue", Status: "CREATE_COMPLETE"}
	tests := map[string]struct {
		// change turns what CloudFormation says of a sound queue into the case.
		change func(*Created)
		probe  error
		want   string
	}{
		"a resource that is there passes": {},
		"an updated one passes":           {change: func(c *Created) { c.Status = "UPDATE_COMPLETE" }},
		"one that was not made is named": {
			change: func(c *Created) { *c = Created{} }, want: "CloudFormation did not make it",
		},
		"one without a physical ID is named": {
			change: func(c *Created) { c.PhysicalID = "" }, want: "no physical ID",
		},
		"one that failed is named": {
			change: func(c *Created) { c.Status = "CREATE_FAILED" }, want: "CREATE_FAILED",
		},
		"one that was deleted is named": {
			change: func(c *Created) { c.Status = "DELETE_COMPLETE" }, want: "DELETE_COMPLETE",
		},
		"one of another type is named": {
			change: func(c *Created) { c.Type = "AWS::SNS::Topic" }, want: "AWS::SNS::Topic",
		},
		"one that only CloudFormation knows of is named": {probe: errGone, want: errGone.Error()},
	}
	stacks := []Stack{{Name: "davit-automation", Resources: map[string]Resource{"Queue": {Type: "AWS::SQS::Queue"}}}}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			created := queue
			if test.change != nil {
				test.change(&created)
			}
			checker := Checker{
				List: func(context.Context, string) (map[string]Created, error) {
					return map[string]Created{"Queue": created}, nil
				},
				Probes: map[string]Probe{"AWS::SQS::Queue": func(context.Context, Created, Resource) error {
					return test.probe
				}},
			}
			err := checker.Check(t.Context(), stacks)
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v, want no difference", err)
				}
				return
			}
			if err == nil {
				t.Fatal("got no error, want a difference")
			}
			for _, text := range []string{"davit-automation", "Queue", "AWS::SQS::Queue", test.want} {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error lacks %q: %v", text, err)
				}
			}
		})
	}
}

func TestAProbeSeesReferencesResolved(t *testing.T) {
	var seen Resource
	checker := Checker{
		List: func(context.Context, string) (map[string]Created, error) {
			return map[string]Created{
				"Bus":  {PhysicalID: "davit", Type: "AWS::Events::EventBus", Status: "CREATE_COMPLETE"},
				"Rule": {PhysicalID: "davit|tell", Type: "AWS::Events::Rule", Status: "CREATE_COMPLETE"},
			}, nil
		},
		Probes: map[string]Probe{"AWS::Events::Rule": func(_ context.Context, created Created, asked Resource) error {
			seen = asked
			name, bus := ruleName(created, asked)
			if name != "tell" || bus == nil || *bus != "davit" {
				return errors.New("the rule was not found by its bus")
			}
			return nil
		}},
	}
	err := checker.Check(t.Context(), []Stack{{Name: "one", Resources: map[string]Resource{
		"Bus": {Type: "AWS::Events::EventBus"},
		"Rule": {Type: "AWS::Events::Rule", Properties: map[string]any{
			"EventBusName": map[string]any{"Ref": "Bus"}, "Targets": []any{"t"},
		}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"EventBusName": "davit", "Targets": []any{"t"}}
	if difference := cmp.Diff(want, seen.Properties); difference != "" {
		t.Error(difference)
	}
}

func TestReadAssembly(t *testing.T) {
	directory := t.TempDir()
	for name, text := range map[string]string{
		"manifest.json": `{"artifacts":{
			"b.assets":{"type":"cdk:asset-manifest"},
			"b":{"type":"aws:cloudformation:stack","properties":{"templateFile":"b.json"}},
			"id":{"type":"aws:cloudformation:stack","properties":{"templateFile":"a.json","stackName":"a"}}}}`,
		"a.json": `{"Resources":{"Queue":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"q"}}}}`,
		"b.json": `{"Resources":{}}`,
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadAssembly(directory)
	if err != nil {
		t.Fatal(err)
	}
	want := []Stack{
		{Name: "a", Resources: map[string]Resource{"Queue": {Type: "AWS::SQS::Queue", Properties: map[string]any{"QueueName": "q"}}}},
		{Name: "b", Resources: map[string]Resource{}},
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Error(difference)
	}
	if _, err := ReadAssembly(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a manifest: got %v, want ErrNotExist", err)
	}
}
