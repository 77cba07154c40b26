package imagepolicy

import (
	"errors"
	"strings"
)

// newestPolicy orders tagged images by push time. ECR's is that of the first push of the image: another tag for it, as a
// promotion gives, does not move it (github.com/aws/containers-roadmap/issues/214).
type newestPolicy struct {
	prefix string
	other  string
}

// parseNewest reads the prefix that tags must have; empty takes every tag.
func parseNewest(argument string) (Policy, error) {
	if !validPrefix(argument) {
		return nil, errors.New("a tag cannot begin like this")
	}
	return newestPolicy{prefix: argument, other: "the tag does not begin with " + argument}, nil
}

// Rank orders the tagged images, last pushed first.
func (p newestPolicy) Rank(images []Image) Ranking { return rank(images, p.judge, byPushTime) }

func (p newestPolicy) judge(tag string) (key struct{}, reason string) {
	if !strings.HasPrefix(tag, p.prefix) {
		return key, p.other
	}
	return key, ""
}

// Follows is false: an image that was pushed earlier is never newest.
func (newestPolicy) Follows() bool { return false }

func (p newestPolicy) String() string {
	if p.prefix == "" {
		return "newest"
	}
	return "newest:" + p.prefix
}
