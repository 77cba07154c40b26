package config

import (
	"go.yaml.in/yaml/v4"

	"davit/shared/settings"
)

// Recovery is what remedies incidents: a queue, a function, and rules that bring alarms and stopped tasks to it. It needs
// Automation, whose architecture, roles, memory and log settings it shares. The playbooks and limits are in
// Automation.Settings.Recovery.
type Recovery struct {
	// LookMinutes is how often open incidents are looked at without an event, 1 to 15 minutes. Default 1.
	LookMinutes int `yaml:"lookMinutes"`
	// MaximumConcurrency is how many batches are worked on at once, 2 to 1000. Default 10.
	MaximumConcurrency int `yaml:"maximumConcurrency"`
}

func (r *Recovery) setDefaults() {
	setDefault(&r.LookMinutes, 1)
	setDefault(&r.MaximumConcurrency, 10)
}

func (c *Configuration) validateRecovery(p *problems) {
	if c.Automation == nil {
		p.add("recovery", "needs the section automation")
	}
	p.between("recovery.lookMinutes", c.Recovery.LookMinutes, 1, 15)
	p.between("recovery.maximumConcurrency", c.Recovery.MaximumConcurrency, 2, 1000)
}

// playbook is for the name of a playbook, or for none.
func (p *problems) playbook(field, name string) {
	if name != "" && name != settings.ReservedPlaybook && !settings.PlaybookName.MatchString(name) {
		p.add(field, "%q is no name of a playbook: want up to 50 lower-case letters, digits and hyphens", name)
	}
}

// validateRemedies checks what a service says of its remedies.
func validateRemedies(p *problems, field string, s *Service) {
	p.playbook(field+".playbook", s.Playbook)
	if s.MemoryLimit != 0 && s.MemoryLimit < s.Memory {
		p.add(field+".memoryLimit", "%d is below memory, %d", s.MemoryLimit, s.Memory)
	}
}

// RecoverySettings are playbooks and limits as the functions read them; see davit/shared/settings for each field's
// meaning and range.
type RecoverySettings struct{ settings.Recovery }

// UnmarshalYAML reads the document as the functions will, and is as strict.
func (r *RecoverySettings) UnmarshalYAML(node *yaml.Node) error {
	return readAsJSON(node, "settings.recovery", &r.Recovery)
}
