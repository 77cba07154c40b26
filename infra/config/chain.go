package config

import (
	"fmt"
	"net/url"
	"regexp"
)

// EthereumNetwork is a public Ethereum network.
type EthereumNetwork string

// The networks. Sepolia and Hoodi are for tests.
const (
	Mainnet EthereumNetwork = "mainnet"
	Sepolia EthereumNetwork = "sepolia"
	Hoodi   EthereumNetwork = "hoodi"
)

// EndOfManagedBlockchain is when access to Amazon Managed Blockchain ends; it takes no new customers since 29 October
// 2026.
const EndOfManagedBlockchain = "2027-09-29"

// Chain are Ethereum nodes and a signing key. Its nodes need Network with NAT.
type Chain struct {
	// Network is the Ethereum network of the nodes. Default Mainnet.
	Network EthereumNetwork `yaml:"network"`
	// Full is a full node on EC2; absent, there is none.
	Full *FullNode `yaml:"full"`
	// Light is a light node on Fargate; absent, there is none.
	Light *LightNode `yaml:"light"`
	// Signing is a key of KMS that signs; absent, there is none.
	Signing *SigningKey `yaml:"signing"`
	// ManagedBlockchain is a node of Amazon Managed Blockchain, which ends; see its field.
	ManagedBlockchain *ManagedBlockchain `yaml:"managedBlockchain"`
}

// FullNode is an execution client (Geth) and a consensus client (Lighthouse) on one EC2 instance in a private subnet,
// with its data on a volume of its own that outlives the instance.
type FullNode struct {
	// ExecutionImage is the image of Geth, pinned by digest, such as "ethereum/client-go:v1.17.5@sha256:…". Required.
	ExecutionImage string `yaml:"executionImage"`
	// ConsensusImage is the image of Lighthouse, pinned by digest. Required.
	ConsensusImage string `yaml:"consensusImage"`
	// CheckpointURL is a beacon node that is trusted to say where the consensus client starts, by HTTPS: without it, it
	// would start at genesis, which is not safe (weak subjectivity). Required.
	CheckpointURL string `yaml:"checkpointUrl"`
	// Architecture is the processor architecture of InstanceType and images. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// InstanceType has at least 4 vCPUs and 32 GiB for Mainnet. Default r7g.xlarge with ARM64 and r7i.xlarge with X8664.
	InstanceType string `yaml:"instanceType"`
	// Zone is the availability zone of volume and instance, one of the first Network.Zones of AvailabilityZones. Default
	// the first.
	Zone string `yaml:"zone"`
	// VolumeGiB is the size of the data volume, 2048 to 65536. Default 2048. It can grow, and not shrink.
	VolumeGiB int `yaml:"volumeGiB"`
	// VolumeLimitGiB is up to how many GiB davit may grow the volume when the node does not keep up, VolumeGiB to 65536; 0
	// allows no growth. Default 0. CloudFormation does not take a grown volume back, as none can shrink.
	VolumeLimitGiB int `yaml:"volumeLimitGiB"`
	// Playbook opts the node in to remedies of its incidents: "default" chooses the playbook by the cause, another name is
	// that of a playbook. Its alarms are those of chainwatch with the workload "asg:davit-chain-full". Empty leaves its
	// incidents to others.
	Playbook string `yaml:"playbook"`
	// VolumeIOPS and VolumeThroughput are the volume's, 3000 to 80000 and, in MiB a second, 125 to 2000. Defaults 6000
	// and 250: a node on less does not catch up.
	VolumeIOPS       int `yaml:"volumeIops"`
	VolumeThroughput int `yaml:"volumeThroughput"`
	// SnapshotHours is how often the volume is copied: 2, 3, 4, 6, 8, 12 or 24. Default 24.
	SnapshotHours int `yaml:"snapshotHours"`
	// SnapshotsKept is how many copies are kept, 1 to 1000. Default 7.
	SnapshotsKept int `yaml:"snapshotsKept"`
	// LogDays is for how many days the clients' logs are kept; see LogDays. Default 30.
	LogDays int `yaml:"logDays"`
}

// LightNode is Lodestar's light client, on Fargate where its platform is ECS: from a checkpoint that is trusted it follows the chain by the
// signatures of the sync committees, and keeps no state.
type LightNode struct {
	// Platform is what schedules it. With PlatformECS it is a service of a cluster of its own, "davit-chain". With
	// PlatformEKS the stack keeps its manifest in the SSM parameter /davit/chain/light-node, for an administrator of the
	// cluster to apply: nothing is applied from a stack. Default PlatformECS.
	Platform Platform `yaml:"platform"`
	// Image is the image of Lodestar, pinned by digest. Required.
	Image string `yaml:"image"`
	// Checkpoint is the root of a finalised beacon block, 0x and 64 hexadecimal digits, not older than two weeks when the
	// node starts. Whoever follows it trusts it, so take it from a node of your own. Required.
	Checkpoint string `yaml:"checkpoint"`
	// BeaconURL is the beacon node that it asks, by HTTPS. Default the installation's own full node, which Full then must
	// make.
	BeaconURL string `yaml:"beaconUrl"`
	// Architecture is what the image was built for. Default ARM64.
	Architecture Architecture `yaml:"architecture"`
	// CPU and Memory are as those of a service. Defaults 512 and 2048.
	CPU    int `yaml:"cpu"`
	Memory int `yaml:"memory"`
	// LogDays is for how many days its log is kept; see LogDays. Default 30.
	LogDays int `yaml:"logDays"`
}

