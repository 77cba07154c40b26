package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"davit/shared/imagepolicy"
)

// Registry is the account's registry of images: its repositories and what it does with images of others.
type Registry struct {
	// Repositories are the private repositories, at least one, each name once.
	Repositories []Repository `yaml:"repositories"`
	// Public are public repositories, which AWS keeps in us-east-1 alone: Region must be that.
	Public []PublicRepository `yaml:"public"`
	// PublicPushesTo are other regions of the account in which an automation follows public repositories: what CloudTrail
	// says of pushes, in us-east-1 alone, is sent on to their default buses. Region must be us-east-1.
	PublicPushesTo []string `yaml:"publicPushesTo"`
	// PullThroughCache keeps copies of other registries' images in private repositories that ECR makes on the first pull.
	PullThroughCache []PullThroughCache `yaml:"pullThroughCache"`
	// Replication copies pushed images to other regions and accounts. A registry has one replication configuration: what
	// is here takes the place of what the account had.
	Replication []Replication `yaml:"replication"`
	// ReplicationFrom are accounts, of 12 digits, that may replicate into this registry. A registry has one policy: what
	// is here takes the place of what the account had.
	ReplicationFrom []string `yaml:"replicationFrom"`
}

// Repository is a private ECR repository.
type Repository struct {
	// Name is the repository's name: 2 to 256 lower-case letters, digits and . _ - /. Required.
	Name string `yaml:"name"`
	// ImmutableTags refuses to move a tag to another image. Default true.
	ImmutableTags *bool `yaml:"immutableTags"`
	// MovableTags are tags that may move although ImmutableTags is true, such as "latest" or "dev-*": at most 5, each of 1
	// to 128 letters, digits and . _ - with at most 2 of * for any text. A workload whose policy is "tag:…" follows a
	// tag that moves and needs it here.
	MovableTags []string `yaml:"movableTags"`
	// ScanOnPush has ECR look for known vulnerabilities in each pushed image. Default true.
	ScanOnPush *bool `yaml:"scanOnPush"`
	// KMSKey encrypts images with a KMS key: its ARN, or "own" for a key of the stack's own, which the repositories
	// share. Default none: ECR encrypts with keys of S3's (AES-256). It cannot be changed later without a new repository.
	KMSKey string `yaml:"kmsKey"`
	// ExpireUntaggedDays is after how many days an image without a tag is deleted, 1 to 3650; 0 keeps all. Default 30
	// where no tag can move, so that nothing which davit rolled out loses its tag, and 0 otherwise.
	ExpireUntaggedDays *int `yaml:"expireUntaggedDays"`
	// Expire deletes images by their tags. What a service of the configuration can run is never deleted: tags that its
	// policy can choose are refused here, and images that have such a tag too are kept.
	Expire []Expiry `yaml:"expire"`
	// PullAccounts are further accounts, of 12 digits, whose principals may pull.
	PullAccounts []string `yaml:"pullAccounts"`
}

// OwnKey is the value of a KMSKey field that makes a key.
const OwnKey = "own"

// Expiry deletes images that have a tag of a form. One of Days and Keep is required.
type Expiry struct {
	// Tags are which tags, such as "pr-*": letters, digits and . _ - with at most 4 of * for any text. Required.
	Tags string `yaml:"tags"`
	// Days is how long after its push an image is deleted, 1 to 3650.
	Days int `yaml:"days"`
	// Keep is how many of the images pushed last are kept, 1 to 10000.
	Keep int `yaml:"keep"`
}

// PublicRepository is a repository of the Amazon ECR Public Gallery.
type PublicRepository struct {
	// Name is the repository's name, as of a private one. Required.
	Name string `yaml:"name"`
	// Description is shown in searches, 1 to 1024 characters. Required.
	Description string `yaml:"description"`
	// About and Usage are shown on its page, in Markdown of up to 25,600 characters.
	About string `yaml:"about"`
	Usage string `yaml:"usage"`
	// Architectures are of the labels "ARM", "ARM 64", "x86" and "x86-64". Default ["ARM 64", "x86-64"].
	Architectures []string `yaml:"architectures"`
	// OperatingSystems are of the labels "Linux" and "Windows". Default ["Linux"].
	OperatingSystems []string `yaml:"operatingSystems"`
}

