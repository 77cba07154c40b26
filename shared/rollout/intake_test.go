package rollout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/events"
	"davit/events/cloudwatch"
	"davit/events/davit"
	"davit/events/ecr"
	"davit/events/ecs"
	"davit/events/schedule"
	"davit/events/tag"
	"davit/shared/ledger"
	"davit/shared/publisher"
	"davit/shared/telemetry"
	"davit/shared/workload"
)

// quietWorld has one workload that follows semver:>=0.0.0, no faults, and an image 1.0.0 that runs well.
func quietWorld(t *testing.T) (*world, *Intake, *[][]byte) {
	t.Helper()
	w := newWorld(1, 1, faults{})
	service := w.services[w.order[0]]
	service.settings.Policy, service.rollsBack = "semver:>=0.0.0", true
	w.alive = []bool{true}
	var queued [][]byte
	intake := &Intake{Reconciler: w.reconciler, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), MaximumReceives: 6,
		Fleet: func(context.Context) iter.Seq2[workload.Reference, error] {
			return func(yield func(workload.Reference, error) bool) {
				for range 2 {
					for _, reference := range w.order {
						if !yield(reference, nil) {
							return
						}
					}
				}
			}
		},
		Enqueue: func(_ context.Context, bodies [][]byte, _ time.Duration) error {
			queued = append(queued, bodies...)
			return nil
		}}
	return w, intake, &queued
}

func event(source, detailType, resource, detail string) []byte {
	return fmt.Appendf(nil, `{"version":"0","id":"1f8e2f6a-0000-4000-8000-000000000001","detail-type":%q,"source":%q,"account":"123456789012",`+
		`"time":"2026-03-02T12:00:00Z","region":"eu-west-1","resources":[%q],"detail":%s}`, detailType, source, resource, detail)
}

func pushEvent(letter, tag, result string) []byte {
	return event("aws.ecr", "ECR Image Action", "", fmt.Sprintf(
		`{"action-type":"PUSH","result":%q,"repository-name":"web","image-digest":%q,"image-tag":%q}`, result, digest(letter), tag))
}

const (
	serviceARN = "arn:aws:ecs:eu-west-1:123456789012:service/production/web-0"
	// olderARN is of the form that services had before 2021.
	olderARN = "arn:aws:ecs:eu-west-1:123456789012:service/web-0"
)

func TestAPushRollsOutAndItsCompletionIsProved(t *testing.T) {
	w, intake, _ := quietWorld(t)
	handle := func(body []byte) {
		t.Helper()
		if err := intake.Handle(context.Background(), body, 1); err != nil {
			t.Fatal(err)
		}
	}
	changed := event("aws.tag", "Tag Change on Resource", serviceARN, `{"changed-tag-keys":["davit/policy"],"service":"ecs","resource-type":"service","version":1}`)
	handle(changed)
	w.images = append(w.images, image("a", "1.0.0", 0))
	handle(pushEvent("a", "1.0.0", "SUCCESS"))
	service := w.services[w.order[0]]
	if running := service.digest(service.primary().Revision); running != digest("a") {
		t.Fatalf("the service is on %s after the push", running)
	}
	w.now = w.now.Add(time.Hour)
	w.end(service, service.primary())
	handle(event("aws.ecs", "ECS Deployment State Change", serviceARN,
		`{"eventType":"INFO","eventName":"SERVICE_DEPLOYMENT_COMPLETED","deploymentId":"ecs-svc/1","updatedAt":"2026-03-02T12:00:00Z","reason":"done"}`))
	record := w.record(w.order[0])
	if record.Rollout != nil || len(record.Good) != 1 || record.Good[0].Digest != digest("a") {
		t.Errorf("the record says %+v", record)
	}
	if want := base + "@" + digest("a"); service.remembered != want {
		t.Errorf("the parameter says %q, want %q", service.remembered, want)
	}
}

