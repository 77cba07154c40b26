package scaling

import (
	"time"

	"davit/shared/ledger"
)

// Action is what a decision asks for.
type Action string

// The actions.
const (
	// Nothing: the count is as it should be, or it is none of davit's business.
	Nothing Action = "nothing"
	// Wait: another invocation is at work, or something settles.
	Wait Action = "wait"
	// Refuse: a move is refused for a reason that is told once.
	Refuse Action = "refuse-scaling"
	// Scale: move a lever.
	Scale Action = "scale"
	// Continue: finish the act whose intent was written and whose actor is gone.
	Continue Action = "continue-scaling"
	// Finish: the act was done, and its record was not written.
	Finish Action = "finish-scaling"
	// Abandon: give up an act that was intended.
	Abandon Action = "abandon-scaling"
)

// Code is the reason of a decision as a word, for metrics and machines.
type Code string

// The codes.
const (
	Steady       Code = "steady"
	Settling     Code = "settling"
	NotOptedIn   Code = "not-opted-in"
	Gone         Code = "gone"
	Controller   Code = "controller"
	BadPolicy    Code = "bad-policy"
	BelowMinimum Code = "below-minimum"
	AboveMaximum Code = "above-maximum"
	AlarmOn      Code = "alarm"
	Load         Code = "load"
	Calm         Code = "calm"
	AtMaximum    Code = "at-maximum"
	Capacity     Code = "no-capacity"
	HostsAdded   Code = "more-hosts"
	CoolingDown  Code = "cooldown"
	Flapping     Code = "flapping"
	Spending     Code = "spending"
	Held         Code = "hold"
	Stopped      Code = "stopped"
	InProgress   Code = "in-progress"
	Remedying    Code = "incident"
	Interrupted  Code = "interrupted"
	Superseded   Code = "superseded"
	Refused      Code = "refused"
	Overdue      Code = "overdue"
)

// The directions.
const (
	Out = "out"
	In  = "in"
)

// Decision is what to do about the count of one workload, and why.
type Decision struct {
	Action Action `json:"action"`
	Code   Code   `json:"code"`
	// Reason is a sentence without a full stop.
	Reason string `json:"reason"`
	// Direction is Out or In, where the decision is about a move.
	Direction string `json:"direction,omitempty"`
	// Lever, Target, From and To are the move.
	Lever  ledger.Lever  `json:"lever,omitempty"`
	Target string        `json:"target,omitempty"`
	From   ledger.Extent `json:"from,omitzero"`
	To     ledger.Extent `json:"to,omitzero"`
	// Price is what the move changes of a month's bill, in words.
	Price string `json:"price,omitempty"`
	// TooFew is what the move proves.
	TooFew *ledger.TooFew `json:"tooFew,omitempty"`
	// Again is when to look again; zero leaves it to events and the sweep.
	Again time.Duration `json:"again,omitempty"`
}

// Cause is what made davit look.
type Cause struct {
	// ID is the event's own.
	ID string
	// Text says in words what came in.
	Text string
	// Account and Region are where it came from.
	Account, Region string
	// Alarm is one that speaks of the workload, if one did.
	Alarm ledger.ScalingAlarm
}
