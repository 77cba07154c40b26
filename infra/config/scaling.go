package config

import (
	"go.yaml.in/yaml/v4"

	"davit/shared/settings"
)

// Scaling is what scales workloads: a queue, a function, and rules that bring alarms and placement failures to it. It needs
// Automation, whose architecture, memory and log settings it shares. Named policies are in Automation.Settings.Scaling.
type Scaling struct {
	// LookMinutes is how often every workload that opted in is looked at without an event, 1 to 60 minutes. Default 15.
	LookMinutes int `yaml:"lookMinutes"`
	// MaximumConcurrency is how many batches are worked on at once, 2 to 1000. Default 10.
	MaximumConcurrency int `yaml:"maximumConcurrency"`
}

func (s *Scaling) setDefaults() {
	setDefault(&s.LookMinutes, 15)
	setDefault(&s.MaximumConcurrency, 10)
}

func (c *Configuration) validateScaling(p *problems) {
	if c.Automation == nil {
		p.add("scaling", "needs the section automation")
	}
	p.between("scaling.lookMinutes", c.Scaling.LookMinutes, 1, 60)
	p.between("scaling.maximumConcurrency", c.Scaling.MaximumConcurrency, 2, 1000)
}

// validateServiceScaling checks what a service says of its scaling.
func (c *Configuration) validateServiceScaling(p *problems, field string, s *Service) {
	if s.Scaling == "" {
		return
	}
	var named settings.Settings
	if c.Automation != nil {
		named.Scaling = c.Automation.Settings.Scaling
	}
	if _, err := named.ParseScaling(s.Scaling); err != nil {
		p.add(field+".scaling", "%v", err)
	}
}

// ScalingSettings are named scaling policies as the function reads them; see davit/shared/settings for each field's meaning
// and range.
type ScalingSettings map[string]settings.Scaling

// UnmarshalYAML reads the document as the function will, and is as strict.
func (s *ScalingSettings) UnmarshalYAML(node *yaml.Node) error {
	return readAsJSON(node, "settings.scaling", (*map[string]settings.Scaling)(s))
}
