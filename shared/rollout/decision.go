package rollout

import (
	"time"

	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// Action is what a decision asks for.
type Action string

// The actions. Each ends in one write of the record, except Nothing and Wait.
const (
	// Nothing: all is as it should be, or the workload is none of davit's business.
	Nothing Action = "nothing"
	// Wait: something is under way and will be looked at again.
	Wait Action = "wait"
	// Refuse: an image, or the workload, is refused for a reason that is told once.
	Refuse Action = "refuse"
	// Roll: start a rollout.
	Roll Action = "roll"
	// Continue: finish the act of a rollout whose intent was written and whose actor is gone.
	Continue Action = "continue"
	// Adopt: the rollout's image is being brought up by a deployment other than the one recorded; judge that one.
	Adopt Action = "adopt"
	// Abandon: give up a rollout that was intended and never started.
	Abandon Action = "abandon"
	// Withdraw: give up a rollout for which a gate closed, unless its actor started it before it died.
	Withdraw Action = "withdraw"
	// Succeed: the rollout's deployment completed.
	Succeed Action = "succeed"
	// Fail: the rollout's deployment failed and the workload is off it; its image is set aside.
	Fail Action = "fail"
	// Supersede: somebody else's deployment replaced the rollout's; its image is set aside.
	Supersede Action = "supersede"
	// PutBack: the deployment failed and the platform leaves it there; start the revision that ran before.
	PutBack Action = "put-back"
	// ReportOverdue: the rollout has no outcome in time; say so and keep looking.
	ReportOverdue Action = "report-overdue"
	// Remember: what runs is proved, and the workload's image parameter or the record does not say so.
	Remember Action = "remember"
	// Settle: a human's request is fulfilled already.
	Settle Action = "settle"
)

// Code is the reason of a decision as a word, for metrics and machines.
type Code string

// The codes.
const (
	UpToDate        Code = "up-to-date"
	NewerImage      Code = "newer-image"
	Requested       Code = "requested"
	NotOptedIn      Code = "not-opted-in"
	Gone            Code = "gone"
	Controller      Code = "controller"
	BadPolicy       Code = "bad-policy"
	Ambiguous       Code = "ambiguous"
	NoRepository    Code = "no-repository"
	NoCandidate     Code = "no-candidate"
	NotVisible      Code = "not-visible"
	OutOfPolicy     Code = "policy"
	Older           Code = "older"
	BadDigest       Code = "bad-digest"
	Held            Code = "hold"
	Frozen          Code = "freeze"
	Stopped         Code = "stop"
	InProgress      Code = "in-progress"
	Unverified      Code = "unverified"
	Completed       Code = "completed"
	Unproved        Code = "unproved"
	RolledBack      Code = "rolled-back"
	TasksFailing    Code = "tasks-failing"
	TimedOut        Code = "timed-out"
	Superseded      Code = "superseded"
	Interrupted     Code = "interrupted"
	Elsewhere       Code = "elsewhere"
	NotRemembered   Code = "not-remembered"
	AlreadyRunning  Code = "already-running"
	RefusedByDriver Code = "refused"
)

// EndsRequest tells whether a refusal with the code answers a human's request. Under any other the request stands.
func (c Code) EndsRequest() bool { return c == Unverified || c == RefusedByDriver || c == Gone }

// Cause is what made davit look.
type Cause struct {
	// ID is the event's own ID, or another name that is the same when the same cause comes twice.
	ID string
	// Text says in words what came in.
	Text string
	// Repository, Digest and Tag are set for a push.
	Repository workload.Repository
	Digest     string
	Tag        string
}

// Seen is what was observed for one decision.
type Seen struct {
	Workload workload.Observation
	// Images are those of the repository that the workload follows.
	Images []imagepolicy.Image
	// RepositoryMissing is true where the registry knows no such repository.
	RepositoryMissing bool
	// Unlisted says why the registry does not list the images before somebody changes something; empty where it does.
	Unlisted string
}

// Verdict is what a decision thinks of one image.
type Verdict struct {
	Digest string `json:"digest"`
	Tag    string `json:"tag,omitempty"`
	// Qualifies is true of candidates that are not set aside.
	Qualifies bool `json:"qualifies"`
	// Running is true of the image that the workload runs.
	Running bool   `json:"running,omitempty"`
	Reason  string `json:"reason"`
}

// Decision is what to do about one workload, and why.
type Decision struct {
	Action Action `json:"action"`
	Code   Code   `json:"code"`
	// Reason is a sentence without a full stop.
	Reason string `json:"reason"`
	// Image is the image that the decision is about, if it is about one.
	Image *ledger.Image `json:"image,omitempty"`
	// Containers, Base and Repository complete a Roll, and are also set on Continue and Withdraw.
	Containers []string            `json:"containers,omitempty"`
	Base       string              `json:"base,omitempty"`
	Repository workload.Repository `json:"-"`
	// PassedOver are the images that a request leaves behind; nil where the decision is not about a request's image.
	PassedOver []ledger.Image `json:"passedOver,omitempty"`
	// Deployment and Revision complete an Adopt.
	Deployment string `json:"deployment,omitempty"`
	Revision   string `json:"revision,omitempty"`
	// Again is when to look again, where waiting for an event would be too long; zero leaves it to events and the sweep.
	Again time.Duration `json:"again,omitempty"`
	// Watch is when to look again at a deployment of which no event will tell; zero where one will.
	Watch time.Duration `json:"watch,omitempty"`
	// Verdicts judge every image, best candidate first. They are set wherever the images were looked at.
	Verdicts []Verdict `json:"verdicts,omitempty"`
}
