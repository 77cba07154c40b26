package settings

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Stop is the global stop: while it is there, davit starts nothing, on no workload. It stands in an SSM parameter of its
// own, so that it can be set without a deploy.
type Stop struct {
	Who string    `json:"who"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

// NoStop is the value of the parameter while davit may act.
const NoStop = "{}"

// ParseStop reads the parameter: an empty document, or an empty object, is no stop, and all else is one. So what somebody
// wrote there by hand, in whatever form, stops davit, and "davit start" ends it.
func ParseStop(text string) *Stop {
	var members map[string]json.RawMessage
	err := json.Unmarshal([]byte(text), &members)
	if strings.TrimSpace(text) == "" || err == nil && len(members) == 0 {
		return nil
	}
	var stop Stop
	if err := json.Unmarshal([]byte(text), &stop); err != nil || stop == (Stop{}) {
		return &Stop{Who: "somebody", Why: fmt.Sprintf("the parameter holds %.100q", text)}
	}
	return &stop
}

// Encode is the value of the parameter.
func (s *Stop) Encode() (string, error) {
	if s == nil {
		return NoStop, nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode the stop: %w", err)
	}
	return string(text), nil
}

// String says who stopped davit, when and why.
func (s *Stop) String() string {
	if s.At.IsZero() {
		return fmt.Sprintf("davit is stopped by %s: %s", s.Who, s.Why)
	}
	return fmt.Sprintf("davit is stopped by %s since %s: %s", s.Who, s.At.UTC().Format(time.RFC3339), s.Why)
}
