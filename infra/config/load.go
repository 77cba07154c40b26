package config

import (
	"bytes"
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

// setDefaults gives every absent field the value that its documentation promises.
func (c *Configuration) setDefaults() {
	setDefault(&c.Removal, Retain)
	if c.Network != nil {
		c.Network.setDefaults()
	}
	if c.Registry != nil {
		for i := range c.Registry.Repositories {
			c.Registry.Repositories[i].setDefaults()
		}
	}
	if c.Storage != nil {
		for i := range c.Storage.Buckets {
			c.Storage.Buckets[i].setDefaults()
		}
	}
	if c.ECS != nil {
		setDefault(&c.ECS.Cluster, "davit")
		for i := range c.ECS.Services {
			c.ECS.Services[i].setDefaults()
		}
	}
	if c.Automation != nil {
		c.Automation.setDefaults(c.Removal)
	}
}

func (n *Network) setDefaults() {
	setDefault(&n.CIDR, "10.0.0.0/16")
	setDefault(&n.Zones, 2)
	setDefault(&n.NAT, NATOne)
	if n.GatewayEndpoints == nil {
		n.GatewayEndpoints = []string{"s3", "dynamodb"}
	}
	setDefaultPointer(&n.FlowLogs, true)
	setDefault(&n.FlowLogDays, 30)
}

func (r *Repository) setDefaults() {
	setDefaultPointer(&r.ImmutableTags, true)
	setDefaultPointer(&r.ScanOnPush, true)
	if *r.ImmutableTags {
		setDefaultPointer(&r.ExpireUntaggedDays, 30)
		return
	}
	setDefaultPointer(&r.ExpireUntaggedDays, 0)
}

func (b *Bucket) setDefaults() {
	setDefault(&b.Class, Standard)
	setDefault(&b.NoncurrentDays, 90)
	setDefaultPointer(&b.NoncurrentVersions, 3)
}

func (s *Service) setDefaults() {
	setDefault(&s.Architecture, ARM64)
	setDefault(&s.CPU, 256)
	setDefault(&s.Memory, 2*s.CPU)
	setDefaultPointer(&s.LoadBalancer, true)
	setDefault(&s.HealthPath, "/")
	setDefaultPointer(&s.CircuitBreaker, true)
	setDefault(&s.LogDays, 30)
	if s.Autoscaling != nil {
		setDefault(&s.Autoscaling.CPUPercent, 60)
	}
}

func (a *Automation) setDefaults(removal Removal) {
	setDefault(&a.Architecture, ARM64)
	if a.Repositories == nil {
		a.Repositories = []string{"*"}
	}
	if a.PassRoles == nil {
		a.PassRoles = []string{"role/davit/*"}
	}
	setDefault(&a.SweepMinutes, 15)
	setDefault(&a.Memory, 512)
	setDefault(&a.TimeoutSeconds, 60)
	setDefault(&a.MaximumConcurrency, 10)
	setDefault(&a.MaximumReceives, 6)
	setDefault(&a.LogDays, 90)
	setDefault(&a.LogLevel, Info)
	setDefaultPointer(&a.DeletionProtection, removal == Retain)
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
