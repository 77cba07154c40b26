package config

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"

	"davit/shared/advice"
)

// NAT is how private subnets reach the internet.
type NAT string

// The kinds of NAT.
const (
	// NATNone has no private subnets with a way out: tasks run in public subnets with a public address of their own, or
	// with EndpointsNeeded in isolated subnets.
	NATNone NAT = "none"
	// NATOne is one gateway for all zones: cheaper, and the way out is lost with its zone.
	NATOne NAT = "one"
	// NATPerZone is a gateway in each zone.
	NATPerZone NAT = "per-az"
	// NATRegional is one gateway of AWS's that spreads by itself over the zones in which there are tasks. It is charged
	// for each of these zones ("Regional NAT gateways for automatic multi-AZ expansion" in the VPC user guide), and is
	// not in the GovCloud and China regions.
	NATRegional NAT = "regional"
)

// EndpointChoice says which interface endpoints there are beside those that are listed.
type EndpointChoice string

// The choices.
const (
	// EndpointsListed are those of Network.InterfaceEndpoints alone.
	EndpointsListed EndpointChoice = "listed"
	// EndpointsNeeded adds those of every AWS service that the other sections call. With NATNone tasks then run in
	// isolated subnets and reach these services and nothing else.
	EndpointsNeeded EndpointChoice = "needed"
	// EndpointsByPrice adds those of EndpointsNeeded where a month of them costs less than sending
	// Network.ServiceGigabytes through NAT.
	EndpointsByPrice EndpointChoice = "by-price"
)

// Network is the VPC: one of its own, or one that exists.
type Network struct {
	// Existing is a VPC that exists and is used instead of a new one. No other field of the section may be given with it.
	Existing *ExistingVPC `yaml:"existing"`
	// CIDR is the IPv4 block, from /16 to /24. Default 10.0.0.0/16.
	CIDR string `yaml:"cidr"`
	// IPv6 gives the VPC an IPv6 block of Amazon's and every subnet a part of it, beside IPv4. Private subnets reach the
	// IPv6 internet by a gateway that lets nothing in, and load balancers answer on both. Default false.
	IPv6 bool `yaml:"ipv6"`
	// Zones is in how many availability zones there are subnets: 2 or 3. Default 2, which a load balancer needs.
	Zones int `yaml:"zones"`
	// NAT is how private subnets reach the internet. Default NATOne.
	NAT NAT `yaml:"nat"`
	// GatewayEndpoints are the gateway endpoints, which cost nothing: "s3", "dynamodb". Default both; an empty list
	// makes none.
	GatewayEndpoints []string `yaml:"gatewayEndpoints"`
	// Endpoints says which interface endpoints there are beside those that are listed. Default EndpointsListed.
	Endpoints EndpointChoice `yaml:"endpoints"`
	// ServiceGigabytes is how many gigabytes a month go between private subnets and the AWS services of the interface
	// endpoints, 1 to 10,000,000. Image layers are no part of it: they come by the gateway endpoint of S3. Required with
	// EndpointsByPrice, and meaningless otherwise.
	ServiceGigabytes int `yaml:"serviceGigabytes"`
	// InterfaceEndpoints are interface endpoints, each of which costs an hourly price in each zone; see
	// InterfaceEndpointNames. Default none. Behind NATNone, tasks in public subnets need none.
	InterfaceEndpoints []string `yaml:"interfaceEndpoints"`
	// CloseDefaultSecurityGroup takes the rules of the VPC's default security group away, and looks daily that there are
	// none again. Default true.
	CloseDefaultSecurityGroup *bool `yaml:"closeDefaultSecurityGroup"`
	// FlowLogs records the traffic of the VPC in CloudWatch Logs. Default true.
	FlowLogs *bool `yaml:"flowLogs"`
	// FlowLogDays is for how many days flow logs are kept; see LogDays. Default 30.
	FlowLogDays int `yaml:"flowLogDays"`
}

