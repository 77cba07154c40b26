package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"davit/cmd/davit/emulator"
)

// resources is the part Resources of a template.
type resources map[string]any

func resource(kind string, properties map[string]any) map[string]any {
	return map[string]any{"Type": kind, "Properties": properties}
}

func ref(logicalID string) map[string]any { return map[string]any{"Ref": logicalID} }

func attribute(logicalID, name string) map[string]any {
	return map[string]any{"Fn::GetAtt": []string{logicalID, name}}
}

// with is the resources and one more.
func (r resources) with(logicalID, kind string, properties map[string]any) resources {
	more := maps.Clone(r)
	more[logicalID] = resource(kind, properties)
	return more
}

// stack is a CloudFormation stack of the test's own, whose outputs are the Ref of each resource and what is asked for.
type stack struct {
	t      *testing.T
	client *cloudformation.Client
	name   string
}

func newStack(t *testing.T) *stack {
	t.Helper()
	return &stack{t: t, client: cloudformation.NewFromConfig(cloud(t)), name: unique(t)}
}

// deploy creates or updates the stack and answers its outputs: each resource's Ref, and the given attributes by name.
func (s *stack) deploy(parts resources, attributes map[string]any) map[string]string {
	s.t.Helper()
	outputs := map[string]any{}
	for logicalID := range parts {
		outputs[logicalID] = map[string]any{"Value": ref(logicalID)}
	}
	for name, value := range attributes {
		outputs[name] = map[string]any{"Value": value}
	}
	text, err := json.Marshal(map[string]any{"Resources": parts, "Outputs": outputs})
	if err != nil {
		s.t.Fatal(err)
	}
	body := aws.String(string(text))
	_, err = s.client.DescribeStacks(s.t.Context(), &cloudformation.DescribeStacksInput{StackName: &s.name})
	if err != nil {
		_, err = s.client.CreateStack(s.t.Context(), &cloudformation.CreateStackInput{StackName: &s.name, TemplateBody: body})
	} else {
		_, err = s.client.UpdateStack(s.t.Context(), &cloudformation.UpdateStackInput{StackName: &s.name, TemplateBody: body})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s.settled()
}

// settled waits for the end of the operation and answers the outputs.
func (s *stack) settled() map[string]string {
	s.t.Helper()
	var found cloudformationtypes.Stack
	eventually(s.t, "stack "+s.name+" settles", func() bool {
		answer, err := s.client.DescribeStacks(s.t.Context(), &cloudformation.DescribeStacksInput{StackName: &s.name})
		if err != nil {
			s.t.Fatal(err)
		}
		found = answer.Stacks[0]
		return !strings.HasSuffix(string(found.StackStatus), "_IN_PROGRESS")
	})
	if found.StackStatus != cloudformationtypes.StackStatusCreateComplete &&
		found.StackStatus != cloudformationtypes.StackStatusUpdateComplete {
		s.t.Fatalf("stack %s is %s:\n%s", s.name, found.StackStatus, s.failures())
	}
	outputs := map[string]string{}
	for _, output := range found.Outputs {
		outputs[*output.OutputKey] = *output.OutputValue
	}
	return outputs
}

func (s *stack) failures() string {
	answer, err := s.client.DescribeStackEvents(s.t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &s.name})
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, one := range answer.StackEvents {
		if one.ResourceStatusReason != nil {
			fmt.Fprintf(&text, "%s %s: %s\n", *one.LogicalResourceId, one.ResourceStatus, *one.ResourceStatusReason)
		}
	}
	return text.String()
}

func (s *stack) remove() {
	s.t.Helper()
	if _, err := s.client.DeleteStack(s.t.Context(), &cloudformation.DeleteStackInput{StackName: &s.name}); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "stack "+s.name+" is gone", func() bool {
		answer, err := s.client.DescribeStacks(s.t.Context(), &cloudformation.DescribeStacksInput{StackName: &s.name})
		if err != nil || len(answer.Stacks) == 0 {
			return true
		}
		status := answer.Stacks[0].StackStatus
		if status == cloudformationtypes.StackStatusDeleteFailed {
			s.t.Fatalf("stack %s cannot be deleted:\n%s", s.name, s.failures())
		}
		return status == cloudformationtypes.StackStatusDeleteComplete
	})
}

