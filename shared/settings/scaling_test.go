package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"davit/shared/settings"
)

const scalingDocument = `{"version":"1","scaling":{"shop":{"policy":"min=2 max=20 target=60 growth=3 hosts=6","schedules":[
	{"name":"night","cron":"0 22 * * *","duration":"8h","timeZone":"Europe/Oslo","min":0,"max":0},
	{"name":"sale","cron":"0 8 24 11 *","duration":"24h","min":10,"max":40}]}}}`

func TestScalingExpressionsAreReadAndRefused(t *testing.T) {
	parsed, err := settings.Parse([]byte(scalingDocument))
	if err != nil {
		t.Fatal(err)
	}
	whole := settings.ScalingPolicy{Min: 0, Max: 9, Step: 2, Per: 100.5, CooldownOut: 30 * time.Second,
		CooldownIn: 5 * time.Minute, Growth: 1.5, MaxHosts: 4}
	short := settings.ScalingPolicy{Min: 1, Max: 10, Step: 1, CooldownOut: settings.DefaultCooldownOut,
		CooldownIn: settings.DefaultCooldownIn, Growth: settings.DefaultGrowth}
	for expression, want := range map[string]settings.ScalingPolicy{
		"max=10": short,
		"min=0 max=9 step=2 per=100.5 out=30s in=5m growth=1.5 hosts=4": whole,
	} {
		have, err := parsed.ParseScaling(expression)
		if difference := cmp.Diff(want, have); err != nil || difference != "" {
			t.Errorf("%q: %v, -want +have:\n%s", expression, err, difference)
		}
	}
	for expression, word := range map[string]string{
		"":                       "max is missing",
		"min=1":                  "max is missing",
		"max=10 min=11":          "above",
		"max=10 max=11":          "does not belong",
		"max":                    "does not belong",
		"max=10 speed=2":         "no \"speed\"",
		"max=-1":                 "whole number",
		"max=10 target=60 per=1": "exclude",
		"max=10 target=NaN":      "above 0",
		"max=10 growth=1":        "factor",
		"max=10 out=0s":          "duration",
		"policy:shops":           "[shop]",
	} {
		if have, err := parsed.ParseScaling(expression); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q is %+v, %v; want an error about %q", expression, have, err, word)
		}
	}
}

func TestScalingWindowsSetTheBounds(t *testing.T) {
	parsed, err := settings.Parse([]byte(scalingDocument))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := parsed.ParseScaling("policy:shop")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for text, want := range map[string]settings.Bounds{
		"2026-11-22T12:00:00Z": {Min: 2, Max: 20},
		"2026-11-22T20:59:00Z": {Min: 2, Max: 20},
		"2026-11-22T21:00:00Z": {Min: 0, Max: 0, Window: "night"},
		"2026-11-24T09:00:00Z": {Min: 10, Max: 40, Window: "sale"},
		"2026-11-24T22:00:00Z": {Min: 0, Max: 0, Window: "night"},
	} {
		if have := policy.Bounds(at(text)); have != want {
			t.Errorf("at %s they are %+v, want %+v", text, have, want)
		}
	}
	if next := policy.NextChange(at("2026-11-22T20:50:30Z"), 15*time.Minute); !next.Equal(at("2026-11-22T21:00:00Z")) {
		t.Errorf("the next change is at %s", next)
	}
	if next := policy.NextChange(at("2026-11-22T12:00:00Z"), 15*time.Minute); !next.IsZero() {
		t.Errorf("at noon the next change is at %s", next)
	}
}

func TestScalingPoliciesOfTheSettingsAreChecked(t *testing.T) {
	for document, word := range map[string]string{
		`{"a b":{"policy":"max=1"}}`:  `scaling["a b"]`,
		`{"a":{"policy":"policy:b"}}`: `scaling["a"].policy`,
		`{"a":{"policy":"max=1","schedules":[{"name":"x","cron":"0 0 * * *","duration":"1h","min":2,"max":1}]}}`: "schedules[0].min",
		`{"a":{"policy":"max=1","schedules":[{"name":"x","cron":"0 0 * *","duration":"1h","min":0,"max":1}]}}`:   "schedules[0].cron",
	} {
		_, err := settings.Parse([]byte(`{"version":"1","scaling":` + document + `}`))
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want an error about %s", document, err, word)
		}
	}
}
