package advise

import (
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"davit/shared/advice"
)

// The picture's size and the frame of its axes, in pixels.
const (
	chartWidth, chartHeight       = 960, 560
	chartLeft, chartRight         = 90, 700
	chartTop, chartBottom         = 60, 480
	legendLeft, legendStep        = 720, 24
	minimumDecades, maximumLabels = 1.0, 12
)

// strokes are a colour and a dash for each platform: told apart without colour too (the colours are Okabe and Ito's).
var strokes = map[advice.Platform][2]string{
	advice.ECSFargate:          {"#0072B2", ""},
	advice.ECSFargateSpot:      {"#56B4E9", "2 4"},
	advice.ECSManagedInstances: {"#009E73", "8 4"},
	advice.ECSEC2:              {"#E69F00", "12 3"},
	advice.EKSFargate:          {"#CC79A7", "8 3 2 3"},
	advice.EKSEC2:              {"#D55E00", "4 4"},
	advice.Lambda:              {"#000000", "1 3"},
}

// drawTo draws the cost of every platform that can run the workload over the load into a file.
func drawTo(path string, workload advice.Workload, prices advice.Prices, advised *advice.Advice) error {
	curves, err := advice.Curves(workload, prices)
	if err != nil {
		return fmt.Errorf("draw the chart: %w", err)
	}
	if len(curves) == 0 {
		return fmt.Errorf("draw the chart: no platform can run %s", workload.Name)
	}
	picture := draw(near(curves, advised.Workload.RequestsAverage), advised.Workload)
	if err := os.WriteFile(filepath.Clean(path), []byte(picture), 0o600); err != nil {
		return fmt.Errorf("draw the chart: %w", err)
	}
	return nil
}

// nearby is how many times smaller and larger than the workload's own the loads are that are drawn.
const nearby = 32.5

// near keeps the loads around the workload's own, where the curves can be told apart.
func near(curves []advice.Curve, load float64) []advice.Curve {
	var kept []advice.Curve
	for _, curve := range curves {
		points := slices.DeleteFunc(slices.Clone(curve.Points), func(point advice.Point) bool {
			return point.RequestsAverage < load/nearby || point.RequestsAverage > load*nearby
		})
		kept = append(kept, advice.Curve{Platform: curve.Platform, Points: points})
	}
	return kept
}

// axis is a logarithmic axis from low to high, drawn between two pixels.
type axis struct {
	low, high float64
	from, to  float64
}

// newAxis widens the values' range to a decade at least.
func newAxis(low, high, from, to float64) axis {
	if decades := math.Log10(high / low); decades < minimumDecades {
		low, high = low*math.Pow(10, (decades-minimumDecades)/2), high*math.Pow(10, (minimumDecades-decades)/2)
	}
	return axis{low, high, from, to}
}

func (a axis) at(value float64) float64 {
	return a.from + (a.to-a.from)*math.Log(value/a.low)/math.Log(a.high/a.low)
}

// marks are the round values on the axis: 1, 2 and 5 of each decade, or the decades alone where those are too many.
func (a axis) marks() []float64 {
	for _, steps := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		var marks []float64
		for decade := math.Floor(math.Log10(a.low)); decade <= math.Ceil(math.Log10(a.high)); decade++ {
			for _, step := range steps {
				value := step * math.Pow(10, decade)
				if value >= a.low*0.999 && value <= a.high*1.001 {
					marks = append(marks, value)
				}
			}
		}
		if len(marks) <= maximumLabels || len(steps) == 1 {
			return marks
		}
	}
	return nil
}

// draw is the picture as SVG.
func draw(curves []advice.Curve, workload advice.Workload) string {
	x, y := axesOf(curves)
	p := &page{}
	p.line(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d"`+
		` font-family="sans-serif" font-size="13">`,
		chartWidth, chartHeight, chartWidth, chartHeight)
	p.line(`<title>%s</title>`, escaped("What "+workload.Name+" costs a month over its load"))
	p.line(`<rect width="%d" height="%d" fill="#ffffff"/>`, chartWidth, chartHeight)
	p.line(`<text x="%d" y="32" font-size="18" font-weight="bold">%s</text>`, chartLeft,
		escaped(fmt.Sprintf("%s in %s: cost a month over the load", workload.Name, workload.Region)))
	p.axes(x, y)
	p.own(x, workload.RequestsAverage)
	for _, curve := range curves {
		p.curve(x, y, curve)
	}
	p.legend(curves)
	p.line("</svg>")
	return p.String()
}

