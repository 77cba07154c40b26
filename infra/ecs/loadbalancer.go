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

// addLoadBalancer puts the service behind an Application Load Balancer on port 80, open to the internet or to the VPC, and
// makes what its traffic decides: the alarms of its deployments, and the number of its tasks.
func (e *ECS) addLoadBalancer(service awsecs.BaseService, configuration *config.Configuration, settings *config.Service) {
	stack, cluster := e.Stack, e.Cluster
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
	acceptFindings(group, balancer, listener, settings)
	target := e.addTargets(listener, service, settings)
	for _, alarm := range newAlarms(stack, configuration, settings, balancer) {
		service.Node().AddDependency(alarm)
	}
	if settings.Autoscaling != nil {
		addAutoscaling(service, settings, target)
	}
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

// addTargets has the listener send everything to the tasks, and answers their target group. Where a deployment moves
// traffic, there is a second group, and a rule by whose weights ECS moves it.
func (e *ECS) addTargets(listener awselasticloadbalancingv2.ApplicationListener, service awsecs.BaseService,
	settings *config.Service,
) awselasticloadbalancingv2.ApplicationTargetGroup {
	if settings.Deployment.Strategy == config.Rolling {
		return listener.AddTargets(jsii.String("Tasks"), &awselasticloadbalancingv2.AddApplicationTargetsProps{
			Port:     jsii.Number(settings.ContainerPort),
			Protocol: awselasticloadbalancingv2.ApplicationProtocol_HTTP,
			Targets: &[]awselasticloadbalancingv2.IApplicationLoadBalancerTarget{
				service.LoadBalancerTarget(&awsecs.LoadBalancerTargetOptions{
					ContainerName: jsii.String(settings.Name),
					ContainerPort: jsii.Number(settings.ContainerPort),
				}),
			},
			DeregistrationDelay: awscdk.Duration_Seconds(jsii.Number(30)),
			HealthCheck:         targetHealth(settings),
		})
	}
	blue, green := e.newTargetGroup(settings, "Blue"), e.newTargetGroup(settings, "Green")
	listener.AddAction(jsii.String("None"), &awselasticloadbalancingv2.AddApplicationActionProps{
		Action: awselasticloadbalancingv2.ListenerAction_FixedResponse(jsii.Number(404), nil),
	})
	rule := awselasticloadbalancingv2.NewApplicationListenerRule(e.Stack, identifier(settings, "Production"),
		&awselasticloadbalancingv2.ApplicationListenerRuleProps{
			Listener:   listener,
			Priority:   jsii.Number(1),
			Conditions: &[]awselasticloadbalancingv2.ListenerCondition{awselasticloadbalancingv2.ListenerCondition_PathPatterns(jsii.Strings("/*"))},
			Action: awselasticloadbalancingv2.ListenerAction_WeightedForward(
				&[]*awselasticloadbalancingv2.WeightedTargetGroup{
					{TargetGroup: blue, Weight: jsii.Number(100)}, {TargetGroup: green, Weight: jsii.Number(0)},
				}, nil),
		})
	service.LoadBalancerTarget(&awsecs.LoadBalancerTargetOptions{
		ContainerName: jsii.String(settings.Name),
		ContainerPort: jsii.Number(settings.ContainerPort),
		AlternateTarget: awsecs.NewAlternateTarget(identifier(settings, "Alternate"), &awsecs.AlternateTargetProps{
			AlternateTargetGroup: green,
			ProductionListener:   awsecs.ListenerRuleConfiguration_ApplicationListenerRule(rule),
		}),
	}).AttachToApplicationTargetGroup(blue)
	return blue
}

func (e *ECS) newTargetGroup(settings *config.Service, color string) awselasticloadbalancingv2.ApplicationTargetGroup {
	return awselasticloadbalancingv2.NewApplicationTargetGroup(e.Stack, identifier(settings, color),
		&awselasticloadbalancingv2.ApplicationTargetGroupProps{
			Vpc:                 e.Cluster.Vpc(),
			Port:                jsii.Number(settings.ContainerPort),
			Protocol:            awselasticloadbalancingv2.ApplicationProtocol_HTTP,
			TargetType:          awselasticloadbalancingv2.TargetType_IP,
			DeregistrationDelay: awscdk.Duration_Seconds(jsii.Number(30)),
			HealthCheck:         targetHealth(settings),
		})
}

func targetHealth(settings *config.Service) *awselasticloadbalancingv2.HealthCheck {
	return &awselasticloadbalancingv2.HealthCheck{
		Path:                    jsii.String(settings.HealthPath),
		HealthyHttpCodes:        jsii.String("200-399"),
		Interval:                awscdk.Duration_Seconds(jsii.Number(10)),
		Timeout:                 awscdk.Duration_Seconds(jsii.Number(5)),
		HealthyThresholdCount:   jsii.Number(2),
		UnhealthyThresholdCount: jsii.Number(3),
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
