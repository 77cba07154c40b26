package ecs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/rollout"
	"davit/shared/workload"
)

const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

const base = account + ".dkr.ecr." + region + ".amazonaws.com/web"

// change is the change of the tests, from revision web:7.
func change(containers ...string) rollout.Change {
	return rollout.Change{
		Rollout: "r-1", Containers: containers, Digest: digest, Base: base, From: revisionARN("web:7"),
		Repository: workload.Repository{Registry: account, Region: region, Name: "web"},
	}
}

// described is revision web:7 with every field that only an answer has, fields that no SDK knows, and numbers that no
// float64 holds.
const described = `{
  "taskDefinition": {
    "taskDefinitionArn": "arn:aws:ecs:ap-northeast-2:000000000000:task-definition/web:7",
    "family": "web", "revision": 7, "status": "ACTIVE", "requiresAttributes": [{"name": "x"}],
    "compatibilities": ["EC2", "FARGATE"], "registeredAt": 1700000000.123, "registeredBy": "arn:aws:iam::1:root",
    "deregisteredAt": 1700000001, "deleteRequestedAt": 1700000002,
    "containerDefinitions": [
      {"name": "web", "image": "web:1", "cpu": 0, "essential": true, "environment": [{"name": "A", "value": "<b>&"}],
       "fieldOfTomorrow": {"deep": [1, 2, {"large": 123456789012345678901234567890}]}},
      {"name": "log", "image": "log:1", "anotherField": null}
    ],
    "volumes": [{"name": "data", "tomorrowVolume": {"size": 9007199254740993}}],
    "networkMode": "awsvpc", "cpu": "256", "memory": "512", "proxyConfiguration": null,
    "placementConstraints": [], "policyOfTomorrow": {"on": true}
  },
  "tags": [
    {"key": "team", "value": "shop"}, {"key": "aws:cloudformation:stack-name", "value": "shop"},
    {"key": "davit/rollout", "value": "r-0"}, {"key": "empty", "value": ""}
  ]
}`

// onRegister accepts every registration as web:8.
func (w *wire) onRegister() {
	w.on("RegisterTaskDefinition", ok(object{"taskDefinition": object{"taskDefinitionArn": revisionARN("web:8")}}))
}

func observed(t testing.TB) workload.Observation {
	return workload.Observation{
		Workload: reference(t, "ecs:davit/web"), Exists: true, Account: account, Region: region,
		Revision: revisionARN("web:7"),
	}
}

