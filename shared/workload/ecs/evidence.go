package ecs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sync/errgroup"

	"davit/shared/workload"
)

const (
	maximumEvidence   = 20
	maximumLineRunes  = 500
	maximumTaskPages  = 5
	tasksPerPage      = 100
	shortTaskIDLength = 8
)

// Evidence tells of the stopped tasks of a deployment, the most frequent cause first: stop code, reason, and the exit
// codes and reasons of the containers; tasks that stopped alike share a line. ECS remembers stopped tasks for about an
// hour (docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html).
//
// Where no stopped task names the deployment, the tasks of the deployment's revision count; where none was ever
// started, the service's own messages since the deployment began say why not.
func (d *Driver) Evidence(ctx context.Context, reference workload.Reference, deployment string) ([]string, error) {
	stopped, err := d.stoppedTasks(ctx, reference)
	if hasCode(err, goneCodes) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: evidence of %s: %w", reference, deployment, err)
	}
	own := slices.DeleteFunc(slices.Clone(stopped), func(task types.Task) bool {
		return aws.ToString(task.StartedBy) != deployment
	})
	if len(own) > 0 {
		return taskLines(own), nil
	}
	lines, err := d.evidenceOfService(ctx, reference, deployment, stopped)
	if err != nil {
		return nil, fmt.Errorf("%s: evidence of %s: %w", reference, deployment, err)
	}
	return lines, nil
}

// stoppedTasks describes up to 500 stopped tasks of the service.
func (d *Driver) stoppedTasks(ctx context.Context, reference workload.Reference) ([]types.Task, error) {
	input := &ecs.ListTasksInput{
		Cluster:       aws.String(reference.Cluster()),
		ServiceName:   aws.String(reference.Name()),
		DesiredStatus: types.DesiredStatusStopped,
		MaxResults:    aws.Int32(tasksPerPage),
	}
	var pages [][]string
	for range maximumTaskPages {
		output, err := d.clients.ECS.ListTasks(ctx, input)
		if err != nil {
			return nil, failed("ecs:ListTasks", "*", err)
		}
		if len(output.TaskArns) > 0 {
			pages = append(pages, output.TaskArns)
		}
		if aws.ToString(output.NextToken) == "" {
			break
		}
		input.NextToken = output.NextToken
	}
	described := make([][]types.Task, len(pages))
	calls, ctx := errgroup.WithContext(ctx)
	for index, arns := range pages {
		calls.Go(func() error {
			output, err := d.clients.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: input.Cluster, Tasks: arns})
			if err != nil {
				return failed("ecs:DescribeTasks", "*", err)
			}
			described[index] = output.Tasks
			return nil
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(described...), nil
}

// evidenceOfService finds the evidence of a deployment that no stopped task names.
func (d *Driver) evidenceOfService(
	ctx context.Context, reference workload.Reference, id string, stopped []types.Task,
) ([]string, error) {
	output, err := d.clients.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: aws.String(reference.Cluster()), Services: []string{reference.Name()},
	})
	if hasCode(err, goneCodes) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("ecs:DescribeServices", "*", err)
	}
	if len(output.Services) == 0 {
		return nil, nil
	}
	service := output.Services[0]
	at := slices.IndexFunc(service.Deployments, func(deployment types.Deployment) bool {
		return aws.ToString(deployment.Id) == id
	})
	if at < 0 {
		return nil, nil
	}
	deployment := service.Deployments[at]
	ofRevision := slices.DeleteFunc(slices.Clone(stopped), func(task types.Task) bool {
		return aws.ToString(task.TaskDefinitionArn) != aws.ToString(deployment.TaskDefinition)
	})
	if len(ofRevision) > 0 {
		return taskLines(ofRevision), nil
	}
	return eventLines(service.Events, aws.ToTime(deployment.CreatedAt)), nil
}

// eventLines are the service's complaints since a time, newest first. Its other messages are about the normal course.
func eventLines(events []types.ServiceEvent, since time.Time) []string {
	var lines []string
	for _, event := range events {
		text := aws.ToString(event.Message)
		line := "service: " + oneLine(text)
		if !strings.Contains(text, "unable to") || aws.ToTime(event.CreatedAt).Before(since) ||
			slices.Contains(lines, line) {
			continue
		}
		lines = append(lines, line)
	}
	return lines[:min(len(lines), maximumEvidence)]
}

// taskLines makes a line for each way in which tasks stopped, the most frequent first.
func taskLines(tasks []types.Task) []string {
	stops := map[string][]string{}
	for _, task := range tasks {
		text := stop(task)
		stops[text] = append(stops[text], afterLast(aws.ToString(task.TaskArn), "/"))
	}
	texts := make([]string, 0, len(stops))
	for text, ids := range stops {
		slices.Sort(ids)
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(one, other string) int {
		return cmp.Or(cmp.Compare(len(stops[other]), len(stops[one])), cmp.Compare(one, other))
	})
	lines := make([]string, 0, min(len(texts), maximumEvidence))
	for _, text := range texts[:min(len(texts), maximumEvidence)] {
		lines = append(lines, oneLine(whose(stops[text])+": "+text))
	}
	return lines
}

// whose names the tasks of a line by the first one.
func whose(ids []string) string {
	first := ids[0]
	if len(first) > shortTaskIDLength {
		first = first[:shortTaskIDLength] + "…"
	}
	if len(ids) == 1 {
		return "task " + first
	}
	return fmt.Sprintf("%d tasks (%s and others)", len(ids), first)
}

// stop says how a task stopped.
func stop(task types.Task) string {
	var parts []string
	if task.StopCode != "" {
		parts = append(parts, string(task.StopCode))
	}
	if reason := aws.ToString(task.StoppedReason); reason != "" {
		parts = append(parts, reason)
	}
	text := strings.Join(parts, ": ")
	exits := containerExits(task.Containers)
	switch {
	case text == "" && len(exits) == 0:
		return "stopped without a reason"
	case text == "":
		return strings.Join(exits, "; ")
	case len(exits) == 0:
		return text
	}
	return text + "; " + strings.Join(exits, "; ")
}

// containerExits tells of the containers that ended or that say why they did not start, by name.
func containerExits(containers []types.Container) []string {
	var exits []string
	for _, container := range containers {
		text := "container " + aws.ToString(container.Name)
		if container.ExitCode == nil && aws.ToString(container.Reason) == "" {
			continue
		}
		if container.ExitCode != nil {
			text += fmt.Sprintf(" exit code %d", *container.ExitCode)
		}
		if reason := aws.ToString(container.Reason); reason != "" {
			text += ": " + reason
		}
		exits = append(exits, text)
	}
	slices.Sort(exits)
	return exits
}

// oneLine keeps what a stranger wrote to one readable line.
func oneLine(text string) string {
	clean := []rune(strings.Join(strings.FieldsFunc(text, func(letter rune) bool {
		return unicode.IsSpace(letter) || unicode.IsControl(letter)
	}), " "))
	if len(clean) > maximumLineRunes {
		return string(clean[:maximumLineRunes]) + "…"
	}
	return string(clean)
}
