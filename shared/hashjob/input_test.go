package hashjob

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"davit/events/hashjob"
)

// interrupted is the input of which somebody calls opening while an object is opened, and reading while it is read.
type interrupted struct {
	Objects
	opening, reading func()
	closed           int
}

func (i *interrupted) Open(context.Context, Object, int64) (io.ReadCloser, error) {
	i.opening()
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader("00\n"), readerFunc(func([]byte) (int, error) {
		i.reading()
		return 0, errors.New("the body was closed")
	})), closerFunc(func() error { i.closed++; return nil })}, nil
}

type readerFunc func([]byte) (int, error)

func (r readerFunc) Read(into []byte) (int, error) { return r(into) }

type closerFunc func() error

func (c closerFunc) Close() error { return c() }

func TestASourceThatIsClosedMeanwhileEndsItsReading(t *testing.T) {
	for name, when := range map[string]func(from *source, objects *interrupted){
		"while it opens": func(from *source, objects *interrupted) { objects.opening = from.close },
		"while it reads": func(from *source, objects *interrupted) { objects.reading = from.close },
	} {
		t.Run(name, func(t *testing.T) {
			objects := &interrupted{opening: func() {}, reading: func() {}}
			from := &source{ctx: t.Context(), objects: objects, list: []Object{{Bucket: "b", Key: "k"}}, stop: func() bool { return false },
				input: &hashjob.Input{S3: &hashjob.S3Input{Bucket: "b", Key: "k", Form: hashjob.FormHexLines}}}
			when(from, objects)
			for range 2 {
				if err := from.read(&block{}); err == nil || errors.Is(err, io.EOF) {
					t.Fatalf("the reading goes on: %v", err)
				}
			}
			if objects.closed == 0 {
				t.Error("a body is left open")
			}
		})
	}
}
