package settings

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"davit/shared/imagepolicy"

	"github.com/robfig/cron/v3"
)

// Limits of the fields.
const (
	minimumOutcomeTimeout = Duration(time.Minute)
	maximumOutcomeTimeout = Duration(24 * time.Hour)
	maximumHistoryDays    = 3650
	minimumFreeze         = Duration(time.Minute)
	maximumFreeze         = Duration(31 * 24 * time.Hour)
	maximumName           = 100
	maximumPattern        = 600
	maximumFreezes        = 100
	maximumClusters       = 100
)

const wantHistoryDays = "want 1 to 3650 days; leave it out for 400"

// Validate says everything that is wrong, each with the path of its field. The error wraps ErrInvalid. What is left
// out is not wrong, except for the version.
func (s Settings) Validate() error {
	var found problems
	if s.Version != Version {
		found.add("version", fmt.Errorf("want %q, not %q", Version, s.Version))
	}
	if s.OutcomeTimeout != 0 && (s.OutcomeTimeout < minimumOutcomeTimeout || s.OutcomeTimeout > maximumOutcomeTimeout) {
		found.add("outcomeTimeout", fmt.Errorf("want %s to %s, not %s", minimumOutcomeTimeout, maximumOutcomeTimeout,
			s.OutcomeTimeout))
	}
	if s.HistoryDays < 0 || s.HistoryDays > maximumHistoryDays {
		found.add("historyDays", errors.New(wantHistoryDays))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Policies)) {
		if _, err := imagepolicy.Parse("policy:"+name, s.Policies); err != nil {
			found.add(fmt.Sprintf("policies[%q]", name), err)
		}
	}
	s.validateClusters(&found)
	s.validateFreezes(&found)
	s.Recovery.validate(&found)
	s.validateScaling(&found)
	return found.err()
}

// clusterName follows the EKS API reference.
var clusterName = regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]*$`)

func (s Settings) validateClusters(found *problems) {
	if len(s.Clusters) > maximumClusters {
		found.add("clusters", fmt.Errorf("%d are more than %d", len(s.Clusters), maximumClusters))
		return
	}
	if slices.Contains(s.Clusters, AllClusters) && len(s.Clusters) > 1 {
		found.add("clusters", fmt.Errorf("%q is every cluster: leave out the others", AllClusters))
	}
	for i, name := range s.Clusters {
		if name != AllClusters && (len(name) > maximumName || !clusterName.MatchString(name)) {
			found.add(fmt.Sprintf("clusters[%d]", i), fmt.Errorf("%q is not the name of an EKS cluster", name))
		}
	}
}

func (s Settings) validateFreezes(found *problems) {
	if len(s.Freezes) > maximumFreezes {
		found.add("freezes", fmt.Errorf("%d windows are more than %d", len(s.Freezes), maximumFreezes))
		return
	}
	names := make(map[string]bool, len(s.Freezes))
	for i, freeze := range s.Freezes {
		at := fmt.Sprintf("freezes[%d].", i)
		if names[freeze.Name] {
			found.add(at+"name", fmt.Errorf("%q is the name of another window", freeze.Name))
		}
		names[freeze.Name] = true
		freeze.validate(at, found)
	}
}

func (f Freeze) validate(at string, found *problems) {
	if strings.TrimSpace(f.Name) == "" || len(f.Name) > maximumName {
		found.add(at+"name", fmt.Errorf("want 1 to %d characters", maximumName))
	}
	if schedule, err := parseCron(f.Cron); err != nil {
		found.add(at+"cron", err)
	} else if schedule.Next(anyLeapCycle).IsZero() {
		found.add(at+"cron", fmt.Errorf("%q names a day that does not exist", f.Cron))
	}
	if f.Duration < minimumFreeze || f.Duration > maximumFreeze {
		found.add(at+"duration", fmt.Errorf("want %s to %s, not %s", minimumFreeze, maximumFreeze, f.Duration))
	}
	if _, err := location(f.TimeZone); err != nil {
		found.add(at+"timeZone", err)
	}
	if f.Workloads != nil && len(f.Workloads) == 0 {
		found.add(at+"workloads", errors.New("an empty list means nothing; leave it out for all workloads"))
	}
	for i, pattern := range f.Workloads {
		if err := validatePattern(pattern); err != nil {
			found.add(fmt.Sprintf("%sworkloads[%d]", at, i), err)
		}
	}
}

// anyLeapCycle begins five years that have a 29 February.
var anyLeapCycle = time.Date(2023, time.January, 1, 0, 0, 0, 0, time.UTC)

// fiveFields reads minute, hour, day of month, month and day of week, and no descriptors such as @daily.
var fiveFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// parseCron reads five fields. The answer is for times in UTC, which stand for the time of day on the wall.
func parseCron(text string) (cron.Schedule, error) {
	if strings.Contains(text, "TZ=") {
		return nil, errors.New("the time zone belongs in timeZone")
	}
	schedule, err := fiveFields.Parse(text)
	if err != nil {
		return nil, fmt.Errorf(`want five fields, such as "0 18 * * 5": %w`, err)
	}
	return schedule, nil
}

// problems collects what is wrong.
type problems []error

func (p *problems) add(path string, err error) { *p = append(*p, fmt.Errorf("%s: %w", path, err)) }

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInvalid, errors.Join(p...))
}
