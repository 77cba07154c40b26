package imagepolicy

import "errors"

// tagPolicy follows one mutable tag.
type tagPolicy struct {
	tag   string
	other string
}

// parseTag reads the tag's name.
func parseTag(argument string) (Policy, error) {
	if !validTag(argument) {
		return nil, errors.New("a tag is 1 to 128 letters, digits, '_', '.' and '-', the first not '.' or '-'")
	}
	return tagPolicy{tag: argument, other: "the tag is not " + argument}, nil
}

// Rank answers the image that carries the tag. A repository has at most one; should a listing that was read while the
// tag moved show it on two, the one pushed later comes first.
func (p tagPolicy) Rank(images []Image) Ranking { return rank(images, p.judge, byPushTime) }

func (p tagPolicy) judge(tag string) (key struct{}, reason string) {
	if tag != p.tag {
		return key, p.other
	}
	return key, ""
}

// Follows is true: what carries the tag is right, even an older image.
func (tagPolicy) Follows() bool { return true }

func (p tagPolicy) String() string { return "tag:" + p.tag }
