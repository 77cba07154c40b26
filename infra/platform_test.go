package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"davit/shared/names"
)

func TestADeployKeepsTheRunningImage(t *testing.T) {
	for configuration, cluster := range map[string]string{local: "davit", development: "davit", chosen: "production"} {
		have := synthesised[configuration][ecsStack]
		for name, definition := range have.of("AWS::ECS::TaskDefinition") {
			container := at(definition.Properties, "ContainerDefinitions", 0)
			service, _ := at(container, "Name").(string)
			reference, _ := at(container, "Image", "Ref").(string)
			parameter := have.Parameters[reference]
			if parameter["Type"] != "AWS::SSM::Parameter::Value<String>" {
				t.Errorf("%s: the image of %s is %s", configuration, name, asText(at(container, "Image")))
			}
			if want := names.ImageParameter(cluster, service); parameter["Default"] != want {
				t.Errorf("%s: the image of %s is in %v, want %s", configuration, name, parameter["Default"], want)
			}
		}
	}
}

func TestADeployKeepsTheNumberOfTasks(t *testing.T) {
	for _, configuration := range []string{local, development, chosen} {
		services := synthesised[configuration][ecsStack].of("AWS::ECS::Service")
		if len(services) == 0 {
			t.Fatalf("%s has no service", configuration)
		}
		for name, service := range services {
			if count, given := service.Properties["DesiredCount"]; given {
				t.Errorf("%s: %s sets it to %v", configuration, name, count)
			}
		}
	}
}

