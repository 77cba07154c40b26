package recovery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/publisher"
	"davit/shared/telemetry"
)

// Publisher puts events on the bus.
type Publisher interface {
	PublishAll(ctx context.Context, events []publisher.Event) error
}

// Page is what a human is told.
type Page struct {
	// Subject has at most 100 characters.
	Subject string
	// Notification is the document for chat, and Letter the text for people who read it as it comes.
	Notification, Letter string
}

// Pager tells humans.
type Pager func(ctx context.Context, page Page) error

// Announcer reports incidents as events on the bus davit and as metrics, and pages humans.
type Announcer struct {
	Publisher Publisher
	Page      Pager
	Metrics   *telemetry.Metrics
}

// Report pages first, since that is what must not be lost, and publishes in one call. What could not be told is an error,
// and is told again.
func (a *Announcer) Report(ctx context.Context, announcements ...ledger.Announcement[davit.Incident]) error {
	events := make([]publisher.Event, len(announcements))
	for index, announcement := range announcements {
		events[index] = publisher.Event{DetailType: announcement.DetailType, Detail: announcement.Detail}
		if !pages(announcement) {
			continue
		}
		notification, err := json.MarshalIndent(Notify(announcement), "", "  ")
		if err != nil {
			return fmt.Errorf("write the page about %s: %w", announcement.Detail.Incident, err)
		}
		if err := a.Page(ctx, Page{Subject: subject(announcement), Notification: string(notification), Letter: letter(announcement)}); err != nil {
			return fmt.Errorf("page about %s: %w", announcement.Detail.Incident, err)
		}
	}
	if err := a.Publisher.PublishAll(ctx, events); err != nil {
		return err
	}
	for _, announcement := range announcements {
		a.Metrics.Count(telemetry.Decisions, telemetry.Action(announcement.Detail.Action), telemetry.Code(announcement.Detail.Code))
		a.Metrics.Count(metrics[announcement.DetailType])
	}
	return a.Metrics.Flush()
}

var metrics = map[string]telemetry.Metric{
	davit.DetailTypeIncidentOpened:  telemetry.IncidentsOpened,
	davit.DetailTypeIncidentAct:     telemetry.IncidentActs,
	davit.DetailTypeIncidentPaged:   telemetry.IncidentsPaged,
	davit.DetailTypeIncidentEnded:   telemetry.IncidentsEnded,
	davit.DetailTypeIncidentRefused: telemetry.IncidentRefusals,
	davit.DetailTypeStorm:           telemetry.IncidentStorms,
}

// pages tells whether a human is told: of pages and storms, and of the end of what a human was paged for.
func pages(announcement ledger.Announcement[davit.Incident]) bool {
	switch announcement.DetailType {
	case davit.DetailTypeIncidentPaged, davit.DetailTypeStorm:
		return true
	case davit.DetailTypeIncidentEnded:
		return announcement.Detail.Paged
	}
	return false
}

// Notification is a custom notification of Amazon Q Developer in chat applications, which Slack and Teams show, version
// 1.0 (docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html).
type Notification struct {
	Version  string               `json:"version"`
	Source   string               `json:"source"`
	ID       string               `json:"id"`
	Content  NotificationContent  `json:"content"`
	Metadata NotificationMetadata `json:"metadata"`
}

// NotificationContent is what is shown. Title has up to 250 characters, description up to 8000.
type NotificationContent struct {
	TextType    string   `json:"textType"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	NextSteps   []string `json:"nextSteps,omitempty"`
	Keywords    []string `json:"keywords,omitempty"`
}

// NotificationMetadata is what threads and filters it.
type NotificationMetadata struct {
	ThreadID          string            `json:"threadId"`
	Summary           string            `json:"summary"`
	EventType         string            `json:"eventType"`
	RelatedResources  []string          `json:"relatedResources,omitempty"`
	AdditionalContext map[string]string `json:"additionalContext,omitempty"`
}

const (
	maximumTitle       = 250
	maximumDescription = 7500
	maximumSubject     = 100
)

// Notify is the whole story of an incident for a human: the cause, what was tried, what was seen, links, and the command
// to run.
func Notify(announcement ledger.Announcement[davit.Incident]) Notification {
	detail := announcement.Detail
	title, text := title(announcement), story(detail, "*%s:*")
	keywords := []string{"davit", detail.Code}
	if detail.Playbook != "" {
		keywords = append(keywords, detail.Playbook)
	}
	var resources []string
	if detail.Workload != "" {
		resources = []string{detail.Workload}
	}
	return Notification{Version: "1.0", Source: "custom", ID: detail.Incident + "-" + detail.Action,
		Content: NotificationContent{TextType: "client-markdown", Title: cut(title, maximumTitle), Description: cut(text, maximumDescription),
			NextSteps: []string{"Run `" + detail.Command + "`"}, Keywords: keywords},
		Metadata: NotificationMetadata{ThreadID: detail.Incident, Summary: cut(title+": "+detail.Reason, maximumTitle),
			EventType: announcement.DetailType, RelatedResources: resources,
			AdditionalContext: map[string]string{"incident": detail.Incident, "code": detail.Code, "command": detail.Command}}}
}

// title is what happened, and to what.
func title(announcement ledger.Announcement[davit.Incident]) string {
	if announcement.Detail.Workload == "" {
		return announcement.DetailType
	}
	return announcement.DetailType + ": " + announcement.Detail.Workload
}

// letter is the same story as an e-mail.
func letter(announcement ledger.Announcement[davit.Incident]) string {
	return fmt.Sprintf("%s\n\n%s\nRun:\n  %s\n", title(announcement), story(announcement.Detail, "%s:"), announcement.Detail.Command)
}

// story is the cause, what was tried, what was seen, and where to look; heading is how a heading is written.
func story(detail davit.Incident, heading string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\n"+heading+" %s, since %s\n", detail.Reason, "Cause", detail.Cause, detail.OpenedAt)
	for _, section := range []struct {
		title string
		lines []string
	}{{"Tried", detail.Tried}, {"Seen", detail.Evidence}, {"Links", detail.Links}} {
		if len(section.lines) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n"+heading+"\n", section.title)
		for _, line := range section.lines {
			fmt.Fprintf(&text, "- %s\n", line)
		}
	}
	return text.String()
}

// subject is a subject as SNS takes it: ASCII, one line, up to 100 characters
// (docs.aws.amazon.com/sns/latest/api/API_Publish.html).
func subject(announcement ledger.Announcement[davit.Incident]) string {
	text := "davit: " + title(announcement)
	return text[:min(len(text), maximumSubject)]
}

func cut(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
