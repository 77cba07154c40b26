package ledger

import "unicode/utf8"

// MaximumReason is how many bytes of the reason a record keeps for an image that is set aside; the history has it
// whole. It keeps a record with MaximumSetAside of them below MaximumBytes.
const MaximumReason = 500

// AddGood puts an image that was proved by a completed rollout first among the good ones. A digest is there once, and
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

// IsSetAside tells whether the digest is not to be tried again, and why.
func (r Record) IsSetAside(digest string) (SetAside, bool) {
	for _, image := range r.SetAside {
		if image.Digest == digest {
			return image, true
		}
	}
	return SetAside{}, false
}

// Forgive lets the digest be tried again, or every digest where it is empty. It answers how many were forgiven. Copies
// of the record that were made before keep what they had.
func (r *Record) Forgive(digest string) int {
	var kept []SetAside
	for _, image := range r.SetAside {
		if digest != "" && image.Digest != digest {
			kept = append(kept, image)
		}
	}
	forgiven := len(r.SetAside) - len(kept)
	r.SetAside = kept
	return forgiven
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
