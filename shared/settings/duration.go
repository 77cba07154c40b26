package settings

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

var errDuration = errors.New(`want a duration in quotation marks, such as "90m" or "24h"`)

// MarshalJSON writes the duration in the largest unit that holds it whole: "24h", "90m", "1m30s".
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads what time.ParseDuration reads, in quotation marks.
func (d *Duration) UnmarshalJSON(document []byte) error {
	var text string
	if err := json.Unmarshal(document, &text); err != nil {
		return errDuration
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return errDuration
	}
	*d = Duration(parsed)
	return nil
}

// String is the form that JSON has.
func (d Duration) String() string {
	duration := time.Duration(d)
	switch {
	case duration == 0:
		return "0s"
	case duration%time.Hour == 0:
		return strconv.FormatInt(int64(duration/time.Hour), 10) + "h"
	case duration%time.Minute == 0:
		return strconv.FormatInt(int64(duration/time.Minute), 10) + "m"
	}
	return duration.String()
}
