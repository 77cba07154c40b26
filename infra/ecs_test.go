package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serviceOf is the ECS service of the name.
func serviceOf(t *testing.T, configuration, name string) (string, resource) {
	t.Helper()
	return synthesised[configuration][ecsStack].with(t, "AWS::ECS::Service", "ServiceName", name)
}

func TestTasksRunOnWhatTheServiceChose(t *testing.T) {
	own := func(configuration, kind string) string {
		for name, provider := range synthesised[configuration][ecsStack].of("AWS::ECS::CapacityProvider") {
			if strings.HasSuffix(fmt.Sprint(provider.Properties["Name"]), kind) {
				return `{"Ref":"` + name + `"}`
			}
		}
		return ""
	}
	tests := []struct{ configuration, service, want, needs string }{
		{local, "web", "null", "FARGATE"},
		{regional, "web", `[{"Base":2,"CapacityProvider":"FARGATE","Weight":0},{"Base":0,"CapacityProvider":"FARGATE_SPOT","Weight":1}]`, "FARGATE"},
		{regional, "api", "null", "FARGATE"},
		{isolated, "web", `[{"Base":0,"CapacityProvider":` + own(isolated, "hosts") + `,"Weight":1}]`, "EC2"},
		{isolated, "worker", `[{"Base":0,"CapacityProvider":` + own(isolated, "managed") + `,"Weight":1}]`, "MANAGED_INSTANCES"},
	}
	for _, test := range tests {
		t.Run(test.configuration+"/"+test.service, func(t *testing.T) {
			_, service := serviceOf(t, test.configuration, test.service)
			if have := asText(service.Properties["CapacityProviderStrategy"]); have != test.want {
				t.Errorf("its strategy is %s", have)
			}
			if given := service.Properties["LaunchType"]; (given == nil) != (test.want != "null") {
				t.Errorf("its launch type is %v", given)
			}
			reference, _ := at(service.Properties, "TaskDefinition", "Ref").(string)
			definition := synthesised[test.configuration][ecsStack].Resources[reference]
			if have := texts(definition.Properties["RequiresCompatibilities"]); !slices.Equal(have, []string{test.needs}) {
				t.Errorf("its task definition is for %v", have)
			}
			if definition.Properties["NetworkMode"] != "awsvpc" {
				t.Errorf("its tasks have no network interface of their own")
			}
		})
	}
}

// A service that goes before its provider is taken from the cluster leaves no task on the hosts; hosts that are not
// protected let their group shrink to nothing. Together they let the stack be deleted.
func TestAStackWithHostsCanBeDeleted(t *testing.T) {
	for configuration, protected := range map[string]bool{existing: false, isolated: true} {
		have := synthesised[configuration][ecsStack]
		association, _ := have.only(t, "AWS::ECS::ClusterCapacityProviderAssociations")
		for name, service := range have.of("AWS::ECS::Service") {
			if !slices.Contains(service.DependsOn, association) {
				t.Errorf("%s: %s does not go before the providers are taken from the cluster", configuration, name)
			}
		}
		group, scaling := have.only(t, "AWS::AutoScaling::AutoScalingGroup")
		provider, hosts := have.with(t, "AWS::ECS::CapacityProvider", "Name", "davit-davit-hosts")
		if !strings.Contains(asText(have.Resources[association].Properties["CapacityProviders"]), `{"Ref":"`+provider+`"}`) {
			t.Errorf("%s: the cluster has not the provider", configuration)
		}
		settings := at(hosts.Properties, "AutoScalingGroupProvider")
		if !refersTo(at(settings, "AutoScalingGroupArn"), group) || at(settings, "ManagedDraining") != "ENABLED" ||
			at(settings, "ManagedScaling", "Status") != "ENABLED" {
			t.Errorf("%s: the provider is %s", configuration, asText(settings))
		}
		want := map[bool]string{true: "ENABLED", false: "DISABLED"}[protected]
		if at(settings, "ManagedTerminationProtection") != want {
			t.Errorf("%s: termination protection is %v", configuration, at(settings, "ManagedTerminationProtection"))
		}
		if scaling.Properties["NewInstancesProtectedFromScaleIn"] != protected {
			t.Errorf("%s: hosts are protected: %v", configuration, scaling.Properties["NewInstancesProtectedFromScaleIn"])
		}
		if len(have.of("AWS::AutoScaling::LifecycleHook")) > 0 || len(have.of("AWS::Lambda::Function")) > 0 {
			t.Errorf("%s: a hook of the CDK's drains hosts, which hangs when its function goes first", configuration)
		}
	}
}

