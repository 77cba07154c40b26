package restore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
)

// Client are the calls of Amazon S3 that a bucket makes. An *s3.Client is one.
type Client interface {
	ListObjectVersions(context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options)) (*s3.ListObjectVersionsOutput, error)
	HeadObject(context.Context, *s3.HeadObjectInput, ...func(*s3.Options)) (*s3.HeadObjectOutput, error)
	RestoreObject(context.Context, *s3.RestoreObjectInput, ...func(*s3.Options)) (*s3.RestoreObjectOutput, error)
	CopyObject(context.Context, *s3.CopyObjectInput, ...func(*s3.Options)) (*s3.CopyObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
	PutObjectTagging(context.Context, *s3.PutObjectTaggingInput, ...func(*s3.Options)) (*s3.PutObjectTaggingOutput, error)
	CreateMultipartUpload(context.Context, *s3.CreateMultipartUploadInput, ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error)
	UploadPartCopy(context.Context, *s3.UploadPartCopyInput, ...func(*s3.Options)) (*s3.UploadPartCopyOutput, error)
	CompleteMultipartUpload(context.Context, *s3.CompleteMultipartUploadInput, ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error)
	AbortMultipartUpload(context.Context, *s3.AbortMultipartUploadInput, ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error)
}

// Tags on objects.
const (
	// TagFrom is on a version that was made by a copy: the ID of the version that it was made from. By it a second run
	// knows what the first did.
	TagFrom = "davit/restored-from"
	// TagPending is on an archived version that is to be copied as soon as its archive is open.
	TagPending = "davit/restore"
	// pendingCopy is the value of TagPending.
	pendingCopy = "copy"
)

// maximumTags is how many tags an object has at most.
const maximumTags = 10

// Bucket is a bucket with versions. It is safe for concurrent use.
type Bucket struct {
	// Name is the bucket's name.
	Name   string
	Client Client
	// PartSize is how large a part of a large object's copy is, in bytes; 0 is 512 MiB. CopyObject takes objects of up to
	// 5 GiB, which is the size from which parts are used, or four parts if that is less.
	PartSize int64
}

const (
	largestCopy     = 5 << 30
	usualPart       = 512 << 20
	mostParts       = 10_000
	partConcurrency = 8
)

// Objects lists the versions of every object whose key begins with the prefix, newest first, an object at a time. It
// reads pages as they are needed and keeps one object's versions in memory.
func (b *Bucket) Objects(ctx context.Context, prefix string) iter.Seq2[[]Version, error] {
	return func(yield func([]Version, error) bool) {
		var object []Version
		input := &s3.ListObjectVersionsInput{Bucket: &b.Name, Prefix: &prefix}
		for {
			page, err := b.Client.ListObjectVersions(ctx, input)
			if err != nil {
				yield(nil, fmt.Errorf("list the versions of s3://%s/%s: %w", b.Name, prefix, plainly(err)))
				return
			}
			for _, version := range merged(page) {
				if len(object) > 0 && object[0].Key != version.Key {
					if !yield(object, nil) {
						return
					}
					object = nil
				}
				object = append(object, version)
			}
			if !aws.ToBool(page.IsTruncated) {
				break
			}
			input.KeyMarker, input.VersionIdMarker = page.NextKeyMarker, page.NextVersionIdMarker
		}
		if len(object) > 0 {
			yield(object, nil)
		}
	}
}

// plainly says what is wrong with the bucket's name or place, and otherwise what S3 said.
func plainly(err error) error {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.ErrorCode() {
	case "NoSuchBucket":
		return errors.New("there is no such bucket")
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return errors.New("the bucket is in another region: give it by --region")
	}
	return err
}

// merged are the versions and delete markers of a page in S3's order: by key, the newest first. S3 lists both in this
// order, but in the SDK they are in two lists; of two of one second the one that is current comes first.
func merged(page *s3.ListObjectVersionsOutput) []Version {
	var all []Version
	versions, markers := page.Versions, page.DeleteMarkers
	for len(versions) > 0 || len(markers) > 0 {
		if len(markers) == 0 || len(versions) > 0 && before(versions[0], markers[0]) {
			one := versions[0]
			all = append(all, Version{Key: aws.ToString(one.Key), ID: aws.ToString(one.VersionId), Size: aws.ToInt64(one.Size),
				StorageClass: string(one.StorageClass), Modified: aws.ToTime(one.LastModified)})
			versions = versions[1:]
			continue
		}
		one := markers[0]
		all = append(all, Version{Key: aws.ToString(one.Key), ID: aws.ToString(one.VersionId),
			Modified: aws.ToTime(one.LastModified), IsMarker: true})
		markers = markers[1:]
	}
	return all
}

