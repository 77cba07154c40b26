package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"davit/cmd/davit/command/show"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// TestAWorkloadIsSeenThroughTheCommandLine goes from a push to a rollback and back, with the function's own code at the
// other end of the queue.
func TestAWorkloadIsSeenThroughTheCommandLine(t *testing.T) {
	web := newService(t, "web")
	first := push(t, web.name, "1.0.0", "amd64")

	t.Run("a workload that the ledger never saw is explained by reads alone", func(t *testing.T) {
		explained := run(t, "explain", web.workload)
		explained.want(t, ExitDone, "roll 1.0.0", "is pinned to its digest", "opted in", "number 1 by semver:1.x")
		explained.wantOnlyReads(t)
		status := run(t, "status")
		status.want(t, ExitDone, web.workload, "rolls 1.0.0", "semver:1.x")
		status.wantOnlyReads(t)
		history := run(t, "history", web.workload)
		history.want(t, ExitDone, "has no history yet")
		history.wantOnlyReads(t)
	})

	t.Run("the sweep in a dry run says what would happen, and nothing happens", func(t *testing.T) {
		sweep := `{"version":"0","id":"tick","detail-type":"Scheduled Event","source":"aws.events","account":"000000000000",` +
			`"time":"2026-11-22T12:00:00Z","region":"ap-northeast-2","resources":[],"detail":{}}`
		seen := runWith(t, sweep, "replay", "-", "--dry-run")
		seen.want(t, ExitDone, "What comes in: sweep", "roll 1.0.0", "davit replay without --dry-run gives the event to the function")
		seen.wantOnlyReads(t)
		if version := wantJSON[show.Explanation](t, run(t, "explain", web.workload, "--json")).Record.Version; version != 0 {
			t.Errorf("the record has version %d", version)
		}
	})

	reports, _ := function(t)
	t.Run("rollout without an image asks for the best one and waits for it", func(t *testing.T) {
		run(t, "rollout", web.workload, "--why", "no need to wait", "--timeout", "30s").want(t, ExitDone,
			"root asked for 1.0.0", web.workload+" runs 1.0.0", "succeed")
		run(t, "rollout", web.workload, "--why", "again").want(t, ExitDone, "runs already and is the best by the policy")
		run(t, "status").want(t, ExitDone, "up to date")
	})

	quiet(t) // a late event of that rollout would roll the next image out before it is held
	second := push(t, web.name, "1.1.0", "amd64")
	file := filepath.Join(t.TempDir(), "push.json")
	fatal(t, os.WriteFile(file, []byte(pushed(web.name, "1.1.0", second)), 0o600))
	t.Run("a push in a dry run says what would happen", func(t *testing.T) {
		seen := run(t, "replay", file, "--dry-run", "--json")
		seen.want(t, ExitDone)
		seen.wantOnlyReads(t)
		answer := wantJSON[replayed](t, seen)
		if len(answer.Workloads) != 1 || answer.Workloads[0].Decision.Image.Digest != second || answer.Sent ||
			answer.Cause != "push of web:1.1.0 (success)" {
			t.Errorf("it answers %+v", answer)
		}
	})
	t.Run("an event that concerns no workload says so", func(t *testing.T) {
		runWith(t, pushed("other", "1.0.0", second), "replay", "-", "--dry-run").want(t, ExitDone,
			"It would be acknowledged: no workload follows", "davit explain WORKLOAD says what one follows")
	})

	t.Run("a held workload stays, and a resumed one rolls", func(t *testing.T) { holdAndResume(t, web, file) })
	t.Run("rollback goes to what ran before, and forgive undoes it", func(t *testing.T) { rollbackAndForgive(t, web, first) })
	t.Run("an image that cannot run is refused", func(t *testing.T) {
		push(t, web.name, "1.0.9", "arm64")
		refused := run(t, "rollout", web.workload, "--to", "1.0.9", "--why", "try", "--json")
		refused.want(t, ExitFailed, "linux/arm64")
		if answer := wantJSON[asked](t, refused); answer.Outcome != outcomeFailed || answer.Image.Tag != "1.0.9" || len(answer.Entries) != 1 {
			t.Errorf("it answers %+v", answer)
		}
	})
	t.Run("the function tells what humans did, who may not publish it themselves", func(t *testing.T) {
		for told, times := range map[string]int{"Workload Held root": 1, "Rollout Requested oncall": 2, "Rollout Requested root": 2,
			"Workload Resumed root": 1, "Images Forgiven root": 1} {
			line := web.workload + " " + told
			for deadline := time.Now().Add(20 * time.Second); reports.times(line) < times && time.Now().Before(deadline); {
				time.Sleep(50 * time.Millisecond)
			}
			if got := reports.times(line); got < times {
				t.Errorf("%q was told %d times, want at least %d", told, got, times)
			}
		}
	})
	t.Run("the history is told from oldest to newest", func(t *testing.T) {
		told := run(t, "history", web.workload)
		told.want(t, ExitDone, "davit rollback by oncall", "davit hold by root", "outcome   succeeded after", "decided   refuse 1.0.9")
		told.wantOnlyReads(t)
		if strings.Index(told.output, "davit hold") > strings.Index(told.output, "davit rollback") {
			t.Errorf("the order is wrong:\n%s", told.output)
		}
		entries := wantJSON[[]ledger.Entry](t, run(t, "history", web.workload, "--limit", "2", "--json"))
		if len(entries) != 2 || entries[0].Action != "rollout" || entries[1].Action != "refuse" {
			t.Errorf("the last two are %+v", entries)
		}
	})
	t.Run("what only reads only read at the end too", func(t *testing.T) {
		for _, arguments := range [][]string{{"status"}, {"status", web.workload, "--json"}, {"explain", web.workload},
			{"explain", web.workload, "--json"}} {
			seen := run(t, arguments...)
			seen.want(t, ExitDone)
			seen.wantOnlyReads(t)
		}
	})
	t.Run("the shell completes workloads and images", func(t *testing.T) {
		run(t, "__complete", "status", "ecs:w").want(t, ExitDone, web.workload+"\n")
		run(t, "__complete", "explain", "ecs:x").want(t, ExitDone, ":4")
		run(t, "__complete", "rollback", web.workload, "--to", "1.0").want(t, ExitDone, "1.0.0\t")
	})
}

