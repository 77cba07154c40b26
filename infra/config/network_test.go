package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// given is the whole configuration with a VPC that exists.
const given = `network:
  existing:
    id: vpc-0123456789abcdef0
    cidr: 10.20.0.0/16
    publicSubnets: {ap-northeast-2a: subnet-00000000000000001, ap-northeast-2b: subnet-00000000000000002}
    privateSubnets: {ap-northeast-2a: subnet-00000000000000003, ap-northeast-2b: subnet-00000000000000004}
`

func TestErrorsOfTheNetworkNameTheField(t *testing.T) {
	existing := strings.Replace(whole, "network: {}\n", given, 1)
	tests := []struct {
		name, document, from, to string
		want                     []string
	}{
		{"a choice of endpoints that is none", whole, "network: {}", "network: {endpoints: all}", []string{"network.endpoints: "}},
		{"a price without a quantity", whole, "network: {}", "network: {endpoints: by-price}", []string{"network.serviceGigabytes: want 1"}},
		{"a quantity without a price", whole, "network: {}", "network: {serviceGigabytes: 5}", []string{"network.serviceGigabytes: ", "by-price"}},
		{"a price against a NAT that is not there", whole, "network: {}", "network: {nat: none, endpoints: by-price, serviceGigabytes: 5}",
			[]string{"network.endpoints: ", "needed"}},
		{"a price in a region without prices", strings.ReplaceAll(whole, "ap-northeast-2", "af-south-1"), "network: {}",
			"network: {endpoints: by-price, serviceGigabytes: 5}", []string{"network.endpoints: ", "af-south-1"}},
		{"isolated tasks without S3", whole, "network: {}", "network: {nat: none, endpoints: needed, gatewayEndpoints: []}",
			[]string{"network.gatewayEndpoints: want s3"}},
		{"isolated tasks with an image of the internet", whole, "network: {}", "network: {nat: none, endpoints: needed}",
			[]string{"ecs.services[0].initialImage: ", "dkr.ecr.ap-northeast-2"}},
		{"a VPC without an ID", existing, "id: vpc-0123456789abcdef0", "id: davit", []string{"network.existing.id: "}},
		{"a VPC without a block", existing, "    cidr: 10.20.0.0/16\n", "", []string{"network.existing.cidr: "}},
		{"a VPC that exists with a block of its own", existing, "  existing:", "  zones: 2\n  existing:", []string{"network.zones: ", "leave it out"}},
		{"a subnet that is none", existing, "subnet-00000000000000001", "10.20.1.0/24", []string{"network.existing.publicSubnets.ap-northeast-2a"}},
		{"a subnet in a zone of elsewhere", existing, "{ap-northeast-2a: subnet-00000000000000001", "{us-east-1a: subnet-00000000000000001",
			[]string{"network.existing.publicSubnets.us-east-1a"}},
		{"a subnet for two zones", existing, "subnet-00000000000000004", "subnet-00000000000000003", []string{"network.existing.privateSubnets[1]"}},
		{"a zone that only one tier has", existing, ", ap-northeast-2b: subnet-00000000000000004", "", []string{"network.existing.privateSubnets: want one in each"}},
		{"no subnets at all", existing, given[strings.Index(given, "    publicSubnets"):], "", []string{"network.existing: want subnets", "publicSubnets or privateSubnets"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { refuses(t, test.document, test.from, test.to, test.want) })
	}
}

func TestWhereTasksRun(t *testing.T) {
	own := strings.Replace(whole, "initialImage: public.ecr.aws/nginx/nginx-unprivileged:stable",
		"initialImage: 111122223333.dkr.ecr.ap-northeast-2.amazonaws.com/web:0.0.0", 1)
	tests := []struct {
		name, network   string
		tasks, internal Tier
	}{
		{"behind NAT in private subnets", "network: {}\n", Private, Isolated},
		{"without NAT in public ones", "network: {nat: none}\n", Public, Isolated},
		{"without NAT but with what they need, in isolated ones", "network: {nat: none, endpoints: needed}\n", Isolated, Isolated},
		{"in the private subnets of a VPC that exists", given, Private, Private},
		{"in its public ones if it has no others", given[:strings.Index(given, "    privateSubnets")], Public, Public},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have := mustParse(t, strings.Replace(own, "network: {}\n", test.network, 1)).Network
			if have.TaskTier() != test.tasks || have.InternalTier() != test.internal {
				t.Errorf("tasks are in %s, internal load balancers in %s", have.TaskTier(), have.InternalTier())
			}
		})
	}
}

func TestEndpointsAreTakenWhereTheyCostLessThanNAT(t *testing.T) {
	// Seoul: 3 endpoints in 2 zones for 730 h at 0.013 are 56.94; a gigabyte costs 0.01 by them and 0.059 through NAT. They
	// pay from 56.94 / 0.049 = 1162.04 GB on.
	for gigabytes, want := range map[string][]string{
		"1162": {"sqs"}, "1163": {"ecr.api", "ecr.dkr", "logs", "sqs"},
	} {
		configuration := mustParse(t, strings.Replace(whole, "network: {}",
			"network: {endpoints: by-price, interfaceEndpoints: [sqs], serviceGigabytes: "+gigabytes+"}", 1))
		have, err := configuration.ChosenEndpoints()
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(want, have); difference != "" {
			t.Errorf("%s GB: -want +have:\n%s", gigabytes, difference)
		}
	}
	for _, name := range mustParse(t, whole).NeededEndpoints() {
		if !slices.Contains(InterfaceEndpointNames, name) {
			t.Errorf("%s cannot be listed", name)
		}
	}
}