// call makes a request to a service for which there is no client here, and answers status and body.
func call(t *testing.T, service, method, path string, form url.Values) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, endpoint+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", fmt.Sprintf(
		"AWS4-HMAC-SHA256 Credential=test/20261122/%s/%s/aws4_request, SignedHeaders=host, Signature=0",
		emulator.DefaultRegion, service))
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

var betweenElements = regexp.MustCompile(`>\s+<`)

// describeEC2 answers the XML of an EC2 query call, without white space between elements; empty if there is no such thing.
func describeEC2(t *testing.T, action string, parameters ...string) string {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	status, body := call(t, "ec2", http.MethodPost, "/", form)
	if status != http.StatusOK {
		return ""
	}
	return betweenElements.ReplaceAllString(body, "><")
}

// describeEKS answers the JSON of an EKS resource; empty if there is none.
func describeEKS(t *testing.T, path string) string {
	t.Helper()
	status, body := call(t, "eks", http.MethodGet, path, nil)
	if status == http.StatusNotFound {
		return ""
	}
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return body
}

// contains fails unless the text has all parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// lacks fails if the text has any of the parts.
func lacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("%q is in:\n%s", part, text)
		}
	}
}

func tag(value string) []map[string]string {
	return []map[string]string{{"Key": "stage", "Value": value}}
}

var network = resources{
	"Network": resource("AWS::EC2::VPC", map[string]any{"CidrBlock": "10.9.0.0/16"}),
	"Subnet": resource("AWS::EC2::Subnet", map[string]any{
		"VpcId": map[string]any{"Ref": "Network"}, "CidrBlock": "10.9.1.0/24",
	}),
}

func TestVPCAnswersItsAddressRange(t *testing.T) {
	s := newStack(t)
	for _, stage := range []string{"first", "second"} {
		parts := network.with("Network", "AWS::EC2::VPC", map[string]any{"CidrBlock": "10.9.0.0/16", "Tags": tag(stage)})
		outputs := s.deploy(parts, map[string]any{"Range": attribute("Network", "CidrBlock")})
		if outputs["Range"] != "10.9.0.0/16" {
			t.Errorf("the attribute CidrBlock of the %s VPC is %q, want 10.9.0.0/16", stage, outputs["Range"])
		}
	}
	s.remove()
}

func TestAnAssociationClosesTheDefaultSecurityGroup(t *testing.T) {
	s := newStack(t)
	open := s.deploy(network, map[string]any{"Group": attribute("Network", "DefaultSecurityGroup")})
	group := func() string { return describeEC2(t, "DescribeSecurityGroups", "GroupId.1", open["Group"]) }
	contains(t, group(), "<ipProtocol>-1</ipProtocol>")
	s.deploy(network.with("Closed", "AWS::SSM::Association", map[string]any{
		"Name": "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules",
		"Parameters": map[string]any{
			"AutomationAssumeRole": []any{"arn:aws:iam::000000000000:role/closer"},
			"GroupId":              []any{attribute("Network", "DefaultSecurityGroup")},
		},
	}), nil)
	contains(t, group(), open["Group"])
	lacks(t, group(), "<ipProtocol>")
	s.remove()
}

