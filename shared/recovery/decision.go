package recovery

import (
	"time"

	"davit/shared/ledger"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Action is what a decision asks for.
type Action string

// The actions. Each but Nothing, Wait and Refuse ends in one write of the record.
const (
	// Nothing: there is no incident, and what came in opens none.
	Nothing Action = "nothing"
	// Wait: an incident is looked at again a little later.
	Wait Action = "wait"
	// Refuse: what came in is about a workload that davit leaves alone.
	Refuse Action = "refuse"
	// Open: open an incident.
	Open Action = "open"
	// Join: what came in belongs to an incident that is open.
	Join Action = "join"
	// Note: the workload became healthy, or unhealthy again.
	Note Action = "note"
	// LeaveOut: the next step cannot be taken by this workload; go on to the one after it.
	LeaveOut Action = "leave-out"
	// HoldUp: a guard holds the next step up.
	HoldUp Action = "hold-up"
	// Try: take the next step.
	Try Action = "try"
	// Press: ask again for what is under way.
	Press Action = "press"
	// Resume: finish an act whose intent was written and whose actor is gone.
	Resume Action = "resume"
	// Conclude: the act helped, or did not.
	Conclude Action = "conclude"
	// TakeBack: undo what was done for the incident.
	TakeBack Action = "take-back"
	// PageHuman: tell a human.
	PageHuman Action = "page"
	// End: the incident is over.
	End Action = "end"
)

// Code is the reason of a decision as a word, for metrics and machines.
type Code string

// The codes.
const (
	NoIncident       Code = "no-incident"
	NotOptedIn       Code = "not-opted-in"
	Gone             Code = "gone"
	BadPlaybook      Code = "bad-playbook"
	Cleared          Code = "cleared"
	Stale            Code = "stale"
	RolloutJudges    Code = "rollout-judges"
	Signalled        Code = "signalled"
	Healthy          Code = "healthy"
	Unhealthy        Code = "unhealthy"
	Watching         Code = "watching"
	Patience         Code = "patience"
	Paged            Code = "paged"
	NextStep         Code = "next-step"
	CannotStep       Code = "cannot"
	Interrupted      Code = "interrupted"
	UnderWay         Code = "under-way"
	ActHelped        Code = "helped"
	ActDidNotHelp    Code = "no-help"
	ActRefused       Code = "refused"
	Recovered        Code = "recovered"
	Undoing          Code = "undoing"
	LeftBehind       Code = "left-behind"
	LadderEnded      Code = "ladder-ended"
	Stopped          Code = "stop"
	Held             Code = "hold"
	InProgress       Code = "in-progress"
	Storm            Code = "storm"
	Cooldown         Code = "cooldown"
	DayAttempts      Code = "day-attempts"
	IncidentAttempts Code = "incident-attempts"
	FleetShare       Code = "fleet-share"
	Unseen           Code = "unseen"
)

// Signal is what came in about a workload: an alarm, a task that stopped, a host that goes.
type Signal struct {
	// ID is the same when the same signal comes twice.
	ID string
	At time.Time
	// Playbook is the one for such a signal; Named is the one that the alarm's own tag asks for, if it does.
	Playbook string
	Named    string
	// Text says in words what came in.
	Text string
	// Alarm is the alarm's name; empty for other signals.
	Alarm string
	// Deployment is the one that started the task which stopped; empty for other signals.
	Deployment string
	// Disconnected is the version of the container instance whose ECS agent lost its connection; 0 for other signals.
	Disconnected int64
	// Until is what the signal asks for, where a workload that seems well is not the end of it.
	Until ledger.Until
	// Evidence is what was seen, a line each.
	Evidence []string
}

// Cause is what made davit look.
type Cause struct {
	ID     string
	Text   string
	Signal *Signal
}

// AlarmState is what an alarm says now.
type AlarmState struct {
	// State is OK, ALARM or INSUFFICIENT_DATA.
	State  string
	Reason string
}

// Observation is what the platform says of one workload, for remedies.
type Observation struct {
	workload.Observation
	// Healthy is true where all that should run does, and nothing is being brought up. Why says what is amiss.
	Healthy bool
	Why     string
	// Cannot has a reason for each step that this workload cannot take. A step that is not here can be tried.
	Cannot map[settings.Do]string
	// Owner is who owns the count, where somebody does: a step outwards moves its bounds, and leaves the count to it.
	Owner *scaling.Owner
	// Memory is a task's memory in MiB, and NextMemory the next step up, where the workload's owner allows one.
	Memory     int
	NextMemory int
	// Host is the ID of the instance that a step would be about, of a group of hosts or of a service on hosts; empty where
	// none can be told.
	Host string
	// Drained is true of a host on which nothing may start and nothing runs any more; Replaced of one that is gone, or leaves,
	// whose group is whole without it.
	Drained  bool
	Replaced bool
	// Leaves is true of a host that its group ends, and that runs until it has: a lifecycle hook keeps one for up to 48 hours
	// (docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html).
	Leaves bool
	// Admits is true of a host on which things may start, as its cluster says, and Closed of one on which they may not; neither
	// where nothing is known. Refill is the command by which a human lets them.
	Admits bool
	Closed bool
	Refill string
	// Evacuates is true of a host that its replacement drains first, or may.
	Evacuates bool
	// Disconnected is the version of the container instance while its ECS agent has no connection; 0 where it has one.
	Disconnected int64
	// Evicts is true of a host whose drain is under way and goes on only if it is asked for again: a disruption budget lets
	// a few pods go at a time.
	Evicts bool
	// Volume is the data volume of a host, where it has one.
	Volume Volume
}

// Volume is the data volume of a host.
type Volume struct {
	ID string
	// GiB is its size, and NextGiB the next step up, where its owner allows one.
	GiB     int
	NextGiB int
	// Snapshot is the ID of its newest snapshot.
	Snapshot string
}

// OptedIn tells whether the workload's owner wants its incidents remediated.
func (o Observation) OptedIn() bool { return o.Settings.Playbook != "" }

// Seen is what was observed for one decision.
type Seen struct {
	Observation
	// Alarms are those that the signal and the open incidents are about. One that does not exist is not there.
	Alarms map[string]AlarmState
	// Unseen is why the workload could not be looked at; then nothing else is known of it but its name.
	Unseen string
}

// Decision is what to do about one workload, and why.
type Decision struct {
	Action Action `json:"action"`
	Code   Code   `json:"code"`
	// Reason is a sentence without a full stop.
	Reason string `json:"reason"`
	// Incident is the ID of the incident that the decision is about, and Playbook its playbook. One that is opened has
	// no ID yet.
	Incident string `json:"incident,omitempty"`
	Playbook string `json:"playbook,omitempty"`
	// Do is the step that is tried or left out, and Timeout how long it gets.
	Do      settings.Do   `json:"do,omitempty"`
	Timeout time.Duration `json:"timeout,omitempty"`
	// Image is where a rollback goes.
	Image *ledger.Image `json:"image,omitempty"`
	// Undo completes a TakeBack; on a Conclude it is what is yet to be undone all the same.
	Undo *ledger.Undo `json:"undo,omitempty"`
	// Outcome completes a Conclude.
	Outcome string `json:"outcome,omitempty"`
	// Command is what a human can run next, where the decision leaves something to one.
	Command string `json:"command,omitempty"`
	// Again is when to look again.
	Again time.Duration `json:"again,omitempty"`
}
