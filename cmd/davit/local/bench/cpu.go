package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"davit/shared/names"
)

// cpuMeter adds up the CPU time of the rollout function's processes, which run on this machine. A process that started
// after the meter counts from its beginning.
type cpuMeter struct {
	before, now map[int]time.Duration
}

// start begins to count.
func (m *cpuMeter) start() { m.before, m.now = rolloutProcesses(), map[int]time.Duration{} }

// look notes what each process has used so far, for those that end before total.
func (m *cpuMeter) look() {
	for pid, used := range rolloutProcesses() {
		m.now[pid] = max(m.now[pid], used)
	}
}

// total is what was used between start and the last look.
func (m *cpuMeter) total() time.Duration {
	var sum time.Duration
	for pid, used := range m.now {
		sum += used - m.before[pid]
	}
	return sum
}

// rolloutProcesses answers the CPU time that each process of the rollout function has used.
func rolloutProcesses() map[int]time.Duration {
	found := map[int]time.Duration{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return found
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		variables, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err != nil || !slices.Contains(strings.Split(string(variables), "\x00"),
			"AWS_LAMBDA_FUNCTION_NAME="+names.RolloutFunction) {
			continue
		}
		found[pid] = cpuTime(entry.Name())
	}
	return found
}

// cpuTime adds up the time of the process's threads on a CPU, the first field of schedstat, in nanoseconds
// (docs.kernel.org/scheduler/sched-stats.html).
func cpuTime(pid string) time.Duration {
	paths, err := filepath.Glob(filepath.Join("/proc", pid, "task", "*", "schedstat"))
	if err != nil {
		return 0
	}
	var sum time.Duration
	for _, path := range paths {
		// #nosec G304 -- a file of the kernel's.
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(text), " ")
		if nanoseconds, err := strconv.ParseInt(first, 10, 64); err == nil {
			sum += time.Duration(nanoseconds)
		}
	}
	return sum
}