func TestTheFirstDeployIntoAnEmptyRegistryHasAnImageToRun(t *testing.T) {
	for configuration, want := range map[string]map[string]string{
		local:       {"/davit/image/ecs/davit/web": "davit/placeholder:local"},
		development: {"/davit/image/ecs/davit/web": "public.ecr.aws/nginx/nginx-unprivileged:stable"},
		chosen: {
			"/davit/image/ecs/production/web":    "public.ecr.aws/docker/library/httpd:2.4",
			"/davit/image/ecs/production/worker": "public.ecr.aws/docker/library/busybox:stable",
		},
	} {
		have := map[string]string{}
		for _, parameter := range synthesised[configuration][registryStack].of("AWS::SSM::Parameter") {
			have[fmt.Sprint(parameter.Properties["Name"])] = fmt.Sprint(parameter.Properties["Value"])
		}
		if difference := cmp.Diff(want, have); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
}

// CloudFormation writes a parameter's value again whenever anything of the parameter changed, and would so put the
// initial image in the place of the one that runs.
func TestNoTagOfTheInstallationTouchesTheRunningImage(t *testing.T) {
	before := synthesised[development][registryStack].of("AWS::SSM::Parameter")
	after := synthesised[retagged][registryStack].of("AWS::SSM::Parameter")
	if len(before) != 1 {
		t.Fatalf("there are %d parameters", len(before))
	}
	if difference := cmp.Diff(before, after); difference != "" {
		t.Errorf("-before +after:\n%s", difference)
	}
	repositories := cmp.Diff(synthesised[development][registryStack].of("AWS::ECR::Repository"),
		synthesised[retagged][registryStack].of("AWS::ECR::Repository"))
	if repositories == "" {
		t.Error("the other tags changed nothing at all")
	}
}

func TestServicesOptInByTagAndNameTheirRepository(t *testing.T) {
	tests := []struct{ configuration, service, policy, repository string }{
		{local, "web", "semver:1.x", "web"},
		{development, "web", "semver:1.x", "web"},
		{chosen, "web", "tag:latest", "team/web"},
		{chosen, "worker", "", ""},
	}
	for _, test := range tests {
		t.Run(test.configuration+"/"+test.service, func(t *testing.T) {
			_, service := synthesised[test.configuration][ecsStack].with(t, "AWS::ECS::Service", "ServiceName", test.service)
			tags := service.tags()
			if tags[names.TagPolicy] != test.policy || tags[names.TagRepository] != test.repository {
				t.Errorf("its tags are %v", tags)
			}
		})
	}
	everyTemplate(t, func(t *testing.T, have template) {
		for name, one := range have.Resources {
			if _, opted := one.tags()[names.TagPolicy]; opted && one.Type != "AWS::ECS::Service" {
				t.Errorf("%s (%s) has the tag of a workload", name, one.Type)
			}
		}
	})
}

func TestADeploymentThatFailsIsPutBackByECS(t *testing.T) {
	for _, configuration := range []string{local, development, chosen} {
		for name, service := range synthesised[configuration][ecsStack].of("AWS::ECS::Service") {
			breaker := at(service.Properties, "DeploymentConfiguration", "DeploymentCircuitBreaker")
			if service.Properties["ServiceName"] == "worker" {
				if at(breaker, "Enable") == true {
					t.Errorf("%s: %s has a circuit breaker, which was turned off", configuration, name)
				}
				continue
			}
			if at(breaker, "Enable") != true || at(breaker, "Rollback") != true {
				t.Errorf("%s: %s has %s", configuration, name, asText(breaker))
			}
			if at(service.Properties, "DeploymentConfiguration", "MinimumHealthyPercent") != 100.0 {
				t.Errorf("%s: %s may run fewer tasks meanwhile", configuration, name)
			}
			if kind := at(service.Properties, "DeploymentController", "Type"); kind != nil && kind != "ECS" {
				t.Errorf("%s: %s is deployed by %v", configuration, name, kind)
			}
		}
	}
}

func TestARevisionThatIsReplacedStaysRegistered(t *testing.T) {
	for _, configuration := range []string{local, development, chosen} {
		for name, definition := range synthesised[configuration][ecsStack].of("AWS::ECS::TaskDefinition") {
			if definition.UpdateReplacePolicy != "Retain" {
				t.Errorf("%s: %s does not, and a rollout cannot be put back to it", configuration, name)
			}
		}
	}
}

func TestTasksWithoutNATHaveAPublicAddressAndOthersHaveNone(t *testing.T) {
	for configuration, want := range map[string]string{local: "ENABLED", development: "DISABLED", chosen: "DISABLED"} {
		tier := "private"
		if want == "ENABLED" {
			tier = "public"
		}
		for name, service := range synthesised[configuration][ecsStack].of("AWS::ECS::Service") {
			network := at(service.Properties, "NetworkConfiguration", "AwsvpcConfiguration")
			if at(network, "AssignPublicIp") != want || !strings.Contains(asText(at(network, "Subnets")), tier+"Subnet1") {
				t.Errorf("%s: %s is in %s", configuration, name, asText(network))
			}
		}
	}
}

func TestNothingUsesTheDefaultSecurityGroup(t *testing.T) {
	everyTemplate(t, func(t *testing.T, have template) {
		for name, one := range have.Resources {
			var groups any
			switch {
			case one.Type == "AWS::ECS::Service":
				groups = at(one.Properties, "NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups")
			case one.Type == "AWS::ElasticLoadBalancingV2::LoadBalancer":
				groups = one.Properties["SecurityGroups"]
			case one.Type == "AWS::EC2::VPCEndpoint" && one.Properties["VpcEndpointType"] == "Interface":
				groups = one.Properties["SecurityGroupIds"]
			default:
				continue
			}
			if len(list(groups)) == 0 || strings.Contains(asText(groups), "DefaultSecurityGroup") {
				t.Errorf("%s (%s) is in %s", name, one.Type, asText(groups))
			}
		}
	})
}

func TestOnlyAPublicServiceIsOpenToTheInternet(t *testing.T) {
	for configuration, want := range map[string]string{local: "internal", development: "internal", chosen: "internet-facing"} {
		have := synthesised[configuration][ecsStack]
		_, balancer := have.only(t, "AWS::ElasticLoadBalancingV2::LoadBalancer")
		if balancer.Properties["Scheme"] != want {
			t.Errorf("%s: its load balancer is %v", configuration, balancer.Properties["Scheme"])
		}
		open := strings.Contains(asText(have.of("AWS::EC2::SecurityGroup")), `"CidrIp":"0.0.0.0/0","Description":"HTTP`)
		if open != (want == "internet-facing") {
			t.Errorf("%s: open to the internet: %v", configuration, open)
		}
		for name, group := range have.of("AWS::EC2::SecurityGroup") {
			for _, rule := range list(group.Properties["SecurityGroupIngress"]) {
				if at(rule, "FromPort") != 80.0 || at(rule, "ToPort") != 80.0 {
					t.Errorf("%s: %s is open for %s", configuration, name, asText(rule))
				}
			}
		}
	}
}

func TestAutoscalingOwnsTheNumberOfTasksWhereItIsConfigured(t *testing.T) {
	_, target := synthesised[development][ecsStack].only(t, "AWS::ApplicationAutoScaling::ScalableTarget")
	if target.Properties["MinCapacity"] != 2.0 || target.Properties["MaxCapacity"] != 6.0 {
		t.Errorf("it is between %v and %v", target.Properties["MinCapacity"], target.Properties["MaxCapacity"])
	}
	for _, configuration := range []string{local, chosen} {
		if len(synthesised[configuration][ecsStack].of("AWS::ApplicationAutoScaling::ScalableTarget")) > 0 {
			t.Errorf("%s has autoscaling", configuration)
		}
	}
}

func TestPushedImagesAreScannedUnlessTurnedOff(t *testing.T) {
	for repository, want := range map[string]bool{"team/web": true, "worker": false} {
		_, have := synthesised[chosen][registryStack].with(t, "AWS::ECR::Repository", "RepositoryName", repository)
		if scanned := at(have.Properties, "ImageScanningConfiguration", "ScanOnPush"); scanned != want {
			t.Errorf("%s is scanned: %v", repository, scanned)
		}
	}
}

func TestBucketsAreVersionedClosedAndReachedByTLSOnly(t *testing.T) {
	for _, configuration := range []string{local, development} {
		have := synthesised[configuration][storageStack]
		buckets := have.of("AWS::S3::Bucket")
		if len(buckets) != 4 {
			t.Fatalf("%s has %d buckets", configuration, len(buckets))
		}
		for name, bucket := range buckets {
			if at(bucket.Properties, "VersioningConfiguration", "Status") != "Enabled" {
				t.Errorf("%s: %s is not versioned", configuration, name)
			}
			for _, setting := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
				if at(bucket.Properties, "PublicAccessBlockConfiguration", setting) != true {
					t.Errorf("%s: %s has no %s", configuration, name, setting)
				}
			}
			if bucket.Properties["BucketEncryption"] == nil {
				t.Errorf("%s: %s is not encrypted", configuration, name)
			}
			if !refusesPlainTextOnBucket(have, name) {
				t.Errorf("%s: %s is reached without TLS", configuration, name)
			}
		}
	}
}

