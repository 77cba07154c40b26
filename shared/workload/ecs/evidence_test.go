package ecs_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// task is a stopped task of deployment ecs-svc/2, with the changes of a test.
func task(id string, changes ...object) object {
	stopped := object{
		"taskArn": "arn:aws:ecs:" + region + ":" + account + ":task/davit/" + id, "startedBy": "ecs-svc/2",
		"taskDefinitionArn": revisionARN("web:8"), "stopCode": "EssentialContainerExited",
		"stoppedReason": "Essential container in task exited",
		"containers":    array{object{"name": "web", "exitCode": 1}},
	}
	for _, change := range changes {
		for key, value := range change {
			stopped[key] = value
		}
	}
	return stopped
}

// onTasks lists and describes stopped tasks, up to 100 in a call.
func (w *wire) onTasks(tasks ...object) {
	known := map[string]object{}
	pages := []array{{}}
	for _, one := range tasks {
		known[one["taskArn"].(string)] = one
		if len(pages[len(pages)-1]) == 100 {
			pages = append(pages, array{})
		}
		pages[len(pages)-1] = append(pages[len(pages)-1], one["taskArn"])
	}
	answers := make([]answer, 0, len(pages))
	for number, page := range pages {
		document := object{"taskArns": page}
		if number < len(pages)-1 {
			document["nextToken"] = fmt.Sprint(number)
		}
		answers = append(answers, ok(document))
	}
	w.on("ListTasks", answers...)
	w.serve("DescribeTasks", func(body string) answer {
		var asked struct{ Tasks []string }
		if err := json.Unmarshal([]byte(body), &asked); err != nil {
			w.t.Error(err)
		}
		found := array{}
		for _, arn := range asked.Tasks {
			found = append(found, known[arn])
		}
		return ok(object{"tasks": found})
	})
}

func TestEvidenceOfStoppedTasks(t *testing.T) {
	for _, test := range []struct {
		name  string
		tasks []object
		want  []string
	}{
		{"a container's exit code and reason are told", []object{task("1a2b3c4d5e6f", object{"containers": array{
			object{"name": "web", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}}})},
			[]string{"task 1a2b3c4d…: EssentialContainerExited: Essential container in task exited; " +
				"container web exit code 137: OutOfMemoryError: Container killed due to memory usage"}},
		{"a container that never started tells only its reason", []object{task("1a2b3c4d5e6f", object{
			"stopCode": "TaskFailedToStart", "stoppedReason": "CannotPullContainerError",
			"containers": array{object{"name": "web", "reason": "manifest unknown"}}})},
			[]string{"task 1a2b3c4d…: TaskFailedToStart: CannotPullContainerError; container web: manifest unknown"}},
		{"containers come by name, and those that say nothing are left out", []object{task("1", object{"containers": array{
			object{"name": "web", "exitCode": 0}, object{"name": "quiet"}, object{"name": "log", "exitCode": 2}}})},
			[]string{"task 1: EssentialContainerExited: Essential container in task exited; " +
				"container log exit code 2; container web exit code 0"}},
		{"tasks that stopped alike share a line, the most frequent first", []object{
			task("ffff0000ffff", object{"stoppedReason": "other"}), task("cccc0000cccc"), task("aaaa0000aaaa"), task("bbbb0000bbbb")},
			[]string{
				"3 tasks (aaaa0000… and others): EssentialContainerExited: Essential container in task exited; " +
					"container web exit code 1",
				"task ffff0000…: EssentialContainerExited: other; container web exit code 1"}},
		{"tasks of other deployments are left out", []object{
			task("1", object{"containers": array{}}), task("2", object{"startedBy": "ecs-svc/1"}), task("3", object{"startedBy": "operator"})},
			[]string{"task 1: EssentialContainerExited: Essential container in task exited"}},
		{"a task that says nothing is told too",
			[]object{task("1", object{"stopCode": "", "stoppedReason": "", "containers": array{}})},
			[]string{"task 1: stopped without a reason"}},
		{"a task of which only a container tells",
			[]object{task("1", object{"stopCode": "", "stoppedReason": ""})}, []string{"task 1: container web exit code 1"}},
		{"a reason of several lines is one line", []object{task("1", object{
			"stopCode": "", "stoppedReason": "first\n\tsecond\x1b[31m", "containers": array{}})},
			[]string{"task 1: first second [31m"}},
		{"a reason without end is cut", []object{task("1", object{
			"stopCode": "", "stoppedReason": strings.Repeat("é", 600), "containers": array{}})},
			[]string{"task 1: " + strings.Repeat("é", 492) + "…"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			for range 2 {
				w.onTasks(test.tasks...)
				got, err := w.driver().Evidence(t.Context(), reference(t, "ecs:davit/web"), "ecs-svc/2")
				if err != nil {
					t.Fatal(err)
				}
				if difference := cmp.Diff(test.want, got); difference != "" {
					t.Errorf("evidence (-want +got):\n%s", difference)
				}
				slices.Reverse(test.tasks)
			}
			want := map[string]any{
				"cluster": "davit", "serviceName": "web", "desiredStatus": "STOPPED", "maxResults": float64(100),
			}
			if difference := cmp.Diff(want, decode(t, w.bodies("ListTasks")[0])); difference != "" {
				t.Errorf("listed by (-want +got):\n%s", difference)
			}
		})
	}
}

