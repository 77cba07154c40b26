package ecs_test

import (
	"testing"

	"davit/events/ecs"
	"davit/events/envelope"
)

func TestServiceActionFindsItsService(t *testing.T) {
	const cluster = "arn:aws:ecs:us-west-2:111122223333:cluster/default"
	for _, test := range []struct {
		name      string
		resources []string
		want      string
	}{
		{"the form with the cluster", []string{"arn:aws:ecs:us-west-2:111122223333:service/other/web"},
			"arn:aws:ecs:us-west-2:111122223333:service/other/web"},
		{"the older form without it", []string{"arn:aws:ecs:us-west-2:111122223333:service/web"},
			"arn:aws:ecs:us-west-2:111122223333:service/default/web"},
		{"after another resource", []string{"arn:aws:ecs:us-west-2:111122223333:task-set/default/web/ecs-svc/1",
			"arn:aws:ecs:us-west-2:111122223333:service/default/web"},
			"arn:aws:ecs:us-west-2:111122223333:service/default/web"},
		{"no resource", nil, ""},
		{"a service without a name", []string{"arn:aws:ecs:us-west-2:111122223333:service/"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			action := ecs.ServiceAction{EventType: "INFO", EventName: ecs.SteadyState, ClusterARN: cluster}
			err := action.Complete(envelope.Envelope{Resources: test.resources})
			if action.Service != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v; want %q", action.Service, err, test.want)
			}
		})
	}
}

func TestTaskTellsItsServiceAndDeployment(t *testing.T) {
	const cluster = "arn:aws:ecs:us-west-2:111122223333:cluster/default"
	for _, test := range []struct {
		name, cluster, group, startedBy, service, deployment string
	}{
		{"a service's task", cluster, "service:web", "ecs-svc/12",
			"arn:aws:ecs:us-west-2:111122223333:service/default/web", "ecs-svc/12"},
		{"a task run by itself", cluster, "family:job", "me", "", ""},
		{"a cluster that is none", "default", "service:web", "ecs-svc/12", "", "ecs-svc/12"},
	} {
		t.Run(test.name, func(t *testing.T) {
			task := ecs.TaskStateChange{TaskARN: "t", TaskDefinitionARN: "d", ClusterARN: test.cluster, Group: test.group,
				StartedBy: test.startedBy, LastStatus: "STOPPED", DesiredStatus: "STOPPED", Version: 1}
			if err := task.Complete(envelope.Envelope{}); err != nil {
				t.Fatal(err)
			}
			if task.Service != test.service || task.Deployment() != test.deployment {
				t.Errorf("got %q by %q, want %q by %q", task.Service, task.Deployment(), test.service, test.deployment)
			}
			if !task.Stopped() {
				t.Error("does not say that it has stopped")
			}
		})
	}
}

func TestDeploymentEndsWhenItCompletesOrFails(t *testing.T) {
	for name, want := range map[string]bool{
		ecs.DeploymentInProgress: false, ecs.DeploymentCompleted: true, ecs.DeploymentFailed: true,
	} {
		if got := (&ecs.DeploymentStateChange{EventName: name}).Ended(); got != want {
			t.Errorf("%s: ended %t, want %t", name, got, want)
		}
	}
}