// refusesPlainTextOnBucket is refusesPlainText for a bucket, whose policy names its objects too.
func refusesPlainTextOnBucket(have template, bucket string) bool {
	return slices.ContainsFunc(have.statements(), func(s statement) bool {
		resources := list(s.fields["Resource"])
		return s.fields["Effect"] == "Deny" && at(s.fields, "Condition", "Bool", "aws:SecureTransport") == "false" &&
			at(s.fields, "Principal", "AWS") == "*" && slices.Contains(texts(s.fields["Action"]), "s3:*") &&
			len(resources) == 2 && refersTo(resources[0], bucket) && strings.Contains(asText(resources[1]), bucket)
	})
}

func TestObjectsAgeByTheClassOfTheirBucket(t *testing.T) {
	want := map[string][]string{
		"media":      {"STANDARD_IA 30"},
		"thumbnails": {"ONEZONE_IA 30"},
		"records":    {"GLACIER_IR 0", "GLACIER 90", "DEEP_ARCHIVE 180"},
	}
	have := map[string][]string{}
	for _, bucket := range synthesised[local][storageStack].of("AWS::S3::Bucket") {
		full, _ := bucket.Properties["BucketName"].(string)
		name := strings.TrimSuffix(strings.TrimPrefix(full, "davit-"), "-000000000000-ap-northeast-2")
		aborts := false
		for _, rule := range list(at(bucket.Properties, "LifecycleConfiguration", "Rules")) {
			aborts = aborts || at(rule, "AbortIncompleteMultipartUpload", "DaysAfterInitiation") == 7.0
			for _, transition := range list(at(rule, "Transitions")) {
				have[name] = append(have[name],
					fmt.Sprintf("%v %v", at(transition, "StorageClass"), at(transition, "TransitionInDays")))
			}
		}
		if !aborts {
			t.Errorf("%s keeps stale uploads", name)
		}
	}
	if difference := cmp.Diff(want, have); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
}

func TestSubnetsNATAndEndpointsAreAsConfigured(t *testing.T) {
	tests := []struct {
		configuration                                 string
		subnets, gateways, nats, interfaces, flowLogs int
	}{
		{local, 4, 2, 0, 0, 0},
		{development, 6, 2, 1, 0, 1},
		{chosen, 9, 1, 3, 5, 1},
	}
	for _, test := range tests {
		t.Run(test.configuration, func(t *testing.T) {
			have := synthesised[test.configuration][networkStack]
			counts := map[string]int{}
			for _, endpoint := range have.of("AWS::EC2::VPCEndpoint") {
				counts[fmt.Sprint(endpoint.Properties["VpcEndpointType"])]++
			}
			for _, check := range []struct {
				what       string
				want, have int
			}{
				{"subnets", test.subnets, len(have.of("AWS::EC2::Subnet"))},
				{"gateway endpoints", test.gateways, counts["Gateway"]},
				{"NAT gateways", test.nats, len(have.of("AWS::EC2::NatGateway"))},
				{"interface endpoints", test.interfaces, counts["Interface"]},
				{"flow logs", test.flowLogs, len(have.of("AWS::EC2::FlowLog"))},
			} {
				if check.want != check.have {
					t.Errorf("want %d %s, have %d", check.want, check.what, check.have)
				}
			}
			for name, subnet := range have.of("AWS::EC2::Subnet") {
				if subnet.Properties["MapPublicIpOnLaunch"] == true {
					t.Errorf("%s gives public addresses unasked", name)
				}
			}
		})
	}
}

func TestZonesComeFromTheConfigurationAndAreNotLookedUp(t *testing.T) {
	for configuration, zones := range map[string][]string{
		local:  {"ap-northeast-2a", "ap-northeast-2b"},
		chosen: {"eu-north-1a", "eu-north-1b", "eu-north-1c"},
	} {
		var have []string
		for _, subnet := range synthesised[configuration][networkStack].of("AWS::EC2::Subnet") {
			have = append(have, fmt.Sprint(subnet.Properties["AvailabilityZone"]))
		}
		slices.Sort(have)
		if difference := cmp.Diff(zones, slices.Compact(have)); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
}
