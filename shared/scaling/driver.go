package scaling

import (
	"context"
	"iter"
	"time"

	"davit/shared/ledger"
	"davit/shared/workload"
)

// Subject is a workload to observe, with the alarms that speak of it.
type Subject struct {
	Workload workload.Reference
	Alarms   []ledger.ScalingAlarm
	// Hosts asks for the hosts even where no task waits for one.
	Hosts bool
}

// Observation is what the platform says of one workload's count at one moment.
type Observation struct {
	Workload workload.Reference `json:"workload"`
	// Exists is false when the platform knows no such workload.
	Exists bool   `json:"exists"`
	Region string `json:"region"`
	// Policy is the value of the davit/scaling tag; empty means not opted in. Hold is that of davit/hold.
	Policy string `json:"policy,omitempty"`
	Hold   string `json:"hold,omitempty"`
	// Controller is who deploys an ECS service; empty for others, whose counts no deployment controller sets.
	Controller string `json:"controller"`
	Desired    int    `json:"desired"`
	Running    int    `json:"running"`
	// Deploying is the ID of a deployment in progress.
	Deploying string `json:"deploying,omitempty"`
	// Owner is who owns the count, where somebody does.
	Owner *Owner `json:"owner,omitempty"`
	// Shortage is set while tasks cannot be placed for want of capacity.
	Shortage *Shortage `json:"shortage,omitempty"`
	// Hosts are those that the tasks run on, looked at during a shortage or where the subject asks; nil where there are
	// none, as on Fargate.
	Hosts  *Hosts  `json:"hosts,omitempty"`
	Task   Task    `json:"task"`
	Alarms []Alarm `json:"alarms,omitempty"`
}

// Owner is who owns a workload's count, and the bounds that it keeps to.
type Owner struct {
	// Name is that of the service: "Application Auto Scaling".
	Name string `json:"name"`
	Min  int    `json:"min"`
	Max  int    `json:"max"`
}

// Autoscaler is what the name of an owner that is a HorizontalPodAutoscaler begins with; its own name follows.
const Autoscaler = "the HorizontalPodAutoscaler "

// Bounds are those that it keeps to.
func (o Owner) Bounds() ledger.Extent { return ledger.Extent{Min: o.Min, Max: o.Max} }

// Keeping are the bounds with which it keeps at least so many; neither of them is lower than it is.
func (o Owner) Keeping(count int) ledger.Extent {
	least := max(o.Min, count)
	return ledger.Extent{Min: least, Max: max(o.Max, least)}
}

// Task is what one more task takes, for its price.
type Task struct {
	// Fargate is true of tasks that are paid by their size; those on hosts have no price of their own.
	Fargate bool `json:"fargate"`
	Spot    bool `json:"spot"`
	// Architecture is "x86_64" or "arm64".
	Architecture string `json:"architecture,omitempty"`
	// CPU is in 1/1024 vCPU, Memory in MiB.
	CPU    int `json:"cpu,omitempty"`
	Memory int `json:"memory,omitempty"`
	// Instance is the type of one more host, where hosts are what is counted.
	Instance string `json:"instance,omitempty"`
}

// Shortage is that tasks cannot be placed for want of capacity.
type Shortage struct {
	// Since is when the platform last said so, and Text its words.
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
}

// Hosts are the Auto Scaling group that a workload's tasks run on.
type Hosts struct {
	Group string `json:"group"`
	// OptedIn tells whether the group carries the davit/scaling tag.
	OptedIn bool `json:"optedIn"`
	// Managed is true where ECS itself sets the desired capacity, up to Max.
	Managed bool `json:"managed"`
	Min     int  `json:"min"`
	Max     int  `json:"max"`
	Count   int  `json:"count"`
	// Type is the instance type of the hosts; empty where it is not known.
	Type string `json:"type,omitempty"`
}

// Alarm is what an alarm says now.
type Alarm struct {
	Name string `json:"name"`
	// Direction is Out or In, the value of its davit/scaling tag.
	Direction string `json:"direction"`
	// State is OK, ALARM or INSUFFICIENT_DATA, and Since when it became so.
	State string    `json:"state"`
	Since time.Time `json:"since"`
	// Threshold is what its metric must stay below, where Above is true.
	Threshold float64 `json:"threshold"`
	Above     bool    `json:"above"`
	// Readings are those of its metric, oldest first; none where the metric cannot be read.
	Readings []Reading `json:"readings,omitempty"`
}

// Reading is a value of an alarm's metric, at the end of its period.
type Reading struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}

// The states of an alarm.
const (
	stateOK    = "OK"
	stateAlarm = "ALARM"
)

// Driver observes and moves the counts of one kind of workload. A platform is added by implementing it.
type Driver interface {
	// Observe says what the platform knows of each workload. Beside an error stand those that could be seen. Alarms that
	// are gone, or that no longer carry the davit/scaling tag, are left out.
	Observe(ctx context.Context, subjects []Subject) (map[workload.Reference]Observation, error)
	// Set moves a lever of the workload to an extent, whatever it is at, but hosts only to more: others may run on them.
	// Doing it twice is doing it once. What cannot be done is a *rollout.Refused, and what IAM forbids may be a
	// *rollout.Denied.
	Set(ctx context.Context, observation Observation, lever ledger.Lever, target string, to ledger.Extent) error
}

// Ledger is the part of the ledger that the reconciler uses.
type Ledger interface {
	Read(ctx context.Context, references []workload.Reference) (map[workload.Reference]ledger.Record, error)
	Write(ctx context.Context, record ledger.Record, entries ...ledger.Entry) (ledger.Record, error)
	OpenScaling(ctx context.Context) iter.Seq2[workload.Reference, error]
}
