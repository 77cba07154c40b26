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

// hexadecimal are the digits of a digest.
const hexadecimal = "0123456789abcdef"

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
	known := seen.knownImages()
	found := eachOnce(known, func(image ledger.Image) bool { return isNamed(text, image) })
	switch len(found) {
	case 0:
		return s.findByDigest(ctx, seen, known, text)
	case 1:
		return found[0], nil
	}
	var words []string
	for _, image := range found {
		words = append(words, show.Image(image.Tag, image.Digest))
	}
	slices.Sort(words)
	return ledger.Image{}, fmt.Errorf("%s: %q means several images: %s; give more digits, or a tag", seen.Record.Workload, text,
		strings.Join(words, ", "))
}

// knownImages are those that the repository lists, then those that were proved, under the tags that they had then.
func (s sight) knownImages() []ledger.Image {
	var known []ledger.Image
	for _, listed := range s.images {
		image := ledger.Image{Digest: listed.Digest, PushedAt: listed.PushedAt}
		image.Tag = s.tagOf(image)
		known = append(known, image)
	}
	for _, good := range s.Record.Good {
		known = append(known, ledger.Image{Digest: good.Digest, Tag: good.Tag, PushedAt: good.PushedAt})
	}
	return known
}

// eachOnce are the wanted ones of the images, the first of each digest.
func eachOnce(images []ledger.Image, wanted func(ledger.Image) bool) []ledger.Image {
	var found []ledger.Image
	for _, image := range images {
		already := func(other ledger.Image) bool { return other.Digest == image.Digest }
		if wanted(image) && !slices.ContainsFunc(found, already) {
			found = append(found, image)
		}
	}
	return found
}

// misnamed says why the text names none of the images, and which one it may mean.
func misnamed(text string, images []ledger.Image) string {
	digits, isDigest := strings.CutPrefix(text, "sha256:")
	lower := strings.ToLower(digits)
	isDigest = isDigest || strings.Trim(lower, hexadecimal) == ""
	var fault string
	switch {
	case strings.ContainsAny(digits, ":@/"):
		return "the tag or the digest is wanted alone, without the repository"
	case !isDigest:
		return "none has this tag"
	case strings.Trim(digits, hexadecimal) != "":
		fault = "a digest is written in digits and the small letters a to f"
	case len(digits) < 6:
		fault = "none has this tag, and of a digest at least six digits are wanted"
	case len(digits) > 64:
		fault = fmt.Sprintf("a digest has 64 digits, and this has %d", len(digits))
	default:
		fault = "none has a digest that begins so"
	}
	begun := eachOnce(images, func(image ledger.Image) bool { return strings.HasPrefix(image.Digest, "sha256:"+lower) })
	if len(begun) == 1 && lower != "" {
		fault += "; did you mean " + strings.TrimSpace(begun[0].Tag+" "+begun[0].Digest) + "?"
	}
	return fault
}

func (s *session) findByDigest(ctx context.Context, seen sight, known []ledger.Image, text string) (ledger.Image, error) {
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
	return ledger.Image{}, fmt.Errorf("%s: repository %s has no image %q: %s\nThe newest are %s; davit explain %s shows them all",
		seen.Record.Workload, seen.target.Repository.Name, text, misnamed(text, known), newest(seen.images), seen.Record.Workload)
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
