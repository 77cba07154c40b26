package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Automation is what rolls images out: queue, function, ledger, rules, and what tells humans of it.
type Automation struct {
	// Architecture is what the functions are built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// Repositories are the ECR repositories that the functions may read: those of this account and region as names in which *
	// stands for any text, those of another as full ARNs, which for another account its repository's own policy must allow
	// too. Default ["*"].
	Repositories []string `yaml:"repositories"`
	// PublicRepositories are the public repositories of this account that workloads may follow, as names without the alias
	// in which * stands for any text. Their pushes are heard of in us-east-1; see Registry.PublicPushesTo for another
	// region. Default none.
	PublicRepositories []string `yaml:"publicRepositories"`
	// PassRoles are the roles of task definitions, which a new revision must be allowed to name: either "role/PATH" with
	// * for any text, such as "role/davit/*", or a full ARN of a role of this account. Without any, a task definition
	// that has a role cannot be rolled out. The platform's own roles are under "role/davit/*", the default.
	PassRoles []string `yaml:"passRoles"`
	// SweepMinutes is how often every workload is looked at without an event, 5 to 1440 minutes. Default 15.
	SweepMinutes int `yaml:"sweepMinutes"`
	// Memory is the rollout function's memory in MiB, 128 to 10240; its CPU grows with it. Default 512.
	Memory int `yaml:"memory"`
	// TimeoutSeconds is how long the function may work on one batch, 10 to 900. Default 60. A message that is not done
	// is seen again after six times as long.
	TimeoutSeconds int `yaml:"timeoutSeconds"`
	// MaximumConcurrency is how many batches are worked on at once, 2 to 1000. Default 10.
	MaximumConcurrency int `yaml:"maximumConcurrency"`
	// ReservedConcurrency takes this many of the account's concurrent executions for the function alone, at least
	// MaximumConcurrency; 0 reserves none. Default 0.
	ReservedConcurrency int `yaml:"reservedConcurrency"`
	// MaximumReceives is after how many attempts a message goes to the dead-letter queue, 5 to 1000. Default 10, with which a
	// message outlives some minutes of trouble of AWS. What is not there yet, such as an image that ECR does not list, is waited
	// for twice as long each time, and left to the sweep one attempt before; with fewer than 5, which "Using Lambda with Amazon
	// SQS" of the Lambda developer guide asks for at least, little would be waited for.
	MaximumReceives int `yaml:"maximumReceives"`
	// LogDays is for how many days the function's log is kept; see LogDays. Default 90.
	LogDays int `yaml:"logDays"`
	// LogLevel is the level below which the function logs nothing: DEBUG, INFO, WARN or ERROR. Default INFO.
	LogLevel LogLevel `yaml:"logLevel"`
	// Tracing sends traces of the function to X-Ray. Default false.
	Tracing bool `yaml:"tracing"`
	// DeletionProtection refuses to delete the ledger's table until it is turned off. Default true with Retain, false
	// with Destroy.
	DeletionProtection *bool `yaml:"deletionProtection"`
	// VPC puts the functions of rollouts, remedies and scaling into subnets of a VPC, which they need to reach the API servers
	// of EKS clusters that have a private endpoint alone. By default they are in none.
	VPC *FunctionVPC `yaml:"vpc"`
	// ClusterSecurityGroups are the IDs of the security groups of such clusters ("cluster security group" in EKS), each of
	// which gets a rule that lets the functions' first security group in on port 443. A cluster of the section eks lets its
	// whole VPC in and needs none. Needs VPC.
	ClusterSecurityGroups []string `yaml:"clusterSecurityGroups"`
	// Subscriptions are told of failed, overdue and superseded rollouts and of alarms.
	Subscriptions []Subscription `yaml:"subscriptions"`
	// Settings are what the functions and the command line read at run time.
	Settings Settings `yaml:"settings"`
}

// LogLevel is a level of a function's log, by Lambda's name for it.
type LogLevel string

// The levels.
const (
	Debug LogLevel = "DEBUG"
	Info  LogLevel = "INFO"
	Warn  LogLevel = "WARN"
	Error LogLevel = "ERROR"
)

// Subscription is who is told.
type Subscription struct {
	// Protocol is "email", "email-json", "https" or "sms". Required.
	Protocol string `yaml:"protocol"`
	// Endpoint is the address in the form of the protocol. Required.
	Endpoint string `yaml:"endpoint"`
}

// minimumReceives is what "Using Lambda with Amazon SQS" of the Lambda developer guide asks for at least
// (docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
const minimumReceives = 5

// DefaultReceives is after how many attempts a message is a dead letter where nothing else is said. Nine waits of up to 2
// seconds, 4, 8 and so on are 8 minutes on average and 17 at most: when AWS throttles, or a zone fails, most of what alarms is said
// once and not again.
const DefaultReceives = 10

var (
	// repositoriesPattern is a repository's name with * for any text.
	repositoriesPattern  = regexp.MustCompile(`^[a-z0-9._/*-]{1,256}$`)
	repositoryARNPattern = regexp.MustCompile(`^arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9._/*-]{1,256}$`)
	rolePathPattern      = regexp.MustCompile(`^role/[A-Za-z0-9+=,.@_/*-]{1,500}$`)
	roleARNPattern       = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/[A-Za-z0-9+=,.@_/*-]{1,500}$`)
)

func (a *Automation) setDefaults(removal Removal) {
	setDefault(&a.Architecture, ARM64)
	if a.Repositories == nil {
		a.Repositories = []string{"*"}
	}
	if a.PassRoles == nil {
		a.PassRoles = []string{"role/davit/*"}
	}
	setDefault(&a.SweepMinutes, 15)
	setDefault(&a.Memory, 512)
	setDefault(&a.TimeoutSeconds, 60)
	setDefault(&a.MaximumConcurrency, 10)
	setDefault(&a.MaximumReceives, DefaultReceives)
	setDefault(&a.LogDays, 90)
	setDefault(&a.LogLevel, Info)
	setDefaultPointer(&a.DeletionProtection, removal == Retain)
}

func (a *Automation) validate(p *problems, account string) {
	oneOf(p, "automation.architecture", a.Architecture, ARM64, X8664)
	if len(a.Repositories) == 0 {
		p.add("automation.repositories", "want at least one, such as \"*\"")
	}
	for i, name := range a.Repositories {
		if !repositoryARNPattern.MatchString(name) {
			p.match(fmt.Sprintf("automation.repositories[%d]", i), name, repositoriesPattern,
				"a repository's name, with * for any text, or its ARN")
		}
	}
	for i, name := range a.PublicRepositories {
		p.match(fmt.Sprintf("automation.publicRepositories[%d]", i), name, repositoriesPattern,
			"a repository's name without the alias, with * for any text")
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
	p.between("automation.maximumReceives", a.MaximumReceives, minimumReceives, 1000)
	p.logDays("automation.logDays", a.LogDays)
	oneOf(p, "automation.logLevel", a.LogLevel, Debug, Info, Warn, Error)
	if a.VPC != nil {
		a.VPC.validate(p, "automation.vpc")
	} else if len(a.ClusterSecurityGroups) > 0 {
		p.add("automation.clusterSecurityGroups", "the function is in no VPC: set automation.vpc, or leave them out")
	}
	for i, group := range a.ClusterSecurityGroups {
		p.match(fmt.Sprintf("automation.clusterSecurityGroups[%d]", i), group, securityGroupPattern, "the ID of a security group")
	}
	p.unique("automation.clusterSecurityGroups", a.ClusterSecurityGroups)
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
