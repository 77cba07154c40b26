package ecr_test

import (
	"testing"

	"davit/events/ecr"
)

func TestImageActionTellsWhatHappened(t *testing.T) {
	for _, test := range []struct {
		name                        string
		action                      ecr.ImageAction
		pushed, replicated, arrived bool
		text                        string
	}{
		{"a push", ecr.ImageAction{ActionType: "PUSH", Result: "SUCCESS", RepositoryName: "web", ImageTag: "1.0"},
			true, false, true, "push of web:1.0 (success)"},
		{"a push by digest", ecr.ImageAction{ActionType: "PUSH", Result: "SUCCESS", RepositoryName: "web"},
			true, false, true, "push of web (success)"},
		{"a failed push", ecr.ImageAction{ActionType: "PUSH", Result: "FAILURE", RepositoryName: "web", ImageTag: "1.0"},
			false, false, false, "push of web:1.0 (failure)"},
		{"a replication", ecr.ImageAction{ActionType: "REPLICATE", Result: "SUCCESS", RepositoryName: "web", ImageTag: "1"},
			false, true, true, "replicate of web:1 (success)"},
		{"a pull through the cache", *(&ecr.PullThroughAction{SyncStatus: "SUCCESS", RepositoryName: "hub/web", ImageTag: "1"}).Action(),
			false, false, true, "pull through of hub/web:1 (success)"},
		{"a failed pull through the cache", *(&ecr.PullThroughAction{SyncStatus: "FAILED", RepositoryName: "hub/web"}).Action(),
			false, false, false, "pull through of hub/web (failed)"},
		{"a failed replication", ecr.ImageAction{ActionType: "REPLICATE", Result: "FAILED", RepositoryName: "web"},
			false, false, false, "replicate of web (failed)"},
		{"a delete", ecr.ImageAction{ActionType: "DELETE", Result: "SUCCESS", RepositoryName: "web", ImageTag: "1"},
			false, false, false, "delete of web:1 (success)"},
		{"a restore", ecr.ImageAction{ActionType: "UPDATE_STORAGE_CLASS", Result: "SUCCESS", RepositoryName: "web"},
			false, false, false, "update storage class of web (success)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			action := &test.action
			if action.Pushed() != test.pushed || action.Replicated() != test.replicated || action.Arrived() != test.arrived {
				t.Errorf("pushed %t, replicated %t, arrived %t", action.Pushed(), action.Replicated(), action.Arrived())
			}
			if action.String() != test.text {
				t.Errorf("got %q, want %q", action, test.text)
			}
		})
	}
}
