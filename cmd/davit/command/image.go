package command

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"davit/cmd/davit/command/show"
	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/registry"
	"davit/shared/workload"
)

// beginningOfDigest is what may stand for a digest: at least six of its digits.
var beginningOfDigest = regexp.MustCompile(`^(sha256:)?[0-9a-f]{6,64}$`)

// finder describes an image by its digest, tagged or not.
type finder interface {
	Find(ctx context.Context, repository workload.Repository, digest string) (imagepolicy.Image, error)
}

// isNamed tells whether the text is the image's tag, its digest or the beginning of that.
func isNamed(text string, image ledger.Image) bool {
	if text == image.Tag {
		return true
	}
	return beginningOfDigest.MatchString(text) &&
		strings.HasPrefix(strings.TrimPrefix(image.Digest, "sha256:"), strings.TrimPrefix(text, "sha256:"))
}

// resolve finds the image that a human means by a tag, a digest or the beginning of one: among the images that the
// repository lists, then among those that were proved, then, for a whole digest, in the registry. A tag goes before the
// beginning of a digest.
func (s *session) resolve(ctx context.Context, seen sight, text string) (ledger.Image, error) {
	for _, listed := range seen.images {
		if slices.Contains(listed.Tags, text) {
			return ledger.Image{Digest: listed.Digest, Tag: text, PushedAt: listed.PushedAt}, nil
		}
	}
	found := map[string]ledger.Image{}
	for _, listed := range seen.images {
		image := ledger.Image{Digest: listed.Digest, PushedAt: listed.PushedAt}
		if image.Tag = seen.tagOf(image); isNamed(text, image) {
			found[image.Digest] = image
		}
	}
	for _, good := range seen.Record.Good {
		if _, already := found[good.Digest]; !already && isNamed(text, good) {
			found[good.Digest] = ledger.Image{Digest: good.Digest, Tag: good.Tag, PushedAt: good.PushedAt}
		}
	}
	switch len(found) {
	case 0:
		return s.findByDigest(ctx, seen, text)
	case 1:
		for _, image := range found {
			return image, nil
		}
	}
	var words []string
	for _, image := range found {
		words = append(words, show.Image(image.Tag, image.Digest))
	}
	slices.Sort(words)
	return ledger.Image{}, fmt.Errorf("%s: %q means several images: %s", seen.Record.Workload, text, strings.Join(words, ", "))
}

func (s *session) findByDigest(ctx context.Context, seen sight, text string) (ledger.Image, error) {
	lookup, able := s.Reconciler.Registry.(finder)
	if able && workload.ValidDigest(text) {
		image, err := lookup.Find(ctx, seen.target.Repository, text)
		if err == nil {
			return ledger.Image{Digest: image.Digest, PushedAt: image.PushedAt}, nil
		}
		if !errors.Is(err, registry.ErrNoImage) {
			return ledger.Image{}, fmt.Errorf("%s: %w", seen.Record.Workload, err)
		}
	}
	return ledger.Image{}, fmt.Errorf("%s: repository %s has no image %q; the newest are %s", seen.Record.Workload,
		seen.target.Repository.Name, text, newest(seen.images))
}

// newest names the five images that were pushed last.
func newest(images []imagepolicy.Image) string {
	if len(images) == 0 {
		return "none"
	}
	sorted := slices.Clone(images)
	slices.SortFunc(sorted, func(a, b imagepolicy.Image) int { return b.PushedAt.Compare(a.PushedAt) })
	var words []string
	for _, image := range sorted[:min(len(sorted), 5)] {
		words = append(words, show.Image(strings.Join(image.Tags, "/"), image.Digest))
	}
	return strings.Join(words, ", ")
}

// stillThere tells whether the registry has the image. Where it cannot tell, the image is taken for there, and the
// function's own check decides.
func (s *session) stillThere(ctx context.Context, seen sight, image ledger.Image) bool {
	if seen.listed(image.Digest) >= 0 {
		return true
	}
	lookup, able := s.Reconciler.Registry.(finder)
	if !able {
		return true
	}
	_, err := lookup.Find(ctx, seen.target.Repository, image.Digest)
	return !errors.Is(err, registry.ErrNoImage)
}
