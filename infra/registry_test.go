package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"davit/shared/imagepolicy"
)

// lifecycleRule is a rule of a lifecycle policy, in ECR's own form.
type lifecycleRule struct {
	RulePriority int
	Selection    struct {
		TagStatus      string
		TagPatternList []string
		CountType      string
		CountNumber    int
	}
}

func rulesOf(text string) []lifecycleRule {
	var document struct{ Rules []lifecycleRule }
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		panic(err)
	}
	slices.SortFunc(document.Rules, func(a, b lifecycleRule) int { return a.RulePriority - b.RulePriority })
	return document.Rules
}

// matches tells whether an image with the tags has the tagging requirements of the rule: all of its patterns.
func (r lifecycleRule) matches(tags []string) bool {
	switch r.Selection.TagStatus {
	case "any":
		return true
	case "untagged":
		return len(tags) == 0
	}
	return !slices.ContainsFunc(r.Selection.TagPatternList, func(form string) bool {
		expression := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(form), `\*`, ".*") + "$")
		return !slices.ContainsFunc(tags, expression.MatchString)
	})
}

// expired are the digests that ECR deletes, by "Lifecycle policy evaluation rules" of the ECR user guide: an image that
// matches the tagging requirements of a rule cannot be deleted by one of lower priority, but counts for it.
func expired(rules []lifecycleRule, images []imagepolicy.Image, now time.Time) []string {
	images = slices.Clone(images)
	slices.SortStableFunc(images, func(a, b imagepolicy.Image) int { return b.PushedAt.Compare(a.PushedAt) })
	var gone []string
	for _, image := range images {
		for _, rule := range rules {
			if rule.matches(image.Tags) {
				if rule.selects(image, images, now) {
					gone = append(gone, image.Digest)
				}
				break
			}
		}
	}
	return gone
}

func (r lifecycleRule) selects(image imagepolicy.Image, newestFirst []imagepolicy.Image, now time.Time) bool {
	if r.Selection.CountType == "sinceImagePushed" {
		return now.Sub(image.PushedAt) > time.Duration(r.Selection.CountNumber)*24*time.Hour
	}
	newer := 0
	for _, other := range newestFirst {
		if other.Digest == image.Digest {
			return newer >= r.Selection.CountNumber
		}
		if r.matches(other.Tags) {
			newer++
		}
	}
	return false
}

// repository is a model of a repository whose newest image a workload runs by the policy.
type repository struct {
	rules   []lifecycleRule
	policy  imagepolicy.Policy
	movable []string
	images  []imagepolicy.Image
	pushed  int
	now     time.Time
	// used are what runs, and what ran before it: what a rollback puts back.
	used []string
}

// push pushes an image with the tags, as far as they are free or can move.
func (r *repository) push(tags ...string) {
	r.pushed++
	pushed := imagepolicy.Image{Digest: fmt.Sprintf("sha256:%064x", r.pushed), PushedAt: r.now}
	for _, tag := range tags {
		if r.free(tag) {
			pushed.Tags = append(pushed.Tags, tag)
		}
	}
	r.images = append(r.images, pushed)
	best := r.policy.Rank(r.images).Candidates
	if len(best) > 0 && (len(r.used) == 0 || r.used[0] != best[0].Digest) {
		r.used = append([]string{best[0].Digest}, r.used[:min(1, len(r.used))]...)
	}
}

// free takes a tag from the image that has it, if it can move.
func (r *repository) free(tag string) bool {
	for i, image := range r.images {
		at := slices.Index(image.Tags, tag)
		if at < 0 {
			continue
		}
		movable := slices.ContainsFunc(r.movable, func(form string) bool {
			rule := lifecycleRule{}
			rule.Selection.TagPatternList = []string{form}
			return rule.matches([]string{tag})
		})
		if movable {
			r.images[i].Tags = slices.Delete(slices.Clone(image.Tags), at, at+1)
		}
		return movable
	}
	return true
}

// wait lets days pass and ECR do its work. It answers what it deleted of what is used.
func (r *repository) wait(days int) []string {
	r.now = r.now.AddDate(0, 0, days)
	gone := expired(r.rules, r.images, r.now)
	r.images = slices.DeleteFunc(r.images, func(image imagepolicy.Image) bool { return slices.Contains(gone, image.Digest) })
	return slices.DeleteFunc(slices.Clone(r.used), func(digest string) bool { return !slices.Contains(gone, digest) })
}

