package advice

import "math"

// HoursPerMonth is how many hours AWS's calculator counts for a month.
const HoursPerMonth = 730

// How much of a task is used before another one is started.
const (
	// cpuTarget is the average use of CPU that scaling aims at, which is infra/config's default too.
	cpuTarget = 0.6
	// memoryTarget leaves a tenth of the memory free.
	memoryTarget = 0.9
)

// burst is what is assumed of a load that moves in a certain way.
type burst struct {
	// factor is the peak as a multiple of the average, where no peak is given.
	factor float64
	// share is the part of the running hours for which capacity for the peak runs.
	share float64
}

var bursts = map[Burstiness]burst{Steady: {1.25, 1.0 / 12}, Variable: {3, 1.0 / 6}, Spiky: {10, 1.0 / 24}}

// readiness is which part of the step from average to peak stands ready at all times under a spiky load, because new
// capacity would come too late: a Fargate task takes about a minute, a host that must start first two to five.
var readiness = map[Platform]float64{
	ECSFargate: 0.5, ECSFargateSpot: 0.5, EKSFargate: 0.5, ECSManagedInstances: 0.75, EKSEC2: 0.75, ECSEC2: 1,
}

// fargateSize is a CPU value of Fargate with the memory in MiB that it offers: least, most and step ("Task CPU and
// memory", docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html). 256 CPU units take 512,
// 1024 and 2048 only.
type fargateSize struct{ cpu, least, most, step int }

var fargateSizes = []fargateSize{
	{256, 512, 2048, 512}, {512, 1024, 4096, 1024}, {1024, 2048, 8192, 1024}, {2048, 4096, 16384, 1024},
	{4096, 8192, 30720, 1024}, {8192, 16384, 61440, 4096}, {16384, 32768, 122880, 8192},
}

// fargateTask is the smallest Fargate task that holds CPU units and MiB.
func fargateTask(cpu, memory int) (gotCPU, gotMemory int, found bool) {
	for _, size := range fargateSizes {
		if size.cpu < cpu || size.most < memory {
			continue
		}
		rounded := max(size.least, (memory+size.step-1)/size.step*size.step)
		if size.cpu == 256 && rounded == 1536 {
			rounded = 2048
		}
		return size.cpu, rounded, true
	}
	return 0, 0, false
}

// leastMemory is the memory in MiB of a task that holds one request.
func (w Workload) leastMemory() int {
	return int(math.Ceil((w.BaseMemoryMiB+w.MemoryMiB)/memoryTarget - 1e-9))
}

// derivedCPU is 512, or the smallest size of Fargate whose memory holds a request.
func (w Workload) derivedCPU() int {
	need := max(w.leastMemory(), w.TaskMemoryMiB)
	if cpu, _, found := fargateTask(512, need); found {
		return cpu
	}
	return fargateSizes[len(fargateSizes)-1].cpu
}

// derivedMemory holds the requests that keep TaskCPU busy to its target, as far as Fargate offers memory for TaskCPU.
func (w Workload) derivedMemory() int {
	together := max(1, w.throughput()*w.DurationMilliseconds/1000)
	wanted := int(math.Ceil((w.BaseMemoryMiB+together*w.MemoryMiB)/memoryTarget - 1e-9))
	for _, size := range fargateSizes {
		if size.cpu < w.TaskCPU {
			continue
		}
		wanted = max(w.leastMemory(), min(wanted, size.most))
		if _, memory, found := fargateTask(size.cpu, wanted); found {
			return memory
		}
	}
	return (wanted + 1023) / 1024 * 1024
}

// throughput is how many requests a second one task serves at the target of its CPU.
func (w Workload) throughput() float64 {
	return float64(w.TaskCPU) / 1024 * cpuTarget / (w.CPUMilliseconds / 1000)
}

// tasks is how many tasks serve a rate of requests a second: what CPU and memory need, and never below the minimum.
func (w Workload) tasks(rate float64) int {
	need := rate / w.throughput()
	if w.MemoryMiB > 0 {
		together := (float64(w.TaskMemoryMiB)*memoryTarget - w.BaseMemoryMiB) / w.MemoryMiB
		need = max(need, rate*w.DurationMilliseconds/1000/max(1, math.Floor(together+1e-9)))
	}
	least := w.MinimumTasks
	if w.Availability == HighAvailability {
		least = max(least, w.zones())
	}
	return max(least, int(math.Ceil(need-1e-9)))
}

// demand is how much capacity a platform runs.
type demand struct {
	// standing and peak are numbers of tasks.
	standing, peak int
	// share is the part of the running hours with the peak's capacity.
	share float64
}

func (w Workload) demand(platform Platform) demand {
	ready := 0.0
	if w.Burstiness == Spiky {
		ready = readiness[platform]
	}
	return demand{
		standing: w.tasks(w.RequestsAverage + ready*(w.RequestsPeak-w.RequestsAverage)),
		peak:     w.tasks(w.RequestsPeak),
		share:    bursts[w.Burstiness].share,
	}
}

// average weighs what stands and what the peak needs by their hours.
func (d demand) average(standing, peak int) float64 {
	return (1-d.share)*float64(standing) + d.share*float64(peak)
}

// requestsPerMonth counts requests at the average rate.
func (w Workload) requestsPerMonth() float64 { return w.RequestsAverage * w.hours() * 3600 }

// responseGB and logGB are what the requests of a month carry, in 10⁹ bytes.
func (w Workload) responseGB() float64 { return w.requestsPerMonth() * w.ResponseKB / 1e6 }

func (w Workload) logGB() float64 { return w.requestsPerMonth() * w.LogKB / 1e6 }
