package ecr

import "davit/events/envelope"

// PullThroughAction is the detail of "ECR Pull Through Cache Action": a repository of a pull-through cache rule was brought in
// line with its upstream, or could not be.
type PullThroughAction struct {
	SyncStatus     string `json:"sync-status"`
	RepositoryName string `json:"repository-name"`
	ImageTag       string `json:"image-tag,omitempty"`
	ImageDigest    string `json:"image-digest,omitempty"`
	// FailureReason says why there is no image.
	FailureReason string `json:"failure-reason,omitempty"`
	// Registry is the 12-digit account that owns the repository; it is the event's account.
	Registry string `json:"-"`
}

// Complete implements the reading of details: it takes the registry over and checks the required fields.
func (a *PullThroughAction) Complete(around envelope.Envelope) error {
	a.Registry = around.Account
	if err := envelope.Required("detail.sync-status", a.SyncStatus, "detail.repository-name", a.RepositoryName); err != nil {
		return err
	}
	return a.Action().checkDigest()
}

// Action is the event as a push would have told of it.
func (a *PullThroughAction) Action() *ImageAction {
	return &ImageAction{ActionType: PullThrough, Result: a.SyncStatus, RepositoryName: a.RepositoryName,
		ImageDigest: a.ImageDigest, ImageTag: a.ImageTag, Registry: a.Registry}
}
