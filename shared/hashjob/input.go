package hashjob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"davit/events/hashjob"
	"davit/shared/hashjob/stream"
)

// Position is a place between two chunks of the input.
type Position struct {
	// Object is the index of the object, Offset the byte in it, Item the index of the next item in the whole list.
	Object int    `json:"object"`
	Offset int64  `json:"offset"`
	Item   uint64 `json:"item"`
}

// errPaused ends the reading where the time is up.
var errPaused = errors.New("the time is up")

// errClosed ends the reading of a source that was closed while it opened an object. Nobody is there any more to be told.
var errClosed = errors.New("the input was closed")

// block is a chunk of the input on its way through a job. What the kinds make of it is kept in it, so that its memory is
// used again.
type block struct {
	stream.Chunk
	// start is where the chunk begins.
	start Position
	// object is the one whose contents are the item, and digest what they come to; of the form "objects" alone.
	object *Object
	digest []byte
	work   work
}

// chunkReader is stream.Lines, stream.Records or blockChunks.
type chunkReader interface {
	Read(into *stream.Chunk) error
	Offset() int64
}

// source reads the input of a job from a position on. One goroutine reads; another may close it meanwhile, which ends a read that
// hangs.
type source struct {
	ctx     context.Context
	objects Objects
	input   *hashjob.Input
	list    []Object
	at      Position
	// end is the item before which it ends; 0 reads everything. It is a multiple of stream.ChunkItems.
	end uint64
	// prefixed tells that hexadecimal digits may have 0x before them.
	prefixed bool
	// stop tells whether the time is up.
	stop func() bool

	reader chunkReader
	// base is the offset at which the body was opened.
	base int64

	// mutex guards what close touches.
	mutex  sync.Mutex
	body   io.ReadCloser
	closed bool
}

// field names the input in errors.
func field(input *hashjob.Input) string {
	switch {
	case input.Hex != nil:
		return "input.hex"
	case input.Base64 != nil:
		return "input.base64"
	}
	return "input.s3"
}

// resolve names the objects of the input, none for one in the document.
func resolve(ctx context.Context, objects Objects, input *hashjob.Input) ([]Object, error) {
	from := input.S3
	switch {
	case from == nil:
		return nil, nil
	case objects == nil:
		return nil, hashjob.Wrong("input.s3", "objects cannot be read here: put the inputs into the document")
	case from.Key != "":
		object, err := objects.Stat(ctx, from.Bucket, from.Key)
		if err != nil {
			return nil, unreadable("input.s3.key", nil, Object{Bucket: from.Bucket, Key: from.Key}, err)
		}
		return []Object{object}, nil
	case from.Keys != nil:
		list := make([]Object, len(from.Keys))
		for index, key := range from.Keys {
			list[index] = Object{Bucket: from.Bucket, Key: key, Size: -1}
		}
		return list, nil
	}
	list, err := objects.List(ctx, from.Bucket, from.Prefix, MaximumObjects)
	switch {
	case err != nil:
		return nil, unreadable("input.s3.prefix", nil, Object{Bucket: from.Bucket, Key: from.Prefix}, err)
	case len(list) == 0:
		return nil, hashjob.Wrong("input.s3.prefix", "no key of the bucket %s begins with %.200q", from.Bucket, from.Prefix)
	case len(list) > MaximumObjects:
		return nil, hashjob.Wrong("input.s3.prefix", "more than %d keys begin with it", MaximumObjects)
	}
	return list, nil
}

// unreadable is the job's fault where the object is not there for it, and else an error that may pass.
func unreadable(field string, index *uint64, object Object, err error) error {
	if errors.Is(err, ErrNoObject) || errors.Is(err, ErrForbidden) || errors.Is(err, ErrChanged) {
		return &hashjob.FieldError{Field: field, Index: index, Reason: fmt.Sprintf("s3://%s/%s: %s", object.Bucket, object.Key, err)}
	}
	return fmt.Errorf("read s3://%s/%s: %w", object.Bucket, object.Key, err)
}

// identify is a digest of the list, by which a later invocation sees whether it reads the same.
func identify(list []Object) string {
	hasher := sha256.New()
	var size [8]byte
	for _, object := range list {
		for _, text := range []string{object.Bucket, object.Key, object.ETag} {
			binary.BigEndian.PutUint64(size[:], uint64(len(text)))
			_, _ = hasher.Write(size[:]) // a hash never fails
			_, _ = hasher.Write([]byte(text))
		}
	}
	return hex.EncodeToString(hasher.Sum(nil))
}

// wholeObjects tells whether each object is one item.
func (s *source) wholeObjects() bool {
	return s.input.S3 != nil && s.input.S3.Form == hashjob.FormObjects
}

