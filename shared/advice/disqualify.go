package advice

import "fmt"

// disqualifiers are why the platform cannot run the workload at all, each in a sentence.
func (e estimator) disqualifiers(platform Platform) []string {
	var reasons []string
	refuse := func(when bool, format string, arguments ...any) {
		if when {
			reasons = append(reasons, fmt.Sprintf(format, arguments...))
		}
	}
	switch {
	case platform == Lambda:
		e.refuseLambda(refuse)
	case platform.fargate():
		e.refuseFargate(platform, refuse)
	default:
		e.refuseHosts(platform, refuse)
	}
	if len(reasons) == 0 && platform != Lambda && len(e.networks(platform)) == 0 {
		refuse(true, "%s", e.noNetwork(platform))
	}
	return reasons
}

type refuse func(when bool, format string, arguments ...any)

func (e estimator) refuseFargate(platform Platform, refuse refuse) {
	refuse(e.GPUs > 0, "Fargate has no GPUs; ecs-ec2, ecs-managed-instances and eks-ec2 have")
	memory := e.TaskMemoryMiB
	if platform == EKSFargate {
		memory += eksFargateOverhead
	}
	_, _, found := fargateTask(e.TaskCPU, memory)
	refuse(!found, "a task of %s vCPU and %d MiB is larger than Fargate's largest of 16 vCPU and 122880 MiB",
		number(float64(e.TaskCPU)/1024), memory)
	refuse(platform == EKSFargate && e.Architecture == ARM64, "EKS runs no Arm images on Fargate")
	refuse(e.must(SingleTenant), "Fargate has no hardware for one account alone (compliance %s)", SingleTenant)
	refuse(e.must(HostControl), "Fargate's hosts take no image or agent of one's own (compliance %s)", HostControl)
	if platform == ECSFargateSpot {
		refuse(!e.Interruptible,
			"the work may not be interrupted (interruptible: false): Spot takes tasks back at two minutes' "+
				"notice and may have no capacity")
		refuse(e.Stateful, "state on tasks that are taken back at two minutes' notice is lost sooner or later")
	}
}

func (e estimator) refuseHosts(platform Platform, refuse refuse) {
	refuse(len(e.candidates(platform)) == 0,
		"no host type that there are prices for holds a task of %s vCPU, %d MiB and %d GPUs",
		number(float64(e.TaskCPU)/1024), e.TaskMemoryMiB, e.GPUs)
	if platform == ECSManagedInstances {
		refuse(e.must(HostControl), "AWS chooses the image of managed instances and lets nobody in (compliance %s)",
			HostControl)
		refuse(e.must(SingleTenant), "managed instances have no dedicated tenancy that is documented (compliance %s)",
			SingleTenant)
	}
}

func (e estimator) refuseLambda(refuse refuse) {
	memory, milliseconds := e.function()
	refuse(e.GPUs > 0, "Lambda has no GPUs")
	refuse(milliseconds > lambdaMilliseconds, "a request takes %s s on a function of %d MiB, Lambda ends it after 900 s",
		number(milliseconds/1000), memory)
	refuse(e.BaseMemoryMiB+e.MemoryMiB > lambdaMostMiB, "a request needs %s MiB, a function has at most %d",
		number(e.BaseMemoryMiB+e.MemoryMiB), lambdaMostMiB)
	refuse(e.HTTP && e.ResponseKB > lambdaPayloadKB,
		"a response of %s KB is larger than the 6 MB that a function answers with",
		number(e.ResponseKB))
	refuse(e.HTTP && e.ResponseKB <= lambdaPayloadKB && len(e.fronts(milliseconds)) == 0,
		"nothing in front of a function takes %s KB after %s s: a load balancer takes 1 MB, an HTTP API waits 30 s and is public",
		number(e.ResponseKB), number(milliseconds/1000))
	refuse(e.Stateful, "a function's environment is replaced at any time, and files must outlive it (stateful: true)")
	refuse(e.must(SingleTenant), "Lambda has no hardware for one account alone (compliance %s)", SingleTenant)
	refuse(e.must(HostControl), "Lambda's hosts take no image or agent of one's own (compliance %s)", HostControl)
}

func (e estimator) noNetwork(platform Platform) string {
	switch {
	case e.Network == PublicSubnets && platform == EKSFargate:
		return "EKS runs pods on Fargate in private subnets only (network: public)"
	case e.Network == PublicSubnets && platform == EKSEC2:
		return "nodes of EKS belong in private subnets (network: public)"
	case e.Network == PublicSubnets:
		return "a task with an interface of its own on an EC2 host gets no public address (network: public)"
	default:
		return "no way out of the VPC is allowed that the tasks could use"
	}
}
