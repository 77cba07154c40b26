package imagepolicy

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// digest is the digest of a number.
func digest(number int) string { return fmt.Sprintf("sha256:%064x", number) }

// pushed is an image with its tags, pushed some minutes after noon.
func pushed(number, minutes int, tags ...string) Image {
	return Image{Digest: digest(number), Tags: tags, PushedAt: noon.Add(time.Duration(minutes) * time.Minute)}
}

func mustParse(t interface {
	Helper()
	Fatal(...any)
}, expression string) Policy {
	t.Helper()
	policy, err := Parse(expression, nil)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// tags are those of the candidates, best first.
func tags(ranking Ranking) string {
	var list []string
	for _, candidate := range ranking.Candidates {
		list = append(list, candidate.Tag)
	}
	return strings.Join(list, " ")
}

func reasons(ranking Ranking) map[string]string {
	list := map[string]string{}
	for _, left := range ranking.LeftOut {
		list[left.Tag] = left.Reason
	}
	return list
}

// eachAlone makes an image of each tag; a later one in the list was pushed later.
func eachAlone(tags ...string) []Image {
	var images []Image
	for i, tag := range tags {
		images = append(images, pushed(i+1, i, tag))
	}
	return images
}

func TestPoliciesOrderWhatQualifies(t *testing.T) {
	hash := strings.Repeat("a", 64)
	for _, test := range []struct {
		name, expression string
		images           []Image
		want             string
	}{
		{"versions, whatever was pushed last", "semver:1.x", eachAlone("1.10.0", "1.2.0", "1.9.9"), "1.10.0 1.9.9 1.2.0"},
		{"versions with and without a v", "semver:1.x", eachAlone("v1.2.0", "1.3.0"), "1.3.0 v1.2.0"},
		{"versions within two bounds", "semver:>=1.4 <2", eachAlone("1.3.9", "1.4.0", "2.0.0", "1.9.0"), "1.9.0 1.4.0"},
		{"versions of either range", "semver:1.x || 3.x", eachAlone("1.0.0", "2.0.0", "3.0.0"), "3.0.0 1.0.0"},
		{"no pre-release unless asked for", "semver:1.x", eachAlone("1.0.0", "1.1.0-rc.1"), "1.0.0"},
		{"pre-releases where the range names one", "semver:>=1.0.0-0", eachAlone("1.0.0", "1.1.0-rc.1", "1.1.0-rc.2"),
			"1.1.0-rc.2 1.1.0-rc.1 1.0.0"},
		{"pre-releases by number and not as text", "semver:>=1.0.0-0", eachAlone("1.0.0-rc.9", "1.0.0-rc.10", "1.0.0"),
			"1.0.0 1.0.0-rc.10 1.0.0-rc.9"},
		{"metadata counts for nothing, push time decides", "semver:1.x", eachAlone("1.0.0_z", "1.0.0_a", "1.0.0"),
			"1.0.0 1.0.0_a 1.0.0_z"},
		{"pre-releases up to where the range ends", "semver:>=1.4.0-0 <2.0.0-0",
			eachAlone("2.0.0-rc.1", "1.9.0", "1.9.1-rc.1"), "1.9.1-rc.1 1.9.0"},
		{"versions above 2^53", "semver:1.x", eachAlone("1.0.9007199254740992", "1.0.9007199254740993"),
			"1.0.9007199254740993 1.0.9007199254740992"},
		{"numbers as numbers", "numeric:build-", eachAlone("build-10", "build-9", "build-100"), "build-100 build-10 build-9"},
		{"numbers beyond any machine word", "numeric:",
			eachAlone("340282366920938463463374607431768211456", "9", "340282366920938463463374607431768211457"),
			"340282366920938463463374607431768211457 340282366920938463463374607431768211456 9"},
		{"numbers with zeros before them", "numeric:", eachAlone("0010", "9", "000", "011"), "011 0010 9 000"},
		{"equal numbers by push time", "numeric:", eachAlone("7", "007", "07"), "07 007 7"},
		{"a prefix that ends in a digit", "numeric:v1.", eachAlone("v1.2", "v1.10", "v11"), "v1.10 v1.2"},
		{"a pattern by push time", "glob:prod-*", eachAlone("prod-z", "test-a", "prod-a"), "prod-a prod-z"},
		{"a pattern with a set", "glob:[ab]?", eachAlone("a1", "b", "c1", "b2"), "b2 a1"},
		{"an expression by push time", "regex:main-[0-9a-f]{7}", eachAlone("main-0000000", "main-fffffff", "main-1"),
			"main-fffffff main-0000000"},
		{"an expression by its group", "regex:main-[a-z]+-([0-9]+)", eachAlone("main-a-20261122", "main-z-20261121"),
			"main-a-20261122 main-z-20261121"},
		{"a group is text and no number", "regex:b([0-9]+)", eachAlone("b10", "b9"), "b9 b10"},
		{"the group named order", "regex:([a-z]+)-(?P<order>[0-9]+)", eachAlone("z-1", "a-2"), "a-2 z-1"},
		{"an expression for the whole tag", "regex:a|b", eachAlone("a", "b", "ab", "xa"), "b a"},
		{"an expression for whole digests", "regex:[0-9a-f]{64}-[0-9]{14}",
			eachAlone(hash+"-20261122120000", hash), hash + "-20261122120000"},
		{"an expression with a flag", "regex:(?i)PROD-.*", eachAlone("prod-1"), "prod-1"},
		{"equal groups by push time", "regex:([0-9])-.*", eachAlone("1-b", "1-c", "1-a"), "1-a 1-c 1-b"},
		{"the newest", "newest", eachAlone("z", "a", "m"), "m a z"},
		{"the newest with a prefix", "newest:prod-", eachAlone("prod-1", "prod-2", "test-3"), "prod-2 prod-1"},
		{"a tag", "tag:latest", eachAlone("1.0.0", "latest", "latest-2"), "latest"},
		{"a tag on an older image", "tag:latest", []Image{pushed(1, 0, "latest"), pushed(2, 1, "next")}, "latest"},
		{"equal push times by digest", "newest", []Image{pushed(3, 0, "c"), pushed(1, 0, "a"), pushed(2, 0, "b")}, "a b c"},
		{"no signatures", "newest", eachAlone("app", "sha256-"+hash, "sha256-"+hash+".sig", "sha256-"+hash+".att",
			"sha256-"+hash+".sbom"), "app"},
		{"tags that only look like signatures", "newest", eachAlone("sha256-"+hash[1:], "sha256-"+hash+".txt"),
			"sha256-" + hash + ".txt sha256-" + hash[1:]},
		{"an image under its best tag", "semver:1.x", []Image{pushed(1, 0, "1.0.0", "1.2.0", "latest", "1.1.0")}, "1.2.0"},
		{"equal tags of an image by their text", "semver:1.x", []Image{pushed(1, 0, "v1.0.0", "1.0.0")}, "1.0.0"},
		{"nothing of nothing", "newest", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := tags(mustParse(t, test.expression).Rank(test.images)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestPoliciesSayWhyATagIsLeftOut(t *testing.T) {
	signature := "sha256-" + strings.Repeat("0", 64) + ".sig"
	for _, test := range []struct{ name, expression, tag, want string }{
		{"not a version", "semver:1.x", "latest", reasonNotVersion},
		{"half a version, which moves", "semver:1.x", "1.2", reasonNotVersion},
		{"leading zeros", "semver:1.x", "1.02.3", reasonNotVersion},
		{"a number too large for a version", "semver:1.x", "1.0.99999999999999999999999", reasonNotVersion},
		{"two prefixes", "semver:1.x", "vv1.0.0", reasonNotVersion},
		{"out of range", "semver:1.x", "2.0.0", "the version is outside of the range 1.x"},
		{"a pre-release", "semver:1.x", "1.0.1-rc.1", reasonPreRelease},
		{"a pre-release that is out of range anyway", "semver:1.x", "2.1.0-rc.1", "the version is outside of the range 1.x"},
		{"another pattern", "glob:prod-*", "test-1", "the tag does not match prod-*"},
		{"another form", "regex:a+", "b", "the tag does not match a+"},
		{"another form with a group", "regex:a(b+)", "a", "the tag does not match a(b+)"},
		{"a group that is not there", "regex:a(b)?", "a", "the group that orders does not take part in the match"},
		{"no number", "numeric:b-", "b-", "the tag is not b- and a number"},
		{"a negative number", "numeric:b", "b-1", "the tag is not b and a number"},
		{"digits of another script", "numeric:b", "b１", reasonTag},
		{"another prefix", "newest:prod-", "test-1", "the tag does not begin with prod-"},
		{"another tag", "tag:latest", "latest2", "the tag is not latest"},
		{"no tag at all", "newest", "a/b", reasonTag},
		{"an empty tag", "newest", "", reasonTag},
		{"a tag that begins with a hyphen", "glob:*", "-a", reasonTag},
		{"a tag that is too long", "regex:.*", strings.Repeat("a", 129), reasonTag},
		{"a signature", "newest", signature, reasonSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			ranking := mustParse(t, test.expression).Rank([]Image{pushed(1, 0, test.tag)})
			want := Ranking{Candidates: []Candidate{}, LeftOut: []LeftOut{{digest(1), test.tag, test.want}}}
			if difference := gocmp.Diff(want, ranking); difference != "" {
				t.Errorf("ranking differs (-want +got):\n%s", difference)
			}
		})
	}
}

func TestPoliciesSayWhyAnImageIsLeftOut(t *testing.T) {
	for _, test := range []struct {
		name  string
		image Image
		want  string
	}{
		{"untagged", Image{Digest: digest(1)}, reasonUntagged},
		{"no digest", Image{Tags: []string{"a"}}, reasonDigest},
		{"a digest of another kind", Image{Digest: "sha512:" + strings.Repeat("0", 64), Tags: []string{"a"}}, reasonDigest},
		{"a short digest", Image{Digest: digest(1)[:70], Tags: []string{"a"}}, reasonDigest},
		{"a digest in capitals", Image{Digest: "sha256:" + strings.Repeat("A", 64), Tags: []string{"a"}}, reasonDigest},
		{"a chart", Image{Digest: digest(1), Tags: []string{"a"},
			ArtifactMediaType: "application/vnd.cncf.helm.config.v1+json"}, reasonNotImage},
		{"an untagged signature", Image{Digest: digest(1),
			ArtifactMediaType: "application/vnd.dev.cosign.artifact.sig.v1+json"}, reasonNotImage},
	} {
		t.Run(test.name, func(t *testing.T) {
			ranking := mustParse(t, "newest").Rank([]Image{test.image})
			if len(ranking.Candidates) != 0 || len(ranking.LeftOut) != 1 || ranking.LeftOut[0].Reason != test.want ||
				ranking.LeftOut[0].Digest != test.image.Digest {
				t.Errorf("got %+v, want it left out because %q", ranking, test.want)
			}
		})
	}
}

func TestEveryMediaTypeOfAnImageIsAnImage(t *testing.T) {
	for _, mediaType := range []string{
		"",
		"application/vnd.docker.container.image.v1+json",
		"application/vnd.oci.image.config.v1+json",
		"application/vnd.oci.image.index.v1+json",
		"application/vnd.oci.image.manifest.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json",
		"application/vnd.docker.distribution.manifest.list.v2+json",
	} {
		image := pushed(1, 0, "a")
		image.ArtifactMediaType = mediaType
		if got := tags(mustParse(t, "newest").Rank([]Image{image})); got != "a" {
			t.Errorf("%q: got %q", mediaType, got)
		}
	}
}

func TestOneOddTagSpoilsNothing(t *testing.T) {
	images := eachAlone("build-7", "build-", "build-99999999999999999999999999", "build-1e9", "build--1", "build-0x10")
	ranking := mustParse(t, "numeric:build-").Rank(images)
	if got, want := tags(ranking), "build-99999999999999999999999999 build-7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(reasons(ranking)) != 4 {
		t.Errorf("left out %v", ranking.LeftOut)
	}
}

func TestAnImageListedTwiceIsOneImage(t *testing.T) {
	early, late := pushed(1, 0, "1.0.0", "old"), pushed(1, 5, "1.1.0")
	for _, images := range [][]Image{{early, late, pushed(2, 9, "0.1.0")}, {pushed(2, 9, "0.1.0"), late, early}} {
		ranking := mustParse(t, "semver:1.x").Rank(images)
		want := Ranking{
			Candidates: []Candidate{{Digest: digest(1), Tag: "1.1.0", PushedAt: noon.Add(5 * time.Minute)}},
			LeftOut:    []LeftOut{{digest(2), "0.1.0", "the version is outside of the range 1.x"}},
		}
		if difference := gocmp.Diff(want, ranking); difference != "" {
			t.Errorf("ranking differs (-want +got):\n%s", difference)
		}
	}
	if !slices.Equal(early.Tags, []string{"1.0.0", "old"}) {
		t.Errorf("the image given was changed to %v", early.Tags)
	}
}

func TestOnlyAMutableTagIsFollowed(t *testing.T) {
	named := map[string]string{"moving": "tag:latest", "fixed": "semver:1.x"}
	for expression, want := range map[string]bool{
		"semver:1.x": false, "glob:*": false, "regex:a": false, "numeric:": false, "newest": false, "newest:a": false,
		"tag:latest": true, "policy:moving": true, "policy:fixed": false,
	} {
		policy, err := Parse(expression, named)
		if err != nil {
			t.Fatal(err)
		}
		if policy.Follows() != want {
			t.Errorf("%s: follows %t, want %t", expression, policy.Follows(), want)
		}
	}
}

func TestParseReadsWhatConfigurationsWrite(t *testing.T) {
	named := map[string]string{"stable": `semver: ">=1.4 <2"`}
	for written, want := range map[string]string{
		`semver:1.x`:                  "semver:1.x",
		`semver: ">=1.4 <2"`:          "semver:>=1.4 <2",
		`semver: '>=1.4 <2'`:          "semver:>=1.4 <2",
		"  semver :  1.x  ":           "semver:1.x",
		`glob: "prod-*"`:              "glob:prod-*",
		`regex: ^main-(?P<order>\d+)`: `regex:^main-(?P<order>\d+)`,
		`regex:a:b`:                   "regex:a:b",
		`numeric:`:                    "numeric:",
		`numeric: build-`:             "numeric:build-",
		`newest`:                      "newest",
		` newest `:                    "newest",
		`newest: " prod- "`:           "newest:prod-",
		`tag: latest`:                 "tag:latest",
		`policy: stable`:              "policy:stable",
	} {
		policy, err := Parse(written, named)
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		if policy.String() != want {
			t.Errorf("%s: got %q, want %q", written, policy, want)
		}
	}
}

func TestParseSaysWhatIsWrongAndWhatIsRight(t *testing.T) {
	many := map[string]string{}
	for i := range 12 {
		many[fmt.Sprintf("p%02d", i)] = "newest"
	}
	named := map[string]string{"stable": "semver:1.x", "broken": "semver:x.y", "loop": "policy:loop",
		"next": " policy : stable"}
	for _, test := range []struct {
		name, expression string
		named            map[string]string
		problem, example string
	}{
		{"nothing", "", nil, "does not begin with the kind", "semver:1.x"},
		{"only spaces", "   ", nil, "does not begin with the kind", "semver:1.x"},
		{"a bare tag", "latest", nil, "no colon", "semver:1.x"},
		{"an unknown kind", "latest:1", nil, `"latest" is no kind of policy; there are glob, newest, numeric,`, "semver:1.x"},
		{"a kind in capitals", "SemVer:1.x", nil, "is no kind of policy", "semver:1.x"},
		{"too long", "glob:" + strings.Repeat("a", MaximumExpression), nil, "261 characters long, more than 256", "semver:1.x"},
		{"not to be printed", "glob:a\x00", nil, "cannot be printed", "semver:1.x"},
		{"not UTF-8", "glob:\xff", nil, "cannot be printed", "semver:1.x"},
		{"no range", "semver:", nil, "nothing follows the colon", "semver:1.x"},
		{"a quoted nothing", `glob:""`, nil, "nothing follows the colon", "semver:1.x"},
		{"a quotation mark that stays open", `glob:"a`, nil, "quotation mark", "semver:1.x"},
		{"a range that is none", "semver:x.y", nil, "range of versions cannot be read", "semver:1.x"},
		{"a pattern that stays open", "glob:[a", nil, "pattern cannot be read", "glob:prod-*"},
		{"a pattern for image names", "glob:web:prod-*", nil, "for the tag alone", "glob:prod-*"},
		{"an expression that stays open", "regex:(a", nil, "expression cannot be read", "regex:main-"},
		{"an expression that closes too much", "regex:a)|(b", nil, "expression cannot be read", "regex:main-"},
		{"an expression that looks back", "regex:(?<!a)b", nil, "expression cannot be read", "regex:main-"},
		{"an expression that explodes", "regex:([a-z]*[0-9]*){60}", nil, "repeats too much", "regex:main-"},
		{"a number that a tag cannot begin with", "numeric:/", nil, "a tag cannot begin like this", "numeric:build-"},
		{"a prefix as long as a tag", "newest:" + strings.Repeat("a", 128), nil, "a tag cannot begin", "newest:prod-"},
		{"newest with an open end", "newest:", nil, "nothing follows the colon", "semver:1.x"},
		{"a tag that is none", "tag:a/b", nil, "1 to 128 letters", "tag:latest"},
		{"a name without a configuration", "policy:stable", nil, "they have none at all", "policy:stable"},
		{"an unknown name", "policy:unknown", named, "they have broken, loop, next, stable", "policy:stable"},
		{"an unknown name of many", "policy:unknown", many, "p09 and 2 more", "policy:stable"},
		{"a name that is none", "policy:a b", named, "a name is 1 to 64 letters", "policy:stable"},
		{"a name of a broken policy", "policy:broken", named, "range of versions cannot be read", "semver:1.x"},
		{"a name of itself", "policy:loop", named, "must not name another", "semver:1.x"},
		{"a name of a name", "policy:next", named, "must not name another", "semver:1.x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy, err := Parse(test.expression, test.named)
			if policy != nil || !errors.Is(err, ErrExpression) {
				t.Fatalf("got %v, %v; want an error that wraps ErrExpression", policy, err)
			}
			if !strings.Contains(err.Error(), test.problem) || !strings.Contains(err.Error(), test.example) {
				t.Errorf("%q does not say %q and give the example %q", err, test.problem, test.example)
			}
		})
	}
}

// images draws a repository's images, odd ones among them.
func images(t *rapid.T) []Image {
	tag := rapid.OneOf(
		rapid.StringMatching(`v?[0-3]\.[0-3]\.[0-3](-rc\.[0-9])?(_[a-z])?`),
		rapid.StringMatching(`build-0{0,3}[0-9]{1,24}`),
		rapid.StringMatching(`prod-[a-c]`),
		rapid.SampledFrom([]string{"latest", "", "a/b", "sha256-" + strings.Repeat("0", 64) + ".sig", "build-", "-x"}),
		rapid.String(),
	)
	mediaType := rapid.SampledFrom([]string{"", "", "", "application/vnd.oci.image.config.v1+json", "text/plain"})
	image := rapid.Custom(func(t *rapid.T) Image {
		drawn := Image{
			Digest:            digest(rapid.IntRange(0, 30).Draw(t, "digest")),
			Tags:              rapid.SliceOfN(tag, 0, 4).Draw(t, "tags"),
			PushedAt:          noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "minutes")) * time.Minute),
			ArtifactMediaType: mediaType.Draw(t, "media type"),
		}
		if rapid.IntRange(0, 9).Draw(t, "odd digest") == 0 {
			drawn.Digest = rapid.String().Draw(t, "other digest")
		}
		return drawn
	})
	return rapid.SliceOfN(image, 0, 12).Draw(t, "images")
}

