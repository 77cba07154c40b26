package davit_test

import (
	"strings"
	"testing"
	"time"

	"davit/events"
	"davit/events/davit"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTheEventOfAReconcileIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		workloads := rapid.SliceOfN(rapid.StringN(1, davit.MaximumWorkload, -1), 1, davit.MaximumWorkloads).Draw(t, "workloads")
		cause := rapid.StringN(0, davit.MaximumCause, -1).Draw(t, "cause")
		body, err := davit.Reconcile{Workloads: workloads, Cause: cause}.Event("an-id", at, "000000000000", "ap-northeast-2")
		if err != nil {
			t.Fatal(err)
		}
		event, err := events.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		want := events.Event{
			ID: "an-id", Source: davit.Source, DetailType: davit.DetailTypeReconcile, Account: "000000000000",
			Region: "ap-northeast-2", Time: at.UTC(), Resources: []string{},
			Detail: &davit.Reconcile{Version: davit.Version, Workloads: workloads, Cause: cause},
		}
		if difference := cmp.Diff(want, event); difference != "" {
			t.Fatalf("differs when read (-want +got):\n%s", difference)
		}
	})
}

func TestTheEventOfAReconcileRefusesWhatCouldNotBeRead(t *testing.T) {
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	web := []string{"ecs:davit/web"}
	for _, test := range []struct {
		name, id, account, region string
		at                        time.Time
		workloads                 []string
		cause, want               string
	}{
		{"no id", "", "000000000000", "eu-north-1", now, web, "", "id"},
		{"no account", "a", "", "eu-north-1", now, web, "", "account"},
		{"no region", "a", "000000000000", "", now, web, "", "region"},
		{"no time", "a", "000000000000", "eu-north-1", time.Time{}, web, "", "time"},
		{"no workload", "a", "000000000000", "eu-north-1", now, nil, "", "detail.workloads"},
		{"an empty workload", "a", "000000000000", "eu-north-1", now, []string{""}, "", "detail.workloads[0]"},
		{"too many workloads", "a", "000000000000", "eu-north-1", now, strings.Split("a,a,a,a,a,a,a,a,a,a,a", ","), "",
			"detail.workloads"},
		{"a long cause", "a", "000000000000", "eu-north-1", now, web, strings.Repeat("x", davit.MaximumCause+1),
			"detail.cause"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, err := davit.Reconcile{Workloads: test.workloads, Cause: test.cause}.Event(test.id, test.at, test.account, test.region)
			if err == nil || !strings.Contains(err.Error(), test.want+":") {
				t.Errorf("got %s, %v; want an error that names %s", body, err, test.want)
			}
		})
	}
}
