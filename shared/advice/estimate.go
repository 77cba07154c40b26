package advice

import (
	"fmt"
	"math"
	"slices"
)

// Kind groups the lines of an estimate.
type Kind string

// The kinds of lines.
const (
	Compute      Kind = "compute"
	ControlPlane Kind = "control plane"
	Networking   Kind = "network"
	LoadBalancer Kind = "load balancer"
	PublicIPv4   Kind = "public IPv4"
	Storage      Kind = "storage"
	Data         Kind = "data"
)

// Line is one line of a monthly estimate: Quantity × UnitPrice = Amount, rounded to the cent.
type Line struct {
	Kind Kind `json:"kind"`
	// What says what is paid for, and how the quantity comes about.
	What      string   `json:"what"`
	Quantity  Quantity `json:"quantity"`
	Unit      string   `json:"unit"`
	UnitPrice Price    `json:"unitPrice"`
	Amount    Amount   `json:"amount"`
	// PriceIDs are the prices that UnitPrice comes from: one, or two where the second is a share of the first.
	PriceIDs []string `json:"priceIds"`
}

// Estimate is what a platform runs for the workload and what that costs a month.
type Estimate struct {
	Architecture Architecture `json:"architecture"`
	Network      Network      `json:"network"`
	// HostType is the EC2 instance type, with HostVCPUs and HostMemoryMiB, TasksPerHost how many tasks one holds; empty
	// without hosts. HostsUsual run most of the time, HostsPeak at the peak.
	HostType      string `json:"hostType,omitempty"`
	HostVCPUs     int    `json:"hostVCPUs,omitempty"`
	HostMemoryMiB int    `json:"hostMemoryMiB,omitempty"`
	TasksPerHost  int    `json:"tasksPerHost,omitempty"`
	HostsUsual    int    `json:"hostsUsual,omitempty"`
	HostsPeak     int    `json:"hostsPeak,omitempty"`
	// TaskCPU is in 1/1024 vCPU, or 0 for a function. TaskMemoryMiB is the memory of a task or function.
	TaskCPU       int `json:"taskCPU,omitempty"`
	TaskMemoryMiB int `json:"taskMemoryMiB"`
	// TasksUsual run most of the time, TasksPeak at the peak; for a function, executions at once.
	TasksUsual int    `json:"tasksUsual"`
	TasksPeak  int    `json:"tasksPeak"`
	Lines      []Line `json:"lines"`
	// WaysOut are the ways out of the VPC that are allowed, Network among them, each with the least that the platform
	// costs with it.
	WaysOut []WayOut `json:"waysOut"`
	// Total is the sum of the lines.
	Total Amount `json:"total"`
}

// WayOut is what a platform costs a month with a way out of the VPC.
type WayOut struct {
	Network Network `json:"network"`
	Total   Amount  `json:"total"`
}

// bill sums lines up at the prices of a region.
type bill struct {
	prices Prices
	region string
	// itemized keeps the lines too; most bills are only compared.
	itemized bool
	lines    []Line
	total    Amount
}

// text is put into words only where a line is kept.
type text struct {
	format    string
	arguments []any
}

func words(format string, arguments ...any) text { return text{format, arguments} }

// add appends a line at the price with the ID, times the share with the ID of a second one. What is not used is no line.
func (b *bill) add(kind Kind, what text, quantity float64, ids ...string) {
	amount := quantityOf(quantity)
	if amount == 0 {
		return
	}
	row, _ := b.prices.find(b.region, ids[0])
	price := row.Price
	if len(ids) > 1 {
		share, _ := b.prices.find(b.region, ids[1])
		price = price.share(share.Price)
	}
	cost := amount.Times(price)
	if b.total += cost; b.total < 0 {
		b.total = math.MaxInt64
	}
	if b.itemized {
		b.lines = append(b.lines, Line{Kind: kind, What: fmt.Sprintf(what.format, what.arguments...), Quantity: amount,
			Unit: row.Unit, UnitPrice: price, Amount: cost, PriceIDs: ids})
	}
}

// estimator estimates a workload that is complete, in a region that has every price.
type estimator struct {
	Workload
	prices Prices
}

