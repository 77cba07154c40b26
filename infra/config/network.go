package config

import (
	"fmt"
	"net/netip"
)

// NAT is how private subnets reach the internet.
type NAT string

// The kinds of NAT.
const (
	// NATNone has no private subnets with a way out: tasks run in public subnets with a public address of their own.
	NATNone NAT = "none"
	// NATOne is one gateway for all zones: cheaper, and the way out is lost with its zone.
	NATOne NAT = "one"
	// NATPerZone is a gateway in each zone.
	NATPerZone NAT = "per-az"
)

// Network is the VPC.
type Network struct {
	// CIDR is the IPv4 block, from /16 to /24. Default 10.0.0.0/16.
	CIDR string `yaml:"cidr"`
	// Zones is in how many availability zones there are subnets: 2 or 3. Default 2, which a load balancer needs.
	Zones int `yaml:"zones"`
	// NAT is how private subnets reach the internet. Default NATOne.
	NAT NAT `yaml:"nat"`
	// GatewayEndpoints are the gateway endpoints, which cost nothing: "s3", "dynamodb". Default both; an empty list
	// makes none.
	GatewayEndpoints []string `yaml:"gatewayEndpoints"`
	// InterfaceEndpoints are the interface endpoints, each of which costs an hourly price in each zone; see
	// InterfaceEndpointNames. Default none. Behind NATNone, tasks in public subnets need none.
	InterfaceEndpoints []string `yaml:"interfaceEndpoints"`
	// FlowLogs records the traffic of the VPC in CloudWatch Logs. Default true.
	FlowLogs *bool `yaml:"flowLogs"`
	// FlowLogDays is for how many days flow logs are kept; see LogDays. Default 30.
	FlowLogDays int `yaml:"flowLogDays"`
}

// InterfaceEndpointNames are the interface endpoints that Network.InterfaceEndpoints may name: the AWS services that
// tasks and functions in private subnets call.
var InterfaceEndpointNames = []string{"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "ssmmessages", "sts", "kms"}

func (n *Network) setDefaults() {
	setDefault(&n.CIDR, "10.0.0.0/16")
	setDefault(&n.Zones, 2)
	setDefault(&n.NAT, NATOne)
	if n.GatewayEndpoints == nil {
		n.GatewayEndpoints = []string{"s3", "dynamodb"}
	}
	setDefaultPointer(&n.FlowLogs, true)
	setDefault(&n.FlowLogDays, 30)
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
