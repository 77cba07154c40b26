package advice

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// MaximumSize is how large a document that describes a workload may be, in bytes.
const MaximumSize = 1 << 20

// Workload is a workload in numbers. The zero value of a field that says "0 derives it" is replaced by what follows
// from the others; every other absent field has the value of Defaults.
type Workload struct {
	// Name is the workload's name: 1 to 100 letters, digits, _ and -.
	Name string `json:"name" yaml:"name"`
	// Region is the AWS region; there must be prices for it. Required.
	Region string `json:"region" yaml:"region"`

	// RequestsAverage is how many requests, or jobs, arrive a second, averaged over the hours that the workload runs:
	// 0.000001 to 100000. Required.
	RequestsAverage float64 `json:"requestsAverage" yaml:"requestsAverage"`
	// RequestsPeak is how many arrive a second at the peak: at least RequestsAverage, up to 1000000. 0 derives it: 1.25
	// times the average for a steady load, 3 times for a variable and 10 times for a spiky one.
	RequestsPeak float64 `json:"requestsPeak" yaml:"requestsPeak"`
	// Burstiness says how the load moves; see there.
	Burstiness Burstiness `json:"burstiness" yaml:"burstiness"`
	// CPUMilliseconds is how long a request keeps one vCPU busy: 0.01 to 86400000. Required.
	CPUMilliseconds float64 `json:"cpuMilliseconds" yaml:"cpuMilliseconds"`
	// MemoryMiB is what a request holds while it lasts: 0 to 1048576.
	MemoryMiB float64 `json:"memoryMiB" yaml:"memoryMiB"`
	// DurationMilliseconds is how long a request lasts, waiting included: 0.01 to 86400000. 0 derives it: the CPU time.
	DurationMilliseconds float64 `json:"durationMilliseconds" yaml:"durationMilliseconds"`
	// ResponseKB is how much a response carries, in 1000 bytes: 0 to 1000000.
	ResponseKB float64 `json:"responseKB" yaml:"responseKB"`
	// LogKB is how much a request writes to the log, in 1000 bytes: 0 to 10000.
	LogKB float64 `json:"logKB" yaml:"logKB"`
	// HTTP is true where requests come through a load balancer, false for jobs from a queue.
	HTTP bool `json:"http" yaml:"http"`
	// Public is true where requests come from the internet.
	Public bool `json:"public" yaml:"public"`

	// BaseMemoryMiB is what a task holds before its first request: 16 to 1048576.
	BaseMemoryMiB float64 `json:"baseMemoryMiB" yaml:"baseMemoryMiB"`
	// TaskCPU is the size of a task in 1/1024 vCPU: 256 to 131072. 0 derives it: 512, or the smallest Fargate size whose
	// memory holds a request.
	TaskCPU int `json:"taskCPU" yaml:"taskCPU"`
	// TaskMemoryMiB is the memory of a task: 256 to 1048576. 0 derives it from what fills TaskCPU to its target.
	TaskMemoryMiB int `json:"taskMemoryMiB" yaml:"taskMemoryMiB"`
	// MinimumTasks is how many tasks run however small the load is: 1 to 1000.
	MinimumTasks int `json:"minimumTasks" yaml:"minimumTasks"`
	// GPUs is how many GPUs a task has to itself: 0 to 4.
	GPUs int `json:"gpus" yaml:"gpus"`
	// Architecture is what the image was built for; see there.
	Architecture Architecture `json:"architecture" yaml:"architecture"`
	// HoursPerDay is how long the workload runs each day: 0.25 to 24. Compute is paid for these hours, the rest always.
	HoursPerDay float64 `json:"hoursPerDay" yaml:"hoursPerDay"`

	// Stateful is true where files must outlive a task.
	Stateful bool `json:"stateful" yaml:"stateful"`
	// StateGB is how much such files take: 0 to 1000000. It needs Stateful.
	StateGB float64 `json:"stateGB" yaml:"stateGB"`
	// Interruptible is true where a task may be taken away at two minutes' notice, and capacity may be missing.
	Interruptible bool `json:"interruptible" yaml:"interruptible"`

	// InternetGB is what tasks exchange with the internet beyond the responses, in GB a month: 0 to 1000000. Above 0,
	// tasks need a way out.
	InternetGB float64 `json:"internetGB" yaml:"internetGB"`
	// AWSGB is what tasks exchange with AWS services through NAT or interface endpoints beyond their logs, such as image
	// pulls, in GB a month: 0 to 1000000. S3 and DynamoDB do not count: their gateway endpoints cost nothing.
	AWSGB float64 `json:"awsGB" yaml:"awsGB"`
	// Network is how tasks reach what is outside; see there.
	Network Network `json:"network" yaml:"network"`
	// Availability says what an availability zone's loss may do; see there.
	Availability Availability `json:"availability" yaml:"availability"`
	// Compliance are rules that the platform must keep, each once; see there.
	Compliance []Compliance `json:"compliance,omitempty" yaml:"compliance"`

	// KubernetesSkill is what the team knows of Kubernetes: 0 nothing, 1 has read about it, 2 runs it, 3 lives in it.
	KubernetesSkill int `json:"kubernetesSkill" yaml:"kubernetesSkill"`
	// Hybrid is true where the same manifests must run outside AWS too.
	Hybrid bool `json:"hybrid" yaml:"hybrid"`
	// Uses are services that the workload uses or wants to use, each once, to be warned of their end; see Notices.
	Uses []string `json:"uses,omitempty" yaml:"uses"`
	// Weights say how much each viewpoint counts: 0 to 100 each, not all 0.
	Weights Weights `json:"weights" yaml:"weights"`
}