func TestSecurityGroupRulesAreOfTheirGroupsAsLongAsTheStack(t *testing.T) {
	groups := network.
		with("Balancer", "AWS::EC2::SecurityGroup", map[string]any{"GroupDescription": "b", "VpcId": ref("Network")}).
		with("Service", "AWS::EC2::SecurityGroup", map[string]any{"GroupDescription": "s", "VpcId": ref("Network")})
	rules := func(port int, description string) resources {
		return groups.
			with("In", "AWS::EC2::SecurityGroupIngress", map[string]any{
				"GroupId": attribute("Service", "GroupId"), "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
				"SourceSecurityGroupId": attribute("Balancer", "GroupId"), "Description": description,
			}).
			with("Out", "AWS::EC2::SecurityGroupEgress", map[string]any{
				"GroupId": attribute("Balancer", "GroupId"), "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
				"DestinationSecurityGroupId": attribute("Service", "GroupId"), "Description": description,
			}).
			with("List", "AWS::EC2::SecurityGroupEgress", map[string]any{
				"GroupId": attribute("Balancer", "GroupId"), "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
				"DestinationPrefixListId": "pl-12345678",
			})
	}
	s := newStack(t)
	made := s.deploy(rules(8080, "first"), nil)
	group := func(id string) string { return describeEC2(t, "DescribeSecurityGroups", "GroupId.1", made[id]) }
	contains(t, group("Service"), "<fromPort>8080</fromPort>", made["Balancer"], "first")
	contains(t, group("Balancer"), "<fromPort>8080</fromPort>", made["Service"], "first", "pl-12345678")

	described := s.deploy(rules(8080, "second"), nil)
	if described["In"] != made["In"] || described["Out"] != made["Out"] {
		t.Errorf("a new description replaces the rules: %v, before %v", described, made)
	}
	contains(t, group("Service"), "second")
	replaced := s.deploy(rules(9090, "second"), nil)
	if replaced["In"] == made["In"] || replaced["Out"] == made["Out"] {
		t.Errorf("a new port does not replace the rules: %v", replaced)
	}
	contains(t, group("Service"), "<fromPort>9090</fromPort>")
	lacks(t, group("Service"), "8080")
	lacks(t, group("Balancer"), "8080")

	s.deploy(groups, nil)
	lacks(t, group("Service"), "9090")
	lacks(t, group("Balancer"), "9090")
	s.remove()
}

func TestElasticIPAndNATGatewayExistAsLongAsTheStack(t *testing.T) {
	parts := func(stage string) resources {
		return network.
			with("Address", "AWS::EC2::EIP", map[string]any{"Domain": "vpc", "Tags": tag(stage)}).
			with("Gateway", "AWS::EC2::NatGateway", map[string]any{
				"SubnetId": ref("Subnet"), "AllocationId": attribute("Address", "AllocationId"), "Tags": tag(stage),
			})
	}
	s := newStack(t)
	made := s.deploy(parts("first"), map[string]any{"Allocation": attribute("Address", "AllocationId")})
	address := func() string { return describeEC2(t, "DescribeAddresses", "AllocationId.1", made["Allocation"]) }
	gateway := func() string { return describeEC2(t, "DescribeNatGateways", "NatGatewayId.1", made["Gateway"]) }
	contains(t, address(), "<publicIp>"+made["Address"]+"</publicIp>", "<value>first</value>", s.name)
	contains(t, gateway(), made["Subnet"], "<state>available</state>", "<value>first</value>")

	if updated := s.deploy(parts("second"), nil); updated["Gateway"] != made["Gateway"] {
		t.Errorf("a new tag replaces the gateway %s by %s", made["Gateway"], updated["Gateway"])
	}
	contains(t, address(), "<value>second</value>")
	contains(t, gateway(), "<value>second</value>")
	lacks(t, gateway(), "<value>first</value>")

	s.remove()
	lacks(t, address(), made["Address"])
	lacks(t, gateway(), "<state>available</state>")
}

func TestFlowLogExistsAsLongAsTheStack(t *testing.T) {
	parts := func(traffic, stage string) resources {
		return network.with("Log", "AWS::EC2::FlowLog", map[string]any{
			"ResourceId": ref("Network"), "ResourceType": "VPC", "TrafficType": traffic, "Tags": tag(stage),
			"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::flow-logs",
		})
	}
	s := newStack(t)
	made := s.deploy(parts("REJECT", "first"), nil)
	contains(t, describeEC2(t, "DescribeFlowLogs", "FlowLogId.1", made["Log"]),
		made["Network"], "<trafficType>REJECT</trafficType>", "arn:aws:s3:::flow-logs", "<value>first</value>")
	updated := s.deploy(parts("REJECT", "second"), nil)
	contains(t, describeEC2(t, "DescribeFlowLogs", "FlowLogId.1", updated["Log"]), "<value>second</value>")
	replaced := s.deploy(parts("ALL", "second"), nil)
	if updated["Log"] != made["Log"] || replaced["Log"] == made["Log"] {
		t.Errorf("a tag must keep the flow log and a traffic type replace it: %s, %s, %s",
			made["Log"], updated["Log"], replaced["Log"])
	}
	s.remove()
	lacks(t, describeEC2(t, "DescribeFlowLogs"), made["Log"], replaced["Log"])
}

