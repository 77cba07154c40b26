// Package advice says on which of AWS's container platforms a workload runs best. It is pure: numbers and prices in,
// ranked advice out, the same for the same input. Every amount is a quantity × a unit price whose source and date are
// known; every score is a sum of points with a reason each. docs/advise.md works cases out by hand.
package advice

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Candidate is a platform with what it costs and how it does.
type Candidate struct {
	Platform Platform `json:"platform"`
	// Rank is 1 for the best, and 0 for what is not ranked.
	Rank int `json:"rank"`
	// Score is the mean of the viewpoints by their weights, 0 to 100; 0 for what is not ranked.
	Score float64 `json:"score"`
	// Scores are the viewpoints; absent for what is not ranked.
	Scores *Scores `json:"scores,omitempty"`
	// Disqualifiers say why it is not ranked.
	Disqualifiers []string `json:"disqualifiers,omitempty"`
	// Estimate is what it runs and costs; absent where it cannot run the workload.
	Estimate *Estimate `json:"estimate,omitempty"`
}

// Advice is what is advised for a workload.
type Advice struct {
	// Workload is what was asked about, with all that was derived filled in.
	Workload Workload `json:"workload"`
	// Candidates are all platforms: first those that are ranked, best first, then the others.
	Candidates []Candidate `json:"candidates"`
	// BreakEvens compare the winner with each other platform that can run the workload.
	BreakEvens []BreakEven `json:"breakEvens"`
	Warnings   []Warning   `json:"warnings"`
	// Prices are those that the estimates use, by ID.
	Prices []PriceRow `json:"prices"`
}

// Winner is the best candidate, or nil where nothing can run the workload.
func (a *Advice) Winner() *Candidate {
	if len(a.Candidates) == 0 || a.Candidates[0].Rank != 1 {
		return nil
	}
	return &a.Candidates[0]
}

// Advise ranks the platforms for the workload at the prices. Now dates the warnings. It is an error if the workload is
// not valid, or if its region lacks a price.
func Advise(workload Workload, prices Prices, now time.Time) (*Advice, error) {
	e, err := newEstimator(workload, prices)
	if err != nil {
		return nil, err
	}
	advice := &Advice{Workload: e.Workload, Candidates: e.candidatesRanked(), BreakEvens: []BreakEven{}}
	if winner := advice.Winner(); winner != nil {
		advice.BreakEvens = e.breakEvens(winner.Platform, advice.Candidates)
	}
	var ranked []Platform
	for _, candidate := range advice.Candidates {
		if candidate.Rank > 0 {
			ranked = append(ranked, candidate.Platform)
		}
	}
	advice.Prices = e.used(advice.Candidates)
	advice.Warnings = append([]Warning{}, e.endOfService(ranked, now)...)
	advice.Warnings = append(advice.Warnings, warnOfPrices(advice.Prices, now)...)
	return advice, nil
}

// Curves are the costs over the load of every platform that can run the workload, in the order of Platforms.
func Curves(workload Workload, prices Prices) ([]Curve, error) {
	e, err := newEstimator(workload, prices)
	if err != nil {
		return nil, err
	}
	var curves []Curve
	for _, platform := range Platforms {
		if len(e.disqualifiers(platform)) == 0 {
			curves = append(curves, e.curve(platform))
		}
	}
	return curves, nil
}

func newEstimator(workload Workload, prices Prices) (estimator, error) {
	if err := workload.Validate(); err != nil {
		return estimator{}, err
	}
	if missing := prices.missing(workload.Region); len(missing) > 0 {
		return estimator{}, fmt.Errorf("region: want one of %s, have %q, which lacks the prices %s",
			strings.Join(prices.Regions(), ", "), workload.Region, strings.Join(missing, ", "))
	}
	return estimator{workload.complete(), prices}, nil
}

func (e estimator) candidatesRanked() []Candidate {
	candidates := make([]Candidate, len(Platforms))
	for i, platform := range Platforms {
		candidates[i] = Candidate{Platform: platform, Estimate: e.estimate(platform, true),
			Disqualifiers: e.disqualifiers(platform)}
	}
	e.leaveLambdaUnlessItWins(candidates)
	cheapest := cheapestOf(candidates)
	for i := range candidates {
		if candidate := &candidates[i]; len(candidate.Disqualifiers) == 0 {
			scores := e.scores(candidate.Platform, candidate.Estimate, cheapest)
			candidate.Scores, candidate.Score = &scores, scores.weighted(e.Weights)
		}
	}
	slices.SortStableFunc(candidates, better)
	for i := range candidates {
		if candidates[i].Scores != nil {
			candidates[i].Rank = i + 1
		}
	}
	return candidates
}

