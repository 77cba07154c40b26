// Package ecr has the events of Amazon ECR's private registries. AWS sends them on a best-effort basis
// (docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html).
package ecr

import (
	"fmt"
	"strings"

	"davit/events/envelope"
)

// What tells the events apart.
const (
	Source                      = "aws.ecr"
	DetailTypeImageAction       = "ECR Image Action"
	DetailTypeReplicationAction = "ECR Replication Action"
	DetailTypePullThroughAction = "ECR Pull Through Cache Action"
)

// The actions that ECR documents.
const (
	Push      = "PUSH"
	Delete    = "DELETE"
	Replicate = "REPLICATE"
	// PullThrough is the name here of what an event of its own tells.
	PullThrough        = "PULL_THROUGH"
	UpdateStorageClass = "UPDATE_STORAGE_CLASS"
)

// Success is the result of an action that was done. Others are FAILURE and, for a replication, FAILED.
const Success = "SUCCESS"

// ImageAction is the detail of "ECR Image Action" and of "ECR Replication Action", which differ by the source fields.
// The event of a replication is sent where the copy is.
type ImageAction struct {
	ActionType     string `json:"action-type"`
	Result         string `json:"result"`
	RepositoryName string `json:"repository-name"`
	// ImageDigest is what was pushed. AWS's own examples show shortened ones: only the registry tells for certain.
	ImageDigest string `json:"image-digest,omitempty"`
	// ImageTag is absent where the image was pushed by digest.
	ImageTag string `json:"image-tag,omitempty"`
	// SourceAccount and SourceRegion are where a replicated image comes from.
	SourceAccount string `json:"source-account,omitempty"`
	SourceRegion  string `json:"source-region,omitempty"`
	// TargetStorageClass is STANDARD or ARCHIVE for an update of the storage class.
	TargetStorageClass string `json:"target-storage-class,omitempty"`
	ManifestMediaType  string `json:"manifest-media-type,omitempty"`
	ArtifactMediaType  string `json:"artifact-media-type,omitempty"`
	// Registry is the 12-digit account that owns the repository; it is the event's account.
	Registry string `json:"-"`
}

// Complete implements the reading of details: it takes the registry over and checks the required fields.
func (a *ImageAction) Complete(around envelope.Envelope) error {
	a.Registry = around.Account
	if err := envelope.Required("detail.action-type", a.ActionType, "detail.result", a.Result,
		"detail.repository-name", a.RepositoryName); err != nil {
		return err
	}
	return a.checkDigest()
}

// checkDigest wants what arrived to have a digest.
func (a *ImageAction) checkDigest() error {
	if a.Arrived() && !strings.HasPrefix(a.ImageDigest, "sha256:") {
		return fmt.Errorf("detail.image-digest: want a SHA-256 digest, not %.80q", a.ImageDigest)
	}
	return nil
}

// Succeeded tells whether the action was done.
func (a *ImageAction) Succeeded() bool { return a.Result == Success }

// Pushed tells whether somebody pushed the image.
func (a *ImageAction) Pushed() bool { return a.ActionType == Push && a.Succeeded() }

// Replicated tells whether the image came from another registry or region.
func (a *ImageAction) Replicated() bool { return a.ActionType == Replicate && a.Succeeded() }

// Cached tells whether the image came from the registry that a pull-through cache rule names.
func (a *ImageAction) Cached() bool { return a.ActionType == PullThrough && a.Succeeded() }

// Arrived tells whether the repository has an image, or a tag on one, that it had not.
func (a *ImageAction) Arrived() bool { return a.Pushed() || a.Replicated() || a.Cached() }

// String says what happened, for people.
func (a *ImageAction) String() string {
	name := a.RepositoryName
	if a.ImageTag != "" {
		name += ":" + a.ImageTag
	}
	return fmt.Sprintf("%s of %s (%s)", strings.ToLower(strings.ReplaceAll(a.ActionType, "_", " ")), name,
		strings.ToLower(a.Result))
}