func axesOf(curves []advice.Curve) (x, y axis) {
	least, most := math.Inf(1), 0.0
	for _, curve := range curves {
		for _, point := range curve.Points {
			cost := max(point.Cost.Dollars(), 0.01)
			least, most = min(least, cost), max(most, cost)
		}
	}
	points := curves[0].Points
	x = newAxis(points[0].RequestsAverage, points[len(points)-1].RequestsAverage, chartLeft, chartRight)
	return x, newAxis(least*0.9, most*1.1, chartBottom, chartTop)
}

func (p *page) axes(x, y axis) {
	for _, value := range x.marks() {
		at := x.at(value)
		p.line(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#e4e4e4"/>`, at, chartTop, at, chartBottom)
		p.line(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, at, chartBottom+20, rounded(value))
	}
	for _, value := range y.marks() {
		at := y.at(value)
		p.line(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#e4e4e4"/>`, chartLeft, at, chartRight, at)
		p.line(`<text x="%d" y="%.1f" text-anchor="end">$%s</text>`, chartLeft-8, at+4, rounded(value))
	}
	p.line(`<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#444444"/>`, chartLeft, chartTop,
		chartRight-chartLeft,
		chartBottom-chartTop)
	p.line(`<text x="%d" y="%d" text-anchor="middle">requests a second, on average (logarithmic)</text>`,
		(chartLeft+chartRight)/2,
		chartBottom+48)
	middle := (chartTop + chartBottom) / 2
	p.line(`<text x="20" y="%d" text-anchor="middle" transform="rotate(-90 20 %d)">%s</text>`, middle, middle,
		"US dollars a month (logarithmic)")
}

// own marks the load that was asked about.
func (p *page) own(x axis, load float64) {
	at := x.at(load)
	p.line(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#444444" stroke-dasharray="3 3"/>`, at, chartTop, at,
		chartBottom)
	p.line(`<text x="%.1f" y="%d" text-anchor="middle" fill="#444444">this load: %s</text>`, at, chartTop-8,
		rounded(load))
}

func (p *page) curve(x, y axis, curve advice.Curve) {
	points := make([]string, len(curve.Points))
	for i, point := range curve.Points {
		points[i] = fmt.Sprintf("%.1f,%.1f", x.at(point.RequestsAverage), y.at(max(point.Cost.Dollars(), 0.01)))
	}
	p.line(`<polyline points="%s" fill="none" %s/>`, strings.Join(points, " "), stroke(curve.Platform))
}

// legend lists the platforms as their curves lie at the highest load, dearest first.
func (p *page) legend(curves []advice.Curve) {
	last := func(curve advice.Curve) advice.Amount { return curve.Points[len(curve.Points)-1].Cost }
	ordered := slices.Clone(curves)
	slices.SortStableFunc(ordered, func(a, b advice.Curve) int { return int(max(-1, min(1, last(b)-last(a)))) })
	p.line(`<text x="%d" y="%d" font-weight="bold">dearest at the right edge first</text>`, legendLeft, chartTop+4)
	for i, curve := range ordered {
		at := chartTop + (i+1)*legendStep
		p.line(`<line x1="%d" y1="%d" x2="%d" y2="%d" %s/>`, legendLeft, at, legendLeft+46, at, stroke(curve.Platform))
		p.line(`<text x="%d" y="%d">%s</text>`, legendLeft+56, at+4, curve.Platform)
	}
}

func stroke(platform advice.Platform) string {
	look := strokes[platform]
	return fmt.Sprintf(`stroke="%s" stroke-width="2.5" stroke-dasharray="%s"`, look[0], look[1])
}

// rounded is a value to two digits, with k and M for thousands and millions.
func rounded(value float64) string {
	unit := ""
	switch {
	case value >= 999_500:
		value, unit = value/1e6, "M"
	case value >= 999.5:
		value, unit = value/1e3, "k"
	}
	scale := math.Pow(10, 2-math.Ceil(math.Log10(value)))
	if value >= 100 {
		scale = 1
	}
	return fmt.Sprint(math.Round(value*scale)/scale) + unit
}

func escaped(text string) string {
	var safe strings.Builder
	_ = xml.EscapeText(&safe, []byte(text))
	return safe.String()
}
