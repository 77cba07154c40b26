package advice

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProblemsNameTheFieldAndTheRange(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Workload)
		want   string
	}{
		{"no region", func(w *Workload) { w.Region = "" }, "region: required"},
		{"a name with a space", func(w *Workload) { w.Name = "a b" }, "name: want 1 to 100 letters"},
		{"no load", func(w *Workload) { w.RequestsAverage = 0 }, "requestsAverage: want 0.000001 to 100000, have 0"},
		{"a negative load", func(w *Workload) { w.RequestsAverage = -1 },
			"requestsAverage: want 0.000001 to 100000, have -1"},
		{"a load that is no number", func(w *Workload) { w.RequestsAverage = math.NaN() }, "requestsAverage: want"},
		{"an infinite duration", func(w *Workload) { w.DurationMilliseconds = math.Inf(1) },
			"durationMilliseconds: want 0.01 to 86400000, have +Inf"},
		{"a peak below the average", func(w *Workload) { w.RequestsPeak = 10 },
			"requestsPeak: want 50 to 1000000, have 10"},
		{"no CPU", func(w *Workload) { w.CPUMilliseconds = 0 }, "cpuMilliseconds: want 0.01 to 86400000, have 0"},
		{"a task that is too small", func(w *Workload) { w.TaskCPU = 128 }, "taskCPU: want 256 to 131072, have 128"},
		{"a task that holds no request", func(w *Workload) { w.TaskMemoryMiB, w.MemoryMiB = 256, 1000 },
			"taskMemoryMiB: want 1254 to 1048576"},
		{"no task", func(w *Workload) { w.MinimumTasks = 0 }, "minimumTasks: want 1 to 1000, have 0"},
		{"too many GPUs", func(w *Workload) { w.GPUs = 9 }, "gpus: want 0 to 4, have 9"},
		{"a GPU on Arm", func(w *Workload) { w.GPUs, w.Architecture = 1, ARM64 }, "architecture: want x86_64 or any"},
		{"a day of 25 hours", func(w *Workload) { w.HoursPerDay = 25 }, "hoursPerDay: want 0.25 to 24, have 25"},
		{"skill beyond all", func(w *Workload) { w.KubernetesSkill = 4 }, "kubernetesSkill: want 0 to 3, have 4"},
		{"a burstiness that is none", func(w *Workload) { w.Burstiness = "wild" },
			`burstiness: want steady, variable or spiky, have "wild"`},
		{"an unknown rule", func(w *Workload) { w.Compliance = []Compliance{"iso"} },
			`compliance[0]: want private-network, no-internet`},
		{"a rule twice", func(w *Workload) { w.Compliance = []Compliance{NoInternet, NoInternet} },
			`compliance[1]: "no-internet" is given twice`},
		{"an unknown use", func(w *Workload) { w.Uses = []string{"cobol"} }, "uses[0]: want managed-blockchain, eks-al2"},
		{"no weight", func(w *Workload) { w.Weights = Weights{} }, "weights: want at least one above 0"},
		{"a negative weight", func(w *Workload) { w.Weights.Cost = -5 }, "weights.cost: want 0 to 100, have -5"},
		{"more than all vCPUs", func(w *Workload) { w.RequestsAverage, w.CPUMilliseconds = 100_000, 1000 },
			"requestsPeak: with cpuMilliseconds 1000 want at most 100000, have 300000"},
		{"more at once than is looked at", func(w *Workload) {
			w.RequestsPeak, w.DurationMilliseconds = 1000,
				10_000_000
		},
			"requestsPeak: with durationMilliseconds 10000000 want at most 100, have 1000"},
		{"state that is not kept", func(w *Workload) { w.StateGB = 5 },
			"stateGB: want 0 where stateful is false, have 5"},
		{"the internet without a way", func(w *Workload) {
			w.InternetGB, w.Public, w.Compliance = 5, false,
				[]Compliance{NoInternet}
		},
			"internetGB: want 0 with compliance no-internet, have 5"},
		{"the internet by endpoints", func(w *Workload) { w.InternetGB, w.Network = 5, InterfaceEndpoints },
			"internetGB: want 0 with network endpoints"},
		{"public subnets in private", func(w *Workload) {
			w.Network, w.Compliance = PublicSubnets,
				[]Compliance{PrivateNetwork}
		}, "network: want nat, endpoints or auto"},
		{"NAT without the internet", func(w *Workload) {
			w.Network, w.Public, w.Compliance = NATGateways, false,
				[]Compliance{NoInternet}
		}, "network: want endpoints or auto"},
		{"the public without the internet", func(w *Workload) { w.Compliance = []Compliance{NoInternet} },
			"public: want false"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := sample(test.change).Validate()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, have %v", test.want, err)
			}
			if _, advised := Advise(sample(test.change), embeddedOrFail(t), today); advised == nil {
				t.Error("it is advised on all the same")
			}
		})
	}
}

