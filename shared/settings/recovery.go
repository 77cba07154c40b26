package settings

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

// Recovery is how incidents are remediated: playbooks in place of the built-in ones or beside them, and limits.
type Recovery struct {
	// Playbooks are ladders by name. One with the name of a built-in playbook takes its place.
	Playbooks map[string]Playbook `json:"playbooks,omitempty"`
	// Limits bound what is done.
	Limits Limits `json:"limits,omitzero"`
}

// Playbook is a ladder of steps, which are tried in their order until the workload is healthy. The last one is a human.
type Playbook struct {
	// Patience is how long the platform gets to help itself before the first step, where no alarm is on: a task that
	// stopped is replaced without davit. 0 to 1 hour; 1 minute if absent.
	Patience *Duration `json:"patience,omitempty"`
	// HealthyFor is how long the workload must be healthy, with its alarms OK, before the incident ends. 1 second to 1
	// hour; 2 minutes if absent.
	HealthyFor Duration `json:"healthyFor,omitempty"`
	// Steps are 1 to 10, none twice; the last one is page, and no other.
	Steps []PlaybookStep `json:"steps"`
}

// PlaybookStep is one rung of a ladder.
type PlaybookStep struct {
	Do Do `json:"do"`
	// Timeout is how long the step gets to make the workload healthy before the next one. 1 second to 2 hours; 5
	// minutes if absent.
	Timeout Duration `json:"timeout,omitempty"`
}

// Do is what a step does.
type Do string

// The steps.
const (
	// Rollback goes back to the image before, where a rollout is in progress or ended less than 30 minutes ago.
	Rollback Do = "rollback"
	// Restart replaces all tasks by new ones of the same revision.
	Restart Do = "restart"
	// ScaleOut runs one step more of the workload, which is undone when the incident has ended.
	ScaleOut Do = "scale-out"
	// RaiseMemory gives the tasks one step more of memory, up to the workload's davit/memory-limit tag.
	RaiseMemory Do = "raise-memory"
	// Drain moves the tasks of a host elsewhere.
	Drain Do = "drain"
	// ReplaceHosts has the Auto Scaling group replace the host; for a service, the one on which its tasks fail.
	ReplaceHosts Do = "replace-hosts"
	// RestartClient restarts the client of a chain node on its host.
	RestartClient Do = "restart-client"
	// GrowVolume makes the data volume of a host larger by one step.
	GrowVolume Do = "grow-volume"
	// RestoreSnapshot replaces the data volume of a host by its newest snapshot.
	RestoreSnapshot Do = "restore-snapshot"
	// Page tells a human.
	Page Do = "page"
)

var steps = []Do{Rollback, Restart, ScaleOut, RaiseMemory, Drain, ReplaceHosts, RestartClient, GrowVolume,
	RestoreSnapshot, Page}

// Limits bound what davit does about incidents.
type Limits struct {
	// Cooldown is how long after the last act on a workload another incident of it may act. 1 second to 24 hours; 10
	// minutes if absent.
	Cooldown Duration `json:"cooldown,omitempty"`
	// IncidentAttempts is how many acts an incident gets, 1 to 20; 5 if absent.
	IncidentAttempts int `json:"incidentAttempts,omitempty"`
	// DayAttempts is how many acts a workload gets in 24 hours, 1 to 50; 10 if absent.
	DayAttempts int `json:"dayAttempts,omitempty"`
	// FleetPercent is the share of the workloads that are acted on at once, 1 to 100; 10 if absent. One always may be.
	FleetPercent int `json:"fleetPercent,omitempty"`
	// StormIncidents is how many workloads with a new incident within StormWindow are a storm, 2 to 1000; 10 if absent.
	StormIncidents int `json:"stormIncidents,omitempty"`
	// StormWindow is 1 minute to 1 hour; 5 minutes if absent.
	StormWindow Duration `json:"stormWindow,omitempty"`
	// StormCooldown is how long after there were last so many new incidents a storm ends. 1 minute to 24 hours; 15 minutes if absent.
	StormCooldown Duration `json:"stormCooldown,omitempty"`
	// Wait is how long an incident waits for a guard, such as a hold, before a human is paged. 1 second to 24 hours; 10
	// minutes if absent.
	Wait Duration `json:"wait,omitempty"`
}

// Defaults of what playbooks leave out.
const (
	DefaultPatience    = Duration(time.Minute)
	DefaultHealthyFor  = Duration(2 * time.Minute)
	DefaultStepTimeout = Duration(5 * time.Minute)
)

