// Package cloud is what hash jobs need of AWS: objects in S3, records in DynamoDB, signatures of KMS, executions of Step
// Functions.
package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	events "davit/events/hashjob"
	"davit/shared/hashjob"
)

// Bucket is a hashjob.Store in one bucket, and hashjob.Objects of any.
type Bucket struct {
	client *s3.Client
	name   string
}

var (
	_ hashjob.Store   = (*Bucket)(nil)
	_ hashjob.Objects = (*Bucket)(nil)
)

// NewBucket writes to the named bucket; where the name is empty it only reads. It calls nothing.
func NewBucket(configuration aws.Config, name string) *Bucket {
	// An endpoint of its own, such as the local cloud's, has no names of buckets before it.
	client := s3.NewFromConfig(configuration, func(options *s3.Options) {
		options.UsePathStyle = configuration.BaseEndpoint != nil
		// The end of a body that was read in part is not worth a warning a job.
		options.DisableLogOutputChecksumValidationSkipped = true
	})
	return &Bucket{client: client, name: name}
}

// Stat implements hashjob.Objects.
func (b *Bucket) Stat(ctx context.Context, bucket, key string) (hashjob.Object, error) {
	found, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return hashjob.Object{}, classed(err)
	}
	return hashjob.Object{Bucket: bucket, Key: key, ETag: aws.ToString(found.ETag), Size: aws.ToInt64(found.ContentLength)}, nil
}

// List implements hashjob.Objects.
func (b *Bucket) List(ctx context.Context, bucket, prefix string, limit int) ([]hashjob.Object, error) {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	var list []hashjob.Object
	for pages.HasMorePages() && len(list) <= limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classed(err)
		}
		for _, object := range page.Contents {
			list = append(list, hashjob.Object{Bucket: bucket, Key: aws.ToString(object.Key), ETag: aws.ToString(object.ETag),
				Size: aws.ToInt64(object.Size)})
		}
	}
	return list, nil
}

// Open implements hashjob.Objects.
func (b *Bucket) Open(ctx context.Context, object hashjob.Object, offset int64) (io.ReadCloser, error) {
	input := &s3.GetObjectInput{Bucket: &object.Bucket, Key: &object.Key}
	if object.ETag != "" {
		input.IfMatch = &object.ETag
	}
	if offset > 0 {
		if offset == object.Size {
			return io.NopCloser(bytes.NewReader(nil)), nil // a range that begins at the end is refused
		}
		input.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	found, err := b.client.GetObject(ctx, input)
	if err != nil {
		return nil, classed(err)
	}
	return found.Body, nil
}

// classed wraps what hashjob tells from errors that may pass.
func classed(err error) error {
	var response *awshttp.ResponseError
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket":
		return fmt.Errorf("%w: there is no such bucket: %w", hashjob.ErrNoObject, err)
	case !errors.As(err, &response):
		return err
	}
	switch response.HTTPStatusCode() {
	case http.StatusNotFound:
		return hashjob.ErrNoObject
	case http.StatusForbidden:
		return fmt.Errorf("%w: name its bucket in hashJobs.inputBuckets: %w", hashjob.ErrForbidden, err)
	case http.StatusPreconditionFailed:
		return hashjob.ErrChanged
	}
	return err
}

// Put implements hashjob.Store.
func (b *Bucket) Put(ctx context.Context, key, contentType string, body []byte, retention *hashjob.Retention) (events.Location, error) {
	input := &s3.PutObjectInput{Bucket: &b.name, Key: &key, ContentType: &contentType, Body: bytes.NewReader(body)}
	if retention != nil {
		input.ObjectLockMode, input.ObjectLockRetainUntilDate = types.ObjectLockMode(retention.Mode), &retention.Until
	}
	if _, err := b.client.PutObject(ctx, input); err != nil {
		return events.Location{}, b.failed("write", key, err)
	}
	return events.Location{Bucket: b.name, Key: key}, nil
}

// Get implements hashjob.Store.
func (b *Bucket) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	found, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, b.failed("read", key, classed(err))
	}
	defer func() { _ = found.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(found.Body, limit+1))
	if err != nil {
		return nil, b.failed("read", key, err)
	}
	if int64(len(body)) > limit {
		return nil, events.Wrong("", "s3://%s/%s is longer than %d bytes", b.name, key, limit)
	}
	return body, nil
}

// Count is how many objects have the prefix.
func (b *Bucket) Count(ctx context.Context, prefix string) (int, error) {
	list, err := b.List(ctx, b.name, prefix, hashjob.MaximumObjects)
	return len(list), err
}

// Begin implements hashjob.Store.
func (b *Bucket) Begin(ctx context.Context, key, contentType string) (string, error) {
	begun, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b.name, Key: &key, ContentType: &contentType})
	if err != nil {
		return "", b.failed("begin", key, err)
	}
	return aws.ToString(begun.UploadId), nil
}

// Part implements hashjob.Store.
func (b *Bucket) Part(ctx context.Context, key, upload string, number int32, body []byte) (string, error) {
	written, err := b.client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &b.name, Key: &key, UploadId: &upload, PartNumber: &number,
		Body: bytes.NewReader(body)})
	if err != nil {
		return "", b.failed("write a part of", key, err)
	}
	return aws.ToString(written.ETag), nil
}

// End implements hashjob.Store.
func (b *Bucket) End(ctx context.Context, key, upload string, etags []string) (events.Location, error) {
	parts := make([]types.CompletedPart, len(etags))
	for index, etag := range etags {
		parts[index] = types.CompletedPart{ETag: aws.String(etag), PartNumber: aws.Int32(int32(index + 1))} // #nosec G115 -- at most 10,000
	}
	_, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &b.name, Key: &key, UploadId: &upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	if err != nil {
		return events.Location{}, b.failed("end", key, err)
	}
	return events.Location{Bucket: b.name, Key: key}, nil
}

func (b *Bucket) failed(verb, key string, err error) error {
	return fmt.Errorf("%s s3://%s: %w", verb, strings.Join([]string{b.name, key}, "/"), err)
}