func holdAndResume(t *testing.T, web service, file string) {
	run(t, "resume", web.workload).want(t, ExitDone, "is not held")
	run(t, "hold", web.workload, "--why", "load test", "--until", "2h").want(t, ExitDone, "is held by root since")
	run(t, "replay", file).want(t, ExitDone, "is on the queue", "davit history WORKLOAD")
	eventually(t, "would roll out, but it is held by root", "history", web.workload)
	statuses := wantJSON[[]show.Status](t, run(t, "status", web.workload, "--json"))
	if len(statuses) != 1 || strings.Join(statuses[0].States, ", ")[:16] != "would roll 1.1.0" || statuses[0].States[1] != "held" ||
		statuses[0].Running.Tag != "1.0.0" || statuses[0].LastEvent == nil {
		t.Errorf("status says %+v", statuses)
	}
	run(t, "explain", web.workload).want(t, ExitDone, "hold        closed  by root since")
	held := run(t, "rollout", web.workload, "--to", "1.1.0", "--why", "hurry", "--who", "oncall")
	held.want(t, ExitFailed, "refused: oncall asked for 1.1.0", "The request stands", "--override")
	run(t, "resume", web.workload).want(t, ExitDone, "is no longer held")
	eventually(t, "1.1.0 (", "status", web.workload)
	eventually(t, "up to date", "status", web.workload)
}

