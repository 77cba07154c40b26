package ledger

import (
	"slices"
	"time"

	"davit/events/davit"
)

// Scaling is what davit knows of one workload's count. It is part of the workload's record, so that one fence keeps
// rollouts, remedies and scaling apart.
type Scaling struct {
	// Alarms are those that speak of the workload's load, at most MaximumScalingAlarms, by their names.
	Alarms []ScalingAlarm `json:"alarms,omitempty"`
	// Act is the one whose intent is written and whose outcome is not.
	Act *ScalingAct `json:"act,omitempty"`
	// Changes are those of the last hour, oldest first, at most MaximumScalingChanges.
	Changes []ScalingChange `json:"changes,omitempty"`
	// LastOut and LastIn are when the count, or its bounds, last went either way; LastHosts when hosts were added.
	LastOut   time.Time `json:"lastOut,omitzero"`
	LastIn    time.Time `json:"lastIn,omitzero"`
	LastHosts time.Time `json:"lastHosts,omitzero"`
	// TooFew is a count that was proved too small.
	TooFew *TooFew `json:"tooFew,omitempty"`
	// Owned are the bounds that the owner of the count had before davit moved them, while they are moved, and MovedTo those
	// that scaling set last. Where others are found, somebody else has set them, and they are the owner's.
	Owned   *Extent `json:"owned,omitempty"`
	MovedTo *Extent `json:"movedTo,omitempty"`
	// Refusal is the last one that was told.
	Refusal *Refusal `json:"refusal,omitempty"`
	// NextLook is when the next look is due that davit itself has asked for.
	NextLook time.Time `json:"nextLook,omitzero"`
	// Announcements are yet to be told, like those of the record.
	Announcements Outbox[davit.Scaling] `json:"announcements,omitempty"`
}

// Limits of what a record says of scaling.
const (
	MaximumScalingAlarms  = 20
	MaximumScalingChanges = 60
)

// ScalingAlarm is an alarm by which a workload scales.
type ScalingAlarm struct {
	Name string `json:"name"`
	ARN  string `json:"arn"`
}

// Lever is what an act moves.
type Lever string

// The levers.
const (
	// LeverCount is the desired count of a service whose count nobody else owns.
	LeverCount Lever = "count"
	// LeverBounds are the bounds of whoever owns the count.
	LeverBounds Lever = "bounds"
	// LeverHosts are the hosts that the tasks run on.
	LeverHosts Lever = "hosts"
)

// Extent is what a lever is set to: Count for LeverCount; Min and Max for LeverBounds; Max, and Count unless that is
// nil, for LeverHosts.
type Extent struct {
	Min   int  `json:"min,omitempty"`
	Max   int  `json:"max,omitempty"`
	Count *int `json:"count,omitempty"`
}

// Equal tells whether two extents are the same.
func (e Extent) Equal(other Extent) bool {
	return e.Min == other.Min && e.Max == other.Max && (e.Count == nil) == (other.Count == nil) &&
		(e.Count == nil || *e.Count == *other.Count)
}

// ScalingAct is one move of one lever, from intent to outcome. Its extents are absolute, so that doing it twice is doing
// it once.
type ScalingAct struct {
	ID string `json:"id"`
	// Direction is "out" or "in".
	Direction string `json:"direction"`
	Lever     Lever  `json:"lever"`
	// Target is the Auto Scaling group, for hosts.
	Target string `json:"target,omitempty"`
	From   Extent `json:"from"`
	To     Extent `json:"to"`
	// Code and Reason say why.
	Code       string    `json:"code"`
	Reason     string    `json:"reason"`
	Price      string    `json:"price,omitempty"`
	IntendedAt time.Time `json:"intendedAt"`
	// Lease is until when the invocation that wrote the intent may still be acting on it.
	Lease time.Time `json:"lease,omitzero"`
}

// ScalingChange is an act that was done.
type ScalingChange struct {
	At    time.Time `json:"at"`
	Lever Lever     `json:"lever"`
	// From and To are counts: of tasks, or of hosts.
	From int `json:"from"`
	To   int `json:"to"`
}

// TooFew is a count to which davit scaled in and from which load drove it out again.
type TooFew struct {
	Count int `json:"count"`
	// Until is when it may be tried again, and Times how often in a row it was proved too small.
	Until time.Time `json:"until"`
	Times int       `json:"times"`
}

// Clone is a copy that shares nothing with the scaling.
func (s Scaling) Clone() Scaling {
	s.Alarms, s.Changes = slices.Clone(s.Alarms), slices.Clone(s.Changes)
	s.Announcements = slices.Clone(s.Announcements)
	s.Act, s.TooFew, s.Refusal = clonePointer(s.Act), clonePointer(s.TooFew), clonePointer(s.Refusal)
	s.Owned, s.MovedTo = clonePointer(s.Owned), clonePointer(s.MovedTo)
	return s
}

// Unfinished tells whether an act is under way, or something is yet to be told.
func (s Scaling) Unfinished() bool { return s.Act != nil || len(s.Announcements) > 0 }

// IsZero tells whether nothing is known.
func (s Scaling) IsZero() bool {
	return len(s.Alarms) == 0 && s.Act == nil && len(s.Changes) == 0 && s.LastOut.IsZero() && s.LastIn.IsZero() &&
		s.LastHosts.IsZero() && s.TooFew == nil && s.Owned == nil && s.MovedTo == nil && s.Refusal == nil && s.NextLook.IsZero() &&
		len(s.Announcements) == 0
}
