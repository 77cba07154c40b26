package show_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
)

const (
	oldDigest = "sha256:aaaaaaaaaaaa0000000000000000000000000000000000000000000000000000"
	newDigest = "sha256:bbbbbbbbbbbb0000000000000000000000000000000000000000000000000000"
)

var (
	noon     = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	oldImage = ledger.Image{Digest: oldDigest, Tag: "1.0.0", PushedAt: noon.Add(-time.Hour)}
	newImage = ledger.Image{Digest: newDigest, Tag: "1.1.0", PushedAt: noon}
)

func web(t *testing.T) workload.Reference {
	t.Helper()
	reference, err := workload.ParseReference("ecs:davit/web")
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

func wantText(t *testing.T, want string, write func(*strings.Builder) error) {
	t.Helper()
	var written strings.Builder
	if err := write(&written); err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(strings.TrimPrefix(want, "\n"), written.String()); difference != "" {
		t.Errorf("it is written so (-want +got):\n%s", difference)
	}
}

func TestAHistoryIsToldFromOldestToNewest(t *testing.T) {
	entries := []ledger.Entry{
		{At: noon.Add(8200 * time.Millisecond), ID: "3", Cause: "davit hold by oncall", Action: "hold", Code: "requested", Reason: "load test"},
		{At: noon.Add(4200 * time.Millisecond), ID: "2", Cause: "SERVICE_DEPLOYMENT_FAILED of ecs-svc/1", Action: "fail", Code: "rolled-back",
			Reason: "tasks failed to start", Image: &newImage, Rollout: "rollout-1",
			Evidence: []string{"task 1 stopped: exit code 1", "task 2 stopped: exit code 1"}},
		{At: noon, ID: "1", Cause: "push of web:1.1.0 (success)", Action: "roll", Code: "newer-image", Reason: "1.1.0 is the best",
			Image: &newImage, Rollout: "rollout-1"},
		{At: noon.Add(9 * time.Second), ID: "4", Action: "roll", Code: "newer-image", Reason: "1.2.0 is the best",
			Image: &ledger.Image{Digest: oldDigest}, Rollout: "rollout-2"},
	}
	wantText(t, `
2026-11-22T12:00:00Z  push of web:1.1.0 (success)
  decided   roll 1.1.0 (bbbbbbbbbbbb) [newer-image]
  because   1.1.0 is the best
  outcome   failed after 4.2s
2026-11-22T12:00:04Z  SERVICE_DEPLOYMENT_FAILED of ecs-svc/1
  decided   fail 1.1.0 (bbbbbbbbbbbb) [rolled-back]
  because   tasks failed to start
  evidence  task 1 stopped: exit code 1
            task 2 stopped: exit code 1
2026-11-22T12:00:08Z  davit hold by oncall
  decided   hold [requested]
  because   load test
2026-11-22T12:00:09Z  nothing is known of the cause
  decided   roll aaaaaaaaaaaa [newer-image]
  because   1.2.0 is the best
  outcome   none yet
`, func(w *strings.Builder) error { return show.History(w, entries) })
	if entries[0].ID != "3" {
		t.Error("the caller's entries were put in another order")
	}
}

type fullDisk struct{}

var errFull = errors.New("the disk is full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestAWriteThatFailsIsAnError(t *testing.T) {
	entries := []ledger.Entry{{At: noon, Action: "hold"}}
	for name, err := range map[string]error{
		"history":     show.History(fullDisk{}, entries),
		"status":      show.StatusTable(fullDisk{}, []show.Status{{}}),
		"explanation": show.ExplanationText(fullDisk{}, show.Explanation{}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s answers %v", name, err)
		}
	}
}

func TestTheStateOfAWorkload(t *testing.T) {
	frozen := settings.Settings{Freezes: []settings.Freeze{{Name: "lunch", Cron: "0 12 * * *", Duration: settings.Duration(time.Hour)}}}
	opted := workload.Observation{Workload: web(t), Exists: true, Settings: workload.Settings{Policy: "semver:1.x"}}
	held := opted
	held.Settings.Hold = "oncall is at work"
	upToDate := rollout.Decision{Action: rollout.Nothing, Code: rollout.UpToDate, Image: &oldImage}
	for _, test := range []struct {
		name      string
		settings  settings.Settings
		explained rollout.Explanation
		want      string
	}{
		{"it does not exist", settings.Settings{}, rollout.Explanation{}, "gone"},
		{"it did not opt in", frozen, rollout.Explanation{Observation: workload.Observation{Workload: web(t), Exists: true},
			Decision: rollout.Decision{Action: rollout.Nothing, Code: rollout.NotOptedIn}}, "not opted in"},
		{"it runs the best image", settings.Settings{}, rollout.Explanation{Observation: opted, Decision: upToDate}, "up to date"},
		{"a better image is set aside", settings.Settings{}, rollout.Explanation{Observation: opted,
			Record:   ledger.Record{SetAside: []ledger.SetAside{{Image: newImage}}},
			Decision: rollout.Decision{Action: rollout.Refuse, Code: rollout.BadDigest, Image: &newImage}}, "up to date, 1 set aside"},
		{"a better image rolls next", settings.Settings{}, rollout.Explanation{Observation: opted,
			Decision: rollout.Decision{Action: rollout.Roll, Code: rollout.NewerImage, Image: &newImage}}, "rolls 1.1.0 (bbbbbbbbbbbb) next"},
		{"a rollout is in progress", settings.Settings{}, rollout.Explanation{Observation: opted,
			Record: ledger.Record{Rollout: &ledger.Rollout{Image: newImage, Phase: ledger.Started}}}, "rolling 1.1.0 (bbbbbbbbbbbb)"},
		{"a rollout is overdue", settings.Settings{}, rollout.Explanation{Observation: opted,
			Record: ledger.Record{Rollout: &ledger.Rollout{Image: newImage, Phase: ledger.Started, Overdue: true}}},
			"rolling 1.1.0 (bbbbbbbbbbbb), overdue"},
		{"a rollout is put back", settings.Settings{}, rollout.Explanation{Observation: opted,
			Record: ledger.Record{Rollout: &ledger.Rollout{Image: newImage, Phase: ledger.PuttingBack}}}, "putting back 1.1.0 (bbbbbbbbbbbb)"},
		{"it is held by its tag", settings.Settings{}, rollout.Explanation{Observation: held,
			Decision: rollout.Decision{Action: rollout.Refuse, Code: rollout.Held, Image: &newImage}}, "would roll 1.1.0 (bbbbbbbbbbbb), held"},
		{"it is held by the ledger", settings.Settings{}, rollout.Explanation{Observation: opted, Decision: upToDate,
			Record: ledger.Record{Hold: &ledger.Hold{Who: "oncall"}}}, "up to date, held"},
		{"its hold has ended", settings.Settings{}, rollout.Explanation{Observation: opted, Decision: upToDate,
			Record: ledger.Record{Hold: &ledger.Hold{Who: "oncall", Until: noon}}}, "up to date"},
		{"it is frozen", frozen, rollout.Explanation{Observation: opted, Decision: upToDate}, "up to date, frozen until 2026-11-22T13:00:00Z"},
		{"an image is asked for", settings.Settings{}, rollout.Explanation{Observation: opted,
			Record:   ledger.Record{Request: &ledger.Request{Image: oldImage}},
			Decision: rollout.Decision{Action: rollout.Wait, Code: rollout.InProgress}}, "asked for 1.0.0 (aaaaaaaaaaaa), waits"},
		{"its policy is wrong", settings.Settings{}, rollout.Explanation{Observation: opted,
			Decision: rollout.Decision{Action: rollout.Refuse, Code: rollout.BadPolicy}}, "refused: bad-policy"},
		{"no image qualifies", settings.Settings{}, rollout.Explanation{Observation: opted,
			Decision: rollout.Decision{Action: rollout.Nothing, Code: rollout.NoCandidate}}, "no image qualifies"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(show.States(noon, test.settings, test.explained), ", "); got != test.want {
				t.Errorf("it is %q, want %q", got, test.want)
			}
		})
	}
}

