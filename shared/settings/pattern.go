package settings

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// matches tells whether a pattern is for the workload. It has the form of path.Match, whose * stops at a slash; in the
// pattern's last part it does not, so that eks:production/* is all of a cluster, namespaces and kinds and all.
func matches(pattern, workload string) bool {
	parts := strings.SplitN(workload, "/", strings.Count(pattern, "/")+1)
	last := len(parts) - 1
	parts[last] = strings.ReplaceAll(parts[last], "/", ":")
	matched, err := path.Match(pattern, strings.Join(parts, "/"))
	return err == nil && matched
}

// shapes are how many parts the references of each kind have, with slashes between them: ecs:CLUSTER/SERVICE, and
// eks:CLUSTER/NAMESPACE/NAME or eks:CLUSTER/NAMESPACE/CONTROLLER/NAME.
var shapes = []struct {
	kind     string
	min, max int
}{{"ecs", 2, 2}, {"eks", 3, 4}}

// validatePattern refuses what cannot be read, and what no workload can match: a freeze that freezes nothing is found out
// when it is too late.
func validatePattern(pattern string) error {
	if pattern == "" || len(pattern) > maximumPattern {
		return fmt.Errorf("want 1 to %d characters, such as ecs:production/*", maximumPattern)
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q cannot be read: %w", pattern, err)
	}
	kind, _, found := strings.Cut(pattern, ":")
	if !found {
		return fmt.Errorf("%q matches no workload: begin with the kind, such as ecs:production/* or eks:production/*", pattern)
	}
	count := strings.Count(pattern, "/") + 1
	open := strings.Contains(pattern[strings.LastIndex(pattern, "/")+1:], "*")
	known := false
	for _, shape := range shapes {
		if matched, err := path.Match(kind, shape.kind); err != nil || !matched {
			continue
		}
		known = true
		if count <= shape.max && (count >= shape.min || open) {
			return nil
		}
	}
	if !known {
		return fmt.Errorf("%q matches no workload: the kind is ecs or eks, in small letters", pattern)
	}
	return fmt.Errorf("%q matches no workload: %w", pattern, errShape)
}

var errShape = errors.New("they are named ecs:CLUSTER/SERVICE, eks:CLUSTER/NAMESPACE/NAME or eks:CLUSTER/NAMESPACE/CONTROLLER/NAME")
