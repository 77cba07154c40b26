package s3

import "davit/events/envelope"

// DetailTypeObjectCreated tells of a new object, or of a new version of one.
const DetailTypeObjectCreated = "Object Created"

// ObjectCreated is the detail of Object Created.
type ObjectCreated struct {
	Bucket Bucket `json:"bucket"`
	Object Object `json:"object"`
	// Reason is the call that made the object, such as PutObject.
	Reason string `json:"reason"`
}

// Complete implements the reading of details: it checks the required fields.
func (o *ObjectCreated) Complete(envelope.Envelope) error {
	return envelope.Required("detail.bucket.name", o.Bucket.Name, "detail.object.key", o.Object.Key)
}
