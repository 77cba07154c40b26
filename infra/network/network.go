// Package network is the stack davit-network: the VPC with its subnets, its way out and its endpoints. Where the
// configuration names a VPC that exists, there is no such stack.
package network

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
)

// NetworkProps are the properties of the stack.
type NetworkProps struct {
	// Configuration is the installation, with Configuration.Network.
	Configuration *config.Configuration
}

// Network is the VPC that the other stacks use.
type Network struct {
	// Stack is the stack; nil where the VPC existed before.
	Stack    awscdk.Stack
	made     awsec2.Vpc
	existing *config.ExistingVPC
}

// NewNetwork makes the stack, or none for a VPC that exists.
func NewNetwork(scope constructs.Construct, id *string, props *NetworkProps) *Network {
	settings := props.Configuration.Network
	if settings.Existing != nil {
		return &Network{existing: settings.Existing}
	}
	stack := awscdk.NewStack(scope, id, foundation.StackProps(props.Configuration,
		"davit: the VPC with its subnets, its way out and its endpoints"))
	vpc := newVPC(stack, settings)
	if settings.NAT == config.NATRegional {
		addRegionalNAT(stack, vpc)
	}
	addEndpoints(vpc, props.Configuration)
	if *settings.CloseDefaultSecurityGroup {
		closeDefaultSecurityGroup(stack, vpc, props.Configuration)
	}
	if *settings.FlowLogs {
		addFlowLogs(stack, vpc, props.Configuration)
	}
	return &Network{Stack: stack, made: vpc}
}

// VPC is the VPC as the stack sees it. It is called once a stack.
func (n *Network) VPC(stack awscdk.Stack) awsec2.IVpc {
	if n.existing == nil {
		return n.made
	}
	attributes := &awsec2.VpcAttributes{
		VpcId:             jsii.String(n.existing.ID),
		VpcCidrBlock:      jsii.String(n.existing.CIDR),
		AvailabilityZones: jsii.Strings(n.existing.Zones()...),
		PublicSubnetIds:   inOrder(n.existing.PublicSubnets),
		PrivateSubnetIds:  inOrder(n.existing.PrivateSubnets),
		IsolatedSubnetIds: inOrder(n.existing.IsolatedSubnets),
	}
	vpc := awsec2.Vpc_FromVpcAttributes(stack, jsii.String("VPC"), attributes)
	awscdk.Annotations_Of(vpc).AcknowledgeWarning(jsii.String("@aws-cdk/aws-ec2:noSubnetRouteTableId"),
		jsii.String("No route is added to the tables of a VPC that exists."))
	return vpc
}

// inOrder are the subnets in the order of their zones, nil if there are none.
func inOrder(subnets map[string]string) *[]*string {
	if len(subnets) == 0 {
		return nil
	}
	var ids []string
	for _, zone := range slices.Sorted(maps.Keys(subnets)) {
		ids = append(ids, subnets[zone])
	}
	return jsii.Strings(ids...)
}

// Subnets selects the subnets of a tier.
func Subnets(tier config.Tier) *awsec2.SubnetSelection {
	return &awsec2.SubnetSelection{SubnetType: subnetTypes[tier]}
}

var subnetTypes = map[config.Tier]awsec2.SubnetType{
	config.Public:   awsec2.SubnetType_PUBLIC,
	config.Private:  awsec2.SubnetType_PRIVATE_WITH_EGRESS,
	config.Isolated: awsec2.SubnetType_PRIVATE_ISOLATED,
}

// newVPC makes the VPC. The CDK would close its default security group with a function of its own in the account;
// closeDefaultSecurityGroup does it without one.
func newVPC(stack awscdk.Stack, settings *config.Network) awsec2.Vpc {
	props := &awsec2.VpcProps{
		VpcName:                      jsii.String("davit"),
		IpAddresses:                  awsec2.IpAddresses_Cidr(jsii.String(settings.CIDR)),
		MaxAzs:                       jsii.Number(settings.Zones),
		NatGateways:                  jsii.Number(zonalGateways(settings)),
		SubnetConfiguration:          subnets(settings),
		RestrictDefaultSecurityGroup: jsii.Bool(false),
	}
	if settings.IPv6 {
		props.IpProtocol = awsec2.IpProtocol_DUAL_STACK
	}
	return awsec2.NewVpc(stack, jsii.String("VPC"), props)
}