func TestIntakeAnswers(t *testing.T) {
	cases := []struct {
		name    string
		body    []byte
		attempt int
		want    string // part of the error; empty for acknowledged
	}{
		{"a failed push is acknowledged", pushEvent("a", "1.0.0", "FAILURE"), 1, ""},
		{"a push without a tag, as of one platform of several, is acknowledged",
			bytes.Replace(pushEvent("e", "2.0.0", "SUCCESS"), []byte(`,"image-tag":"2.0.0"`), nil, 1), 1, ""},
		{"a push that no workload follows is acknowledged", bytes.ReplaceAll(pushEvent("a", "1.0.0", "SUCCESS"), []byte(`"web"`), []byte(`"other"`)), 1, ""},
		{"a push that is not visible yet comes again", pushEvent("e", "2.0.0", "SUCCESS"), 1, "does not list 2.0.0"},
		{"a push that is not visible yet comes again up to the last attempt but two", pushEvent("e", "2.0.0", "SUCCESS"), 4, "does not list 2.0.0"},
		{"a push that never becomes visible is left to the sweep before it is a dead letter", pushEvent("e", "2.0.0", "SUCCESS"), 5, ""},
		{"a deployment of a service whose ARN names no cluster is acknowledged", event("aws.ecs", "ECS Deployment State Change", olderARN,
			`{"eventType":"INFO","eventName":"SERVICE_DEPLOYMENT_COMPLETED","deploymentId":"ecs-svc/1","reason":"done"}`), 1, ""},
		{"an action of such a service has the cluster", event("aws.ecs", "ECS Service Action", olderARN,
			`{"eventType":"INFO","eventName":"SERVICE_STEADY_STATE","clusterArn":"arn:aws:ecs:eu-west-1:123456789012:cluster/production"}`), 1, ""},
		{"a deployment of what has no such ARN at all is refused with its reason", event("aws.ecs", "ECS Deployment State Change", serviceARN+"/more",
			`{"eventType":"INFO","eventName":"SERVICE_DEPLOYMENT_COMPLETED","deploymentId":"ecs-svc/1","reason":"done"}`), 1, "names no cluster and service"},
		{"an unknown kind of event is acknowledged", event("aws.s3", "Object Deleted", "", `{}`), 1, ""},
		{"a tag change elsewhere is acknowledged", event("aws.tag", "Tag Change on Resource", "arn:aws:ec2:eu-west-1:123456789012:instance/i-1",
			`{"changed-tag-keys":["davit/policy"],"service":"ec2","resource-type":"instance","version":1}`), 1, ""},
		{"a test message is refused with its reason", []byte(`hello`), 1, "malformed event"},
		{"a workload that cannot be named is refused with its reason", event("davit", "Reconcile Workloads", "", `{"version":"1","workloads":["web"]}`), 1,
			"not a workload reference"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			w, intake, _ := quietWorld(t)
			if _, err := w.reconciler.Reconcile(context.Background(), w.order, Cause{Text: "sweep"}); err != nil {
				t.Fatal(err)
			}
			err := intake.Handle(context.Background(), test.body, test.attempt)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("want it acknowledged, got %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("want …%s…, got %v", test.want, err)
			}
		})
	}
}

// publicPush is what CloudTrail says of a push to a public repository.
func publicPush(letter, tag, errorCode string) []byte {
	return event("aws.ecr-public", "AWS API Call via CloudTrail", "", fmt.Sprintf(`{"eventSource":"ecr-public.amazonaws.com",`+
		`"eventName":"PutImage","errorCode":%q,"responseElements":{"image":{"registryId":"123456789012","repositoryName":"web",`+
		`"imageId":{"imageDigest":%q,"imageTag":%q}}}}`, errorCode, digest(letter), tag))
}

func TestAPushToAPublicRepositoryReachesThoseThatFollowIt(t *testing.T) {
	w, intake, _ := quietWorld(t)
	public := workload.Repository{Registry: "123456789012", Region: workload.PublicRegion, Name: "web"}
	if _, err := w.memory.Write(context.Background(), ledger.Record{Workload: w.order[0], Repositories: []workload.Repository{public}}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		body []byte
		want int
		text string
	}{
		{"a push", publicPush("a", "1.0.0", ""), 1, "push of web:1.0.0 (success)"},
		{"a push that was denied", publicPush("a", "1.0.0", "AccessDenied"), 0, "(accessdenied)"},
		{"a push without a tag", publicPush("a", "", ""), 0, "without a tag"},
		{"a push to the private repository of the name", pushEvent("a", "1.0.0", "SUCCESS"), 0, "no workload follows"},
	} {
		t.Run(test.name, func(t *testing.T) {
			parsed, err := events.Parse(test.body)
			if err != nil {
				t.Fatal(err)
			}
			references, cause, err := intake.Concerns(context.Background(), parsed)
			if err != nil || len(references) != test.want || !strings.Contains(cause.Text, test.text) {
				t.Errorf("it is about %v because of %q, %v", references, cause.Text, err)
			}
			if test.want > 0 && (cause.Repository != public || cause.Digest != digest("a") || cause.Tag != "1.0.0") {
				t.Errorf("the cause is %+v", cause)
			}
		})
	}
}