// leaveLambdaUnlessItWins takes Lambda off the ranking unless it is the cheapest: code must be changed for it.
func (e estimator) leaveLambdaUnlessItWins(candidates []Candidate) {
	lambda := &candidates[slices.IndexFunc(candidates, func(c Candidate) bool { return c.Platform == Lambda })]
	if len(lambda.Disqualifiers) > 0 {
		return
	}
	for _, other := range candidates {
		if len(other.Disqualifiers) == 0 && other.Estimate.Total < lambda.Estimate.Total {
			lambda.Disqualifiers = []string{fmt.Sprintf("it is ranked only where it is the cheapest: it costs $%s a month, %s $%s",
				lambda.Estimate.Total, other.Platform, other.Estimate.Total)}
			return
		}
	}
}

// better puts what is ranked first, by score, then by cost; equals stay in the order of Platforms.
func better(a, b Candidate) int {
	switch {
	case (a.Scores == nil) != (b.Scores == nil):
		if a.Scores != nil {
			return -1
		}
		return 1
	case a.Scores == nil:
		return 0
	case a.Score != b.Score:
		if a.Score > b.Score {
			return -1
		}
		return 1
	}
	return int(max(-1, min(1, a.Estimate.Total-b.Estimate.Total)))
}

func cheapestOf(candidates []Candidate) Amount {
	var cheapest Amount
	for i, found := 0, false; i < len(candidates); i++ {
		candidate := candidates[i]
		if len(candidate.Disqualifiers) == 0 && (!found || candidate.Estimate.Total < cheapest) {
			cheapest, found = candidate.Estimate.Total, true
		}
	}
	return cheapest
}

// breakEvens compare the winner with the others that can run the workload, and ECS's own two ways with each other.
func (e estimator) breakEvens(winner Platform, candidates []Candidate) []BreakEven {
	curves := map[Platform]Curve{}
	for _, candidate := range candidates {
		if len(e.disqualifiers(candidate.Platform)) == 0 {
			curves[candidate.Platform] = e.curve(candidate.Platform)
		}
	}
	found := []BreakEven{}
	compare := func(a, b Platform) {
		first, hasFirst := curves[a]
		second, hasSecond := curves[b]
		if !hasFirst || !hasSecond || a == b {
			return
		}
		if point, exists := e.breakEven(first, second); exists {
			found = append(found, point)
		}
	}
	for _, platform := range Platforms {
		compare(winner, platform)
	}
	if winner != ECSFargate && winner != ECSEC2 {
		compare(ECSFargate, ECSEC2)
	}
	return found
}

// used are the prices of all lines, sorted by ID.
func (e estimator) used(candidates []Candidate) []PriceRow {
	rows := []PriceRow{}
	seen := map[string]bool{}
	for _, candidate := range candidates {
		if candidate.Estimate == nil {
			continue
		}
		for _, line := range candidate.Estimate.Lines {
			for _, id := range line.PriceIDs {
				if row, found := e.prices.find(e.Region, id); found && !seen[id] {
					seen[id] = true
					rows = append(rows, row)
				}
			}
		}
	}
	slices.SortFunc(rows, func(a, b PriceRow) int { return strings.Compare(a.ID, b.ID) })
	return rows
}

// warnOfPrices warns of prices that are old, by the oldest, and of those that nothing verifies.
func warnOfPrices(used []PriceRow, now time.Time) []Warning {
	old, unverified, oldest := 0, []string{}, PriceRow{}
	for _, row := range used {
		if row.unverified() {
			unverified = append(unverified, row.ID)
		}
		date, err := time.Parse(time.DateOnly, row.Date)
		if err != nil || now.Sub(date) <= StaleAfter {
			continue
		}
		if old++; oldest.Date == "" || row.Date < oldest.Date {
			oldest = row
		}
	}
	var warnings []Warning
	if old > 0 {
		warnings = append(warnings, Warning{About: "prices",
			Words: fmt.Sprintf("%d of the %d prices used are older than %d days, "+
				"the oldest (%s) is of %s: import AWS's price list with --prices.", old, len(used),
				int(StaleAfter.Hours()/24),
				oldest.ID, oldest.Date)})
	}
	if len(unverified) > 0 {
		warnings = append(warnings, Warning{About: "prices",
			Words: "nothing with a date was found that verifies " + strings.Join(unverified, ", ") + "; see the note of the price."})
	}
	return warnings
}
