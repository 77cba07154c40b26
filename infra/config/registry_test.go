package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorsOfTheRegistryNameTheField(t *testing.T) {
	const repository = "    - name: web\n"
	with := func(fields string) string { return repository + "      " + fields + "\n" }
	registry := func(fields string) string { return repository + "  " + fields + "\n" }
	tests := []struct {
		name, from, to string
		want           []string
	}{
		{"tags that may move where all may", repository, with("{}")[:len(repository)] + "      immutableTags: false\n      movableTags: [latest]\n",
			[]string{"registry.repositories[0].movableTags: ", "leave it out"}},
		{"too many tags that may move", repository, with("movableTags: [a, b, c, d, e, f]"), []string{"registry.repositories[0].movableTags: ECR takes at most 5"}},
		{"a tag that no tag is", repository, with("movableTags: ['a b']"), []string{"registry.repositories[0].movableTags[0]: "}},
		{"too many wildcards", repository, with("movableTags: ['*a*b*']"), []string{"registry.repositories[0].movableTags[0]: ECR takes at most 2"}},
		{"a key that is none", repository, with("kmsKey: alias/mine"), []string{"registry.repositories[0].kmsKey: want"}},
		{"a key of another region", repository, with("kmsKey: arn:aws:kms:us-east-1:111122223333:key/abc"), []string{"registry.repositories[0].kmsKey: ", "us-east-1"}},
		{"an account that is none", repository, with("pullAccounts: ['12']"), []string{"registry.repositories[0].pullAccounts[0]: want 12 digits"}},
		{"an expiry of nothing", repository, with("expire: [{tags: pr-*}]"), []string{"registry.repositories[0].expire[0]: want one of days and keep"}},
		{"an expiry of both kinds", repository, with("expire: [{tags: pr-*, days: 1, keep: 1}]"), []string{"registry.repositories[0].expire[0]: want one of"}},
		{"an expiry given twice", repository, with("expire: [{tags: pr-*, days: 1}, {tags: pr-*, keep: 1}]"), []string{"registry.repositories[0].expire[1]: "}},
		{"an expiry of what a service runs", repository, with("expire: [{tags: '1.*', days: 14}]"),
			[]string{"registry.repositories[0].expire[0].tags: ", "semver:1.x", "narrower"}},
		{"an expiry of images that lost the tag by which they run", repository, with("immutableTags: false\n      expireUntaggedDays: 5"),
			[]string{"registry.repositories[0].expireUntaggedDays: want 0", "semver:1.x"}},
		{"a tag that is followed and cannot move", "policy: semver:1.x", "policy: tag:latest", []string{"ecs.services[0].policy", "movableTags"}},
		{"a public repository elsewhere", repository, registry("public: [{name: web, description: x}]"),
			[]string{"registry.public: ", "us-east-1 alone", "ap-northeast-2"}},
		{"a public repository without a description", repository, registry("public: [{name: web}]"), []string{"registry.public[0].description"}},
		{"a processor that the gallery does not know", repository, registry("public: [{name: web, description: x, architectures: [arm64]}]"),
			[]string{"registry.public[0].architectures[0]"}},
		{"public pushes that are sent on from elsewhere", repository, registry("publicPushesTo: [us-west-2]"),
			[]string{"registry.publicPushesTo: ", "us-east-1 alone", "ap-northeast-2"}},
		{"public pushes that are sent to where they come from", repository, registry("publicPushesTo: [us-east-1]"),
			[]string{"registry.publicPushesTo[0]: ", "already"}},
		{"a cache of nowhere", repository, registry("pullThroughCache: [{prefix: x1, upstream: example.com}]"), []string{"registry.pullThroughCache[0].upstream"}},
		{"a cache without credentials", repository, registry("pullThroughCache: [{prefix: hub, upstream: registry-1.docker.io}]"),
			[]string{"registry.pullThroughCache[0].secret: required", "ecr-pullthroughcache/"}},
		{"a cache with credentials of another name", repository,
			registry("pullThroughCache: [{prefix: hub, upstream: ghcr.io, secret: 'arn:aws:secretsmanager:ap-northeast-2:111122223333:secret:github'}]"),
			[]string{"registry.pullThroughCache[0].secret: want the ARN"}},
		{"a cache with credentials that nobody asks for", repository, registry("pullThroughCache: [{prefix: quay, upstream: quay.io, secret: x}]"),
			[]string{"registry.pullThroughCache[0].secret: ", "leave it out"}},
		{"a replication to itself", repository, registry("replication: [{region: ap-northeast-2}]"), []string{"registry.replication[0]: is the registry itself"}},
		{"a replication by pattern", repository, registry("replication: [{region: us-east-1, prefixes: [team/*]}]"), []string{"registry.replication[0].prefixes[0]: "}},
		{"a replication from itself", repository, registry("replicationFrom: ['111122223333']"), []string{"registry.replicationFrom[0]: is the account itself"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { refuses(t, whole, test.from, test.to, test.want) })
	}
}

func TestATagThatMayMoveCanBeFollowed(t *testing.T) {
	document := strings.Replace(whole, "    - name: web\n", "    - name: web\n      movableTags: [lat*]\n", 1)
	have := mustParse(t, strings.Replace(document, "policy: semver:1.x", "policy: tag:latest", 1))
	if days := *have.Registry.Repositories[0].ExpireUntaggedDays; days != 0 {
		t.Errorf("untagged images, of which one may run, go after %d days", days)
	}
	if difference := cmp.Diff([]string{"latest"}, have.KeptTags("web")); difference != "" {
		t.Errorf("-want +have of the tags that are kept:\n%s", difference)
	}
}
