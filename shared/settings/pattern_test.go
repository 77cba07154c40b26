package settings

import "testing"

func TestAPatternCoversWhatItReadsLike(t *testing.T) {
	for _, test := range []struct {
		pattern, workload string
		want              bool
	}{
		{"ecs:production/*", "ecs:production/web", true},
		{"ecs:production/*", "ecs:staging/web", false},
		{"ecs:production/*", "eks:production/shop/web", false},
		{"ecs:production*", "ecs:production-eu/web", true},
		{"ecs:*/web", "ecs:staging/web", true},
		{"ecs:*/web", "ecs:staging/webhook", false},
		{"eks:production/*", "eks:production/shop/web", true},
		{"eks:production/*", "eks:production/shop/statefulset/db", true},
		{"eks:production/shop/*", "eks:production/shop/daemonset/agent", true},
		{"eks:production/shop/*", "eks:production/billing/web", false},
		{"eks:production/*/*", "eks:production/shop/statefulset/db", true},
		{"eks:*/shop/web", "eks:production/shop/web", true},
		{"eks:*/shop/web", "eks:production/shop/statefulset/web", false},
		{"*:production/*", "eks:production/shop/web", true},
		{"*:production/*", "ecs:production/web", true},
	} {
		if got := matches(test.pattern, test.workload); got != test.want {
			t.Errorf("%s on %s: got %t", test.pattern, test.workload, got)
		}
		if err := validatePattern(test.pattern); err != nil {
			t.Error(err)
		}
	}
}

func TestAPatternThatMatchesNoWorkloadIsRefused(t *testing.T) {
	for _, pattern := range []string{"production/*", "ECS:production/*", "*", "ecs:production", "ecs:production/web/*", "eks:production/web",
		"eks:production/shop/statefulset/db/*", "ec2:i-0123456789abcdef0", "ecs/production/*", "asg:*", "ecs:[", ""} {
		if err := validatePattern(pattern); err == nil {
			t.Errorf("%q is taken", pattern)
		}
	}
}
