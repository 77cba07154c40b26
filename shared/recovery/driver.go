package recovery

import (
	"context"
	"time"

	"davit/shared/ledger"
	"davit/shared/workload"
)

// Done is what an act did.
type Done struct {
	// Deployment is the one that was started, if one was.
	Deployment string
	// Text says what was done, in words without a full stop.
	Text string
}

// Driver remedies one kind of workload. A platform is added by implementing it.
type Driver interface {
	// Observe says what the platform knows of a workload, for remedies; one that does not exist has Exists false.
	Observe(ctx context.Context, reference workload.Reference) (Observation, error)
	// Act does the step of the act, or undoes what it undoes. It is finished and never repeated: with resume, an earlier
	// attempt may have done it, and the driver looks first. What cannot be done is a *rollout.Refused or a *rollout.Denied.
	Act(ctx context.Context, observation Observation, act ledger.Act, resume bool) (Done, error)
}

// Alarms says what alarms say now. One that does not exist is not in the answer.
type Alarms interface {
	States(ctx context.Context, names []string) (map[string]AlarmState, error)
}

// Rollouts has the rollout function look at a workload, for a request that stands in its record.
type Rollouts interface {
	Ask(ctx context.Context, reference workload.Reference, cause string) error
}

// Ledger is the part of the ledger that the reconciler uses.
type Ledger interface {
	Read(ctx context.Context, references []workload.Reference) (map[workload.Reference]ledger.Record, error)
	WriteIncidents(ctx context.Context, record ledger.Record, incidents []ledger.Incident, entries ...ledger.Entry) (ledger.Record, error)
	ReadFleet(ctx context.Context) (ledger.Fleet, error)
	WriteFleet(ctx context.Context, fleet ledger.Fleet) (ledger.Fleet, error)
}

// Later says that a workload must be looked at again after a while; it is not a fault.
type Later struct {
	After  time.Duration
	Reason string
}

// Error is the reason.
func (l *Later) Error() string { return l.Reason }
