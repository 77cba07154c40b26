package ledger

import (
	"slices"
	"time"

	"davit/events/davit"
	"davit/shared/workload"
)

// Recovery is what davit knows of the incidents of one workload. It is part of the workload's record, so that one fence
// keeps rollouts and remedies apart.
type Recovery struct {
	// Incidents are those that are open, at most MaximumIncidents, one a playbook, oldest first.
	Incidents []Incident `json:"incidents,omitempty"`
	// Act is what is being done about one of them, if anything is.
	Act *Act `json:"act,omitempty"`
	// Acts are the times of the acts of the last 24 hours, oldest first.
	Acts []time.Time `json:"acts,omitempty"`
	// Ended is when the last incident of each playbook ended, of the last 24 hours: what happened before is over.
	Ended map[string]time.Time `json:"ended,omitempty"`
	// NextLook is when the next look is due that davit itself has asked for.
	NextLook time.Time `json:"nextLook,omitzero"`
	// Announcements are yet to be told, like those of the record.
	Announcements Outbox[davit.Incident] `json:"announcements,omitempty"`
}

// Limits of what a record says of incidents.
const (
	// MaximumIncidents is how many incidents of one workload are open at once. More join the oldest.
	MaximumIncidents = 5
	// MaximumSignals is how many signals an incident remembers, and MaximumEvidence how many lines of what was seen.
	MaximumSignals  = 10
	MaximumEvidence = 10
)

// Incident is one cause on one workload, from the first signal to its end.
type Incident struct {
	// ID is unique and sorts by time.
	ID       string             `json:"id"`
	Workload workload.Reference `json:"workload"`
	// Playbook is the ladder that the incident climbs.
	Playbook string `json:"playbook"`
	// Until is what must be so before the incident can end, beside health; empty where health is all.
	Until Until `json:"until,omitempty"`
	// Cause is what opened the incident, in words.
	Cause    string    `json:"cause"`
	OpenedAt time.Time `json:"openedAt"`
	// Alarms are the names of the alarms that are to be OK before the incident ends; none of them may be on.
	Alarms []string `json:"alarms,omitempty"`
	// Signals are the IDs of what was taken into account, so that a signal that comes twice counts once.
	Signals []string `json:"signals,omitempty"`
	// SignalAt is when the newest signal happened.
	SignalAt time.Time `json:"signalAt,omitzero"`
	// Evidence is what was seen, a line each.
	Evidence []string `json:"evidence,omitempty"`
	// Step is the place of the next step on the ladder.
	Step int `json:"step"`
	// Tried is what was done or left out, oldest first.
	Tried []Attempt `json:"tried,omitempty"`
	// Undo is what must be undone before the incident ends. It is here from the intent of its act on, done or not, but for a step
	// outwards that was refused at once.
	Undo []Undo `json:"undo,omitempty"`
	// HealthySince is since when the workload is healthy and none of its alarms is on; zero while they are not.
	HealthySince time.Time `json:"healthySince,omitzero"`
	// Waits is the guard that holds the next step up, and WaitsSince since when one does.
	Waits      string    `json:"waits,omitempty"`
	WaitReason string    `json:"waitReason,omitempty"`
	WaitsSince time.Time `json:"waitsSince,omitzero"`
	// PagedAt is when a human was paged. From then on davit only looks.
	PagedAt    time.Time `json:"pagedAt,omitzero"`
	PageReason string    `json:"pageReason,omitempty"`
	// LeftAt is when a human was paged of a step that cannot be taken back. The ladder goes on should the workload fail again.
	LeftAt time.Time `json:"leftAt,omitzero"`
	// EndedAt, Outcome and Reason are set when the incident has ended.
	EndedAt time.Time `json:"endedAt,omitzero"`
	Outcome string    `json:"outcome,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

// Paged tells whether a human was paged of the incident, whatever for.
func (i Incident) Paged() bool { return !i.PagedAt.IsZero() || !i.LeftAt.IsZero() }

// Until is what a signal asks for, where a workload that seems well is not the end of it.
type Until string

// What signals ask for.
const (
	// UntilAnswered: a step must have been taken. The task that replaces one without memory is well until it has grown
	// as large.
	UntilAnswered Until = "answered"
	// UntilDrained: the host goes soon, and nothing may run on it by then.
	UntilDrained Until = "drained"
	// UntilReplaced: the host must go, and another one come.
	UntilReplaced Until = "replaced"
)

// Attempt is one step that was tried, or left out.
type Attempt struct {
	// Do is the step.
	Do string `json:"do"`
	// Act is the ID of the act; empty for a step that was left out.
	Act string `json:"act,omitempty"`
	// Deployment is the one that the act started.
	Deployment string    `json:"deployment,omitempty"`
	At         time.Time `json:"at"`
	EndedAt    time.Time `json:"endedAt,omitzero"`
	// Undoes is true of an act that was to take one back.
	Undoes bool `json:"undoes,omitempty"`
	// Outcome is empty while the act is under way.
	Outcome string `json:"outcome,omitempty"`
	// Reason says what was done, and what came of it.
	Reason string `json:"reason,omitempty"`
}

// The outcomes of an attempt.
const (
	Helped  = "helped"
	NoHelp  = "no-help"
	LeftOut = "left-out"
	Refused = "refused"
	// Unknown: whoever acted died or failed, and it may not be finished.
	Unknown = "unknown"
	Undone  = "undone"
)

// Undo is an effect that is taken back when the incident ends.
type Undo struct {
	Do string `json:"do"`
	// From and To are the counts before and after, for a step that changed one; Target is the host, for one on a host.
	From   int    `json:"from,omitempty"`
	To     int    `json:"to,omitempty"`
	Target string `json:"target,omitempty"`
	// Owner is who owns the count, where it was its bounds that changed, and FromBounds and ToBounds what they were before
	// and after.
	Owner      string `json:"owner,omitempty"`
	FromBounds Extent `json:"fromBounds,omitzero"`
	ToBounds   Extent `json:"toBounds,omitzero"`
}

// Act is one remedy on one workload, from intent to outcome.
type Act struct {
	// ID is unique, and is on whatever can carry it.
	ID       string `json:"id"`
	Incident string `json:"incident"`
	Do       string `json:"do"`
	// Undoes is set on an act that takes one back. Undo is what takes this one back, where anything does: a step outwards moves
	// what it says.
	Undoes *Undo `json:"undoes,omitempty"`
	Undo   *Undo `json:"undo,omitempty"`
	// Phase is Intended or Started.
	Phase Phase `json:"phase"`
	// Before is what ran before: the ID of the primary deployment, its revision and the memory of its tasks; or the host that
	// it is about.
	Before Before `json:"before,omitzero"`
	// Image is where a rollback goes.
	Image      *Image    `json:"image,omitempty"`
	IntendedAt time.Time `json:"intendedAt"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	// Lease is until when the invocation that wrote the intent may still be acting on it.
	Lease time.Time `json:"lease,omitzero"`
	// Deadline is when the act has not helped.
	Deadline time.Time `json:"deadline,omitzero"`
	// Deployment is the one that the act started, if it started one.
	Deployment string `json:"deployment,omitempty"`
	// Did says what was done, in words.
	Did string `json:"did,omitempty"`
}

