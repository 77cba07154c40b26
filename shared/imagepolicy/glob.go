package imagepolicy

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// globPolicy orders the tags of a form by push time.
type globPolicy struct {
	pattern string
	other   string
}

// parseGlob reads a pattern in the form of path.Match: * for any text, ? for one character, [a-z] for one of several.
func parseGlob(argument string) (Policy, error) {
	if strings.ContainsAny(argument, "/:@ ") {
		return nil, errors.New("a pattern is for the tag alone, which holds no '/', ':', '@' or space")
	}
	if _, err := path.Match(argument, ""); err != nil {
		return nil, fmt.Errorf("the pattern cannot be read: %w", err)
	}
	return globPolicy{pattern: argument, other: "the tag does not match " + argument}, nil
}

// Rank orders the matching tags, last pushed first.
func (p globPolicy) Rank(images []Image) Ranking { return rank(images, p.judge, byPushTime) }

func (p globPolicy) judge(tag string) (key struct{}, reason string) {
	if matched, err := path.Match(p.pattern, tag); err != nil || !matched {
		return key, p.other
	}
	return key, ""
}

// Follows is false: each image has a tag of its own.
func (globPolicy) Follows() bool { return false }

func (p globPolicy) String() string { return "glob:" + p.pattern }
