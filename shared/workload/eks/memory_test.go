package eks

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestQuantitiesOfMemoryAreReadInMebibytes(t *testing.T) {
	for quantity, want := range map[string]int{"": 0, "512Mi": 512, "1Gi": 1024, "1.5Gi": 1536, "524288Ki": 512, "536870912": 512, "512M": 488,
		"1e9": 953, "128974848000m": 123} {
		if got, err := inMebibytes(quantity); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", quantity, got, err, want)
		}
	}
	for _, quantity := range []string{"much", "-1Mi", "1Qi", "Mi"} {
		if got, err := inMebibytes(quantity); err == nil {
			t.Errorf("%q is %d", quantity, got)
		}
	}
}

func TestMemoryGrowsByAQuarterAtLeast(t *testing.T) {
	for current, want := range map[int]int{64: 128, 256: 320, 512: 640, 1000: 1280, 4096: 5120} {
		if got := nextMemory(current); got != want {
			t.Errorf("after %d MiB come %d, want %d", current, got, want)
		}
	}
}

func TestTheContainerThatWasKilledGetsTheMemory(t *testing.T) {
	const two = `{"spec":{"containers":[{"name":"web","resources":{"limits":{"memory":"256Mi"},"requests":{"memory":"128Mi"}}},
		{"name":"side","resources":{"limits":{"memory":"64Mi"}}},{"name":"free"}]}}`
	killed := func(container string) []pod {
		var one pod
		text := `{"status":{"containerStatuses":[{"name":"` + container + `","restartCount":1,"state":{"running":{}},
			"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}}`
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			t.Fatal(err)
		}
		return []pod{one}
	}
	for _, test := range []struct {
		name, template string
		pods           []pod
		want           memory
		why            string
	}{
		{"the one that was killed", two, killed("side"), memory{"side", 64, 0}, ""},
		{"another one that was killed", two, killed("web"), memory{"web", 256, 128}, ""},
		{"one without a limit", two, killed("free"), memory{}, "its node is too small"},
		{"none of several", two, nil, memory{}, "2 of its containers"},
		{"the only one with a limit", `{"spec":{"containers":[{"name":"web","resources":{"limits":{"memory":"1Gi"}}},{"name":"free"}]}}`, nil,
			memory{"web", 1024, 0}, ""},
		{"none with a limit", `{"spec":{"containers":[{"name":"web"}]}}`, nil, memory{}, "none of its containers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			read := &object{}
			read.Spec.Template = json.RawMessage(test.template)
			got, why := hungry(read, test.pods)
			if got != test.want || (why == "") != (test.why == "") || !strings.Contains(why, test.why) {
				t.Errorf("got %+v, %q; want %+v, %q", got, why, test.want, test.why)
			}
		})
	}
}
