package imagepolicy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// namedPolicy is a policy of the configuration under its name.
type namedPolicy struct {
	Policy
	name string
}

const (
	namedExample = "policy:stable, where the settings have a policy stable"
	// maximumName is how long the name of a policy may be.
	maximumName = 64
)

// parseNamed looks a policy up in the configuration. Its expression is anything but another name.
func parseNamed(expression, name string, named map[string]string) (Policy, error) {
	if len(name) > maximumName || !validTag(name) {
		return nil, refuse(expression, fmt.Errorf("a name is 1 to %d letters, digits, '_', '.' and '-', "+
			"the first not '.' or '-'", maximumName), namedExample)
	}
	meant, found := named[name]
	if !found {
		return nil, refuse(expression, fmt.Errorf("the settings have no policy %q; %s", name, known(named)), namedExample)
	}
	if other, _, _ := strings.Cut(strings.TrimSpace(meant), ":"); strings.TrimSpace(other) == namedKind {
		return nil, refuse(expression, errors.New("the policy it names must not name another"), "semver:1.x")
	}
	policy, err := Parse(meant, nil)
	if err != nil {
		return nil, fmt.Errorf("read the policy %q of the settings: %w", name, err)
	}
	return namedPolicy{Policy: policy, name: name}, nil
}

// known lists the names that would have been right, the first ten of them.
func known(named map[string]string) string {
	const limit = 10
	names := slices.Sorted(maps.Keys(named))
	switch {
	case len(names) == 0:
		return "they have none at all"
	case len(names) > limit:
		return fmt.Sprintf("they have %s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
	}
	return "they have " + strings.Join(names, ", ")
}

func (p namedPolicy) String() string { return namedKind + ":" + p.name }
