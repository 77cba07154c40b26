package imagepolicy

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// semverPolicy orders semantic versions within a range, highest first.
type semverPolicy struct {
	text       string
	constraint *semver.Constraints
	// anyRelease is the constraint with pre-releases let in; it serves to give the right reason.
	anyRelease semver.Constraints
	outside    string
}

const (
	reasonNotVersion = "the tag is not a semantic version of the form 1.2.3"
	reasonPreRelease = "it is a pre-release and the range names none"
)

// parseSemver reads a range such as "1.x", "~1.4", ">=1.4 <2" or "1.x || 3.x".
//
// A tag is a version where it is MAJOR.MINOR.PATCH, a "v" before it or not. Tags such as "1" and "1.4" are no versions:
// by custom they move from release to release. A pre-release qualifies only where the part of the range that lets it in
// names a pre-release itself: ">=1.4.0-0 <2.0.0-0". (">=1.4.0-0 <2" lets 2.0.0-rc.1 in, which is lower than 2.) Since a
// tag cannot hold the "+" of build metadata, an underscore stands for it, as in Helm; metadata is ignored in the order
// (semver.org, item 10).
func parseSemver(argument string) (Policy, error) {
	constraint, err := semver.NewConstraint(argument)
	if err != nil {
		return nil, fmt.Errorf("the range of versions cannot be read: %w", err)
	}
	policy := semverPolicy{text: argument, constraint: constraint, anyRelease: *constraint}
	policy.anyRelease.IncludePrerelease = true
	policy.outside = "the version is outside of the range " + argument
	return policy, nil
}

// Rank orders versions, highest first.
func (p semverPolicy) Rank(images []Image) Ranking {
	return rank(images, p.judge, func(a, b *semver.Version) int { return b.Compare(a) })
}

func (p semverPolicy) judge(tag string) (version *semver.Version, reason string) {
	version, err := semver.StrictNewVersion(strings.Replace(strings.TrimPrefix(tag, "v"), "_", "+", 1))
	switch {
	case err != nil:
		return nil, reasonNotVersion
	case p.constraint.Check(version):
		return version, ""
	case version.Prerelease() != "" && p.anyRelease.Check(version):
		return nil, reasonPreRelease
	}
	return nil, p.outside
}

// Follows is false: a version is tagged once.
func (semverPolicy) Follows() bool { return false }

func (p semverPolicy) String() string { return "semver:" + p.text }
