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

// ethereum is a full node, a light node that follows it, and a key.
const ethereum = head + `
chain:
  full:
    executionImage: geth:v1@sha256:` + digest + `
    consensusImage: lighthouse:v8@sha256:` + digest + `
    checkpointUrl: https://beacon.example.com
  light:
    image: lodestar:v1@sha256:` + digest + `
    checkpoint: "0x` + digest + `"
  signing:
    administrators: ["arn:aws:iam::111122223333:role/platform"]
    signers: ["arn:aws:iam::111122223333:role/treasury"]
`

const digest = "523d3ba26623a619e912019068dc2784f02934070ac46bdae4d5b9df0d917814"

func TestErrorsOfTheChainNameTheFieldAndTheRemedy(t *testing.T) {
	full := ethereum[strings.Index(ethereum, "  full:"):strings.Index(ethereum, "  light:")]
	light := ethereum[strings.Index(ethereum, "  light:"):strings.Index(ethereum, "  signing:")]
	onFargate := strings.Replace(ethereum, "chain:\n", "eks:\n  admins: [\"arn:aws:iam::111122223333:role/platform\"]\n  compute: fargate\nchain:\n", 1)
	tests := []struct {
		name, document, from, to string
		want                     []string
	}{
		{"a network that is gone", ethereum, "chain:", "chain:\n  network: goerli", []string{"chain.network: ", "hoodi"}},
		{"nodes without a way out", ethereum, "network: {}", "network: {nat: none}", []string{"network.nat: ", "per-az"}},
		{"nodes without a VPC", ethereum, "network: {}\n", "", []string{"network: required by the nodes of chain"}},
		{"an image that can change under its name", ethereum, "geth:v1@sha256:" + digest, "geth:v1",
			[]string{"chain.full.executionImage: ", "imagetools"}},
		{"a checkpoint in plain text", ethereum, "checkpointUrl: https", "checkpointUrl: http", []string{"chain.full.checkpointUrl: "}},
		{"a volume that is too small", ethereum, "  full:", "  full:\n    volumeGiB: 1000", []string{"chain.full.volumeGiB: want 2048"}},
		{"more throughput than the IOPS carry", ethereum, "  full:", "  full:\n    volumeThroughput: 2000",
			[]string{"chain.full.volumeThroughput: ", "volumeIops of 8000"}},
		{"a zone without subnets", ethereum, "  full:", "  full:\n    zone: ap-northeast-2c", []string{"chain.full.zone: "}},
		{"an interval that does not divide the day", ethereum, "  full:", "  full:\n    snapshotHours: 5", []string{"chain.full.snapshotHours: "}},
		{"an instance of another architecture", ethereum, "  full:", "  full:\n    instanceType: r7i.xlarge",
			[]string{"chain.full.instanceType: r7i.xlarge is not"}},
		{"a light node that follows nobody", ethereum, full, "", []string{"chain.light.beaconUrl: ", "chain.full"}},
		{"a light node without a checkpoint", ethereum, "0x" + digest, "latest", []string{"chain.light.checkpoint: ", "headers/finalized"}},
		{"a light node on a cluster that is not there", ethereum, "  light:", "  light:\n    platform: eks",
			[]string{"chain.light.platform: needs the section eks"}},
		{"ARM on Fargate of EKS", onFargate, "  light:", "  light:\n    platform: eks", []string{"chain.light.architecture: ", "x86_64"}},
		{"who administers the key and signs with it", ethereum, "role/treasury", "role/platform",
			[]string{"chain.signing.signers[0]: ", "administrators[0] too"}},
		{"a signer of another account", ethereum, "111122223333:role/treasury", "999900001111:role/treasury", []string{"chain.signing.signers[0]: "}},
		{"nothing at all", head + "chain: {}\n", "chain: {}", "chain: {network: mainnet}", []string{"chain: want at least one"}},
		{"Managed Blockchain", ethereum, "chain:", "chain:\n  managedBlockchain: {zone: ap-northeast-2a}",
			[]string{"chain.managedBlockchain: ", "2026-10-29", "2027-09-29", "chain.full instead"}},
		{"Managed Blockchain with another day", ethereum, "chain:",
			"chain:\n  managedBlockchain: {zone: ap-northeast-2a, acknowledgeEndOfService: \"2030-01-01\"}",
			[]string{"chain.managedBlockchain: ", "acknowledgeEndOfService: 2027-09-29"}},
		{"Managed Blockchain of a test network", ethereum, "chain:",
			"chain:\n  network: sepolia\n  managedBlockchain: {zone: ap-northeast-2a, acknowledgeEndOfService: \"2027-09-29\"}",
			[]string{"chain.managedBlockchain: it has nodes of mainnet alone"}},
		{"Managed Blockchain acknowledged", ethereum, "chain:",
			"chain:\n  managedBlockchain: {zone: ap-northeast-2a, acknowledgeEndOfService: 2027-09-29}", nil},
		{"a key alone needs no VPC", strings.Replace(strings.Replace(ethereum, full, "", 1), light, "", 1), "network: {}\n", "", nil},
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

// accelerated are GPUs under ECS and a notebook.
const accelerated = head + `
storage:
  buckets: [{name: models}]
ml:
  accelerators:
    - name: inference
  notebooks:
    - {name: research, buckets: [models]}
`

func TestErrorsOfAcceleratorsNameTheFieldAndTheRemedy(t *testing.T) {
	tests := []struct {
		name, document, from, to string
		want                     []string
	}{
		{"GPUs on Fargate", accelerated, "ml:", "ml:\n  capacity: fargate", []string{"ml.capacity: Fargate has neither", "set ec2", "ml-ecs-ec2"}},
		{"GPUs on a cluster that is not there", accelerated, "ml:", "ml:\n  platform: eks", []string{"ml.platform: ", "eks with compute nodes"}},
		{"no VPC", accelerated, "network: {}\n", "", []string{"network: required by ml"}},
		{"no way to the registries", accelerated, "network: {}", "network: {nat: none}", []string{"network.nat: ", "per-az"}},
		{"an instance without an accelerator", accelerated, "name: inference", "name: inference\n      instanceTypes: [m7i.large]",
			[]string{"ml.accelerators[0].instanceTypes[0]: m7i.large has no accelerator"}},
		{"two kinds in a group", accelerated, "name: inference", "name: inference\n      instanceTypes: [g6.xlarge, inf2.xlarge]",
			[]string{"ml.accelerators[0].instanceTypes[1]: inf2.xlarge has another kind"}},
		{"GPUs beside ARM", accelerated, "name: inference", "name: inference\n      instanceTypes: [g5g.xlarge]",
			[]string{"ml.accelerators[0].instanceTypes[0]: g5g.xlarge has an ARM"}},
		{"bounds in the wrong order", accelerated, "name: inference", "name: inference\n      minimum: 5",
			[]string{"ml.accelerators[0].minimum: 5 is above"}},
		{"busy below idle", accelerated, "name: inference", "name: inference\n      busyPercent: 5", []string{"ml.accelerators[0].busyPercent: "}},
		{"the cluster of the services", strings.Replace(accelerated, "ml:", "ecs: {}\nregistry: {repositories: [{name: web}]}\nml:", 1), "ml:\n",
			"ml:\n  cluster: davit\n", []string{"ml.cluster: ", "ecs.cluster already"}},
		{"a bucket that is not there", accelerated, "buckets: [models]}", "buckets: [others]}",
			[]string{"ml.notebooks[0].buckets[0]: ", "storage.buckets"}},
		{"a notebook without endpoints", strings.Replace(accelerated, "  accelerators:\n    - name: inference\n", "", 1), "network: {}",
			"network: {nat: none}", []string{"network.interfaceEndpoints: ", "sagemaker.api"}},
		{"a notebook with endpoints", strings.Replace(accelerated, "  accelerators:\n    - name: inference\n", "", 1), "network: {}",
			"network: {nat: none, endpoints: needed}", nil},
		{"a notebook that stops at once", accelerated, "name: research", "name: research, idleMinutes: 1", []string{"ml.notebooks[0].idleMinutes: "}},
		{"nothing at all", head + "ml: {}\n", "ml: {}", "ml: {cluster: a}", []string{"ml: want accelerators or notebooks"}},
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

func TestAShapeIsOneOfThoseThatThereAre(t *testing.T) {
	if _, err := ReadShape("../shapes", "web-lambda"); err == nil || !strings.Contains(err.Error(), "web-eks-fargate") {
		t.Errorf("the others are not named: %v", err)
	}
	if _, err := ReadShape("../shapes", "../configurations/local"); err == nil {
		t.Error("a path is taken for a shape")
	}
}
