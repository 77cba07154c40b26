package config

import (
	"errors"
	"fmt"
	"regexp"

	"davit/shared/settings/nodes"
)

// Chainwatch is what watches blockchain nodes: a function on a schedule, and alarms for each node. It needs no other
// section; with Automation its alarms tell that one's topic.
type Chainwatch struct {
	// Minutes is how often the nodes are looked at, 1 to 60 minutes. Default 1.
	Minutes int `yaml:"minutes"`
	// Architecture is what the function is built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// Memory is the function's memory in MiB, 128 to 10240. Default 256.
	Memory int `yaml:"memory"`
	// LogDays is for how many days the function's log is kept; see LogDays. Default 30.
	LogDays int `yaml:"logDays"`
	// LogLevel is the level below which the function logs nothing: DEBUG, INFO, WARN or ERROR. Default INFO.
	LogLevel LogLevel `yaml:"logLevel"`
	// VPC puts the function into subnets of a VPC, which it needs to reach nodes that only have private addresses.
	// Absent, it reaches public addresses.
	VPC *FunctionVPC `yaml:"vpc"`
	// Nodes are the nodes, 1 to 50, each name once.
	Nodes []ChainNode `yaml:"nodes"`
}

// FunctionVPC is where in a VPC a function runs. The subnets must have a way to what the function calls, by NAT or by
// endpoints: SSM, and for chainwatch the references; for automation what its functions call, which docs/eks.md lists.
type FunctionVPC struct {
	// Subnets are the IDs of private subnets, 1 to 16. Required.
	Subnets []string `yaml:"subnets"`
	// SecurityGroups are the IDs of its security groups, 1 to 5. Required.
	SecurityGroups []string `yaml:"securityGroups"`
}

// ChainNode is a blockchain node; see davit/shared/settings/nodes for what each address may be.
type ChainNode struct {
	// Name is the node's name in metrics and alarms: 1 to 64 small letters, digits and hyphens. Required.
	Name string `yaml:"name"`
	// Kind is "execution" (JSON-RPC) or "consensus" (Beacon API). Required.
	Kind nodes.Kind `yaml:"kind"`
	// URL or Parameter is the node's address, in the open or in an SSM parameter. One of them is required.
	URL       string `yaml:"url"`
	Parameter string `yaml:"parameter"`
	// ChainID is the number that the node must answer with: 1 is mainnet. Required.
	ChainID uint64 `yaml:"chainId"`
	// References are other nodes of the same chain, which tell how far the network is: at least one, better three.
	References []ChainEndpoint `yaml:"references"`
	// Disk is where the use of the node's disk can be read; absent, it is not watched.
	Disk *ChainDisk `yaml:"disk"`
	// Workload is what the node runs on, for the tag davit/workload of its alarms: a reference such as
	// "ecs:CLUSTER/SERVICE". Absent, its alarms are told to humans alone.
	Workload string `yaml:"workload"`
	// Alarms are the thresholds.
	Alarms ChainAlarms `yaml:"alarms"`
}

// ChainEndpoint is an address: one of its fields.
type ChainEndpoint struct {
	// URL is the address itself, of http or https.
	URL string `yaml:"url"`
	// Parameter is the SSM parameter that holds it, a SecureString below "/davit/chain/" under the account's default key.
	Parameter string `yaml:"parameter"`
}

// ChainDisk is a Prometheus node exporter on the node's host.
type ChainDisk struct {
	URL       string `yaml:"url"`
	Parameter string `yaml:"parameter"`
	// Mount is the mount point of the file system, such as "/data". Required.
	Mount string `yaml:"mount"`
}

// ChainAlarms are when a node's alarms go off. Each takes missing data for a breach.
type ChainAlarms struct {
	// Looks is in how many looks one after another it must be so, 1 to 60. Default 3.
	Looks int `yaml:"looks"`
	// BlocksBehind is above how many blocks or slots behind, 1 to 100000. Default 10.
	BlocksBehind int `yaml:"blocksBehind"`
	// HeadAgeSeconds is above which age of the head block, 15 to 86400. Default 180.
	HeadAgeSeconds int `yaml:"headAgeSeconds"`
	// Peers is below how many peers, 1 to 1000. Default 3.
	Peers int `yaml:"peers"`
	// LatencyMilliseconds is above which time for an answer, 10 to 5000. Default 2000.
	LatencyMilliseconds int `yaml:"latencyMilliseconds"`
	// DiskPercent is above which use of the disk, 1 to 99. Default 85.
	DiskPercent int `yaml:"diskPercent"`
}

