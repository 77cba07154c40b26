package ledger

import (
	"slices"
	"unicode/utf8"

	"davit/shared/workload"
)

// MaximumReason is how many bytes of the reason a record keeps for an image that is set aside; the history has it
// whole. It keeps a record with MaximumSetAside of them below MaximumBytes.
const MaximumReason = 500

// AddGood puts an image whose rollout completed first among the good ones. A digest is there once, and
// the oldest beyond MaximumGood are forgotten. Copies of the record that were made before keep what they had.
func (r *Record) AddGood(image Image) {
	r.Good = newestFirst(image, r.Good, MaximumGood, func(i Image) string { return i.Digest })
}

// AddSetAside puts an image first among those that are not tried again. A digest is there once, with its newest
// reason cut to MaximumReason, and the oldest beyond MaximumSetAside are forgotten. Copies of the record that were made
// before keep what they had.
func (r *Record) AddSetAside(image SetAside) {
	image.Reason = cut(image.Reason, MaximumReason)
	r.SetAside = newestFirst(image, r.SetAside, MaximumSetAside, func(s SetAside) string { return s.Digest })
}

// newestFirst answers a new list with the newest element first, each digest once, and at most limit elements.
func newestFirst[T any](newest T, older []T, limit int, digest func(T) string) []T {
	list := make([]T, 1, min(len(older)+1, limit))
	list[0] = newest
	for _, element := range older {
		if len(list) == limit {
			break
		}
		if digest(element) != digest(newest) {
			list = append(list, element)
		}
	}
	return list
}

// PassOver leaves the images behind for the sake of the request, beside what requests before left behind. Those that failed are
// set aside for that and stay so.
func (r *Record) PassOver(request Request, images []Image) {
	passed := PassedOver{Request: request, Images: []Image{}}
	if before := r.PassedOver; before != nil {
		images = slices.Concat(images, before.Images)
		if passed.RestBefore = before.RestBefore; !passed.RestBefore.IsZero() {
			passed.Forgiven = forgiving(before.Request.Image.Digest, before.Forgiven)
		}
	}
	for _, image := range images {
		if _, failed := r.failed(image.Digest); failed || image.Digest == request.Image.Digest || passed.names(image.Digest) {
			continue
		}
		if len(passed.Images) == MaximumPassedOver {
			passed.RestBefore, passed.Forgiven = request.Since(), nil
			break
		}
		passed.Images = append(passed.Images, image)
	}
	if r.PassedOver = nil; len(passed.Images) > 0 || !passed.RestBefore.IsZero() {
		r.PassedOver = &passed
	}
}

// IsSetAside tells whether the image is not to be tried again, and why.
func (r Record) IsSetAside(image Image) (SetAside, bool) {
	if failed, found := r.failed(image.Digest); found {
		return failed, true
	}
	if r.PassedOver != nil && r.PassedOver.passes(image) {
		return r.PassedOver.setAside(image), true
	}
	return SetAside{}, false
}

// AllSetAside are the images that are not to be tried again, those that failed or were superseded first.
func (r Record) AllSetAside() []SetAside {
	all := slices.Clone(r.SetAside)
	if r.PassedOver != nil {
		for _, image := range r.PassedOver.Images {
			all = append(all, r.PassedOver.setAside(image))
		}
	}
	return all
}

// Forgive lets the digest be tried again, or every image where it is empty. Copies of the record that were made before keep
// what they had.
func (r *Record) Forgive(digest string) {
	if digest == "" {
		r.SetAside, r.PassedOver = nil, nil
		return
	}
	r.SetAside = slices.DeleteFunc(slices.Clone(r.SetAside), func(aside SetAside) bool { return aside.Digest == digest })
	if r.PassedOver == nil {
		return
	}
	passed := *r.PassedOver
	passed.Images = slices.DeleteFunc(slices.Clone(passed.Images), func(image Image) bool { return image.Digest == digest })
	if !passed.RestBefore.IsZero() {
		passed.Forgiven = forgiving(digest, passed.Forgiven)
	}
	if r.PassedOver = &passed; len(passed.Images) == 0 && passed.RestBefore.IsZero() {
		r.PassedOver = nil
	}
}

func (r Record) failed(digest string) (SetAside, bool) {
	index := slices.IndexFunc(r.SetAside, func(aside SetAside) bool { return aside.Digest == digest })
	if index < 0 {
		return SetAside{}, false
	}
	return r.SetAside[index], true
}

// passes tells whether the request left the image behind. Of the rest that is not named only the push time tells: an old
// image whose tag is new counts as old.
func (p PassedOver) passes(image Image) bool {
	if p.names(image.Digest) {
		return true
	}
	excepted := image.Digest == p.Request.Image.Digest || slices.Contains(p.Forgiven, image.Digest)
	return !excepted && !image.PushedAt.IsZero() && !image.PushedAt.After(p.RestBefore)
}

func (p PassedOver) names(digest string) bool {
	return slices.ContainsFunc(p.Images, func(passed Image) bool { return passed.Digest == digest })
}

// forgiving is the list of what is forgiven with the digest.
func forgiving(digest string, forgiven []string) []string {
	return newestFirst(digest, forgiven, MaximumPassedOver, func(forgiven string) string { return forgiven })
}

func (p PassedOver) setAside(image Image) SetAside {
	image.At = p.Request.At
	asked := p.Request.Image.Tag
	if asked == "" {
		asked = workload.ShortDigest(p.Request.Image.Digest)
	}
	return SetAside{Image: image, Reason: cut(p.Request.Who+" went to "+asked+" instead: "+p.Request.Why, MaximumReason)}
}

// cut keeps at most limit bytes of the text, in whole characters, and shows where something is missing.
func cut(text string, limit int) string {
	const mark = "…"
	if len(text) <= limit {
		return text
	}
	end := limit - len(mark)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