func TestHostsAreReachedBySessionManagerAlone(t *testing.T) {
	for configuration, want := range map[string][2]string{existing: {"m7i.large", "amazon-linux-2023/recommended"},
		isolated: {"m7g.large", "amazon-linux-2023/arm64/recommended"}} {
		have := synthesised[configuration][ecsStack]
		_, template := have.only(t, "AWS::EC2::LaunchTemplate")
		data := at(template.Properties, "LaunchTemplateData")
		if at(data, "InstanceType") != want[0] || at(data, "KeyName") != nil {
			t.Errorf("%s: hosts are %v with the key %v", configuration, at(data, "InstanceType"), at(data, "KeyName"))
		}
		if at(data, "MetadataOptions", "HttpTokens") != "required" || at(data, "MetadataOptions", "HttpPutResponseHopLimit") != 1.0 {
			t.Errorf("%s: metadata are open: %s", configuration, asText(at(data, "MetadataOptions")))
		}
		if disk := at(data, "BlockDeviceMappings", 0, "Ebs"); at(disk, "Encrypted") != true || at(disk, "VolumeType") != "gp3" {
			t.Errorf("%s: the disk is %s", configuration, asText(disk))
		}
		image, _ := at(data, "ImageId", "Ref").(string)
		if !strings.Contains(fmt.Sprint(have.Parameters[image]["Default"]), want[1]) {
			t.Errorf("%s: the image is %v", configuration, have.Parameters[image]["Default"])
		}
		if data := asText(at(data, "UserData")); !strings.Contains(data, "ECS_CLUSTER=") || !strings.Contains(data, "ECS_AWSVPC_BLOCK_IMDS=true") {
			t.Errorf("%s: the agent is told %s", configuration, data)
		}
		managed := ""
		for name, role := range have.of("AWS::IAM::Role") {
			if strings.HasPrefix(name, "HostRole") {
				managed = asText(role.Properties["ManagedPolicyArns"])
			}
		}
		if strings.Count(managed, ":iam::aws:") != 1 || !strings.Contains(managed, "AmazonSSMManagedInstanceCore") {
			t.Errorf("%s: hosts have the policies %s", configuration, managed)
		}
		for name, group := range have.of("AWS::EC2::SecurityGroup") {
			if strings.HasPrefix(name, "Hosts") && group.Properties["SecurityGroupIngress"] != nil {
				t.Errorf("%s: hosts are open for %s", configuration, asText(group.Properties["SecurityGroupIngress"]))
			}
		}
	}
}

func TestDeploymentsMoveTrafficAsConfigured(t *testing.T) {
	tests := []struct {
		configuration, service, strategy, step string
		bake                                   float64
	}{
		{regional, "web", "", "null", 0},
		{regional, "api", "BLUE_GREEN", "null", 30},
		{regional, "slow", "LINEAR", `{"StepBakeTimeInMinutes":3,"StepPercent":20}`, 5},
		{isolated, "web", "CANARY", `{"CanaryBakeTimeInMinutes":5,"CanaryPercent":10}`, 5},
	}
	for _, test := range tests {
		t.Run(test.configuration+"/"+test.service, func(t *testing.T) {
			have := synthesised[test.configuration][ecsStack]
			_, service := serviceOf(t, test.configuration, test.service)
			configuration := at(service.Properties, "DeploymentConfiguration")
			if strategy := at(configuration, "Strategy"); test.strategy != "" && strategy != test.strategy ||
				test.strategy == "" && strategy != nil && strategy != "ROLLING" {
				t.Errorf("its strategy is %v", strategy)
			}
			step := at(configuration, "LinearConfiguration")
			if step == nil {
				step = at(configuration, "CanaryConfiguration")
			}
			if asText(step) != test.step {
				t.Errorf("its steps are %s", asText(step))
			}
			if test.strategy == "" {
				return
			}
			if at(configuration, "BakeTimeInMinutes") != test.bake {
				t.Errorf("it can go back for %v minutes", at(configuration, "BakeTimeInMinutes"))
			}
			advanced := at(service.Properties, "LoadBalancers", 0, "AdvancedConfiguration")
			rule, _ := at(advanced, "ProductionListenerRule", "Ref").(string)
			if at(advanced, "AlternateTargetGroupArn") == nil || at(advanced, "RoleArn") == nil ||
				have.Resources[rule].Type != "AWS::ElasticLoadBalancingV2::ListenerRule" {
				t.Errorf("traffic moves by %s", asText(advanced))
			}
		})
	}
}

