package config

import (
	"slices"

	"davit/shared/settings"
)

// Settings is what the functions and the command line read at run time; see davit/shared/settings for each field's
// meaning and range.
type Settings struct {
	// Policies are expressions by name, for workloads tagged "policy:NAME".
	Policies map[string]string `yaml:"policies"`
	// Freezes are the windows in which nothing rolls out.
	Freezes []Freeze `yaml:"freezes"`
	// Clusters are the EKS clusters of this account and region on which workloads roll out, by name, or ["*"] for all. The
	// cluster of the section eks is among them where eks.rollouts says so. A cluster must let the function in: by an access
	// entry with the Kubernetes group davit:rollout, and by what `davit eks rbac` writes.
	Clusters []string `yaml:"clusters"`
	// OutcomeTimeout is how long a rollout may go without an outcome, such as "30m".
	OutcomeTimeout Duration `yaml:"outcomeTimeout"`
	// HistoryDays is how long the ledger keeps history.
	HistoryDays int `yaml:"historyDays"`
	// Recovery are the playbooks and limits of remedies.
	Recovery RecoverySettings `yaml:"recovery"`
	// Scaling are scaling policies by name, for workloads tagged "policy:NAME".
	Scaling ScalingSettings `yaml:"scaling"`
}

// Freeze is a window in which nothing rolls out.
type Freeze struct {
	// Name is shown in every refusal that the window causes.
	Name string `yaml:"name"`
	// Cron is when the window opens, five fields in TimeZone.
	Cron string `yaml:"cron"`
	// Duration is how long it stays open, such as "60h".
	Duration Duration `yaml:"duration"`
	// TimeZone is an IANA name; UTC if absent.
	TimeZone string `yaml:"timeZone"`
	// Workloads are patterns on references, such as "ecs:production/*" or "eks:production/*"; all workloads if absent.
	Workloads []string `yaml:"workloads"`
}

// addCluster has workloads of the cluster roll out.
func (s *Settings) addCluster(name string) {
	if !slices.Contains(s.Clusters, name) && !slices.Contains(s.Clusters, settings.AllClusters) {
		s.Clusters = append(s.Clusters, name)
	}
}

// Document is the settings in the form in which the functions read them.
func (s Settings) Document() settings.Settings {
	document := settings.Settings{
		Version:        settings.Version,
		Policies:       s.Policies,
		Clusters:       s.Clusters,
		OutcomeTimeout: settings.Duration(s.OutcomeTimeout),
		HistoryDays:    s.HistoryDays,
		Recovery:       s.Recovery.Recovery,
		Scaling:        s.Scaling,
	}
	for _, freeze := range s.Freezes {
		document.Freezes = append(document.Freezes, settings.Freeze{
			Name:      freeze.Name,
			Cron:      freeze.Cron,
			Duration:  settings.Duration(freeze.Duration),
			TimeZone:  freeze.TimeZone,
			Workloads: freeze.Workloads,
		})
	}
	return document
}

// JSON is the settings as the functions read them from their SSM parameter, with the defaults written out. Settings
// that the functions would refuse are an error that names the field.
func (s Settings) JSON() (string, error) {
	document, err := s.Document().Encode()
	if err != nil {
		return "", err
	}
	return string(document), nil
}

// MaximumSettings is how many characters the settings may have as JSON: what an advanced SSM parameter holds.
const MaximumSettings = 8192

func (s Settings) validate(p *problems) {
	document, err := s.JSON()
	if err != nil {
		p.add("automation.settings", "%v", err)
		return
	}
	if len(document) > MaximumSettings {
		p.add("automation.settings", "%d characters as JSON, more than the %d that an SSM parameter holds", len(document),
			MaximumSettings)
	}
}
