package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// The limits that the project set itself, as ratios to the same percentile of the floor.
const (
	LimitP50 = 2.0
	LimitP95 = 3.0
)

// samples are the measurements of one run.
type samples struct {
	floor, ours []time.Duration
	// cpu is the rollout function's CPU time over all pushes.
	cpu time.Duration
}

// Result is what one run found. Times are in milliseconds.
type Result struct {
	// Pushes is how many pushes of each kind were measured.
	Pushes int `json:"pushes"`
	// Floor is from the push to the empty function's handler, Rollout from the push to the deployment.
	Floor   Percentiles `json:"floor"`
	Rollout Percentiles `json:"rollout"`
	// RatioP50 and RatioP95 are Rollout by Floor.
	RatioP50 float64 `json:"ratioP50"`
	RatioP95 float64 `json:"ratioP95"`
	// CPU is what the rollout function used for each push, with every event of the rollout that followed.
	CPU float64 `json:"cpuMillisecondsPerPush"`
}

// Percentiles are the median and the 95th percentile, in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
}

func (s samples) result() Result {
	floor, ours := percentiles(s.floor), percentiles(s.ours)
	return Result{
		Pushes: len(s.ours), Floor: floor, Rollout: ours,
		RatioP50: round(ours.P50 / floor.P50), RatioP95: round(ours.P95 / floor.P95),
		CPU: round(s.cpu.Seconds() * 1000 / float64(len(s.ours))),
	}
}

func percentiles(of []time.Duration) Percentiles {
	return Percentiles{P50: round(percentile(of, 50)), P95: round(percentile(of, 95))}
}

// percentile is the smallest sample that is not below the share of the samples (nearest rank), in milliseconds.
func percentile(of []time.Duration, share int) float64 {
	sorted := slices.Sorted(slices.Values(of))
	rank := (share*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1].Seconds() * 1000
}

func round(number float64) float64 { return math.Round(number*100) / 100 }

func milliseconds(duration time.Duration) string {
	return fmt.Sprintf("%.1f ms", duration.Seconds()*1000)
}

// Print writes the result as a small table.
func (r Result) Print(to io.Writer) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(table, "%d pushes\tp50\tp95\t\n", r.Pushes)
	_, _ = fmt.Fprintf(table, "push to an empty function called (floor)\t%.1f ms\t%.1f ms\t\n", r.Floor.P50, r.Floor.P95)
	_, _ = fmt.Fprintf(table, "push to a deployment of it in DescribeServices\t%.1f ms\t%.1f ms\t\n", r.Rollout.P50, r.Rollout.P95)
	_, _ = fmt.Fprintf(table, "ratio (limit %.0f and %.0f)\t%.2f\t%.2f\t\n", LimitP50, LimitP95, r.RatioP50, r.RatioP95)
	_, _ = fmt.Fprintf(table, "CPU time of the rollout function a push, all events of it\t%.1f ms\t\t\n", r.CPU)
	_ = table.Flush()
}
