package advice

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// today is when the tests ask: a day on which each kind of end of service is there, past and to come.
var today = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

func embeddedOrFail(t testing.TB) Prices {
	t.Helper()
	prices, err := EmbeddedPrices()
	if err != nil {
		t.Fatal(err)
	}
	return prices
}

func adviseOrFail(t testing.TB, workload Workload) *Advice {
	t.Helper()
	advice, err := Advise(workload, embeddedOrFail(t), today)
	if err != nil {
		t.Fatal(err)
	}
	return advice
}

func (a *Advice) of(platform Platform) Candidate {
	for _, candidate := range a.Candidates {
		if candidate.Platform == platform {
			return candidate
		}
	}
	return Candidate{}
}

func workloadOrFail(t testing.TB, document string) Workload {
	t.Helper()
	workload := Defaults()
	if err := workload.Merge([]byte(document)); err != nil {
		t.Fatal(err)
	}
	return workload
}

var (
	caseHeading  = regexp.MustCompile(`(?m)^### (Case \d+: .*)$`)
	caseWorkload = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	casePlatform = regexp.MustCompile("(?m)^Platform: `([a-z0-9-]+)`(, rank 1)?$")
	caseLine     = regexp.MustCompile(`(?m)^\| (.+?) \| ([0-9.]*) ?\| ([0-9.]*) ?\| ([0-9.]+) \|$`)
)

func TestCasesWorkedOutByHandInTheDocument(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "advise.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(document)
	places := caseHeading.FindAllStringSubmatchIndex(text, -1)
	if len(places) < 4 {
		t.Fatalf("the document has %d cases", len(places))
	}
	for i, place := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		t.Run(text[place[2]:place[3]], func(t *testing.T) { checkCase(t, text[place[1]:end]) })
	}
}

func checkCase(t *testing.T, section string) {
	platform := casePlatform.FindStringSubmatch(section)
	rows := caseLine.FindAllStringSubmatch(section, -1)
	if platform == nil || len(rows) < 2 {
		t.Fatalf("no platform or no lines in:\n%s", section)
	}
	advised := adviseOrFail(t, workloadOrFail(t, caseWorkload.FindStringSubmatch(section)[1]))
	candidate := advised.of(Platform(platform[1]))
	if candidate.Estimate == nil {
		t.Fatalf("%s cannot run it: %v", platform[1], candidate.Disqualifiers)
	}
	if platform[2] != "" && candidate.Rank != 1 {
		t.Errorf("it has rank %d; %s wins", candidate.Rank, advised.Winner().Platform)
	}
	lines, total := candidate.Estimate.Lines, rows[len(rows)-1]
	if len(lines) != len(rows)-1 {
		t.Fatalf("there are %d lines, the document has %d: %+v", len(lines), len(rows)-1, lines)
	}
	for i, line := range lines {
		have := strings.Join([]string{line.Quantity.String(), line.UnitPrice.String(), line.Amount.String()}, " × ")
		if want := strings.Join(rows[i][2:], " × "); have != want {
			t.Errorf("%s (%s): have %s, by hand %s", line.What, rows[i][1], have, want)
		}
	}
	if have := candidate.Estimate.Total.String(); have != total[4] {
		t.Errorf("the total is %s, by hand %s", have, total[4])
	}
}