// PullThroughCache keeps copies of another registry's images.
type PullThroughCache struct {
	// Prefix begins the names of the private repositories: 2 to 30 lower-case letters, digits and . _ -. Required.
	Prefix string `yaml:"prefix"`
	// Upstream is the registry: one of UpstreamRegistries. Required.
	Upstream string `yaml:"upstream"`
	// Secret is the ARN of the Secrets Manager secret with the upstream's credentials, whose name starts with
	// "ecr-pullthroughcache/". Required by registries that need it; see UpstreamRegistries.
	Secret string `yaml:"secret"`
}

// UpstreamRegistries are the registries that ECR can cache here, and whether they need credentials ("Creating a pull
// through cache rule" in the ECR user guide).
var UpstreamRegistries = map[string]bool{
	"public.ecr.aws": false, "registry.k8s.io": false, "quay.io": false,
	"registry-1.docker.io": true, "ghcr.io": true, "registry.gitlab.com": true,
}

// Replication copies images of some repositories to one place.
type Replication struct {
	// Region is the region to copy to. Required.
	Region string `yaml:"region"`
	// Account is the account to copy to, of 12 digits, which must allow it. Default Configuration.Account.
	Account string `yaml:"account"`
	// Prefixes are the beginnings of the names of the repositories to copy. Default all.
	Prefixes []string `yaml:"prefixes"`
}

// publicRegion is where ECR Public keeps repositories ("Amazon ECR Public endpoints and quotas").
const publicRegion = "us-east-1"

var (
	// repositoryPattern follows the ECR API reference of CreateRepository.
	repositoryPattern = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	cachePattern      = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	tagFormPattern    = regexp.MustCompile(`^[A-Za-z0-9._*-]{1,128}$`)
	keyPattern        = regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]+$`)
	cacheSecret       = regexp.MustCompile(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:ecr-pullthroughcache/.+$`)
)

// repository is the repository of the name, nil if there is none.
func (r *Registry) repository(name string) *Repository {
	for i := range r.Repositories {
		if r.Repositories[i].Name == name {
			return &r.Repositories[i]
		}
	}
	return nil
}

// movable are the forms of the tags that can move.
func (r *Repository) movable() []string {
	if !*r.ImmutableTags {
		return []string{"*"}
	}
	return r.MovableTags
}

// RegistryHost is the host of the account's private registry, as it is in the names of its images.
func (c *Configuration) RegistryHost() string {
	host := c.Account + ".dkr.ecr." + c.Region + ".amazonaws.com"
	if strings.HasPrefix(c.Region, "cn-") {
		return host + ".cn"
	}
	return host
}

// Followers are the policies of the configuration's services that follow the repository. Those that cannot be read are
// left out: they are errors of their own.
func (c *Configuration) Followers(repository string) []imagepolicy.Policy {
	if c.ECS == nil {
		return nil
	}
	var named map[string]string
	if c.Automation != nil {
		named = c.Automation.Settings.Policies
	}
	var found []imagepolicy.Policy
	for _, service := range c.ECS.Services {
		if service.Repository != repository || service.Policy == "" {
			continue
		}
		if policy, err := imagepolicy.Parse(service.Policy, named); err == nil {
			found = append(found, policy)
		}
	}
	return found
}