func TestEgressOnlyInternetGatewayExistsAsLongAsTheStack(t *testing.T) {
	parts := func(vpc, stage string) resources {
		return network.
			with("Other", "AWS::EC2::VPC", map[string]any{"CidrBlock": "10.9.0.0/16"}).
			with("Gateway", "AWS::EC2::EgressOnlyInternetGateway", map[string]any{"VpcId": ref(vpc), "Tags": tag(stage)})
	}
	s := newStack(t)
	made := s.deploy(parts("Network", "first"), map[string]any{"GatewayID": attribute("Gateway", "Id")})
	if made["Gateway"] != made["GatewayID"] || !strings.HasPrefix(made["Gateway"], "eigw-") {
		t.Errorf("Ref is %q and Id %q", made["Gateway"], made["GatewayID"])
	}
	contains(t, describeEC2(t, "DescribeEgressOnlyInternetGateways"), made["Gateway"], made["Network"], "<value>first</value>")
	updated := s.deploy(parts("Network", "second"), nil)
	contains(t, describeEC2(t, "DescribeEgressOnlyInternetGateways"), "<value>second</value>")
	replaced := s.deploy(parts("Other", "second"), nil)
	if updated["Gateway"] != made["Gateway"] || replaced["Gateway"] == made["Gateway"] {
		t.Errorf("a tag must keep the gateway and another VPC replace it: %s, %s, %s", made["Gateway"], updated["Gateway"],
			replaced["Gateway"])
	}
	s.remove()
	lacks(t, describeEC2(t, "DescribeEgressOnlyInternetGateways"), made["Gateway"], replaced["Gateway"])
}

func TestVolumeExistsAsLongAsTheStack(t *testing.T) {
	parts := func(size int) resources {
		return resources{}.with("Disk", "AWS::EC2::Volume", map[string]any{
			"AvailabilityZone": emulator.DefaultRegion + "a", "Size": size, "VolumeType": "gp3", "Encrypted": true,
		})
	}
	s := newStack(t)
	made := s.deploy(parts(20), nil)
	volume := func() string { return describeEC2(t, "DescribeVolumes", "VolumeId.1", made["Disk"]) }
	contains(t, volume(), "<size>20</size>", "<volumeType>gp3</volumeType>", "<encrypted>true</encrypted>")
	if updated := s.deploy(parts(40), nil); updated["Disk"] != made["Disk"] {
		t.Errorf("a new size replaces the volume")
	}
	contains(t, volume(), "<size>40</size>")
	s.remove()
	lacks(t, volume(), made["Disk"])
}

func TestCapacityProviderIsOfItsClusterAsLongAsTheStack(t *testing.T) {
	parts := func(target int) resources {
		return resources{}.
			with("Cluster", "AWS::ECS::Cluster", map[string]any{"ClusterName": unique(t)}).
			with("Provider", "AWS::ECS::CapacityProvider", map[string]any{
				"AutoScalingGroupProvider": map[string]any{
					"AutoScalingGroupArn":          "arn:aws:autoscaling:ap-northeast-2:000000000000:autoScalingGroup:1",
					"ManagedScaling":               map[string]any{"Status": "ENABLED", "TargetCapacity": target},
					"ManagedTerminationProtection": "DISABLED",
				},
			}).
			with("Association", "AWS::ECS::ClusterCapacityProviderAssociations", map[string]any{
				"Cluster": ref("Cluster"), "CapacityProviders": []any{"FARGATE", ref("Provider")},
				"DefaultCapacityProviderStrategy": []any{map[string]any{"CapacityProvider": ref("Provider"), "Weight": 2}},
			})
	}
	s, client := newStack(t), ecs.NewFromConfig(cloud(t))
	made := s.deploy(parts(80), nil)
	providers := func() []ecstypes.CapacityProvider {
		answer, err := client.DescribeCapacityProviders(t.Context(), &ecs.DescribeCapacityProvidersInput{
			CapacityProviders: []string{made["Provider"]},
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer.CapacityProviders
	}
	if target := aws.ToInt32(providers()[0].AutoScalingGroupProvider.ManagedScaling.TargetCapacity); target != 80 {
		t.Errorf("the target capacity is %d, want 80", target)
	}
	cluster, err := client.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{made["Cluster"]}})
	if err != nil {
		t.Fatal(err)
	}
	want := []ecstypes.CapacityProviderStrategyItem{{CapacityProvider: aws.String(made["Provider"]), Weight: 2}}
	if got := cluster.Clusters[0]; len(got.DefaultCapacityProviderStrategy) != 1 ||
		*got.DefaultCapacityProviderStrategy[0].CapacityProvider != *want[0].CapacityProvider ||
		got.DefaultCapacityProviderStrategy[0].Weight != 2 || len(got.CapacityProviders) != 2 {
		t.Errorf("the cluster has %v by %v, want %v", got.CapacityProviders, got.DefaultCapacityProviderStrategy, want)
	}
	s.deploy(parts(60), nil)
	if target := aws.ToInt32(providers()[0].AutoScalingGroupProvider.ManagedScaling.TargetCapacity); target != 60 {
		t.Errorf("the updated target capacity is %d, want 60", target)
	}
	s.remove()
	if left := providers(); len(left) != 0 {
		t.Errorf("the capacity provider is left: %v", left)
	}
}

