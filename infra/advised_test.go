package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"davit/cmd/davit/advise"
	"davit/infra/config"
	"davit/shared/advice"
)

// advised are the flags of "davit advise" for each platform whose configuration it writes, and for what a platform has of its
// own. What it writes is among the configurations that are synthesised here, under these names.
var advised = map[string][]string{
	"advised-ecs-fargate":               {"--for", "ecs-fargate", "--hours-per-day", "10"},
	"advised-ecs-fargate-spot":          {"--for", "ecs-fargate-spot", "--interruptible"},
	"advised-ecs-ec2":                   {"--for", "ecs-ec2", "--requests-average", "400"},
	"advised-ecs-ec2-gpu":               {"--for", "ecs-ec2", "--gpus", "1", "--task-cpu", "3072"},
	"advised-ecs-managed-instances":     {"--for", "ecs-managed-instances"},
	"advised-ecs-managed-instances-gpu": {"--for", "ecs-managed-instances", "--gpus", "1", "--task-cpu", "3072"},
	"advised-eks-fargate":               {"--for", "eks-fargate"},
	"advised-eks-ec2":                   {"--for", "eks-ec2"},
	"advised-eks-ec2-gpu":               {"--for", "eks-ec2", "--gpus", "1", "--task-cpu", "3072", "--network", "nat"},
}

// estimates are what these configurations were advised on.
var estimates = map[string]*advice.Estimate{}

// readAdvised has "davit advise" write its configurations, and reads them.
func readAdvised(read map[string]*config.Configuration) error {
	folder, err := os.MkdirTemp("", "advised")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for name, flags := range advised {
		path := filepath.Join(folder, name+".yaml")
		var output bytes.Buffer
		command := advise.Command()
		command.SetOut(&output)
		command.SetArgs(append([]string{"--region", "us-east-1", "--requests-average", "50", "--cpu-milliseconds", "20", "--owner",
			"platform", "--account", "111122223333", "--admins", "arn:aws:iam::111122223333:role/platform", "--write", path, "--json"}, flags...))
		if err := command.Execute(); err != nil {
			return err
		}
		var answer struct {
			advice.Advice
			Deployment struct{ Platform advice.Platform }
		}
		if err := json.Unmarshal(output.Bytes(), &answer); err != nil {
			return err
		}
		for _, candidate := range answer.Candidates {
			if candidate.Platform == answer.Deployment.Platform {
				estimates[name] = candidate.Estimate
			}
		}
		if read[name], err = config.Read(path); err != nil {
			return err
		}
	}
	return nil
}

func TestEveryPlatformButLambdaIsWritten(t *testing.T) {
	for _, platform := range advice.Platforms {
		if _, written := advised["advised-"+string(platform)]; written == (platform == advice.Lambda) {
			t.Errorf("%s is written: %t", platform, written)
		}
	}
}

// TestWhatIsDeployedIsWhatWasAdvisedOn holds the templates of what "davit advise" writes against the estimate that it shows.
func TestWhatIsDeployedIsWhatWasAdvisedOn(t *testing.T) {
	for name, estimate := range estimates {
		t.Run(name, func(t *testing.T) {
			var have []string
			see := func(what string, value any) { have = append(have, what+" "+strings.ReplaceAll(asText(value), `"`, "")) }
			for _, stack := range synthesised[name] {
				for _, one := range stack.Resources {
					describe(one, see)
				}
			}
			want := expected(name, estimate)
			slices.Sort(have)
			slices.Sort(want)
			if !slices.Equal(have, want) {
				t.Errorf("advised on\n%s\nbut the templates have\n%s", strings.Join(want, "\n"), strings.Join(have, "\n"))
			}
		})
	}
}

func TestHostsWithGPUsHaveTheImageWithTheirDriver(t *testing.T) {
	have := synthesised["advised-ecs-ec2-gpu"][ecsStack]
	_, launch := have.only(t, "AWS::EC2::LaunchTemplate")
	image, _ := at(launch.Properties, "LaunchTemplateData", "ImageId", "Ref").(string)
	if from := fmt.Sprint(have.Parameters[image]["Default"]); !strings.Contains(from, "amazon-linux-2023/gpu/recommended") {
		t.Errorf("the image is %s", from)
	}
	if data := asText(at(launch.Properties, "LaunchTemplateData", "UserData")); !strings.Contains(data, "ECS_ENABLE_GPU_SUPPORT=true") {
		t.Errorf("the agent is told %s", data)
	}
}

func TestManagedInstancesHaveNoGPUsUnlessTheyAreNamed(t *testing.T) {
	for configuration, want := range map[string]string{isolated: `{"Max":0}`, "advised-ecs-managed-instances-gpu": "null"} {
		for _, provider := range synthesised[configuration][ecsStack].of("AWS::ECS::CapacityProvider") {
			managed := at(provider.Properties, "ManagedInstancesProvider")
			if have := asText(at(managed, "InstanceLaunchTemplate", "InstanceRequirements", "AcceleratorCount")); managed != nil && have != want {
				t.Errorf("%s: %s accelerators", configuration, have)
			}
		}
	}
}

