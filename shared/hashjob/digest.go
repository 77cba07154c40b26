package hashjob

import (
	"encoding/hex"
	"strings"
	"sync"

	"davit/events/hashjob"
	"davit/shared/hashing"
)

const (
	// inlineText is how much text of digests stays in a result that is also stored, in bytes.
	inlineText = 128 << 10
	// partText is how much of it is written to S3 at once; parts have at least 5 MiB.
	partText = 8 << 20
	plain    = "text/plain"
)

// Output is text on its way into an object, a part at a time.
type Output struct {
	// Upload is S3's name of the upload, empty as long as no part was written.
	Upload string   `json:"upload,omitempty"`
	ETags  []string `json:"etags,omitempty"`
	// Text is what is not written yet.
	Text []byte `json:"text,omitempty"`
}

// digests is the handler of digest.
type digests struct {
	*run
	kind    hashing.Kind
	hashers sync.Pool
	output  Output
}

func newDigests(r *run) (handler, error) {
	kind, err := hashing.ParseKind(r.job.Digest.Algorithm)
	if err != nil {
		return nil, hashjob.Wrong("digest.algorithm", "%s", err)
	}
	made := &digests{run: r, kind: kind, hashers: sync.Pool{New: func() any {
		hasher, _ := hashing.New(kind) // ParseKind answers only kinds that there are
		return hasher
	}}}
	if r.From.Output != nil {
		made.output = *r.From.Output
	}
	return made, nil
}

func (d *digests) objectDigest() (hashing.Kind, []byte) { return d.kind, nil }

func (d *digests) work(from *source, b *block) error {
	w := &b.work
	w.text = w.text[:0]
	if b.object != nil {
		w.text = append(hex.AppendEncode(w.text, b.digest), '\n')
		return nil
	}
	w.inputs.Reset()
	for index := range b.Len() {
		var err error
		if w.bytes, err = from.appendItem(w.bytes[:0], b, index); err != nil {
			return err
		}
		w.inputs.Add(w.bytes)
	}
	hasher := d.hashers.Get().(*hashing.Hasher)
	defer d.hashers.Put(hasher)
	b.digest = hasher.AppendBatch(b.digest[:0], &w.inputs)
	size := d.kind.Size()
	for start := 0; start < len(b.digest); start += size {
		w.text = append(hex.AppendEncode(w.text, b.digest[start:start+size]), '\n')
	}
	return nil
}

func (d *digests) take(_ *source, b *block) error {
	d.output.Text = append(d.output.Text, b.work.text...)
	if d.Store == nil || len(d.output.Text) < partText {
		return nil
	}
	return d.writePart()
}

func (d *digests) key() string { return ResultPrefix(d.job.ID) + "digests.hex" }

func (d *digests) writePart() (err error) {
	if d.output.Upload == "" {
		if d.output.Upload, err = d.Store.Begin(d.ctx, d.key(), plain); err != nil {
			return err
		}
	}
	etag, err := d.Store.Part(d.ctx, d.key(), d.output.Upload, int32(len(d.output.ETags)+1), d.output.Text) // #nosec G115 -- at most 10,000
	if err != nil {
		return err
	}
	d.output.ETags, d.output.Text = append(d.output.ETags, etag), d.output.Text[:0]
	return nil
}

func (d *digests) pause(into *Checkpoint) error {
	into.Output = &d.output
	return nil
}

func (d *digests) finish(into *Step) error {
	result := &hashjob.DigestResult{Algorithm: d.kind.String()}
	into.Result.Digest = result
	if d.output.Upload == "" && (d.Store == nil || len(d.output.Text) <= inlineText) {
		result.Digests = []string{}
		if text := strings.TrimSuffix(string(d.output.Text), "\n"); text != "" {
			result.Digests = strings.Split(text, "\n")
		}
		return nil
	}
	stored, err := d.store()
	result.Object = &stored
	return err
}

func (d *digests) store() (hashjob.Location, error) {
	if d.output.Upload == "" {
		return d.Store.Put(d.ctx, d.key(), plain, d.output.Text, nil)
	}
	if len(d.output.Text) > 0 {
		if err := d.writePart(); err != nil {
			return hashjob.Location{}, err
		}
	}
	return d.Store.End(d.ctx, d.key(), d.output.Upload, d.output.ETags)
}
