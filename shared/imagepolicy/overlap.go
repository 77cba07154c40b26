package imagepolicy

import (
	"regexp"
	"strings"
)

// CanChoose tells whether the policy could choose an image by a tag of the form, which has * for any text, as in the
// patterns of Amazon ECR. Where that cannot be told it answers true: the answer is for rules that delete images.
func CanChoose(policy Policy, form string) bool {
	beginning, _, open := strings.Cut(form, "*")
	if !open {
		return len(policy.Rank([]Image{{Digest: "sha256:" + strings.Repeat("0", 64), Tags: []string{form}}}).Candidates) > 0
	}
	switch policy := policy.(type) {
	case namedPolicy:
		return CanChoose(policy.Policy, form)
	case semverPolicy:
		number := strings.TrimPrefix(beginning, "v")
		return number == "" || isDigit(number[0])
	case newestPolicy:
		return meet(beginning, policy.prefix)
	case numericPolicy:
		return meet(beginning, policy.prefix)
	case globPolicy:
		return meet(beginning, untilAny(policy.pattern, `*?[\`))
	case tagPolicy:
		return strings.HasPrefix(policy.tag, beginning)
	case regexPolicy:
		unanchored, err := regexp.Compile(policy.text)
		if err != nil {
			return true
		}
		prefix, _ := unanchored.LiteralPrefix()
		return meet(beginning, prefix)
	}
	return true
}

// meet tells whether a text can begin with both.
func meet(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

// untilAny is the text before the first of the characters.
func untilAny(text, characters string) string {
	if end := strings.IndexAny(text, characters); end >= 0 {
		return text[:end]
	}
	return text
}

// Forms are patterns of Amazon ECR, with * for any text, that together match every tag by which the policy can choose an
// image, and often more. ECR takes at most four * in one
// (docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html).
func Forms(policy Policy) []string {
	switch policy := policy.(type) {
	case namedPolicy:
		return Forms(policy.Policy)
	case semverPolicy:
		return []string{"*.*.*"}
	case newestPolicy:
		return []string{policy.prefix + "*"}
	case numericPolicy:
		return []string{policy.prefix + "*"}
	case globPolicy:
		return []string{globForm(policy.pattern)}
	case tagPolicy:
		return []string{policy.tag}
	case regexPolicy:
		if unanchored, err := regexp.Compile(policy.text); err == nil {
			prefix, _ := unanchored.LiteralPrefix()
			return []string{prefix + "*"}
		}
	}
	return []string{"*"}
}

// globForm is a glob as a pattern of ECR: as it is where it has nothing but a few *, or else its beginning.
func globForm(pattern string) string {
	if strings.ContainsAny(pattern, `?[\`) || strings.Count(pattern, "*") > 4 {
		return untilAny(pattern, `*?[\`) + "*"
	}
	return pattern
}
