package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"davit/shared/names"
	"davit/shared/rollout"
)

// logLine is a line of the rollout function's log.
type logLine struct {
	At       time.Time `json:"timestamp"`
	Message  string    `json:"message"`
	Event    string    `json:"event"`
	Workload string    `json:"workload"`
	Action   string    `json:"action"`
	Code     string    `json:"code"`
	Reason   string    `json:"reason"`
	Cause    string    `json:"cause"`
	Error    string    `json:"error"`
}

func (l logLine) String() string {
	words := []string{l.At.Format(time.TimeOnly), l.Message, l.Cause, l.Action, l.Code, l.Reason, l.Error}
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " · ")
}

// logLines are the lines that the function has written so far, in no order.
func (a *account) logLines(ctx context.Context) ([]logLine, error) {
	return a.logLinesOf(ctx, names.RolloutFunction)
}

// logLinesOf are the lines that a function has written so far, in no order.
func (a *account) logLinesOf(ctx context.Context, function string) ([]logLine, error) {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(a.logs, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String("/aws/lambda/" + function),
	})
	var lines []logLine
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the function's log: %w", err)
		}
		for _, event := range page.Events {
			var line logLine
			if json.Unmarshal([]byte(aws.ToString(event.Message)), &line) == nil && line.Message != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

// awaitLog waits for a line of the function's log, and answers it.
func (s *service) awaitLog(expected string, is func(logLine) bool) logLine {
	s.t.Helper()
	var found logLine
	s.await(expected, func(ctx context.Context) (string, bool, error) {
		lines, err := s.logLines(ctx)
		if err != nil {
			return "", false, err
		}
		if at := slices.IndexFunc(lines, is); at >= 0 {
			found = lines[at]
			return "log: " + found.String(), true, nil
		}
		return fmt.Sprintf("no such line among the %d of the function's log", len(lines)), false, nil
	})
	return found
}

// sweep does at once what the schedule does, and waits until davit has looked at the service because of it and decided
// with the code.
func (s *service) sweep(code rollout.Code) {
	s.t.Helper()
	begun := time.Now()
	s.sweepFleet()
	s.awaitLog(fmt.Sprintf("the sweep to decide %q on %s", code, s.workload), func(line logLine) bool {
		return s.decided(line, code) && line.Cause == "sweep" && line.At.After(begun)
	})
}

// decided tells whether the line says that a decision on the service had the code.
func (s *service) decided(line logLine, code rollout.Code) bool {
	return line.Message == "decided" && line.Workload == s.workload.String() && line.Code == string(code)
}

// sweepFleet does at once what the schedule does, and waits until davit has listed its fleet because of it.
func (s *service) sweepFleet() {
	s.t.Helper()
	begun := time.Now()
	_, err := s.site.Sweep(s.ctx)
	s.must(err)
	s.awaitLog("the fleet to be listed", func(line logLine) bool {
		return line.Message == "sweep" && line.At.After(begun)
	})
}