func zonalGateways(settings *config.Network) int {
	switch settings.NAT {
	case config.NATOne:
		return 1
	case config.NATPerZone:
		return settings.Zones
	}
	return 0
}

// subnets are the tiers. Nothing gets a public IPv4 address unasked: a task without NAT asks for its own.
func subnets(settings *config.Network) *[]*awsec2.SubnetConfiguration {
	var tiers []*awsec2.SubnetConfiguration
	for _, tier := range settings.Tiers() {
		configuration := &awsec2.SubnetConfiguration{Name: jsii.String(string(tier)), SubnetType: subnetTypes[tier]}
		if tier == config.Public {
			configuration.MapPublicIpOnLaunch = jsii.Bool(false)
		}
		if settings.IPv6 {
			configuration.Ipv6AssignAddressOnCreation = jsii.Bool(true)
		}
		tiers = append(tiers, configuration)
	}
	return &tiers
}

// addRegionalNAT gives the private subnets one gateway that follows them over the zones. It takes addresses by itself,
// and is in no subnet.
func addRegionalNAT(stack awscdk.Stack, vpc awsec2.Vpc) {
	gateway := awsec2.NewCfnNatGateway(stack, jsii.String("RegionalNAT"), &awsec2.CfnNatGatewayProps{
		AvailabilityMode: jsii.String("regional"),
		ConnectivityType: jsii.String("public"),
		VpcId:            vpc.VpcId(),
	})
	gateway.Node().AddDependency(vpc.InternetConnectivityEstablished())
	for i, subnet := range *vpc.PrivateSubnets() {
		awsec2.NewCfnRoute(stack, jsii.String(fmt.Sprintf("RegionalRoute%d", i+1)), &awsec2.CfnRouteProps{
			RouteTableId:         subnet.RouteTable().RouteTableId(),
			DestinationCidrBlock: jsii.String("0.0.0.0/0"),
			NatGatewayId:         gateway.AttrNatGatewayId(),
		})
	}
}

// addEndpoints makes the endpoints. It panics where the configuration was not validated, as constructs do.
func addEndpoints(vpc awsec2.Vpc, configuration *config.Configuration) {
	settings := configuration.Network
	gateways := map[string]awsec2.GatewayVpcEndpointAwsService{
		"s3":       awsec2.GatewayVpcEndpointAwsService_S3(),
		"dynamodb": awsec2.GatewayVpcEndpointAwsService_DYNAMODB(),
	}
	for _, name := range settings.GatewayEndpoints {
		vpc.AddGatewayEndpoint(jsii.String("Gateway-"+name), &awsec2.GatewayVpcEndpointOptions{
			Service: gateways[name],
		})
	}
	chosen, err := configuration.ChosenEndpoints()
	if err != nil {
		panic(err)
	}
	for _, name := range chosen {
		endpoint := vpc.AddInterfaceEndpoint(jsii.String("Interface-"+name), &awsec2.InterfaceVpcEndpointOptions{
			Service:           awsec2.NewInterfaceVpcEndpointAwsService(jsii.String(name), nil, nil, nil),
			PrivateDnsEnabled: jsii.Bool(true),
			Open:              jsii.Bool(false),
		})
		endpoint.Connections().AllowFrom(awsec2.Peer_Ipv4(jsii.String(settings.CIDR)),
			awsec2.Port_Tcp(jsii.Number(443)), jsii.String("HTTPS from the VPC"))
	}
}

func addFlowLogs(stack awscdk.Stack, vpc awsec2.Vpc, configuration *config.Configuration) {
	group := foundation.NewLogGroup(stack, jsii.String("FlowLogs"), configuration,
		"/davit/flow-logs", configuration.Network.FlowLogDays)
	role := awsiam.NewRole(stack, jsii.String("FlowLogsRole"), &awsiam.RoleProps{
		Description: jsii.String("Lets VPC flow logs write to their log group."),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("vpc-flow-logs.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{
				"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account},
			},
		}),
	})
	vpc.AddFlowLog(jsii.String("FlowLog"), &awsec2.FlowLogOptions{
		Destination: awsec2.FlowLogDestination_ToCloudWatchLogs(group, role),
		TrafficType: awsec2.FlowLogTrafficType_ALL,
	})
}
