package job

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"davit/shared/hashing"
	"davit/shared/hashjob/stream"
)

type digestJob struct {
	output    *output
	algorithm word[hashing.Kind, *hashing.Kind]
	inputs    string
}

func digestCommand(output *output) *cobra.Command {
	job := digestJob{output: output}
	job.algorithm.value = hashing.SHA256
	command := &cobra.Command{
		Use:   "digest [FILE...]",
		Short: "Digests of files, or of many small inputs",
		Long: `Digests of files, or of many small inputs.

With FILEs, the digest of each one's contents. With --inputs, the digest of each line of a file of hexadecimal, in the same
order; an empty line is the empty input. Where a line is wrong the result ends somewhere before it, and the exit code is 1.

Algorithms: ` + strings.Join(hashing.Names(), ", ") + `.`,
		Example: `  davit job run digest --algorithm blake2b-256 backup.tar
  printf '%s\n' 616263 '' | davit job run digest --algorithm keccak256 --inputs -
  davit job run digest --algorithm hash160 --inputs public-keys.hex --json`,
	}
	flags := command.Flags()
	flags.Var(&job.algorithm, "algorithm", "the digest: "+strings.Join(hashing.Names(), ", "))
	flags.StringVar(&job.inputs, "inputs", "", "file of inputs in hexadecimal, one a line; - is standard input")
	command.Args = func(_ *cobra.Command, files []string) error {
		if (len(files) > 0) == (job.inputs != "") {
			return fmt.Errorf("name either files or --inputs")
		}
		return nil
	}
	command.RunE = func(command *cobra.Command, files []string) error {
		if job.inputs != "" {
			return job.lines(command)
		}
		return job.files(command, files)
	}
	return command
}

// fileDigest is the result for one file.
type fileDigest struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"`
}

func (j *digestJob) files(command *cobra.Command, files []string) error {
	hasher, err := hashing.New(j.algorithm.value)
	if err != nil {
		return err
	}
	var results []fileDigest
	var text strings.Builder
	for _, path := range files {
		result, err := fileDigestOf(command, hasher, path)
		if err != nil {
			return err
		}
		results = append(results, result)
		_, _ = fmt.Fprintf(&text, "%s  %s\n", result.Digest, result.File)
	}
	return j.output.write(command.OutOrStdout(), struct {
		Algorithm hashing.Kind `json:"algorithm"`
		Files     []fileDigest `json:"files"`
	}{j.algorithm.value, results}, text.String())
}

func fileDigestOf(command *cobra.Command, hasher *hashing.Hasher, path string) (fileDigest, error) {
	from, err := openSource(command, path)
	if err != nil {
		return fileDigest{}, err
	}
	defer func() { _ = from.Close() }() // it was only read
	progress := newProgress(command, "bytes of "+from.name)
	defer progress.end()
	digest, count, err := hasher.AppendReader(nil, &followed{Reader: from, ctx: command.Context(), progress: progress})
	if err != nil {
		return fileDigest{}, fmt.Errorf("%s: %w", from.name, err)
	}
	return fileDigest{File: path, Bytes: count, Digest: hex.EncodeToString(digest)}, nil
}

// followed is a reader that counts, and that ends with its context.
type followed struct {
	io.Reader
	ctx      context.Context
	progress *progress
}

// Read reads on.
func (f *followed) Read(into []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	count, err := f.Reader.Read(into)
	f.progress.add(uint64(count)) // #nosec G115 -- never negative
	return count, err
}

// digestChunk is a chunk of lines with the digests of them, as text.
type digestChunk struct {
	stream.Chunk
	inputs  hashing.Batch
	digests []byte
	text    []byte
}

func (j *digestJob) lines(command *cobra.Command) error {
	from, err := openSource(command, j.inputs)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	progress := newProgress(command, "inputs")
	defer progress.end()
	lines := stream.NewLines(from.name, from, 0)
	hashers := sync.Pool{New: func() any {
		hasher, err := hashing.New(j.algorithm.value)
		if err != nil {
			panic(err) // the flag holds only kinds that are known
		}
		return hasher
	}}
	to := bufio.NewWriter(command.OutOrStdout())
	if j.output.asJSON {
		_, _ = fmt.Fprintf(to, "{\n  \"algorithm\": %q,\n  \"digests\": [", j.algorithm.value)
	}
	var count uint64
	err = stream.InOrder(command.Context(), runtime.GOMAXPROCS(0),
		func(item *digestChunk) error { return lines.Read(&item.Chunk) },
		func(item *digestChunk) error {
			hasher := hashers.Get().(*hashing.Hasher)
			defer hashers.Put(hasher)
			return j.work(hasher, lines, item)
		},
		func(item *digestChunk) error {
			if j.output.asJSON && count == 0 && len(item.text) > 0 {
				item.text = item.text[1:] // the comma before the first
			}
			taken := uint64(item.Len()) // #nosec G115 -- never negative
			count += taken
			progress.add(taken)
			_, err := to.Write(item.text)
			return err
		})
	if err == nil && j.output.asJSON {
		_, err = to.WriteString("\n  ],\n  \"inputs\": " + strconv.FormatUint(count, 10) + "\n}\n")
	}
	if flushed := to.Flush(); err == nil {
		err = flushed
	}
	return err
}

// work hashes the lines of the chunk and writes the digests as text.
func (j *digestJob) work(hasher *hashing.Hasher, lines *stream.Lines, item *digestChunk) error {
	item.inputs.Reset()
	item.text = item.text[:0]
	for index := range item.Len() {
		line := item.Item(index)
		if _, err := stream.AppendHex(item.inputs.Extend(len(line) / 2)[:0], line); err != nil {
			return fmt.Errorf("%s: %w", lines.Where(item.First+uint64(index)), err) // #nosec G115 -- never negative
		}
	}
	item.digests = hasher.AppendBatch(item.digests[:0], &item.inputs)
	size := hasher.Kind().Size()
	for start := 0; start < len(item.digests); start += size {
		item.text = j.appendDigest(item.text, item.digests[start:start+size])
	}
	return nil
}

func (j *digestJob) appendDigest(to, digest []byte) []byte {
	if !j.output.asJSON {
		return append(hex.AppendEncode(to, digest), '\n')
	}
	return append(hex.AppendEncode(append(to, ",\n    \""...), digest), '"')
}
