package davit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"davit/events/davit"
	"davit/events/envelope"

	"github.com/google/go-cmp/cmp"
)

// schema is the part of JSON Schema that the file uses; anything else in it fails the test.
type schema struct {
	Dialect     string             `json:"$schema"`
	ID          string             `json:"$id"`
	Title       string             `json:"title"`
	Description string             `json:"description"`
	Type        string             `json:"type"`
	Const       any                `json:"const"`
	Additional  *bool              `json:"additionalProperties"`
	Required    []string           `json:"required"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`
	MinLength   int                `json:"minLength"`
}

func rolloutSchema(t *testing.T) *schema { return readSchema(t, davit.RolloutSchema) }

func readSchema(t *testing.T, document []byte) *schema {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	var read schema
	if err := decoder.Decode(&read); err != nil {
		t.Fatalf("read the schema: %v", err)
	}
	return &read
}

// describe is the schema that a Go type stands for: what encoding/json writes for it.
func describe(t *testing.T, goType reflect.Type) *schema {
	t.Helper()
	switch goType.Kind() {
	case reflect.Pointer:
		return describe(t, goType.Elem())
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Uint64:
		return &schema{Type: "integer"}
	case reflect.Slice:
		return &schema{Type: "array", Items: describe(t, goType.Elem())}
	case reflect.Struct:
		closed := false
		described := &schema{Type: "object", Additional: &closed, Properties: map[string]*schema{}}
		for field := range goType.Fields() {
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			described.Properties[name] = describe(t, field.Type)
			if !strings.Contains(options, "omit") {
				described.Required = append(described.Required, name)
			}
		}
		return described
	}
	t.Fatalf("no schema for %v", goType)
	return nil
}

// bare is a schema without what a Go type cannot say.
func bare(from *schema) *schema {
	if from == nil {
		return nil
	}
	kept := &schema{Type: from.Type, Additional: from.Additional, Required: from.Required, Items: bare(from.Items)}
	if from.Const == davit.Version {
		kept.Type = "string"
	}
	for name, property := range from.Properties {
		if kept.Properties == nil {
			kept.Properties = map[string]*schema{}
		}
		kept.Properties[name] = bare(property)
	}
	return kept
}

func TestSchemasAndStructsSayTheSame(t *testing.T) {
	for _, pair := range []struct {
		schema []byte
		goType reflect.Type
	}{
		{davit.RolloutSchema, reflect.TypeFor[davit.Rollout]()},
		{davit.HashJobSchema, reflect.TypeFor[davit.HashJob]()},
		{davit.IncidentSchema, reflect.TypeFor[davit.Incident]()},
		{davit.ScalingSchema, reflect.TypeFor[davit.Scaling]()},
	} {
		read := readSchema(t, pair.schema)
		if read.Dialect != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s: the schema is written in %q", pair.goType, read.Dialect)
		}
		if difference := cmp.Diff(describe(t, pair.goType), bare(read)); difference != "" {
			t.Errorf("%s and its schema differ (-struct +schema):\n%s", pair.goType, difference)
		}
		for name, property := range read.Properties {
			if property.Description == "" {
				t.Errorf("%s: the schema does not describe %s", pair.goType, name)
			}
		}
	}
}

// violation says where a document does not follow the schema; empty where it does.
func (s *schema) violation(at string, document any) string {
	if s.Const != nil && document != s.Const {
		return at + " is not " + fmt.Sprint(s.Const)
	}
	switch value := document.(type) {
	case string:
		if s.Type != "string" && s.Const == nil || len(value) < s.MinLength {
			return at + " is not the text it should be"
		}
	case []any:
		if s.Type != "array" {
			return at + " is a list"
		}
		for i, item := range value {
			if wrong := s.Items.violation(fmt.Sprintf("%s[%d]", at, i), item); wrong != "" {
				return wrong
			}
		}
	case map[string]any:
		return s.objectViolation(at, value)
	default:
		return fmt.Sprintf("%s is %v", at, document)
	}
	return ""
}

func (s *schema) objectViolation(at string, value map[string]any) string {
	if s.Type != "object" {
		return at + " is an object"
	}
	for _, name := range s.Required {
		if _, there := value[name]; !there {
			return at + "." + name + " is missing"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		property, known := s.Properties[name]
		if !known {
			return at + "." + name + " is not known"
		}
		if wrong := property.violation(at+"."+name, value[name]); wrong != "" {
			return wrong
		}
	}
	return ""
}

func TestSchemaAndReadingJudgeAlike(t *testing.T) {
	full := davit.Rollout{
		Version: "1", Workload: "ecs:davit/web", Action: "start", Code: "newer", Reason: "1.1.0 is newer than 1.0.0",
		Rollout: "01K9", Cause: "push of web:1.1.0", Deployment: "ecs-svc/1", Command: "davit status",
		Image:    &davit.Image{Repository: "000000000000/ap-northeast-2/web", Digest: "sha256:b", Tag: "1.1.0"},
		Previous: &davit.Previous{Digest: "sha256:a", Tag: "1.0.0"},
		Evidence: []string{"one", "two"},
	}
	for _, test := range []struct {
		name   string
		change func(*davit.Rollout)
		valid  bool
	}{
		{"everything", func(*davit.Rollout) {}, true},
		{"only what is required", func(r *davit.Rollout) {
			*r = davit.Rollout{Version: "1", Workload: "w", Action: "a", Code: "c", Reason: "r"}
		}, true},
		{"no evidence", func(r *davit.Rollout) { r.Evidence = nil }, true},
		{"another version", func(r *davit.Rollout) { r.Version = "2" }, false},
		{"no workload", func(r *davit.Rollout) { r.Workload = "" }, false},
		{"no action", func(r *davit.Rollout) { r.Action = "" }, false},
		{"no code", func(r *davit.Rollout) { r.Code = "" }, false},
		{"no reason", func(r *davit.Rollout) { r.Reason = "" }, false},
		{"an image without repository", func(r *davit.Rollout) { r.Image = &davit.Image{Digest: "sha256:b"} }, false},
		{"an image without digest", func(r *davit.Rollout) { r.Image = &davit.Image{Repository: "w"} }, false},
		{"a previous image without digest", func(r *davit.Rollout) { r.Previous = &davit.Previous{} }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			rollout := full
			test.change(&rollout)
			if err := rollout.Complete(envelope.Envelope{}); (err == nil) != test.valid {
				t.Errorf("Complete: %v, want valid %t", err, test.valid)
			}
			body, err := json.Marshal(rollout)
			if err != nil {
				t.Fatal(err)
			}
			var document any
			if err := json.Unmarshal(body, &document); err != nil {
				t.Fatal(err)
			}
			if wrong := rolloutSchema(t).violation("detail", document); (wrong == "") != test.valid {
				t.Errorf("the schema says %q of %s, want valid %t", wrong, body, test.valid)
			}
		})
	}
}

func TestExamplesFollowTheSchema(t *testing.T) {
	for kind, document := range map[string][]byte{"rollout": davit.RolloutSchema, "incident": davit.IncidentSchema, "scaling": davit.ScalingSchema} {
		paths, err := filepath.Glob("testdata/" + kind + "_*.json")
		if err != nil || len(paths) == 0 {
			t.Fatalf("found no examples of %s: %v", kind, err)
		}
		for _, path := range paths {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var event struct{ Detail any }
			if err := json.Unmarshal(body, &event); err != nil {
				t.Fatal(err)
			}
			if wrong := readSchema(t, document).violation("detail", event.Detail); wrong != "" {
				t.Errorf("%s: %s", path, wrong)
			}
		}
	}
}