func rollbackAndForgive(t *testing.T, web service, first string) {
	back := run(t, "rollback", web.workload, "--why", "slow", "--who", "oncall", "--json")
	back.want(t, ExitDone, "are set aside once it rolls out, so that it stays")
	if answer := wantJSON[asked](t, back); answer.Outcome != outcomeDone || answer.Image.Digest != first || answer.From.Tag != "1.1.0" ||
		answer.Who != "oncall" {
		t.Errorf("it answers %+v", answer)
	}
	run(t, "status", web.workload).want(t, ExitDone, "1.0.0 (", "1 set aside")
	run(t, "rollback", web.workload, "--why", "slow").want(t, ExitFailed, "has nothing to go back to", "are set aside or deleted", "--to")
	run(t, "__complete", "forgive", web.workload, "").want(t, ExitDone, "1.1.0\t", "oncall went to 1.0.0")
	run(t, "forgive", web.workload, "3.0.0").want(t, ExitFailed, `"3.0.0" is not set aside: none has this tag`, "These are: 1.1.0")
	run(t, "forgive", web.workload, "1.1.0").want(t, ExitDone, "1.1.0 (", "may be tried again")
	run(t, "forgive", web.workload).want(t, ExitDone, "No image of "+web.workload+" is set aside")
	eventually(t, "1.1.0 (", "status", web.workload)
	eventually(t, "up to date", "status", web.workload)
}

func TestARequestThatIsNotWaitedForIsLeftInTheLedger(t *testing.T) {
	api := newService(t, "api")
	wanted := push(t, api.name, "1.1.0", "amd64")
	short := strings.TrimPrefix(workload.ShortDigest(wanted), "sha256:")
	run(t, "rollout", api.workload, "--to", short, "--why", "later", "--wait=false").want(t, ExitDone, "is asked for on "+api.workload)
	record := wantJSON[show.Explanation](t, run(t, "explain", api.workload, "--json")).Record
	if record.Request == nil || record.Request.Image.Digest != wanted || record.Request.Image.Tag != "1.1.0" || record.Request.Override {
		t.Fatalf("the record has the request %+v", record.Request)
	}
	if newest := record.Request.Newest; newest.IsZero() || !newest.Equal(record.Request.Image.PushedAt) {
		t.Errorf("the newest image that was seen was pushed at %s, want %s", newest, record.Request.Image.PushedAt)
	}
	run(t, "rollout", api.workload, "--to", "1.0.0", "--why", "nobody is there", "--timeout", "1200ms").want(t, ExitFailed,
		"no outcome within 1.2s", "davit history "+api.workload)
	run(t, "rollout", api.workload, "--to", "7.0.0", "--why", "typo").want(t, ExitFailed,
		`repository api has no image "7.0.0": none has this tag`, "The newest are", "1.1.0", "davit explain "+api.workload)
	run(t, "rollback", api.workload, "--to", wanted[:10], "--why", "typo").want(t, ExitFailed, api.workload+": repository api has no image",
		"at least six digits", "did you mean 1.1.0 "+wanted+"?")
	run(t, "rollout", api.workload, "--to", "sha256:"+strings.Repeat("0", 64), "--why", "typo").want(t, ExitFailed, "has no image")
	run(t, "rollback", api.workload, "--why", "never rolled").want(t, ExitFailed, "davit has seen no other image run well on it")
	run(t, "status", api.workload).want(t, ExitDone, "asked for 1.0.0")
}

func TestAHoldOfWhatWasDeletedSaysSo(t *testing.T) {
	old := newService(t, "old")
	run(t, "hold", old.workload, "--why", "it goes").want(t, ExitDone, "is held by root")
	_, err := ecs.NewFromConfig(localConfiguration("")).DeleteService(t.Context(),
		&ecs.DeleteServiceInput{Cluster: &old.name, Service: &old.name, Force: aws.Bool(true)})
	fatal(t, err)
	held := run(t, "hold", old.workload, "--why", "it went")
	held.want(t, ExitDone, "is held by root", old.workload+" does not exist now", "davit resume "+old.workload)
	if strings.Contains(held.errors, "carries no davit/policy tag") {
		t.Errorf("what is gone is told of its tags:\n%s", held.errors)
	}
}

func TestTheSweepRunsWhenItsEventIsReplayed(t *testing.T) {
	swept := newService(t, "swept")
	function(t)
	eventually(t, "up to date", "status", swept.workload) // by the event of its own first deployment
	quiet(t)
	push(t, swept.name, "1.1.0", "amd64")
	run(t, "replay", "../../../events/schedule/testdata/rule.json").want(t, ExitDone, "is on the queue")
	eventually(t, "  sweep\n  decided   roll 1.1.0", "history", swept.workload)
}
