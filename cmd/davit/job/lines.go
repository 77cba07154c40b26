package job

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// maximumLine is the longest line, in characters: 4 MiB of data.
	maximumLine = 8 << 20
	// chunkBytes is how much text a chunk holds, unless a single line is longer.
	chunkBytes = 1 << 20
	// chunkLines is how many lines a chunk holds at most: a power of two, so that a chunk is a whole part of a tree.
	chunkLines = 1 << 12
)

// chunk is a run of lines, or of records, of a file.
type chunk struct {
	// first is the index of the first line in the file, from 0.
	first uint64
	text  []byte
	ends  []int
}

func (c *chunk) reset(first uint64) { c.first, c.text, c.ends = first, c.text[:0], c.ends[:0] }

func (c *chunk) len() int { return len(c.ends) }

func (c *chunk) line(index int) []byte {
	start := 0
	if index > 0 {
		start = c.ends[index-1]
	}
	return c.text[start:c.ends[index]]
}

// lineReader cuts a file into chunks of whole lines. The last line may lack its end; lines may end in CR LF.
type lineReader struct {
	name   string
	from   *bufio.Reader
	number uint64
}

func newLineReader(from source) *lineReader {
	return &lineReader{name: from.name, from: bufio.NewReaderSize(from, 256<<10)}
}

// where names the line with the index, for an error.
func (r *lineReader) where(index uint64) string { return fmt.Sprintf("%s line %d", r.name, index+1) }

// read fills the chunk; with io.EOF or another error it may hold the lines before. Chunks of short lines begin and end at
// multiples of chunkLines.
func (r *lineReader) read(into *chunk) error {
	into.reset(r.number)
	for lines := chunkLines - int(r.number%chunkLines); lines > 0 && len(into.text) < chunkBytes; lines-- {
		start := len(into.text)
		if err := r.readLine(into); err != nil {
			into.text = into.text[:start]
			return err
		}
		into.ends = append(into.ends, len(into.text))
		r.number++
	}
	return nil
}

// readLine appends the next line without its end.
func (r *lineReader) readLine(into *chunk) error {
	start := len(into.text)
	for {
		part, err := r.from.ReadSlice('\n')
		into.text = append(into.text, part...)
		if length := len(into.text) - start; length > maximumLine+len("\r\n") {
			return fmt.Errorf("%s: longer than %d characters", r.where(r.number), maximumLine)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", r.where(r.number), err)
		}
		if err != nil && len(into.text) == start {
			return io.EOF
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(into.text[start:], []byte("\n")), []byte("\r"))
		into.text = into.text[:start+len(line)]
		return nil
	}
}

// recordReader cuts a file into chunks of records of the same size.
type recordReader struct {
	name   string
	from   io.Reader
	size   int
	number uint64
}

// where names the record with the index, for an error.
func (r *recordReader) where(index uint64) string {
	return fmt.Sprintf("%s header %d", r.name, index+1)
}

func (r *recordReader) read(into *chunk) error {
	into.reset(r.number)
	into.text = append(into.text, make([]byte, chunkLines*r.size)...)
	count, err := io.ReadFull(r.from, into.text)
	for end := r.size; end <= count; end += r.size {
		into.ends = append(into.ends, end)
	}
	r.number += uint64(into.len()) // #nosec G115 -- never negative
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && count%r.size == 0:
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the file ends after %d of its %d bytes", r.where(r.number), count%r.size, r.size)
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w", r.where(r.number), err)
	}
	return err
}