// exact decodes JSON without losing a digit.
func exact(t testing.TB, text string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var decoded map[string]any
	if err := decoder.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestPrepareChangesOnlyTheImageAndKeepsWhatNobodyKnows(t *testing.T) {
	w := newWire(t)
	w.on("DescribeTaskDefinition", ok(described))
	w.onRegister()
	prepared, err := w.driver().Prepare(t.Context(), observed(t), change("web"), false)
	if want := (rollout.Prepared{Revision: revisionARN("web:8")}); err != nil || prepared != want {
		t.Fatalf("prepared %+v, %v, want %+v", prepared, err, want)
	}
	want := exact(t, `{
      "family": "web",
      "containerDefinitions": [
        {"name": "web", "image": "`+base+"@"+digest+`", "cpu": 0, "essential": true,
         "environment": [{"name": "A", "value": "<b>&"}],
         "fieldOfTomorrow": {"deep": [1, 2, {"large": 123456789012345678901234567890}]}},
        {"name": "log", "image": "log:1", "anotherField": null}
      ],
      "volumes": [{"name": "data", "tomorrowVolume": {"size": 9007199254740993}}],
      "networkMode": "awsvpc", "cpu": "256", "memory": "512", "placementConstraints": [],
      "policyOfTomorrow": {"on": true},
      "tags": [{"key": "team", "value": "shop"}, {"key": "empty", "value": ""}, {"key": "davit/rollout", "value": "r-1"}]
    }`)
	if difference := cmp.Diff(want, exact(t, w.bodies("RegisterTaskDefinition")[0])); difference != "" {
		t.Errorf("registered (-want +got):\n%s", difference)
	}
	if asked := decode(t, w.bodies("DescribeTaskDefinition")[0]); !cmp.Equal(asked["include"], any(array{"TAGS"})) {
		t.Errorf("asked for %v, want tags", asked["include"])
	}
}

func TestPrepareTheSameRevisionTwiceDoesNotMixTheChanges(t *testing.T) {
	w := newWire(t)
	w.on("DescribeTaskDefinition", ok(described))
	w.onRegister()
	driver := w.driver()
	first, second := change("web"), change("log")
	second.Rollout = "r-2"
	for _, one := range []rollout.Change{first, second} {
		if _, err := driver.Prepare(t.Context(), observed(t), one, false); err != nil {
			t.Fatal(err)
		}
	}
	body := w.bodies("RegisterTaskDefinition")[1]
	if !strings.Contains(body, `"image":"web:1"`) || strings.Contains(body, "r-1") {
		t.Errorf("the second registration has traces of the first: %s", body)
	}
	if calls := w.count("DescribeTaskDefinition"); calls != 1 {
		t.Errorf("%d descriptions, want 1", calls)
	}
}

func TestPrepareSeveralContainers(t *testing.T) {
	w := newWire(t)
	w.on("DescribeTaskDefinition", ok(described))
	w.onRegister()
	if _, err := w.driver().Prepare(t.Context(), observed(t), change("log", "web"), false); err != nil {
		t.Fatal(err)
	}
	if pinned := strings.Count(w.bodies("RegisterTaskDefinition")[0], base+"@"+digest); pinned != 2 {
		t.Errorf("%d containers have the image, want 2", pinned)
	}
}

func TestPrepareFaults(t *testing.T) {
	registered := ok(object{"taskDefinition": object{"taskDefinitionArn": revisionARN("web:8")}})
	for _, test := range []struct {
		name       string
		containers []string
		answers    []answer
		calls      int
		refused    bool
		words      []string
	}{
		{"a throttle is tried again", []string{"web"},
			[]answer{fault(http.StatusBadRequest, "ThrottlingException", "Rate exceeded"), registered}, 2, false, nil},
		{"an answer that leaves open what happened is not tried again", []string{"web"},
			[]answer{fault(http.StatusInternalServerError, "ServerException", "oops"), registered}, 1, false,
			[]string{"ecs:davit/web", "r-1", "ecs:RegisterTaskDefinition", "oops"}},
		{"a gateway's answer is not tried again", []string{"web"},
			[]answer{{http.StatusBadGateway, "<html>"}, registered}, 1, false, []string{"ecs:RegisterTaskDefinition"}},
		{"what ECS calls invalid is refused", []string{"web"},
			[]answer{fault(http.StatusBadRequest, "ClientException", "Role is not valid.")}, 1, true,
			[]string{"web:7", "Role is not valid"}},
		{"a bad parameter is refused", []string{"web"},
			[]answer{fault(http.StatusBadRequest, "InvalidParameterException", "Too many tags")}, 1, true,
			[]string{"Too many tags"}},
		{"two registrations at the same time are not a refusal", []string{"web"},
			[]answer{fault(http.StatusBadRequest, "ClientException",
				"Too many concurrent attempts to create a new revision of the specified family.")}, 1, false,
			[]string{"ecs:RegisterTaskDefinition", "concurrent"}},
		{"a denied call names what to allow", []string{"web"},
			[]answer{fault(http.StatusBadRequest, "AccessDeniedException", "no")}, 1, false,
			[]string{`"Action":"ecs:RegisterTaskDefinition","Resource":"*"`}},
		{"a role that may not be passed names what to allow", []string{"web"},
			[]answer{fault(http.StatusBadRequest, "AccessDeniedException",
				"User: arn:aws:sts::1:assumed-role/x is not authorized to perform: iam:PassRole on resource: "+roleARN+
					" because no identity-based policy allows the iam:PassRole action")}, 1, false,
			[]string{`"Action":"iam:PassRole","Resource":"` + roleARN + `"`}},
		{"tags that may not be set name what to allow", []string{"web"},
			[]answer{fault(http.StatusBadRequest, "AccessDeniedException",
				"User: x is not authorized to perform: ecs:TagResource with an explicit deny")}, 1, false,
			[]string{`"Action":"ecs:TagResource","Resource":"*"`}},
		{"an answer without a revision is an error", []string{"web"}, []answer{ok(object{})}, 1, false,
			[]string{"names no revision"}},
		{"a container that is not there is refused", []string{"web", "cache"}, []answer{registered}, 0, true,
			[]string{"web:7", `no container "cache"`}},
		{"no container is refused", nil, []answer{registered}, 0, true, []string{"names no container"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.on("DescribeTaskDefinition", ok(described))
			w.on("RegisterTaskDefinition", test.answers...)
			prepared, err := w.driver().Prepare(t.Context(), observed(t), change(test.containers...), false)
			if test.words == nil && (err != nil || prepared.Revision != revisionARN("web:8")) {
				t.Errorf("prepared %+v, %v, want web:8", prepared, err)
			}
			if test.words != nil {
				wantError(t, err, test.words...)
			}
			if isRefused(err) != test.refused {
				t.Errorf("refused is %v, want %v: %v", isRefused(err), test.refused, err)
			}
			if calls := w.count("RegisterTaskDefinition"); calls != test.calls {
				t.Errorf("%d registrations, want %d", calls, test.calls)
			}
		})
	}
}

func isRefused(err error) bool {
	var refused *rollout.Refused
	return errors.As(err, &refused)
}

// onFamily answers with a family's revisions, newest first and a page for each list, and their tags.
func (w *wire) onFamily(tags map[string]string, pages ...[]string) {
	answers := make([]answer, 0, len(pages))
	for number, page := range pages {
		arns := array{}
		for _, revision := range page {
			arns = append(arns, revisionARN(revision))
		}
		document := object{"taskDefinitionArns": arns}
		if number < len(pages)-1 {
			document["nextToken"] = fmt.Sprint(number)
		}
		answers = append(answers, ok(document))
	}
	w.on("ListTaskDefinitions", answers...)
	w.serve("DescribeTaskDefinition", func(body string) answer {
		arn := decode(w.t, body)["taskDefinition"].(string)
		document := decode(w.t, described)
		document["tags"] = array{object{"key": "davit/rollout", "value": tags[arn[strings.LastIndex(arn, "/")+1:]]}}
		return ok(document)
	})
}

func numbered(family string, newest, oldest int) []string {
	var revisions []string
	for number := newest; number >= oldest; number-- {
		revisions = append(revisions, fmt.Sprintf("%s:%d", family, number))
	}
	return revisions
}

func TestPrepareResumed(t *testing.T) {
	for _, test := range []struct {
		name      string
		tags      map[string]string
		pages     [][]string
		want      string
		registers int
		describes int
		lists     int
	}{
		{"the revision of the earlier attempt is taken", map[string]string{"web:8": "r-1"},
			[][]string{{"web:8", "web:7", "web:6"}}, "web:8", 0, 1, 1},
		{"one behind others that came later is found", map[string]string{"web:8": "r-1", "web:9": "r-9"},
			[][]string{numbered("web", 14, 1)}, "web:8", 0, 7, 1},
		{"one on a later page is found", map[string]string{"web:8": "r-1"},
			[][]string{{"web:9"}, {"web:8", "web:7"}}, "web:8", 0, 2, 2},
		{"without one a revision is registered", nil, [][]string{{"web:7", "web:6"}}, "web:8", 1, 1, 1},
		{"another rollout's revision is not taken", map[string]string{"web:9": "r-2"},
			[][]string{{"web:9", "web:7"}}, "web:8", 1, 2, 1},
		{"an older revision is not looked at", map[string]string{"web:6": "r-1"},
			[][]string{{"web:7", "web:6"}}, "web:8", 1, 1, 1},
		{"another family's revision is not looked at", map[string]string{"web-admin:9": "r-1"},
			[][]string{{"web-admin:9", "web:7"}}, "web:8", 1, 1, 1},
		{"only the twenty newest are looked at", map[string]string{"web:10": "r-1"},
			[][]string{numbered("web", 40, 1)}, "web:8", 1, 21, 1},
		{"pages without end are given up", nil,
			[][]string{{"web:9"}, {}, {}, {}, {}, {}, {}}, "web:8", 1, 2, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onFamily(test.tags, test.pages...)
			w.onRegister()
			w.on("ListTasks", ok(object{}))
			prepared, err := w.driver().Prepare(t.Context(), observed(t), change("web"), true)
			if want := (rollout.Prepared{Revision: revisionARN(test.want)}); err != nil || prepared != want {
				t.Fatalf("prepared %+v, %v, want %+v", prepared, err, want)
			}
			got := []int{w.count("RegisterTaskDefinition"), w.count("DescribeTaskDefinition"), w.count("ListTaskDefinitions")}
			if want := []int{test.registers, test.describes, test.lists}; !cmp.Equal(want, got) {
				t.Errorf("registered, described, listed %v times, want %v", got, want)
			}
			asked := decode(t, w.bodies("ListTaskDefinitions")[0])
			if asked["familyPrefix"] != "web" || asked["sort"] != "DESC" {
				t.Errorf("listed by %v", asked)
			}
		})
	}
}

