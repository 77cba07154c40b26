package ecs

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func TestAHostIsBlamedOnlyForWhatFailsThereAndNotElsewhere(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	failed := func(hosts ...string) []types.Task {
		var tasks []types.Task
		for _, host := range hosts {
			tasks = append(tasks, types.Task{ContainerInstanceArn: aws.String(host), StopCode: types.TaskStopCodeEssentialContainerExited,
				StoppedAt: aws.Time(now.Add(-time.Minute))})
		}
		return tasks
	}
	with := func(tasks []types.Task, change func(*types.Task)) []types.Task {
		for index := range tasks {
			change(&tasks[index])
		}
		return tasks
	}
	for _, test := range []struct {
		name      string
		tasks     []types.Task
		worst     string
		blameless string
	}{
		{"most failures on one host", failed("a", "b", "a", "a"), "a", ""},
		{"all failures on the only host", failed("a", "a"), "a", ""},
		{"failures on two hosts alike", failed("a", "b", "b", "a"), "", "2 hosts alike"},
		{"a single failure", failed("a"), "", "only one"},
		{"no failure", nil, "", "none of its tasks failed"},
		{"tasks that ECS moved", with(failed("a", "a"), func(task *types.Task) { task.StopCode = types.TaskStopCodeServiceSchedulerInitiated }), "", "none"},
		{"failures of an hour ago", with(failed("a", "a"), func(task *types.Task) { task.StoppedAt = aws.Time(now.Add(-time.Hour)) }), "", "none"},
		{"tasks without a host", with(failed("a", "a"), func(task *types.Task) { task.ContainerInstanceArn = nil }), "", "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			worst, blameless := blame(test.tasks, now)
			if worst != test.worst || (test.blameless == "") != (blameless == "") || !strings.Contains(blameless, test.blameless) {
				t.Errorf("got %q, %q; want %q, %q", worst, blameless, test.worst, test.blameless)
			}
		})
	}
}
