// Package envelope is what every event of EventBridge has around its detail, and what the packages of the details need
// to check theirs (docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html).
package envelope

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaximumSize is how long an event may be, in bytes: EventBridge, SQS and Lambda take up to 1 MiB
// (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
const MaximumSize = 1 << 20

// Envelope is an event with its detail not yet read.
type Envelope struct {
	// Version is "0" in every event so far.
	Version    string `json:"version"`
	ID         string `json:"id"`
	DetailType string `json:"detail-type"`
	Source     string `json:"source"`
	// Account is the 12-digit account that the event comes from.
	Account   string          `json:"account"`
	Time      Timestamp       `json:"time"`
	Region    string          `json:"region"`
	Resources []string        `json:"resources"`
	Detail    json.RawMessage `json:"detail"`
}

// Decode reads an event and leaves its detail unread. Its errors name the field.
func Decode(body []byte) (Envelope, error) {
	if len(body) > MaximumSize {
		return Envelope{}, fmt.Errorf("the event is longer than %d bytes", MaximumSize)
	}
	var event Envelope
	if err := json.Unmarshal(body, &event); err != nil {
		return Envelope{}, Describe("", err)
	}
	return event, event.Validate()
}

// Encode is the JSON of the whole event with the detail, as it stands in a queue. It refuses what Decode would.
func (e Envelope) Encode(detail any) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(detail)
	if err != nil {
		return nil, err
	}
	e.Version, e.Detail = "0", encoded
	if e.Resources == nil {
		e.Resources = []string{}
	}
	return json.Marshal(e)
}

// Validate says which field that every event has is missing or wrong. It leaves the detail alone.
func (e Envelope) Validate() error {
	switch {
	case e.ID == "":
		return Missing("id")
	case e.DetailType == "":
		return Missing("detail-type")
	case e.Source == "":
		return Missing("source")
	case !isAccount(e.Account):
		return errors.New("account: want 12 digits")
	case e.Time.IsZero():
		return Missing("time")
	case e.Region == "":
		return Missing("region")
	}
	return nil
}

func isAccount(text string) bool {
	return len(text) == 12 && strings.Trim(text, "0123456789") == ""
}

// Missing is the error of a required field that is absent or empty.
func Missing(field string) error { return fmt.Errorf("%s: is missing or empty", field) }

// Required answers the error of the first field that is empty. The arguments are names and values by turns.
func Required(namesAndValues ...string) error {
	for i := 1; i < len(namesAndValues); i += 2 {
		if namesAndValues[i] == "" {
			return Missing(namesAndValues[i-1])
		}
	}
	return nil
}

// Describe puts an error of the JSON package in words that name the field, below the one that was read.
func Describe(below string, err error) error {
	path := []string{}
	if below != "" {
		path = append(path, below)
	}
	var wrongType *json.UnmarshalTypeError
	if !errors.As(err, &wrongType) {
		return fmt.Errorf("%s: %w", strings.Join(append(path, "JSON"), " as "), err)
	}
	if wrongType.Field != "" {
		path = append(path, wrongType.Field)
	}
	if len(path) == 0 {
		return fmt.Errorf("want a JSON object, not %s", wrongType.Value)
	}
	return fmt.Errorf("%s: %s does not belong there", strings.Join(path, "."), wrongType.Value)
}

// Timestamp is a time as AWS writes it: RFC 3339, or with a zone without colon as CloudWatch does.
type Timestamp struct{ time.Time }

// withoutColon is how CloudWatch writes times: 2019-10-02T17:04:40.989+0000.
const withoutColon = "2006-01-02T15:04:05.999999999-0700"

// UnmarshalJSON reads either form; null leaves the time as it is.
func (t *Timestamp) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	// The JSON package adds the field's name to an error of this type, and to no other.
	wrong := &json.UnmarshalTypeError{Value: "what is not a time"}
	var written string
	if err := json.Unmarshal(text, &written); err != nil {
		return wrong
	}
	for _, layout := range []string{time.RFC3339, withoutColon} {
		parsed, err := time.Parse(layout, written)
		// A zone can take the year to where RFC 3339 has no form for it.
		if utc := parsed.UTC(); err == nil && utc.Year() >= 0 && utc.Year() <= 9999 {
			t.Time = utc
			return nil
		}
	}
	return wrong
}
