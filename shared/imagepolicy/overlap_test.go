package imagepolicy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"davit/shared/imagepolicy"
)

func TestCanChoose(t *testing.T) {
	for _, test := range []struct {
		policy, form string
		want         bool
	}{
		{"semver:1.x", "pr-*", false},
		{"semver:1.x", "v*", true},
		{"semver:1.x", "v1.*", true},
		{"semver:1.x", "value-*", false},
		{"semver:1.x", "*-dev", true},
		{"semver:1.x", "2.0.0", false},
		{"semver:1.x", "1.2.0", true},
		{"newest", "pr-*", true},
		{"newest:prod-", "pr-*", false},
		{"newest:prod-", "p*", true},
		{"numeric:build-", "pr-*", false},
		{"numeric:build-", "build-1*", true},
		{"glob:prod-*", "pr-*", false},
		{"glob:p?od", "prod", true},
		{"glob:p?od", "pr*", true},
		{"tag:latest", "la*", true},
		{"tag:latest", "pr-*", false},
		{"regex:main-[0-9]+", "pr-*", false},
		{"regex:main-[0-9]+", "ma*", true},
		{"regex:(main|pr)-[0-9]+", "pr-*", true},
		{"policy:stable", "pr-*", false},
	} {
		t.Run(test.policy+" "+test.form, func(t *testing.T) {
			policy, err := imagepolicy.Parse(test.policy, map[string]string{"stable": "semver:1.x"})
			if err != nil {
				t.Fatal(err)
			}
			if have := imagepolicy.CanChoose(policy, test.form); have != test.want {
				t.Errorf("have %t", have)
			}
		})
	}
}

func TestWhatAPolicyChoosesItCanChoose(t *testing.T) {
	policies := []string{"semver:*", "newest", "newest:p", "numeric:1", "numeric:", "glob:*1", "glob:v[1-3].*", "tag:v1",
		"regex:(p|v)[0-9.]+", "regex:p.*", "regex:(?i)V1.*", "glob:v*.*.?", "glob:v[1-3]*"}
	rapid.Check(t, func(t *rapid.T) {
		policy, err := imagepolicy.Parse(rapid.SampledFrom(policies).Draw(t, "policy"), nil)
		if err != nil {
			t.Fatal(err)
		}
		tag := rapid.StringMatching(`[pv1][pv1.\-]{0,6}|v?1\.1\.[01]`).Draw(t, "tag")
		// A form of the tag: some part of it is any text.
		start := rapid.IntRange(0, len(tag)).Draw(t, "start")
		end := rapid.IntRange(start, len(tag)).Draw(t, "end")
		form := tag[:start] + strings.Repeat("*", min(1, end-start)) + tag[end:]
		chosen := policy.Rank([]imagepolicy.Image{{Digest: "sha256:" + strings.Repeat("0", 64), Tags: []string{tag}}}).Candidates
		if len(chosen) > 0 && !imagepolicy.CanChoose(policy, form) {
			t.Errorf("%s chooses %s, which is of the form %s", policy, tag, form)
		}
		matched := slices.ContainsFunc(imagepolicy.Forms(policy), func(form string) bool { return isOf(tag, form) })
		if len(chosen) > 0 && !matched {
			t.Errorf("%s chooses %s, which is of none of the forms %v", policy, tag, imagepolicy.Forms(policy))
		}
	})
}

// isOf matches as ECR does: * is any text, and nothing else is special.
func isOf(tag, form string) bool {
	expression := "^" + strings.ReplaceAll(regexp.QuoteMeta(form), `\*`, ".*") + "$"
	return regexp.MustCompile(expression).MatchString(tag)
}
