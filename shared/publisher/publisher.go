// Package publisher puts what davit did, and what it refused, on the installation's event bus.
package publisher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"davit/shared/backoff"
	"davit/shared/names"
)

// Limits of PutEvents (docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html): how many entries a call
// takes, and how many bytes davit sends together, counted as docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
// says. The bus takes 1 MB; other targets of its rules may not.
const (
	maximumEntries = 10
	maximumBytes   = 256 * 1024
	// attempts is how often entries that the bus refused are sent in all. The client repeats calls that failed whole.
	attempts = 4
)

// ErrTooLarge is wrapped by the error of an event that no bus takes.
var ErrTooLarge = errors.New("too large for an event bus")

// EventBridgeAPI is the part of the EventBridge client that the publisher uses.
type EventBridgeAPI interface {
	PutEvents(ctx context.Context, input *eventbridge.PutEventsInput,
		options ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Event is one event of davit's own.
type Event struct {
	// DetailType is the event's kind, such as "Rollout Failed".
	DetailType string
	// Detail becomes the event's JSON object.
	Detail any
	// Resources are the ARNs of what the event is about.
	Resources []string
}

// Publisher puts events on one bus.
type Publisher struct {
	client EventBridgeAPI
	bus    string
	pause  func(ctx context.Context, attempt int) error
}

// New is a publisher to the bus, by its name or ARN. It makes no call.
func New(client EventBridgeAPI, bus string) *Publisher {
	return &Publisher{client: client, bus: bus, pause: pause}
}

// Publish puts one event on the bus.
func (p *Publisher) Publish(ctx context.Context, detailType string, detail any, resources []string) error {
	return p.PublishAll(ctx, []Event{{DetailType: detailType, Detail: detail, Resources: resources}})
}

// PublishAll puts the events on the bus, in as few calls as the bus allows. What the bus refuses for
// the moment is sent again a few times; what it refuses still is named by the error, and the others are published. An
// event may come twice where an answer was lost.
func (p *Publisher) PublishAll(ctx context.Context, events []Event) error {
	entries := make([]types.PutEventsRequestEntry, 0, len(events))
	for _, event := range events {
		entry, err := p.entry(event)
		if err != nil {
			return err
		}
		entries = append(entries, entry)
	}
	var failures []error
	for len(entries) > 0 {
		count := fitting(entries)
		if err := p.put(ctx, entries[:count]); err != nil {
			failures = append(failures, err)
		}
		entries = entries[count:]
	}
	return errors.Join(failures...)
}

func (p *Publisher) entry(event Event) (types.PutEventsRequestEntry, error) {
	detail, err := json.Marshal(event.Detail)
	if err != nil {
		return types.PutEventsRequestEntry{}, fmt.Errorf("publish %q: encode its detail: %w", event.DetailType, err)
	}
	if len(detail) == 0 || detail[0] != '{' {
		return types.PutEventsRequestEntry{}, fmt.Errorf("publish %q: its detail is no JSON object", event.DetailType)
	}
	entry := types.PutEventsRequestEntry{
		EventBusName: &p.bus,
		Source:       aws.String(names.EventSource),
		DetailType:   aws.String(event.DetailType),
		Detail:       aws.String(string(detail)),
		Resources:    event.Resources,
	}
	if bytes := size(entry); bytes > maximumBytes {
		return types.PutEventsRequestEntry{}, fmt.Errorf("publish %q: %w: %d bytes, at most %d",
			event.DetailType, ErrTooLarge, bytes, maximumBytes)
	}
	return entry, nil
}

// put sends one call's entries, and those that were refused again.
func (p *Publisher) put(ctx context.Context, entries []types.PutEventsRequestEntry) error {
	for attempt := 1; ; attempt++ {
		output, err := p.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
		if err != nil {
			return fmt.Errorf("publish %s on bus %s: %w", kinds(entries), p.bus, err)
		}
		refused, reason := refusedOf(entries, output)
		if len(refused) == 0 {
			return nil
		}
		if attempt == attempts {
			return fmt.Errorf("publish %s on bus %s: refused %d times: %s", kinds(refused), p.bus, attempts, reason)
		}
		if err := p.pause(ctx, attempt); err != nil {
			return fmt.Errorf("publish %s on bus %s: refused: %s: %w", kinds(refused), p.bus, reason, err)
		}
		entries = refused
	}
}

// refusedOf are the entries that the bus did not take, and why it did not take the first of them. The results are in
// the order of the entries.
func refusedOf(entries []types.PutEventsRequestEntry,
	output *eventbridge.PutEventsOutput) (refused []types.PutEventsRequestEntry, reason string) {
	for i, result := range output.Entries {
		if result.ErrorCode == nil || i >= len(entries) {
			continue
		}
		if len(refused) == 0 {
			reason = *result.ErrorCode + ": " + aws.ToString(result.ErrorMessage)
		}
		refused = append(refused, entries[i])
	}
	return refused, reason
}

// fitting is how many of the first entries go into one call; at least one.
func fitting(entries []types.PutEventsRequestEntry) int {
	total := 0
	for count, entry := range entries {
		total += size(entry)
		if count == maximumEntries || count > 0 && total > maximumBytes {
			return count
		}
	}
	return len(entries)
}

// size counts an entry as EventBridge does: source, detail type, detail and resources in UTF-8.
func size(entry types.PutEventsRequestEntry) int {
	total := len(*entry.Source) + len(*entry.DetailType) + len(*entry.Detail)
	for _, resource := range entry.Resources {
		total += len(resource)
	}
	return total
}

// kinds names the kinds of the entries, each once.
func kinds(entries []types.PutEventsRequestEntry) string {
	var words []string
	seen := make(map[string]bool, len(entries))
	for _, entry := range entries {
		if kind := *entry.DetailType; !seen[kind] {
			seen[kind] = true
			words = append(words, fmt.Sprintf("%q", kind))
		}
	}
	return strings.Join(words, ", ")
}

// pause waits before refused entries are sent again.
func pause(ctx context.Context, attempt int) error {
	return backoff.Wait(ctx, backoff.Delay(100*time.Millisecond, 2*time.Second, attempt))
}
