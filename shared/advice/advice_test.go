package advice

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sample is a plain workload that every test changes in what it is about.
func sample(change func(*Workload)) Workload {
	workload := Defaults()
	workload.Region, workload.RequestsAverage, workload.CPUMilliseconds = "us-east-1", 50, 20
	workload.DurationMilliseconds = 80
	if change != nil {
		change(&workload)
	}
	return workload
}

func TestWhatCannotRunAWorkloadSaysWhy(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Workload)
		want   map[Platform]string
	}{
		{"a GPU", func(w *Workload) { w.GPUs = 1 },
			map[Platform]string{ECSFargate: "no GPUs", ECSFargateSpot: "no GPUs", EKSFargate: "no GPUs",
				Lambda: "no GPUs",
				ECSEC2: "", ECSManagedInstances: "", EKSEC2: ""}},
		{"a job of an hour", func(w *Workload) {
			w.HTTP, w.DurationMilliseconds, w.RequestsAverage = false, 3_600_000,
				0.01
		},
			map[Platform]string{Lambda: "Lambda ends it after 900 s", ECSFargate: ""}},
		{"a job whose CPU takes longer than Lambda has", func(w *Workload) {
			w.HTTP, w.DurationMilliseconds, w.CPUMilliseconds, w.RequestsAverage = false, 600_000, 6_000_000, 0.01
		}, map[Platform]string{Lambda: "takes 1036.524 s on a function of 10240 MiB"}},
		{"a request of 12 GiB", func(w *Workload) { w.MemoryMiB, w.RequestsAverage = 12_288, 1 },
			map[Platform]string{Lambda: "at most 10240", ECSFargate: ""}},
		{"a task larger than any on Fargate", func(w *Workload) { w.TaskCPU, w.TaskMemoryMiB = 16_384, 130_000 },
			map[Platform]string{ECSFargate: "larger than Fargate's largest",
				EKSFargate: "larger than Fargate's largest", ECSEC2: ""}},
		{"a pod that its own parts make too large", func(w *Workload) { w.TaskCPU, w.TaskMemoryMiB = 16_384, 122_880 },
			map[Platform]string{ECSFargate: "", EKSFargate: "123136 MiB is larger"}},
		{"a task larger than any host", func(w *Workload) { w.TaskMemoryMiB = 1_048_576 },
			map[Platform]string{ECSEC2: "no host type", EKSEC2: "no host type", ECSManagedInstances: "no host type"}},
		{"an image for Arm alone", func(w *Workload) { w.Architecture = ARM64 },
			map[Platform]string{EKSFargate: "no Arm", ECSFargate: ""}},
		{"files that must stay", func(w *Workload) { w.Stateful, w.Interruptible = true, true },
			map[Platform]string{Lambda: "replaced at any time", ECSFargateSpot: "sooner or later", EKSEC2: ""}},
		{"work that may not be interrupted", nil, map[Platform]string{ECSFargateSpot: "two minutes' notice"}},
		{"work that may be interrupted", func(w *Workload) { w.Interruptible = true },
			map[Platform]string{ECSFargateSpot: ""}},
		{"hardware of one's own", func(w *Workload) { w.Compliance = []Compliance{SingleTenant} },
			map[Platform]string{ECSFargate: "one account alone", ECSManagedInstances: "tenancy",
				Lambda: "one account alone", ECSEC2: ""}},
		{"agents on the host", func(w *Workload) { w.Compliance = []Compliance{HostControl} },
			map[Platform]string{EKSFargate: "agent", ECSManagedInstances: "lets nobody in", Lambda: "agent", EKSEC2: ""}},
		{"public subnets", func(w *Workload) { w.Network = PublicSubnets },
			map[Platform]string{EKSFargate: "private subnets only", ECSEC2: "no public address", ECSFargate: "",
				EKSEC2: "private subnets"}},
		{"a response of 7 MB", func(w *Workload) { w.ResponseKB, w.RequestsAverage = 7000, 1 },
			map[Platform]string{Lambda: "6 MB"}},
		{"a response of 2 MB after 40 s", func(w *Workload) {
			w.ResponseKB, w.DurationMilliseconds, w.RequestsAverage = 2000, 40_000, 1
		}, map[Platform]string{Lambda: "nothing in front of a function"}},
		{"nobody knows Kubernetes, which is no reason", func(w *Workload) { w.KubernetesSkill = 0 },
			map[Platform]string{EKSEC2: "", EKSFargate: ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			advised := adviseOrFail(t, sample(test.change))
			for platform, want := range test.want {
				have := strings.Join(advised.of(platform).Disqualifiers, "; ")
				if want == "" && have != "" || !strings.Contains(have, want) {
					t.Errorf("%s: want %q, have %q", platform, want, have)
				}
				if ranked := advised.of(platform).Rank > 0; ranked != (have == "") {
					t.Errorf("%s is ranked: %t, and disqualified by %q", platform, ranked, have)
				}
			}
		})
	}
}