var expressions = []string{"semver:1.x", "semver:>=0.0.0-0", "numeric:build-", "numeric:", "glob:prod-*", "glob:*",
	"regex:build-([0-9]+)", "regex:.*", "regex:(a)?.*", "newest", "newest:build-", "tag:latest"}

func TestRankingKeepsItsContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := mustParse(t, rapid.SampledFrom(expressions).Draw(t, "expression"))
		given := images(t)
		ranking := policy.Rank(given)
		checkContract(t, given, ranking)
		shuffled := rapid.Permutation(given).Draw(t, "shuffled")
		for i := range shuffled {
			shuffled[i].Tags = rapid.Permutation(shuffled[i].Tags).Draw(t, "shuffled tags")
		}
		if difference := gocmp.Diff(ranking, policy.Rank(shuffled)); difference != "" {
			t.Fatalf("the ranking depends on the order of the input:\n%s", difference)
		}
	})
}

// checkContract holds a ranking against what Ranking promises.
func checkContract(t interface{ Fatalf(string, ...any) }, given []Image, ranking Ranking) {
	tagged, candidates := map[string]map[string]bool{}, map[string]bool{}
	for _, image := range given {
		if tagged[image.Digest] == nil {
			tagged[image.Digest] = map[string]bool{}
		}
		for _, tag := range image.Tags {
			tagged[image.Digest][tag] = true
		}
	}
	for _, candidate := range ranking.Candidates {
		if candidates[candidate.Digest] || !tagged[candidate.Digest][candidate.Tag] {
			t.Fatalf("%+v is there twice, or was not given", candidate)
		}
		candidates[candidate.Digest] = true
	}
	left := map[LeftOut]bool{}
	for _, out := range ranking.LeftOut {
		key := LeftOut{Digest: out.Digest, Tag: out.Tag}
		known := tagged[out.Digest][out.Tag] || out.Tag == "" && tagged[out.Digest] != nil && len(tagged[out.Digest]) == 0
		if left[key] || !known || out.Reason == "" || candidates[out.Digest] {
			t.Fatalf("%+v is left out twice, without reason, or was not given, or is a candidate", out)
		}
		left[key] = true
	}
	for digest, tags := range tagged {
		if candidates[digest] {
			continue
		}
		if len(tags) == 0 && !left[LeftOut{Digest: digest}] {
			t.Fatalf("%s is nowhere in the ranking", digest)
		}
		for tag := range tags {
			if !left[LeftOut{Digest: digest, Tag: tag}] {
				t.Fatalf("%s by %q is nowhere in the ranking", digest, tag)
			}
		}
	}
}

func TestMoreImagesDoNotReorderTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := mustParse(t, rapid.SampledFrom(expressions).Draw(t, "expression"))
		given := images(t)
		more := pushed(99, rapid.IntRange(0, 5).Draw(t, "minutes"), rapid.String().Draw(t, "tag"), "latest", "1.1.1")
		without := policy.Rank(given).Candidates
		with := slices.DeleteFunc(policy.Rank(append(slices.Clone(given), more)).Candidates,
			func(candidate Candidate) bool { return candidate.Digest == more.Digest })
		if difference := gocmp.Diff(without, with); difference != "" {
			t.Fatalf("another image changed the order of the rest:\n%s", difference)
		}
	})
}

func TestNumericOrdersAsBigNumbersDo(t *testing.T) {
	policy := mustParse(t, "numeric:n")
	rapid.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOfNDistinct(rapid.StringMatching(`[0-9]{1,60}`), 1, 10, rapid.ID[string]).Draw(t, "numbers")
		var given []Image
		for i, digits := range drawn {
			given = append(given, pushed(i, 0, "n"+digits))
		}
		var previous *big.Int
		for _, candidate := range policy.Rank(given).Candidates {
			number, right := new(big.Int).SetString(strings.TrimPrefix(candidate.Tag, "n"), 10)
			if !right || previous != nil && number.Cmp(previous) > 0 {
				t.Fatalf("%s after %s", number, previous)
			}
			previous = number
		}
	})
}