// ExistingVPC is a VPC that somebody else made. Its ways out, endpoints and flow logs stay theirs.
type ExistingVPC struct {
	// ID is the VPC's, such as "vpc-0123456789abcdef0". Required.
	ID string `yaml:"id"`
	// CIDR is its IPv4 block, from which internal load balancers are reached. Required.
	CIDR string `yaml:"cidr"`
	// PublicSubnets are the IDs of subnets with a route to an internet gateway, by zone.
	PublicSubnets map[string]string `yaml:"publicSubnets"`
	// PrivateSubnets are the IDs of subnets with a way out by NAT, by zone. Where there are none, tasks run in public
	// subnets with an address of their own.
	PrivateSubnets map[string]string `yaml:"privateSubnets"`
	// IsolatedSubnets are the IDs of subnets without a way out, by zone. Where there are none, internal load balancers are
	// in private subnets.
	IsolatedSubnets map[string]string `yaml:"isolatedSubnets"`
}

// Tier is a kind of subnet.
type Tier string

// The tiers.
const (
	// Public subnets have a route to the internet gateway.
	Public Tier = "public"
	// Private subnets reach the internet by NAT, and are not reached from it.
	Private Tier = "private"
	// Isolated subnets have no way out.
	Isolated Tier = "isolated"
)

// Tiers are the tiers of the VPC that have subnets.
func (n *Network) Tiers() []Tier {
	if n.Existing == nil {
		if n.NAT == NATNone {
			return []Tier{Public, Isolated}
		}
		return []Tier{Public, Private, Isolated}
	}
	var tiers []Tier
	for _, tier := range []Tier{Public, Private, Isolated} {
		if len(n.Existing.Subnets(tier)) > 0 {
			tiers = append(tiers, tier)
		}
	}
	return tiers
}

// TaskTier is where tasks and hosts run: in private subnets; without NAT in isolated ones where the endpoints that they
// need are there; or else in public ones, from where a task with a public address of its own reaches AWS.
func (n *Network) TaskTier() Tier {
	switch {
	case slices.Contains(n.Tiers(), Private):
		return Private
	case n.Existing == nil && n.Endpoints == EndpointsNeeded:
		return Isolated
	}
	return Public
}

// InternalTier is where load balancers are that only the VPC reaches: the most closed tier that there is.
func (n *Network) InternalTier() Tier {
	tiers := n.Tiers()
	return tiers[len(tiers)-1]
}

// Range is the VPC's IPv4 block.
func (n *Network) Range() string {
	if n.Existing != nil {
		return n.Existing.CIDR
	}
	return n.CIDR
}

// Subnets are the IDs of the tier's subnets by zone.
func (v *ExistingVPC) Subnets(tier Tier) map[string]string {
	return map[Tier]map[string]string{
		Public: v.PublicSubnets, Private: v.PrivateSubnets, Isolated: v.IsolatedSubnets,
	}[tier]
}

// Zones are the zones of its subnets, in order.
func (v *ExistingVPC) Zones() []string {
	zones := map[string]string{}
	for _, tier := range []Tier{Public, Private, Isolated} {
		maps.Copy(zones, v.Subnets(tier))
	}
	return slices.Sorted(maps.Keys(zones))
}

// InterfaceEndpointNames are the interface endpoints that Network.InterfaceEndpoints may name: the AWS services that
// tasks, hosts, pods and functions in private subnets call.
var InterfaceEndpointNames = []string{
	"application-autoscaling", "autoscaling", "bedrock-runtime", "ec2", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "eks",
	"eks-auth", "elasticloadbalancing", "events", "kms", "lambda", "logs", "monitoring", "sagemaker.api",
	"sagemaker.runtime", "secretsmanager", "sns", "sqs", "ssm", "ssmmessages", "sts", "tagging", "xray",
}

