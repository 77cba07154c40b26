package stacks

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"davit/cmd/davit/local/console"
)

var (
	// progressLine is one event of `cdk deploy --progress events`:
	// STACK | DONE/ALL | TIME | STATUS | TYPE | PATH (LOGICAL ID) REASON.
	progressLine = regexp.MustCompile(`^(\S+)\s*\|\s*\d+(?:/\d+)?\s*\|[^|]*\|\s*(\w+)\s*\|\s*(\S+)\s*\|\s*(.*)$`)
	begunLine    = regexp.MustCompile(`^(\S+): deploying\.\.\.`)
	endedLine    = regexp.MustCompile(`^\s*✅\s+(\S+)( \(no changes\))?`)
	bootLine     = regexp.MustCompile(`^\s*✅\s+Environment (\S+) bootstrapped`)
	synthLine    = regexp.MustCompile(`^✨\s+Synthesis time: (\S+)`)
)

// remembered is how many lines are kept for the error of a command that fails.
const remembered = 6

// condenser turns what the CDK command line writes into a line a stack, and a line for each thing that fails.
type condenser struct {
	console   *console.Console
	rest      string
	begun     time.Time
	resources map[string]bool
	last      []string
}

func newCondenser(console *console.Console) *condenser {
	return &condenser{console: console, begun: time.Now(), resources: map[string]bool{}}
}

// Write takes any part of the output.
func (c *condenser) Write(text []byte) (int, error) {
	c.rest += string(text)
	for {
		line, rest, found := strings.Cut(c.rest, "\n")
		if !found {
			return len(text), nil
		}
		c.rest = rest
		c.line(strings.TrimRight(line, "\r "))
	}
}

func (c *condenser) line(line string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	c.last = append(c.last, strings.TrimSpace(line))
	c.last = c.last[max(0, len(c.last)-remembered):]
	if match := progressLine.FindStringSubmatch(line); match != nil {
		c.event(match[1], match[2], match[3], match[4])
		return
	}
	if match := synthLine.FindStringSubmatch(line); match != nil {
		c.console.Line("templates synthesised in %s", match[1])
		return
	}
	if match := begunLine.FindStringSubmatch(line); match != nil {
		c.begun, c.resources = time.Now(), map[string]bool{}
		return
	}
	if match := bootLine.FindStringSubmatch(line); match != nil {
		c.console.Line("%s is bootstrapped: %s", match[1], c.count())
		return
	}
	if match := endedLine.FindStringSubmatch(line); match != nil {
		c.ended(match[1], match[2] != "")
	}
}

// event counts a resource that is done and tells one that failed.
func (c *condenser) event(stack, status, kind, rest string) {
	if strings.HasSuffix(status, "_FAILED") {
		c.console.Line("%s: %s %s %s", stack, status, kind, rest)
	}
	if strings.HasSuffix(status, "_COMPLETE") && kind != "AWS::CloudFormation::Stack" {
		c.resources[kind+rest] = true
	}
}

func (c *condenser) ended(stack string, unchanged bool) {
	if unchanged {
		c.console.Line("%s: no changes", stack)
		return
	}
	c.console.Line("%s: %s in %s", stack, c.count(), console.Elapsed(c.begun))
}

// count is how many resources are done, in words.
func (c *condenser) count() string {
	if len(c.resources) == 1 {
		return "1 resource"
	}
	return fmt.Sprintf("%d resources", len(c.resources))
}

// lastWords are the last lines, for an error.
func (c *condenser) lastWords() string {
	last := c.last
	if rest := strings.TrimSpace(c.rest); rest != "" {
		last = append(last, rest)
	}
	return strings.Join(last, " | ")
}