// The chains are those of semver.org, item 11, as they stand there, and what its words say beside them: numeric identifiers
// are below others, numbers go by value, other text by ASCII, and build metadata does not count (item 10).
func TestSemverOrdersAsTheSpecificationDoes(t *testing.T) {
	for name, chain := range map[string][]string{
		"11.2: major, minor and patch by number": {"1.0.0", "2.0.0", "2.1.0", "2.1.1"},
		"11.3: a pre-release before its release": {"1.0.0-alpha", "1.0.0"},
		"11.4: pre-releases by their identifiers": {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
			"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"},
		"11.2: not by text":                            {"1.2.0", "1.9.0", "1.10.0", "9.0.0", "10.0.0"},
		"11.4.1: numbers by value":                     {"1.0.0-2", "1.0.0-10", "1.0.0-100"},
		"11.4.2: text by ASCII":                        {"1.0.0-A", "1.0.0-Z", "1.0.0-a", "1.0.0-a-b", "1.0.0-aa"},
		"11.4.3: numbers before text":                  {"1.0.0-999", "1.0.0-1a", "1.0.0-a"},
		"11.4.4: fewer identifiers first":              {"1.0.0-a.b", "1.0.0-a.b.0", "1.0.0-a.b.c", "1.0.0-a.b.c.d"},
		"10: build metadata leaves the order as it is": {"1.0.0-rc.1_zz", "1.0.0_a", "1.0.1"},
		"a v before it leaves the order as it is, too": {"v1.0.0-rc.1", "1.0.0", "v1.0.1", "2.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := mustParse(t, "semver:>=0.0.0-0")
			rapid.Check(t, func(t *rapid.T) {
				var given []Image
				for i, tag := range rapid.Permutation(chain).Draw(t, "pushed") {
					given = append(given, pushed(i, 0, tag))
				}
				var have []string
				for _, candidate := range policy.Rank(given).Candidates {
					have = append([]string{candidate.Tag}, have...) // the best is last in a chain
				}
				if !slices.Equal(have, chain) {
					t.Fatalf("the order is %v, want %v", have, chain)
				}
			})
		})
	}
}

