package config

import (
	"strings"
	"testing"
)

func TestWrongScalingIsNamedByItsField(t *testing.T) {
	const right = `
owner: platform
environment: production
account: "111122223333"
region: eu-north-1
availabilityZones: [eu-north-1a, eu-north-1b]
automation: {settings: {scaling: {shop: {policy: min=1 max=10}}}}
scaling: {}
`
	if _, err := Parse([]byte(right)); err != nil {
		t.Fatal(err)
	}
	for change, want := range map[[2]string]string{
		{"scaling: {}\n", "scaling: {lookMinutes: 61}\n"}:                           "scaling.lookMinutes",
		{"policy: min=1 max=10", "policy: plenty"}:                                  `scaling["shop"].policy`,
		{"{shop: {policy: min=1 max=10}}", "{shop: {police: x}}"}:                   "settings.scaling",
		{"automation: {settings: {scaling: {shop: {policy: min=1 max=10}}}}\n", ""}: "needs the section automation",
	} {
		changed := strings.Replace(right, change[0], change[1], 1)
		if _, err := Parse([]byte(changed)); changed == right || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error about %s", change[1], err, want)
		}
	}
}
