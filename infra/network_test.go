package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheRegionalGatewayIsInNoSubnetAndServesEveryPrivateOne(t *testing.T) {
	have := synthesised[regional][networkStack]
	name, gateway := have.only(t, "AWS::EC2::NatGateway")
	for property, want := range map[string]any{
		"AvailabilityMode": "regional", "ConnectivityType": "public", "SubnetId": nil, "AllocationId": nil,
	} {
		if gateway.Properties[property] != want {
			t.Errorf("its %s is %v, want %v", property, gateway.Properties[property], want)
		}
	}
	if len(have.of("AWS::EC2::EIP")) > 0 {
		t.Error("there are addresses of the stack's own, which turn its expansion off")
	}
	var tables []string
	for _, route := range have.of("AWS::EC2::Route") {
		if route.Properties["DestinationCidrBlock"] == "0.0.0.0/0" && refersTo(route.Properties["NatGatewayId"], name) {
			tables = append(tables, fmt.Sprint(at(route.Properties["RouteTableId"], "Ref")))
		}
	}
	slices.Sort(tables)
	if len(tables) != 3 || len(slices.Compact(tables)) != 3 || !strings.Contains(tables[0], "private") {
		t.Errorf("the tables %v lead to it", tables)
	}
}

func TestAVPCOfBothVersionsHasASixthOfEverything(t *testing.T) {
	have := synthesised[regional][networkStack]
	have.only(t, "AWS::EC2::VPCCidrBlock")
	out, _ := have.only(t, "AWS::EC2::EgressOnlyInternetGateway")
	for name, subnet := range have.of("AWS::EC2::Subnet") {
		if subnet.Properties["Ipv6CidrBlock"] == nil || subnet.Properties["AssignIpv6AddressOnCreation"] != true {
			t.Errorf("%s gives no IPv6 addresses", name)
		}
	}
	leads := 0
	for _, route := range have.of("AWS::EC2::Route") {
		if refersTo(route.Properties["EgressOnlyInternetGatewayId"], out) {
			leads++
		}
	}
	if leads != 3 {
		t.Errorf("%d private subnets reach the IPv6 internet, want 3", leads)
	}
	services := synthesised[regional][ecsStack]
	for name, balancer := range services.of("AWS::ElasticLoadBalancingV2::LoadBalancer") {
		if balancer.Properties["IpAddressType"] != "dualstack" {
			t.Errorf("%s is %v", name, balancer.Properties["IpAddressType"])
		}
	}
	if !strings.Contains(asText(services.of("AWS::EC2::SecurityGroup")), `"CidrIpv6":"::/0"`) {
		t.Error("its security group lets no IPv6 in")
	}
	for _, configuration := range []string{local, development, chosen, isolated} {
		if len(synthesised[configuration][networkStack].of("AWS::EC2::VPCCidrBlock")) > 0 {
			t.Errorf("%s has IPv6, unasked", configuration)
		}
	}
}

func TestInterfaceEndpointsAreChosen(t *testing.T) {
	for configuration, want := range map[string][]string{
		// Those that the services and their hosts call, and one more that is listed.
		isolated: {"ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs", "sqs", "ssm", "ssmmessages"},
		// 3,000 GB at 0.045 through NAT are more than 3 endpoints in 3 zones.
		regional: {"ecr.api", "ecr.dkr", "logs"},
		local:    nil,
	} {
		have := synthesised[configuration][networkStack]
		var found []string
		for name, endpoint := range have.of("AWS::EC2::VPCEndpoint") {
			if endpoint.Properties["VpcEndpointType"] != "Interface" {
				continue
			}
			service, _ := endpoint.Properties["ServiceName"].(string)
			found = append(found, strings.SplitN(service, ".", 4)[3])
			if endpoint.Properties["PrivateDnsEnabled"] != true {
				t.Errorf("%s: nobody finds %s", configuration, name)
			}
		}
		slices.Sort(found)
		if difference := cmp.Diff(want, found); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
}

func TestIsolatedTasksHaveNoAddressOfTheirOwn(t *testing.T) {
	for name, service := range synthesised[isolated][ecsStack].of("AWS::ECS::Service") {
		network := at(service.Properties, "NetworkConfiguration", "AwsvpcConfiguration")
		if at(network, "AssignPublicIp") != "DISABLED" || !strings.Contains(asText(at(network, "Subnets")), "isolatedSubnet1") {
			t.Errorf("%s is in %s", name, asText(network))
		}
	}
}

func TestTheDefaultSecurityGroupIsClosed(t *testing.T) {
	for _, configuration := range []string{local, development, chosen, isolated} {
		t.Run(configuration, func(t *testing.T) {
			have := synthesised[configuration][networkStack]
			vpc, _ := have.only(t, "AWS::EC2::VPC")
			_, association := have.only(t, "AWS::SSM::Association")
			if association.Properties["Name"] != "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules" {
				t.Errorf("it runs %v", association.Properties["Name"])
			}
			group := map[string]any{"Fn::GetAtt": []any{vpc, "DefaultSecurityGroup"}}
			if difference := cmp.Diff(any([]any{group}), at(association.Properties, "Parameters", "GroupId")); difference != "" {
				t.Errorf("-want +have of the group:\n%s", difference)
			}
			role, _ := at(association.Properties, "Parameters", "AutomationAssumeRole", 0, "Fn::GetAtt", 0).(string)
			revokes := slices.ContainsFunc(have.statements(), func(s statement) bool {
				return s.where == role && s.allows("ec2:RevokeSecurityGroupIngress") && s.allows("ec2:RevokeSecurityGroupEgress") &&
					len(list(s.fields["Resource"])) == 1 && strings.Contains(asText(s.fields["Resource"]), "DefaultSecurityGroup")
			})
			if !revokes {
				t.Errorf("%s may not take its rules away, or those of others too", role)
			}
		})
	}
	if len(synthesised[regional][networkStack].of("AWS::SSM::Association")) > 0 {
		t.Error("it is closed where the configuration leaves it")
	}
}

func TestAVPCThatExistsIsUsedAndNotMade(t *testing.T) {
	have := synthesised[existing][ecsStack]
	for name, group := range have.of("AWS::EC2::SecurityGroup") {
		if group.Properties["VpcId"] != "vpc-0123456789abcdef0" {
			t.Errorf("%s is in %v", name, group.Properties["VpcId"])
		}
	}
	_, service := have.only(t, "AWS::ECS::Service")
	_, balancer := have.only(t, "AWS::ElasticLoadBalancingV2::LoadBalancer")
	private := []string{"subnet-00000000000000003", "subnet-00000000000000004"}
	for what, subnets := range map[string]any{
		"tasks":                  at(service.Properties, "NetworkConfiguration", "AwsvpcConfiguration", "Subnets"),
		"internal load balancer": balancer.Properties["Subnets"],
	} {
		if difference := cmp.Diff(private, texts(subnets)); difference != "" {
			t.Errorf("%s: -want +have:\n%s", what, difference)
		}
	}
	if !strings.Contains(asText(have.of("AWS::EC2::SecurityGroup")), `"CidrIp":"10.20.0.0/16"`) {
		t.Error("the load balancer is not reached from the VPC's block")
	}
}
