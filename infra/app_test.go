package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/infra/config"
)

func TestAConfigurationHasTheStacksOfItsSections(t *testing.T) {
	everything := []string{automationStack, ecsStack, hashJobsStack, networkStack, registryStack, storageStack}
	for configuration, want := range map[string][]string{
		local:       {automationStack, chainStack, ecsStack, hashJobsStack, networkStack, recoveryStack, registryStack, scalingStack, storageStack},
		development: everything,
		alone:       {automationStack},
		chosen:      {automationStack, chainwatchStack, ecsStack, networkStack, registryStack, scalingStack},
		watched:     {chainwatchStack},
		jobsAlone:   {hashJobsStack},
		existing:    {ecsStack, registryStack},
	} {
		have := slices.Sorted(maps.Keys(synthesised[configuration]))
		if difference := cmp.Diff(want, have); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
}

func TestAutomationDeploysAlone(t *testing.T) {
	everyAutomation(t, func(t *testing.T, have template) {
		if text := asText(have); strings.Contains(text, "Fn::ImportValue") || strings.Contains(text, "Fn::GetStackOutput") {
			t.Error("it refers to another stack")
		}
		asked := strings.HasSuffix(t.Name(), "/"+privateRollouts) // for a VPC that exists, by its IDs
		for name, one := range have.Resources {
			if strings.HasPrefix(one.Type, "AWS::EC2::") && !(asked && one.Type == "AWS::EC2::SecurityGroupIngress") {
				t.Errorf("%s is a %s", name, one.Type)
			}
			if _, inVPC := one.Properties["VpcConfig"]; inVPC && !asked {
				t.Errorf("%s is in a VPC", name)
			}
		}
		for name := range have.Parameters {
			if name != "BootstrapVersion" {
				t.Errorf("it needs the parameter %s", name)
			}
		}
	})
}

func TestNothingBringsAFunctionOfItsOwn(t *testing.T) {
	everyTemplate(t, func(t *testing.T, have template) {
		for name, one := range have.Resources {
			switch {
			case strings.HasPrefix(one.Type, "Custom::"), one.Type == "AWS::CloudFormation::CustomResource",
				one.Type == "AWS::CloudFormation::Stack":
				t.Errorf("%s is a %s", name, one.Type)
			case one.Type == "AWS::Lambda::Function" && !strings.HasPrefix(fmt.Sprint(one.Properties["FunctionName"]), "davit-"):
				t.Errorf("the function %s is not ours", name)
			}
		}
	})
}

// taggable are the types that take tags, of those that the stacks have.
var taggable = []string{
	"AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table", "AWS::EC2::EIP", "AWS::EC2::EgressOnlyInternetGateway", "AWS::EC2::FlowLog",
	"AWS::EC2::InternetGateway",
	"AWS::EC2::NatGateway", "AWS::EC2::RouteTable", "AWS::EC2::SecurityGroup", "AWS::EC2::Subnet", "AWS::EC2::VPC",
	"AWS::SageMaker::NotebookInstance", "AWS::ECS::CapacityProvider",
	"AWS::AutoScaling::AutoScalingGroup", "AWS::DLM::LifecyclePolicy", "AWS::EC2::Volume", "AWS::Route53::HostedZone",
	"AWS::EC2::LaunchTemplate", "AWS::EC2::VPCEndpoint", "AWS::ECR::Repository", "AWS::EKS::AccessEntry", "AWS::EKS::Addon",
	"AWS::EKS::Cluster", "AWS::EKS::FargateProfile", "AWS::EKS::Nodegroup", "AWS::EKS::PodIdentityAssociation",
	"AWS::KMS::Key", "AWS::ECS::Cluster", "AWS::ECS::Service", "AWS::ECS::TaskDefinition",
	"AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::Events::EventBus",
	"AWS::Events::Rule", "AWS::IAM::Role", "AWS::KMS::Key", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function",
	"AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::SSM::Parameter",
	"AWS::CloudWatch::Dashboard", "AWS::SSM::Association", "AWS::ECR::PublicRepository", "AWS::StepFunctions::StateMachine",
	"AWS::ServiceDiscovery::HttpNamespace", "AWS::SSM::Document",
}

// untaggable are the types that take none, or that the CDK cannot tag.
var untaggable = []string{
	"AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy", "AWS::EC2::Route",
	"AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SubnetRouteTableAssociation",
	"AWS::EC2::VPCCidrBlock", "AWS::EC2::VPCGatewayAttachment", "AWS::ElasticLoadBalancingV2::Listener", "AWS::IAM::Policy",
	"AWS::ECR::PullThroughCacheRule", "AWS::ECR::RegistryPolicy", "AWS::ECR::ReplicationConfiguration", "AWS::KMS::Alias", "AWS::IAM::InstanceProfile",
	"AWS::ECS::ClusterCapacityProviderAssociations", "AWS::Lambda::Permission", "AWS::ManagedBlockchain::Node",
	"AWS::SageMaker::NotebookInstanceLifecycleConfig",
	"AWS::ElasticLoadBalancingV2::ListenerRule",
	"AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
}

func TestEverythingIsTagged(t *testing.T) {
	everyTemplate(t, func(t *testing.T, have template) {
		for name, one := range have.Resources {
			tagged := slices.Contains(taggable, one.Type)
			if !tagged && !slices.Contains(untaggable, one.Type) {
				t.Errorf("%s: say whether %s takes tags", name, one.Type)
			}
			if !tagged || isImageParameter(one) {
				continue
			}
			tags := one.tags()
			for _, key := range []string{"application", "environment", "owner"} {
				if tags[key] == "" {
					t.Errorf("%s (%s) has no tag %s", name, one.Type, key)
				}
			}
		}
	})
}

func isImageParameter(one resource) bool {
	name, _ := one.Properties["Name"].(string)
	return one.Type == "AWS::SSM::Parameter" && strings.HasPrefix(name, "/davit/image/")
}

// stateful are the types whose removal loses data.
var stateful = []string{
	"AWS::DynamoDB::Table", "AWS::ECR::PublicRepository", "AWS::ECR::Repository", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::EKS::Cluster",
	"AWS::S3::Bucket",
	"AWS::SageMaker::NotebookInstance",
}

func TestDataIsRemovedAsTheConfigurationSays(t *testing.T) {
	for name, configuration := range configured {
		want := map[config.Removal]string{config.Retain: "Retain", config.Destroy: "Delete"}[configuration.Removal]
		seen := 0
		for _, have := range synthesised[name] {
			for id, one := range have.Resources {
				if !slices.Contains(stateful, one.Type) {
					continue
				}
				seen++
				if one.DeletionPolicy != want || one.UpdateReplacePolicy != want {
					t.Errorf("%s: %s (%s): deleted: %s, replaced: %s, want %s", name, id, one.Type, one.DeletionPolicy,
						one.UpdateReplacePolicy, want)
				}
			}
		}
		if seen == 0 {
			t.Errorf("%s has no data", name)
		}
	}
}

func TestACheapDevelopmentAccountHasNothingThatCostsByTheHourButItsLoadBalancer(t *testing.T) {
	for stack, have := range synthesised[local] {
		for name, one := range have.Resources {
			switch {
			case one.Type == "AWS::EC2::NatGateway", one.Type == "AWS::EC2::EIP", one.Type == "AWS::EC2::FlowLog",
				strings.HasPrefix(one.Type, "AWS::ApplicationAutoScaling::"),
				one.Properties["VpcEndpointType"] == "Interface":
				t.Errorf("%s: %s is a %s", stack, name, one.Type)
			}
		}
	}
}