// describe says of a resource how much of what it brings.
func describe(one resource, see func(what string, value any)) {
	switch one.Type {
	case "AWS::EC2::NatGateway":
		see("a NAT gateway", "")
	case "AWS::EC2::VPCEndpoint":
		if one.Properties["VpcEndpointType"] == "Interface" {
			see("an endpoint", one.Properties["ServiceName"])
		}
	case "AWS::ECS::TaskDefinition":
		if requirements := at(one.Properties, "ContainerDefinitions", 0, "ResourceRequirements", 0); requirements != nil {
			see("a task's GPUs", at(requirements, "Value"))
		}
		see("a task", []any{one.Properties["Cpu"], one.Properties["Memory"]})
	case "AWS::ApplicationAutoScaling::ScalableTarget":
		see("at most tasks", one.Properties["MaxCapacity"])
		for _, moment := range list(one.Properties["ScheduledActions"]) {
			see("at a time", []any{at(moment, "Schedule"), at(moment, "ScalableTargetAction", "MaxCapacity")})
		}
	case "AWS::ECS::Service":
		strategy := list(one.Properties["CapacityProviderStrategy"])
		if len(strategy) == 1 {
			if text, named := at(strategy[0], "CapacityProvider").(string); named {
				see("all on", text)
			}
		}
	case "AWS::AutoScaling::AutoScalingGroup":
		see("at least hosts", one.Properties["MinSize"])
	case "AWS::EC2::LaunchTemplate":
		if kind := at(one.Properties, "LaunchTemplateData", "InstanceType"); kind != nil {
			see("a host", kind)
		}
		see("a disk of", at(one.Properties, "LaunchTemplateData", "BlockDeviceMappings", 0, "Ebs", "VolumeSize"))
	case "AWS::ECS::CapacityProvider":
		if managed := at(one.Properties, "ManagedInstancesProvider", "InstanceLaunchTemplate"); managed != nil {
			needs := at(managed, "InstanceRequirements")
			see("a host", at(needs, "AllowedInstanceTypes", 0))
			see("with", []any{at(needs, "VCpuCount"), at(needs, "MemoryMiB")})
			see("a disk of", at(managed, "StorageConfiguration", "StorageSizeGiB"))
		}
	case "AWS::EKS::Nodegroup":
		see("a host", at(one.Properties, "InstanceTypes", 0))
		see("at least hosts", at(one.Properties, "ScalingConfig", "MinSize"))
	case "AWS::EKS::FargateProfile":
		see("a profile", at(one.Properties, "Selectors", 0, "Namespace"))
	}
}

// expected is what describe must say, by the estimate.
func expected(name string, estimate *advice.Estimate) []string {
	var want []string
	say := func(format string, arguments ...any) { want = append(want, fmt.Sprintf(format, arguments...)) }
	platform := advice.Platform(strings.TrimSuffix(strings.TrimPrefix(name, "advised-"), "-gpu"))
	gpu := strings.HasSuffix(name, "-gpu")
	if estimate.Network == advice.NATGateways {
		say("a NAT gateway ")
	}
	if strings.HasPrefix(string(platform), "ecs-") {
		say("a task [%d,%d]", estimate.TaskCPU, estimate.TaskMemoryMiB)
		say("at most tasks %d", estimate.TasksPeak)
		if gpu {
			say("a task's GPUs 1")
		}
	}
	switch platform {
	case advice.ECSFargate:
		say("at a time [cron(0 8 * * ? *),%d]", estimate.TasksPeak)
		say("at a time [cron(0 18 * * ? *),0]")
	case advice.ECSFargateSpot:
		say("all on FARGATE_SPOT")
	case advice.ECSEC2:
		say("a host %s", estimate.HostType)
		say("at least hosts %d", estimate.HostsUsual)
		say("a disk of 30")
	case advice.ECSManagedInstances:
		say("a host %s", estimate.HostType)
		say("with [{Max:%d,Min:%d},{Max:%d,Min:%d}]", estimate.HostVCPUs, estimate.HostVCPUs, estimate.HostMemoryMiB, estimate.HostMemoryMiB)
		say("a disk of 80")
	case advice.EKSFargate:
		say("a profile web")
		say("a profile kube-system")
	case advice.EKSEC2:
		say("a host %s", estimate.HostType)
		say("at least hosts %d", estimate.HostsUsual)
		if gpu { // Bottlerocket is on the first disk.
			say("a host c6g.large")
			say("at least hosts 2")
			say("a disk of 4")
		}
		say("a disk of 20")
	}
	return want
}