func TestCompositeAlarmExistsAsLongAsTheStack(t *testing.T) {
	child := resources{}.with("Child", "AWS::CloudWatch::Alarm", map[string]any{
		"AlarmName": unique(t) + "-child", "MetricName": "errors", "Namespace": "test", "Statistic": "Sum", "Period": 60,
		"EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
	})
	parts := func(description string) resources {
		return child.with("Parent", "AWS::CloudWatch::CompositeAlarm", map[string]any{
			"AlarmName": unique(t), "AlarmDescription": description, "Tags": tag(description),
			"AlarmRule":    map[string]any{"Fn::Sub": "ALARM(${Child})"},
			"AlarmActions": []string{"arn:aws:sns:ap-northeast-2:000000000000:pager"},
		})
	}
	s, client := newStack(t), cloudwatch.NewFromConfig(cloud(t))
	alarms := func() *cloudwatch.DescribeAlarmsOutput {
		answer, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{
			AlarmNames: []string{unique(t)}, AlarmTypes: []cloudwatchtypes.AlarmType{cloudwatchtypes.AlarmTypeCompositeAlarm},
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	made := s.deploy(parts("first"), map[string]any{"Arn": attribute("Parent", "Arn")})
	found := alarms().CompositeAlarms
	if len(found) != 1 || *found[0].AlarmRule != "ALARM("+unique(t)+"-child)" || *found[0].AlarmArn != made["Arn"] ||
		*found[0].AlarmDescription != "first" || len(found[0].AlarmActions) != 1 {
		t.Fatalf("the composite alarm is %+v", found)
	}
	s.deploy(parts("second"), nil)
	if found = alarms().CompositeAlarms; *found[0].AlarmDescription != "second" {
		t.Errorf("the updated description is %q", *found[0].AlarmDescription)
	}
	tags, err := client.ListTagsForResource(t.Context(), &cloudwatch.ListTagsForResourceInput{ResourceARN: found[0].AlarmArn})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, one := range tags.Tags {
		values[*one.Key] = *one.Value
	}
	if values["stage"] != "second" {
		t.Errorf("the updated tags are %v", values)
	}
	s.remove()
	if left := alarms().CompositeAlarms; len(left) != 0 {
		t.Errorf("the composite alarm is left: %v", left)
	}
}

func TestEKSAccessExistsAsLongAsTheStack(t *testing.T) {
	const policies = "arn:aws:eks::aws:cluster-access-policy/"
	principal := "arn:aws:iam::000000000000:role/" + unique(t)
	parts := func(group, policy, version string) resources {
		return network.
			with("Role", "AWS::IAM::Role", map[string]any{
				"RoleName": unique(t), "AssumeRolePolicyDocument": map[string]any{
					"Version": "2012-10-17", "Statement": []any{map[string]any{
						"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": "eks.amazonaws.com"},
					}},
				},
			}).
			with("Cluster", "AWS::EKS::Cluster", map[string]any{
				"Name": unique(t), "RoleArn": attribute("Role", "Arn"),
				"ResourcesVpcConfig": map[string]any{"SubnetIds": []any{ref("Subnet")}},
			}).
			with("Entry", "AWS::EKS::AccessEntry", map[string]any{
				"ClusterName": ref("Cluster"), "PrincipalArn": attribute("Role", "Arn"), "KubernetesGroups": []string{group},
				"Tags": tag(group),
				"AccessPolicies": []any{map[string]any{
					"PolicyArn": policies + policy, "AccessScope": map[string]any{"Type": "cluster"},
				}},
			}).
			with("Addon", "AWS::EKS::Addon", map[string]any{
				"ClusterName": ref("Cluster"), "AddonName": "coredns", "AddonVersion": version, "Tags": tag(group),
			}).
			with("Pod", "AWS::EKS::PodIdentityAssociation", map[string]any{
				"ClusterName": ref("Cluster"), "Namespace": "apps", "ServiceAccount": "web",
				"RoleArn": attribute("Role", "Arn"), "Tags": tag(group),
			})
	}
	s := newStack(t)
	made := s.deploy(parts("first", "AmazonEKSViewPolicy", "v1.0.0"), map[string]any{
		"Association": attribute("Pod", "AssociationId"), "EntryArn": attribute("Entry", "AccessEntryArn"),
	})
	cluster := "/clusters/" + unique(t)
	entry := cluster + "/access-entries/" + url.PathEscape(principal)
	contains(t, describeEKS(t, entry), `"first"`, made["EntryArn"])
	contains(t, describeEKS(t, entry+"/access-policies"), "AmazonEKSViewPolicy")
	contains(t, describeEKS(t, cluster+"/addons/coredns"), "v1.0.0", `"stage": "first"`)
	contains(t, describeEKS(t, cluster+"/pod-identity-associations/"+made["Association"]), principal, "apps")

	s.deploy(parts("second", "AmazonEKSEditPolicy", "v1.1.0"), nil)
	contains(t, describeEKS(t, entry), `"second"`)
	contains(t, describeEKS(t, entry+"/access-policies"), "AmazonEKSEditPolicy")
	lacks(t, describeEKS(t, entry+"/access-policies"), "AmazonEKSViewPolicy")
	contains(t, describeEKS(t, cluster+"/addons/coredns"), "v1.1.0")

	without := parts("second", "AmazonEKSEditPolicy", "v1.1.0")
	for _, logicalID := range []string{"Entry", "Addon", "Pod"} {
		delete(without, logicalID)
	}
	s.deploy(without, nil)
	for _, path := range []string{entry, cluster + "/addons/coredns",
		cluster + "/pod-identity-associations/" + made["Association"]} {
		if left := describeEKS(t, path); left != "" {
			t.Errorf("%s is left: %s", path, left)
		}
	}
	s.remove()
}

func TestTaskDefinitionAndServiceKeepTheirProperties(t *testing.T) {
	withoutEngine(t)
	parts := func(stage string) resources {
		return resources{}.
			with("Cluster", "AWS::ECS::Cluster", map[string]any{"ClusterName": unique(t)}).
			with("Task", "AWS::ECS::TaskDefinition", map[string]any{
				"Family": unique(t), "Cpu": "256", "Memory": "512", "NetworkMode": "awsvpc",
				"RequiresCompatibilities": []string{"FARGATE"}, "EphemeralStorage": map[string]any{"SizeInGiB": 30},
				"RuntimePlatform": map[string]any{"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
				"ContainerDefinitions": []any{map[string]any{
					"Name": "app", "Image": "davit/placeholder:local", "DockerLabels": map[string]any{"Owner": "Web"},
					"Secrets": []any{map[string]any{"Name": "TOKEN", "ValueFrom": "/token"}},
					"HealthCheck": map[string]any{
						"Command": []string{"CMD", "/app"}, "Interval": 5, "Retries": 2,
					},
					"LogConfiguration": map[string]any{
						"LogDriver": "awslogs", "Options": map[string]any{"awslogs-group": "/web"},
					},
				}},
			}).
			with("Service", "AWS::ECS::Service", map[string]any{
				"Cluster": ref("Cluster"), "ServiceName": unique(t), "TaskDefinition": ref("Task"), "DesiredCount": 1,
				"LaunchType": "FARGATE", "HealthCheckGracePeriodSeconds": 45, "PropagateTags": "SERVICE",
				"DeploymentController": map[string]any{"Type": "ECS"}, "Tags": tag(stage),
			})
	}
	s, client := newStack(t), ecs.NewFromConfig(cloud(t))
	made := s.deploy(parts("first"), nil)
	answer, err := client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: aws.String(made["Task"]),
	})
	if err != nil {
		t.Fatal(err)
	}
	definition := answer.TaskDefinition
	container := definition.ContainerDefinitions[0]
	got := []any{
		definition.EphemeralStorage.SizeInGiB, definition.RuntimePlatform.CpuArchitecture, container.DockerLabels,
		*container.Secrets[0].ValueFrom, *container.HealthCheck.Interval, container.LogConfiguration.Options,
	}
	want := []any{
		int32(30), ecstypes.CPUArchitectureArm64, map[string]string{"Owner": "Web"}, "/token", int32(5),
		map[string]string{"awslogs-group": "/web"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the task definition lost properties (-want +got):\n%s", diff)
	}
	stage := func() string {
		t.Helper()
		answer, err := client.DescribeServices(t.Context(), &ecs.DescribeServicesInput{
			Cluster: aws.String(unique(t)), Services: []string{made["Service"]}, Include: []ecstypes.ServiceField{"TAGS"},
		})
		if err != nil || len(answer.Services) != 1 {
			t.Fatalf("describe %s: %v %v", made["Service"], answer, err)
		}
		if *answer.Services[0].HealthCheckGracePeriodSeconds != 45 ||
			answer.Services[0].PropagateTags != ecstypes.PropagateTagsService {
			t.Errorf("the service lost properties: %+v", answer.Services[0])
		}
		for _, one := range answer.Services[0].Tags {
			if *one.Key == "stage" {
				return *one.Value
			}
		}
		return ""
	}
	if got := stage(); got != "first" {
		t.Errorf("the service's tag is %q, want first", got)
	}
	s.deploy(parts("second"), nil)
	if got := stage(); got != "second" {
		t.Errorf("the service's updated tag is %q, want second", got)
	}
	s.remove()
}

func TestTypeWithoutAServiceIsRefused(t *testing.T) {
	s := newStack(t)
	text := `{"Resources":{"Target":{"Type":"AWS::ApplicationAutoScaling::ScalableTarget","Properties":{}}}}`
	_, err := s.client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &s.name, TemplateBody: &text})
	if err != nil {
		return // refused at once
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = cloudformation.NewStackCreateCompleteWaiter(s.client).Wait(ctx,
		&cloudformation.DescribeStacksInput{StackName: &s.name}, patience,
		func(options *cloudformation.StackCreateCompleteWaiterOptions) {
			options.MinDelay = 50 * time.Millisecond
		})
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stack with a type that nothing backs must fail: %v", err)
	}
}