func TestEveryProblemIsToldAtOnce(t *testing.T) {
	err := sample(func(w *Workload) { w.Region, w.GPUs, w.Burstiness = "", -1, "" }).Validate()
	for _, want := range []string{"region", "gpus", "burstiness"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in: %v", want, err)
		}
	}
}

func TestDocumentsAreReadStrictly(t *testing.T) {
	tests := []struct{ name, document, want string }{
		{"a field that does not exist", "region: us-east-1\nrequests: 5\n", "requests"},
		{"a field of weights that does not exist", "weights: {price: 5}\n", "price"},
		{"a field given twice", "region: a\nregion: b\n", "region"},
		{"a word where a number is due", "gpus: many\n", "many"},
		{"a fraction where a count is due", "gpus: 1.5\n", "1.5"},
		{"a second document", "region: a\n---\nregion: b\n", "document"},
		{"nothing", " \n", "empty"},
		{"a book", strings.Repeat("#", MaximumSize+1), "larger than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			workload := Defaults()
			if err := workload.Merge([]byte(test.document)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, have %v", test.want, err)
			}
		})
	}
}

func TestAbsentFieldsStayAsTheyAre(t *testing.T) {
	workload := workloadOrFail(t, `{"region": "us-east-1", "public": false, "weights": {"cost": 90}}`)
	want := Defaults()
	want.Region, want.Public, want.Weights.Cost = "us-east-1", false, 90
	if difference := cmp.Diff(want, workload); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
}

func TestTheJSONOfAWorkloadIsADocumentOfIt(t *testing.T) {
	want := sample(func(w *Workload) {
		w.Compliance, w.Uses = []Compliance{PrivateNetwork},
			[]string{"eks-al2"}
	}).complete()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(want, workloadOrFail(t, string(text))); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
}

func TestFargateSizes(t *testing.T) {
	for _, test := range []struct {
		cpu, memory, wantCPU, wantMemory int
		found                            bool
	}{
		{256, 400, 256, 512, true}, {256, 1025, 256, 2048, true}, {256, 2049, 512, 3072, true}, {300, 100, 512, 1024,
			true},
		{1024, 9000, 2048, 9216, true}, {8192, 17_000, 8192, 20_480, true}, {16_384, 122_880, 16_384, 122_880, true},
		{16_384, 122_881, 0, 0, false}, {16_385, 512, 0, 0, false},
	} {
		cpu, memory, found := fargateTask(test.cpu, test.memory)
		if cpu != test.wantCPU || memory != test.wantMemory || found != test.found {
			t.Errorf("%d CPU and %d MiB: have %d, %d, %t", test.cpu, test.memory, cpu, memory, found)
		}
	}
}

func TestMoneyIsExact(t *testing.T) {
	tests := []struct {
		quantity float64
		price    string
		want     string
	}{
		{730, "0.0225", "16.43"}, {730, "0.005", "3.65"}, {0.5, "0.01", "0.01"}, {0.4999, "0.01", "0.00"},
		{90850.78125, "0.0000133334", "1.21"}, {1e12, "0.0000002", "200000.00"}, {9e14, "10", "9000000000000000.00"},
	}
	for _, test := range tests {
		price, err := parseDecimal(test.price, pricePlaces)
		if err != nil {
			t.Fatal(err)
		}
		if have := quantityOf(test.quantity).Times(Price(price)).String(); have != test.want {
			t.Errorf("%v × %s = %s, want %s", test.quantity, test.price, have, test.want)
		}
	}
	if have := Quantity(math.MaxInt64).Times(math.MaxInt64); have != math.MaxInt64 {
		t.Errorf("what is too large becomes %d", have)
	}
}

func TestDecimalsAreReadStrictly(t *testing.T) {
	for _, text := range []string{"", ".5", "-1", "1e3", "0.00000000001", "1.2.3", "99999999999", "x"} {
		var price Price
		if err := json.Unmarshal([]byte(`"`+text+`"`), &price); err == nil {
			t.Errorf("%q is read as %s", text, price)
		}
	}
}
