package chainwatch

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"davit/shared/names"
	"davit/shared/settings/nodes"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func peers(count uint64) *uint64 { return &count }

// well is a node of chain 1 at height 1000, 6 seconds old, that both its references agree with.
func well() Observation {
	anchor := func() *Anchor { return &Anchor{Height: 968, Hash: "0xaa"} }
	reference := Sample{Endpoint: "https://reference", ChainID: 1, Height: 1000, HeadTime: now.Add(-6 * time.Second)}
	other := reference
	reference.Anchor, other.Anchor = anchor(), anchor()
	return Observation{
		Node: nodes.Node{Name: "mainnet", Kind: nodes.Execution, ChainID: 1},
		Own: Sample{ChainID: 1, Height: 1000, HeadTime: now.Add(-6 * time.Second), Peers: peers(50),
			Latency: 12500 * time.Microsecond, Anchor: anchor()},
		References: []Sample{reference, other},
		Disk:       &DiskSample{Used: 61.5},
	}
}

func gauges(verdict Verdict) map[string]float64 {
	found := map[string]float64{}
	for _, gauge := range verdict.Gauges {
		found[gauge.Name] = gauge.Value
	}
	return found
}

func codes(verdict Verdict) []Code {
	var found []Code
	for _, reason := range verdict.Reasons {
		found = append(found, reason.Code)
	}
	return found
}

func TestANodeThatIsWellHasAllItsNumbers(t *testing.T) {
	verdict := Judge(now, well())
	want := map[string]float64{names.MetricUnhealthy: 0, names.MetricHeight: 1000, names.MetricBlocksBehind: 0,
		names.MetricHeadAge: 6, names.MetricPeers: 50, names.MetricSyncing: 0, names.MetricWrongChain: 0,
		names.MetricLatency: 12.5, names.MetricDiskUsed: 61.5}
	if difference := cmp.Diff(want, gauges(verdict)); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	if len(verdict.Reasons) > 0 || verdict.Node != "mainnet" {
		t.Errorf("%+v", verdict)
	}
}

// What each thing that is wrong takes away: the numbers that would be believed.
func TestWhatIsWrongIsSaidAndNotReckonedWith(t *testing.T) {
	trusted := []string{names.MetricBlocksBehind, names.MetricHeight, names.MetricHeadAge}
	for name, test := range map[string]struct {
		spoil     func(*Observation)
		codes     []Code
		unhealthy float64
		missing   []string
	}{
		"it is dead": {func(o *Observation) { o.Own = Sample{Failure: "it refused the connection"} }, []Code{Unreachable}, 1,
			append(slices.Clone(trusted), names.MetricPeers, names.MetricSyncing, names.MetricWrongChain, names.MetricLatency)},
		"it is of another chain":          {func(o *Observation) { o.Own.ChainID = 5 }, []Code{WrongChain}, 1, append(slices.Clone(trusted), names.MetricSyncing)},
		"its head is of tomorrow":         {func(o *Observation) { o.Own.HeadTime = now.Add(time.Hour) }, []Code{FutureHead}, 1, trusted},
		"it is on a fork of its own":      {func(o *Observation) { o.Own.Anchor.Hash = "0xbb" }, []Code{Fork}, 1, trusted},
		"it claims to be far ahead":       {func(o *Observation) { o.Own.Height = 2000 }, []Code{Ahead}, 1, trusted},
		"its execution client is away":    {func(o *Observation) { o.Own.ExecutionOffline = true }, []Code{ExecutionOffline}, 1, nil},
		"it has no references":            {func(o *Observation) { o.References = nil }, []Code{NoReference}, 0, []string{names.MetricBlocksBehind}},
		"its references are dead":         {func(o *Observation) { o.References = []Sample{{Failure: "away"}, {Failure: "away"}} }, []Code{NoReference}, 0, []string{names.MetricBlocksBehind}},
		"its references are of elsewhere": {func(o *Observation) { o.References[0].ChainID, o.References[1].ChainID = 5, 5 }, []Code{NoReference}, 0, []string{names.MetricBlocksBehind}},
		"its references are of tomorrow": {func(o *Observation) {
			o.References[0].HeadTime, o.References[1].HeadTime = now.Add(time.Hour), now.Add(time.Hour)
		}, []Code{NoReference}, 0, []string{names.MetricBlocksBehind}},
		"it is stuck, and its references with it": {func(o *Observation) {
			o.Own.HeadTime = now.Add(-2 * time.Hour)
			o.References[0].HeadTime, o.References[1].HeadTime = o.Own.HeadTime, o.Own.HeadTime
		}, []Code{NoReference}, 0, []string{names.MetricBlocksBehind}},
		"its disk cannot be read": {func(o *Observation) { o.Disk = &DiskSample{Failure: "away"} }, []Code{DiskUnknown}, 0, []string{names.MetricDiskUsed}},
		"it has no disk":          {func(o *Observation) { o.Disk = nil }, nil, 0, []string{names.MetricDiskUsed}},
		"one reference disagrees": {func(o *Observation) { o.References[0].Anchor.Hash = "0xbb" }, nil, 0, nil},
		"one reference is dead":   {func(o *Observation) { o.References[0] = Sample{Failure: "away"} }, nil, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			seen, whole := well(), gauges(Judge(now, well()))
			test.spoil(&seen)
			verdict := Judge(now, seen)
			have := gauges(verdict)
			if difference := cmp.Diff(test.codes, codes(verdict)); difference != "" {
				t.Errorf("-want +have:\n%s", difference)
			}
			if have[names.MetricUnhealthy] != test.unhealthy || verdict.Unhealthy != (test.unhealthy == 1) {
				t.Errorf("unhealthy: %v", have[names.MetricUnhealthy])
			}
			for metric := range whole {
				if _, there := have[metric]; there == slices.Contains(test.missing, metric) {
					t.Errorf("%s is there: %t", metric, there)
				}
			}
		})
	}
}

