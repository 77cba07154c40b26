// Package ledger keeps what davit knows of each workload: one fenced record, and its history. It lives in one DynamoDB
// table.
package ledger

import (
	"fmt"
	"time"

	"davit/events/davit"
	"davit/shared/workload"
)

// Image is an image of a workload, by digest.
type Image struct {
	Digest string `json:"digest"`
	// Tag is the tag under which the policy chose the image.
	Tag string `json:"tag,omitempty"`
	// PushedAt is the registry's push time.
	PushedAt time.Time `json:"pushedAt,omitzero"`
	// At is when the image became what this entry says of it: when it was proved good, or was set aside.
	At time.Time `json:"at,omitzero"`
	// Unproved is true of an image whose rollout completed without a task, until its tasks run.
	Unproved bool `json:"unproved,omitempty"`
}

// SetAside is an image that is not tried again on this workload until a human says so.
type SetAside struct {
	Image
	// Reason is why, in words; for a failed deployment the platform's own.
	Reason string `json:"reason"`
}

// PassedOver are the images that a human's request, or an incident's rollback, left behind: they ranked above the one that
// was asked for. They are not tried again, so that the request stands until something newer is pushed; nor are they once a
// later request has asked for something else.
type PassedOver struct {
	// Request is who asked for what last, and why.
	Request Request `json:"request"`
	// Images are what was passed over, best first, at most MaximumPassedOver.
	Images []Image `json:"images"`
	// RestBefore is set where there were more of them. Then everything that was pushed no later is passed over, but for what was
	// asked for.
	RestBefore time.Time `json:"restBefore,omitzero"`
	// Forgiven are digests of the rest that may be tried again all the same, newest first, at most MaximumPassedOver.
	Forgiven []string `json:"forgiven,omitempty"`
}

// Phase is how far a rollout has come.
type Phase string

// The phases of a rollout. A rollout that has ended is no longer in the record.
const (
	// Intended is written before anything is touched.
	Intended Phase = "intended"
	// Started is written once the platform has named the deployment.
	Started Phase = "started"
	// PuttingBack is written before davit itself puts a failed rollout back.
	PuttingBack Phase = "putting-back"
)

// Rollout is one image change of one workload, from intent to outcome.
type Rollout struct {
	// ID is unique and is on the task definition revision made for it.
	ID    string `json:"id"`
	Phase Phase  `json:"phase"`
	Image Image  `json:"image"`
	// Containers are the names of the containers that change.
	Containers []string `json:"containers"`
	// From is the revision that ran before, to which a failed rollout is put back; FromDigest is its image.
	From       string `json:"from"`
	FromDigest string `json:"fromDigest,omitempty"`
	// Revision and Deployment are what was made for this rollout; empty until Started.
	Revision   string `json:"revision,omitempty"`
	Deployment string `json:"deployment,omitempty"`
	// Cause is what led to the rollout, in words.
	Cause      string    `json:"cause"`
	IntendedAt time.Time `json:"intendedAt"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	// Lease is until when the invocation that wrote the intent may still be acting on it. Before then nobody else
	// acts; after it the act is finished by whoever looks next.
	Lease time.Time `json:"lease,omitzero"`
	// Request is what a human asked for, if that led to the rollout.
	Request *Request `json:"request,omitempty"`
	// Failure is why the rollout is being put back, and Evidence what the platform said of its tasks before.
	Failure  string   `json:"failure,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
	// Overdue is true once a missing outcome was reported.
	Overdue bool `json:"overdue,omitempty"`
}

// Overrides tells whether a human sent the rollout past holds, freezes and deployments in progress.
func (r Rollout) Overrides() bool { return r.Request != nil && r.Request.Override }