// Burstiness says how the load moves.
type Burstiness string

// The kinds of burstiness. Share is the part of the running hours for which capacity for the peak is paid.
const (
	// Steady load hardly moves: peak 1.25 times the average, for a twelfth of the hours.
	Steady Burstiness = "steady"
	// Variable load follows the day: peak 3 times the average, for a sixth of the hours.
	Variable Burstiness = "variable"
	// Spiky load jumps within a minute: peak 10 times the average, for a twenty-fourth of the hours.
	Spiky Burstiness = "spiky"
)

// Architecture is what an image was built for.
type Architecture string

// The architectures.
const (
	// AnyArchitecture takes whichever is cheaper: the image is built for both.
	AnyArchitecture Architecture = "any"
	ARM64           Architecture = "arm64"
	X8664           Architecture = "x86_64"
)

// Network is how tasks reach what is outside their subnets.
type Network string

// The networks.
const (
	// AnyNetwork takes the cheapest that the platform and the compliance rules allow.
	AnyNetwork Network = "auto"
	// PublicSubnets give each task or host a public address of its own.
	PublicSubnets Network = "public"
	// NATGateways stand between private subnets and the internet: one, or one in each zone with high availability.
	NATGateways Network = "nat"
	// InterfaceEndpoints reach AWS services only, one for each service in each zone.
	InterfaceEndpoints Network = "endpoints"
	// NoNetwork is that of a function outside any VPC.
	NoNetwork Network = "none"
	// IsolatedSubnets have no way out: those of a function that must not reach the internet. Its image and its log do not
	// pass the VPC.
	IsolatedSubnets Network = "isolated"
)

// Availability says what the loss of an availability zone may do.
type Availability string

// The kinds of availability.
const (
	// StandardAvailability spreads over two zones and has one NAT gateway, whose zone takes the way out with it.
	StandardAvailability Availability = "standard"
	// HighAvailability spreads over three zones with a NAT gateway in each.
	HighAvailability Availability = "high"
)

// Compliance is a rule that the platform must keep.
type Compliance string

// The compliance rules.
const (
	// PrivateNetwork gives no task and no host a public address.
	PrivateNetwork Compliance = "private-network"
	// NoInternet has no way from the tasks to the internet at all.
	NoInternet Compliance = "no-internet"
	// SingleTenant wants hardware that no other account shares.
	SingleTenant Compliance = "single-tenant"
	// HostControl wants hosts with an image, agents and hardening of one's own.
	HostControl Compliance = "host-control"
)

// Weights say how much each viewpoint counts.
type Weights struct {
	Cost        int `json:"cost" yaml:"cost"`
	Scalability int `json:"scalability" yaml:"scalability"`
	Reliability int `json:"reliability" yaml:"reliability"`
	Engineering int `json:"engineering" yaml:"engineering"`
}

// Defaults is what absent fields of a workload are.
func Defaults() Workload {
	return Workload{
		Name: "web", Burstiness: Variable, MemoryMiB: 1, ResponseKB: 10, LogKB: 0.5, HTTP: true, Public: true,
		BaseMemoryMiB: 128, MinimumTasks: 2, Architecture: AnyArchitecture, HoursPerDay: 24, AWSGB: 10,
		Network: AnyNetwork, Availability: StandardAvailability, KubernetesSkill: 1,
		Weights: Weights{Cost: 35, Scalability: 20, Reliability: 20, Engineering: 25},
	}
}

// Merge reads one YAML or JSON document over the workload: fields that it does not name stay as they are. A field that
// does not exist, a field given twice, a wrong type and a second document are errors. Validate is left to the caller.
func (w *Workload) Merge(document []byte) error {
	if len(document) > MaximumSize {
		return fmt.Errorf("larger than %d bytes", MaximumSize)
	}
	if len(bytes.TrimSpace(document)) == 0 {
		return errors.New("empty")
	}
	return yaml.Load(document, w, yaml.WithKnownFields())
}

// complete fills in what follows from other fields. The workload is valid.
func (w Workload) complete() Workload {
	if w.RequestsPeak == 0 {
		w.RequestsPeak = w.RequestsAverage * bursts[w.Burstiness].factor
	}
	if w.DurationMilliseconds == 0 {
		w.DurationMilliseconds = w.CPUMilliseconds
	}
	if w.Architecture == AnyArchitecture && w.GPUs > 0 {
		w.Architecture = X8664
	}
	if w.TaskCPU == 0 {
		w.TaskCPU = w.derivedCPU()
	}
	if w.TaskMemoryMiB == 0 {
		w.TaskMemoryMiB = w.derivedMemory()
	}
	return w
}

// scaled is the workload under a load that is factor times as high. The size of its tasks stays.
func (w Workload) scaled(factor float64) Workload {
	w.RequestsAverage *= factor
	w.RequestsPeak *= factor
	return w
}

// zones is over how many availability zones the workload is spread.
func (w Workload) zones() int {
	if w.Availability == HighAvailability {
		return 3
	}
	return 2
}

// hours is for how many hours a month the workload runs.
func (w Workload) hours() float64 { return w.HoursPerDay * HoursPerMonth / 24 }

func (w Workload) must(rule Compliance) bool {
	for _, given := range w.Compliance {
		if given == rule {
			return true
		}
	}
	return false
}