// Before is what an act found.
type Before struct {
	Deployment string `json:"deployment,omitempty"`
	Revision   string `json:"revision,omitempty"`
	// Memory is a task's memory in MiB.
	Memory int `json:"memory,omitempty"`
	// Host is the ID of the instance that the act is about, and Volume its data volume, of VolumeGiB.
	Host      string `json:"host,omitempty"`
	Volume    string `json:"volume,omitempty"`
	VolumeGiB int    `json:"volumeGiB,omitempty"`
}

// Recovering tells whether a remedy is being started at this moment, so that nothing else may be.
func (r Record) Recovering() bool { return r.Recovery.Act != nil && r.Recovery.Act.Phase == Intended }

// Incident finds an open incident by its playbook.
func (r Recovery) Incident(playbook string) int {
	return slices.IndexFunc(r.Incidents, func(incident Incident) bool { return incident.Playbook == playbook })
}

// ByID finds an open incident by its ID.
func (r Recovery) ByID(id string) int {
	return slices.IndexFunc(r.Incidents, func(incident Incident) bool { return incident.ID == id })
}

// Clone is a copy that shares nothing with the recovery.
func (r Recovery) Clone() Recovery {
	r.Incidents = slices.Clone(r.Incidents)
	for index := range r.Incidents {
		r.Incidents[index] = r.Incidents[index].Clone()
	}
	r.Act = clonePointer(r.Act)
	if r.Act != nil {
		r.Act.Undoes, r.Act.Undo, r.Act.Image = clonePointer(r.Act.Undoes), clonePointer(r.Act.Undo), clonePointer(r.Act.Image)
	}
	r.Acts = slices.Clone(r.Acts)
	if r.Ended != nil {
		ended := make(map[string]time.Time, len(r.Ended))
		for playbook, at := range r.Ended {
			ended[playbook] = at
		}
		r.Ended = ended
	}
	r.Announcements = slices.Clone(r.Announcements)
	return r
}

// Clone is a copy that shares nothing with the incident.
func (i Incident) Clone() Incident {
	i.Alarms, i.Signals, i.Evidence = slices.Clone(i.Alarms), slices.Clone(i.Signals), slices.Clone(i.Evidence)
	i.Tried, i.Undo = slices.Clone(i.Tried), slices.Clone(i.Undo)
	return i
}

// Fleet is what davit knows of all workloads together: what bounds how many of them are acted on at once. There is one
// in a ledger, with a version that fences it.
type Fleet struct {
	Version int64 `json:"version"`
	// Workloads is how many workloads opted in, as counted last.
	Workloads int `json:"workloads"`
	// Slots are the acts under way.
	Slots []Slot `json:"slots,omitempty"`
	// Openings are the incidents that were opened lately, oldest first.
	Openings []Opening `json:"openings,omitempty"`
	// Storm is set while there is one, and after it until a human was told of it.
	Storm *Storm `json:"storm,omitempty"`
}

// MaximumOpenings bounds the openings that are remembered.
const MaximumOpenings = 1000

// Slot is the right to act on one workload.
type Slot struct {
	Workload workload.Reference `json:"workload"`
	Act      string             `json:"act"`
	At       time.Time          `json:"at"`
}

// Opening is that an incident was opened.
type Opening struct {
	Workload workload.Reference `json:"workload"`
	Incident string             `json:"incident"`
	At       time.Time          `json:"at"`
}

// Storm is that so many incidents were opened at once that davit stands back.
type Storm struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
	// Until is when it ends, unless so many are opened again.
	Until time.Time `json:"until"`
	// ClaimedAt is when somebody set about paging, and PagedAt when a human was paged.
	ClaimedAt time.Time `json:"claimedAt,omitzero"`
	PagedAt   time.Time `json:"pagedAt,omitzero"`
}

// Clone is a copy that shares nothing with the fleet.
func (f Fleet) Clone() Fleet {
	f.Slots, f.Openings, f.Storm = slices.Clone(f.Slots), slices.Clone(f.Openings), clonePointer(f.Storm)
	return f
}
