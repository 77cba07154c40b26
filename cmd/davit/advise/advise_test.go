package advise

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/infra/config"
	"davit/shared/advice"
)

// plain are the flags of a small web service, for which ECS on Fargate wins.
var plain = []string{"--region", "us-east-1", "--requests-average", "50", "--cpu-milliseconds", "20",
	"--duration-milliseconds", "80"}

func run(arguments ...string) (output, errorOutput string, err error) {
	var out, problems bytes.Buffer
	command := newCommand(func() time.Time { return time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC) })
	command.SetArgs(arguments)
	command.SetOut(&out)
	command.SetErr(&problems)
	command.SilenceErrors = true
	err = command.Execute()
	return out.String(), problems.String(), err
}

func with(arguments []string, more ...string) []string {
	return append(append([]string{}, arguments...), more...)
}

func answerOrFail(t *testing.T, arguments ...string) answer {
	t.Helper()
	output, _, err := run(with(arguments, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var found answer
	if err := json.Unmarshal([]byte(output), &found); err != nil {
		t.Fatalf("%v in:\n%s", err, output)
	}
	return found
}

func fileOrFail(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheAnswerIsShownWithItsReasonsAndItsSums(t *testing.T) {
	output, _, err := run(plain...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"web in us-east-1: 50 requests a second, 150 at the peak (variable)",
		"ecs-fargate-spot: the work may not be interrupted",
		"Why ecs-fargate scores",
		"a task definition and a service are all there is to run",
		"3650 task-hours × 0.5 vCPU",
		"1825 vCPU-hour",
		"× $0.03238",
		"= $59.09",
		"= $275.68",
		"by the way out of the VPC: public $275.68, nat $297.34, endpoints $301.99",
		"ecs-ec2 wins over ecs-fargate above 155 tasks",
		"Amazon Linux 2 AMIs for EKS nodes ended on 26 November 2025",
		"cdk deploy can take ecs-fargate today",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("want %q in:\n%s", want, output)
		}
	}
	if strings.Contains(output, "What eks-ec2 costs") {
		t.Error("every platform is shown by line without --all")
	}
	if all, _, err := run(with(plain, "--all")...); err != nil || !strings.Contains(all, "What eks-ec2 costs") ||
		!strings.Contains(all, "Why eks-ec2 scores") {
		t.Errorf("--all does not show every platform: %v\n%s", err, all)
	}
}

func TestFlagsWinOverTheFile(t *testing.T) {
	path := fileOrFail(t, "workload.yaml", `region: us-east-1
requestsAverage: 50
cpuMilliseconds: 20
public: true
weights: {cost: 80}
`)
	found := answerOrFail(t, "--file", path, "--requests-average=5", "--public=false", "--hybrid", "--compliance",
		"private-network,host-control", "--weight-engineering", "3", "--name", "shop")
	have := found.Workload
	if have.RequestsAverage != 5 || have.Public || !have.Hybrid || have.Name != "shop" || have.CPUMilliseconds != 20 ||
		have.Weights != (advice.Weights{Cost: 80, Scalability: 20, Reliability: 20,
			Engineering: 3}) || len(have.Compliance) != 2 {
		t.Errorf("have %+v", have)
	}
}

func TestAJSONFileIsReadAsAYAMLOneIs(t *testing.T) {
	path := fileOrFail(t, "workload.json",
		`{"region": "us-east-1", "requestsAverage": 50, "cpuMilliseconds": 20, "durationMilliseconds": 80}`)
	byFile, byFlags := answerOrFail(t, "-f", path), answerOrFail(t, plain...)
	if byFile.Winner().Estimate.Total != byFlags.Winner().Estimate.Total {
		t.Errorf("by file %s, by flags %s", byFile.Winner().Estimate.Total, byFlags.Winner().Estimate.Total)
	}
}

func TestEveryFieldOfAWorkloadHasAFlag(t *testing.T) {
	text, err := json.Marshal(advice.Workload{Compliance: []advice.Compliance{"x"}, Uses: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	flags := map[string]bool{}
	for _, flag := range fieldFlags {
		outer, inner, _ := strings.Cut(flag.field, ".")
		flags[flag.field] = true
		if nested,
			is := fields[outer].(map[string]any); inner != "" && (!is || nested[inner] == nil) || fields[outer] == nil {
			t.Errorf("--%s sets %s, which is no field", flag.flag, flag.field)
		}
	}
	for field, value := range fields {
		if nested, is := value.(map[string]any); is {
			for inner := range nested {
				if !flags[field+"."+inner] {
					t.Errorf("%s.%s has no flag", field, inner)
				}
			}
		} else if !flags[field] {
			t.Errorf("%s has no flag", field)
		}
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	wrong := fileOrFail(t, "wrong.yaml", "region: us-east-1\nrequests: 5\n")
	lists := fileOrFail(t, "list.json", `{"offerCode": "AmazonSNS", "products": {}}`)
	for _, test := range []struct {
		name      string
		arguments []string
		want      string
	}{
		{"nothing given", nil, "region: required"},
		{"nothing given, and how to give it", nil, "Each is a flag of davit advise, as --help lists them, or a field of the --file"},
		{"a number that is none", with(plain, "--gpus", "many"), `--gpus: "many": want a number`},
		{"a fraction of a GPU", with(plain, "--gpus", "1.5"), `--gpus: "1.5"`},
		{"more than a number", with(plain, "--gpus", "1\nhttp: false"), `want a number`},
		{"neither true nor false", with(plain, "--http=perhaps"), `--http: "perhaps": want true or false`},
		{"a negative load", with(plain, "--requests-average", "-5"), "requestsAverage: want 0.000001 to 100000, have -5"},
		{"an unknown rule", with(plain, "--compliance", "iso"), "compliance[0]: want private-network"},
		{"a region without prices", with(plain, "--region", "sa-east-1"),
			"region: want one of ap-northeast-2, eu-central-1, us-east-1"},
		{"a file that is not there", []string{"--file", "absent.yaml"}, "absent.yaml"},
		{"a field that does not exist", []string{"--file", wrong}, "requests"},
		{"a price list of something else", with(plain, "--prices", lists), `offer "AmazonSNS" has no price`},
		{"a price list that is not there", with(plain, "--prices", "absent.json"), "absent.json"},
		{"a platform that is none", with(plain, "--write", "x", "--for", "docker"), "--for: want one of"},
		{"a platform that cannot run it", with(plain, "--write", "x", "--for", "ecs-fargate-spot"),
			"may not be interrupted"},
		{"--for alone", with(plain, "--for", "ecs-fargate"), "give --write too"},
		{"a chart where no file can be", with(plain, "--chart", filepath.Join(t.TempDir(), "absent", "x.svg")),
			"draw the chart"},
	} {
		t.Run(test.name, func(t *testing.T) {
			output, _, err := run(test.arguments...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, have %v and:\n%s", test.want, err, output)
			}
		})
	}
}

func TestAPriceListTakesTheEmbeddedPricesPlace(t *testing.T) {
	path := fileOrFail(t, "ecs.json", `{"offerCode": "AmazonECS", "publicationDate": "2026-11-20T00:00:00Z", "products": {
"A": {"sku": "A", "attributes": {"regionCode": "us-east-1", "usagetype": "USE1-Fargate-ARM-vCPU-Hours:perCPU"}}},
"terms": {"OnDemand": {"A": {"A.T": {"priceDimensions": {"d": {"beginRange": "0",
	"pricePerUnit": {"USD": "0.0100000000"}}}}}}}}`)
	line := answerOrFail(t, with(plain, "--prices", path)...).Winner().Estimate.Lines[0]
	if line.UnitPrice.String() != "0.01" || line.Amount.String() != "18.25" {
		t.Errorf("have %+v", line)
	}
}

func TestTheConfigurationIsTheOneThatDeploys(t *testing.T) {
	place := []string{"--owner", "platform", "--account", "111122223333"}
	tests := []struct {
		name  string
		flags []string
		check func(*config.Configuration) bool
	}{
		{"a public service in public subnets", nil, func(c *config.Configuration) bool {
			s := c.ECS.Services[0]
			return c.Region == "us-east-1" && c.Network.NAT == config.NATNone && c.Network.Zones == 2 && s.Name == "web" && s.CPU == 512 &&
				s.Memory == 1024 && s.Architecture == config.ARM64 && *s.LoadBalancer && s.Public && s.Autoscaling.Minimum == 2 &&
				s.Autoscaling.Maximum == 10 && c.Automation != nil
		}},
		{"private jobs with high availability", []string{"--http=false", "--availability", "high", "--network", "nat",
			"--name", "Jobs",
			"--architecture", "x86_64", "--policy", "newest", "--burstiness", "spiky", "--for", "ecs-fargate"},
			func(c *config.Configuration) bool {
				s := c.ECS.Services[0]
				return c.Network.NAT == config.NATPerZone && c.Network.Zones == 3 && !*s.LoadBalancer && !s.Public && s.Repository == "jobs" &&
					s.Architecture == config.X8664 && s.Policy == "newest" && s.Autoscaling.Minimum > 3
			}},
		{"what --for asks for", []string{"--requests-average", "20000", "--duration-milliseconds", "20",
			"--weight-engineering", "0",
			"--weight-scalability", "0", "--weight-reliability", "0", "--network", "public", "--for", "ecs-fargate"},
			func(c *config.Configuration) bool { return c.ECS.Services[0].Autoscaling.Maximum == 4000 }},
		{"tasks that reach nothing but AWS", []string{"--compliance", "no-internet", "--public=false", "--for",
			"ecs-fargate", "--initial-image", "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1.0.0"},
			func(c *config.Configuration) bool {
				endpoints, err := c.ChosenEndpoints()
				return err == nil && c.Network.TaskTier() == config.Isolated && !c.ECS.Services[0].Public &&
					slices.Equal(endpoints, []string{"ecr.api", "ecr.dkr", "logs"})
			}},
		{"pods on Fargate", []string{"--name", "Web_1", "--for", "eks-fargate", "--admins",
			"arn:aws:iam::111122223333:role/platform"},
			func(c *config.Configuration) bool {
				return c.Network.NAT == config.NATOne && c.ECS == nil && c.EKS.Compute == config.ComputeFargate &&
					c.EKS.Fargate[0].Namespaces[0] == "web-1" && *c.EKS.Rollouts
			}},
		{"pods on nodes", []string{"--requests-average", "1", "--burstiness", "steady", "--network", "nat", "--for",
			"eks-ec2", "--admins", "arn:aws:iam::111122223333:role/platform"},
			func(c *config.Configuration) bool {
				group := c.EKS.Nodes[0]
				return slices.Equal(group.InstanceTypes, []string{"c6g.large"}) && *group.Minimum == 2 && group.Maximum == 2 &&
					group.DiskGiB == 20 && group.Architecture == config.ARM64
			}},
		{"tasks that may be interrupted", []string{"--interruptible", "--for", "ecs-fargate-spot"}, func(c *config.Configuration) bool {
			s := c.ECS.Services[0]
			return s.Capacity == config.CapacityFargateSpot && *s.OnDemandTasks == 0 && c.Network.NAT == config.NATNone &&
				s.Autoscaling.Minimum == 2 && s.Autoscaling.Maximum == 10
		}},
		{"hosts", []string{"--requests-average", "400", "--cpu-milliseconds", "10", "--for", "ecs-ec2"}, func(c *config.Configuration) bool {
			// 14 tasks most of the time and 40 at the peak, 7 on each host: 2 and 6 hosts, 12 for twice the peak.
			h, s := c.ECS.Hosts, c.ECS.Services[0]
			return h.InstanceType == "c6g.xlarge" && h.Architecture == config.ARM64 && h.Minimum == 2 && h.Maximum == 12 && h.RootGiB == 30 &&
				s.Capacity == config.CapacityEC2 && s.Architecture == config.ARM64 && s.CPU == 512 && s.Memory == 1024 &&
				s.Autoscaling.Maximum == 40 && c.Network.NAT == config.NATOne
		}},
		{"hosts that reach nothing but AWS", []string{"--compliance", "no-internet", "--public=false", "--for", "ecs-ec2",
			"--initial-image", "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1.0.0"}, func(c *config.Configuration) bool {
			endpoints, err := c.ChosenEndpoints()
			return err == nil && c.Network.TaskTier() == config.Isolated && len(endpoints) == 9 && slices.Contains(endpoints, "ssmmessages")
		}},
		{"managed instances", []string{"--for", "ecs-managed-instances"}, func(c *config.Configuration) bool {
			m, s := c.ECS.ManagedInstances, c.ECS.Services[0]
			return slices.Equal(m.InstanceTypes, []string{"c6g.large"}) && m.MinimumVCPUs == 2 && m.MaximumVCPUs == 2 && m.StorageGiB == 80 &&
				m.MinimumMemoryMiB == 4096 && m.MaximumMemoryMiB == 4096 && s.Capacity == config.CapacityManagedInstances && s.GPUs == 0
		}},
		{"managed instances that reach nothing but AWS", []string{"--compliance", "no-internet", "--public=false", "--for",
			"ecs-managed-instances", "--initial-image", "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1.0.0"},
			func(c *config.Configuration) bool {
				endpoints, err := c.ChosenEndpoints()
				return err == nil && len(endpoints) == 6
			}},
		{"GPUs on managed instances", []string{"--gpus", "1", "--task-cpu", "3072"}, func(c *config.Configuration) bool {
			m, s := c.ECS.ManagedInstances, c.ECS.Services[0]
			return slices.Equal(m.InstanceTypes, []string{"g4dn.xlarge"}) && m.MinimumVCPUs == 4 && m.MinimumMemoryMiB == 16384 && s.GPUs == 1 &&
				s.Architecture == config.X8664
		}},
		{"GPUs on hosts, half of the day", []string{"--gpus", "1", "--task-cpu", "3072", "--hours-per-day", "12.5", "--for", "ecs-ec2",
			"--start-at", "18:45", "--time-zone", "Europe/Berlin"}, func(c *config.Configuration) bool {
			h, s := c.ECS.Hosts, c.ECS.Services[0]
			want := []config.ScheduledBounds{{Cron: "45 18 * * ? *", TimeZone: "Europe/Berlin", Minimum: 2, Maximum: 2},
				{Cron: "15 7 * * ? *", TimeZone: "Europe/Berlin"}}
			return h.GPU() && h.Minimum == 0 && h.Maximum == 4 && s.GPUs == 1 && slices.Equal(s.Autoscaling.Schedule, want)
		}},
		{"GPUs on Kubernetes", []string{"--gpus", "1", "--task-cpu", "3072", "--for", "eks-ec2", "--network", "nat", "--admins",
			"arn:aws:iam::111122223333:role/platform"}, func(c *config.Configuration) bool {
			group, pool := c.EKS.Nodes[0], c.ML.Accelerators[0]
			return *group.Minimum == 2 && group.Maximum == 2 && group.InstanceTypes[0] == "c6g.large" && pool.Name == "web" &&
				slices.Equal(pool.InstanceTypes, []string{"g4dn.xlarge"}) && pool.Minimum == 2 && pool.Maximum == 3 && pool.DiskGiB == 50
		}},
		{"nodes that follow the load", []string{"--for", "eks-ec2", "--admins", "arn:aws:iam::111122223333:role/platform"},
			func(c *config.Configuration) bool {
				group := c.EKS.Nodes[0]
				return *group.Minimum == 2 && group.Maximum == 7 && c.GrowingNodes() && c.Network.NAT == config.NATOne
			}},
		{"pods that reach nothing but AWS", []string{"--compliance", "no-internet", "--public=false", "--for", "eks-fargate", "--admins",
			"arn:aws:iam::111122223333:role/platform"}, func(c *config.Configuration) bool {
			endpoints, err := c.ChosenEndpoints()
			return err == nil && c.Network.PodTier() == config.Isolated && len(endpoints) == 7
		}},
		{"nodes that reach nothing but AWS", []string{"--requests-average", "1", "--burstiness", "steady", "--compliance",
			"no-internet", "--public=false", "--for", "eks-ec2", "--admins", "arn:aws:iam::111122223333:role/platform"},
			func(c *config.Configuration) bool {
				endpoints, err := c.ChosenEndpoints()
				return err == nil && c.Network.PodTier() == config.Isolated && len(endpoints) == 8
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "web.yaml")
			_, told, err := run(with(with(plain, place...), with(test.flags, "--write", path)...)...)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(told, "Wrote "+path) {
				t.Errorf("it does not say what it wrote: %q", told)
			}
			have, err := config.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			if !test.check(have) {
				text, _ := os.ReadFile(path)
				t.Errorf("it holds:\n%s", text)
			}
		})
	}
}

func TestWhatTheStacksCannotDeployIsNotWritten(t *testing.T) {
	place := []string{"--owner", "platform", "--account", "111122223333"}
	for _, test := range []struct {
		name  string
		flags []string
		want  string
	}{
		{"a function wins", []string{"--requests-average", "0.1"}, "they run containers, and a function is code that is called: write it for " +
			"Lambda yourself, or give --for ecs-fargate, the next best"},
		{"nodes of a cluster for half a day", []string{"--hours-per-day", "12", "--for", "eks-ec2"}, "nodes of a cluster run, and cost, all day"},
		{"state", []string{"--stateful"}, "no file system"},
		{"hardware of one's own", []string{"--compliance", "single-tenant", "--for", "ecs-ec2"}, "no dedicated tenancy"},
		{"an image of one's own", []string{"--compliance", "host-control", "--for", "eks-ec2"}, "none of yours with agents"},
		{"an image from the internet in isolated subnets", []string{"--compliance", "no-internet", "--public=false", "--for",
			"ecs-fargate"}, "from isolated subnets tasks reach the registry of the account alone"},
		{"isolated nodes that follow the load", []string{"--compliance", "no-internet", "--public=false", "--for", "eks-ec2"},
			"2 to 7 nodes need the Cluster Autoscaler, whose image is not reached without a way out"},
		{"isolated nodes with GPUs", []string{"--compliance", "no-internet", "--public=false", "--gpus", "1", "--task-cpu", "3072", "--for",
			"eks-ec2"}, "nodes with GPUs pull large images"},
		{"more tasks than a service has", []string{"--requests-average", "100000", "--for", "ecs-fargate"}, "a service has at most 5000 tasks"},
		{"a time of day that is none", []string{"--start-at", "8 o'clock"}, "--start-at: want a time of day"},
		{"a time zone that is none", []string{"--hours-per-day", "12", "--time-zone", "Seoul", "--for", "ecs-fargate"}, "is no time zone"},
		{"a cluster without anyone who administers it", []string{"--for", "eks-fargate"}, "eks.admins"},
		{"nothing can run it", []string{"--task-cpu", "131072", "--stateful"}, "no platform can run the workload"},
		{"an account that is none", []string{"--account", "12"}, "account: want 12 digits"},
		{"a repository that is none", []string{"--repository", "-"}, "registry.repositories[0].name"},
		{"no owner", []string{"--owner", ""}, "--write needs --owner and --account"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "web.yaml")
			output, _, err := run(with(with(plain, place...), with(test.flags, "--write", path)...)...)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(),
				"nothing was written to "+path) {
				t.Errorf("want %q, have %v", test.want, err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Error("a file was written all the same")
			}
			if !strings.Contains(output, "requests a second") {
				t.Errorf("the advice is not shown:\n%s", output)
			}
		})
	}
}

func TestAFileThatIsThereIsKept(t *testing.T) {
	path := fileOrFail(t, "web.yaml", "mine")
	_, _, err := run(with(plain, "--write", path, "--owner", "platform", "--account", "111122223333")...)
	if content, _ := os.ReadFile(path); !errors.Is(err, os.ErrExist) || string(content) != "mine" {
		t.Errorf("have %v, and the file holds %q", err, content)
	}
}

func TestTheChartShowsEveryPlatformThatCanRunIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cost.svg")
	if _, _, err := run(with(plain, "--chart", path, "--name", "web-1")...); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if element, is := token.(xml.StartElement); is {
			count[element.Name.Local]++
		}
	}
	if count["svg"] != 1 || count["polyline"] != 6 {
		t.Errorf("have %v", count)
	}
	for _, want := range []string{"web-1 in us-east-1", ">lambda<", ">ecs-ec2<", "this load: 50",
		"US dollars a month", ">$200<", ">100<"} {
		if !strings.Contains(string(picture), want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	if strings.Contains(string(picture), "ecs-fargate-spot") || strings.Contains(string(picture), "NaN") {
		t.Error("it shows what cannot run it, or what is no number")
	}
}

func TestMarksAreRoundAndFew(t *testing.T) {
	for _, test := range []struct{ low, high float64 }{{1, 1}, {0.001, 0.002}, {3, 70}, {0.01, 1e6}, {1e-6, 1e9}} {
		a := newAxis(test.low, test.high, 0, 600)
		marks := a.marks()
		if len(marks) < 2 || len(marks) > 17 {
			t.Errorf("%v to %v: %v", test.low, test.high, marks)
		}
		for _, mark := range marks {
			if at := a.at(mark); at < -1 || at > 601 {
				t.Errorf("%v to %v: %v is at %v, beyond the axis", test.low, test.high, mark, at)
			}
		}
	}
	for value, want := range map[float64]string{0.05: "0.05", 1: "1", 20: "20", 300: "300", 1000: "1k", 50_000: "50k",
		2e6: "2M"} {
		if have := rounded(value); have != want {
			t.Errorf("%v is written %s, want %s", value, have, want)
		}
	}
}
