package config

import (
	"strings"
	"testing"
)

// head is what every configuration has, with a VPC.
const head = `
owner: platform
environment: test
account: "111122223333"
region: ap-northeast-2
availabilityZones: [ap-northeast-2a, ap-northeast-2b, ap-northeast-2c]
network: {}
`

// kubernetes is a cluster on nodes.
const kubernetes = head + `
eks:
  admins: ["arn:aws:iam::111122223333:role/platform"]
  nodes:
    - name: general
automation: {}
`

func TestErrorsOfTheClusterNameTheFieldAndTheRemedy(t *testing.T) {
	onFargate := strings.Replace(kubernetes, "  nodes:\n    - name: general\n", "  compute: fargate\n", 1)
	tests := []struct {
		name, document, from, to string
		want                     []string
	}{
		{"no VPC", kubernetes, "network: {}\n", "", []string{"network: required by eks"}},
		{"a name that EKS refuses", kubernetes, "eks:", "eks:\n  cluster: -davit", []string{"eks.cluster: "}},
		{"a version out of support", kubernetes, "eks:", "eks:\n  version: \"1.29\"", []string{"eks.version: ", "1.36"}},
		{"nobody to administer it", kubernetes, "[\"arn:aws:iam::111122223333:role/platform\"]", "[]", []string{"eks.admins: want"}},
		{"an administrator of another account", kubernetes, "iam::111122223333", "iam::999900001111",
			[]string{"eks.admins[0]: ", "999900001111"}},
		{"an administrator that is no role", kubernetes, ":role/platform", ":root", []string{"eks.admins[0]: want the ARN of a role"}},
		{"a private endpoint that functions do not reach", kubernetes, "eks:", "eks:\n  endpoint: private",
			[]string{"eks.endpoint: ", "eks.rollouts to false"}},
		{"a narrow endpoint that functions do not reach", kubernetes, "eks:", "eks:\n  publicCidrs: [203.0.113.0/24]",
			[]string{"eks.publicCidrs: ", "eks.rollouts to false"}},
		{"blocks of a private endpoint", kubernetes, "eks:", "eks:\n  endpoint: private\n  rollouts: false\n  publicCidrs: [0.0.0.0/0]",
			[]string{"eks.publicCidrs: ", "leave them out"}},
		{"a block that is none", kubernetes, "eks:", "eks:\n  publicCidrs: [203.0.113.7/24]", []string{"eks.publicCidrs[0]: want"}},
		{"rollouts without what rolls out", kubernetes, "automation: {}\n", "", nil},
		{"rollouts that nothing does", strings.Replace(kubernetes, "automation: {}\n", "", 1), "eks:", "eks:\n  rollouts: true",
			[]string{"eks.rollouts: ", "automation"}},
		{"no nodes", kubernetes, "  nodes:\n    - name: general\n", "", []string{"eks.nodes: want at least one"}},
		{"nodes beside Fargate", kubernetes, "eks:", "eks:\n  compute: fargate", []string{"eks.nodes: ", "fargate"}},
		{"profiles beside nodes", kubernetes, "eks:", "eks:\n  fargate: [{name: a, namespaces: [a]}]", []string{"eks.fargate: "}},
		{"a cluster without DNS", onFargate, "compute: fargate", "compute: fargate\n  fargate: [{name: web, namespaces: [web]}]",
			[]string{"eks.fargate: ", "kube-system"}},
		{"Pod Identity on Fargate", onFargate, "compute: fargate",
			"compute: fargate\n  podIdentities: [{namespace: a, serviceAccount: b, role: \"arn:aws:iam::111122223333:role/c\"}]",
			[]string{"eks.podIdentities: ", "nodes or auto"}},
		{"an agent of nodes on Fargate", onFargate, "compute: fargate", "compute: fargate\n  containerInsights: true",
			[]string{"eks.containerInsights: ", "nodes or auto"}},
		{"an instance of another architecture", kubernetes, "name: general", "name: general\n      instanceTypes: [m7i.large]",
			[]string{"eks.nodes[0].instanceTypes[0]: m7i.large is not of architecture arm64"}},
		{"an ARM instance as x86", kubernetes, "name: general", "name: general\n      architecture: x86_64\n      instanceTypes: [c7gn.large]",
			[]string{"eks.nodes[0].instanceTypes[0]: c7gn.large is not of architecture x86_64"}},
		{"bounds in the wrong order", kubernetes, "name: general", "name: general\n      minimum: 9", []string{"eks.nodes[0].minimum: 9 is above"}},
		{"a taint without effect", kubernetes, "name: general", "name: general\n      taints: [{key: a, effect: Never}]",
			[]string{"eks.nodes[0].taints[0].effect: "}},
		{"isolated nodes without endpoints", kubernetes, "network: {}", "network: {nat: none}",
			[]string{"network.interfaceEndpoints: ", "eks-auth", "needed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.want == nil {
				mustParse(t, strings.Replace(test.document, test.from, test.to, 1))
				return
			}
			refuses(t, test.document, test.from, test.to, test.want)
		})
	}
}