func TestLambdaIsRankedOnlyWhereItIsTheCheapest(t *testing.T) {
	rare := adviseOrFail(t, sample(func(w *Workload) { w.RequestsAverage = 0.1 }))
	if winner := rare.Winner(); winner.Platform != Lambda {
		t.Errorf("%s wins at one request in ten seconds", winner.Platform)
	}
	busy := adviseOrFail(t, sample(func(w *Workload) { w.RequestsAverage = 2000 }))
	if why := strings.Join(busy.of(Lambda).Disqualifiers, ""); !strings.Contains(why, "only where it is the cheapest") {
		t.Errorf("at 2000 a second Lambda is out because %q", why)
	}
}

func TestScoresMoveWithTheWorkload(t *testing.T) {
	engineering := func(s *Scores) int { return s.Engineering.Points }
	tests := []struct {
		name         string
		platform     Platform
		view         func(*Scores) int
		worse, other func(*Workload)
	}{
		{"no skill in Kubernetes is worse for EKS than some", EKSEC2, engineering,
			func(w *Workload) { w.KubernetesSkill = 0 }, func(w *Workload) { w.KubernetesSkill = 1 }},
		{"some skill is worse than much", EKSFargate, engineering,
			func(w *Workload) { w.KubernetesSkill = 1 }, func(w *Workload) { w.KubernetesSkill = 3 }},
		{"ECS is worse where the same must run elsewhere", ECSFargate, engineering,
			func(w *Workload) { w.Hybrid = true }, nil},
		{"EKS is better where the same must run elsewhere", EKSEC2, engineering,
			nil, func(w *Workload) { w.Hybrid = true }},
		{"spikes are worse for hosts", ECSEC2, func(s *Scores) int { return s.Scalability.Points },
			func(w *Workload) { w.Burstiness = Spiky }, nil},
		{"one task is worse than two", ECSFargate, func(s *Scores) int { return s.Reliability.Points },
			func(w *Workload) { w.MinimumTasks = 1 }, nil},
		{"state is worse on EFS", ECSFargate, func(s *Scores) int { return s.Reliability.Points },
			func(w *Workload) { w.Stateful = true }, nil},
		{"state is better on EKS nodes", EKSEC2, func(s *Scores) int { return s.Reliability.Points },
			nil, func(w *Workload) { w.Stateful = true }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			worse := test.view(adviseOrFail(t, sample(test.worse)).of(test.platform).Scores)
			better := test.view(adviseOrFail(t, sample(test.other)).of(test.platform).Scores)
			if worse >= better {
				t.Errorf("%d is not below %d", worse, better)
			}
		})
	}
}

func TestWeightsDecide(t *testing.T) {
	kubernetes := adviseOrFail(t, sample(func(w *Workload) {
		w.KubernetesSkill, w.Hybrid, w.Weights = 3, true, Weights{Engineering: 100}
	}))
	if winner := kubernetes.Winner().Platform; winner != EKSFargate {
		t.Errorf("%s wins for a team that lives in Kubernetes and looks at its own work alone", winner)
	}
	frugal := adviseOrFail(t, sample(func(w *Workload) { w.Weights = Weights{Cost: 100} }))
	for _, candidate := range frugal.Candidates {
		if candidate.Rank > 1 && candidate.Estimate.Total < frugal.Winner().Estimate.Total {
			t.Errorf("%s costs less than the winner by cost", candidate.Platform)
		}
	}
}

