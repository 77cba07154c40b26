package recovery

import (
	"fmt"
	"testing"
	"time"

	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

func TestAStormLastsWhileManyIncidentsComeAndNoLonger(t *testing.T) {
	limits, fleet, serial := settings.Limits{}.WithDefaults(), ledger.Fleet{}, 0
	opens := func(at time.Time, times int) {
		for range times {
			serial++
			reference, err := workload.ECSService("production", fmt.Sprintf("web-%d", serial))
			if err != nil {
				t.Fatal(err)
			}
			gather(&fleet, ledger.Opening{Workload: reference, Incident: fmt.Sprintf("inc-%d", serial), At: at}, limits)
		}
	}
	opens(noon, limits.StormIncidents-1)
	if fleet.Storm != nil {
		t.Fatalf("%d incidents are a storm: %+v", limits.StormIncidents-1, fleet.Storm)
	}
	opens(noon, 1)
	if fleet.Storm == nil || !fleet.Storm.Until.Equal(noon.Add(15*time.Minute)) {
		t.Fatalf("the storm is %+v", fleet.Storm)
	}
	first := fleet.Storm.ID
	opens(noon.Add(14*time.Minute), limits.StormIncidents)
	if fleet.Storm == nil || fleet.Storm.ID != first || !fleet.Storm.Until.Equal(noon.Add(29*time.Minute)) {
		t.Fatalf("the storm that goes on is %+v", fleet.Storm)
	}
	for at := noon.Add(20 * time.Minute); at.Before(noon.Add(time.Hour)); at = at.Add(5 * time.Minute) {
		opens(at, 1)
	}
	if fleet.Storm != nil {
		t.Errorf("one incident in 5 minutes keeps the storm up: %+v", fleet.Storm)
	}
}
