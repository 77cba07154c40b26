// Package config is the one typed description of an installation: which stacks it has and how each is sized. It knows
// nothing of the CDK, so that it can be read, checked and tested without synthesising anything.
//
// A configuration is a YAML file. Unknown fields are errors, absent fields take the defaults that are documented at
// each field, and a section that is absent leaves its stack out: a file with nothing but "automation" is how davit
// comes into an account whose services exist already.
package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Configuration describes one installation in one account and region.
type Configuration struct {
	// Owner is the team that answers for the resources; it becomes the tag "owner" on each of them. Required.
	Owner string `yaml:"owner"`
	// Environment is the name of the environment, such as "development"; it becomes the tag "environment". Required.
	Environment string `yaml:"environment"`
	// Tags are further tags of every resource. Keys of 1 to 128 and values of up to 256 characters; keys must not start
	// with "aws:" nor with "davit/", which opts workloads in.
	Tags map[string]string `yaml:"tags"`
	// Account is the AWS account, 12 digits. Required; quote it in YAML.
	Account string `yaml:"account"`
	// Region is the AWS region, such as "ap-northeast-2". Required.
	Region string `yaml:"region"`
	// AvailabilityZones are the names of all zones of the region that may be used, such as "ap-northeast-2a". They are
	// written here, and not looked up, so that a template is the same wherever it is made. Required with Network: at
	// least as many as Network.Zones.
	AvailabilityZones []string `yaml:"availabilityZones"`
	// Removal says what becomes of data (images, objects, the ledger, logs) when its stack is deleted. Default Retain.
	Removal Removal `yaml:"removal"`

	// Network is the VPC; absent, there is none.
	Network *Network `yaml:"network"`
	// Registry is the private image registry; absent, there is none.
	Registry *Registry `yaml:"registry"`
	// Storage are the buckets; absent, there are none.
	Storage *Storage `yaml:"storage"`
	// ECS is the cluster with its services; absent, there is none. It needs Network and Registry.
	ECS *ECS `yaml:"ecs"`
	// EKS is a Kubernetes cluster; absent, there is none. It needs Network.
	EKS *EKS `yaml:"eks"`
	// ML is capacity with accelerators, and notebooks; absent, there is none. It needs Network.
	ML *ML `yaml:"ml"`
	// Chain are Ethereum nodes and a signing key; absent, there are none.
	Chain *Chain `yaml:"chain"`
	// Automation is what rolls images out. It needs no other section.
	Automation *Automation `yaml:"automation"`
	// Recovery is what remedies incidents; absent, none are. It needs Automation.
	Recovery *Recovery `yaml:"recovery"`
	// Scaling is what scales workloads; absent, nothing does. It needs Automation.
	Scaling *Scaling `yaml:"scaling"`
	// Chainwatch is what watches blockchain nodes; absent, none are watched. It needs no other section.
	Chainwatch *Chainwatch `yaml:"chainwatch"`
	// HashJobs is what does hash jobs; absent, there is nothing of it.
	HashJobs *HashJobs `yaml:"hashJobs"`
}

// Removal says what becomes of data when its stack is deleted.
type Removal string

// The kinds of removal.
const (
	// Retain keeps the data; whoever deletes the stack deletes the data by hand, or imports it again.
	Retain Removal = "retain"
	// Destroy deletes the data with the stack. A bucket that still holds objects fails the deletion all the same.
	Destroy Removal = "destroy"
)

// Architecture is a processor architecture, by the name that both Lambda and this configuration use.
type Architecture string

// The architectures.
const (
	ARM64 Architecture = "arm64"
	X8664 Architecture = "x86_64"
)

// GOARCH is the architecture's name in Go, which is also the folder of its binaries under bin/functions.
func (a Architecture) GOARCH() string {
	if a == X8664 {
		return "amd64"
	}
	return "arm64"
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
)

// setDefaults gives every absent field the value that its documentation promises.
func (c *Configuration) setDefaults() {
	setDefault(&c.Removal, Retain)
	if c.Network != nil {
		c.Network.setDefaults()
	}
	if c.Registry != nil {
		c.Registry.setDefaults()
	}
	if c.Storage != nil {
		c.Storage.setDefaults()
	}
	if c.ECS != nil {
		c.ECS.setDefaults(c.Removal)
	}
	if c.ML != nil {
		c.ML.setDefaults()
	}
	if c.EKS != nil {
		c.EKS.setDefaults(c)
	}
	if c.Chain != nil {
		c.Chain.setDefaults(c.AvailabilityZones)
	}
	if c.Automation != nil {
		c.Automation.setDefaults(c.Removal)
	}
	if c.Recovery != nil {
		c.Recovery.setDefaults()
	}
	if c.Scaling != nil {
		c.Scaling.setDefaults()
	}
	if c.Chainwatch != nil {
		c.Chainwatch.setDefaults()
	}
	if c.HashJobs != nil {
		c.HashJobs.setDefaults()
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
		c.validateRegistry(p)
	}
	if c.Storage != nil {
		c.validateStorage(p)
	}
	if c.ECS != nil {
		c.validateECS(p)
	}
	if c.EKS != nil {
		c.validateEKS(p)
	}
	if c.ML != nil {
		c.validateML(p)
	}
	if c.Chain != nil {
		c.validateChain(p)
	}
	if c.Automation != nil {
		c.Automation.validate(p, c.Account)
	}
	if c.Recovery != nil {
		c.validateRecovery(p)
	}
	if c.Scaling != nil {
		c.validateScaling(p)
	}
	if c.Chainwatch != nil {
		c.Chainwatch.validate(p)
	}
	if c.HashJobs != nil {
		c.HashJobs.validate(p)
	}
	if c.Network == nil && c.Registry == nil && c.Storage == nil && c.ECS == nil && c.EKS == nil && c.ML == nil &&
		c.Chain == nil && c.Automation == nil && c.Chainwatch == nil && c.HashJobs == nil {
		p.add("configuration", "no stack: give at least one of network, registry, storage, ecs, eks, ml, chain, automation, "+
			"chainwatch, hashJobs")
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
