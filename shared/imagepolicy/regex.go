package imagepolicy

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// regexPolicy orders the tags of a form as text by a group, or by push time where the expression has none. As text 9 is above
// 10: what is counted belongs to numeric, and dates and times written with zeros to this.
type regexPolicy struct {
	text       string
	expression *regexp.Regexp
	// group is the number of the group that orders; 0 where there is none.
	group int
	other string
}

const (
	// maximumRegexSize bounds the size of the compiled expression, in instructions of about a character each. With it,
	// ranking 10,000 tags takes some ten seconds at the worst, whatever the expression; usual ones take milliseconds.
	maximumRegexSize = 256
	// orderGroup is the name of the group that orders, where it is not the first one.
	orderGroup = "order"
)

// parseRegex reads an RE2 expression, which must match the whole tag.
func parseRegex(argument string) (Policy, error) {
	tree, err := syntax.Parse(argument, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the expression cannot be read: %w", err)
	}
	if size(tree) > maximumRegexSize {
		return nil, errors.New("the expression repeats too much")
	}
	expression, err := regexp.Compile(`^(?:` + argument + `)$`)
	if err != nil {
		return nil, fmt.Errorf("the expression cannot be read: %w", err)
	}
	return regexPolicy{
		text:       argument,
		expression: expression,
		group:      orderingGroup(expression),
		other:      "the tag does not match " + argument,
	}, nil
}

// orderingGroup is the group named order, or the first, or 0.
func orderingGroup(expression *regexp.Regexp) int {
	if group := expression.SubexpIndex(orderGroup); group > 0 {
		return group
	}
	return min(expression.NumSubexp(), 1)
}

// size is how many instructions an expression compiles to, near enough, and no more than just above the limit.
func size(tree *syntax.Regexp) int {
	total := len(tree.Rune)
	if tree.Op == syntax.OpCharClass {
		total = 1
	}
	for _, part := range tree.Sub {
		total = min(total+size(part), maximumRegexSize+1)
	}
	if tree.Op == syntax.OpRepeat {
		total *= max(tree.Min, tree.Max, 1)
	}
	return min(total+1, maximumRegexSize+1)
}

// Rank orders the matching tags by the group, as text and the last first, or last pushed first.
func (p regexPolicy) Rank(images []Image) Ranking {
	return rank(images, p.judge, func(a, b string) int { return strings.Compare(b, a) })
}

func (p regexPolicy) judge(tag string) (order, reason string) {
	if p.group == 0 {
		if !p.expression.MatchString(tag) {
			return "", p.other
		}
		return "", ""
	}
	places := p.expression.FindStringSubmatchIndex(tag)
	if places == nil {
		return "", p.other
	}
	start, end := places[2*p.group], places[2*p.group+1]
	if slices.Min(places[2*p.group:2*p.group+2]) < 0 {
		return "", "the group that orders does not take part in the match"
	}
	return tag[start:end], ""
}

// Follows is false: each image has a tag of its own.
func (regexPolicy) Follows() bool { return false }

func (p regexPolicy) String() string { return "regex:" + p.text }
