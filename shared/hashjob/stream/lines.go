// Package stream cuts what hash jobs read into chunks, and has several of them worked on at once while they are taken in
// their order. Nothing of it grows with the length of what is read.
package stream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// MaximumLine is the longest line, in characters: 4 MiB of data in hexadecimal.
	MaximumLine = 8 << 20
	// chunkBytes is how much text a chunk holds, unless a single line is longer.
	chunkBytes = 1 << 20
	// ChunkItems is how many items a chunk holds at most: a power of two, so that a chunk is a whole part of a tree.
	ChunkItems = 1 << 12
)

// Chunk is a run of lines or of records.
type Chunk struct {
	// First is the index of the first item in the whole list, from 0.
	First uint64
	text  []byte
	ends  []int
}

// Reset empties the chunk and keeps its memory.
func (c *Chunk) Reset(first uint64) { c.First, c.text, c.ends = first, c.text[:0], c.ends[:0] }

// Len is how many items the chunk has.
func (c *Chunk) Len() int { return len(c.ends) }

// Item is the item at the index, counted from the chunk's first. It is valid until the chunk changes.
func (c *Chunk) Item(index int) []byte {
	start := 0
	if index > 0 {
		start = c.ends[index-1]
	}
	return c.text[start:c.ends[index]]
}

// Add puts a copy of the item at the end.
func (c *Chunk) Add(item []byte) {
	c.text = append(c.text, item...)
	c.ends = append(c.ends, len(c.text))
}

// Whole tells whether the chunk is a whole part of a tree: ChunkItems items from a multiple of ChunkItems on.
func (c *Chunk) Whole() bool { return len(c.ends) == ChunkItems && c.First%ChunkItems == 0 }

// room is how many items a chunk may have that begins at the item: up to the next multiple of ChunkItems.
func room(number uint64) int { return ChunkItems - int(number%ChunkItems) } // #nosec G115 -- at most ChunkItems

// Lines cuts a text into chunks of whole lines. The last line may lack its end; lines may end in CR LF.
type Lines struct {
	name   string
	from   *bufio.Reader
	number uint64
	offset int64
}

// NewLines reads from the reader; name is how errors name it, first the index of its first line in the whole list.
func NewLines(name string, from io.Reader, first uint64) *Lines {
	return &Lines{name: name, from: bufio.NewReaderSize(from, 256<<10), number: first}
}

// Where names the line with the index, for an error.
func (l *Lines) Where(index uint64) string { return fmt.Sprintf("%s line %d", l.name, index+1) }

// Offset is how many bytes the chunks so far took.
func (l *Lines) Offset() int64 { return l.offset }

// Read fills the chunk; with io.EOF or another error it may hold the lines before. Chunks of short lines begin and end at
// multiples of ChunkItems.
func (l *Lines) Read(into *Chunk) error {
	into.Reset(l.number)
	for left := room(l.number); left > 0 && len(into.text) < chunkBytes; left-- {
		start := len(into.text)
		if err := l.readLine(into); err != nil {
			into.text = into.text[:start]
			return err
		}
		into.ends = append(into.ends, len(into.text))
		l.number++
	}
	return nil
}

// readLine appends the next line without its end.
func (l *Lines) readLine(into *Chunk) error {
	start := len(into.text)
	for {
		part, err := l.from.ReadSlice('\n')
		into.text = append(into.text, part...)
		length := len(into.text) - start
		if length > MaximumLine+len("\r\n") {
			return fmt.Errorf("%s: longer than %d characters", l.Where(l.number), MaximumLine)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", l.Where(l.number), err)
		}
		if err != nil && length == 0 {
			return io.EOF
		}
		l.offset += int64(length)
		line := bytes.TrimSuffix(bytes.TrimSuffix(into.text[start:], []byte("\n")), []byte("\r"))
		into.text = into.text[:start+len(line)]
		return nil
	}
}

// Records cuts a file into chunks of records of the same size.
type Records struct {
	name   string
	from   io.Reader
	size   int
	number uint64
	offset int64
}

// NewRecords reads records of so many bytes, at least one; name is how errors name the reader, first the index of its
// first record in the whole list.
func NewRecords(name string, from io.Reader, size int, first uint64) *Records {
	return &Records{name: name, from: from, size: size, number: first}
}

// Where names the record with the index, for an error.
func (r *Records) Where(index uint64) string { return fmt.Sprintf("%s record %d", r.name, index+1) }

// Offset is how many bytes the chunks so far took.
func (r *Records) Offset() int64 { return r.offset }

// Read fills the chunk, as that of Lines does. A last record that is too short is an error.
func (r *Records) Read(into *Chunk) error {
	into.Reset(r.number)
	count := max(min(room(r.number), chunkBytes/r.size), 1)
	if cap(into.text) < count*r.size {
		into.text = make([]byte, count*r.size)
	}
	into.text = into.text[:count*r.size]
	read, err := io.ReadFull(r.from, into.text)
	for end := r.size; end <= read; end += r.size {
		into.ends = append(into.ends, end)
	}
	r.number += uint64(into.Len())                // #nosec G115 -- never negative
	r.offset += int64(into.Len()) * int64(r.size) // what a broken record has is not counted
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && read%r.size == 0:
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: it ends after %d of its %d bytes", r.Where(r.number), read%r.size, r.size)
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w", r.Where(r.number), err)
	}
	return err
}
