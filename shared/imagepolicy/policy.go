// Package imagepolicy decides which of a repository's images qualify for a workload, and in what order. Each kind of
// policy has a file of its own.
package imagepolicy

import "time"

// Image is one image of a repository, as the registry lists it.
type Image struct {
	// Digest is the manifest's digest, "sha256:" and 64 hexadecimal digits.
	Digest string `json:"digest"`
	// Tags are all the tags that point at the digest now, in any order; untagged images have none.
	Tags []string `json:"tags,omitempty"`
	// PushedAt is when the registry received the image, to the second.
	PushedAt time.Time `json:"pushedAt"`
	// ArtifactMediaType is the media type of the manifest's configuration; it tells signatures and the like from
	// images. Empty is taken for an image.
	ArtifactMediaType string `json:"artifactMediaType,omitempty"`
}

// Candidate is an image that qualifies, under the tag that made it qualify.
type Candidate struct {
	Digest   string    `json:"digest"`
	Tag      string    `json:"tag"`
	PushedAt time.Time `json:"pushedAt"`
}

// LeftOut is an image that does not qualify, with the reason in words that follow "because".
type LeftOut struct {
	Digest string `json:"digest"`
	// Tag is the tag that was judged; empty for an untagged image.
	Tag    string `json:"tag,omitempty"`
	Reason string `json:"reason"`
}

// Ranking is a policy's answer. Every image given appears in it: in Candidates once, or in LeftOut for each of its
// tags (once, if it has none). A digest that qualifies by several tags is one candidate, under its best tag; its other
// tags are not listed as left out.
type Ranking struct {
	// Candidates are best first. Equal versions are ordered by push time, later first, and then by digest, so that the
	// order never depends on the order of the input.
	Candidates []Candidate `json:"candidates"`
	LeftOut    []LeftOut   `json:"leftOut,omitempty"`
}

// Policy ranks images.
type Policy interface {
	// Rank orders the images. It never fails: what it cannot judge it leaves out, with the reason.
	Rank(images []Image) Ranking
	// Follows is true of a policy that follows a mutable tag: what carries the tag now is right, whatever ran before,
	// even when that is an older image.
	Follows() bool
	// String is the expression that Parse reads.
	String() string
}
