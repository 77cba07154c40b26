package ecr

import (
	"davit/events/envelope"
)

// What tells a call of ECR Public from other events. Public repositories have no events of their own: CloudTrail tells
// of the calls, to a rule in us-east-1, where AWS keeps them, if a trail there records management events
// ("Logging Amazon ECR actions with AWS CloudTrail" in the ECR Public user guide).
const (
	SourcePublic         = "aws.ecr-public"
	DetailTypePublicCall = "AWS API Call via CloudTrail"
)

// PutImage is the call that ends a push.
const PutImage = "PutImage"

// PublicCall is the detail of a call of ECR Public, as far as a push needs it.
type PublicCall struct {
	EventName string `json:"eventName"`
	// ErrorCode is empty for a call that succeeded.
	ErrorCode        string         `json:"errorCode,omitempty"`
	ResponseElements PublicResponse `json:"responseElements"`
}

// PublicResponse is what PutImage answered.
type PublicResponse struct {
	Image PublicImage `json:"image"`
}

// PublicImage is the image that was put.
type PublicImage struct {
	// RegistryID is the 12-digit account that owns the repository.
	RegistryID     string        `json:"registryId"`
	RepositoryName string        `json:"repositoryName"`
	ImageID        PublicImageID `json:"imageId"`
}

// PublicImageID names the image. The tag is absent where the image was pushed by digest.
type PublicImageID struct {
	ImageDigest string `json:"imageDigest"`
	ImageTag    string `json:"imageTag,omitempty"`
}

// Complete implements the reading of details: a push that succeeded says of which image.
func (c *PublicCall) Complete(envelope.Envelope) error {
	if c.EventName != PutImage || c.ErrorCode != "" {
		return envelope.Required("detail.eventName", c.EventName)
	}
	image := c.ResponseElements.Image
	return envelope.Required("detail.responseElements.image.registryId", image.RegistryID,
		"detail.responseElements.image.repositoryName", image.RepositoryName,
		"detail.responseElements.image.imageId.imageDigest", image.ImageID.ImageDigest)
}

// Action is the call as a private registry would have told of it.
func (c *PublicCall) Action() *ImageAction {
	image := c.ResponseElements.Image
	action := &ImageAction{ActionType: c.EventName, Result: Success, RepositoryName: image.RepositoryName,
		ImageDigest: image.ImageID.ImageDigest, ImageTag: image.ImageID.ImageTag, Registry: image.RegistryID}
	if c.EventName == PutImage {
		action.ActionType = Push
	}
	if c.ErrorCode != "" {
		action.Result = c.ErrorCode
	}
	return action
}