func TestTheSweepQueuesEachWorkloadOnce(t *testing.T) {
	w, intake, queued := quietWorld(t)
	for index := 1; index < 25; index++ {
		reference, err := workload.ECSService("production", fmt.Sprintf("more-%d", index))
		if err != nil {
			t.Fatal(err)
		}
		w.order = append(w.order, reference)
	}
	tick := event("aws.events", "Scheduled Event", "arn:aws:events:eu-west-1:123456789012:rule/sweep", `{}`)
	if err := intake.Handle(context.Background(), tick, 1); err != nil {
		t.Fatal(err)
	}
	named := map[string]int{}
	for _, body := range *queued {
		var message struct {
			Detail davit.Reconcile `json:"detail"`
		}
		if err := json.Unmarshal(body, &message); err != nil {
			t.Fatal(err)
		}
		for _, name := range message.Detail.Workloads {
			named[name]++
		}
	}
	if len(*queued) != 3 || len(named) != 25 {
		t.Errorf("%d messages name %d workloads, want 3 and 25", len(*queued), len(named))
	}
	for name, times := range named {
		if times != 1 {
			t.Errorf("%s is named %d times", name, times)
		}
	}
}

func TestTheSweepOfWhatCanBeListedWaitsForNothing(t *testing.T) {
	w, intake, queued := quietWorld(t)
	down := errors.New("tag:GetResources: throttled")
	intake.Fleet = func(context.Context) iter.Seq2[workload.Reference, error] {
		return func(yield func(workload.Reference, error) bool) {
			_ = yield(workload.Reference{}, down) && yield(w.order[0], nil)
		}
	}
	tick := event("aws.events", "Scheduled Event", "arn:aws:events:eu-west-1:123456789012:rule/sweep", `{}`)
	for attempt, want := range []int{1, 2, 2} {
		if err := intake.Handle(context.Background(), tick, attempt+1); !errors.Is(err, down) || len(*queued) != want {
			t.Errorf("attempt %d: %v, and %d messages are queued, want %d", attempt+1, err, len(*queued), want)
		}
	}
}

func TestAPushThatManyFollowIsSpreadOverMessagesThatKeepItsImage(t *testing.T) {
	w, intake, queued := quietWorld(t)
	var references []workload.Reference
	for index := range 11 {
		reference, err := workload.ECSService("production", fmt.Sprintf("web-%d", index))
		if err != nil {
			t.Fatal(err)
		}
		references = append(references, reference)
		record := ledger.Record{Workload: reference, Repositories: []workload.Repository{w.repository}}
		if _, err := w.memory.Write(context.Background(), record); err != nil {
			t.Fatal(err)
		}
	}
	if err := intake.Handle(context.Background(), pushEvent("a", "1.0.0", "SUCCESS"), 1); err != nil {
		t.Fatal(err)
	}
	var found []workload.Reference
	for _, body := range *queued {
		parsed, err := events.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		some, cause, err := intake.Concerns(context.Background(), parsed)
		if err != nil || cause.Digest != digest("a") || cause.Tag != "1.0.0" || cause.Repository != repository {
			t.Errorf("the message says %+v, %v", cause, err)
		}
		found = append(found, some...)
	}
	if len(*queued) != 2 || len(found) != len(references) {
		t.Errorf("%d messages name %d workloads, want 2 and %d", len(*queued), len(found), len(references))
	}
}

func TestOneWorkloadThatFailsDoesNotHideThatOthersMustBeLookedAtAgain(t *testing.T) {
	fault, later := errors.New("throttled"), &Later{After: time.Second, Reason: "busy"}
	if onlyLater(errors.Join(fmt.Errorf("a: %w", later), fmt.Errorf("b: %w", fault))) {
		t.Error("a fault counts as waiting")
	}
	if !onlyLater(errors.Join(fmt.Errorf("a: %w", later), fmt.Errorf("b: %w", later))) {
		t.Error("two that wait count as a fault")
	}
}

