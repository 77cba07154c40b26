// Package network is the stack davit-network: the VPC with its subnets, its way out and its endpoints.
//
// The default security group of the VPC is left as AWS makes it, since CloudFormation cannot close it and the CDK
// closes it with a function of its own in the account. Nothing of davit uses it: every resource names its own security
// groups, which a template test holds. To close it by hand, revoke its two rules once.
package network

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
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

// Network is the stack.
type Network struct {
	Stack awscdk.Stack
	VPC   awsec2.Vpc
}

// NewNetwork makes the stack.
func NewNetwork(scope constructs.Construct, id *string, props *NetworkProps) *Network {
	settings := props.Configuration.Network
	stack := awscdk.NewStack(scope, id, foundation.StackProps(props.Configuration,
		"davit: the VPC with its subnets, its way out and its endpoints"))
	vpc := awsec2.NewVpc(stack, jsii.String("VPC"), &awsec2.VpcProps{
		VpcName:                      jsii.String("davit"),
		IpAddresses:                  awsec2.IpAddresses_Cidr(jsii.String(settings.CIDR)),
		MaxAzs:                       jsii.Number(settings.Zones),
		NatGateways:                  jsii.Number(natGateways(settings)),
		SubnetConfiguration:          subnets(settings),
		RestrictDefaultSecurityGroup: jsii.Bool(false),
	})
	addEndpoints(vpc, settings)
	if *settings.FlowLogs {
		addFlowLogs(stack, vpc, props.Configuration)
	}
	return &Network{Stack: stack, VPC: vpc}
}

func natGateways(settings *config.Network) int {
	switch settings.NAT {
	case config.NATOne:
		return 1
	case config.NATPerZone:
		return settings.Zones
	}
	return 0
}

// subnets are the tiers: public, isolated (no way out) and, where there is NAT, private.
func subnets(settings *config.Network) *[]*awsec2.SubnetConfiguration {
	tiers := []*awsec2.SubnetConfiguration{{
		Name:       jsii.String("public"),
		SubnetType: awsec2.SubnetType_PUBLIC,
		// A task without NAT asks for its public address itself; nothing else gets one unasked.
		MapPublicIpOnLaunch: jsii.Bool(false),
	}}
	if settings.NAT != config.NATNone {
		tiers = append(tiers, &awsec2.SubnetConfiguration{
			Name:       jsii.String("private"),
			SubnetType: awsec2.SubnetType_PRIVATE_WITH_EGRESS,
		})
	}
	tiers = append(tiers, &awsec2.SubnetConfiguration{
		Name:       jsii.String("isolated"),
		SubnetType: awsec2.SubnetType_PRIVATE_ISOLATED,
	})
	return &tiers
}

func addEndpoints(vpc awsec2.Vpc, settings *config.Network) {
	gateways := map[string]awsec2.GatewayVpcEndpointAwsService{
		"s3":       awsec2.GatewayVpcEndpointAwsService_S3(),
		"dynamodb": awsec2.GatewayVpcEndpointAwsService_DYNAMODB(),
	}
	for _, name := range settings.GatewayEndpoints {
		vpc.AddGatewayEndpoint(jsii.String("Gateway-"+name), &awsec2.GatewayVpcEndpointOptions{
			Service: gateways[name],
		})
	}
	for _, name := range settings.InterfaceEndpoints {
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
	group := awslogs.NewLogGroup(stack, jsii.String("FlowLogs"),
		foundation.LogGroupProps(configuration, "/davit/flow-logs", configuration.Network.FlowLogDays))
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