// estimate is the cheapest way to run the workload on the platform, or nil where there is none. It has lines only where
// they are asked for.
func (e estimator) estimate(platform Platform, itemized bool) *Estimate {
	var best *Estimate
	var bestLines []func(*bill)
	var ways []WayOut
	consider := func(found Estimate, lines ...func(*bill)) {
		found.Total = e.sum(lines, false).total
		if itemized {
			ways = cheapestWays(ways, WayOut{found.Network, found.Total})
		}
		if best == nil || found.Total < best.Total {
			best, bestLines = &found, lines
		}
	}
	switch {
	case platform == Lambda:
		e.considerLambda(consider)
	case platform.hosts():
		e.considerHosts(platform, consider)
	default:
		e.considerFargate(platform, consider)
	}
	if best != nil && itemized {
		best.Lines, best.WaysOut = e.sum(bestLines, true).lines, ways
	}
	return best
}

// cheapestWays keeps the least total of each way out.
func cheapestWays(ways []WayOut, found WayOut) []WayOut {
	index := slices.IndexFunc(ways, func(way WayOut) bool { return way.Network == found.Network })
	if index < 0 {
		return append(ways, found)
	}
	ways[index].Total = min(ways[index].Total, found.Total)
	return ways
}

func (e estimator) sum(lines []func(*bill), itemized bool) *bill {
	b := &bill{prices: e.prices, region: e.Region, itemized: itemized}
	for _, line := range lines {
		line(b)
	}
	return b
}

type consider = func(Estimate, ...func(*bill))

func (e estimator) considerFargate(platform Platform, consider consider) {
	memory := e.TaskMemoryMiB
	if platform == EKSFargate {
		memory += eksFargateOverhead
	}
	cpu, memory, found := fargateTask(e.TaskCPU, memory)
	if !found {
		return
	}
	need := e.demand(platform)
	taskHours := need.average(need.standing, need.peak) * e.hours()
	for _, architecture := range e.architectures(platform) {
		for _, network := range e.networks(platform) {
			consider(Estimate{Architecture: architecture, Network: network, TaskCPU: cpu, TaskMemoryMiB: memory,
				TasksUsual: need.standing, TasksPeak: need.peak},
				func(b *bill) { e.addFargate(b, platform, architecture, cpu, memory, taskHours) },
				func(b *bill) { e.addPlatform(b, platform, network, taskHours, "task") })
		}
	}
}

// eksFargateOverhead is what EKS adds to a pod's memory for its own parts, in MiB
// (docs.aws.amazon.com/eks/latest/userguide/fargate-pod-configuration.html).
const eksFargateOverhead = 256

func (e estimator) addFargate(b *bill, platform Platform, on Architecture, cpu, memory int, taskHours float64) {
	cpuIDs, memoryIDs := []string{fargateCPU(on)}, []string{fargateMemory(on)}
	if platform == ECSFargateSpot {
		cpuIDs, memoryIDs = append(cpuIDs, idSpotShare), append(memoryIDs, idSpotShare)
	}
	b.add(Compute, words("%s task-hours × %s vCPU", quantityOf(taskHours), number(float64(cpu)/1024)),
		taskHours*float64(cpu)/1024, cpuIDs...)
	b.add(Compute, words("%s task-hours × %s GB", quantityOf(taskHours), number(float64(memory)/1024)),
		taskHours*float64(memory)/1024, memoryIDs...)
}

// rootGB is the root volume of a host, in GB: the defaults of the ECS-optimised AMI, of EKS node groups and of managed
// instances.
var rootGB = map[Platform]int{ECSEC2: 30, EKSEC2: 20, ECSManagedInstances: 80}

// acceleratedGB is that of a node of EKS with GPUs, whose images are large.
const acceleratedGB = 50

// RootGB is the root volume of a host of the platform that estimates count, in GB; 0 without hosts.
func (w Workload) RootGB(platform Platform) int {
	if platform == EKSEC2 && w.GPUs > 0 {
		return acceleratedGB
	}
	return rootGB[platform]
}

// AddonNodes are how many nodes of which type a cluster runs for its own pods beside nodes with GPUs, which those keep away
// by a taint: one in each zone, always. There are none without GPUs, or on another platform.
func (w Workload) AddonNodes(platform Platform) (count int, hostType string) {
	if platform != EKSEC2 || w.GPUs == 0 {
		return 0, ""
	}
	return w.zones(), "c6g.large"
}

