package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/publisher"
	"davit/shared/telemetry"
)

// bus keeps what is published.
type bus struct{ events []publisher.Event }

func (b *bus) PublishAll(_ context.Context, events []publisher.Event) error {
	b.events = append(b.events, events...)
	return nil
}

func told(detailType string) ledger.Announcement[davit.Incident] {
	return ledger.Announcement[davit.Incident]{DetailType: detailType, Detail: davit.Incident{Version: "1", Incident: "inc-1", Workload: "ecs:production/web",
		Playbook: ServiceUnhealthy, Action: "page", Code: "ladder-ended", Reason: "every step was tried", Cause: "alarm 5xx went off",
		OpenedAt: "2026-11-22T10:00:00Z", Tried: []string{"restart at 10:01:00 did not help"}, Evidence: []string{"Threshold Crossed"},
		Links: []string{"https://eu-west-1.console.aws.amazon.com/"}, Command: "davit explain inc-1"}}
}

func TestOnlyWhatNeedsAHumanPages(t *testing.T) {
	paged := told(davit.DetailTypeIncidentEnded)
	paged.Detail.Paged = true
	for _, test := range []struct {
		name string
		of   ledger.Announcement[davit.Incident]
		want int
	}{
		{"an incident that was opened", told(davit.DetailTypeIncidentOpened), 0},
		{"an act", told(davit.DetailTypeIncidentAct), 0},
		{"a page", told(davit.DetailTypeIncidentPaged), 1},
		{"a storm", told(davit.DetailTypeStorm), 1},
		{"an end", told(davit.DetailTypeIncidentEnded), 0},
		{"the end of what a human was paged for", paged, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			pages, published := 0, &bus{}
			announcer := &Announcer{Publisher: published, Metrics: telemetry.NewMetrics(io.Discard),
				Page: func(context.Context, Page) error { pages++; return nil }}
			if err := announcer.Report(t.Context(), test.of); err != nil {
				t.Fatal(err)
			}
			if pages != test.want || len(published.events) != 1 {
				t.Errorf("paged %d times and published %d events", pages, len(published.events))
			}
		})
	}
}

func TestAPageThatFailsIsAnError(t *testing.T) {
	refused := errors.New("no")
	announcer := &Announcer{Publisher: &bus{}, Metrics: telemetry.NewMetrics(io.Discard),
		Page: func(context.Context, Page) error { return refused }}
	if err := announcer.Report(t.Context(), told(davit.DetailTypeIncidentPaged)); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

func TestAPageIsACustomNotificationWithTheWholeStory(t *testing.T) {
	var subject, message, letter string
	announcer := &Announcer{Publisher: &bus{}, Metrics: telemetry.NewMetrics(io.Discard),
		Page: func(_ context.Context, page Page) error {
			subject, message, letter = page.Subject, page.Notification, page.Letter
			return nil
		}}
	long := told(davit.DetailTypeIncidentPaged)
	long.Detail.Workload = "ecs:" + strings.Repeat("c", 255) + "/web"
	if err := announcer.Report(t.Context(), told(davit.DetailTypeIncidentPaged)); err != nil {
		t.Fatal(err)
	}
	var page map[string]any
	if err := json.Unmarshal([]byte(message), &page); err != nil {
		t.Fatal(err)
	}
	content, _ := page["content"].(map[string]any)
	if page["version"] != "1.0" || page["source"] != "custom" || content["textType"] != "client-markdown" {
		t.Errorf("it is no custom notification: %s", message)
	}
	for _, want := range []string{"every step was tried", "alarm 5xx went off", "restart at 10:01:00", "Threshold Crossed", "https://eu-west-1", "davit explain inc-1"} {
		if !strings.Contains(message, want) {
			t.Errorf("it lacks %q: %s", want, message)
		}
	}
	const wantLetter = `Incident Paged: ecs:production/web

every step was tried

Cause: alarm 5xx went off, since 2026-11-22T10:00:00Z

Tried:
- restart at 10:01:00 did not help

Seen:
- Threshold Crossed

Links:
- https://eu-west-1.console.aws.amazon.com/

Run:
  davit explain inc-1
`
	if letter != wantLetter {
		t.Errorf("the letter is\n%s", letter)
	}
	if subject != "davit: Incident Paged: ecs:production/web" {
		t.Errorf("the subject is %q", subject)
	}
	if err := announcer.Report(t.Context(), long); err != nil || len(subject) > 100 {
		t.Errorf("a long subject has %d characters, %v", len(subject), err)
	}
}