func TestEvidenceIsAtMostTwentyLinesOfFiveHundredTasks(t *testing.T) {
	w := newWire(t)
	var tasks []object
	for number := range 700 {
		tasks = append(tasks, task(fmt.Sprint(number), object{"stoppedReason": fmt.Sprintf("reason %03d", number%30)}))
	}
	w.onTasks(tasks...)
	got, err := w.driver().Evidence(t.Context(), reference(t, "ecs:davit/web"), "ecs-svc/2")
	if err != nil || len(got) != 20 {
		t.Fatalf("%d lines, %v, want 20", len(got), err)
	}
	if lists, describes := w.count("ListTasks"), w.count("DescribeTasks"); lists != 5 || describes != 5 {
		t.Errorf("%d lists and %d descriptions, want 5 and 5", lists, describes)
	}
	if !strings.Contains(got[0], "reason 000") || !strings.HasPrefix(got[0], "17 tasks (") {
		t.Errorf("first line %q", got[0])
	}
}

func TestEvidenceOfADeploymentThatNoTaskNames(t *testing.T) {
	deployments := array{
		deployment("ecs-svc/1", "PRIMARY", "web:7", 100), deployment("ecs-svc/2", "ACTIVE", "web:8", 200),
	}
	event := func(at int, message string) object { return object{"createdAt": at, "message": message} }
	for _, test := range []struct {
		name     string
		tasks    []object
		services answer
		want     []string
	}{
		{"the tasks of its revision count", []object{
			task("1", object{"startedBy": "", "containers": array{}}),
			task("2", object{"startedBy": "", "taskDefinitionArn": revisionARN("web:7")})},
			ok(object{"services": array{object{"deployments": deployments}}}),
			[]string{"task 1: EssentialContainerExited: Essential container in task exited"}},
		{"without tasks the service's complaints since then count", nil,
			ok(object{"services": array{object{"deployments": deployments, "events": array{
				event(203, "(service web) was unable to place a task."), event(202, "(service web) was unable to place a task."),
				event(201, "(service web) has started 1 tasks."), event(199, "(service web) was unable to find a subnet.")}}}}),
			[]string{"service: (service web) was unable to place a task."}},
		{"of a deployment that is gone nothing is told", []object{task("1", object{"startedBy": "ecs-svc/9"})},
			ok(object{"services": array{object{"deployments": deployments[:1]}}}), nil},
		{"of a service that is missing nothing is told", nil, ok(object{"services": array{}}), nil},
		{"of a cluster that is gone nothing is told", nil,
			fault(http.StatusBadRequest, "ClusterNotFoundException", "Cluster not found."), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onTasks(test.tasks...)
			w.on("DescribeServices", test.services)
			got, err := w.driver().Evidence(t.Context(), reference(t, "ecs:davit/web"), "ecs-svc/2")
			if err != nil {
				t.Fatal(err)
			}
			if difference := cmp.Diff(test.want, got); difference != "" {
				t.Errorf("evidence (-want +got):\n%s", difference)
			}
		})
	}
}

func TestEvidenceFaults(t *testing.T) {
	for _, test := range []struct {
		name, operation string
		answer          answer
		words           []string
	}{
		{"a service that is gone has no evidence", "ListTasks",
			fault(http.StatusBadRequest, "ServiceNotFoundException", "gone"), nil},
		{"a denied list names what to allow", "ListTasks", fault(http.StatusBadRequest, "AccessDeniedException", "no"),
			[]string{"ecs:davit/web", "ecs-svc/9", `"Action":"ecs:ListTasks"`}},
		{"a throttle that lasts is an error", "DescribeTasks", fault(http.StatusBadRequest, "ThrottlingException", "slow"),
			[]string{"ecs:davit/web", "ecs:DescribeTasks", "slow"}},
		{"a fault of the service's description is an error", "DescribeServices",
			fault(http.StatusInternalServerError, "ServerException", "oops"), []string{"ecs:DescribeServices", "oops"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onTasks(task("1"))
			w.on(test.operation, test.answer)
			got, err := w.driver().Evidence(t.Context(), reference(t, "ecs:davit/web"), "ecs-svc/9")
			if test.words == nil {
				if got != nil || err != nil {
					t.Errorf("evidence %v, %v, want none", got, err)
				}
				return
			}
			wantError(t, err, test.words...)
		})
	}
}