func TestPrepareResumedFindsTheDeployment(t *testing.T) {
	task := func(starter, revision string) object {
		return object{"taskArn": "task/" + starter, "startedBy": starter, "taskDefinitionArn": revisionARN(revision)}
	}
	for _, test := range []struct {
		name  string
		seen  []workload.Deployment
		tasks array
		want  string
	}{
		{"one that is under way", []workload.Deployment{
			{ID: "ecs-svc/1", Revision: revisionARN("web:7")}, {ID: "ecs-svc/2", Revision: revisionARN("web:8")}},
			nil, "ecs-svc/2"},
		{"one that failed and is listed", []workload.Deployment{
			{ID: "ecs-svc/2", Revision: revisionARN("web:8"), State: workload.Failed},
			{ID: "ecs-svc/1", Revision: revisionARN("web:7"), Primary: true}}, nil, "ecs-svc/2"},
		{"one that is gone, by its stopped tasks", []workload.Deployment{{ID: "ecs-svc/1", Revision: revisionARN("web:7")}},
			array{task("ecs-svc/1", "web:7"), task("ecs-svc/2", "web:8")}, "ecs-svc/2"},
		{"none where only other revisions' tasks stopped", nil, array{task("ecs-svc/1", "web:7")}, ""},
		{"none where a human ran the revision by hand", nil, array{task("operator", "web:8")}, ""},
		{"none where nothing stopped", nil, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onFamily(map[string]string{"web:8": "r-1"}, []string{"web:8", "web:7"})
			arns := array{}
			for _, one := range test.tasks {
				arns = append(arns, one.(object)["taskArn"])
			}
			w.on("ListTasks", ok(object{"taskArns": arns}))
			w.on("DescribeTasks", ok(object{"tasks": test.tasks}))
			seen := observed(t)
			seen.Deployments = test.seen
			prepared, err := w.driver().Prepare(t.Context(), seen, change("web"), true)
			want := rollout.Prepared{Revision: revisionARN("web:8"), Deployment: test.want}
			if err != nil || prepared != want {
				t.Errorf("prepared %+v, %v, want %+v", prepared, err, want)
			}
		})
	}
}

func TestPrepareResumedDoesNotRegisterWhatItCouldNotLookFor(t *testing.T) {
	for _, operation := range []string{"ListTaskDefinitions", "DescribeTaskDefinition", "ListTasks"} {
		t.Run(operation, func(t *testing.T) {
			w := newWire(t)
			w.onFamily(map[string]string{"web:8": "r-1"}, []string{"web:8", "web:7"})
			w.on(operation, fault(http.StatusInternalServerError, "ServerException", "oops"))
			_, err := w.driver().Prepare(t.Context(), observed(t), change("web"), true)
			wantError(t, err, "ecs:davit/web", "r-1", "ecs:"+operation)
		})
	}
}

func TestPrepareResumedNeedsARevisionToStartFrom(t *testing.T) {
	for _, from := range []string{"", "web", "web:0", "web:x", ":7"} {
		broken := change("web")
		broken.From = from
		_, err := newWire(t).driver().Prepare(t.Context(), observed(t), broken, true)
		wantError(t, err, "is not a task definition revision")
	}
}