// NeededEndpoints are the interface endpoints of the AWS services that the sections call from the VPC, in order.
func (c *Configuration) NeededEndpoints() []string {
	needed := []string{}
	if c.ECS != nil {
		needed = append(needed, c.ECS.neededEndpoints()...)
	}
	if c.EKS != nil {
		needed = append(needed, c.EKS.neededEndpoints()...)
	}
	if c.ML != nil {
		needed = append(needed, c.ML.neededEndpoints()...)
	}
	slices.Sort(needed)
	return slices.Compact(needed)
}

// ChosenEndpoints are the interface endpoints that the VPC gets, in order. It fails where the choice is by price and the
// prices of the region are not known.
func (c *Configuration) ChosenEndpoints() ([]string, error) {
	n := c.Network
	chosen := slices.Clone(n.InterfaceEndpoints)
	added := c.NeededEndpoints()
	switch n.Endpoints {
	case EndpointsListed:
		added = nil
	case EndpointsByPrice:
		pay, err := c.endpointsPay(len(added))
		if err != nil {
			return nil, err
		}
		if !pay {
			added = nil
		}
	}
	chosen = append(chosen, added...)
	slices.Sort(chosen)
	return slices.Compact(chosen), nil
}

// endpointsPay tells whether so many endpoints cost less than their data through NAT.
func (c *Configuration) endpointsPay(count int) (bool, error) {
	prices, err := advice.EmbeddedPrices()
	if err != nil {
		return false, err
	}
	compared, err := prices.CompareEndpoints(c.Region, count, c.Network.Zones, c.Network.ServiceGigabytes)
	return err == nil && compared.Endpoints < compared.NAT, err
}

func (n *Network) setDefaults() {
	if n.Existing != nil {
		return
	}
	setDefault(&n.CIDR, "10.0.0.0/16")
	setDefault(&n.Zones, 2)
	setDefault(&n.NAT, NATOne)
	setDefault(&n.Endpoints, EndpointsListed)
	if n.GatewayEndpoints == nil {
		n.GatewayEndpoints = []string{"s3", "dynamodb"}
	}
	setDefaultPointer(&n.CloseDefaultSecurityGroup, true)
	setDefaultPointer(&n.FlowLogs, true)
	setDefault(&n.FlowLogDays, 30)
}

func (c *Configuration) validateNetwork(p *problems) {
	n := c.Network
	if n.Existing != nil {
		c.validateExisting(p)
		return
	}
	validateBlock(p, "network.cidr", n.CIDR)
	p.between("network.zones", n.Zones, 2, 3)
	if len(c.AvailabilityZones) < n.Zones {
		p.add("availabilityZones", "network.zones asks for %d, have %d", n.Zones, len(c.AvailabilityZones))
	}
	oneOf(p, "network.nat", n.NAT, NATNone, NATOne, NATPerZone, NATRegional)
	for i, name := range n.GatewayEndpoints {
		oneOf(p, fmt.Sprintf("network.gatewayEndpoints[%d]", i), name, "s3", "dynamodb")
	}
	p.unique("network.gatewayEndpoints", n.GatewayEndpoints)
	for i, name := range n.InterfaceEndpoints {
		oneOf(p, fmt.Sprintf("network.interfaceEndpoints[%d]", i), name, InterfaceEndpointNames...)
	}
	p.unique("network.interfaceEndpoints", n.InterfaceEndpoints)
	c.validateEndpoints(p)
	p.logDays("network.flowLogDays", n.FlowLogDays)
}

