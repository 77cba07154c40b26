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

// ParseStop reads the parameter: an empty document, or an empty object, is no stop. What cannot be read is an error that
// wraps ErrInvalid, and must be taken for a stop.
func ParseStop(text string) (*Stop, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var stop Stop
	if err := json.Unmarshal([]byte(text), &stop); err != nil {
		return nil, fmt.Errorf("%w: the stop parameter: %w", ErrInvalid, err)
	}
	if stop == (Stop{}) {
		return nil, nil
	}
	return &stop, nil
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
	return fmt.Sprintf("davit is stopped by %s since %s: %s", s.Who, s.At.UTC().Format(time.RFC3339), s.Why)
}
