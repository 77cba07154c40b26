// Package s3 has the events of Amazon S3 (docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html).
package s3

import "davit/events/envelope"

// What tells the event apart.
const (
	Source                     = "aws.s3"
	DetailTypeRestoreCompleted = "Object Restore Completed"
)

// RestoreCompleted is the detail of "Object Restore Completed": the archive of an object is open.
type RestoreCompleted struct {
	Bucket Bucket `json:"bucket"`
	Object Object `json:"object"`
	// RestoreExpiryTime is when the archive closes again, in AWS's own form.
	RestoreExpiryTime  string `json:"restore-expiry-time,omitempty"`
	SourceStorageClass string `json:"source-storage-class,omitempty"`
}

// Bucket is the bucket of an event.
type Bucket struct {
	Name string `json:"name"`
}

// Object is the object of an event.
type Object struct {
	// Key is the object's key as it is, without URL encoding.
	Key string `json:"key"`
	// VersionID is empty in a bucket without versions.
	VersionID string `json:"version-id,omitempty"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

// Complete implements the reading of details: it checks the required fields.
func (r *RestoreCompleted) Complete(envelope.Envelope) error {
	return envelope.Required("detail.bucket.name", r.Bucket.Name, "detail.object.key", r.Object.Key)
}
