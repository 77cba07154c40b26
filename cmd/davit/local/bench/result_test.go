package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func span(milliseconds ...int) []time.Duration {
	var found []time.Duration
	for _, number := range milliseconds {
		found = append(found, time.Duration(number)*time.Millisecond)
	}
	return found
}

func TestAResultComparesTheSamePercentiles(t *testing.T) {
	measured := samples{floor: span(50, 40, 60, 100), ours: span(100, 80, 90, 400), cpu: 40 * time.Millisecond}
	want := Result{
		Pushes: 4, Floor: Percentiles{P50: 50, P95: 100}, Rollout: Percentiles{P50: 90, P95: 400},
		RatioP50: 1.8, RatioP95: 4, CPU: 10,
	}
	if difference := cmp.Diff(want, measured.result()); difference != "" {
		t.Error(difference)
	}
	var out strings.Builder
	measured.result().Print(&out)
	for _, text := range []string{"90.0 ms", "400.0 ms", "1.80", "10.0 ms"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("the table lacks %q:\n%s", text, out.String())
		}
	}
}

func TestPercentilesAreOfTheNearestRank(t *testing.T) {
	twenty := span(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
	tests := map[string]struct {
		of    []time.Duration
		share int
		want  float64
	}{
		"the median of twenty is the tenth":               {twenty, 50, 10},
		"the 95th percentile of twenty is the nineteenth": {twenty, 95, 19},
		"of one sample every percentile is that one":      {span(7), 95, 7},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := percentile(test.of, test.share); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestACallIsReadOnlyFromAWholeLine(t *testing.T) {
	const digest = "sha256:aa"
	tests := map[string]struct {
		text  string
		found bool
	}{
		"a whole line":          {"sha256:bb 1\nsha256:aa 5\n", true},
		"another image":         {"sha256:bb 1\n", false},
		"a line half written":   {"sha256:aa 12", false},
		"a line without number": {"sha256:aa\n", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, found := noted(test.text, digest); found != test.found {
				t.Errorf("got %v, want %v", found, test.found)
			}
		})
	}
}
