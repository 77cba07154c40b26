// Package recovery decides, for one workload at a time, what is done about its incidents, and sees it through until the
// workload is healthy or a human was paged. Decide is pure; Reconciler observes, decides, acts and records.
package recovery

import (
	"time"

	"davit/shared/settings"
)

// The built-in playbooks.
const (
	ServiceUnhealthy = "service-unhealthy"
	OutOfMemory      = "out-of-memory"
	HostImpaired     = "host-impaired"
	SpotInterruption = "spot-interruption"
	ChainNodeBehind  = "chain-node-behind"
)

// builtIn are the ladders that need no configuration. A replaced host takes minutes to come up, hence their timeouts.
var builtIn = map[string]settings.Playbook{
	ServiceUnhealthy: ladder(time.Minute, rung(settings.Rollback, 10*time.Minute), rung(settings.Restart, 5*time.Minute),
		rung(settings.ScaleOut, 5*time.Minute), rung(settings.ReplaceHosts, 15*time.Minute)),
	OutOfMemory:  ladder(0, rung(settings.RaiseMemory, 10*time.Minute)),
	HostImpaired: ladder(0, rung(settings.Drain, 5*time.Minute), rung(settings.ReplaceHosts, 15*time.Minute)),
	// EC2 gives two minutes, so nothing is waited for.
	SpotInterruption: ladder(0, rung(settings.Drain, 5*time.Minute)),
	ChainNodeBehind: ladder(time.Minute, rung(settings.RestartClient, 15*time.Minute), rung(settings.GrowVolume, 15*time.Minute),
		rung(settings.RestoreSnapshot, time.Hour), rung(settings.ReplaceHosts, time.Hour)),
}

// ladder is a playbook with a human at its end.
func ladder(patience time.Duration, steps ...settings.PlaybookStep) settings.Playbook {
	waits := settings.Duration(patience)
	return settings.Playbook{Patience: &waits, Steps: append(steps, settings.PlaybookStep{Do: settings.Page})}
}

func rung(do settings.Do, timeout time.Duration) settings.PlaybookStep {
	return settings.PlaybookStep{Do: do, Timeout: settings.Duration(timeout)}
}

// FindPlaybook answers the playbook of the name: the configured one, else the built-in one.
func FindPlaybook(configured settings.Settings, name string) (settings.Playbook, bool) {
	playbook, found := configured.Recovery.Playbooks[name]
	if !found {
		playbook, found = builtIn[name]
	}
	return playbook.WithDefaults(), found
}