func TestABucketOfCloudFormationHasItsObjectLock(t *testing.T) {
	client := s3.NewFromConfig(cloud(t), func(options *s3.Options) { options.UsePathStyle = true })
	versioned := map[string]any{"Status": "Enabled"}
	outputs := newStack(t).deploy(resources{}.
		with("Locked", "AWS::S3::Bucket", map[string]any{"VersioningConfiguration": versioned, "ObjectLockEnabled": true}).
		with("Kept", "AWS::S3::Bucket", map[string]any{"VersioningConfiguration": versioned, "ObjectLockEnabled": true,
			"ObjectLockConfiguration": map[string]any{"ObjectLockEnabled": "Enabled",
				"Rule": map[string]any{"DefaultRetention": map[string]any{"Mode": "GOVERNANCE", "Days": 3}}}}).
		with("Open", "AWS::S3::Bucket", map[string]any{"VersioningConfiguration": versioned}), nil)
	for name, want := range map[string]int32{"Locked": 0, "Kept": 3} {
		answer, err := client.GetObjectLockConfiguration(t.Context(), &s3.GetObjectLockConfigurationInput{Bucket: aws.String(outputs[name])})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		days := int32(0)
		if rule := answer.ObjectLockConfiguration.Rule; rule != nil {
			days = aws.ToInt32(rule.DefaultRetention.Days)
		}
		if days != want {
			t.Errorf("%s keeps objects for %d days, want %d", name, days, want)
		}
	}
	_, err := client.GetObjectLockConfiguration(t.Context(), &s3.GetObjectLockConfigurationInput{Bucket: aws.String(outputs["Open"])})
	if err == nil {
		t.Error("a bucket that did not ask for it has it")
	}
}