func (c *Configuration) validateEndpoints(p *problems) {
	n := c.Network
	oneOf(p, "network.endpoints", n.Endpoints, EndpointsListed, EndpointsNeeded, EndpointsByPrice)
	if n.TaskTier() == Isolated && !slices.Contains(n.GatewayEndpoints, "s3") {
		p.add("network.gatewayEndpoints", "want s3 among them: in isolated subnets image layers come by it")
	}
	switch {
	case n.Endpoints != EndpointsByPrice:
		if n.ServiceGigabytes != 0 {
			p.add("network.serviceGigabytes", "means something only with endpoints: %s", EndpointsByPrice)
		}
		return
	case n.NAT == NATNone:
		p.add("network.endpoints", "%s compares with NAT, and nat is %s: choose %s, or %s with a public address for each task",
			EndpointsByPrice, NATNone, EndpointsNeeded, EndpointsListed)
		return
	}
	p.between("network.serviceGigabytes", n.ServiceGigabytes, 1, 10_000_000)
	if _, err := c.endpointsPay(len(c.NeededEndpoints())); err != nil {
		p.add("network.endpoints", "%v; choose %s or %s", err, EndpointsNeeded, EndpointsListed)
	}
}

func validateBlock(p *problems, field, block string) {
	prefix, err := netip.ParsePrefix(block)
	switch {
	case err != nil || !prefix.Addr().Is4() || prefix.Masked() != prefix:
		p.add(field, "want an IPv4 block such as \"10.0.0.0/16\", have %q", block)
	case prefix.Bits() < 16 || prefix.Bits() > 24:
		p.add(field, "want a block from /16 to /24, have /%d", prefix.Bits())
	}
}

var (
	vpcPattern    = regexp.MustCompile(`^vpc-([0-9a-f]{8}|[0-9a-f]{17})$`)
	subnetPattern = regexp.MustCompile(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`)
)

// validateExisting checks a VPC that exists, as far as it can be checked without looking.
func (c *Configuration) validateExisting(p *problems) {
	n := c.Network
	others := map[string]bool{
		"cidr": n.CIDR != "", "ipv6": n.IPv6, "zones": n.Zones != 0, "nat": n.NAT != "",
		"gatewayEndpoints": n.GatewayEndpoints != nil, "endpoints": n.Endpoints != "",
		"serviceGigabytes": n.ServiceGigabytes != 0, "interfaceEndpoints": n.InterfaceEndpoints != nil,
		"closeDefaultSecurityGroup": n.CloseDefaultSecurityGroup != nil, "flowLogs": n.FlowLogs != nil,
		"flowLogDays": n.FlowLogDays != 0,
	}
	for _, field := range slices.Sorted(maps.Keys(others)) {
		if others[field] {
			p.add("network."+field, "belongs to whoever made the existing VPC; leave it out")
		}
	}
	p.match("network.existing.id", n.Existing.ID, vpcPattern, "the ID of a VPC, such as \"vpc-0123456789abcdef0\"")
	validateBlock(p, "network.existing.cidr", n.Existing.CIDR)
	zones := n.Existing.Zones()
	if len(zones) < 2 {
		p.add("network.existing", "want subnets in at least 2 zones, which a load balancer needs, have them in %d", len(zones))
	}
	if len(n.Existing.PublicSubnets) == 0 && len(n.Existing.PrivateSubnets) == 0 {
		p.add("network.existing", "want publicSubnets or privateSubnets: from isolated ones nothing reaches AWS")
	}
	for _, tier := range n.Tiers() {
		c.validateSubnets(p, "network.existing."+string(tier)+"Subnets", n.Existing.Subnets(tier), zones)
	}
}

func (c *Configuration) validateSubnets(p *problems, field string, subnets map[string]string, zones []string) {
	if len(subnets) != len(zones) {
		p.add(field, "want one in each of the zones %v, as every tier that is given", zones)
	}
	ids := make([]string, 0, len(subnets))
	for _, zone := range slices.Sorted(maps.Keys(subnets)) {
		if !slices.Contains(c.AvailabilityZones, zone) {
			p.add(field+"."+zone, "is not among availabilityZones, %v", c.AvailabilityZones)
		}
		p.match(field+"."+zone, subnets[zone], subnetPattern, "the ID of a subnet, such as \"subnet-0123456789abcdef0\"")
		ids = append(ids, subnets[zone])
	}
	p.unique(field, ids)
}