// read fills the block with the next items. It ends with io.EOF, or with errPaused where the time is up.
func (s *source) read(into *block) error {
	into.Reset(s.at.Item)
	into.start, into.object = s.at, nil
	switch {
	case s.end > 0 && s.at.Item >= s.end:
		return io.EOF
	case s.stop():
		return errPaused
	case s.input.S3 == nil:
		return s.readInline(into)
	case s.wholeObjects():
		return s.nextObject(into)
	}
	return s.readChunk(into)
}

func (s *source) readInline(into *block) error {
	texts := s.input.Hex
	if texts == nil {
		texts = s.input.Base64
	}
	for s.at.Item < uint64(len(texts)) && into.Len() < stream.ChunkItems {
		into.Add([]byte(texts[s.at.Item]))
		s.at.Item++
	}
	if s.at.Item == uint64(len(texts)) {
		return io.EOF
	}
	return nil
}

func (s *source) nextObject(into *block) error {
	if s.at.Object == len(s.list) {
		return io.EOF
	}
	into.object = &s.list[s.at.Object]
	s.at.Object++
	s.at.Item++
	return nil
}

// readChunk reads lines or records, which never reach over the end of an object.
func (s *source) readChunk(into *block) error {
	for {
		if s.reader == nil {
			if s.at.Object == len(s.list) {
				return io.EOF
			}
			if err := s.open(); err != nil {
				return err
			}
		}
		into.start = s.at
		err := s.reader.Read(&into.Chunk)
		s.at.Item = into.First + uint64(into.Len()) // #nosec G115 -- never negative
		s.at.Offset = s.base + s.reader.Offset()
		if err == nil {
			return nil
		}
		if !errors.Is(err, io.EOF) {
			return s.broken(err)
		}
		s.reader = nil
		s.hold(nil)
		s.at.Object, s.at.Offset = s.at.Object+1, 0
		if into.Len() > 0 {
			return nil
		}
	}
}

// broken tells a text that is no list of items from a connection that broke.
func (s *source) broken(err error) error {
	var unread *readError
	if errors.As(err, &unread) {
		return unreadable("input.s3", nil, s.list[s.at.Object], unread.error)
	}
	return hashjob.WrongAt("input.s3", s.at.Item, "%s", err)
}

func (s *source) open() error {
	object := s.list[s.at.Object]
	body, err := s.objects.Open(s.ctx, object, s.at.Offset)
	if err != nil {
		index := uint64(s.at.Object) // #nosec G115 -- an index
		return unreadable("input.s3.keys", &index, object, err)
	}
	if !s.hold(body) {
		return errClosed
	}
	s.base = s.at.Offset
	name := "s3://" + object.Bucket + "/" + object.Key
	switch form := s.input.S3.Form; form {
	case hashjob.FormRecords:
		s.reader = stream.NewRecords(name, &marked{body}, s.input.S3.RecordBytes, s.at.Item)
	case hashjob.FormExport, hashjob.FormArchive:
		s.reader = newBlockChunks(form, &marked{body}, s.at.Offset > 0, s.at.Item)
	default:
		s.reader = stream.NewLines(name, &marked{body}, s.at.Item)
	}
	return nil
}

// hold takes a body in place of the one before; nil takes none. Once the source is closed it closes the body, and answers false.
func (s *source) hold(body io.ReadCloser) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.drop()
	s.body = body
	if s.closed {
		s.drop()
	}
	return !s.closed
}

// close ends the reading.
func (s *source) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	s.drop()
}

// drop closes the body. Its caller has the mutex.
func (s *source) drop() {
	if s.body != nil {
		_ = s.body.Close() // it was only read
	}
	s.body = nil
}

// marked marks the errors of reading, so that they are told from those of what was read.
type marked struct{ from io.Reader }

type readError struct{ error }

func (r *readError) Unwrap() error { return r.error }

// Read reads on.
func (m *marked) Read(into []byte) (int, error) {
	count, err := m.from.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return count, err
}

// appendItem appends the bytes of the block's item at the index.
func (s *source) appendItem(to []byte, from *block, index int) ([]byte, error) {
	text := from.Item(index)
	var err error
	switch {
	case s.input.Hex != nil || s.input.S3 != nil && s.input.S3.Form == hashjob.FormHexLines:
		if s.prefixed {
			text = bytes.TrimPrefix(text, []byte("0x"))
		}
		to, err = stream.AppendHex(to, text)
	case s.input.Base64 != nil || s.input.S3.Form == hashjob.FormBase64Lines:
		to, err = base64.StdEncoding.Strict().AppendDecode(to, text)
	default:
		to = append(to, text...)
	}
	if err != nil {
		return to, s.wrong(from, index, err)
	}
	return to, nil
}

// wrong is an error of the block's item at the index.
func (s *source) wrong(from *block, index int, err error) error {
	return hashjob.WrongAt(field(s.input), from.First+uint64(index), "%s", err) // #nosec G115 -- an index
}
