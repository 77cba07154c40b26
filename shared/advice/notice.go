package advice

import (
	"fmt"
	"slices"
	"time"
)

// notice is a service, or a part of one, that AWS closes or ends.
type notice struct {
	// name is what Workload.Uses calls it.
	name, title string
	// closed is the last day on which new customers come in; zero where that is not said.
	closed time.Time
	// ends is the last day of service or support; zero where that is not said.
	ends time.Time
	// instead is the way out.
	instead string
	source  string
	// platforms are told of it in any case.
	platforms []Platform
}

func day(year int, month time.Month, date int) time.Time {
	return time.Date(year, month, date, 0, 0, 0, 0, time.UTC)
}

// notices are the ends of service that bear on where containers run.
var notices = []notice{
	{name: "managed-blockchain", title: "Amazon Managed Blockchain", closed: day(2026, time.October, 29),
		ends:    day(2027, time.September, 29),
		instead: "run nodes of one's own: an Ethereum full node on EC2 with a retained gp3 volume, a light node on Fargate",
		source:  "https://docs.aws.amazon.com/managed-blockchain/"},
	{name: "eks-al2", title: "Amazon Linux 2 AMIs for EKS nodes", ends: day(2025, time.November, 26),
		instead: "take AL2023 or Bottlerocket AMIs", platforms: []Platform{EKSEC2},
		source: "https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-deprecation-faqs.html"},
	{name: "app-runner", title: "AWS App Runner", closed: day(2026, time.April, 30),
		instead: "take ECS on Fargate, or ECS Express Mode",
		source:  "https://docs.aws.amazon.com/apprunner/latest/dg/apprunner-availability-change.html"},
	{name: "app-mesh", title: "AWS App Mesh", closed: day(2024, time.September, 24), ends: day(2026, time.September, 30),
		instead: "take ECS Service Connect or VPC Lattice",
		source:  "https://docs.aws.amazon.com/app-mesh/latest/userguide/what-is-app-mesh.html"},
}

func noticeNames() []string {
	names := make([]string, len(notices))
	for i, notice := range notices {
		names[i] = notice.name
	}
	return names
}

// Warning is something to know before the advice is followed.
type Warning struct {
	// About is the service or the prices that it is about.
	About string `json:"about"`
	Words string `json:"words"`
	// Source is the page that says so, where there is one.
	Source string `json:"source,omitempty"`
}

func (n notice) warning(now time.Time) Warning {
	text := n.title
	if !n.closed.IsZero() {
		verb := "closes"
		if now.After(n.closed) {
			verb = "was closed"
		}
		text += fmt.Sprintf(" %s to new customers on %s", verb, n.closed.Format("2 January 2006"))
	}
	if !n.ends.IsZero() {
		if !n.closed.IsZero() {
			text += " and"
		}
		switch days := int(n.ends.Sub(now).Hours() / 24); {
		case now.After(n.ends.AddDate(0, 0, 1)):
			text += fmt.Sprintf(" ended on %s", n.ends.Format("2 January 2006"))
		default:
			text += fmt.Sprintf(" ends on %s, in %d days", n.ends.Format("2 January 2006"), days)
		}
	}
	return Warning{About: n.name, Words: text + ": " + n.instead + ".", Source: n.source}
}

// endOfService are the warnings for what the workload uses and for the platforms that are ranked.
func (w Workload) endOfService(ranked []Platform, now time.Time) []Warning {
	var warnings []Warning
	for _, notice := range notices {
		concerned := slices.Contains(w.Uses, notice.name)
		for _, platform := range notice.platforms {
			concerned = concerned || slices.Contains(ranked, platform)
		}
		if concerned {
			warnings = append(warnings, notice.warning(now))
		}
	}
	return warnings
}