func TestEC2WinsAboveSomeTasks(t *testing.T) {
	workload := sample(nil)
	advised := adviseOrFail(t, workload)
	index := slices.IndexFunc(advised.BreakEvens,
		func(b BreakEven) bool { return b.Above == ECSEC2 && b.Below == ECSFargate })
	if index < 0 {
		t.Fatalf("there is no such point among %+v", advised.BreakEvens)
	}
	point := advised.BreakEvens[index]
	if !strings.HasPrefix(point.Words, "ecs-ec2 wins over ecs-fargate above 155 tasks (") {
		t.Errorf("it says %q", point.Words)
	}
	e, err := newEstimator(workload, embeddedOrFail(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, factor := range []float64{1, 2, 8} {
		if load := point.RequestsAverage * factor / e.RequestsAverage; e.cost(ECSEC2, load) >= e.cost(ECSFargate, load) {
			t.Errorf("at %v times the point EC2 is not cheaper", factor)
		}
	}
	if load := point.RequestsAverage * 0.998 / e.RequestsAverage; e.cost(ECSEC2, load) < e.cost(ECSFargate, load) {
		t.Error("EC2 is cheaper below the point already")
	}
}

func TestEveryWayOutIsHeldAgainstTheOthers(t *testing.T) {
	// Case 1 of the document without its addresses costs 257.43. NAT is 32.85 + 3.41 for 75.7 GB + 3.65; three endpoints
	// in two zones are 43.80 + 0.76.
	want := []WayOut{{PublicSubnets, 275_68}, {NATGateways, 297_34}, {InterfaceEndpoints, 301_99}}
	if difference := cmp.Diff(want, adviseOrFail(t, sample(nil)).of(ECSFargate).Estimate.WaysOut); difference != "" {
		t.Errorf("-by hand +have:\n%s", difference)
	}
	closed := adviseOrFail(t, sample(func(w *Workload) { w.InternetGB, w.Compliance = 5, []Compliance{PrivateNetwork} }))
	if ways := closed.of(ECSEC2).Estimate.WaysOut; len(ways) != 1 || ways[0].Network != NATGateways {
		t.Errorf("NAT alone is allowed, have %v", ways)
	}
}

func TestEndsOfServiceAreWarnedOf(t *testing.T) {
	words := func(now time.Time, change func(*Workload)) string {
		advised, err := Advise(sample(change), embeddedOrFail(t), now)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, warning := range advised.Warnings {
			all = append(all, warning.Words)
		}
		return strings.Join(all, "\n")
	}
	blockchain := func(w *Workload) { w.Uses = []string{"managed-blockchain"} }
	arm := func(w *Workload) { w.GPUs, w.Compliance = 0, nil }
	for _, test := range []struct {
		name, want string
		now        time.Time
		change     func(*Workload)
	}{
		{"a service that was closed and will end",
			"was closed to new customers on 29 October 2026 and ends on 29 September 2027, in 310 days",
			today, blockchain},
		{"a service that will be closed", "closes to new customers on 29 October 2026", today.AddDate(0, -2, 0),
			blockchain},
		{"the day of its end", "ends on 29 September 2027, in 0 days", day(2027, time.September, 29).Add(time.Hour),
			blockchain},
		{"a service that has ended", "ended on 29 September 2027", day(2027, time.October, 1), blockchain},
		{"an image of nodes that has ended", "Amazon Linux 2 AMIs for EKS nodes ended on 26 November 2025", today, arm},
	} {
		t.Run(test.name, func(t *testing.T) {
			if have := words(test.now, test.change); !strings.Contains(have, test.want) {
				t.Errorf("want %q in:\n%s", test.want, have)
			}
		})
	}
	if have := words(today, nil); strings.Contains(have, "Blockchain") {
		t.Errorf("what nobody uses is warned of:\n%s", have)
	}
}

func TestOldAndUnverifiedPricesAreWarnedOf(t *testing.T) {
	warnings := func(change func(*Workload), prices Prices, now time.Time) string {
		advised, err := Advise(sample(change), prices, now)
		if err != nil {
			t.Fatal(err)
		}
		var about []string
		for _, warning := range advised.Warnings {
			if warning.About == "prices" {
				about = append(about, warning.Words)
			}
		}
		return strings.Join(about, "\n")
	}
	tenant := func(w *Workload) { w.Region, w.Compliance = "eu-central-1", []Compliance{SingleTenant} }
	have := warnings(tenant, embeddedOrFail(t), today)
	for _, want := range []string{"older than 180 days, the oldest (dedicated.region) is of 2025-06-01", "--prices",
		"verifies dedicated.region;"} {
		if !strings.Contains(have, want) {
			t.Errorf("want %q in:\n%s", want, have)
		}
	}
	if have := warnings(nil, embeddedOrFail(t), today); have != "" {
		t.Errorf("prices of this year's second half are warned of:\n%s", have)
	}
	var fresh []PriceRow
	for _, row := range embeddedOrFail(t).rows {
		row.Date, row.Note = "2026-06-01", ""
		fresh = append(fresh, row)
	}
	if have := warnings(nil, embeddedOrFail(t).With(fresh), today); have != "" {
		t.Errorf("prices of 174 days are warned of:\n%s", have)
	}
	if have := warnings(nil, embeddedOrFail(t).With(fresh), today.AddDate(0, 0, 7)); !strings.Contains(have, "older than") {
		t.Errorf("prices of 181 days are not warned of: %q", have)
	}
}

func TestARegionWithoutPricesNamesThoseThatHave(t *testing.T) {
	_, err := Advise(sample(func(w *Workload) { w.Region = "sa-east-1" }), embeddedOrFail(t), today)
	if err == nil || !strings.Contains(err.Error(), "region: want one of ap-northeast-2, eu-central-1, us-east-1") ||
		!strings.Contains(err.Error(), "alb.hour") {
		t.Errorf("have %v", err)
	}
}

func TestNothingCanRunAnImpossibleWorkload(t *testing.T) {
	advised := adviseOrFail(t, sample(func(w *Workload) { w.TaskCPU, w.Stateful = 131_072, true }))
	if advised.Winner() != nil || len(advised.BreakEvens) > 0 {
		t.Errorf("%s wins, with break-evens %v", advised.Winner().Platform, advised.BreakEvens)
	}
}

// anyWorkload draws workloads of all kinds; many are refused for what their fields are together.
func anyWorkload(t *rapid.T) Workload {
	w := Defaults()
	pick := func(name string, values ...string) string { return rapid.SampledFrom(values).Draw(t, name) }
	exponent := func(name string, low, high float64) float64 {
		return pow10(rapid.Float64Range(low, high).Draw(t, name))
	}
	w.Region = pick("region", "us-east-1", "eu-central-1", "ap-northeast-2")
	w.RequestsAverage = exponent("average", -4, 3)
	w.Burstiness = Burstiness(pick("burstiness", "steady", "variable", "spiky"))
	w.CPUMilliseconds = exponent("cpu", -1, 4)
	w.DurationMilliseconds = exponent("duration", 0, 6)
	w.MemoryMiB = exponent("memory", -1, 3.5)
	w.ResponseKB = exponent("response", -1, 4)
	w.HTTP = rapid.Bool().Draw(t, "http")
	w.Public = rapid.Bool().Draw(t, "public")
	w.MinimumTasks = rapid.IntRange(1, 4).Draw(t, "minimum")
	w.GPUs = rapid.SampledFrom([]int{0, 0, 0, 1, 4}).Draw(t, "gpus")
	w.HoursPerDay = rapid.SampledFrom([]float64{1, 8, 24}).Draw(t, "hours")
	w.Stateful = rapid.Bool().Draw(t, "stateful")
	w.Interruptible = rapid.Bool().Draw(t, "interruptible")
	w.Architecture = Architecture(pick("architecture", "any", "arm64", "x86_64"))
	w.Availability = Availability(pick("availability", "standard", "high"))
	w.Network = Network(pick("network", "auto", "auto", "public", "nat", "endpoints"))
	w.KubernetesSkill = rapid.IntRange(0, 3).Draw(t, "skill")
	w.Compliance = rapid.SampledFrom([][]Compliance{nil, nil, {PrivateNetwork}, {NoInternet}, {SingleTenant,
		HostControl}}).
		Draw(t, "compliance")
	if w.Validate() != nil {
		t.Skip("the fields do not go together")
	}
	return w
}

func pow10(exponent float64) float64 {
	value := 1.0
	for ; exponent >= 1; exponent-- {
		value *= 10
	}
	for ; exponent <= -1; exponent++ {
		value /= 10
	}
	return value * (1 + exponent)
}

func TestCostNeverFallsWhenTheLoadRises(t *testing.T) {
	prices := embeddedOrFail(t)
	rapid.Check(t, func(t *rapid.T) {
		e, err := newEstimator(anyWorkload(t), prices)
		if err != nil {
			t.Fatal(err)
		}
		// The walk starts where some tasks are busy, since below that the smallest number of tasks hides everything.
		factor := float64(rapid.IntRange(1, 100).Draw(t, "busy tasks")) * e.throughput() / e.RequestsAverage
		step := 1 + 1/float64(rapid.IntRange(2, 60).Draw(t, "steps to double"))
		before := map[Platform]Amount{}
		for range 16 {
			if e.scaled(factor).Validate() != nil {
				break
			}
			for _, platform := range Platforms {
				if len(e.disqualifiers(platform)) > 0 {
					continue
				}
				cost := e.cost(platform, factor)
				if cost < before[platform] {
					t.Fatalf("%s costs %s at %v times the load, and %s just below", platform, cost, factor, before[platform])
				}
				before[platform] = cost
			}
			factor *= step
		}
	})
}

func TestQuantitiesFollowTheRules(t *testing.T) {
	jobs := func(w *Workload) { w.HTTP = false }
	tests := []struct {
		name     string
		platform Platform
		change   func(*Workload)
		// what begins the line, and quantity is its quantity; empty for a line that must not be there.
		what, quantity string
	}{
		{"what tasks exchange with the internet passes NAT", ECSEC2, func(w *Workload) { w.InternetGB = 100 },
			"data through NAT", "175.7"},
		{"it does not pass endpoints", ECSFargate, func(w *Workload) { w.Network = InterfaceEndpoints },
			"data through endpoints", "75.7"},
		{"public addresses process no data", ECSFargate, func(w *Workload) { w.InternetGB = 100 }, "data through", ""},
		{"high availability has a NAT gateway in each zone", ECSEC2,
			func(w *Workload) { w.Availability, w.Network = HighAvailability, NATGateways }, "NAT gateways: 3", "2190"},
		{"six endpoints in two zones under managed instances", ECSManagedInstances,
			func(w *Workload) { w.Network = InterfaceEndpoints }, "6 interface endpoints in 2 zones", "8760"},
		{"a private load balancer has no public address", ECSFargate, func(w *Workload) { w.Public = false }, "load balancer, an", ""},
		{"its answers do not go to the internet", ECSFargate, func(w *Workload) { w.Public = false }, "responses", ""},
		{"jobs have no load balancer", ECSFargate, jobs, "Application Load Balancer", ""},
		{"jobs of functions have nothing in front", Lambda, jobs, "HTTP API", ""},
		{"a rare function has an HTTP API", Lambda, func(w *Workload) { w.RequestsAverage = 0.1 }, "HTTP API", "262800"},
		{"a busy one has a load balancer, by GB for functions", Lambda, nil, "4.5 capacity units", "3285"},
		{"dedicated instances cost a fee", ECSEC2, func(w *Workload) { w.Compliance = []Compliance{SingleTenant} },
			"dedicated instances", "730"},
		{"the fee is for the running hours", EKSEC2,
			func(w *Workload) { w.Compliance, w.HoursPerDay = []Compliance{SingleTenant}, 6 }, "dedicated instances", "182.5"},
		{"the control plane runs all day", EKSEC2, func(w *Workload) { w.HoursPerDay = 6 }, "EKS cluster", "730"},
		{"managed instances cost a fee on the host", ECSManagedInstances, nil, "management of c6g.large", "1703.3333"},
		{"state is on EBS under nodes of EKS", EKSEC2, func(w *Workload) { w.Stateful, w.StateGB = true, 50 }, "EBS volumes", "50"},
		{"state is on EFS elsewhere", ECSEC2, func(w *Workload) { w.Stateful, w.StateGB = true, 50 }, "EFS file system", "50"},
		{"nine endpoints under hosts that Session Manager gets in to", ECSEC2,
			func(w *Workload) { w.Network = InterfaceEndpoints }, "9 interface endpoints in 2 zones", "13140"},
		{"a cluster's own pods have nodes beside those with GPUs", EKSEC2,
			func(w *Workload) { w.GPUs, w.TaskCPU, w.HoursPerDay = 1, 3072, 12 }, "hours of c6g.large for the cluster's own pods", "1460"},
		{"nodes with GPUs have larger disks", EKSEC2,
			func(w *Workload) { w.GPUs, w.TaskCPU, w.Burstiness, w.MinimumTasks = 1, 3072, Steady, 2 }, "root volumes of 50 GB", "100"},
		{"nodes without GPUs need none beside them", EKSEC2, nil, "hours of c6g.large for", ""},
		// (1024 × 0.9 - 128) / 100 is 7 at once: 50 take 8 tasks, 150 take 22, and 5/6 × 8 + 1/6 × 22 run on average.
		{"memory may ask for more tasks than CPU", ECSFargate,
			func(w *Workload) { w.MemoryMiB, w.DurationMilliseconds, w.TaskMemoryMiB = 100, 1000, 1024 },
			"7543.3333 task-hours × 1 GB", "7543.3333"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lines := adviseOrFail(t, sample(test.change)).of(test.platform).Estimate.Lines
			index := slices.IndexFunc(lines, func(line Line) bool { return strings.HasPrefix(line.What, test.what) })
			switch {
			case test.quantity == "" && index >= 0:
				t.Errorf("there is %+v", lines[index])
			case test.quantity != "" && (index < 0 || lines[index].Quantity.String() != test.quantity):
				t.Errorf("want %q of %s in %+v", test.what, test.quantity, lines)
			}
		})
	}
}

func TestAdviceIsTheSameEachTimeAndItsJSONGoesThereAndBack(t *testing.T) {
	prices := embeddedOrFail(t)
	rapid.Check(t, func(t *rapid.T) {
		workload := anyWorkload(t)
		first, err := Advise(workload, prices, today)
		if err != nil {
			t.Fatal(err)
		}
		second, err := Advise(workload, prices, today)
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(first, second); difference != "" {
			t.Fatalf("asked twice:\n%s", difference)
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		var back Advice
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(first, &back); difference != "" {
			t.Fatalf("there and back:\n%s", difference)
		}
		checkThatItAddsUp(t, first, prices)
	})
}

// checkThatItAddsUp holds every line against its prices, totals against lines, scores against reasons, and the ranking
// against scores.
func checkThatItAddsUp(t *rapid.T, advised *Advice, prices Prices) {
	for i, candidate := range advised.Candidates {
		if candidate.Rank > 0 && (candidate.Rank != i+1 || candidate.Score > advised.Candidates[max(i-1, 0)].Score) {
			t.Fatalf("%s has rank %d at place %d", candidate.Platform, candidate.Rank, i+1)
		}
		if candidate.Scores != nil {
			for _, score := range []Score{candidate.Scores.Cost, candidate.Scores.Scalability,
				candidate.Scores.Reliability,
				candidate.Scores.Engineering} {
				sum := 0
				for _, reason := range score.Reasons {
					sum += reason.Points
				}
				if score.Points != min(max(sum, 0), 100) {
					t.Fatalf("%s: %d points from %+v", candidate.Platform, score.Points, score.Reasons)
				}
			}
		}
		if candidate.Estimate == nil {
			continue
		}
		var total Amount
		for _, line := range candidate.Estimate.Lines {
			total += line.Amount
			row, found := prices.find(advised.Workload.Region, line.PriceIDs[0])
			price := row.Price
			if len(line.PriceIDs) > 1 {
				share, _ := prices.find(advised.Workload.Region, line.PriceIDs[1])
				price = price.share(share.Price)
			}
			if !found || price != line.UnitPrice || line.Quantity.Times(price) != line.Amount {
				t.Fatalf("%s: %+v is not its quantity × %s", candidate.Platform, line, price)
			}
		}
		if total != candidate.Estimate.Total {
			t.Fatalf("%s: the lines are %s, the total %s", candidate.Platform, total, candidate.Estimate.Total)
		}
	}
}