func before(version types.ObjectVersion, marker types.DeleteMarkerEntry) bool {
	if a, b := aws.ToString(version.Key), aws.ToString(marker.Key); a != b {
		return a < b
	}
	if !aws.ToTime(version.LastModified).Equal(aws.ToTime(marker.LastModified)) {
		return aws.ToTime(version.LastModified).After(aws.ToTime(marker.LastModified))
	}
	return aws.ToBool(version.IsLatest)
}

// look completes a version of Intelligent-Tiering by whether it is in an archive tier.
func (b *Bucket) look(ctx context.Context, version *Version) error {
	if version.IsMarker || version.StorageClass != IntelligentTiering {
		return nil
	}
	head, err := b.head(ctx, *version)
	if err != nil {
		return err
	}
	version.InArchive = head.ArchiveStatus != ""
	return nil
}

func (b *Bucket) head(ctx context.Context, version Version) (*s3.HeadObjectOutput, error) {
	head, err := b.Client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.Name, Key: &version.Key, VersionId: version.id()})
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", b.name(version), err)
	}
	return head, nil
}

// state is how far the opening of an archive is.
type state int

const (
	closed state = iota
	opening
	open
)

// state looks at the archive of a version: S3 says it in the header x-amz-restore, or for Intelligent-Tiering by the
// archive status that ends.
func (b *Bucket) state(ctx context.Context, version Version) (state, error) {
	head, err := b.head(ctx, version)
	if err != nil {
		return closed, err
	}
	restore := aws.ToString(head.Restore)
	switch {
	case strings.Contains(restore, `ongoing-request="true"`):
		return opening, nil
	case restore != "", version.StorageClass == IntelligentTiering && head.ArchiveStatus == "":
		return open, nil
	}
	return closed, nil
}

// thaw asks for the archive of a version to be opened. That it is being opened already is no error.
func (b *Bucket) thaw(ctx context.Context, version Version, tier Tier, days int) error {
	request := &types.RestoreRequest{GlacierJobParameters: &types.GlacierJobParameters{Tier: types.Tier(tier)}}
	if version.StorageClass != IntelligentTiering {
		// An object of Intelligent-Tiering goes back to its frequent tier, and takes no days.
		request.Days = aws.Int32(int32(days)) // #nosec G115 -- the command bounds it
	}
	_, err := b.Client.RestoreObject(ctx, &s3.RestoreObjectInput{Bucket: &b.Name, Key: &version.Key, VersionId: version.id(),
		RestoreRequest: request})
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == "RestoreAlreadyInProgress" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the archive of %s: %w", b.name(version), err)
	}
	return nil
}

// uncover removes delete markers, the newest first, so that an interruption leaves the object deleted.
func (b *Bucket) uncover(ctx context.Context, key string, markers []string) error {
	for _, marker := range markers {
		_, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key, VersionId: &marker})
		if err != nil {
			return fmt.Errorf("remove the delete marker %s of s3://%s/%s: %w", marker, b.Name, key, err)
		}
	}
	return nil
}

// tags are those of a version, or of the current one where the ID is empty.
func (b *Bucket) tags(ctx context.Context, key string, id *string) (map[string]string, error) {
	found, err := b.Client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &b.Name, Key: &key, VersionId: id})
	if err != nil {
		return nil, fmt.Errorf("read the tags of s3://%s/%s: %w", b.Name, key, err)
	}
	tags := map[string]string{}
	for _, tag := range found.TagSet {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags, nil
}

// mark sets or, with an empty value, removes a tag of a version.
func (b *Bucket) mark(ctx context.Context, version Version, key, value string) error {
	tags, err := b.tags(ctx, version.Key, version.id())
	if err != nil {
		return err
	}
	if tags[key] == value {
		return nil
	}
	tags[key] = value
	if value == "" {
		delete(tags, key)
	}
	if len(tags) > maximumTags {
		return fmt.Errorf("mark %s for its copy: it has %d tags already, the most that S3 takes; remove one, or run without --no-wait",
			b.name(version), maximumTags)
	}
	_, err = b.Client.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: &b.Name, Key: &version.Key,
		VersionId: version.id(), Tagging: &types.Tagging{TagSet: tagSet(tags)}})
	if err != nil {
		return fmt.Errorf("mark %s for its copy: %w", b.name(version), err)
	}
	return nil
}

