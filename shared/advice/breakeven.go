package advice

import (
	"fmt"
	"math"
)

// Point is a load and what a platform costs a month under it.
type Point struct {
	// RequestsAverage is the load, in requests a second; the peak is scaled with it.
	RequestsAverage float64 `json:"requestsAverage"`
	Cost            Amount  `json:"cost"`
}

// Curve is the cost of a platform over the load.
type Curve struct {
	Platform Platform `json:"platform"`
	Points   []Point  `json:"points"`
}

// BreakEven is the load from which one platform stays cheaper than another.
type BreakEven struct {
	// Above is the platform that is cheaper above the load, Below the one that is not.
	Above Platform `json:"above"`
	Below Platform `json:"below"`
	// RequestsAverage is the load in requests a second, or 0 where Above is cheaper at every load that was looked at.
	RequestsAverage float64 `json:"requestsAverage"`
	// Tasks is how many tasks that load takes on average; for a function, as if it were one.
	Tasks int    `json:"tasks"`
	Words string `json:"words"`
}

// The loads that are looked at are the workload's own times 2 to the power of -10 to 10, two steps to each doubling.
const (
	gridDoublings = 10
	gridSteps     = 2
)

// grid are the factors whose load is within what a workload may have.
func (w Workload) grid() []float64 {
	var factors []float64
	for step := -gridDoublings * gridSteps; step <= gridDoublings*gridSteps; step++ {
		factor := math.Exp2(float64(step) / gridSteps)
		if w.scaled(factor).Validate() == nil {
			factors = append(factors, factor)
		}
	}
	return factors
}

func (e estimator) cost(platform Platform, factor float64) Amount {
	scaled := estimator{e.scaled(factor), e.prices}
	return scaled.estimate(platform, false).Total
}

func (e estimator) curve(platform Platform) Curve {
	curve := Curve{Platform: platform}
	for _, factor := range e.grid() {
		curve.Points = append(curve.Points, Point{e.RequestsAverage * factor, e.cost(platform, factor)})
	}
	return curve
}

// breakEven compares two curves over the same loads. There is none where they cost the same at the highest load.
func (e estimator) breakEven(a, b Curve) (BreakEven, bool) {
	last := len(a.Points) - 1
	if last < 0 || a.Points[last].Cost == b.Points[last].Cost {
		return BreakEven{}, false
	}
	if a.Points[last].Cost > b.Points[last].Cost {
		a, b = b, a
	}
	from := last
	for from > 0 && a.Points[from-1].Cost < b.Points[from-1].Cost {
		from--
	}
	found := BreakEven{Above: a.Platform, Below: b.Platform}
	if from == 0 {
		found.Words = fmt.Sprintf("%s is cheaper than %s at every load from %s to %s requests a second", a.Platform,
			b.Platform,
			short(a.Points[0].RequestsAverage), short(a.Points[last].RequestsAverage))
		return found, true
	}
	found.RequestsAverage = e.between(a.Platform, b.Platform, a.Points[from-1].RequestsAverage,
		a.Points[from].RequestsAverage)
	found.Tasks = e.tasks(found.RequestsAverage)
	found.Words = fmt.Sprintf("%s wins over %s above %s (%s requests a second)", a.Platform, b.Platform,
		counted(found.Tasks, "task"),
		short(found.RequestsAverage))
	return found, true
}

// between halves the step from a load at which above is not cheaper to one at which it is, to three digits.
func (e estimator) between(above, below Platform, low, high float64) float64 {
	for high/low > 1.001 {
		middle := math.Sqrt(low * high)
		factor := middle / e.RequestsAverage
		if e.cost(above, factor) < e.cost(below, factor) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// short is a load to three digits.
func short(value float64) string {
	digits := 2 - int(math.Floor(math.Log10(value)))
	scale := math.Pow10(digits)
	return number(math.Round(value*scale) / scale)
}

func counted(count int, what string) string {
	if count == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", count, what)
}