func TestHowFarBehindANodeIs(t *testing.T) {
	at := func(heights ...uint64) (references []Sample) {
		for _, height := range heights {
			references = append(references, Sample{ChainID: 1, Height: height, HeadTime: now})
		}
		return references
	}
	for name, test := range map[string]struct {
		references []Sample
		want       float64
	}{
		"behind the one reference":                   {at(1010), 10},
		"behind the best of two":                     {at(1003, 1010), 10},
		"behind the best of three":                   {at(1003, 1010, 1009), 10},
		"of three, a liar does not count":            {at(1_000_000_000, 1003, 1001), 3},
		"of two, nobody can tell who lies":           {at(1_000_000_000, 1003), 999_999_000},
		"ahead of references that are a little late": {at(998, 999), 0},
	} {
		seen := well()
		seen.References = test.references
		if have := gauges(Judge(now, seen))[names.MetricBlocksBehind]; have != test.want {
			t.Errorf("%s: %v, want %v", name, have, test.want)
		}
	}
}

func TestAStuckNodeGrowsOldAndFallsBehind(t *testing.T) {
	seen := well()
	for minute := range 10 {
		later := now.Add(time.Duration(minute) * time.Minute)
		for index := range seen.References {
			seen.References[index].Height, seen.References[index].HeadTime = uint64(1000+5*minute), later
		}
		have := gauges(Judge(later, seen))
		if have[names.MetricHeadAge] != float64(6+60*minute) || have[names.MetricBlocksBehind] != float64(5*minute) {
			t.Errorf("after %d minutes: %v", minute, have)
		}
	}
}

// Whatever is seen: Unhealthy is always told, no number is below 0, and "0 behind" is only said of a node that answered,
// is of the right chain and has a reference that can be believed.
func TestNothingThatIsSeenReadsAsZeroBehindByMistake(t *testing.T) {
	sample := rapid.Custom(func(t *rapid.T) Sample {
		drawn := Sample{
			Failure:  rapid.SampledFrom([]string{"", "", "away"}).Draw(t, "failure"),
			ChainID:  rapid.Uint64Range(1, 2).Draw(t, "chain"),
			Height:   rapid.Uint64().Draw(t, "height"),
			HeadTime: now.Add(time.Duration(rapid.Int64Range(-1e14, 1e14).Draw(t, "age"))),
		}
		if rapid.Bool().Draw(t, "anchored") {
			drawn.Anchor = &Anchor{rapid.Uint64Range(1, 2).Draw(t, "anchor"), rapid.SampledFrom([]string{"0xa", "0xb"}).Draw(t, "hash")}
		}
		return drawn
	})
	rapid.Check(t, func(t *rapid.T) {
		seen := Observation{Node: nodes.Node{Name: "n", ChainID: 1}, Own: sample.Draw(t, "own"),
			References: rapid.SliceOfN(sample, 0, 4).Draw(t, "references")}
		verdict := Judge(now, seen)
		have := gauges(verdict)
		if _, told := have[names.MetricUnhealthy]; !told || len(have) != len(verdict.Gauges) {
			t.Fatalf("%v", verdict.Gauges)
		}
		for name, value := range maps.All(have) {
			if value < 0 || value != value {
				t.Fatalf("%s is %v", name, value)
			}
		}
		_, told := have[names.MetricBlocksBehind]
		believed := seen.Own.Failure == "" && seen.Own.ChainID == 1 && seen.Own.HeadTime.Sub(now) <= clockTolerance
		if told && (!believed || len(credible(now, seen.Node, seen.References)) == 0 || verdict.Unhealthy) {
			t.Fatalf("%v of %+v", have, seen)
		}
		if !told && len(verdict.Reasons) == 0 {
			t.Fatal("nothing says why it is missing")
		}
	})
}
