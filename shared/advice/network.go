package advice

import (
	"fmt"
	"slices"
)

// endpointsOf are the interface endpoints that tasks of a platform need where there is no other way out; images come
// through the gateway endpoint of S3 (docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html,
// docs.aws.amazon.com/eks/latest/userguide/private-clusters.html).
var endpointsOf = map[Platform][]string{
	ECSFargate:     {"ecr.api", "ecr.dkr", "logs"},
	ECSFargateSpot: {"ecr.api", "ecr.dkr", "logs"},
	ECSEC2: {"ecr.api", "ecr.dkr", "logs", "ecs", "ecs-agent", "ecs-telemetry", "ec2messages", "ssm",
		"ssmmessages"}, // the last three for Session Manager, instead of SSH
	ECSManagedInstances: {"ecr.api", "ecr.dkr", "logs", "ecs", "ecs-agent", "ecs-telemetry"},
	EKSFargate:          {"ecr.api", "ecr.dkr", "logs", "ec2", "sts", "eks", "elasticloadbalancing"},
	EKSEC2:              {"ecr.api", "ecr.dkr", "logs", "ec2", "sts", "eks", "elasticloadbalancing", "eks-auth"},
}

// EndpointsOf are the names of the interface endpoints that estimates count for the platform.
func EndpointsOf(platform Platform) []string { return slices.Clone(endpointsOf[platform]) }

// publicPlatforms can run in public subnets. A task with a network interface of its own on an EC2 host gets no public
// address (docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html), EKS runs pods on Fargate in
// private subnets only, and its nodes belong there (docs.aws.amazon.com/eks/latest/best-practices/subnets.html).
var publicPlatforms = map[Platform]bool{ECSFargate: true, ECSFargateSpot: true}

// networks are the ways out of a VPC that the platform and the workload's rules allow.
func (e estimator) networks(platform Platform) []Network {
	var allowed []Network
	for _, network := range []Network{PublicSubnets, NATGateways, InterfaceEndpoints} {
		if e.Network != AnyNetwork && e.Network != network {
			continue
		}
		if e.permits(platform, network) {
			allowed = append(allowed, network)
		}
	}
	return allowed
}

func (e estimator) permits(platform Platform, network Network) bool {
	switch network {
	case PublicSubnets:
		return publicPlatforms[platform] && !e.must(PrivateNetwork) && !e.must(NoInternet)
	case NATGateways:
		return !e.must(NoInternet)
	default:
		return e.InternetGB == 0
	}
}

// addNetwork adds the way out. Addressed is for how many hours tasks or hosts run, each of which has an address in
// public subnets.
func (e estimator) addNetwork(b *bill, platform Platform, network Network, addressed float64, of string) {
	processed := e.AWSGB + e.logGB()
	switch network {
	case PublicSubnets:
		b.add(PublicIPv4, words("an address for each %s", of), addressed, idIPv4)
	case NATGateways:
		gateways := 1
		if e.Availability == HighAvailability {
			gateways = e.zones()
		}
		hours := float64(gateways) * HoursPerMonth
		b.add(Networking, words("NAT gateways: %d", gateways), hours, idNATHour)
		b.add(Networking, words("data through NAT"), processed+e.InternetGB, idNATGB)
		b.add(PublicIPv4, words("NAT, an address each"), hours, idIPv4)
	case InterfaceEndpoints:
		names := endpointsOf[platform]
		b.add(Networking, words("%d interface endpoints in %d zones", len(names), e.zones()),
			float64(len(names)*e.zones())*HoursPerMonth, idEndpointHour)
		b.add(Networking, words("data through endpoints"), processed, idEndpointGB)
	}
}

// EndpointComparison is what a month costs of the same data by two ways, in a VPC that has NAT whichever is taken.
type EndpointComparison struct {
	// Endpoints is the price of the endpoints' hours and data, NAT that of the data through NAT.
	Endpoints, NAT Amount
}

// CompareEndpoints compares so many interface endpoints in so many zones with sending their data, in gigabytes a month,
// through NAT. It fails where the region has no prices.
func (p Prices) CompareEndpoints(region string, endpoints, zones, gigabytes int) (EndpointComparison, error) {
	rows := map[string]Price{}
	for _, id := range []string{idEndpointHour, idEndpointGB, idNATGB} {
		row, found := p.find(region, id)
		if !found {
			return EndpointComparison{}, fmt.Errorf("the price %s of %s is not known", id, region)
		}
		rows[id] = row.Price
	}
	data := quantityOf(float64(gigabytes))
	hours := quantityOf(float64(endpoints*zones) * HoursPerMonth)
	return EndpointComparison{
		Endpoints: hours.Times(rows[idEndpointHour]) + data.Times(rows[idEndpointGB]),
		NAT:       data.Times(rows[idNATGB]),
	}, nil
}
