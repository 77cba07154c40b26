package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"davit/shared/settings"
)

// whole is a configuration with every section, which the tests change in one place.
const whole = `
owner: platform
environment: test
account: "111122223333"
region: ap-northeast-2
availabilityZones: [ap-northeast-2a, ap-northeast-2b]
network: {}
registry:
  repositories:
    - name: web
storage:
  buckets:
    - name: media
ecs:
  services:
    - name: web
      repository: web
      policy: semver:1.x
      initialImage: public.ecr.aws/nginx/nginx-unprivileged:stable
      containerPort: 8080
automation: {}
`

func TestEveryCheckedInConfigurationIsValid(t *testing.T) {
	paths, err := filepath.Glob("../configurations/*.yaml")
	if err != nil || len(paths) < 3 {
		t.Fatalf("found %v, %v", paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if _, err := Read(path); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAbsentFieldsTakeTheirDefaults(t *testing.T) {
	have, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Configuration{
		Owner: "platform", Environment: "test", Account: "111122223333", Region: "ap-northeast-2",
		AvailabilityZones: []string{"ap-northeast-2a", "ap-northeast-2b"},
		Removal:           Retain,
		Network: &Network{CIDR: "10.0.0.0/16", Zones: 2, NAT: NATOne, GatewayEndpoints: []string{"s3", "dynamodb"},
			Endpoints: EndpointsListed, CloseDefaultSecurityGroup: pointer(true), FlowLogs: pointer(true), FlowLogDays: 30},
		Registry: &Registry{Repositories: []Repository{{Name: "web", ImmutableTags: pointer(true),
			ScanOnPush: pointer(true), ExpireUntaggedDays: pointer(30)}}},
		Storage: &Storage{Buckets: []Bucket{{Name: "media", Class: Standard, NoncurrentDays: 90,
			NoncurrentVersions: pointer(3)}}, AccessLogs: pointer(true), AccessLogDays: 90},
		ECS: &ECS{Cluster: "davit", Services: []Service{{Name: "web", Repository: "web", Policy: "semver:1.x",
			InitialImage: "public.ecr.aws/nginx/nginx-unprivileged:stable", Architecture: ARM64, CPU: 256, Memory: 512,
			Capacity: CapacityFargate, ContainerPort: 8080, LoadBalancer: pointer(true), HealthPath: "/",
			HealthGraceSeconds: pointer(60), CircuitBreaker: pointer(true),
			Deployment: Deployment{Strategy: Rolling, MinimumHealthyPercent: pointer(100), MaximumPercent: 200},
			LogDays:    30}}},
		Automation: &Automation{Architecture: ARM64, Repositories: []string{"*"}, PassRoles: []string{"role/davit/*"},
			SweepMinutes: 15, Memory: 512, TimeoutSeconds: 60, MaximumConcurrency: 10, MaximumReceives: 10, LogDays: 90,
			LogLevel: Info, DeletionProtection: pointer(true)},
	}
	if difference := cmp.Diff(want, have); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
}

func pointer[T any](value T) *T { return &value }

func TestDefaultsThatDependOnOtherFields(t *testing.T) {
	t.Run("a repository with tags that move keeps its untagged images", func(t *testing.T) {
		have := mustParse(t, strings.Replace(whole, "    - name: web\n", "    - name: web\n      immutableTags: false\n", 1))
		if days := *have.Registry.Repositories[0].ExpireUntaggedDays; days != 0 {
			t.Errorf("they go after %d days", days)
		}
	})
	t.Run("a ledger that goes with its stack is not protected", func(t *testing.T) {
		if have := mustParse(t, whole+"removal: destroy\n"); *have.Automation.DeletionProtection {
			t.Error("it is")
		}
	})
	t.Run("an empty list of gateway endpoints makes none", func(t *testing.T) {
		have := mustParse(t, strings.Replace(whole, "network: {}", "network: {gatewayEndpoints: []}", 1))
		if len(have.Network.GatewayEndpoints) != 0 {
			t.Errorf("have %v", have.Network.GatewayEndpoints)
		}
	})
	t.Run("a repository of another account is named by its ARN", func(t *testing.T) {
		const other = "arn:aws:ecr:us-east-1:999999999999:repository/team/*"
		have := mustParse(t, strings.Replace(whole, "automation: {}", `automation: {repositories: ["`+other+`"]}`, 1))
		if len(have.Automation.Repositories) != 1 || have.Automation.Repositories[0] != other {
			t.Errorf("have %v", have.Automation.Repositories)
		}
	})
	t.Run("memory is twice the CPU", func(t *testing.T) {
		have := mustParse(t, strings.Replace(whole, "containerPort: 8080", "containerPort: 8080\n      cpu: 1024", 1))
		if have.ECS.Services[0].Memory != 2048 {
			t.Errorf("it is %d", have.ECS.Services[0].Memory)
		}
	})
}

func mustParse(t *testing.T, document string) *Configuration {
	t.Helper()
	have, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return have
}

func TestErrorsNameTheField(t *testing.T) {
	const service = "containerPort: 8080"
	tests := []struct {
		name, from, to string
		want           []string
	}{
		{"a field that does not exist", "owner:", "ownr: x\nowner:", []string{"ownr", "line 2"}},
		{"a field that does not exist in a list", service, service + "\n      desiredCount: 3", []string{"desiredCount"}},
		{"a field given twice", "owner: platform", "owner: platform\nowner: other", []string{"owner"}},
		{"a second document", "automation: {}", "automation: {}\n---\nowner: other", []string{"document"}},
		{"a wrong type", service, "containerPort: many", []string{"many", "line"}},
		{"no owner", "owner: platform", "", []string{"owner: required"}},
		{"an environment with characters that no tag holds", "environment: test", "environment: test*", []string{"environment: "}},
		{"an account without quotes that lost its zeros", `"111122223333"`, "11112222333", []string{"account: want 12 digits"}},
		{"a region that is none", "region: ap-northeast-2", "region: seoul", []string{"region: "}},
		{"a zone of another region", "ap-northeast-2b]", "us-east-1b]", []string{"availabilityZones[1]"}},
		{"a zone given twice", "ap-northeast-2b]", "ap-northeast-2a]", []string{"availabilityZones[1]"}},
		{"fewer zones than the network wants", "network: {}", "network: {zones: 3}", []string{"availabilityZones: network.zones asks for 3, have 2"}},
		{"a removal that is none", "owner:", "removal: maybe\nowner:", []string{"removal: "}},
		{"a tag that would opt workloads in", "owner:", "tags: {davit/policy: newest}\nowner:", []string{"tags.davit/policy"}},
		{"a tag that has its own field", "owner:", "tags: {owner: me}\nowner:", []string{"tags.owner"}},
		{"a block that is too small", "network: {}", "network: {cidr: 10.0.0.0/25}", []string{"network.cidr: ", "/25"}},
		{"a block with host bits", "network: {}", "network: {cidr: 10.0.0.1/16}", []string{"network.cidr: "}},
		{"one zone", "network: {}", "network: {zones: 1}", []string{"network.zones: want 2 to 3, have 1"}},
		{"a NAT that is none", "network: {}", "network: {nat: two}", []string{"network.nat: "}},
		{"an unknown gateway", "network: {}", "network: {gatewayEndpoints: [sqs]}", []string{"network.gatewayEndpoints[0]"}},
		{"an unknown endpoint", "network: {}", "network: {interfaceEndpoints: [sts, s4]}", []string{"network.interfaceEndpoints[1]"}},
		{"days that CloudWatch does not offer", "network: {}", "network: {flowLogDays: 31}", []string{"network.flowLogDays: "}},
		{"a repository in capitals", "    - name: web", "    - name: Web", []string{"registry.repositories[0].name"}},
		{"a repository given twice", "    - name: web\n", "    - name: web\n    - name: web\n", []string{"registry.repositories[1]"}},
		{"a bucket's name that is too long", "name: media", "name: " + strings.Repeat("m", 25), []string{"storage.buckets[0].name"}},
		{"a storage class that AWS retired", "name: media", "name: media\n      class: reduced", []string{"storage.buckets[0].class"}},
		{"services without a network", "network: {}\n", "", []string{"network: required by ecs"}},
		{"a repository that is not there", "repository: web", "repository: other", []string{"ecs.services[0].repository", "other"}},
		{"a policy that no tag holds", "policy: semver:1.x", `policy: "semver:~1.2"`, []string{"ecs.services[0].policy", "automation.settings.policies"}},
		{"a policy of no kind", "policy: semver:1.x", "policy: latest:1", []string{"ecs.services[0].policy", "no kind of policy"}},
		{"a named policy that is not there", "policy: semver:1.x", "policy: policy:stable", []string{"ecs.services[0].policy", "stable"}},
		{"a policy that follows a tag which cannot move", "policy: semver:1.x", "policy: tag:latest", []string{"ecs.services[0].policy", "immutableTags"}},
		{"no initial image", "initialImage: public.ecr.aws/nginx/nginx-unprivileged:stable", "", []string{"ecs.services[0].initialImage"}},
		{"no port", service, "", []string{"ecs.services[0].containerPort: want 1 to 65535, have 0"}},
		{"a CPU that Fargate does not offer", service, service + "\n      cpu: 300", []string{"ecs.services[0].cpu", "300"}},
		{"a memory that Fargate does not offer", service, service + "\n      memory: 1536", []string{"ecs.services[0].memory", "1536"}},
		{"a public service without a load balancer", service, service + "\n      public: true\n      loadBalancer: false", []string{"ecs.services[0].public"}},
		{"bounds the wrong way round", service, service + "\n      autoscaling: {minimum: 5, maximum: 2}", []string{"ecs.services[0].autoscaling.minimum"}},
		{"a health command without its kind", service, service + "\n      healthCommand: [/healthy]", []string{"ecs.services[0].healthCommand[0]"}},
		{"every role of the account", "automation: {}", `automation: {passRoles: ["role/*"]}`, []string{"automation.passRoles[0]"}},
		{"every role of the account by ARN", "automation: {}", `automation: {passRoles: ["arn:aws:iam::111122223333:role/*"]}`, []string{"automation.passRoles[0]"}},
		{"a repository that is named by half an ARN", "automation: {}", `automation: {repositories: ["arn:aws:ecr:eu-west-1:123:repository/web"]}`,
			[]string{"automation.repositories[0]", "or its ARN"}},
		{"a role of another account", "automation: {}", `automation: {passRoles: ["arn:aws:iam::999999999999:role/task"]}`, []string{"automation.passRoles[0]", "999999999999"}},
		{"too few attempts to wait between them", "automation: {}", "automation: {maximumReceives: 4}", []string{"automation.maximumReceives: want 5 to 1000, have 4"}},
		{"a sweep too often", "automation: {}", "automation: {sweepMinutes: 1}", []string{"automation.sweepMinutes: want 5 to 1440, have 1"}},
		{"less reserved than the queue uses", "automation: {}", "automation: {reservedConcurrency: 5}", []string{"automation.reservedConcurrency"}},
		{"a subscription without an address", "automation: {}", "automation: {subscriptions: [{protocol: email}]}", []string{"automation.subscriptions[0].endpoint"}},
		{"a log level that is none", "automation: {}", "automation: {logLevel: LOUD}", []string{"automation.logLevel"}},
		{"a freeze with a wrong cron", "automation: {}", `automation: {settings: {freezes: [{name: x, cron: "61 * * * *", duration: 1h}]}}`, []string{"automation.settings: ", "freezes[0].cron"}},
		{"a duration that is none", "automation: {}", "automation: {settings: {outcomeTimeout: soon}}", []string{"soon", "line"}},
		{"a wrong named policy", "automation: {}", `automation: {settings: {policies: {x: "semver:not a range"}}}`, []string{"automation.settings: ", "policies"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { refuses(t, whole, test.from, test.to, test.want) })
	}
}

// refuses changes one place of the document and holds the error of that against what it must say.
func refuses(t *testing.T, document, from, to string, want []string) {
	t.Helper()
	if !strings.Contains(document, from) {
		t.Fatalf("the configuration has no %q", from)
	}
	_, err := Parse([]byte(strings.Replace(document, from, to, 1)))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range want {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in: %v", want, err)
		}
	}
}

func TestEveryProblemIsToldAtOnce(t *testing.T) {
	_, err := Parse([]byte("region: nowhere\nautomation: {sweepMinutes: 1}\n"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"owner", "environment", "account", "region", "automation.sweepMinutes"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in: %v", want, err)
		}
	}
}

func TestAnEmptyOrHugeDocumentIsRefused(t *testing.T) {
	for name, document := range map[string]string{
		"empty":    " \n",
		"no stack": "owner: me\nenvironment: test\naccount: \"111122223333\"\nregion: ap-northeast-2\n",
		"huge":     strings.Repeat("#", MaximumSize+1),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(document)); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestAFileThatIsNotThereIsNamed(t *testing.T) {
	_, err := Read(filepath.Join(t.TempDir(), "absent.yaml"))
	if err == nil || !strings.Contains(err.Error(), "absent.yaml") {
		t.Errorf("have %v", err)
	}
}

func TestAFileThatIsWrongIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(path, []byte("ownr: me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "wrong.yaml") {
		t.Errorf("have %v", err)
	}
}

func TestTheSettingsAreWhatTheFunctionsRead(t *testing.T) {
	configuration := mustParse(t, strings.Replace(whole, "automation: {}", `
automation:
  settings:
    policies: {stable: "semver: >=1.0 <2"}
    freezes:
      - {name: weekend, cron: "0 18 * * FRI", duration: 60h, timeZone: Asia/Seoul, workloads: ["ecs:production/*"]}
    outcomeTimeout: 45m
`, 1))
	document, err := configuration.Automation.Settings.JSON()
	if err != nil {
		t.Fatal(err)
	}
	have, err := settings.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Settings{
		Version:  settings.Version,
		Policies: map[string]string{"stable": "semver: >=1.0 <2"},
		Freezes: []settings.Freeze{{Name: "weekend", Cron: "0 18 * * FRI", Duration: settings.Duration(60 * time.Hour),
			TimeZone: "Asia/Seoul", Workloads: []string{"ecs:production/*"}}},
		OutcomeTimeout: settings.Duration(45 * time.Minute),
	}.WithDefaults()
	if difference := cmp.Diff(asJSON(t, want), asJSON(t, have)); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
}

// asJSON compares settings by what they are written as, whatever else they hold.
func asJSON(t *testing.T, document settings.Settings) string {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSettingsThatNoParameterHoldsAreRefused(t *testing.T) {
	policies := map[string]string{}
	for _, letter := range "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz" {
		policies[strings.Repeat(string(letter), 1+len(policies)%60)] = "glob:" + strings.Repeat("x", 200)
	}
	p := &problems{}
	Settings{Policies: policies}.validate(p)
	if len(p.found) != 1 || !strings.Contains(p.found[0].Error(), "automation.settings: ") {
		t.Errorf("have %v", p.found)
	}
}

func TestNodesThatCannotBeWatchedAreNamedByTheirField(t *testing.T) {
	const watch = `
owner: platform
environment: test
account: "111122223333"
region: ap-northeast-2
chainwatch:
  vpc: {subnets: [subnet-01234567], securityGroups: [sg-01234567]}
  nodes:
    - name: mainnet
      kind: execution
      url: http://10.0.0.1:8545
      chainId: 1
      references: [{parameter: /davit/chain/provider}]
`
	parsed, err := Parse([]byte(watch))
	if err != nil {
		t.Fatal(err)
	}
	if alarms := parsed.Chainwatch.Nodes[0].Alarms; alarms != (ChainAlarms{3, 10, 180, 3, 2000, 85}) || parsed.Chainwatch.Minutes != 1 {
		t.Errorf("the defaults are %+v", parsed.Chainwatch)
	}
	for name, test := range map[string]struct{ old, replacement, want string }{
		"no reference":          {"references: [{parameter: /davit/chain/provider}]", "", "chainwatch.nodes[0].references"},
		"a parameter elsewhere": {"/davit/chain/provider", "/other", "nodes[0].references[0].parameter"},
		"no chain":              {"chainId: 1", "", "nodes[0].chainId"},
		"another kind":          {"execution", "light", "nodes[0].kind"},
		"no looks":              {"chainId: 1", "chainId: 1\n      alarms: {looks: 61}", "chainwatch.nodes[0].alarms.looks"},
		"a workload of stars":   {"chainId: 1", "chainId: 1\n      workload: \"ecs:*\"", "chainwatch.nodes[0].workload"},
		"a subnet that is none": {"subnet-01234567", "vpc-01234567", "chainwatch.vpc.subnets[0]"},
		"a group that is none":  {"sg-01234567", "group", "chainwatch.vpc.securityGroups[0]"},
		"too often":             {"chainwatch:", "chainwatch:\n  minutes: 61", "chainwatch.minutes"},
	} {
		changed := strings.Replace(watch, test.old, test.replacement, 1)
		if _, err := Parse([]byte(changed)); err == nil || changed == watch || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheLocalInstallationsDifferByTheClusterAlone(t *testing.T) {
	read := func(name string) map[string]any {
		text, err := os.ReadFile(filepath.Join("..", "configurations", name))
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]any
		if err := yaml.Load(text, &document); err != nil {
			t.Fatal(err)
		}
		delete(document["network"].(map[string]any), "nat") // a cluster's nodes have a way out
		return document
	}
	plain, cluster := read("local.yaml"), read("local-eks.yaml")
	if _, found := cluster["eks"]; !found {
		t.Error("local-eks.yaml has no cluster")
	}
	delete(cluster, "eks")
	if difference := cmp.Diff(plain, cluster); difference != "" {
		t.Errorf("local-eks.yaml differs from local.yaml by more (-local +local-eks):\n%s", difference)
	}
}
