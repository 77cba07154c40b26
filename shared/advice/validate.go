package advice

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The largest load that is looked at: beyond it no number here means anything.
const (
	// MaximumVCPUs is how many vCPUs the peak may keep busy.
	MaximumVCPUs = 100_000
	// MaximumConcurrency is how many requests may last at once at the peak.
	MaximumConcurrency = 1_000_000
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// field is a number of a workload with the range that it must be in.
type field struct {
	name           string
	value          float64
	least, most    float64
	derivedIfEmpty bool
}

func (w Workload) fields() []field {
	return []field{
		{"requestsAverage", w.RequestsAverage, 0.000001, 100_000, false},
		{"requestsPeak", w.RequestsPeak, max(w.RequestsAverage, 0.000001), 1_000_000, true},
		{"cpuMilliseconds", w.CPUMilliseconds, 0.01, 86_400_000, false},
		{"memoryMiB", w.MemoryMiB, 0, 1_048_576, false},
		{"durationMilliseconds", w.DurationMilliseconds, 0.01, 86_400_000, true},
		{"responseKB", w.ResponseKB, 0, 1_000_000, false},
		{"logKB", w.LogKB, 0, 10_000, false},
		{"baseMemoryMiB", w.BaseMemoryMiB, 16, 1_048_576, false},
		{"taskCPU", float64(w.TaskCPU), 256, 131_072, true},
		{"taskMemoryMiB", float64(w.TaskMemoryMiB), 256, 1_048_576, true},
		{"minimumTasks", float64(w.MinimumTasks), 1, 1000, false},
		{"gpus", float64(w.GPUs), 0, 4, false},
		{"hoursPerDay", w.HoursPerDay, 0.25, 24, false},
		{"stateGB", w.StateGB, 0, 1_000_000, false},
		{"internetGB", w.InternetGB, 0, 1_000_000, false},
		{"awsGB", w.AWSGB, 0, 1_000_000, false},
		{"kubernetesSkill", float64(w.KubernetesSkill), 0, 3, false},
		{"weights.cost", float64(w.Weights.Cost), 0, 100, false},
		{"weights.scalability", float64(w.Weights.Scalability), 0, 100, false},
		{"weights.reliability", float64(w.Weights.Reliability), 0, 100, false},
		{"weights.engineering", float64(w.Weights.Engineering), 0, 100, false},
	}
}

// check is what is wrong with the field. It is written so that NaN is wrong too.
func (f field) check() error {
	if f.derivedIfEmpty && f.value == 0 || f.value >= f.least && f.value <= f.most {
		return nil
	}
	return fmt.Errorf("%s: want %s to %s, have %s", f.name, number(f.least), number(f.most), number(f.value))
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// Validate answers every problem of the workload at once, each with its field and the range that is allowed.
func (w Workload) Validate() error {
	var found []error
	wrong := func(format string, arguments ...any) { found = append(found, fmt.Errorf(format, arguments...)) }
	if !namePattern.MatchString(w.Name) {
		wrong("name: want 1 to 100 letters, digits, _ and -, have %q", w.Name)
	}
	if w.Region == "" {
		wrong("region: required, such as us-east-1")
	}
	for _, field := range w.fields() {
		if err := field.check(); err != nil {
			found = append(found, err)
		}
	}
	oneOf(wrong, "burstiness", w.Burstiness, Steady, Variable, Spiky)
	oneOf(wrong, "architecture", w.Architecture, AnyArchitecture, ARM64, X8664)
	oneOf(wrong, "network", w.Network, AnyNetwork, PublicSubnets, NATGateways, InterfaceEndpoints)
	oneOf(wrong, "availability", w.Availability, StandardAvailability, HighAvailability)
	eachOnce(wrong, "compliance", w.Compliance, PrivateNetwork, NoInternet, SingleTenant, HostControl)
	eachOnce(wrong, "uses", w.Uses, noticeNames()...)
	if w.Weights == (Weights{}) {
		wrong("weights: want at least one above 0")
	}
	if len(found) == 0 {
		w.checkTogether(wrong)
	}
	return errors.Join(found...)
}

// checkTogether checks fields against each other; each is in its own range.
func (w Workload) checkTogether(wrong func(string, ...any)) {
	w = w.complete()
	if busy := w.RequestsPeak * w.CPUMilliseconds / 1000; busy > MaximumVCPUs {
		wrong("requestsPeak: with cpuMilliseconds %s want at most %s, have %s: more than %d vCPUs would be busy",
			number(w.CPUMilliseconds), number(MaximumVCPUs*1000/w.CPUMilliseconds), number(w.RequestsPeak), MaximumVCPUs)
	}
	if at := w.RequestsPeak * w.DurationMilliseconds / 1000; at > MaximumConcurrency {
		wrong("requestsPeak: with durationMilliseconds %s want at most %s, have %s: more than %d requests would last at once",
			number(w.DurationMilliseconds), number(MaximumConcurrency*1000/w.DurationMilliseconds),
			number(w.RequestsPeak),
			MaximumConcurrency)
	}
	if least := w.leastMemory(); w.TaskMemoryMiB < least {
		wrong("taskMemoryMiB: want %d to 1048576 with baseMemoryMiB %s and memoryMiB %s, have %d", least,
			number(w.BaseMemoryMiB), number(w.MemoryMiB), w.TaskMemoryMiB)
	}
	if w.GPUs > 0 && w.Architecture == ARM64 {
		wrong("architecture: want x86_64 or any with gpus above 0, have arm64")
	}
	if w.StateGB > 0 && !w.Stateful {
		wrong("stateGB: want 0 where stateful is false, have %s", number(w.StateGB))
	}
	w.checkNetwork(wrong)
}

func (w Workload) checkNetwork(wrong func(string, ...any)) {
	if w.InternetGB > 0 && w.must(NoInternet) {
		wrong("internetGB: want 0 with compliance %s, have %s", NoInternet, number(w.InternetGB))
	}
	if w.InternetGB > 0 && w.Network == InterfaceEndpoints {
		wrong("internetGB: want 0 with network %s, which reaches AWS services only, have %s", InterfaceEndpoints,
			number(w.InternetGB))
	}
	if w.Network == PublicSubnets && (w.must(PrivateNetwork) || w.must(NoInternet)) {
		wrong("network: want nat, endpoints or auto with compliance %s or %s, have public", PrivateNetwork, NoInternet)
	}
	if w.Network == NATGateways && w.must(NoInternet) {
		wrong("network: want endpoints or auto with compliance %s, have nat", NoInternet)
	}
	if w.Public && w.HTTP && w.must(NoInternet) {
		wrong("public: want false with compliance %s, have true", NoInternet)
	}
}

func oneOf[T ~string](wrong func(string, ...any), name string, value T, allowed ...T) {
	if !slices.Contains(allowed, value) {
		wrong("%s: want %s, have %q", name, list(allowed), string(value))
	}
}

func eachOnce[T ~string](wrong func(string, ...any), name string, values []T, allowed ...T) {
	for i, value := range values {
		switch {
		case !slices.Contains(allowed, value):
			wrong("%s[%d]: want %s, have %q", name, i, list(allowed), string(value))
		case slices.Contains(values[:i], value):
			wrong("%s[%d]: %q is given twice", name, i, string(value))
		}
	}
}

func list[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = string(value)
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
