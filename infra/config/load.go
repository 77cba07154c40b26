package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.yaml.in/yaml/v4"
)

// MaximumSize is how large a configuration file may be, in bytes.
const MaximumSize = 1 << 20

// Duration is a time.Duration that is written as "90m" in YAML.
type Duration time.Duration

// UnmarshalYAML reads what time.ParseDuration reads.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := time.ParseDuration(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is not a duration such as \"90m\"", node.Line, node.Value)
	}
	*d = Duration(parsed)
	return nil
}

// Read reads and validates the configuration in a file.
func Read(path string) (*Configuration, error) {
	file, err := os.Open(path) // #nosec G304 -- the caller chooses the file
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer file.Close()
	document, err := io.ReadAll(io.LimitReader(file, MaximumSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", path, err)
	}
	configuration, err := Parse(document)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return configuration, nil
}

// Parse reads one YAML document, fills in the defaults and validates the result. A field that does not exist, a second
// document and a value out of its range are errors that name the field.
func Parse(document []byte) (*Configuration, error) {
	if len(document) > MaximumSize {
		return nil, fmt.Errorf("larger than %d bytes", MaximumSize)
	}
	if len(bytes.TrimSpace(document)) == 0 {
		return nil, errors.New("empty")
	}
	var configuration Configuration
	if err := yaml.Load(document, &configuration, yaml.WithKnownFields()); err != nil {
		return nil, err
	}
	configuration.setDefaults()
	if err := configuration.Validate(); err != nil {
		return nil, err
	}
	return &configuration, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func setDefaultPointer[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// readAsJSON reads a part of the file as the functions read the settings that it becomes: what they refuse is refused here.
func readAsJSON(node *yaml.Node, field string, into any) error {
	var document map[string]any
	if err := node.Decode(&document); err != nil {
		return err
	}
	text, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("line %d: %s: %w", node.Line, field, err)
	}
	return nil
}
