package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaximumDocument is how long a document may be, in bytes. SSM parameters hold at most 8 KiB; the rest is for other
// places to keep one.
const MaximumDocument = 64 << 10

// Defaults of what a document leaves out.
const (
	DefaultOutcomeTimeout = Duration(30 * time.Minute)
	DefaultHistoryDays    = 400
)

// ErrInvalid is wrapped by every error of Parse and Validate.
var ErrInvalid = errors.New("the settings are not valid")

// document is Settings as JSON has it. What it shadows is read by hand, so that errors can name the field and a zero
// that was written is told from a field that was left out.
type document struct {
	Settings
	Freezes        []freezeDocument `json:"freezes"`
	OutcomeTimeout json.RawMessage  `json:"outcomeTimeout"`
	HistoryDays    *int             `json:"historyDays"`
}

type freezeDocument struct {
	Freeze
	Duration json.RawMessage `json:"duration"`
}

// Parse reads a document and applies the defaults. An empty one gives the defaults. It is strict: a field that is not
// known, a wrong type or value, and anything after the document are errors. Every error wraps ErrInvalid and names the
// field, as in freezes[0].cron.
func Parse(text []byte) (Settings, error) {
	if len(text) > MaximumDocument {
		return Settings{}, fmt.Errorf("%w: the document has %d bytes, more than %d", ErrInvalid, len(text), MaximumDocument)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return Settings{}.WithDefaults(), nil
	}
	read, err := decode(text)
	if err != nil {
		return Settings{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	settings, err := read.settings()
	if err != nil {
		return Settings{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := settings.Validate(); err != nil {
		return Settings{}, err
	}
	return settings.WithDefaults(), nil
}

func decode(text []byte) (document, error) {
	var read document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return document{}, describe(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return document{}, errors.New("something follows the document")
	}
	return read, nil
}

// describe puts the JSON package's errors in the words of the document.
func describe(err error) error {
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return fmt.Errorf("%s: %s does not belong there", wrongType.Field, wrongType.Value)
	case errors.As(err, &wrongType):
		return fmt.Errorf("want a JSON object, not %s", wrongType.Value)
	}
	return fmt.Errorf("read the JSON: %w", err)
}

// settings is the document with the fields read by hand.
func (d document) settings() (Settings, error) {
	settings := d.Settings
	if err := readDuration("outcomeTimeout", d.OutcomeTimeout, &settings.OutcomeTimeout); err != nil {
		return Settings{}, err
	}
	if d.HistoryDays != nil {
		if *d.HistoryDays == 0 {
			return Settings{}, fmt.Errorf("historyDays: %s", wantHistoryDays)
		}
		settings.HistoryDays = *d.HistoryDays
	}
	for i, freeze := range d.Freezes {
		if err := readDuration(fmt.Sprintf("freezes[%d].duration", i), freeze.Duration, &freeze.Freeze.Duration); err != nil {
			return Settings{}, err
		}
		settings.Freezes = append(settings.Freezes, freeze.Freeze)
	}
	return settings, nil
}

// readDuration reads a duration that may be left out but may not be zero.
func readDuration(path string, raw json.RawMessage, into *Duration) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if err := into.UnmarshalJSON(raw); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if *into == 0 {
		return fmt.Errorf("%s: must not be zero; leave it out for the default", path)
	}
	return nil
}

// WithDefaults is the settings with the defaults for what they leave out.
func (s Settings) WithDefaults() Settings {
	if s.Version == "" {
		s.Version = Version
	}
	if s.OutcomeTimeout == 0 {
		s.OutcomeTimeout = DefaultOutcomeTimeout
	}
	if s.HistoryDays == 0 {
		s.HistoryDays = DefaultHistoryDays
	}
	return s
}

// Encode is the document that Parse reads, with the defaults written out. It refuses settings that are not valid.
func (s Settings) Encode() ([]byte, error) {
	s = s.WithDefaults()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the settings: %w", err)
	}
	if len(text) > MaximumDocument {
		return nil, fmt.Errorf("%w: the document has %d bytes, more than %d", ErrInvalid, len(text), MaximumDocument)
	}
	return text, nil
}