func (c *Chainwatch) setDefaults() {
	setDefault(&c.Minutes, 1)
	setDefault(&c.Architecture, ARM64)
	setDefault(&c.Memory, 256)
	setDefault(&c.LogDays, 30)
	setDefault(&c.LogLevel, Info)
	for i := range c.Nodes {
		alarms := &c.Nodes[i].Alarms
		setDefault(&alarms.Looks, 3)
		setDefault(&alarms.BlocksBehind, 10)
		setDefault(&alarms.HeadAgeSeconds, 180)
		setDefault(&alarms.Peers, 3)
		setDefault(&alarms.LatencyMilliseconds, 2000)
		setDefault(&alarms.DiskPercent, 85)
	}
}

var securityGroupPattern = regexp.MustCompile(`^sg-([0-9a-f]{8}|[0-9a-f]{17})$`)

func (c *Chainwatch) validate(p *problems) {
	p.between("chainwatch.minutes", c.Minutes, 1, 60)
	oneOf(p, "chainwatch.architecture", c.Architecture, ARM64, X8664)
	p.between("chainwatch.memory", c.Memory, 128, 10240)
	p.logDays("chainwatch.logDays", c.LogDays)
	oneOf(p, "chainwatch.logLevel", c.LogLevel, Debug, Info, Warn, Error)
	if c.VPC != nil {
		c.VPC.validate(p, "chainwatch.vpc")
	}
	for i := range c.Nodes {
		c.Nodes[i].validate(p, fmt.Sprintf("chainwatch.nodes[%d]", i))
	}
	document, err := c.Document().Encode()
	switch {
	case errors.Is(err, nodes.ErrInvalid):
		p.add("chainwatch", "%v", err)
	case err != nil:
		p.add("chainwatch", "encode the nodes: %v", err)
	case len(document) > MaximumSettings:
		p.add("chainwatch.nodes", "%d characters as JSON, more than the %d that an SSM parameter holds", len(document),
			MaximumSettings)
	}
}

func (v *FunctionVPC) validate(p *problems, field string) {
	p.between(field+".subnets", len(v.Subnets), 1, 16)
	for i, subnet := range v.Subnets {
		p.match(fmt.Sprintf("%s.subnets[%d]", field, i), subnet, subnetPattern, "the ID of a subnet")
	}
	p.between(field+".securityGroups", len(v.SecurityGroups), 1, 5)
	for i, group := range v.SecurityGroups {
		p.match(fmt.Sprintf("%s.securityGroups[%d]", field, i), group, securityGroupPattern, "the ID of a security group")
	}
}

func (n *ChainNode) validate(p *problems, field string) {
	if len(n.References) == 0 {
		p.add(field+".references", "want at least one: without any, nobody can say whether the node is behind")
	}
	p.match(field+".workload", n.Workload, tagPattern, "at most 256 "+tagCharacters)
	p.between(field+".alarms.looks", n.Alarms.Looks, 1, 60)
	p.between(field+".alarms.blocksBehind", n.Alarms.BlocksBehind, 1, 100_000)
	p.between(field+".alarms.headAgeSeconds", n.Alarms.HeadAgeSeconds, 15, 86_400)
	p.between(field+".alarms.peers", n.Alarms.Peers, 1, 1000)
	p.between(field+".alarms.latencyMilliseconds", n.Alarms.LatencyMilliseconds, 10, 5000)
	p.between(field+".alarms.diskPercent", n.Alarms.DiskPercent, 1, 99)
}

// Document is the nodes in the form in which the function reads them.
func (c *Chainwatch) Document() nodes.Document {
	document := nodes.Document{Version: nodes.Version}
	for _, node := range c.Nodes {
		watched := nodes.Node{Name: node.Name, Kind: node.Kind, ChainID: node.ChainID,
			Endpoint: nodes.Endpoint{URL: node.URL, Parameter: node.Parameter}}
		for _, reference := range node.References {
			watched.References = append(watched.References, nodes.Endpoint(reference))
		}
		if node.Disk != nil {
			watched.Disk = &nodes.Disk{Mount: node.Disk.Mount,
				Endpoint: nodes.Endpoint{URL: node.Disk.URL, Parameter: node.Disk.Parameter}}
		}
		document.Nodes = append(document.Nodes, watched)
	}
	return document
}