func TestNoLifecycleRuleDeletesWhatRunsOrWhatARollbackNeeds(t *testing.T) {
	followed := 0
	for configuration, stacks := range synthesised {
		for _, made := range stacks[registryStack].of("AWS::ECR::Repository") {
			name, _ := made.Properties["RepositoryName"].(string)
			text, ruled := at(made.Properties, "LifecyclePolicy", "LifecyclePolicyText").(string)
			for _, policy := range configured[configuration].Followers(name) {
				if !ruled {
					continue
				}
				followed++
				t.Run(fmt.Sprintf("%s/%s/%s", configuration, name, policy), func(t *testing.T) {
					for range 100 {
						seed := rand.Int()
						if lost, after := live(lives.Example(seed), rulesOf(text), policy, movableTags(made)); len(lost) > 0 {
							t.Fatalf("%v is deleted and was used, after %v; of the seed %d", lost, after, seed)
						}
					}
				})
			}
		}
	}
	if followed < 4 {
		t.Errorf("only %d repositories have rules and followers", followed)
	}
}

// lived is a push of an image with its tags, and how many days pass then.
type lived struct {
	tags []string
	days int
}

// lives are some years of a repository. They are drawn one by one, as rapid.Check would look for failures of before in the
// checkout, which go test cannot remember a result across.
var lives = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) lived {
	tag := rapid.SampledFrom([]string{"1.0.0", "1.0.1", "1.2.0", "v1.3.0", "2.0.0", "latest", "pr-1", "pr-2", "dev-1", "dev-2",
		"cache-1", "build-1", "main"})
	return lived{rapid.SliceOfNDistinct(tag, 0, 3, rapid.ID).Draw(t, "tags"), rapid.SampledFrom([]int{0, 1, 15, 31, 400}).Draw(t, "days")}
}), 1, 20)

