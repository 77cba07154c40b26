package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// problems collects what is wrong, each with the path of its field.
type problems struct {
	found []error
}

// add notes a problem of the field.
func (p *problems) add(field, format string, arguments ...any) {
	p.found = append(p.found, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, arguments...)))
}

func (p *problems) match(field, value string, pattern *regexp.Regexp, want string) {
	if !pattern.MatchString(value) {
		p.add(field, "want %s, have %q", want, value)
	}
}

func (p *problems) between(field string, value, least, most int) {
	if value < least || value > most {
		p.add(field, "want %d to %d, have %d", least, most, value)
	}
}

// LogDays are the numbers of days for which CloudWatch Logs can keep a log, after the API reference of
// PutRetentionPolicy.
var LogDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
	3653}

func (p *problems) logDays(field string, days int) {
	if !slices.Contains(LogDays, days) {
		p.add(field, "CloudWatch Logs keeps a log for one of %v days, not for %d", LogDays, days)
	}
}

// tagPattern follows "Tag naming limits and requirements" of the tagging user guide, for values.
var tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)

// tagCharacters are the characters that tagPattern allows, in words.
const tagCharacters = "letters, digits, spaces and _ . : / = + - @"

// name is for a required value that becomes a tag's.
func (p *problems) name(field, value string) {
	if value == "" {
		p.add(field, "required")
		return
	}
	p.match(field, value, tagPattern, "at most 256 "+tagCharacters)
}

// tag is for a tag that the owner adds. Keys of AWS are refused by AWS; those of davit would opt workloads in, and the
// installation's own are set by fields of their own.
func (p *problems) tag(field, key, value string) {
	switch {
	case key == "" || len(key) > 128 || !tagPattern.MatchString(key):
		p.add(field, "want a key of 1 to 128 %s", tagCharacters)
	case strings.HasPrefix(key, "aws:") || strings.HasPrefix(key, "davit/"):
		p.add(field, "want a key that does not start with aws: nor davit/")
	case key == "application" || key == "environment" || key == "owner":
		p.add(field, "is set already, by a field of its own")
	}
	p.match(field, value, tagPattern, "at most 256 "+tagCharacters)
}

func oneOf[T ~string](p *problems, field string, value T, allowed ...T) {
	if !slices.Contains(allowed, value) {
		p.add(field, "want one of %q, have %q", allowed, value)
	}
}

// unique reports names that occur more than once.
func (p *problems) unique(field string, names []string) {
	seen := map[string]int{}
	for i, name := range names {
		if first, ok := seen[name]; ok {
			p.add(fmt.Sprintf("%s[%d]", field, i), "%q is %s[%d] already", name, field, first)
			continue
		}
		seen[name] = i
	}
}