// Hold leaves a workload alone.
type Hold struct {
	Who string    `json:"who"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
	// Until ends the hold by itself; zero holds until it is resumed.
	Until time.Time `json:"until,omitzero"`
}

// Request is what a human asked for: an image by digest, at once.
type Request struct {
	Image Image  `json:"image"`
	Who   string `json:"who"`
	Why   string `json:"why"`
	// Override lets the request pass holds, freezes and deployments in progress.
	Override bool      `json:"override,omitempty"`
	At       time.Time `json:"at"`
	// Newest is the push time of the newest image that the registry listed when the request was made.
	Newest time.Time `json:"newest,omitzero"`
}

// Since is from which push time on an image was pushed after the request. It is the registry's own time where that is known: the
// clock of who asks may be wrong.
func (r Request) Since() time.Time {
	if r.Newest.IsZero() {
		return r.At
	}
	return r.Newest
}

// Refusal is the last refusal that was told, so that each is told once and not at every sweep.
type Refusal struct {
	Code   string `json:"code"`
	Digest string `json:"digest,omitempty"`
	Text   string `json:"text"`
	// Pushed is the digest of the push that it was told of last, where it kept back another image than that of Digest.
	Pushed string `json:"pushed,omitempty"`
}

// Limits of a record, which keep it far below DynamoDB's 400 KB an item.
const (
	// MaximumGood is how many proven images a record remembers, newest first.
	MaximumGood = 20
	// MaximumSetAside is how many images that failed or were superseded a record remembers, newest first.
	MaximumSetAside = 200
	// MaximumPassedOver is how many passed-over images a record names.
	MaximumPassedOver = 200
)

// Record is what davit knows of one workload. The zero value with a Workload is a workload never seen.
type Record struct {
	Workload workload.Reference `json:"workload"`
	// Version fences the record: a write succeeds only on the version that was read. 0 is a record never written.
	Version int64 `json:"version"`
	// Repositories are where the workload's images come from; pushes to them find the workload.
	Repositories []workload.Repository `json:"repositories,omitempty"`
	// Gone is true where the last look for a rollout found no such workload.
	Gone bool `json:"gone,omitempty"`
	// Good are the images whose rollout completed, newest first. One that is Unproved is not gone back to.
	Good []Image `json:"good,omitempty"`
	// SetAside are the images that failed or were superseded, newest first. They are not tried again.
	SetAside []SetAside `json:"setAside,omitempty"`
	// PassedOver are the images that requests left behind. They are not tried again either.
	PassedOver *PassedOver `json:"passedOver,omitempty"`
	// Rollout is the one in progress, if any.
	Rollout *Rollout `json:"rollout,omitempty"`
	Hold    *Hold    `json:"hold,omitempty"`
	Request *Request `json:"request,omitempty"`
	Refusal *Refusal `json:"refusal,omitempty"`
	// Announcements are yet to be published. A function that wrote them publishes them at once; if it died, the next to look
	// does, once they are AnnouncementAge old. What the command line wrote the next look publishes.
	Announcements Outbox[davit.Rollout] `json:"announcements,omitempty"`
	// Recovery is what is known of the workload's incidents.
	Recovery Recovery `json:"recovery,omitzero"`
	// Scaling is what is known of the workload's count.
	Scaling Scaling `json:"scaling,omitzero"`
	// UpdatedAt is when the record was last written.
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
}

// Entry is one line of a workload's history.
type Entry struct {
	Workload workload.Reference `json:"workload"`
	At       time.Time          `json:"at"`
	// ID makes the entry unique among those of the same time; writing an entry twice keeps one.
	ID string `json:"id"`
	// Cause is what came in: an event, the sweep or a human, in words.
	Cause string `json:"cause"`
	// Action is what was decided: a name of the rollout package's Action type, or of a human's command.
	Action string `json:"action"`
	// Code and Reason say why.
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	Image   *Image `json:"image,omitempty"`
	Rollout string `json:"rollout,omitempty"`
	// Incident is the ID of the incident that the entry is about, if it is about one.
	Incident string `json:"incident,omitempty"`
	// Evidence is what the platform said: stopped tasks with their exit codes and reasons.
	Evidence []string `json:"evidence,omitempty"`
}

// EntryID names an entry by the version of the record that it is written with, so that entries of one instant keep
// their order.
func EntryID(version int64, action, code string) string {
	return fmt.Sprintf("%010d-%s-%s", version, action, code)
}