// SigningKey is a key pair on the curve secp256k1 in KMS, which signs Ethereum transactions. Who administers it cannot
// sign with it, and who signs cannot administer it.
type SigningKey struct {
	// Administrators are the ARNs of roles of this account that may change and delete the key, and not sign. Default
	// none: the account's root alone, by way of IAM.
	Administrators []string `yaml:"administrators"`
	// Signers are the ARNs of roles of this account that may sign and read the public key. The functions of davit that
	// sign are added by themselves.
	Signers []string `yaml:"signers"`
}

// ManagedBlockchain is an Ethereum node of Amazon Managed Blockchain, for who had one before it closed.
type ManagedBlockchain struct {
	// AcknowledgeEndOfService must be EndOfManagedBlockchain, the day on which the node will be gone. Required.
	AcknowledgeEndOfService string `yaml:"acknowledgeEndOfService"`
	// InstanceType is such as "bc.t3.xlarge", the default.
	InstanceType string `yaml:"instanceType"`
	// Zone is the node's availability zone, one of AvailabilityZones. Required.
	Zone string `yaml:"zone"`
}

var (
	pinnedPattern       = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9._:/-]{1,400}@sha256:[0-9a-f]{64}$`)
	checkpointPattern   = regexp.MustCompile(`^0x[0-9a-f]{64}$`)
	bcInstancePattern   = regexp.MustCompile(`^bc\.[a-z0-9]+\.[a-z0-9]+$`)
	snapshotIntervals   = []int{2, 3, 4, 6, 8, 12, 24}
	fullInstanceByArch  = map[Architecture]string{ARM64: "r7g.xlarge", X8664: "r7i.xlarge"}
	managedChainRegions = []string{"ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "eu-west-1", "eu-west-2", "us-east-1"}
)

func (c *Chain) setDefaults(zones []string) {
	setDefault(&c.Network, Mainnet)
	if f := c.Full; f != nil {
		setDefault(&f.Architecture, ARM64)
		setDefault(&f.InstanceType, fullInstanceByArch[f.Architecture])
		if len(zones) > 0 {
			setDefault(&f.Zone, zones[0])
		}
		setDefault(&f.VolumeGiB, 2048)
		setDefault(&f.VolumeIOPS, 6000)
		setDefault(&f.VolumeThroughput, 250)
		setDefault(&f.SnapshotHours, 24)
		setDefault(&f.SnapshotsKept, 7)
		setDefault(&f.LogDays, 30)
	}
	if l := c.Light; l != nil {
		setDefault(&l.Platform, PlatformECS)
		setDefault(&l.Architecture, ARM64)
		setDefault(&l.CPU, 512)
		setDefault(&l.Memory, 2048)
		setDefault(&l.LogDays, 30)
	}
	if m := c.ManagedBlockchain; m != nil {
		setDefault(&m.InstanceType, "bc.t3.xlarge")
	}
}

func (c *Configuration) validateChain(p *problems) {
	chain := c.Chain
	oneOf(p, "chain.network", chain.Network, Mainnet, Sepolia, Hoodi)
	if chain.Full == nil && chain.Light == nil && chain.Signing == nil && chain.ManagedBlockchain == nil {
		p.add("chain", "want at least one of full, light, signing")
	}
	if chain.Full != nil || chain.Light != nil {
		c.validateNodeNetwork(p)
	}
	if chain.Full != nil {
		c.validateFullNode(p)
	}
	if chain.Light != nil {
		c.validateLightNode(p)
	}
	if s := chain.Signing; s != nil {
		s.validate(p, c.Account)
	}
	if chain.ManagedBlockchain != nil {
		c.validateManagedBlockchain(p)
	}
}

// validateNodeNetwork checks that nodes in private subnets find their peers and images.
func (c *Configuration) validateNodeNetwork(p *problems) {
	switch {
	case c.Network == nil:
		p.add("network", "required by the nodes of chain")
	case c.Network.PodTier() != Private:
		p.add("network.nat", "the nodes of chain are in private subnets and find their peers on the internet: set one or per-az")
	}
}

func (c *Configuration) validateFullNode(p *problems) {
	f := c.Chain.Full
	p.pinned("chain.full.executionImage", f.ExecutionImage)
	p.pinned("chain.full.consensusImage", f.ConsensusImage)
	p.https("chain.full.checkpointUrl", f.CheckpointURL)
	oneOf(p, "chain.full.architecture", f.Architecture, ARM64, X8664)
	validateInstanceType(p, "chain.full.instanceType", f.InstanceType, f.Architecture)
	if c.Network != nil {
		oneOf(p, "chain.full.zone", f.Zone, c.zonesOfNetwork()...)
	}
	p.between("chain.full.volumeGiB", f.VolumeGiB, 2048, 65536)
	if f.VolumeLimitGiB != 0 {
		p.between("chain.full.volumeLimitGiB", f.VolumeLimitGiB, f.VolumeGiB, 65536)
	}
	p.playbook("chain.full.playbook", f.Playbook)
	p.between("chain.full.volumeIops", f.VolumeIOPS, 3000, 80000)
	p.between("chain.full.volumeThroughput", f.VolumeThroughput, 125, 2000)
	if f.VolumeThroughput*4 > f.VolumeIOPS {
		p.add("chain.full.volumeThroughput", "gp3 gives at most 0.25 MiB/s for each of its IOPS: %d needs volumeIops of %d",
			f.VolumeThroughput, 4*f.VolumeThroughput)
	}
	known := false
	for _, hours := range snapshotIntervals {
		known = known || hours == f.SnapshotHours
	}
	if !known {
		p.add("chain.full.snapshotHours", "want one of %v, have %d", snapshotIntervals, f.SnapshotHours)
	}
	p.between("chain.full.snapshotsKept", f.SnapshotsKept, 1, 1000)
	p.logDays("chain.full.logDays", f.LogDays)
}

// zonesOfNetwork are the zones in which the VPC has subnets.
func (c *Configuration) zonesOfNetwork() []string {
	if c.Network.Existing != nil {
		return c.Network.Existing.Zones()
	}
	return c.AvailabilityZones[:min(max(c.Network.Zones, 0), len(c.AvailabilityZones))]
}

func (c *Configuration) validateLightNode(p *problems) {
	l := c.Chain.Light
	oneOf(p, "chain.light.platform", l.Platform, PlatformECS, PlatformEKS)
	if l.Platform == PlatformEKS && c.EKS == nil {
		p.add("chain.light.platform", "needs the section eks: add it, or set ecs")
	}
	if l.Platform == PlatformEKS && c.EKS != nil && c.EKS.Compute == ComputeFargate && l.Architecture == ARM64 {
		p.add("chain.light.architecture", "EKS has no ARM processors on Fargate: set x86_64, or eks.compute to nodes")
	}
	p.pinned("chain.light.image", l.Image)
	p.match("chain.light.checkpoint", l.Checkpoint, checkpointPattern, "0x and 64 hexadecimal digits, the root of a "+
		"finalised beacon block: curl NODE:5052/eth/v1/beacon/headers/finalized")
	switch {
	case l.BeaconURL != "":
		p.https("chain.light.beaconUrl", l.BeaconURL)
	case c.Chain.Full == nil:
		p.add("chain.light.beaconUrl", "without chain.full there is no node of your own to follow: name a beacon node by "+
			"HTTPS, or add chain.full, which runs on EC2")
	}
	oneOf(p, "chain.light.architecture", l.Architecture, ARM64, X8664)
	validateSize(p, "chain.light", l.CPU, l.Memory)
	p.logDays("chain.light.logDays", l.LogDays)
}

func (s *SigningKey) validate(p *problems, account string) {
	for i, role := range s.Administrators {
		p.role(fmt.Sprintf("chain.signing.administrators[%d]", i), role, account)
	}
	for i, role := range s.Signers {
		field := fmt.Sprintf("chain.signing.signers[%d]", i)
		p.role(field, role, account)
		for j, administrator := range s.Administrators {
			if role == administrator {
				p.add(field, "is chain.signing.administrators[%d] too: who changes the key must not sign with it", j)
			}
		}
	}
	p.unique("chain.signing.administrators", s.Administrators)
	p.unique("chain.signing.signers", s.Signers)
}

func (c *Configuration) validateManagedBlockchain(p *problems) {
	m := c.Chain.ManagedBlockchain
	if m.AcknowledgeEndOfService != EndOfManagedBlockchain {
		p.add("chain.managedBlockchain", "Amazon Managed Blockchain takes no new customers since 2026-10-29 and ends on %s. Use "+
			"chain.full instead: start it, let it catch up, point your clients at its port 8545, then delete the managed node. "+
			"If you have one already and need it until then, set acknowledgeEndOfService: %s",
			EndOfManagedBlockchain, EndOfManagedBlockchain)
		return
	}
	if c.Chain.Network != Mainnet {
		p.add("chain.managedBlockchain", "it has nodes of mainnet alone, and chain.network is %s", c.Chain.Network)
	}
	oneOf(p, "region", c.Region, managedChainRegions...)
	p.match("chain.managedBlockchain.instanceType", m.InstanceType, bcInstancePattern,
		"an instance type such as \"bc.t3.xlarge\"")
	oneOf(p, "chain.managedBlockchain.zone", m.Zone, c.AvailabilityZones...)
}

// pinned is for an image that must not change under its name.
func (p *problems) pinned(field, image string) {
	p.match(field, image, pinnedPattern, "an image by digest, NAME:TAG@sha256:…; docker buildx imagetools inspect NAME:TAG "+
		"shows it")
}

// https is for an address outside of the VPC.
func (p *problems) https(field, address string) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil {
		p.add(field, "want an address by https without a user, such as \"https://beacon.example.com\", have %q", address)
	}
}
