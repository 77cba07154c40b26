// Package davit has the events that davit sends to itself and to whoever listens on its bus. Their details have a
// version of their own.
package davit

import (
	"fmt"

	"davit/events/envelope"
)

// Source is the source of every event of davit.
const Source = "davit"

// Version is the version of the details.
const Version = "1"

// The detail types.
const (
	// DetailTypeReconcile asks for workloads to be looked at.
	DetailTypeReconcile = "Reconcile Workloads"
	// The others tell what became of a rollout.
	DetailTypeRolloutStarted    = "Rollout Started"
	DetailTypeRolloutSucceeded  = "Rollout Succeeded"
	DetailTypeRolloutFailed     = "Rollout Failed"
	DetailTypeRolloutSuperseded = "Rollout Superseded"
	DetailTypeRolloutRefused    = "Rollout Refused"
	DetailTypeRolloutOverdue    = "Rollout Overdue"
	// DetailTypeRolloutPuttingBack tells that davit starts what ran before a rollout that failed.
	DetailTypeRolloutPuttingBack = "Rollout Putting Back"
	// These tell what humans did by the command line.
	DetailTypeRolloutRequested = "Rollout Requested"
	DetailTypeWorkloadHeld     = "Workload Held"
	DetailTypeWorkloadResumed  = "Workload Resumed"
	DetailTypeImagesForgiven   = "Images Forgiven"
	// These tell what became of an incident.
	DetailTypeIncidentOpened = "Incident Opened"
	DetailTypeIncidentAct    = "Incident Act"
	DetailTypeIncidentPaged  = "Incident Paged"
	DetailTypeIncidentEnded  = "Incident Ended"
	// DetailTypeIncidentRefused tells that a step is held up by a guard, was left out, or was refused.
	DetailTypeIncidentRefused = "Incident Step Refused"
	// DetailTypeStorm tells that there are so many incidents at once that davit stands back.
	DetailTypeStorm = "Incident Storm"
	// DetailTypeHashJobRequested asks for a hash job; its detail is the job's document, and its source is whoever asks.
	DetailTypeHashJobRequested = "Hash Job Requested"
	// DetailTypeHashJobCompleted tells what became of a hash job.
	DetailTypeHashJobCompleted = "Hash Job Completed"
)

func checkVersion(version string) error {
	if version == "" {
		return envelope.Missing("detail.version")
	}
	if version != Version {
		return fmt.Errorf("detail.version: want %q, not %.20q", Version, version)
	}
	return nil
}
