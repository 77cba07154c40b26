package hashjob

import (
	"context"
	"errors"
	"io"
	"time"

	"davit/events/hashjob"
)

// MaximumObjects is how many objects one job reads.
const MaximumObjects = 100_000

// ErrNoObject and ErrForbidden are wrapped by the errors of Objects: the object is not there, or may not be read.
var (
	ErrNoObject  = errors.New("there is no such object")
	ErrForbidden = errors.New("it may not be read")
	// ErrChanged says that an object is no longer the one that the job began to read.
	ErrChanged = errors.New("the object changed while the job was reading it")
)

// Object is an object of S3 that holds inputs.
type Object struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// ETag is the object's version as S3 tells it; where it is known, another one is not read.
	ETag string `json:"etag,omitempty"`
	// Size is in bytes, or -1 where it is not known.
	Size int64 `json:"size"`
}

// Objects reads objects. Its errors wrap those above where they apply.
type Objects interface {
	// Stat answers size and ETag of one object.
	Stat(ctx context.Context, bucket, key string) (Object, error)
	// List answers the objects whose keys begin with the prefix, in the order of their keys, and one more than the limit at
	// most.
	List(ctx context.Context, bucket, prefix string, limit int) ([]Object, error)
	// Open reads an object from the offset on.
	Open(ctx context.Context, object Object, offset int64) (io.ReadCloser, error)
}

// Retention locks an object.
type Retention struct {
	// Mode is GOVERNANCE or COMPLIANCE.
	Mode  string
	Until time.Time
}

// Store writes what a job makes. A key that is written again is a new version.
type Store interface {
	// Put writes an object, locked where retention is not nil.
	Put(ctx context.Context, key, contentType string, body []byte, retention *Retention) (hashjob.Location, error)
	// Get reads an object of at most limit bytes.
	Get(ctx context.Context, key string, limit int64) ([]byte, error)
	// Begin, Part and End write an object in parts, of which all but the last have at least 5 MiB
	// (docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). Parts are numbered from 1.
	Begin(ctx context.Context, key, contentType string) (upload string, err error)
	Part(ctx context.Context, key, upload string, number int32, body []byte) (etag string, err error)
	End(ctx context.Context, key, upload string, etags []string) (hashjob.Location, error)
}

// Signature is what a Signer made.
type Signature struct {
	// Bytes is the signature in DER, for ECDSA.
	Bytes []byte
	// Key is the ARN of the key, Algorithm the name that KMS has for how it signed.
	Key, Algorithm string
}

// Signer signs messages of up to 4096 bytes with the key of anchors.
type Signer interface {
	Sign(ctx context.Context, message []byte) (Signature, error)
}