// FuzzParse holds that no expression makes Parse or Rank panic or break the contract, and that a policy's text reads
// as the same policy.
func FuzzParse(f *testing.F) {
	for _, expression := range slices.Concat(expressions, []string{`semver: ">=1.4 <2"`, `regex:\Qa`, "policy:stable",
		"glob:[a", "regex:(?i)a{2}"}) {
		f.Add(expression, "1.0.0")
	}
	named := map[string]string{"stable": "semver:1.x"}
	f.Fuzz(func(t *testing.T, expression, tag string) {
		policy, err := Parse(expression, named)
		if err != nil {
			if !errors.Is(err, ErrExpression) {
				t.Fatalf("error does not wrap ErrExpression: %v", err)
			}
			return
		}
		given := []Image{pushed(1, 0, tag, "1.0.0"), pushed(2, 1, tag+"1"), pushed(3, 1, "build-10", tag), pushed(4, 0)}
		ranking := policy.Rank(given)
		checkContract(t, given, ranking)
		again, err := Parse(policy.String(), named)
		if err != nil {
			t.Fatalf("%q does not read again: %v", policy, err)
		}
		if again.String() != policy.String() {
			t.Fatalf("%q reads as %q", policy, again)
		}
		if difference := gocmp.Diff(ranking, again.Rank(given)); difference != "" {
			t.Fatalf("%q ranks otherwise when read again:\n%s", policy, difference)
		}
	})
}