// WithDefaults is the limits with the defaults for what they leave out.
func (l Limits) WithDefaults() Limits {
	return Limits{
		Cooldown:         either(l.Cooldown, Duration(10*time.Minute)),
		IncidentAttempts: either(l.IncidentAttempts, 5),
		DayAttempts:      either(l.DayAttempts, 10),
		FleetPercent:     either(l.FleetPercent, 10),
		StormIncidents:   either(l.StormIncidents, 10),
		StormWindow:      either(l.StormWindow, Duration(5*time.Minute)),
		StormCooldown:    either(l.StormCooldown, Duration(15*time.Minute)),
		Wait:             either(l.Wait, Duration(10*time.Minute)),
	}
}

// WithDefaults is the playbook with the defaults for what it leaves out.
func (p Playbook) WithDefaults() Playbook {
	if p.Patience == nil {
		patience := DefaultPatience
		p.Patience = &patience
	}
	p.HealthyFor = either(p.HealthyFor, DefaultHealthyFor)
	p.Steps = slices.Clone(p.Steps)
	for index := range p.Steps {
		p.Steps[index].Timeout = either(p.Steps[index].Timeout, DefaultStepTimeout)
	}
	return p
}

func either[T comparable](given, otherwise T) T {
	var none T
	if given == none {
		return otherwise
	}
	return given
}

const (
	maximumPlaybooks = 20
	maximumSteps     = 10
	// ReservedPlaybook chooses the playbook by the cause.
	ReservedPlaybook = "default"
)

// PlaybookName is the form of a playbook's name, which is also a tag value of AWS.
var PlaybookName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,49}$`)

func (r Recovery) validate(found *problems) {
	if len(r.Playbooks) > maximumPlaybooks {
		found.add("recovery.playbooks", fmt.Errorf("%d are more than %d", len(r.Playbooks), maximumPlaybooks))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Playbooks)) {
		at := fmt.Sprintf("recovery.playbooks[%q]", name)
		if !PlaybookName.MatchString(name) || name == ReservedPlaybook {
			found.add(at, fmt.Errorf("want up to 50 lower-case letters, digits and hyphens, and not %q", ReservedPlaybook))
		}
		r.Playbooks[name].validate(at, found)
	}
	r.Limits.validate(found)
}

func (p Playbook) validate(at string, found *problems) {
	if p.Patience != nil {
		within(found, at+".patience", *p.Patience, 0, Duration(time.Hour))
	}
	given(found, at+".healthyFor", p.HealthyFor, Duration(time.Second), Duration(time.Hour))
	if len(p.Steps) == 0 || len(p.Steps) > maximumSteps {
		found.add(at+".steps", fmt.Errorf("want 1 to %d, not %d", maximumSteps, len(p.Steps)))
		return
	}
	for index, step := range p.Steps {
		here := fmt.Sprintf("%s.steps[%d]", at, index)
		if !slices.Contains(steps, step.Do) {
			found.add(here+".do", fmt.Errorf("%q is no step; want one of %v", step.Do, steps))
		}
		if slices.ContainsFunc(p.Steps[:index], func(other PlaybookStep) bool { return other.Do == step.Do }) {
			found.add(here+".do", fmt.Errorf("%s is there twice", step.Do))
		}
		given(found, here+".timeout", step.Timeout, Duration(time.Second), Duration(2*time.Hour))
	}
	if p.Steps[len(p.Steps)-1].Do != Page {
		found.add(at+".steps", errors.New("the last step must be page: every ladder ends at a human"))
	}
}

func (l Limits) validate(found *problems) {
	const at = "recovery.limits."
	given(found, at+"cooldown", l.Cooldown, Duration(time.Second), Duration(24*time.Hour))
	given(found, at+"incidentAttempts", l.IncidentAttempts, 1, 20)
	given(found, at+"dayAttempts", l.DayAttempts, 1, 50)
	given(found, at+"fleetPercent", l.FleetPercent, 1, 100)
	given(found, at+"stormIncidents", l.StormIncidents, 2, 1000)
	given(found, at+"stormWindow", l.StormWindow, Duration(time.Minute), Duration(time.Hour))
	given(found, at+"stormCooldown", l.StormCooldown, Duration(time.Minute), Duration(24*time.Hour))
	given(found, at+"wait", l.Wait, Duration(time.Second), Duration(24*time.Hour))
}

// given checks what is not left out.
func given[T int | Duration](found *problems, at string, value, least, most T) {
	if value != 0 {
		within(found, at, value, least, most)
	}
}

func within[T int | Duration](found *problems, at string, value, least, most T) {
	if value < least || value > most {
		found.add(at, fmt.Errorf("want %v to %v, not %v", least, most, value))
	}
}
