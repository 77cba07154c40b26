package advise

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"davit/shared/advice"
)

// present shows the answer to a human.
func present(output io.Writer, found answer, all bool) error {
	page := &page{}
	page.head(found.Workload)
	page.ranking(found.Candidates)
	for _, candidate := range found.Candidates {
		if candidate.Rank == 1 || all && candidate.Rank > 0 {
			page.reasons(candidate)
		}
		if candidate.Estimate != nil && (candidate.Rank == 1 || all) {
			page.lines(candidate)
		}
	}
	var points, warnings []string
	for _, point := range found.BreakEvens {
		points = append(points, point.Words)
	}
	for _, warning := range found.Warnings {
		warnings = append(warnings, strings.TrimSpace(warning.Words+" "+warning.Source))
	}
	page.list("Break-even", points)
	page.list("Mind", warnings)
	page.deployment(found.Deployment)
	_, err := io.WriteString(output, page.String())
	return err
}

// page is text that is being written.
type page struct{ strings.Builder }

func (p *page) line(format string, arguments ...any) {
	_, _ = fmt.Fprintf(p, format+"\n", arguments...)
}

func (p *page) table(rows func(row func(cells ...any))) {
	var aligned strings.Builder
	columns := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	rows(func(cells ...any) {
		_, _ = fmt.Fprint(columns, " ")
		for _, cell := range cells {
			_, _ = fmt.Fprintf(columns, " %v\t", cell)
		}
		_, _ = fmt.Fprintln(columns)
	})
	_ = columns.Flush()
	for line := range strings.Lines(aligned.String()) {
		p.line("%s", strings.TrimRight(line, " \n"))
	}
}

func (p *page) head(w advice.Workload) {
	p.line("%s in %s: %v requests a second, %v at the peak (%s), %v ms of CPU and %v ms each, %v hours a day",
		w.Name, w.Region, w.RequestsAverage, w.RequestsPeak, w.Burstiness, w.CPUMilliseconds, w.DurationMilliseconds,
		w.HoursPerDay)
	p.line("")
}

func (p *page) ranking(candidates []advice.Candidate) {
	p.table(func(row func(...any)) {
		row("", "platform", "$ a month", "score", "cost", "scaling", "reliability", "engineering", "runs")
		for _, c := range candidates {
			if c.Rank > 0 {
				row(c.Rank, c.Platform, c.Estimate.Total, fmt.Sprintf("%.1f", c.Score), c.Scores.Cost.Points,
					c.Scores.Scalability.Points, c.Scores.Reliability.Points, c.Scores.Engineering.Points,
					runs(c.Estimate))
			}
		}
	})
	for _, c := range candidates {
		for _, why := range c.Disqualifiers {
			p.line("  -  %s: %s", c.Platform, why)
		}
	}
}

// runs says in short what an estimate runs.
func runs(e *advice.Estimate) string {
	switch {
	case e.HostType != "":
		return fmt.Sprintf("%d to %d %s, %d tasks each; %s", e.HostsUsual, e.HostsPeak, e.HostType, e.TasksPerHost,
			e.Network)
	case e.TaskCPU > 0:
		return fmt.Sprintf("%d to %d tasks of %g vCPU, %g GB, %s; %s", e.TasksUsual, e.TasksPeak, float64(e.TaskCPU)/1024,
			float64(e.TaskMemoryMiB)/1024, e.Architecture, e.Network)
	}
	return fmt.Sprintf("%d to %d at once of %d MiB, %s", e.TasksUsual, e.TasksPeak, e.TaskMemoryMiB, e.Architecture)
}

func (p *page) reasons(c advice.Candidate) {
	p.line("\nWhy %s scores %.1f", c.Platform, c.Score)
	for _, view := range []struct {
		name  string
		score advice.Score
	}{{"cost", c.Scores.Cost}, {"scalability", c.Scores.Scalability}, {"reliability", c.Scores.Reliability},
		{"engineering", c.Scores.Engineering}} {
		p.line("  %s %d", view.name, view.score.Points)
		for i, reason := range view.score.Reasons {
			points := fmt.Sprintf("%+d", reason.Points)
			if i == 0 {
				points = fmt.Sprint(reason.Points)
			}
			p.line("    %4s  %s", points, reason.Why)
		}
	}
}

func (p *page) lines(c advice.Candidate) {
	p.line("\nWhat %s costs a month", c.Platform)
	p.table(func(row func(...any)) {
		for _, line := range c.Estimate.Lines {
			row(line.Kind, line.What, fmt.Sprintf("%s %s", line.Quantity, line.Unit), "× $"+line.UnitPrice.String(),
				fmt.Sprintf("= $%s", line.Amount))
		}
		row("", "", "", "", fmt.Sprintf("= $%s", c.Estimate.Total))
	})
	p.waysOut(c.Estimate)
}

// waysOut holds the ways out of the VPC against each other where there is a choice.
func (p *page) waysOut(e *advice.Estimate) {
	if len(e.WaysOut) < 2 {
		return
	}
	totals := make([]string, len(e.WaysOut))
	for i, way := range e.WaysOut {
		totals[i] = fmt.Sprintf("%s $%s", way.Network, way.Total)
	}
	p.line("  by the way out of the VPC: %s", strings.Join(totals, ", "))
}

func (p *page) deployment(found deployment) {
	if found.Platform == "" {
		p.line("\nNo platform can run this workload: each of the reasons above stands in the way.")
		return
	}
	if found.Possible {
		p.line("\nDeploy: cdk deploy can take %s today; --write FILE writes the configuration.", found.Platform)
		return
	}
	p.line("\nDeploy: the stacks cannot deploy this as %s:", found.Platform)
	for _, why := range found.Because {
		p.line("  %s", why)
	}
}

func (p *page) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	p.line("\n%s", title)
	for _, item := range items {
		p.line("  %s", item)
	}
}