// published keeps what is published.
type published struct{ events []publisher.Event }

func (p *published) PublishAll(_ context.Context, events []publisher.Event) error {
	p.events = append(p.events, events...)
	return nil
}

func TestTheAnnouncerTellsWhatToRunNext(t *testing.T) {
	reference, err := workload.ECSService("production", "web")
	if err != nil {
		t.Fatal(err)
	}
	bad := &ledger.Image{Digest: digest("b"), Tag: "1.2.0"}
	cases := []struct {
		decision   Decision
		detailType string
		command    string
	}{
		{Decision{Action: Fail, Code: RolledBack, Reason: "x", Image: bad}, davit.DetailTypeRolloutFailed, "davit forgive ecs:production/web " + bad.Digest},
		{Decision{Action: Refuse, Code: Held, Reason: "x", Image: bad}, davit.DetailTypeRolloutRefused, "davit resume ecs:production/web"},
		{Decision{Action: Refuse, Code: Frozen, Reason: "x", Image: bad}, davit.DetailTypeRolloutRefused, "davit rollout ecs:production/web --to " + bad.Digest + " --override --why …"},
		{Decision{Action: ReportOverdue, Code: TimedOut, Reason: "x", Image: bad}, davit.DetailTypeRolloutOverdue, "davit rollback ecs:production/web --why …"},
		{Decision{Action: Succeed, Code: Completed, Reason: "x", Image: bad}, davit.DetailTypeRolloutSucceeded, "davit history ecs:production/web"},
	}
	for _, test := range cases {
		var sink published
		var metrics bytes.Buffer
		announcer := &Announcer{Publisher: &sink, Metrics: telemetry.NewMetrics(&metrics)}
		announcements := announce(test.decision, Cause{Text: "push"}, ledger.Record{Workload: reference}, []workload.Repository{repository}, nil)
		if err := announcer.Report(context.Background(), announcements...); err != nil {
			t.Fatal(err)
		}
		if len(sink.events) != 1 || sink.events[0].DetailType != test.detailType {
			t.Fatalf("%s: published %+v", test.decision.Action, sink.events)
		}
		if detail := sink.events[0].Detail.(davit.Rollout); detail.Command != test.command || detail.Image.Repository != repository.String() {
			t.Errorf("%s: told %+v", test.decision.Action, detail)
		}
		if !strings.Contains(metrics.String(), `"Decisions":1`) {
			t.Errorf("%s: counted %s", test.decision.Action, metrics.String())
		}
	}
}

// halfBlind cannot observe one workload.
type halfBlind struct {
	Driver
	missing workload.Reference
}

func (h halfBlind) Observe(ctx context.Context, references []workload.Reference) (map[workload.Reference]workload.Observation, error) {
	seen, err := h.Driver.Observe(ctx, references)
	delete(seen, h.missing)
	return seen, errors.Join(err, errors.New("its revision cannot be described"))
}

func TestAWorkloadThatCannotBeSeenDoesNotHoldTheOthersUp(t *testing.T) {
	w := newWorld(1, 2, faults{})
	w.alive = []bool{true}
	for _, service := range w.services {
		service.settings.Policy = "semver:>=0.0.0"
	}
	w.images = append(w.images, image("a", "1.0.0", 0))
	w.reconciler.Driver = halfBlind{w.reconciler.Driver, w.order[0]}
	decisions, err := w.reconciler.Reconcile(context.Background(), w.order, Cause{Text: "sweep"})
	if err == nil || !strings.Contains(err.Error(), "cannot be described") {
		t.Errorf("the error is %v", err)
	}
	if _, found := decisions[w.order[0]]; found || decisions[w.order[1]].Action != Roll {
		t.Errorf("decided %+v", decisions)
	}
}

