package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"davit/shared/imagepolicy"
)

// LogDays are the numbers of days for which CloudWatch Logs can keep a log, after the API reference of
// PutRetentionPolicy.
var LogDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
	3653}

// InterfaceEndpointNames are the interface endpoints that Network.InterfaceEndpoints may name: the AWS services that
// tasks and functions in private subnets call.
var InterfaceEndpointNames = []string{"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "ssmmessages", "sts", "kms"}

// memoryOfCPU is the memory in MiB that Fargate offers for each CPU value: least, most and step, after "Fargate task
// sizes" in the ECS developer guide. 256 CPU units take 512, 1024 and 2048 only.
var memoryOfCPU = map[int][3]int{
	256:   {512, 2048, 512},
	512:   {1024, 4096, 1024},
	1024:  {2048, 8192, 1024},
	2048:  {4096, 16384, 1024},
	4096:  {8192, 30720, 1024},
	8192:  {16384, 61440, 4096},
	16384: {32768, 122880, 8192},
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	// tagPattern follows "Tag naming limits and requirements" of the tagging user guide, for values.
	tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
	// repositoryPattern follows the ECR API reference of CreateRepository.
	repositoryPattern = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	// repositoriesPattern is a repository's name with * for any text.
	repositoriesPattern = regexp.MustCompile(`^[a-z0-9._/*-]{1,256}$`)
	bucketPattern       = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{1,22}[a-z0-9])$`)
	clusterPattern      = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	servicePattern      = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)
	environmentPattern  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	imagePattern        = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9._:/@-]{1,999}$`)
	rolePathPattern     = regexp.MustCompile(`^role/[A-Za-z0-9+=,.@_/*-]{1,500}$`)
	roleARNPattern      = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/[A-Za-z0-9+=,.@_/*-]{1,500}$`)
)

// problems collects what is wrong, each with the path of its field.
type problems struct {
	found []error
}

// add notes a problem of the field.
func (p *problems) add(field, format string, arguments ...any) {
	p.found = append(p.found, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, arguments...)))
}

func (p *problems) match(field, value string, pattern *regexp.Regexp, want string) {
	if !pattern.MatchString(value) {
		p.add(field, "want %s, have %q", want, value)
	}
}

func (p *problems) between(field string, value, least, most int) {
	if value < least || value > most {
		p.add(field, "want %d to %d, have %d", least, most, value)
	}
}

func (p *problems) logDays(field string, days int) {
	if !slices.Contains(LogDays, days) {
		p.add(field, "CloudWatch Logs keeps a log for one of %v days, not for %d", LogDays, days)
	}
}

// tagCharacters are the characters that tagPattern allows, in words.
const tagCharacters = "letters, digits, spaces and _ . : / = + - @"

// name is for a required value that becomes a tag's.
func (p *problems) name(field, value string) {
	if value == "" {
		p.add(field, "required")
		return
	}
	p.match(field, value, tagPattern, "at most 256 "+tagCharacters)
}

// tag is for a tag that the owner adds. Keys of AWS are refused by AWS; those of davit would opt workloads in, and the
// installation's own are set by fields of their own.
func (p *problems) tag(field, key, value string) {
	switch {
	case key == "" || len(key) > 128 || !tagPattern.MatchString(key):
		p.add(field, "want a key of 1 to 128 %s", tagCharacters)
	case strings.HasPrefix(key, "aws:") || strings.HasPrefix(key, "davit/"):
		p.add(field, "want a key that does not start with aws: nor davit/")
	case key == "application" || key == "environment" || key == "owner":
		p.add(field, "is set already, by a field of its own")
	}
	p.match(field, value, tagPattern, "at most 256 "+tagCharacters)
}

func oneOf[T ~string](p *problems, field string, value T, allowed ...T) {
	if !slices.Contains(allowed, value) {
		p.add(field, "want one of %q, have %q", allowed, value)
	}
}

// unique reports names that occur more than once.
func (p *problems) unique(field string, names []string) {
	seen := map[string]int{}
	for i, name := range names {
		if first, ok := seen[name]; ok {
			p.add(fmt.Sprintf("%s[%d]", field, i), "%q is %s[%d] already", name, field, first)
			continue
		}
		seen[name] = i
	}
}

// Validate checks every value. Its error is one line a problem, each naming the field by its path.
func (c *Configuration) Validate() error {
	p := &problems{}
	c.validateIdentity(p)
	if c.Network != nil {
		c.validateNetwork(p)
	}
	if c.Registry != nil {
		c.Registry.validate(p)
	}
	if c.Storage != nil {
		c.Storage.validate(p)
	}
	if c.ECS != nil {
		c.validateECS(p)
	}
	if c.Automation != nil {
		c.Automation.validate(p, c.Account)
	}
	if c.Network == nil && c.Registry == nil && c.Storage == nil && c.ECS == nil && c.Automation == nil {
		p.add("configuration", "no stack: give at least one of network, registry, storage, ecs, automation")
	}
	return errors.Join(p.found...)
}

func (c *Configuration) validateIdentity(p *problems) {
	p.name("owner", c.Owner)
	p.name("environment", c.Environment)
	for _, key := range slices.Sorted(maps.Keys(c.Tags)) {
		p.tag("tags."+key, key, c.Tags[key])
	}
	p.match("account", c.Account, accountPattern, "12 digits in quotes")
	p.match("region", c.Region, regionPattern, "a region such as \"ap-northeast-2\"")
	oneOf(p, "removal", c.Removal, Retain, Destroy)
	for i, zone := range c.AvailabilityZones {
		if !strings.HasPrefix(zone, c.Region) || len(zone) <= len(c.Region) {
			p.add(fmt.Sprintf("availabilityZones[%d]", i), "%q is not a zone of %s", zone, c.Region)
		}
	}
	p.unique("availabilityZones", c.AvailabilityZones)
}

func (c *Configuration) validateNetwork(p *problems) {
	n := c.Network
	prefix, err := netip.ParsePrefix(n.CIDR)
	switch {
	case err != nil || !prefix.Addr().Is4() || prefix.Masked() != prefix:
		p.add("network.cidr", "want an IPv4 block such as \"10.0.0.0/16\", have %q", n.CIDR)
	case prefix.Bits() < 16 || prefix.Bits() > 24:
		p.add("network.cidr", "want a block from /16 to /24, have /%d", prefix.Bits())
	}
	p.between("network.zones", n.Zones, 2, 3)
	if len(c.AvailabilityZones) < n.Zones {
		p.add("availabilityZones", "network.zones asks for %d, have %d", n.Zones, len(c.AvailabilityZones))
	}
	oneOf(p, "network.nat", n.NAT, NATNone, NATOne, NATPerZone)
	for i, name := range n.GatewayEndpoints {
		oneOf(p, fmt.Sprintf("network.gatewayEndpoints[%d]", i), name, "s3", "dynamodb")
	}
	p.unique("network.gatewayEndpoints", n.GatewayEndpoints)
	for i, name := range n.InterfaceEndpoints {
		oneOf(p, fmt.Sprintf("network.interfaceEndpoints[%d]", i), name, InterfaceEndpointNames...)
	}
	p.unique("network.interfaceEndpoints", n.InterfaceEndpoints)
	p.logDays("network.flowLogDays", n.FlowLogDays)
}

func (r *Registry) validate(p *problems) {
	if len(r.Repositories) == 0 {
		p.add("registry.repositories", "want at least one")
	}
	names := make([]string, 0, len(r.Repositories))
	for i, repository := range r.Repositories {
		field := fmt.Sprintf("registry.repositories[%d]", i)
		names = append(names, repository.Name)
		p.match(field+".name", repository.Name, repositoryPattern, "the name of an ECR repository")
		if len(repository.Name) < 2 || len(repository.Name) > 256 {
			p.add(field+".name", "want 2 to 256 characters, have %d", len(repository.Name))
		}
		p.between(field+".expireUntaggedDays", *repository.ExpireUntaggedDays, 0, 3650)
		if repository.KeepTagged != 0 {
			p.between(field+".keepTagged", repository.KeepTagged, 100, 10000)
		}
	}
	p.unique("registry.repositories", names)
}

func (s *Storage) validate(p *problems) {
	if len(s.Buckets) == 0 {
		p.add("storage.buckets", "want at least one")
	}
	names := make([]string, 0, len(s.Buckets))
	for i, bucket := range s.Buckets {
		field := fmt.Sprintf("storage.buckets[%d]", i)
		names = append(names, bucket.Name)
		p.match(field+".name", bucket.Name, bucketPattern, "3 to 24 lower-case letters, digits and inner hyphens")
		oneOf(p, field+".class", bucket.Class, Standard, Reproducible, Archive)
		p.between(field+".noncurrentDays", bucket.NoncurrentDays, 1, 3650)
		p.between(field+".noncurrentVersions", *bucket.NoncurrentVersions, 0, 100)
	}
	p.unique("storage.buckets", names)
}

func (c *Configuration) validateECS(p *problems) {
	if c.Network == nil {
		p.add("network", "required by ecs")
	}
	if c.Registry == nil {
		p.add("registry", "required by ecs")
	}
	p.match("ecs.cluster", c.ECS.Cluster, clusterPattern, "1 to 255 letters, digits, _ and -")
	names := make([]string, 0, len(c.ECS.Services))
	for i := range c.ECS.Services {
		names = append(names, c.ECS.Services[i].Name)
		c.validateService(p, fmt.Sprintf("ecs.services[%d]", i), &c.ECS.Services[i])
	}
	p.unique("ecs.services", names)
}

func (c *Configuration) validateService(p *problems, field string, s *Service) {
	p.match(field+".name", s.Name, servicePattern, "1 to 100 letters, digits, _ and -")
	if c.Registry != nil && c.Registry.repository(s.Repository) == nil {
		p.add(field+".repository", "%q is not among registry.repositories", s.Repository)
	}
	c.validatePolicy(p, field+".policy", s)
	p.match(field+".initialImage", s.InitialImage, imagePattern, "the name of an image")
	oneOf(p, field+".architecture", s.Architecture, ARM64, X8664)
	validateSize(p, field, s.CPU, s.Memory)
	p.between(field+".containerPort", s.ContainerPort, 1, 65535)
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		p.match(field+".environment."+name, name, environmentPattern, "letters, digits and _, no digit first")
	}
	if !strings.HasPrefix(s.HealthPath, "/") || len(s.HealthPath) > 1024 {
		p.add(field+".healthPath", "want a path from \"/\" on of at most 1024 characters, have %q", s.HealthPath)
	}
	if len(s.HealthCommand) > 0 {
		oneOf(p, field+".healthCommand[0]", s.HealthCommand[0], "CMD", "CMD-SHELL")
	}
	if s.Public && !*s.LoadBalancer {
		p.add(field+".public", "only a service with loadBalancer can be public")
	}
	if s.Autoscaling != nil {
		s.Autoscaling.validate(p, field+".autoscaling")
	}
	p.logDays(field+".logDays", s.LogDays)
}

// validatePolicy checks a service's image policy as the function will read it, and that its repository suits it.
func (c *Configuration) validatePolicy(p *problems, field string, s *Service) {
	if s.Policy == "" {
		return
	}
	if !tagPattern.MatchString(s.Policy) {
		p.add(field, "a tag's value holds at most 256 %s, which %q is not; name the policy in automation.settings.policies",
			tagCharacters, s.Policy)
		return
	}
	var named map[string]string
	if c.Automation != nil {
		named = c.Automation.Settings.Policies
	}
	policy, err := imagepolicy.Parse(s.Policy, named)
	if err != nil {
		p.add(field, "%v", err)
		return
	}
	if c.Registry == nil {
		return
	}
	repository := c.Registry.repository(s.Repository)
	if policy.Follows() && repository != nil && *repository.ImmutableTags {
		p.add(field, "%q follows a tag that moves, and the tags of the repository %q cannot: set its immutableTags to false",
			s.Policy, s.Repository)
	}
}

// repository is the repository of the name, nil if there is none.
func (r *Registry) repository(name string) *Repository {
	for i := range r.Repositories {
		if r.Repositories[i].Name == name {
			return &r.Repositories[i]
		}
	}
	return nil
}

func (a *Autoscaling) validate(p *problems, field string) {
	p.between(field+".minimum", a.Minimum, 1, 5000)
	p.between(field+".maximum", a.Maximum, 1, 5000)
	if a.Minimum > a.Maximum {
		p.add(field+".minimum", "%d is above maximum, %d", a.Minimum, a.Maximum)
	}
	p.between(field+".cpuPercent", a.CPUPercent, 10, 90)
}

// validateSize holds CPU and memory against what Fargate offers.
func validateSize(p *problems, field string, cpu, memory int) {
	sizes, ok := memoryOfCPU[cpu]
	if !ok {
		p.add(field+".cpu", "Fargate offers 256, 512, 1024, 2048, 4096, 8192 or 16384, not %d", cpu)
		return
	}
	least, most, step := sizes[0], sizes[1], sizes[2]
	if memory < least || memory > most || (memory-least)%step != 0 || (cpu == 256 && memory == 1536) {
		p.add(field+".memory", "with cpu %d Fargate offers %d to %d MiB in steps of %d, not %d", cpu, least, most, step,
			memory)
	}
}

func (a *Automation) validate(p *problems, account string) {
	oneOf(p, "automation.architecture", a.Architecture, ARM64, X8664)
	if len(a.Repositories) == 0 {
		p.add("automation.repositories", "want at least one, such as \"*\"")
	}
	for i, name := range a.Repositories {
		p.match(fmt.Sprintf("automation.repositories[%d]", i), name, repositoriesPattern,
			"a repository's name, with * for any text")
	}
	for i, role := range a.PassRoles {
		validatePassRole(p, fmt.Sprintf("automation.passRoles[%d]", i), role, account)
	}
	p.between("automation.sweepMinutes", a.SweepMinutes, 5, 1440)
	p.between("automation.memory", a.Memory, 128, 10240)
	p.between("automation.timeoutSeconds", a.TimeoutSeconds, 10, 900)
	p.between("automation.maximumConcurrency", a.MaximumConcurrency, 2, 1000)
	if a.ReservedConcurrency != 0 && a.ReservedConcurrency < a.MaximumConcurrency {
		p.add("automation.reservedConcurrency", "%d is below maximumConcurrency, %d: the queue's messages would be throttled",
			a.ReservedConcurrency, a.MaximumConcurrency)
	}
	p.between("automation.maximumReceives", a.MaximumReceives, 2, 1000)
	p.logDays("automation.logDays", a.LogDays)
	oneOf(p, "automation.logLevel", a.LogLevel, Debug, Info, Warn, Error)
	for i, subscription := range a.Subscriptions {
		field := fmt.Sprintf("automation.subscriptions[%d]", i)
		oneOf(p, field+".protocol", subscription.Protocol, "email", "email-json", "https", "sms")
		if subscription.Endpoint == "" {
			p.add(field+".endpoint", "required")
		}
	}
	a.Settings.validate(p)
}

// validatePassRole refuses what would let the function hand any role of the account to a task.
func validatePassRole(p *problems, field, role, account string) {
	parts := roleARNPattern.FindStringSubmatch(role)
	switch {
	case parts != nil && parts[1] != account:
		p.add(field, "%q is a role of account %s, not of %s", role, parts[1], account)
	case parts == nil && !rolePathPattern.MatchString(role):
		p.add(field, "want \"role/PATH\", such as \"role/davit/*\", or a role's ARN, have %q", role)
	case strings.HasSuffix(role, ":role/*") || role == "role/*" || strings.HasPrefix(role, "role/*"):
		p.add(field, "%q is every role of the account; name a path or the roles", role)
	}
}

// MaximumSettings is how many characters the settings may have as JSON: what an advanced SSM parameter holds.
const MaximumSettings = 8192

func (s Settings) validate(p *problems) {
	document, err := s.JSON()
	if err != nil {
		p.add("automation.settings", "%v", err)
		return
	}
	if len(document) > MaximumSettings {
		p.add("automation.settings", "%d characters as JSON, more than the %d that an SSM parameter holds", len(document),
			MaximumSettings)
	}
}