func TestAlarmsPutADeploymentBack(t *testing.T) {
	have := synthesised[isolated][ecsStack]
	_, service := serviceOf(t, isolated, "web")
	alarms := at(service.Properties, "DeploymentConfiguration", "Alarms")
	want := []string{"davit-davit-web-server-errors", "davit-davit-web-latency", "checkout-is-slow"}
	if difference := cmp.Diff(want, texts(at(alarms, "AlarmNames"))); difference != "" || at(alarms, "Rollback") != true ||
		at(alarms, "Enable") != true {
		t.Errorf("the alarms are %s", asText(alarms))
	}
	for name, alarm := range have.of("AWS::CloudWatch::Alarm") {
		if !slices.Contains(service.DependsOn, name) {
			t.Errorf("%s is made after the service that names it", name)
		}
		text := asText(alarm.Properties)
		if !strings.Contains(text, `"Namespace":"AWS/ApplicationELB"`) || !strings.Contains(text, `"Name":"LoadBalancer"`) {
			t.Errorf("%s watches %s", name, text)
		}
	}
	if len(have.of("AWS::CloudWatch::Alarm")) != 2 {
		t.Errorf("there are %d alarms", len(have.of("AWS::CloudWatch::Alarm")))
	}
}

func TestTheNumberOfTasksFollowsWhatIsConfigured(t *testing.T) {
	for configuration, want := range map[string][]string{
		regional: {"ALBRequestCountPerTarget 600"},
		isolated: {"ECSServiceAverageCPUUtilization 50", "ECSServiceAverageMemoryUtilization 70"},
	} {
		have := synthesised[configuration][ecsStack]
		var found []string
		for _, policy := range have.of("AWS::ApplicationAutoScaling::ScalingPolicy") {
			tracking := at(policy.Properties, "TargetTrackingScalingPolicyConfiguration")
			found = append(found, fmt.Sprintf("%v %v", at(tracking, "PredefinedMetricSpecification", "PredefinedMetricType"),
				at(tracking, "TargetValue")))
		}
		slices.Sort(found)
		if difference := cmp.Diff(want, found); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
	_, target := synthesised[isolated][ecsStack].only(t, "AWS::ApplicationAutoScaling::ScalableTarget")
	moment := at(target.Properties, "ScheduledActions", 0)
	if at(moment, "Schedule") != "cron(0 8 ? * MON-FRI *)" || at(moment, "Timezone") != "Asia/Seoul" ||
		at(moment, "ScalableTargetAction", "MinCapacity") != 4.0 {
		t.Errorf("at fixed times: %s", asText(moment))
	}
}

func TestExecAndServiceConnectAreChoices(t *testing.T) {
	have := synthesised[isolated][ecsStack]
	_, web := serviceOf(t, isolated, "web")
	_, worker := serviceOf(t, isolated, "worker")
	if web.Properties["EnableExecuteCommand"] != true || worker.Properties["EnableExecuteCommand"] == true {
		t.Errorf("exec: web %v, worker %v", web.Properties["EnableExecuteCommand"], worker.Properties["EnableExecuteCommand"])
	}
	execs := 0
	for _, s := range have.statements() {
		if s.allows("ssmmessages:OpenDataChannel") {
			execs++
		}
	}
	if execs != 1 {
		t.Errorf("%d roles have the channel of ECS Exec", execs)
	}
	namespace, _ := have.only(t, "AWS::ServiceDiscovery::HttpNamespace")
	for name, service := range map[string]resource{"web": web, "worker": worker} {
		connect := at(service.Properties, "ServiceConnectConfiguration")
		alias := at(connect, "Services", 0, "ClientAliases", 0)
		if at(connect, "Enabled") != true || !refersTo(at(connect, "Namespace"), namespace) || at(alias, "DnsName") != name {
			t.Errorf("%s connects by %s", name, asText(connect))
		}
		groups := asText(at(service.Properties, "NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups"))
		if !strings.Contains(groups, "ConnectSecurityGroup") {
			t.Errorf("%s is not reached by the others: %s", name, groups)
		}
	}
	if len(synthesised[regional][ecsStack].of("AWS::ServiceDiscovery::HttpNamespace")) > 0 {
		t.Error("there is a namespace that nobody asked for")
	}
}

func TestHealthIsJudgedAfterTheGracePeriod(t *testing.T) {
	for service, want := range map[string]float64{"web": 60, "slow": 300} {
		if _, have := serviceOf(t, regional, service); have.Properties["HealthCheckGracePeriodSeconds"] != want {
			t.Errorf("%s: after %v", service, have.Properties["HealthCheckGracePeriodSeconds"])
		}
	}
}
