package settings_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"davit/shared/settings"
)

func TestPlaybooksAreValidated(t *testing.T) {
	for _, test := range []struct{ name, recovery, want string }{
		{"a ladder of its own", `{"playbooks":{"mine":{"steps":[{"do":"restart","timeout":"3m"},{"do":"page"}]}}}`, ""},
		{"a ladder without patience", `{"playbooks":{"mine":{"patience":"0s","steps":[{"do":"page"}]}}}`, ""},
		{"limits", `{"limits":{"cooldown":"5m","fleetPercent":50}}`, ""},
		{"no steps", `{"playbooks":{"mine":{"steps":[]}}}`, `recovery.playbooks["mine"].steps: want 1 to 10`},
		{"a step that is none", `{"playbooks":{"mine":{"steps":[{"do":"pray"},{"do":"page"}]}}}`,
			`recovery.playbooks["mine"].steps[0].do: "pray" is no step`},
		{"a ladder that ends at no human", `{"playbooks":{"mine":{"steps":[{"do":"restart"}]}}}`, "the last step must be page"},
		{"a step twice", `{"playbooks":{"mine":{"steps":[{"do":"restart"},{"do":"restart"},{"do":"page"}]}}}`, "restart is there twice"},
		{"a page in between", `{"playbooks":{"mine":{"steps":[{"do":"page"},{"do":"restart"},{"do":"page"}]}}}`, "page is there twice"},
		{"a timeout of a day", `{"playbooks":{"mine":{"steps":[{"do":"restart","timeout":"24h"},{"do":"page"}]}}}`,
			"steps[0].timeout: want 1s to 2h, not 24h"},
		{"the reserved name", `{"playbooks":{"default":{"steps":[{"do":"page"}]}}}`, `recovery.playbooks["default"]`},
		{"a name in capitals", `{"playbooks":{"Mine":{"steps":[{"do":"page"}]}}}`, `recovery.playbooks["Mine"]`},
		{"patience of a day", `{"playbooks":{"mine":{"patience":"24h","steps":[{"do":"page"}]}}}`, "patience: want 0s to 1h"},
		{"the fleet above itself", `{"limits":{"fleetPercent":101}}`, "recovery.limits.fleetPercent: want 1 to 100"},
		{"a storm of one", `{"limits":{"stormIncidents":1}}`, "recovery.limits.stormIncidents"},
		{"a field that is not known", `{"limits":{"calm":true}}`, "calm"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := settings.Parse([]byte(`{"version":"1","recovery":` + test.recovery + `}`))
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestTheStopIsReadBackAsItWasWritten(t *testing.T) {
	stop := &settings.Stop{Who: "oncall", Why: "a storm", At: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	text, err := stop.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := settings.ParseStop(text); got == nil || *got != *stop {
		t.Errorf("got %v; want %v", got, stop)
	}
	for _, none := range []string{"", " ", settings.NoStop, " {} "} {
		if got := settings.ParseStop(none); got != nil {
			t.Errorf("%q is %v; want no stop", none, got)
		}
	}
	for _, byHand := range []string{"true", "stop!", `{"reason":"storm"}`, `{"at":5}`, `["storm"]`} {
		if got := settings.ParseStop(byHand); got == nil || !strings.Contains(got.String(), strconv.Quote(byHand)) {
			t.Errorf("%s is %v; want a stop that shows it", byHand, got)
		}
	}
}