func (e estimator) considerHosts(platform Platform, consider consider) {
	need := e.demand(platform)
	least := 1
	if e.MinimumTasks > 1 || e.Availability == HighAvailability {
		least = e.zones()
	}
	for _, host := range e.candidates(platform) {
		each := host.fits(platform, e.Workload)
		usual := max(least, (need.standing+each-1)/each)
		peak := max(least, (need.peak+each-1)/each)
		hostHours := need.average(usual, peak) * e.hours()
		for _, network := range e.networks(platform) {
			consider(Estimate{Architecture: host.architecture, Network: network, HostType: host.name, HostVCPUs: host.vcpus,
				HostMemoryMiB: host.gib * 1024, TasksPerHost: each, HostsUsual: usual, HostsPeak: peak, TaskCPU: e.TaskCPU, TaskMemoryMiB: e.TaskMemoryMiB,
				TasksUsual: need.standing, TasksPeak: need.peak},
				func(b *bill) { e.addHosts(b, platform, host, hostHours) },
				func(b *bill) { e.addPlatform(b, platform, network, hostHours, "host") })
		}
	}
}

func (e estimator) addHosts(b *bill, platform Platform, host hostType, hostHours float64) {
	b.add(Compute, words("hours of %s", host.name), hostHours, host.priceID())
	if platform == ECSManagedInstances {
		b.add(Compute, words("management of %s", host.name), hostHours, host.priceID(), idManagedShare)
	}
	if e.must(SingleTenant) {
		b.add(Compute, words("dedicated instances, fee of the region"), e.hours(), idDedicated)
	}
	root := float64(e.RootGB(platform))
	b.add(Storage, words("root volumes of %s GB", number(root)), root*hostHours/HoursPerMonth, idGP3)
	if count, name := e.AddonNodes(platform); count > 0 {
		b.add(Compute, words("hours of %s for the cluster's own pods: %s nodes", name, number(float64(count))),
			float64(count)*HoursPerMonth, hostType{name: name}.priceID())
		b.add(Storage, words("root volumes of %s GB of these", number(float64(rootGB[platform]))), float64(count*rootGB[platform]), idGP3)
	}
}

// addPlatform adds what does not depend on the size of tasks: control plane, network, load balancer, state and data.
func (e estimator) addPlatform(b *bill, platform Platform, network Network, addressed float64, of string) {
	if platform.kubernetes() {
		b.add(ControlPlane, words("EKS cluster"), HoursPerMonth, idEKSCluster)
	}
	e.addNetwork(b, platform, network, addressed, of)
	if e.HTTP {
		e.addLoadBalancer(b, 1)
	}
	if e.Stateful {
		if platform == EKSEC2 {
			b.add(Storage, words("EBS volumes that pods get back"), e.StateGB, idGP3)
		} else {
			b.add(Storage, words("EFS file system"), e.StateGB, idEFS)
		}
	}
	e.addData(b)
}

func (e estimator) addData(b *bill) {
	b.add(Data, words("logs, %s KB a request", number(e.LogKB)), e.logGB(), idLogs)
	if e.HTTP && e.Public {
		b.add(Data, words("responses to the internet, %s KB each", number(e.ResponseKB)), e.responseGB(), idInternetOut)
	}
}

// What one load balancer capacity unit holds in an hour (aws.amazon.com/elasticloadbalancing/pricing).
const (
	lcuNewConnections    = 25.0
	lcuActiveConnections = 3000.0
	lcuGB                = 1.0
	lcuFunctionGB        = 0.4
	// requestsPerConnection is how many requests clients are assumed to send over one connection.
	requestsPerConnection = 10.0
)

func (e estimator) addLoadBalancer(b *bill, gbOfLCU float64) {
	b.add(LoadBalancer, words("Application Load Balancer"), HoursPerMonth, idALBHour)
	units := max(
		e.RequestsAverage/requestsPerConnection/lcuNewConnections,
		e.RequestsAverage*e.DurationMilliseconds/1000/lcuActiveConnections,
		e.RequestsAverage*3600*e.ResponseKB/1e6/gbOfLCU)
	b.add(LoadBalancer, words("%s capacity units on average", quantityOf(units)), units*e.hours(), idALBLCU)
	if e.Public {
		b.add(PublicIPv4, words("load balancer, an address in %d zones", e.zones()), float64(e.zones())*HoursPerMonth,
			idIPv4)
	}
}
