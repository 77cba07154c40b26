package imagepolicy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaximumExpression is how long an expression may be, in bytes. It is what a tag value of AWS holds.
const MaximumExpression = 256

// ErrExpression is wrapped by every error of Parse.
var ErrExpression = errors.New("not an image policy")

// kind is one kind of policy: how its argument is read, and an example for people who got it wrong.
type kind struct {
	example string
	parse   func(argument string) (Policy, error)
}

// namedKind names a policy of the configuration; it is the one kind that is not read from its argument alone.
const namedKind = "policy"

var kinds = map[string]kind{
	"semver":  {example: "semver:1.x", parse: parseSemver},
	"glob":    {example: "glob:prod-*", parse: parseGlob},
	"regex":   {example: "regex:main-[0-9a-f]+-(?P<order>[0-9]{8})", parse: parseRegex},
	"numeric": {example: "numeric:build-", parse: parseNumeric},
	"newest":  {example: "newest or newest:prod-", parse: parseNewest},
	"tag":     {example: "tag:latest", parse: parseTag},
}

// Parse reads an expression: KIND:ARGUMENT, where the argument may follow spaces and may be in quotation marks.
//
//	semver:1.x                 versions in a range, highest first
//	glob:prod-*                tags of a form, last pushed first
//	regex:main-([0-9]{8})      tags of a form, ordered as text by the group, or last pushed first where there is none
//	numeric:build-             tags that end in a number, highest first
//	newest, newest:prod-       last pushed first
//	tag:latest                 the image that carries the tag now
//	policy:NAME                the expression that named has under NAME
//
// Every error wraps ErrExpression, says what is wrong, and gives an example of what is right.
func Parse(expression string, named map[string]string) (Policy, error) {
	name, argument, err := split(expression)
	if err != nil {
		return nil, refuse(expression, err, "semver:1.x")
	}
	if name == namedKind {
		return parseNamed(expression, argument, named)
	}
	chosen, known := kinds[name]
	if !known {
		return nil, refuse(expression, fmt.Errorf("%q is no kind of policy; there are %s", abbreviate(name), kindNames()),
			"semver:1.x")
	}
	policy, err := chosen.parse(argument)
	if err != nil {
		return nil, refuse(expression, err, chosen.example)
	}
	return policy, nil
}

// split takes an expression apart. The argument comes without the spaces and the quotation marks around it.
func split(expression string) (name, argument string, err error) {
	switch {
	case len(expression) > MaximumExpression:
		return "", "", fmt.Errorf("it is %d characters long, more than %d", len(expression), MaximumExpression)
	case !utf8.ValidString(expression) || strings.ContainsFunc(expression, unicode.IsControl):
		return "", "", errors.New("it holds characters that cannot be printed")
	}
	name, argument, found := strings.Cut(strings.TrimSpace(expression), ":")
	name, argument = strings.TrimSpace(name), unquote(strings.TrimSpace(argument))
	switch {
	case name == "":
		return "", "", errors.New("it does not begin with the kind of policy")
	case strings.ContainsAny(argument, `"'`):
		return "", "", errors.New("a quotation mark is out of place")
	case found && argument == "" && name != "numeric":
		return "", "", errors.New("nothing follows the colon")
	case !found && name != "newest":
		return "", "", errors.New("it has no colon after the kind of policy")
	}
	return name, argument, nil
}

// unquote takes one pair of quotation marks off, and the spaces within.
func unquote(text string) string {
	for _, mark := range []string{`"`, `'`} {
		if len(text) >= 2 && strings.HasPrefix(text, mark) && strings.HasSuffix(text, mark) {
			return strings.TrimSpace(text[1 : len(text)-1])
		}
	}
	return text
}

func refuse(expression string, problem error, example string) error {
	return fmt.Errorf("%w: %q: %w; an example of one is %s", ErrExpression, abbreviate(expression), problem, example)
}

func kindNames() string {
	return strings.Join(append(slices.Sorted(maps.Keys(kinds)), namedKind), ", ")
}

// abbreviate keeps an error readable when the input was not.
func abbreviate(text string) string {
	const limit = 80
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