func TestADeploymentOfWhichNoEventTellsIsEnqueuedAgain(t *testing.T) {
	w := newWorld(1, 2, faults{})
	service := w.services[w.order[1]]
	service.settings.Policy = "semver:>=0.0.0"
	w.alive = []bool{true}
	type sent struct {
		body  []byte
		delay time.Duration
	}
	var queued []sent
	intake := &Intake{Reconciler: w.reconciler, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), MaximumReceives: 6,
		Enqueue: func(_ context.Context, bodies [][]byte, delay time.Duration) error {
			for _, body := range bodies {
				queued = append(queued, sent{body, delay})
			}
			return nil
		}}
	look := event("davit", "Reconcile Workloads", "", fmt.Sprintf(`{"version":"1","workloads":[%q]}`, service.reference))
	w.images = append(w.images, image("a", "1.0.0", 0))
	for looks := 0; ; looks++ {
		if err := intake.Handle(context.Background(), look, 1); err != nil {
			t.Fatal(err)
		}
		if len(queued) == 0 {
			break
		}
		if len(queued) != 1 || looks > 60 {
			t.Fatalf("after %d looks %d messages are queued", looks, len(queued))
		}
		look = queued[0].body
		w.advance(queued[0].delay)
		queued = nil
	}
	if record := w.record(service.reference); len(record.Good) != 1 || record.Good[0].Digest != digest("a") {
		t.Errorf("nobody looks any more, and the record says %+v", record)
	}
}

func TestWhatIsTakenIsWhatCanLeadToARollout(t *testing.T) {
	_, intake, _ := quietWorld(t)
	for _, test := range []struct {
		detail any
		takes  bool
	}{
		{&ecr.ImageAction{}, true}, {&ecr.PullThroughAction{}, true}, {&ecr.PublicCall{}, true}, {&ecs.ServiceAction{Service: serviceARN}, true},
		{&ecs.DeploymentStateChange{Service: serviceARN}, true}, {&tag.Change{}, true}, {&davit.Reconcile{}, true},
		{&ecs.TaskStateChange{}, false}, {&cloudwatch.AlarmStateChange{}, false}, {&davit.Incident{}, false},
	} {
		event := events.Event{Detail: test.detail}
		_, cause, err := intake.Concerns(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		if got := Takes(event); got != test.takes || got == strings.Contains(cause.Text, "no rollout comes of") {
			t.Errorf("%T: taken %t, and the intake says %q", test.detail, got, cause.Text)
		}
	}
	if !Takes(events.Event{Detail: &schedule.Tick{}}) {
		t.Error("a sweep is not taken")
	}
}

func TestAnImageThroughTheCacheRollsOut(t *testing.T) {
	w, intake, _ := quietWorld(t)
	if err := intake.Handle(t.Context(), event("aws.tag", "Tag Change on Resource", serviceARN,
		`{"changed-tag-keys":["davit/policy"],"service":"ecs","resource-type":"service","version":1}`), 1); err != nil {
		t.Fatal(err)
	}
	w.images = append(w.images, image("a", "1.0.0", 0))
	if err := intake.Handle(t.Context(), event("aws.ecr", "ECR Pull Through Cache Action", "", fmt.Sprintf(
		`{"sync-status":"SUCCESS","repository-name":"web","image-digest":%q,"image-tag":"1.0.0"}`, digest("a"))), 1); err != nil {
		t.Fatal(err)
	}
	service := w.services[w.order[0]]
	if running := service.digest(service.primary().Revision); running != digest("a") {
		t.Errorf("%s runs", running)
	}
}

func TestAPushThatARefusedImageKeepsBackIsToldOnce(t *testing.T) {
	w, intake, _ := quietWorld(t)
	handle := func(body []byte) {
		t.Helper()
		if err := intake.Handle(context.Background(), body, 1); err != nil {
			t.Fatal(err)
		}
	}
	service := w.services[w.order[0]]
	w.forbidden.verify = Refusef("the image is for linux/arm64, and the task needs linux/amd64")
	w.images = append(w.images, image("a", "1.1.0", 0))
	w.sweep()
	w.work()
	w.images = append(w.images, image("b", "1.0.5", 1))
	for range 3 {
		handle(pushEvent("b", "1.0.5", "SUCCESS"))
		w.sweep()
		w.work()
	}
	var causes []string
	for _, entry := range slices.Backward(w.history(service)) {
		if entry.Action == string(Refuse) && entry.Code == string(Unverified) {
			causes = append(causes, entry.Cause)
		}
	}
	if want := []string{"sweep", "push of web:1.0.5 (success)"}; !slices.Equal(causes, want) {
		t.Errorf("the refusal is told for %q, want %q", causes, want)
	}
}
