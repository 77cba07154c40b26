package config

import (
	"strings"
	"testing"
)

func TestErrorsOfTheClusterNameTheField(t *testing.T) {
	const service = "containerPort: 8080"
	with := func(fields string) string { return service + "\n      " + fields }
	hosts := func(fields string) string { return "ecs:\n  hosts: {" + fields + "}" }
	tests := []struct {
		name, from, to string
		want           []string
	}{
		{"a capacity that is none", service, with("capacity: lambda"), []string{"ecs.services[0].capacity"}},
		{"hosts that are not there", service, with("capacity: ec2"), []string{"ecs.services[0].capacity: ec2 needs ecs.hosts"}},
		{"managed instances that are not there", service, with("capacity: managed-instances"), []string{"needs ecs.managedInstances"}},
		{"tasks on demand without spot", service, with("onDemandTasks: 2"), []string{"ecs.services[0].onDemandTasks", "fargate-spot"}},
		{"hosts without a maximum", "ecs:", hosts("minimum: 1"), []string{"ecs.hosts.maximum: want 1"}},
		{"hosts of another architecture", "ecs:", hosts("maximum: 2, instanceType: m7i.large"), []string{"ecs.hosts.instanceType: m7i.large is not of the architecture arm64"}},
		{"GPUs on Fargate", service, with("gpus: 1"), []string{"ecs.services[0].gpus: Fargate has no GPUs", "g6.xlarge", "managed-instances"}},
		{"hosts with GPUs beside ARM", "ecs:", hosts("maximum: 2, instanceType: g5g.xlarge"), []string{"ecs.hosts.instanceType: g5g.xlarge has GPUs beside"}},
		{"a type that is none", "ecs:", hosts("maximum: 2, instanceType: big"), []string{"ecs.hosts.instanceType: want"}},
		{"a root volume that the image does not fit", "ecs:", hosts("maximum: 2, rootGiB: 8"), []string{"ecs.hosts.rootGiB"}},
		{"steps of a rolling deployment", service, with("deployment: {stepPercent: 10}"), []string{"ecs.services[0].deployment: rolling has no steps"}},
		{"steps of blue-green", service, with("deployment: {strategy: blue-green, stepPercent: 10}"), []string{"ecs.services[0].deployment.stepPercent", "linear or canary"}},
		{"canary of everything", service, with("deployment: {strategy: canary, stepPercent: 100}"), []string{"ecs.services[0].deployment.stepPercent: want 1 to 99"}},
		{"blue-green without a load balancer", service, with("loadBalancer: false\n      deployment: {strategy: blue-green}"),
			[]string{"ecs.services[0].deployment.strategy", "needs loadBalancer"}},
		{"blue-green with half of the tasks", service, with("deployment: {strategy: blue-green, minimumHealthyPercent: 50}"),
			[]string{"ecs.services[0].deployment.minimumHealthyPercent"}},
		{"alarms on a load balancer that is not there", service, with("loadBalancer: false\n      deployment: {alarms: {serverErrors: 5}}"),
			[]string{"ecs.services[0].deployment.alarms", "names"}},
		{"requests that nobody counts", service, with("loadBalancer: false\n      autoscaling: {minimum: 1, maximum: 2, requestsPerMinute: 5}"),
			[]string{"ecs.services[0].autoscaling.requestsPerMinute", "has none"}},
		{"requests of two target groups", service, with("deployment: {strategy: canary}\n      autoscaling: {minimum: 1, maximum: 2, requestsPerMinute: 5}"),
			[]string{"ecs.services[0].autoscaling.requestsPerMinute", "has two"}},
		{"a schedule by five fields", service, with("autoscaling: {minimum: 1, maximum: 2, schedule: [{cron: '0 8 * * *', minimum: 1, maximum: 2}]}"),
			[]string{"ecs.services[0].autoscaling.schedule[0].cron"}},
		{"a schedule of nowhere", service, with("autoscaling: {minimum: 1, maximum: 2, schedule: [{cron: '0 8 ? * * *', timeZone: Seoul, minimum: 1, maximum: 2}]}"),
			[]string{"ecs.services[0].autoscaling.schedule[0].timeZone"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { refuses(t, whole, test.from, test.to, test.want) })
	}
	t.Run("GPUs on hosts without", func(t *testing.T) {
		refuses(t, strings.Replace(whole, "ecs:", hosts("maximum: 2"), 1), service, with("capacity: ec2\n      gpus: 1"),
			[]string{"ecs.services[0].gpus: ecs.hosts are m7g.large, which have none"})
	})
	onManaged := func(types string) string {
		return strings.Replace(whole, "ecs:", "ecs:\n  managedInstances: {instanceTypes: ["+types+"]}", 1)
	}
	t.Run("GPUs on managed instances that are not named", func(t *testing.T) {
		refuses(t, onManaged(""), service, with("capacity: managed-instances\n      gpus: 1"), []string{"ecs.services[0].gpus: ECS starts instances with GPUs where"})
	})
	t.Run("GPUs on managed instances of another architecture", func(t *testing.T) {
		refuses(t, onManaged("g6.xlarge, m7g.large"), service, with("capacity: managed-instances\n      gpus: 1"), []string{"add arm64 types of the families g and p"})
	})
	t.Run("managed instances of another architecture", func(t *testing.T) {
		refuses(t, onManaged("m7i.large"), service, with("capacity: managed-instances"), []string{"ecs.services[0].architecture: arm64, but none"})
	})
	t.Run("a managed instance that is none", func(t *testing.T) {
		refuses(t, onManaged("big"), "policy:", "policy:", []string{"ecs.managedInstances.instanceTypes[0]"})
	})
	t.Run("a schedule that stops at no more than one", func(t *testing.T) {
		refuses(t, whole, service, with("autoscaling: {minimum: 1, maximum: 2, schedule: [{cron: '0 8 * * ? *', minimum: 0, maximum: 1}]}"),
			[]string{"ecs.services[0].autoscaling.schedule[0].minimum: want 1"})
	})
	t.Run("hosts where tasks reach nothing", func(t *testing.T) {
		refuses(t, strings.Replace(whole, "ecs:", hosts("maximum: 2"), 1), "network: {}", "network: {nat: none}",
			[]string{"ecs.hosts: ", "no public address", "network.nat one"})
	})
}

func TestHostsAreProtectedWhereTheDataIs(t *testing.T) {
	document := strings.Replace(whole, "ecs:", "ecs:\n  hosts: {maximum: 2}", 1)
	if have := mustParse(t, document); !*have.ECS.Hosts.TerminationProtection {
		t.Error("they are not, with removal retain")
	}
	if have := mustParse(t, document+"removal: destroy\n"); *have.ECS.Hosts.TerminationProtection {
		t.Error("they are, with removal destroy: the stack could not be deleted")
	}
}
