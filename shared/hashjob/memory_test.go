package hashjob_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	events "davit/events/hashjob"
	"davit/shared/hashjob"
)

// bucket is objects in memory, as hashjob.Objects and hashjob.Store.
type bucket struct {
	mutex   sync.Mutex
	objects map[string][]byte
	locked  map[string]hashjob.Retention
	uploads map[string][][]byte
	opened  int
}

func newBucket() *bucket {
	return &bucket{objects: map[string][]byte{}, locked: map[string]hashjob.Retention{}, uploads: map[string][][]byte{}}
}

func (b *bucket) put(key string, body []byte) *bucket {
	b.objects[key] = body
	return b
}

func (b *bucket) Stat(_ context.Context, name, key string) (hashjob.Object, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	body, found := b.objects[key]
	if !found {
		return hashjob.Object{}, hashjob.ErrNoObject
	}
	return hashjob.Object{Bucket: name, Key: key, ETag: tag(body), Size: int64(len(body))}, nil
}

func tag(body []byte) string {
	digest := sha256.Sum256(body)
	return hex.EncodeToString(digest[:8])
}

func (b *bucket) List(ctx context.Context, name, prefix string, limit int) ([]hashjob.Object, error) {
	var list []hashjob.Object
	for key := range b.objects {
		if strings.HasPrefix(key, prefix) && len(list) <= limit {
			object, err := b.Stat(ctx, name, key)
			if err != nil {
				return nil, err
			}
			list = append(list, object)
		}
	}
	slices.SortFunc(list, func(a, b hashjob.Object) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

func (b *bucket) Open(_ context.Context, object hashjob.Object, offset int64) (io.ReadCloser, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.opened++
	body, found := b.objects[object.Key]
	switch {
	case !found:
		return nil, hashjob.ErrNoObject
	case object.ETag != "" && object.ETag != tag(body):
		return nil, hashjob.ErrChanged
	case offset > 0 && offset >= int64(len(body)) && offset != object.Size:
		return nil, errors.New("InvalidRange") // as S3 says; who knows the size need not ask
	}
	return io.NopCloser(bytes.NewReader(body[offset:])), nil
}

func (b *bucket) Put(_ context.Context, key, _ string, body []byte, retention *hashjob.Retention) (events.Location, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.objects[key] = bytes.Clone(body)
	if retention != nil {
		b.locked[key] = *retention
	}
	return events.Location{Bucket: "davit", Key: key}, nil
}

func (b *bucket) Get(_ context.Context, key string, limit int64) ([]byte, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	body, found := b.objects[key]
	if !found {
		return nil, hashjob.ErrNoObject
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%s has %d bytes", key, len(body))
	}
	return body, nil
}

func (b *bucket) Begin(_ context.Context, key, _ string) (string, error) {
	b.uploads[key] = nil
	return "upload of " + key, nil
}

func (b *bucket) Part(_ context.Context, key, upload string, number int32, body []byte) (string, error) {
	if upload != "upload of "+key || int(number) != len(b.uploads[key])+1 {
		return "", fmt.Errorf("part %d of %s", number, upload)
	}
	b.uploads[key] = append(b.uploads[key], bytes.Clone(body))
	return tag(body), nil
}

func (b *bucket) End(_ context.Context, key, _ string, etags []string) (events.Location, error) {
	if len(etags) != len(b.uploads[key]) {
		return events.Location{}, fmt.Errorf("%d parts of %d", len(etags), len(b.uploads[key]))
	}
	for index, part := range b.uploads[key] {
		if etags[index] != tag(part) || index < len(etags)-1 && len(part) < 5<<20 {
			return events.Location{}, fmt.Errorf("part %d has %d bytes", index+1, len(part))
		}
	}
	b.objects[key] = bytes.Join(b.uploads[key], nil)
	return events.Location{Bucket: "davit", Key: key}, nil
}

// signer signs with a key of its own.
type signer struct{ key *ecdsa.PrivateKey }

func newSigner(t testing.TB) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key}
}

func (s *signer) Sign(_ context.Context, message []byte) (hashjob.Signature, error) {
	digest := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, digest[:])
	return hashjob.Signature{Bytes: signature, Key: "arn:aws:kms:eu-north-1:111122223333:key/test", Algorithm: "ECDSA_SHA_256"}, err
}

// clock goes on by a second each time that it is looked at, so that a limit is a number of looks.
type clock struct {
	mutex sync.Mutex
	at    time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.at = c.at.Add(time.Second)
	return c.at
}

var errConnection = errors.New("the connection broke")

// breaking reads a little, and then fails.
type breaking struct{ *bucket }

func (b breaking) Open(ctx context.Context, object hashjob.Object, offset int64) (io.ReadCloser, error) {
	body, err := b.bucket.Open(ctx, object, offset)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(io.MultiReader(io.LimitReader(body, 1000), iotest.ErrReader(errConnection))), nil
}
