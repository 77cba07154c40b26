package advice

import "math"

// Platform is where and how a workload's containers run.
type Platform string

// The platforms.
const (
	ECSFargate          Platform = "ecs-fargate"
	ECSFargateSpot      Platform = "ecs-fargate-spot"
	ECSEC2              Platform = "ecs-ec2"
	ECSManagedInstances Platform = "ecs-managed-instances"
	EKSFargate          Platform = "eks-fargate"
	EKSEC2              Platform = "eks-ec2"
	Lambda              Platform = "lambda"
)

// Platforms are all platforms, in the order in which equals are ranked.
var Platforms = []Platform{ECSFargate, ECSFargateSpot, ECSManagedInstances, ECSEC2, EKSFargate, EKSEC2, Lambda}

func (p Platform) kubernetes() bool { return p == EKSFargate || p == EKSEC2 }

func (p Platform) fargate() bool { return p == ECSFargate || p == ECSFargateSpot || p == EKSFargate }

func (p Platform) hosts() bool { return p == ECSEC2 || p == ECSManagedInstances || p == EKSEC2 }

// hostType is a type of EC2 instance (aws.amazon.com/ec2/instance-types).
type hostType struct {
	name         string
	architecture Architecture
	vcpus        int
	gib          int
	gpus         int
	// ecsTasks is how many tasks with a network interface of their own it holds with ENI trunking
	// (docs.aws.amazon.com/AmazonECS/latest/developerguide/eni-trunking-supported-instance-types.html).
	ecsTasks int
	// eksPods is how many pods it holds by the addresses of its interfaces
	// (docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html).
	eksPods int
}

func (h hostType) priceID() string { return "ec2." + h.name }

// hostTypes are the types that are looked at: three families of the sixth generation for each architecture, and GPUs.
var hostTypes = func() []hostType {
	sizes := []struct {
		name                     string
		vcpus, ecsTasks, eksPods int
	}{{"large", 2, 10, 29}, {"xlarge", 4, 20, 58}, {"2xlarge", 8, 40, 58}, {"4xlarge", 16, 60, 234}, {"8xlarge", 32,
		60, 234}}
	families := []struct {
		name         string
		architecture Architecture
		gibPerVCPU   int
	}{{"c6g", ARM64, 2}, {"m6g", ARM64, 4}, {"r6g", ARM64, 8}, {"c6i", X8664, 2}, {"m6i", X8664, 4}, {"r6i", X8664, 8}}
	var all []hostType
	for _, family := range families {
		for _, size := range sizes {
			all = append(all, hostType{family.name + "." + size.name, family.architecture, size.vcpus,
				size.vcpus * family.gibPerVCPU, 0, size.ecsTasks, size.eksPods})
		}
	}
	return append(all,
		hostType{"g4dn.xlarge", X8664, 4, 16, 1, 10, 29}, hostType{"g4dn.12xlarge", X8664, 48, 192, 4, 60, 234},
		hostType{"g5.xlarge", X8664, 4, 16, 1, 10, 58}, hostType{"g5.12xlarge", X8664, 48, 192, 4, 60, 234})
}()

// What a host keeps for itself.
const (
	// visibleMemory is the part of an instance's memory that its operating system sees.
	visibleMemory = 0.97
	// ecsReserved is kept for the agent and the operating system, in MiB.
	ecsReserved = 256
	// eksReserved and eksReservedPod are kept for the kubelet and for evictions, in MiB, and eksDaemons for the pods that
	// each node runs: 255 + 11 a pod, and 100 for evictions.
	eksReserved    = 355
	eksReservedPod = 11
	eksDaemons     = 256
	// eksDaemonPods and eksDaemonCPU are how many those pods are and what CPU they and the kubelet ask for, in 1/1024 vCPU.
	eksDaemonPods = 4
	eksDaemonCPU  = 320
)

// fits is how many tasks of the workload one host of the type holds on the platform.
func (h hostType) fits(platform Platform, w Workload) int {
	memory := math.Floor(float64(h.gib)*1024*visibleMemory) - ecsReserved
	cpu, slots := h.vcpus*1024, h.ecsTasks
	if platform == EKSEC2 {
		memory = math.Floor(float64(h.gib)*1024*visibleMemory) - eksReserved - float64(eksReservedPod*h.eksPods) - eksDaemons
		cpu, slots = cpu-eksDaemonCPU, h.eksPods-eksDaemonPods
	}
	count := min(cpu/w.TaskCPU, int(memory)/w.TaskMemoryMiB, slots)
	if w.GPUs > 0 {
		count = min(count, h.gpus/w.GPUs)
	}
	return max(count, 0)
}

// candidates are the host types that hold a task, without those whose GPUs nobody asked for.
func (w Workload) candidates(platform Platform) []hostType {
	var found []hostType
	for _, host := range hostTypes {
		if (host.gpus > 0) != (w.GPUs > 0) || w.Architecture != AnyArchitecture && w.Architecture != host.architecture {
			continue
		}
		if host.fits(platform, w) > 0 {
			found = append(found, host)
		}
	}
	return found
}

// architectures are what Fargate and Lambda may run the workload on.
func (w Workload) architectures(platform Platform) []Architecture {
	switch {
	case platform == EKSFargate:
		return []Architecture{X8664}
	case w.Architecture == AnyArchitecture:
		return []Architecture{ARM64, X8664}
	}
	return []Architecture{w.Architecture}
}
