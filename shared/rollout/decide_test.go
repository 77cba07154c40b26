package rollout

import (
	"strings"
	"testing"
	"time"

	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

var (
	noon       = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	repository = workload.Repository{Registry: "123456789012", Region: "eu-west-1", Name: "web"}
	base       = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web"
)

// digest makes a valid digest that ends in a letter.
func digest(letter string) string { return "sha256:" + strings.Repeat("0", 63) + letter }

func image(letter, tag string, minute int) imagepolicy.Image {
	return imagepolicy.Image{Digest: digest(letter), Tags: []string{tag}, PushedAt: noon.Add(time.Duration(minute) * time.Minute)}
}

// scene is a workload that runs image a (1.0.0) well, with 1.1.0 and 0.9.0 pushed beside it; each case changes what it
// is about.
type scene struct {
	now      time.Time
	settings settings.Settings
	record   ledger.Record
	seen     Seen
	cause    Cause
}

func newScene() *scene {
	reference, err := workload.ECSService("production", "web")
	if err != nil {
		panic(err)
	}
	return &scene{now: noon.Add(time.Hour), settings: settings.Settings{Version: settings.Version}, record: ledger.Record{Workload: reference},
		seen: Seen{Images: []imagepolicy.Image{image("a", "1.0.0", 0), image("b", "1.1.0", 10), image("c", "0.9.0", 20)},
			Workload: workload.Observation{Workload: reference, Exists: true, Settings: workload.Settings{Policy: "semver:>=0.1"},
				Account: repository.Registry, Region: repository.Region, RollsBack: true, Revision: "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1",
				Containers: []workload.Container{{Name: "web", Image: base + "@" + digest("a")}}, Desired: 2, Running: 2,
				Deployments: []workload.Deployment{{ID: "ecs-svc/1", Primary: true, State: workload.Completed, Desired: 2, Running: 2, CreatedAt: noon,
					Revision: "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1"}}}}}
}

func TestADeploymentOfWhichNoEventTellsIsWatched(t *testing.T) {
	for elapsed, want := range map[time.Duration]time.Duration{0: 2 * time.Second, 4 * time.Second: 2 * time.Second, 20 * time.Second: 5 * time.Second,
		10 * time.Minute: time.Minute, 31 * time.Minute: 0} {
		s := newScene()
		s.rolling().StartedAt = s.now.Add(-elapsed)
		if got := s.decide().Watch; got != 0 {
			t.Errorf("ECS tells, and still: looked at again after %s", got)
		}
		s.seen.Workload.Quiet = true
		if got := s.decide().Watch; got != want {
			t.Errorf("after %s it is looked at again after %s, want %s", elapsed, got, want)
		}
	}
	s := newScene()
	s.seen.Workload.Quiet = true
	if got := s.decide(); got.Action != Roll || got.Watch != firstWatch {
		t.Errorf("decided %+v", got)
	}
}

func (s *scene) decide() Decision { return Decide(s.now, s.settings, s.record, s.seen, s.cause) }

func (s *scene) push(letter, tag string) {
	s.cause = Cause{ID: "1", Text: "push of web:" + tag, Repository: repository, Digest: digest(letter), Tag: tag}
}

// remembers has the image parameter read, with this value.
func (s *scene) remembers(image string) { s.seen.Workload.Remembered = &image }

// rolling puts the scene in the middle of a rollout of 1.1.0.
func (s *scene) rolling() *ledger.Rollout {
	s.record.Rollout = &ledger.Rollout{ID: "rollout-1", Phase: ledger.Started, Image: ledger.Image{Digest: digest("b"), Tag: "1.1.0"},
		Containers: []string{"web"}, From: s.seen.Workload.Revision, Revision: "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2",
		Deployment: "ecs-svc/2", StartedAt: s.now.Add(-time.Minute)}
	s.seen.Workload.Revision = s.record.Rollout.Revision
	s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
	s.seen.Workload.Deployments[0].Primary = false
	s.seen.Workload.Deployments = append([]workload.Deployment{{ID: "ecs-svc/2", Primary: true, State: workload.InProgress, Desired: 2, Running: 1,
		CreatedAt: s.now.Add(-time.Minute), Revision: s.record.Rollout.Revision}}, s.seen.Workload.Deployments...)
	return s.record.Rollout
}

// shifted has somebody else's deployment bring up another revision beside the primary, since a while.
func (s *scene) shifted(since time.Duration) {
	s.seen.Workload.ShiftsTraffic = true
	s.seen.Workload.Deployments[0].CreatedAt = noon.Add(-24 * time.Hour)
	s.seen.Workload.Deployments = append(s.seen.Workload.Deployments, workload.Deployment{ID: "ecs-svc/9", State: workload.InProgress, Desired: 2, Running: 1,
		CreatedAt: s.now.Add(-since), Revision: "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2"})
}

// back puts the service back on what ran before the rollout.
func (s *scene) back() {
	s.seen.Workload.Revision = s.record.Rollout.From
	s.seen.Workload.Containers[0].Image = base + "@" + digest("a")
	s.seen.Workload.Deployments = s.seen.Workload.Deployments[1:]
	s.seen.Workload.Deployments[0].Primary = true
}

func TestDecide(t *testing.T) {
	cases := []struct {
		name   string
		change func(*scene)
		action Action
		code   Code
		reason string
	}{
		{"a newer image rolls out", func(s *scene) {}, Roll, NewerImage, "1.1.0 (000000000000) is the best by semver:>=0.1, and 1.0.0"},
		{"the best image already runs", func(s *scene) { s.seen.Workload.Containers[0].Image = base + "@" + digest("b") }, Nothing, UpToDate, "1.1.0"},
		{"a late push of an older image is refused", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.push("a", "1.0.0")
		}, Refuse, Older, "1.0.0 is older than 1.1.0, which runs"},
		{"a pushed image outside the policy is refused with the policy's reason", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.seen.Images = append(s.seen.Images, image("d", "nightly", 30))
			s.push("d", "nightly")
		}, Refuse, OutOfPolicy, "does not qualify"},
		{"a pushed image that the registry does not list yet is waited for", func(s *scene) { s.push("e", "2.0.0") }, Wait, NotVisible, "does not list"},
		{"a bad digest is not tried again", func(s *scene) {
			s.record.SetAside = []ledger.SetAside{{Image: ledger.Image{Digest: digest("b"), Tag: "1.1.0", At: noon}, Reason: "circuit breaker"}}
		}, Refuse, BadDigest, "set aside since 2026-03-02T12:00:00Z: circuit breaker"},
		{"what runs is not replaced by something older when its tag was removed", func(s *scene) {
			s.record.Good = []ledger.Image{{Digest: digest("b"), Tag: "1.1.0"}}
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.remembers(base + "@" + digest("b"))
			s.seen.Images[1].Tags = nil
		}, Nothing, UpToDate, "1.1.0"},
		{"what runs is not replaced by something older when it was deleted", func(s *scene) {
			s.record.Good = []ledger.Image{{Digest: digest("f"), Tag: "1.2.0"}}
			s.seen.Workload.Containers[0].Image = base + "@" + digest("f")
			s.remembers(base + "@" + digest("f"))
		}, Nothing, UpToDate, "1.2.0"},
		{"a followed tag goes back when it is moved back", func(s *scene) {
			s.seen.Workload.Settings.Policy = "tag:stable"
			s.record.Good = []ledger.Image{{Digest: digest("b"), Tag: "stable"}}
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.seen.Images[2].Tags = []string{"0.9.0", "stable"}
		}, Roll, NewerImage, "stable"},
		{"an image that runs by tag is pinned", func(s *scene) { s.seen.Workload.Containers[0].Image = base + ":1.1.0" }, Roll, NewerImage, "runs by tag and is pinned"},
		{"a workload without the tag is left alone", func(s *scene) { s.seen.Workload.Settings = workload.Settings{} }, Nothing, NotOptedIn, "davit/policy"},
		{"a request for a deleted workload is refused", func(s *scene) {
			s.seen.Workload.Exists = false
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", Override: true}
		}, Refuse, Gone, "oncall asked for 0.9.0 (000000000000), and there is no such workload any more"},
		{"a deleted workload is left alone", func(s *scene) { s.seen.Workload.Exists = false }, Nothing, Gone, "no such workload"},
		{"on Kubernetes what is back was put back by somebody", func(s *scene) { s.rolling(); s.back(); s.seen.Workload.Quiet = true }, Supersede, Superseded,
			"somebody put it back"},
		{"on Kubernetes pods that fail put it back, with their reason", func(s *scene) {
			s.rolling()
			s.seen.Workload.Quiet, s.seen.Workload.RollsBack = true, false
			s.seen.Workload.Deployments[0].FailedTasks, s.seen.Workload.Deployments[0].Reason = 3, "exit code 3"
		}, PutBack, TasksFailing, "3 of its tasks failed, 3 fail a deployment, and Kubernetes puts nothing back by itself: exit code 3"},
		{"a deployment without capacity is waited for", func(s *scene) {
			s.rolling()
			s.seen.Workload.Quiet, s.seen.Workload.RollsBack = true, false
			s.seen.Workload.Deployments[0].FailedTasks, s.seen.Workload.Deployments[0].Waits = 100, "no capacity"
		}, Wait, InProgress, "tasks run: no capacity"},
		{"a deployment that is late for want of capacity is told and stays", func(s *scene) {
			s.rolling().StartedAt = s.now.Add(-time.Hour)
			s.seen.Workload.Quiet, s.seen.Workload.RollsBack = true, false
			s.seen.Workload.Deployments[0].Waits = "no capacity"
		}, ReportOverdue, TimedOut, "no capacity"},
		{"the time of one that waited for capacity counts from when it had some", func(s *scene) {
			s.rolling().StartedAt = s.now.Add(-time.Hour)
			s.seen.Workload.Quiet, s.seen.Workload.RollsBack = true, false
			s.seen.Workload.Deployments[0].PlacedAt = s.now.Add(-time.Minute)
		}, Wait, InProgress, "is in progress"},
		{"a rollout that was intended is given up where something blocks it", func(s *scene) {
			s.rolling().Phase = ledger.Intended
			s.back()
			s.seen.Workload.Blocked = "it is paused"
		}, Abandon, Controller, "it is paused"},
		{"CodeDeploy is refused", func(s *scene) { s.seen.Workload.Blocked = "its deployment controller is CODE_DEPLOY" }, Refuse, Controller, "CODE_DEPLOY"},
		{"a bad policy is refused", func(s *scene) { s.seen.Workload.Settings.Policy = "semver:>>1" }, Refuse, BadPolicy, "semver"},
		{"a policy without a candidate does nothing", func(s *scene) { s.seen.Workload.Settings.Policy = "semver:9.x" }, Nothing, NoCandidate, "none of the 3 images"},
		{"containers of two repositories are ambiguous", func(s *scene) {
			s.seen.Workload.Containers = append(s.seen.Workload.Containers, workload.Container{Name: "side", Image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/side:1"})
		}, Refuse, Ambiguous, "name one by davit/container"},
		{"the named container of two is changed", func(s *scene) {
			s.seen.Workload.Containers = append(s.seen.Workload.Containers, workload.Container{Name: "side", Image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/side:1"})
			s.seen.Workload.Settings.Container = "web"
		}, Roll, NewerImage, "1.1.0"},
		{"a container that is not there is refused", func(s *scene) { s.seen.Workload.Settings.Container = "api" }, Refuse, Ambiguous, `names "api"`},
		{"the first image of an empty registry rolls out by davit/repository", func(s *scene) {
			s.seen.Workload.Containers[0].Image = "public.ecr.aws/nginx/nginx:stable"
			s.seen.Workload.Settings.Repository = "web"
		}, Roll, NewerImage, "no image of web runs by digest yet"},
		{"the first image of a public repository rolls out by davit/repository", func(s *scene) {
			s.seen.Workload.Containers[0].Image = "public.ecr.aws/nginx/nginx:stable"
			s.seen.Workload.Settings.Repository = "public.ecr.aws/a1b2c3d4/web"
		}, Roll, NewerImage, "no image of web runs by digest yet"},
		{"an image of a public repository is not replaced by an older one", func(s *scene) {
			s.seen.Workload.Containers[0].Image = "public.ecr.aws/a1b2c3d4/web@" + digest("b")
			s.seen.Workload.Settings.Repository = "public.ecr.aws/a1b2c3d4/web"
		}, Nothing, UpToDate, "1.1.0"},
		{"an image of another alias is not of the repository", func(s *scene) {
			s.seen.Workload.Containers[0].Image = "public.ecr.aws/other/web@" + digest("b")
			s.seen.Workload.Settings.Repository = "public.ecr.aws/a1b2c3d4/web"
		}, Roll, NewerImage, "no image of web runs by digest yet"},
		{"a public repository without its alias is refused", func(s *scene) {
			s.seen.Workload.Settings.Repository = "public.ecr.aws/web"
		}, Refuse, Ambiguous, "want public.ecr.aws/ALIAS/NAME"},
		{"a public image among several containers is not guessed", func(s *scene) {
			s.seen.Workload.Containers = append(s.seen.Workload.Containers, workload.Container{Name: "side", Image: "public.ecr.aws/nginx/nginx:1"})
			s.seen.Workload.Settings.Repository = "public.ecr.aws/a1b2c3d4/web"
		}, Refuse, Ambiguous, "name one by davit/container"},
		{"a missing repository is refused", func(s *scene) { s.seen.RepositoryMissing = true }, Refuse, NoRepository, "no repository web"},
		{"a hold by tag refuses", func(s *scene) { s.seen.Workload.Settings.Hold = "migration of the database" }, Refuse, Held, "migration of the database"},
		{"a global stop refuses", func(s *scene) { s.settings.Stop = &settings.Stop{Who: "oncall", Why: "a storm", At: noon} }, Refuse, Stopped, "davit is stopped by oncall"},
		{"a remedy that is being started is waited for", func(s *scene) {
			s.record.Recovery.Act = &ledger.Act{Do: "restart", Phase: ledger.Intended}
		}, Wait, InProgress, "being remedied"},
		{"a hold in the ledger refuses", func(s *scene) { s.record.Hold = &ledger.Hold{Who: "oncall", Why: "load test", At: noon} }, Refuse, Held, "by oncall since"},
		{"a hold that has ended does not", func(s *scene) {
			s.record.Hold = &ledger.Hold{Who: "oncall", Why: "load test", At: noon, Until: noon.Add(time.Minute)}
		}, Roll, NewerImage, ""},
		{"a hold says nothing where there is nothing to do", func(s *scene) {
			s.record.Hold = &ledger.Hold{Who: "oncall", Why: "load test", At: noon}
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
		}, Nothing, UpToDate, ""},
		{"a freeze refuses until it ends", func(s *scene) {
			s.settings.Freezes = []settings.Freeze{{Name: "night", Cron: "0 12 * * *", Duration: settings.Duration(3 * time.Hour)}}
		}, Refuse, Frozen, `"night" lasts until 2026-03-02T15:00:00Z`},
		{"somebody else's deployment is waited for", func(s *scene) {
			s.seen.Workload.Deployments[0].State = workload.InProgress
			s.seen.Workload.Deployments[0].CreatedAt = s.now.Add(-time.Minute)
		}, Wait, InProgress, "did not start"},
		{"somebody else's deployment that never ends is not waited for", func(s *scene) {
			s.seen.Workload.Deployments[0].State = workload.InProgress
			s.seen.Workload.Deployments[0].CreatedAt = s.now.Add(-time.Hour)
		}, Roll, NewerImage, ""},
		{"somebody else's deployment whose traffic has not moved is waited for", func(s *scene) { s.shifted(time.Minute) }, Wait, InProgress,
			"ecs-svc/9, which davit did not start"},
		{"one whose traffic moves for hours is waited for", func(s *scene) {
			s.shifted(3 * time.Hour)
			s.seen.Workload.Deployments[1].Running = 2
		}, Wait, InProgress, "ecs-svc/9, which davit did not start"},
		{"one that never ends is not waited for", func(s *scene) { s.shifted(time.Hour) }, Roll, NewerImage, ""},
		{"a deployment that the primary took the place of is not waited for", func(s *scene) {
			s.shifted(time.Minute)
			s.seen.Workload.Deployments[0].CreatedAt = s.now
		}, Roll, NewerImage, ""},
		{"an intent whose actor died waits for somebody else's deployment", func(s *scene) {
			s.shifted(time.Minute)
			s.record.Rollout = &ledger.Rollout{ID: "r", Phase: ledger.Intended, Image: ledger.Image{Digest: digest("b")}, From: s.seen.Workload.Revision,
				Containers: []string{"web"}, Lease: s.now}
		}, Wait, InProgress, "ecs-svc/9"},
		{"one that a human sent past deployments does not", func(s *scene) {
			s.shifted(time.Minute)
			s.record.Rollout = &ledger.Rollout{ID: "r", Phase: ledger.Intended, Image: ledger.Image{Digest: digest("b")}, From: s.seen.Workload.Revision,
				Containers: []string{"web"}, Lease: s.now, Request: &ledger.Request{Override: true}}
		}, Continue, Interrupted, ""},
		{"a parameter that does not name the proved image is written", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.record.Good = []ledger.Image{{Digest: digest("b"), Tag: "1.1.0"}}
			s.remembers("")
		}, Remember, NotRemembered, ""},
		{"a parameter that was not read is left alone", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.record.Good = []ledger.Image{{Digest: digest("b"), Tag: "1.1.0"}}
		}, Nothing, UpToDate, ""},

		{"a request goes back", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", Override: true}
		}, Roll, Requested, "oncall asked for 0.9.0"},
		{"an overriding request passes a hold", func(s *scene) {
			s.record.Hold = &ledger.Hold{Who: "release", Why: "x", At: noon}
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", Override: true}
		}, Roll, Requested, ""},
		{"a request without override does not", func(s *scene) {
			s.record.Hold = &ledger.Hold{Who: "release", Why: "x", At: noon}
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", At: noon.Add(time.Hour), Why: "errors"}
		}, Refuse, Held, "oncall asked for 0.9.0"},
		{"a request for what runs is settled", func(s *scene) {
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("a"), Tag: "1.0.0"}, Who: "oncall", Why: "stay"}
		}, Settle, AlreadyRunning, ""},
		{"a request for what runs waits for what is to take its place", func(s *scene) {
			s.shifted(time.Minute)
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("a"), Tag: "1.0.0"}, Who: "oncall", Why: "stay", At: noon.Add(time.Hour)}
		}, Wait, InProgress, "ecs-svc/9, which davit did not start"},
		{"an overriding one takes the place itself", func(s *scene) {
			s.shifted(time.Minute)
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("a"), Tag: "1.0.0"}, Who: "oncall", Why: "stay", Override: true}
		}, Roll, Requested, "oncall asked for 1.0.0"},
		{"one whose actor died is not taken for begun by what ran before", func(s *scene) {
			s.shifted(time.Minute)
			s.record.Rollout = &ledger.Rollout{ID: "r", Phase: ledger.Intended, Image: ledger.Image{Digest: digest("a")}, From: s.seen.Workload.Revision,
				Containers: []string{"web"}, Lease: s.now, Request: &ledger.Request{Override: true}}
		}, Continue, Interrupted, ""},

		{"an overriding request ends a rollout whose traffic has not moved", func(s *scene) {
			s.shifted(time.Minute)
			s.record.Rollout = &ledger.Rollout{ID: "r", Phase: ledger.Started, Image: ledger.Image{Digest: digest("b")}, From: s.seen.Workload.Revision,
				Containers: []string{"web"}, Deployment: "ecs-svc/9", Revision: "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2"}
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("a"), Tag: "1.0.0"}, Who: "oncall", Why: "errors", Override: true}
		}, Supersede, Requested, "oncall asked for 1.0.0 (000000000000) instead: errors"},
		{"an overriding request ends a rollout that is under way", func(s *scene) {
			s.rolling()
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("a"), Tag: "1.0.0"}, Who: "oncall", Why: "errors", Override: true}
		}, Supersede, Requested, "oncall asked for 1.0.0 (000000000000) instead: errors"},
		{"another request waits for the rollout", func(s *scene) {
			s.rolling()
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("a"), Tag: "1.0.0"}, Who: "oncall", Why: "errors"}
		}, Wait, InProgress, ""},
		{"an overriding request passes a deployment in progress", func(s *scene) {
			s.seen.Workload.Deployments[0].State = workload.InProgress
			s.seen.Workload.Deployments[0].CreatedAt = s.now.Add(-time.Minute)
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", Override: true}
		}, Roll, Requested, ""},
		{"a request that waited gives way to what was pushed since", func(s *scene) {
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", At: noon}
			s.seen.Images[1].PushedAt = noon.Add(time.Minute)
		}, Settle, Superseded, "oncall asked for 0.9.0 (000000000000), and 1.1.0 (000000000000) was pushed since"},
		{"a request stands against what was pushed before it", func(s *scene) {
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", At: noon.Add(time.Hour)}
		}, Roll, Requested, ""},
		{"a request of somebody whose clock is slow stands against what was seen when it was made", func(s *scene) {
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", At: noon.Add(-time.Hour),
				Newest: noon.Add(20 * time.Minute)}
		}, Roll, Requested, ""},
		{"a request of somebody whose clock is fast gives way to what was pushed since", func(s *scene) {
			s.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", At: noon.Add(24 * time.Hour),
				Newest: noon.Add(5 * time.Minute)}
		}, Settle, Superseded, "1.1.0 (000000000000) was pushed since"},
		{"a completed deployment is a success", func(s *scene) {
			s.rolling()
			s.seen.Workload.Deployments[0].State = workload.Completed
		}, Succeed, Completed, "ecs-svc/2 completed"},
		{"a deployment that completed without a task proves nothing", func(s *scene) {
			s.rolling()
			s.seen.Workload.Desired, s.seen.Workload.Running = 0, 0
			s.seen.Workload.Deployments[0].State, s.seen.Workload.Deployments[0].Desired, s.seen.Workload.Deployments[0].Running = workload.Completed, 0, 0
		}, Succeed, Unproved, "ecs-svc/2 completed, and proves nothing of the image: no task ran"},
		{"an image that was not proved is once all of its tasks run", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.record.Good = []ledger.Image{{Digest: digest("b"), Tag: "1.1.0", Unproved: true}}
		}, Remember, NotRemembered, "2 of 2 tasks run"},
		{"it is not while one of them does not", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.record.Good = []ledger.Image{{Digest: digest("b"), Tag: "1.1.0", Unproved: true}}
			s.seen.Workload.Deployments[0].Running = 1
		}, Nothing, UpToDate, ""},
		{"it is not where no task is wanted", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.record.Good = []ledger.Image{{Digest: digest("b"), Tag: "1.1.0", Unproved: true}}
			s.seen.Workload.Deployments[0].Desired, s.seen.Workload.Deployments[0].Running = 0, 0
		}, Nothing, UpToDate, ""},
		{"it is not while a deployment is under way", func(s *scene) {
			s.seen.Workload.Containers[0].Image = base + "@" + digest("b")
			s.record.Good = []ledger.Image{{Digest: digest("b"), Tag: "1.1.0", Unproved: true}}
			s.seen.Workload.Deployments[0].State = workload.InProgress
		}, Nothing, UpToDate, ""},
		{"a deployment in progress is waited for", func(s *scene) { s.rolling() }, Wait, InProgress, "1 of 2 tasks run"},
		{"stable on the old image is a failure", func(s *scene) {
			s.rolling()
			s.back()
		}, Fail, RolledBack, "back on web:1"},
		{"a failed deployment that is still listed is a failure with ECS's reason", func(s *scene) {
			s.rolling()
			failed := s.seen.Workload.Deployments[0]
			s.back()
			failed.Primary, failed.State, failed.Reason = false, workload.Failed, "ECS deployment circuit breaker: tasks failed to start."
			s.seen.Workload.Deployments = append(s.seen.Workload.Deployments, failed)
		}, Fail, RolledBack, "circuit breaker: tasks failed to start"},
		{"a failed deployment that the service stays on is put back", func(s *scene) {
			s.rolling()
			s.seen.Workload.Deployments[0].State = workload.Failed
		}, PutBack, RolledBack, ""},
		{"failing tasks without a circuit breaker are put back", func(s *scene) {
			s.rolling()
			s.seen.Workload.RollsBack = false
			s.seen.Workload.Deployments[0].FailedTasks = 3
		}, PutBack, TasksFailing, "3 of its tasks failed"},
		{"failing tasks with a circuit breaker are ECS's to judge", func(s *scene) {
			s.rolling()
			s.seen.Workload.Deployments[0].FailedTasks = 3
		}, Wait, InProgress, ""},
		{"a late rollout without a circuit breaker is put back", func(s *scene) {
			s.rolling().StartedAt = s.now.Add(-time.Hour)
			s.seen.Workload.RollsBack = false
		}, PutBack, TimedOut, "no outcome within 30m"},
		{"a late rollout with a circuit breaker is reported", func(s *scene) { s.rolling().StartedAt = s.now.Add(-time.Hour) }, ReportOverdue, TimedOut, ""},
		{"a late rollout is reported once", func(s *scene) {
			rollout := s.rolling()
			rollout.StartedAt, rollout.Overdue = s.now.Add(-time.Hour), true
		}, Wait, InProgress, ""},
		{"a green deployment that is not primary yet is in progress", func(s *scene) {
			s.rolling()
			green := s.seen.Workload.Deployments[0]
			s.back()
			green.Primary = false
			s.seen.Workload.Deployments = append(s.seen.Workload.Deployments, green)
		}, Wait, InProgress, "ecs-svc/2 is in progress"},
		{"a green deployment whose tasks fail is put back where ECS does not", func(s *scene) {
			s.rolling()
			green := s.seen.Workload.Deployments[0]
			s.back()
			green.Primary, green.FailedTasks = false, 3
			s.seen.Workload.RollsBack, s.seen.Workload.ShiftsTraffic = false, true
			s.seen.Workload.Deployments = append(s.seen.Workload.Deployments, green)
		}, PutBack, TasksFailing, "3 of its tasks failed"},
		{"a late deployment whose tasks all run while its traffic shifts is reported", func(s *scene) {
			s.rolling().StartedAt = s.now.Add(-time.Hour)
			s.seen.Workload.RollsBack, s.seen.Workload.ShiftsTraffic = false, true
			s.seen.Workload.Deployments[0].Running = 2
		}, ReportOverdue, TimedOut, ""},
		{"a late deployment whose tasks do not run is put back, though its traffic would shift", func(s *scene) {
			s.rolling().StartedAt = s.now.Add(-time.Hour)
			s.seen.Workload.RollsBack, s.seen.Workload.ShiftsTraffic = false, true
		}, PutBack, TimedOut, ""},
		{"put back on the old revision while ours is in progress supersedes", func(s *scene) {
			s.rolling()
			ours := s.seen.Workload.Deployments[0]
			s.back()
			ours.Primary = false
			s.seen.Workload.Deployments[0].ID, s.seen.Workload.Deployments[0].CreatedAt = "ecs-svc/3", s.now
			s.seen.Workload.Deployments = append(s.seen.Workload.Deployments, ours)
		}, Fail, RolledBack, "back on web:1"},
		{"a deployment that the service does not list yet is waited for", func(s *scene) {
			s.rolling().StartedAt = s.now.Add(-time.Second)
			s.back()
		}, Wait, InProgress, "does not list deployment ecs-svc/2 yet"},
		{"what Kubernetes lists is so, however soon", func(s *scene) {
			s.rolling().StartedAt = s.now.Add(-time.Second)
			s.back()
			s.seen.Workload.Quiet = true
		}, Supersede, Superseded, "somebody put it back on web:1"},
		{"a service that is back soon after the start is a failure all the same", func(s *scene) {
			s.rolling().StartedAt = s.now.Add(-30 * time.Second)
			s.back()
			s.seen.Workload.Deployments[0].ID, s.seen.Workload.Deployments[0].CreatedAt = "ecs-svc/3", s.now
		}, Fail, RolledBack, "back on web:1"},
		{"somebody else's deployment supersedes", func(s *scene) {
			s.rolling()
			s.back()
			s.seen.Workload.Revision = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3"
			s.seen.Workload.Deployments[0].Revision, s.seen.Workload.Deployments[0].ID = s.seen.Workload.Revision, "ecs-svc/3"
		}, Supersede, Superseded, "ecs-svc/3 of web:3, which davit did not start"},
		{"a forced new deployment of the same image is adopted", func(s *scene) {
			s.rolling()
			s.seen.Workload.Deployments[0].ID = "ecs-svc/9"
		}, Adopt, Elsewhere, "ecs-svc/9"},
		{"an intent whose actor is at work is left to it", func(s *scene) {
			s.record.Rollout = &ledger.Rollout{ID: "r", Phase: ledger.Intended, Image: ledger.Image{Digest: digest("b")}, From: s.seen.Workload.Revision,
				Containers: []string{"web"}, Lease: s.now.Add(time.Second)}
		}, Wait, InProgress, "another invocation"},
		{"an intent whose actor died is finished", func(s *scene) {
			s.record.Rollout = &ledger.Rollout{ID: "r", Phase: ledger.Intended, Image: ledger.Image{Digest: digest("b")}, From: s.seen.Workload.Revision,
				Containers: []string{"web"}, Lease: s.now}
		}, Continue, Interrupted, ""},
		{"an intent that was carried out is adopted", func(s *scene) {
			rollout := s.rolling()
			rollout.Phase, rollout.Revision, rollout.Deployment = ledger.Intended, "", ""
		}, Adopt, Interrupted, ""},
		{"an intent is withdrawn under a hold", func(s *scene) {
			s.record.Hold = &ledger.Hold{Who: "oncall", Why: "x", At: noon}
			s.record.Rollout = &ledger.Rollout{ID: "r", Phase: ledger.Intended, Image: ledger.Image{Digest: digest("b")}, From: s.seen.Workload.Revision,
				Containers: []string{"web"}}
		}, Withdraw, Held, ""},
		{"a put-back whose actor died is finished", func(s *scene) {
			rollout := s.rolling()
			rollout.Phase, rollout.Failure = ledger.PuttingBack, "3 tasks failed in a row"
		}, PutBack, Interrupted, "3 tasks failed"},
		{"a put-back that was carried out is a failure", func(s *scene) {
			rollout := s.rolling()
			rollout.Phase, rollout.Failure = ledger.PuttingBack, "3 tasks failed in a row"
			s.back()
		}, Fail, RolledBack, "3 tasks failed"},
		{"a put-back of a deployment whose traffic has not moved is finished, too", func(s *scene) {
			s.shifted(time.Hour)
			s.record.Rollout = &ledger.Rollout{ID: "r", Phase: ledger.PuttingBack, Image: ledger.Image{Digest: digest("b")}, From: s.seen.Workload.Revision,
				Containers: []string{"web"}, Deployment: "ecs-svc/9", Failure: "no outcome within 30m0s"}
		}, PutBack, Interrupted, "no outcome within 30m0s"},
		{"a workload that is deleted during its rollout ends it", func(s *scene) {
			s.rolling()
			s.seen.Workload.Exists = false
		}, Supersede, Gone, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			scene := newScene()
			test.change(scene)
			decision := scene.decide()
			if decision.Action != test.action || decision.Code != test.code || !strings.Contains(decision.Reason, test.reason) {
				t.Errorf("decided %s, %s: %q; want %s, %s: …%s…", decision.Action, decision.Code, decision.Reason, test.action, test.code, test.reason)
			}
			if strings.HasSuffix(decision.Reason, ".") || decision.Reason == "" {
				t.Errorf("the reason %q is not a sentence without a full stop", decision.Reason)
			}
		})
	}
}

func TestARequestPassesOverAllThatRanksAboveIt(t *testing.T) {
	scene := newScene()
	scene.seen.Workload.Containers[0].Image = base + "@" + digest("b")
	scene.record.Request = &ledger.Request{Image: ledger.Image{Digest: digest("c"), Tag: "0.9.0"}, Who: "oncall", Why: "errors", Override: true}
	var tags []string
	for _, aside := range scene.decide().PassedOver {
		tags = append(tags, aside.Tag)
	}
	if got := strings.Join(tags, " "); got != "1.1.0 1.0.0" {
		t.Errorf("passed over %q, want 1.1.0 and 1.0.0", got)
	}
}

func TestEveryImageHasAVerdict(t *testing.T) {
	scene := newScene()
	scene.seen.Images = append(scene.seen.Images, image("d", "nightly", 30))
	verdicts := scene.decide().Verdicts
	if len(verdicts) != 4 || verdicts[0].Tag != "1.1.0" || !verdicts[1].Running || verdicts[3].Qualifies || verdicts[3].Reason == "" {
		t.Errorf("verdicts are %+v", verdicts)
	}
}