func TestStatesAreATable(t *testing.T) {
	wantText(t, `
WORKLOAD       RUNNING               POLICY      STATE             LAST EVENT
ecs:davit/web  1.0.0 (aaaaaaaaaaaa)  semver:1.x  up to date, held  2026-11-22T12:00:00Z hold [requested]
ecs:davit/web  -                     -           unknown           -
ecs:davit/web is unknown: first line twice
`, func(w *strings.Builder) error {
		return show.StatusTable(w, []show.Status{
			{Workload: web(t), Running: &oldImage, Policy: "semver:1.x", States: []string{"up to date", "held"},
				LastEvent: &ledger.Entry{At: noon, Action: "hold", Code: "requested"}},
			{Workload: web(t), States: []string{"unknown"}, Error: "first line\n\ttwice"},
		})
	})
}

func TestAnExplanationIsToldImageByImage(t *testing.T) {
	explained := rollout.Explanation{
		Record: ledger.Record{Workload: web(t), Hold: &ledger.Hold{Who: "oncall", Why: "load test", At: noon},
			SetAside: []ledger.SetAside{{Image: newImage, Reason: "exit code 1"}}},
		Observation: workload.Observation{Workload: web(t), Exists: true, Desired: 2, Running: 2,
			Settings: workload.Settings{Policy: "semver:1.x"},
			Deployments: []workload.Deployment{{ID: "ecs-svc/0", Primary: true, State: workload.Completed},
				{ID: "ecs-svc/1", State: workload.InProgress, CreatedAt: noon}}},
		Decision: rollout.Decision{Action: rollout.Refuse, Code: rollout.BadDigest, Image: &newImage, Reason: "1.1.0 is set aside"},
	}
	wantText(t, `
ecs:davit/web
  follows    000000000000/ap-northeast-2/web
  runs       1.0.0 (aaaaaaaaaaaa), 2 of 2 tasks
  set aside  1
  decision   refuse 1.1.0 (bbbbbbbbbbbb) [bad-digest]
  reason     1.1.0 is set aside

GATE        STATE   REASON
stop        open    -
opted in    open    semver:1.x
controller  open    -
rollout     open    -
deployment  closed  ecs-svc/1 is in progress since 2026-11-22T12:00:00Z
hold        closed  by oncall since 2026-11-22T12:00:00Z: load test
freeze      open    -

TAG    DIGEST        PUSHED                VERDICT
1.1.0  bbbbbbbbbbbb  2026-11-22T12:00:00Z  left out: set aside: exit code 1
1.0.0  aaaaaaaaaaaa  2026-11-22T11:00:00Z  runs; number 2 by semver:1.x
-      aaaaaaaaaaaa  -                     left out: it has no tag
`, func(w *strings.Builder) error {
		return show.ExplanationText(w, show.Explanation{Workload: web(t), Running: &oldImage, Repository: "000000000000/ap-northeast-2/web",
			Decision: explained.Decision, Gates: show.Gates(noon, settings.Settings{}, explained), Record: explained.Record,
			Observation: explained.Observation, Images: []show.Verdict{
				{Verdict: rollout.Verdict{Digest: newDigest, Tag: "1.1.0", Reason: "set aside: exit code 1"}, PushedAt: noon},
				{Verdict: rollout.Verdict{Digest: oldDigest, Tag: "1.0.0", Qualifies: true, Running: true, Reason: "number 2 by semver:1.x"},
					PushedAt: noon.Add(-time.Hour)},
				{Verdict: rollout.Verdict{Digest: oldDigest, Reason: "it has no tag"}},
			}})
	})
}

func TestDurationsAreShort(t *testing.T) {
	for length, want := range map[time.Duration]string{-time.Second: "0s", 4210 * time.Millisecond: "4.2s", 75 * time.Second: "1m15s",
		90*time.Minute + 20*time.Second: "1h30m"} {
		if got := show.Duration(length); got != want {
			t.Errorf("%s is told as %q, want %q", length, got, want)
		}
	}
}
