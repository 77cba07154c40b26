package restore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"davit/shared/restore"
)

// planned are the steps of a dry run, a line each.
func planned(steps []restore.Step) string {
	var text strings.Builder
	for _, step := range steps {
		fmt.Fprintf(&text, "%-14s %s: %s; its version %s of %s\n", step.Kind, step.Wanted.Key, step.Reason, step.Wanted.ID,
			step.Wanted.Modified.UTC().Format("2006-01-02 15:04:05Z"))
	}
	return text.String()
}

// outcomes are what became of the objects, a line each.
func outcomes(found []*restore.Outcome) string {
	var text strings.Builder
	for _, outcome := range found {
		fmt.Fprintf(&text, "%-8s %s (%s: %s)\n", outcome.Result, outcome.Wanted.Key, outcome.Kind, outcome.Reason)
	}
	return text.String()
}

// summary counts.
func summary(found *report) string {
	counts := map[string]int{}
	for _, step := range found.Steps {
		counts["to "+string(step.Kind)]++
	}
	for _, outcome := range found.Outcomes {
		counts[string(outcome.Result)]++
	}
	parts := []string{fmt.Sprintf("%d objects looked at", found.Looked)}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[what], what))
	}
	if found.Nothing > 0 {
		parts = append(parts, fmt.Sprintf("%d with nothing to do", found.Nothing))
	}
	return strings.Join(parts, ", ") + "\n"
}

// size is a number of bytes for people.
func size(bytes int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.4g %s", value, units[unit])
}
