package ecs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticloadbalancingv2"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
)

// addLoadBalancer puts the service behind an Application Load Balancer on port 80, open to the internet or to the VPC.
func addLoadBalancer(stack awscdk.Stack, service awsecs.FargateService, cluster awsecs.Cluster,
	configuration *config.Configuration, settings *config.Service,
) {
	group := awsec2.NewSecurityGroup(stack, identifier(settings, "LoadBalancerSecurityGroup"),
		&awsec2.SecurityGroupProps{
			Vpc:              cluster.Vpc(),
			Description:      jsii.String("Load balancer of the service " + settings.Name),
			AllowAllOutbound: jsii.Bool(false),
		})
	for _, caller := range callers(configuration, settings) {
		group.AddIngressRule(caller, awsec2.Port_Tcp(jsii.Number(80)), jsii.String("HTTP of the service "+settings.Name), nil)
	}
	balancer := awselasticloadbalancingv2.NewApplicationLoadBalancer(stack, identifier(settings, "LoadBalancer"),
		&awselasticloadbalancingv2.ApplicationLoadBalancerProps{
			Vpc:                     cluster.Vpc(),
			VpcSubnets:              network.Subnets(balancerTier(configuration, settings)),
			InternetFacing:          jsii.Bool(settings.Public),
			SecurityGroup:           group,
			IpAddressType:           addressType(configuration),
			DropInvalidHeaderFields: jsii.Bool(true),
			DeletionProtection:      jsii.Bool(configuration.Removal == config.Retain),
		})
	listener := balancer.AddListener(jsii.String("HTTP"), &awselasticloadbalancingv2.BaseApplicationListenerProps{
		Port:     jsii.Number(80),
		Protocol: awselasticloadbalancingv2.ApplicationProtocol_HTTP,
		Open:     jsii.Bool(false),
	})
	listener.AddTargets(jsii.String("Tasks"), &awselasticloadbalancingv2.AddApplicationTargetsProps{
		Port:     jsii.Number(settings.ContainerPort),
		Protocol: awselasticloadbalancingv2.ApplicationProtocol_HTTP,
		Targets: &[]awselasticloadbalancingv2.IApplicationLoadBalancerTarget{
			service.LoadBalancerTarget(&awsecs.LoadBalancerTargetOptions{
				ContainerName: jsii.String(settings.Name),
				ContainerPort: jsii.Number(settings.ContainerPort),
			}),
		},
		DeregistrationDelay: awscdk.Duration_Seconds(jsii.Number(30)),
		HealthCheck: &awselasticloadbalancingv2.HealthCheck{
			Path:                    jsii.String(settings.HealthPath),
			HealthyHttpCodes:        jsii.String("200-399"),
			Interval:                awscdk.Duration_Seconds(jsii.Number(10)),
			Timeout:                 awscdk.Duration_Seconds(jsii.Number(5)),
			HealthyThresholdCount:   jsii.Number(2),
			UnhealthyThresholdCount: jsii.Number(3),
		},
	})
	acceptFindings(group, balancer, listener, settings)
	awscdk.NewCfnOutput(stack, identifier(settings, "Address"), &awscdk.CfnOutputProps{
		Description: jsii.String("Where the service " + settings.Name + " answers."),
		Value:       jsii.String("http://" + *balancer.LoadBalancerDnsName()),
	})
}

// acceptFindings says why the load balancer is as it is.
func acceptFindings(group awsec2.SecurityGroup, balancer awselasticloadbalancingv2.ApplicationLoadBalancer,
	listener awselasticloadbalancingv2.ApplicationListener, settings *config.Service,
) {
	foundation.AcceptFindings(balancer, map[string]string{
		"CKV_AWS_91": "Access logs need a bucket of another stack, and have a price; the tasks' own logs are kept.",
	})
	const plain = "A certificate needs a domain, which the configuration does not have."
	foundation.AcceptFindings(listener, map[string]string{"CKV_AWS_2": plain, "CKV_AWS_103": plain})
	if settings.Public {
		foundation.AcceptFindings(group, map[string]string{
			"CKV_AWS_260": "The configuration asks for it, by public: true.",
		})
	}
}

// callers are who may open a connection to the load balancer.
func callers(configuration *config.Configuration, settings *config.Service) []awsec2.IPeer {
	switch {
	case !settings.Public:
		return []awsec2.IPeer{awsec2.Peer_Ipv4(jsii.String(configuration.Network.Range()))}
	case configuration.Network.IPv6:
		return []awsec2.IPeer{awsec2.Peer_AnyIpv4(), awsec2.Peer_AnyIpv6()}
	}
	return []awsec2.IPeer{awsec2.Peer_AnyIpv4()}
}

func addressType(configuration *config.Configuration) awselasticloadbalancingv2.IpAddressType {
	if configuration.Network.IPv6 {
		return awselasticloadbalancingv2.IpAddressType_DUAL_STACK
	}
	return awselasticloadbalancingv2.IpAddressType_IPV4
}

// balancerTier is the public tier for a public service, or else the most closed one that there is.
func balancerTier(configuration *config.Configuration, settings *config.Service) config.Tier {
	if settings.Public {
		return config.Public
	}
	return configuration.Network.InternalTier()
}
