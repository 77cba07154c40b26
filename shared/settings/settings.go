// Package settings is what the owner of an installation configures for the functions: named policies, freeze windows
// and time limits. The infrastructure writes it to an SSM parameter, the functions and the command line read it from
// there.
package settings

import "time"

// Version is the version of the document's schema.
const Version = "1"

// AllClusters stands for every EKS cluster of the account and region.
const AllClusters = "*"

// Settings is the document in the SSM parameter.
type Settings struct {
	// Version is the schema's version, "1".
	Version string `json:"version"`
	// Policies are the expressions that workloads name by "policy:NAME". A named policy names no other.
	Policies map[string]string `json:"policies,omitempty"`
	// Freezes are the windows in which nothing rolls out.
	Freezes []Freeze `json:"freezes,omitempty"`
	// Clusters are the EKS clusters of the account and region on which workloads are looked for, by name, or "*" for all;
	// none if absent.
	Clusters []string `json:"clusters,omitempty"`
	// OutcomeTimeout is how long a rollout may go without an outcome before it is reported as overdue and, where the
	// platform does not put failed deployments back itself, put back. 1 minute to 24 hours; 30 minutes if absent.
	OutcomeTimeout Duration `json:"outcomeTimeout,omitempty"`
	// HistoryDays is how long the ledger keeps history, 1 to 3650 days; 400 if absent.
	HistoryDays int `json:"historyDays,omitempty"`
	// Recovery is how incidents are remediated.
	Recovery Recovery `json:"recovery,omitzero"`
	// Scaling are the scaling policies that workloads name by "policy:NAME" in their davit/scaling tag.
	Scaling map[string]Scaling `json:"scaling,omitempty"`
	// Stop is the global stop, if there is one. It is no part of the document.
	Stop *Stop `json:"-"`
}

// Freeze is a window in which nothing rolls out, unless a human overrides it.
type Freeze struct {
	// Name is shown in every refusal that the window causes.
	Name string `json:"name"`
	// Cron is when the window opens: five fields (minute hour day-of-month month day-of-week), in TimeZone.
	Cron string `json:"cron"`
	// Duration is how long the window stays open, 1 minute to 31 days.
	Duration Duration `json:"duration"`
	// TimeZone is an IANA name such as "Europe/Oslo"; UTC if absent.
	TimeZone string `json:"timeZone,omitempty"`
	// Workloads are patterns on the reference, all workloads if absent: ecs:production/*, or eks:production/* for a whole
	// cluster. They have the form of path.Match, but in the last part a * stands for all that follows.
	Workloads []string `json:"workloads,omitempty"`
}

// Duration is a time.Duration that is written as "90m" in JSON.
type Duration time.Duration