func tagSet(tags map[string]string) []types.Tag {
	set := []types.Tag{}
	for key, value := range tags {
		set = append(set, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	return set
}

// copied tells whether the current version was made from the wanted one, by an earlier run.
func (b *Bucket) copied(ctx context.Context, wanted Version) (bool, error) {
	tags, err := b.tags(ctx, wanted.Key, nil)
	var answer smithy.APIError
	if errors.As(err, &answer) && (answer.ErrorCode() == "NoSuchKey" || answer.ErrorCode() == "MethodNotAllowed") {
		return false, nil // It is deleted now.
	}
	return err == nil && tags[TagFrom] == wanted.ID, err
}

// copy makes a new version from the wanted one, with its metadata and its tags, outside of any archive.
func (b *Bucket) copy(ctx context.Context, wanted Version) error {
	tags, err := b.tags(ctx, wanted.Key, wanted.id())
	if err != nil {
		return err
	}
	delete(tags, TagPending)
	if len(tags) < maximumTags {
		tags[TagFrom] = wanted.ID
	}
	if wanted.Size > min(largestCopy, 4*b.partSize()) {
		return b.copyParts(ctx, wanted, encoded(tags))
	}
	_, err = b.Client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &b.Name, Key: &wanted.Key, CopySource: b.source(wanted),
		StorageClass: types.StorageClass(classAfter(wanted)), TaggingDirective: types.TaggingDirectiveReplace,
		Tagging: aws.String(encoded(tags))})
	if err != nil {
		return fmt.Errorf("copy %s: %w", b.name(wanted), err)
	}
	return nil
}

// classAfter is the class of a copy: that of the version, or Standard for one that came out of an archive.
func classAfter(version Version) string {
	if version.StorageClass == "" || version.Archived() && version.StorageClass != IntelligentTiering {
		return string(types.StorageClassStandard)
	}
	return version.StorageClass
}

// copyParts copies a large version part by part. What fails leaves no parts behind.
func (b *Bucket) copyParts(ctx context.Context, wanted Version, tagging string) error {
	head, err := b.head(ctx, wanted)
	if err != nil {
		return err
	}
	started, err := b.Client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b.Name, Key: &wanted.Key,
		StorageClass: types.StorageClass(classAfter(wanted)), Tagging: &tagging, Metadata: head.Metadata,
		ContentType: head.ContentType, ContentEncoding: head.ContentEncoding, ContentLanguage: head.ContentLanguage,
		ContentDisposition: head.ContentDisposition, CacheControl: head.CacheControl})
	if err != nil {
		return fmt.Errorf("copy %s: %w", b.name(wanted), err)
	}
	parts, err := b.uploadParts(ctx, wanted, started.UploadId)
	if err == nil {
		_, err = b.Client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &b.Name, Key: &wanted.Key,
			UploadId: started.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	}
	if err == nil {
		return nil
	}
	_, aborted := b.Client.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{Bucket: &b.Name,
		Key: &wanted.Key, UploadId: started.UploadId})
	return fmt.Errorf("copy %s in parts: %w", b.name(wanted), errors.Join(err, aborted))
}

func (b *Bucket) uploadParts(ctx context.Context, wanted Version, upload *string) ([]types.CompletedPart, error) {
	size := max(b.partSize(), (wanted.Size+mostParts-1)/mostParts)
	parts := make([]types.CompletedPart, (wanted.Size+size-1)/size)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partConcurrency)
	for i := range parts {
		group.Go(func() error {
			first := int64(i) * size
			number := aws.Int32(int32(i + 1)) // #nosec G115 -- at most mostParts
			copied, err := b.Client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: &b.Name, Key: &wanted.Key,
				UploadId: upload, PartNumber: number, CopySource: b.source(wanted),
				CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", first, min(first+size, wanted.Size)-1))})
			if err != nil {
				return err
			}
			parts[i] = types.CompletedPart{PartNumber: number, ETag: copied.CopyPartResult.ETag}
			return nil
		})
	}
	return parts, group.Wait()
}

func (b *Bucket) partSize() int64 {
	if b.PartSize == 0 {
		return usualPart
	}
	return b.PartSize
}

// source is the version as the header x-amz-copy-source names it.
func (b *Bucket) source(version Version) *string {
	path := (&url.URL{Path: b.Name + "/" + version.Key}).EscapedPath()
	path = strings.ReplaceAll(strings.ReplaceAll(path, "+", "%2B"), "?", "%3F")
	if version.ID != "" {
		path += "?versionId=" + url.QueryEscape(version.ID)
	}
	return &path
}

// id is the version's ID for a request.
func (v Version) id() *string {
	if v.ID == "" {
		return nil
	}
	return &v.ID
}

func (b *Bucket) name(version Version) string {
	return fmt.Sprintf("s3://%s/%s (version %s)", b.Name, version.Key, version.ID)
}

func encoded(tags map[string]string) string {
	values := url.Values{}
	for key, value := range tags {
		values.Set(key, value)
	}
	return values.Encode()
}
