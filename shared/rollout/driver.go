package rollout

import (
	"context"
	"errors"
	"fmt"

	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// Change is what a rollout does to a workload: the named containers run the image by digest, and nothing else differs.
type Change struct {
	// Rollout is the ID of the rollout; the revision made for it carries it.
	Rollout string
	// Containers are the names of the containers that change.
	Containers []string
	// Digest is the image's digest.
	Digest string
	// Base is the image's name without tag and digest, as the containers get it: BASE@DIGEST.
	Base string
	// Repository is where the image is.
	Repository workload.Repository
	// From is the revision that the new one is made from.
	From string
}

// Prepared is a revision that is ready to be started.
type Prepared struct {
	// Revision is the name of the revision.
	Revision string
	// Deployment is the ID of the deployment by which an earlier attempt started the revision; empty if none did.
	Deployment string
}

// Start is the start of a revision, and what it is for.
type Start struct {
	// Revision is what shall run.
	Revision string
	// Rollout is the ID of the rollout that it belongs to, and Cause why, for whoever looks at the workload itself.
	Rollout string
	Cause   string
}

// Refused says that a workload must not be touched, and why. It is an answer, not a fault: it is kept in the history
// and is not retried before something changes.
type Refused struct {
	// Reason is a sentence without a full stop.
	Reason string
}

// Error is the reason.
func (r *Refused) Error() string { return r.Reason }

// Denied says that IAM forbids a call that davit needs, and what would allow it. Like a Refused it is an answer: nothing that
// is tried again changes it before a human does.
type Denied struct {
	// Action is the IAM action, such as "iam:GetRole".
	Action string
	// Resource is the ARN that the call was about, or "*" where the action knows no resource.
	Resource string
	// Err is the error of AWS.
	Err error
}

// Error names the action and the policy statement to add.
func (d *Denied) Error() string {
	return d.statement() + ": " + d.Err.Error()
}

// Unwrap is the error of AWS.
func (d *Denied) Unwrap() error { return d.Err }

// allowedBy are the fields of the configuration that name what an action is allowed on.
var allowedBy = map[string]string{
	"ecr:DescribeImages":        "automation.repositories",
	"ecr-public:DescribeImages": "automation.publicRepositories",
	"iam:GetRole":               "automation.passRoles",
	"iam:PassRole":              "automation.passRoles",
}

func (d *Denied) statement() string {
	text := fmt.Sprintf(`%s is denied; allow it with {"Effect":"Allow","Action":"%s","Resource":"%s"}`, d.Action, d.Action, d.Resource)
	if field, found := allowedBy[d.Action]; found {
		text += ", or by " + field + " of the configuration"
	}
	return text
}

// Refusef makes a Refused.
func Refusef(format string, arguments ...any) error {
	return &Refused{Reason: fmt.Sprintf(format, arguments...)}
}

// Driver does to one kind of workload what the reconciler decided.
type Driver interface {
	// Observe says what the platform knows of each workload, in as few calls as the platform allows. Every reference
	// is in the answer; a workload that does not exist has Exists false. Beside an error stand those that could be seen.
	Observe(ctx context.Context, references []workload.Reference) (map[workload.Reference]workload.Observation, error)
	// ReadAhead reads what Verify will ask of a pushed image, while the rest is observed. It only saves time.
	ReadAhead(ctx context.Context, repository workload.Repository, digest string)
	// Verify checks, before anything is touched, that the change can work: the image exists and has a platform that
	// the tasks need; execution role, log groups and secrets resolve. What cannot work is a *Refused.
	Verify(ctx context.Context, observation workload.Observation, change Change) error
	// Prepare makes the revision for the change. With resume it first looks for the one that an earlier attempt of the
	// same rollout made, and whether that attempt started it: its deployment may have failed and be gone already.
	Prepare(ctx context.Context, observation workload.Observation, change Change, resume bool) (Prepared, error)
	// Start makes the workload, as it was observed, run the revision and answers the ID of the deployment that this
	// starts. Where the workload's primary deployment runs the revision already, it answers that one and changes nothing.
	Start(ctx context.Context, observation workload.Observation, start Start) (deployment string, err error)
	// Evidence is what the platform can tell of a deployment's failed tasks, a line each, at most twenty.
	Evidence(ctx context.Context, reference workload.Reference, deployment string) ([]string, error)
	// Remember keeps the image where the workload's own stack reads it.
	Remember(ctx context.Context, reference workload.Reference, image string) error
	// Recall answers what Remember keeps of each workload, empty where nothing is kept yet; a workload whose platform keeps
	// nothing is not in the answer.
	Recall(ctx context.Context, references []workload.Reference) (map[workload.Reference]string, error)
}

// ErrNoRepository says that the registry knows no such repository.
var ErrNoRepository = errors.New("no such repository")

// Registry lists the images of a repository. Where there is no such repository its error wraps ErrNoRepository; where it does not
// list them before somebody changes something, a *Refused or a *Denied.
type Registry interface {
	Images(ctx context.Context, repository workload.Repository) ([]imagepolicy.Image, error)
}

// Ledger is the part of the ledger that the reconciler uses.
type Ledger interface {
	// Read answers the record of each workload, consistently; a workload never seen has a record of version 0.
	Read(ctx context.Context, references []workload.Reference) (map[workload.Reference]ledger.Record, error)
	// Write stores the record and the entries at once, if the record's version is still the one that was read, and
	// answers the record with its new version. Otherwise it changes nothing and its error wraps ledger.ErrConflict.
	Write(ctx context.Context, record ledger.Record, entries ...ledger.Entry) (ledger.Record, error)
	// Following answers the workloads whose record lists the repository.
	Following(ctx context.Context, repository workload.Repository) ([]workload.Reference, error)
}