func BenchmarkRank(b *testing.B) {
	const count = 10_000
	benchmark := func(expression string, tag func(number int) string) {
		b.Run(expression, func(b *testing.B) {
			given := make([]Image, count)
			for i := range given {
				number := (i * 7919) % count
				given[i] = pushed(i, number, tag(number))
			}
			policy := mustParse(b, expression)
			b.ReportAllocs()
			for b.Loop() {
				if ranking := policy.Rank(given); len(ranking.Candidates) == 0 {
					b.Fatal("no candidate")
				}
			}
		})
	}
	version := func(number int) string { return fmt.Sprintf("1.%d.%d", number/100, number%100) }
	benchmark("semver:1.x", version)
	benchmark("semver:1.1.x", version)
	build := func(number int) string { return fmt.Sprintf("build-%d", number) }
	benchmark("numeric:build-", build)
	benchmark("glob:build-*", build)
	benchmark("regex:build-([0-9]+)", build)
	benchmark("newest", build)
	benchmark("tag:build-1", build)
}

func TestRankingTenThousandTagsAllocatesLittle(t *testing.T) {
	const count = 10_000
	given := make([]Image, count)
	for i := range given {
		given[i] = pushed(i, i%977, fmt.Sprintf("build-%d", i))
	}
	for _, expression := range []string{"newest", "numeric:build-", "glob:build-*", "tag:build-1"} {
		policy := mustParse(t, expression)
		if allocations := testing.AllocsPerRun(1, func() { policy.Rank(given) }); allocations > 100 {
			t.Errorf("%s: %v allocations for %d tags, want at most 100", expression, allocations, count)
		}
	}
}
