package imagepolicy

import (
	"cmp"
	"errors"
	"strings"
)

// numericPolicy orders tags that are a prefix and a decimal number, highest first.
type numericPolicy struct {
	prefix string
	other  string
}

// parseNumeric reads the prefix, which may be empty.
func parseNumeric(argument string) (Policy, error) {
	if !validPrefix(argument) {
		return nil, errors.New("a tag cannot begin like this")
	}
	return numericPolicy{prefix: argument, other: "the tag is not " + argument + " and a number"}, nil
}

// validPrefix tells whether a tag can begin with the text and hold at least a character more.
func validPrefix(text string) bool { return text == "" || len(text) < maximumTag && validTag(text) }

// Rank orders by the numbers, highest first. Numbers may be of any size and may begin with zeros: 007 equals 7.
func (p numericPolicy) Rank(images []Image) Ranking {
	return rank(images, p.judge, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(b, a))
	})
}

// judge answers the number's digits without leading zeros, so that the longer one is greater and numbers of one length
// compare as text.
func (p numericPolicy) judge(tag string) (digits, reason string) {
	digits, found := strings.CutPrefix(tag, p.prefix)
	if !found || digits == "" {
		return "", p.other
	}
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return "", p.other
		}
	}
	return strings.TrimLeft(digits, "0"), ""
}

// Follows is false: a number is given once.
func (numericPolicy) Follows() bool { return false }

func (p numericPolicy) String() string { return "numeric:" + p.prefix }