// KeptTags are the forms of the tags by which services of the configuration can choose images of the repository, in
// order.
func (c *Configuration) KeptTags(repository string) []string {
	var forms []string
	for _, policy := range c.Followers(repository) {
		forms = append(forms, imagepolicy.Forms(policy)...)
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

func (r *Registry) setDefaults() {
	for i := range r.Repositories {
		r.Repositories[i].setDefaults()
	}
	for i := range r.Public {
		public := &r.Public[i]
		if public.Architectures == nil {
			public.Architectures = []string{"ARM 64", "x86-64"}
		}
		if public.OperatingSystems == nil {
			public.OperatingSystems = []string{"Linux"}
		}
	}
}

func (r *Repository) setDefaults() {
	setDefaultPointer(&r.ImmutableTags, true)
	setDefaultPointer(&r.ScanOnPush, true)
	if len(r.movable()) == 0 {
		setDefaultPointer(&r.ExpireUntaggedDays, 30)
		return
	}
	setDefaultPointer(&r.ExpireUntaggedDays, 0)
}

func (c *Configuration) validateRegistry(p *problems) {
	r := c.Registry
	if len(r.Repositories) == 0 {
		p.add("registry.repositories", "want at least one")
	}
	names := make([]string, 0, len(r.Repositories))
	for i := range r.Repositories {
		names = append(names, r.Repositories[i].Name)
		c.validateRepository(p, fmt.Sprintf("registry.repositories[%d]", i), &r.Repositories[i])
	}
	p.unique("registry.repositories", names)
	c.validatePublic(p)
	for i, cache := range r.PullThroughCache {
		cache.validate(p, fmt.Sprintf("registry.pullThroughCache[%d]", i))
	}
	c.validateReplication(p)
}

func (p *problems) repository(field, name string) {
	p.match(field, name, repositoryPattern, "the name of an ECR repository")
	if len(name) < 2 || len(name) > 256 {
		p.add(field, "want 2 to 256 characters, have %d", len(name))
	}
}

func (p *problems) account(field, account string) {
	p.match(field, account, accountPattern, "12 digits in quotes")
}

// tagForm checks a pattern of tags with at most so many *.
func (p *problems) tagForm(field, form string, most int) {
	p.match(field, form, tagFormPattern, "1 to 128 letters, digits and . _ - with * for any text")
	if strings.Count(form, "*") > most {
		p.add(field, "ECR takes at most %d of * in it", most)
	}
}

// key checks a field that may name a KMS key.
func (c *Configuration) validateKey(p *problems, field, key string) {
	if key == "" || key == OwnKey {
		return
	}
	parts := keyPattern.FindStringSubmatch(key)
	switch {
	case parts == nil:
		p.add(field, "want %q or the ARN of a KMS key, have %q", OwnKey, key)
	case parts[1] != c.Region:
		p.add(field, "the key is of %s and not of %s", parts[1], c.Region)
	}
}

func (c *Configuration) validateRepository(p *problems, field string, r *Repository) {
	p.repository(field+".name", r.Name)
	c.validateKey(p, field+".kmsKey", r.KMSKey)
	if len(r.MovableTags) > 0 && !*r.ImmutableTags {
		p.add(field+".movableTags", "without immutableTags every tag can move; leave it out")
	}
	if len(r.MovableTags) > 5 {
		p.add(field+".movableTags", "ECR takes at most 5, have %d", len(r.MovableTags))
	}
	for i, form := range r.MovableTags {
		p.tagForm(fmt.Sprintf("%s.movableTags[%d]", field, i), form, 2)
	}
	p.unique(field+".movableTags", r.MovableTags)
	for i, account := range r.PullAccounts {
		p.account(fmt.Sprintf("%s.pullAccounts[%d]", field, i), account)
	}
	p.unique(field+".pullAccounts", r.PullAccounts)
	c.validateExpiry(p, field, r)
}

// validateExpiry refuses what would delete an image that a service of the configuration runs.
func (c *Configuration) validateExpiry(p *problems, field string, r *Repository) {
	p.between(field+".expireUntaggedDays", *r.ExpireUntaggedDays, 0, 3650)
	forms := make([]string, 0, len(r.Expire))
	for i, expiry := range r.Expire {
		expiry.validate(p, fmt.Sprintf("%s.expire[%d]", field, i))
		forms = append(forms, expiry.Tags)
	}
	p.unique(field+".expire", forms)
	for _, policy := range c.Followers(r.Name) {
		for i, form := range forms {
			if imagepolicy.CanChoose(policy, form) {
				p.add(fmt.Sprintf("%s.expire[%d].tags", field, i), "a service with the policy %q may run images with the tags %q; "+
					"choose tags that it does not, or a narrower policy", policy, form)
			}
		}
		for _, form := range r.movable() {
			if *r.ExpireUntaggedDays > 0 && imagepolicy.CanChoose(policy, form) {
				p.add(field+".expireUntaggedDays", "want 0: the policy %q chooses by tags that can move (%s), and an image "+
					"that runs has no tag once its tag moved", policy, form)
			}
		}
	}
}

func (e Expiry) validate(p *problems, field string) {
	p.tagForm(field+".tags", e.Tags, 4)
	switch {
	case (e.Days == 0) == (e.Keep == 0):
		p.add(field, "want one of days and keep")
	case e.Days != 0:
		p.between(field+".days", e.Days, 1, 3650)
	default:
		p.between(field+".keep", e.Keep, 1, 10000)
	}
}

func (c *Configuration) validatePublic(p *problems) {
	public := c.Registry.Public
	if len(public) > 0 && c.Region != publicRegion {
		p.add("registry.public", "AWS keeps public repositories in %s alone, and region is %s: move them to a configuration "+
			"of their own for %s", publicRegion, c.Region, publicRegion)
	}
	names := make([]string, 0, len(public))
	for i, repository := range public {
		field := fmt.Sprintf("registry.public[%d]", i)
		names = append(names, repository.Name)
		p.repository(field+".name", repository.Name)
		p.between(field+".description (its characters)", len([]rune(repository.Description)), 1, 1024)
		p.between(field+".about (its characters)", len([]rune(repository.About)), 0, 25600)
		p.between(field+".usage (its characters)", len([]rune(repository.Usage)), 0, 25600)
		for j, label := range repository.Architectures {
			oneOf(p, fmt.Sprintf("%s.architectures[%d]", field, j), label, "ARM", "ARM 64", "x86", "x86-64")
		}
		for j, label := range repository.OperatingSystems {
			oneOf(p, fmt.Sprintf("%s.operatingSystems[%d]", field, j), label, "Linux", "Windows")
		}
	}
	p.unique("registry.public", names)
	for i, region := range c.Registry.PublicPushesTo {
		field := fmt.Sprintf("registry.publicPushesTo[%d]", i)
		p.match(field, region, regionPattern, "a region such as \"ap-northeast-2\"")
		if region == publicRegion {
			p.add(field, "pushes are heard of there already")
		}
	}
	p.unique("registry.publicPushesTo", c.Registry.PublicPushesTo)
	if len(c.Registry.PublicPushesTo) > 0 && c.Region != publicRegion {
		p.add("registry.publicPushesTo", "CloudTrail tells of public pushes in %s alone, and region is %s: give it in a "+
			"configuration for %s", publicRegion, c.Region, publicRegion)
	}
}

func (c PullThroughCache) validate(p *problems, field string) {
	p.match(field+".prefix", c.Prefix, cachePattern, "lower-case letters, digits and inner . _ -")
	p.between(field+".prefix (its characters)", len(c.Prefix), 2, 30)
	needs, known := UpstreamRegistries[c.Upstream]
	switch {
	case !known:
		p.add(field+".upstream", "want public.ecr.aws, registry.k8s.io, quay.io, registry-1.docker.io, ghcr.io or "+
			"registry.gitlab.com, have %q", c.Upstream)
	case needs && c.Secret == "":
		p.add(field+".secret", "required: %s gives images to those who sign in; store the credentials in Secrets Manager under a "+
			"name that starts with ecr-pullthroughcache/", c.Upstream)
	case !needs && c.Secret != "":
		p.add(field+".secret", "%s takes none; leave it out", c.Upstream)
	case needs:
		p.match(field+".secret", c.Secret, cacheSecret, "the ARN of a secret whose name starts with ecr-pullthroughcache/")
	}
}

func (c *Configuration) validateReplication(p *problems) {
	if len(c.Registry.Replication) > 10 {
		p.add("registry.replication", "ECR takes at most 10 rules, have %d", len(c.Registry.Replication))
	}
	for i, rule := range c.Registry.Replication {
		field := fmt.Sprintf("registry.replication[%d]", i)
		p.match(field+".region", rule.Region, regionPattern, "a region such as \"ap-northeast-2\"")
		if rule.Account != "" {
			p.account(field+".account", rule.Account)
		}
		if rule.Region == c.Region && (rule.Account == "" || rule.Account == c.Account) {
			p.add(field, "is the registry itself: name another region or account")
		}
		for j, prefix := range rule.Prefixes {
			p.match(fmt.Sprintf("%s.prefixes[%d]", field, j), prefix, repositoriesPattern, "the beginning of a repository's name")
			if strings.Contains(prefix, "*") {
				p.add(fmt.Sprintf("%s.prefixes[%d]", field, j), "is a beginning already; leave the * out")
			}
		}
	}
	for i, account := range c.Registry.ReplicationFrom {
		field := fmt.Sprintf("registry.replicationFrom[%d]", i)
		p.account(field, account)
		if account == c.Account {
			p.add(field, "is the account itself, which needs no permission")
		}
	}
}