// live lets a repository live, and tells which images it loses that were used, and after what.
func live(life []lived, rules []lifecycleRule, policy imagepolicy.Policy, movable []string) (lost []string, after []lived) {
	model := &repository{rules: rules, policy: policy, movable: movable, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i, step := range life {
		model.push(step.tags...)
		if lost := model.wait(step.days); len(lost) > 0 {
			return lost, life[:i+1]
		}
	}
	return nil, nil
}

func movableTags(made resource) []string {
	switch made.Properties["ImageTagMutability"] {
	case "MUTABLE":
		return []string{"*"}
	case "IMMUTABLE":
		return nil
	}
	var forms []string
	for _, filter := range list(made.Properties["ImageTagMutabilityExclusionFilters"]) {
		forms = append(forms, fmt.Sprint(at(filter, "ImageTagMutabilityExclusionFilterValue")))
	}
	return forms
}

func TestTheModelOfARepositoryLosesWhatBadRulesDelete(t *testing.T) {
	policy, err := imagepolicy.Parse("semver:1.x", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		rules   string
		movable []string
		pushes  [][]string
	}{
		"the newest images of all": {`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan",
			"countNumber":2}}]}`, nil, [][]string{{"1.0.0"}, {"pr-1"}, {"pr-2"}}},
		"images of a pull request that was released": {`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"tagged",
			"tagPatternList":["pr-*"],"countType":"sinceImagePushed","countNumber":14}}]}`, nil, [][]string{{"1.0.0", "pr-1"}}},
		"untagged images where tags move": {`{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged",
			"countType":"sinceImagePushed","countNumber":14}}]}`, []string{"*"}, [][]string{{"1.0.0"}, {"1.0.0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			model := &repository{rules: rulesOf(test.rules), policy: policy, movable: test.movable,
				now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			for _, tags := range test.pushes {
				model.push(tags...)
				model.now = model.now.Add(time.Hour)
			}
			if lost := model.wait(15); len(lost) == 0 {
				t.Error("nothing that is used is deleted")
			}
		})
	}
}

func TestRepositoriesAreAsConfigured(t *testing.T) {
	tests := []struct {
		configuration, repository, mutability string
		movable                               []string
		key, scanned                          any
	}{
		{local, "web", "IMMUTABLE", nil, nil, true},
		{chosen, "team/web", "MUTABLE", []string{"*"}, nil, true},
		{chosen, "worker", "IMMUTABLE", nil, nil, false},
		{regional, "web", "IMMUTABLE_WITH_EXCLUSION", []string{"latest", "dev-*"}, "own", true},
		{regional, "tools", "IMMUTABLE", nil, "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", true},
	}
	for _, test := range tests {
		t.Run(test.configuration+"/"+test.repository, func(t *testing.T) {
			have := synthesised[test.configuration][registryStack]
			_, made := have.with(t, "AWS::ECR::Repository", "RepositoryName", test.repository)
			if made.Properties["ImageTagMutability"] != test.mutability || !slices.Equal(movableTags(made), test.movable) {
				t.Errorf("its tags are %v but for %v", made.Properties["ImageTagMutability"], movableTags(made))
			}
			if scanned := at(made.Properties, "ImageScanningConfiguration", "ScanOnPush"); scanned != test.scanned {
				t.Errorf("it is scanned: %v", scanned)
			}
			key := at(made.Properties, "EncryptionConfiguration", "KmsKey")
			if test.key == "own" {
				own, one := have.only(t, "AWS::KMS::Key")
				if !refersTo(key, own) || one.Properties["EnableKeyRotation"] != true {
					t.Errorf("its key is %s", asText(key))
				}
			} else if key != test.key {
				t.Errorf("its key is %s", asText(key))
			}
		})
	}
}

func TestOtherAccountsPullAndDoNothingElse(t *testing.T) {
	_, made := synthesised[regional][registryStack].with(t, "AWS::ECR::Repository", "RepositoryName", "web")
	statements := list(at(made.Properties, "RepositoryPolicyText", "Statement"))
	if len(statements) != 1 || !strings.Contains(asText(at(statements[0], "Principal")), ":iam::222222222222:root") {
		t.Fatalf("have %s", asText(statements))
	}
	want := []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	if difference := cmp.Diff(want, texts(at(statements[0], "Action"))); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	for _, configuration := range []string{local, development, chosen} {
		for name, one := range synthesised[configuration][registryStack].of("AWS::ECR::Repository") {
			if one.Properties["RepositoryPolicyText"] != nil {
				t.Errorf("%s: %s is open to others", configuration, name)
			}
		}
	}
}

// publicPush is the pattern of a push to a public repository.
const publicPush = `{"detail":{"errorCode":[{"exists":false}],"eventName":["PutImage"],"eventSource":["ecr-public.amazonaws.com"]},` +
	`"detail-type":["AWS API Call via CloudTrail"],"source":["aws.ecr-public"]}`

func TestTheRegistryDoesWithImagesOfOthersWhatItIsToldTo(t *testing.T) {
	have := synthesised[regional][registryStack]
	_, cache := have.with(t, "AWS::ECR::PullThroughCacheRule", "EcrRepositoryPrefix", "docker-hub")
	if cache.Properties["UpstreamRegistry"] != "docker-hub" || cache.Properties["UpstreamRegistryUrl"] != "registry-1.docker.io" ||
		cache.Properties["CredentialArn"] == nil {
		t.Errorf("the cache is %s", asText(cache.Properties))
	}
	_, replication := have.only(t, "AWS::ECR::ReplicationConfiguration")
	rules := at(replication.Properties, "ReplicationConfiguration", "Rules")
	want := `[{"Destinations":[{"Region":"eu-west-1","RegistryId":"111122223333"}],` +
		`"RepositoryFilters":[{"Filter":"web","FilterType":"PREFIX_MATCH"}]},` +
		`{"Destinations":[{"Region":"us-east-1","RegistryId":"222222222222"}]}]`
	if asText(rules) != want {
		t.Errorf("it replicates by %s", asText(rules))
	}
	_, policy := have.only(t, "AWS::ECR::RegistryPolicy")
	if text := asText(policy.Properties["PolicyText"]); !strings.Contains(text, ":iam::333333333333:root") ||
		!strings.Contains(text, `["ecr:CreateRepository","ecr:ReplicateImage"]`) {
		t.Errorf("the registry's policy is %s", text)
	}
	_, sent := have.with(t, "AWS::Events::Rule", "Name", "davit-public-pushes-ap-northeast-2")
	bus := asText(at(sent.Properties, "Targets", 0, "Arn"))
	if !strings.Contains(bus, ":events:ap-northeast-2:111122223333:event-bus/default") || asText(sent.Properties["EventPattern"]) != publicPush {
		t.Errorf("pushes to public repositories go to %s by %s", bus, asText(sent.Properties["EventPattern"]))
	}
	_, public := have.only(t, "AWS::ECR::PublicRepository")
	wantCatalog := `{"AboutText":"# Hello","Architectures":["ARM 64","x86-64"],"OperatingSystems":["Linux"],` +
		`"RepositoryDescription":"Says hello.","UsageText":"Run it."}`
	if catalog := asText(public.Properties["RepositoryCatalogData"]); catalog != wantCatalog {
		t.Errorf("the public repository shows %s", catalog)
	}
}
