package advice

import (
	"fmt"
	"math"
)

// Reason is why a viewpoint's score is what it is.
type Reason struct {
	// Points are added to the score; the first reason of a viewpoint is what it starts from.
	Points int    `json:"points"`
	Why    string `json:"why"`
}

// Score is how a platform does from one viewpoint: the sum of its reasons, within 0 to 100.
type Score struct {
	Points  int      `json:"points"`
	Reasons []Reason `json:"reasons"`
}

func (s *Score) add(points int, why string, arguments ...any) {
	s.Reasons = append(s.Reasons, Reason{points, fmt.Sprintf(why, arguments...)})
	sum := 0
	for _, reason := range s.Reasons {
		sum += reason.Points
	}
	s.Points = min(max(sum, 0), 100)
}

func (s *Score) addIf(when bool, points int, why string, arguments ...any) {
	if when {
		s.add(points, why, arguments...)
	}
}

// Scores are the four viewpoints.
type Scores struct {
	Cost        Score `json:"cost"`
	Scalability Score `json:"scalability"`
	Reliability Score `json:"reliability"`
	Engineering Score `json:"engineering"`
}

// weighted is the mean of the viewpoints by their weights, to one decimal.
func (s Scores) weighted(by Weights) float64 {
	sum := s.Cost.Points*by.Cost + s.Scalability.Points*by.Scalability + s.Reliability.Points*by.Reliability +
		s.Engineering.Points*by.Engineering
	weight := by.Cost + by.Scalability + by.Reliability + by.Engineering
	return math.Round(float64(sum)*10/float64(weight)) / 10
}

func (e estimator) scores(platform Platform, estimate *Estimate, cheapest Amount) Scores {
	return Scores{
		Cost:        scoreCost(estimate.Total, cheapest),
		Scalability: e.scoreScalability(platform, estimate),
		Reliability: e.scoreReliability(platform),
		Engineering: e.scoreEngineering(platform),
	}
}

func scoreCost(total, cheapest Amount) Score {
	var score Score
	if total <= cheapest {
		score.add(100, "the cheapest, at $%s a month", total)
		return score
	}
	points := int(math.Round(100 * cheapest.Dollars() / total.Dollars()))
	score.add(points, "$%s a month; the cheapest costs $%s, which is %d %% of it", total, cheapest, points)
	return score
}

// startsScalability is where each platform starts from, and why.
var startsScalability = map[Platform]Reason{
	ECSFargate:          {75, "a task starts in about a minute, and no host must start first"},
	ECSFargateSpot:      {65, "a task starts in about a minute where Spot has capacity"},
	ECSManagedInstances: {70, "AWS adds a host that fits when tasks do not, which takes some minutes"},
	ECSEC2:              {60, "a full cluster waits for its Auto Scaling group, some minutes"},
	EKSFargate:          {65, "a pod gets a host of its own in one to two minutes"},
	EKSEC2:              {75, "pods scale by any metric; a node that is missing takes one to three minutes"},
	Lambda:              {95, "a function takes 1000 more executions at once every ten seconds, and none cost nothing"},
}

// serviceTasks is how many tasks one ECS service has at most
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html).
const serviceTasks = 5000

func (e estimator) scoreScalability(platform Platform, estimate *Estimate) Score {
	score := Score{}
	start := startsScalability[platform]
	score.add(start.Points, "%s", start.Why)
	score.addIf(e.Burstiness == Spiky && platform.fargate(), -10,
		"half of a spike's capacity stands ready, as a minute is too late")
	score.addIf(e.Burstiness == Spiky && platform.hosts(), -20,
		"most of a spike's capacity stands ready, as new hosts come too late")
	score.addIf(e.Burstiness == Steady && platform != Lambda, 10, "the load is steady, so that scaling is rare")
	score.addIf(platform == Lambda && estimate.TasksPeak > lambdaConcurrency, -20,
		"%d executions at once need a higher limit than the %d of a new account", estimate.TasksPeak, lambdaConcurrency)
	score.addIf(platform != Lambda && !platform.kubernetes() && estimate.TasksPeak > serviceTasks, -20,
		"%d tasks are more than the %d of one service", estimate.TasksPeak, serviceTasks)
	score.addIf(platform.fargate() && estimate.TasksPeak > 500, -5,
		"%d tasks at once need a raised quota of Fargate vCPUs",
		estimate.TasksPeak)
	score.addIf(e.HoursPerDay < 24 && platform.hosts(), -5, "hosts must be started and stopped with the hours of use")
	return score
}

var startsReliability = map[Platform]Reason{
	ECSFargate:          {85, "AWS patches and replaces what is below the task"},
	ECSFargateSpot:      {45, "tasks are taken back at two minutes' notice, and capacity may be missing for hours"},
	ECSManagedInstances: {82, "AWS patches the hosts and drains them to do so"},
	ECSEC2:              {72, "hosts are the team's to patch, drain and replace"},
	EKSFargate: {80,
		"each pod has a host of its own; a new version of Kubernetes every year is the team's to take"},
	EKSEC2: {76,
		"self-healing is rich; nodes and a new version of Kubernetes every year are the team's to take"},
	Lambda: {90, "each request stands alone, over several zones, on hosts that AWS replaces"},
}

func (e estimator) scoreReliability(platform Platform) Score {
	score := Score{}
	start := startsReliability[platform]
	score.add(start.Points, "%s", start.Why)
	score.addIf(e.Stateful && platform == EKSEC2, 10, "a StatefulSet gets its EBS volumes back after a restart")
	score.addIf(e.Stateful && platform != EKSEC2 && platform != Lambda, -8,
		"state is on EFS: a service's EBS volume goes with its task, and a shared file system is slower")
	score.addIf(e.MinimumTasks == 1 && e.Availability == StandardAvailability && platform != Lambda, -15,
		"with one task, each failure is an outage until the next one runs")
	score.addIf(e.Availability == HighAvailability && platform != Lambda, 5, "three zones with a way out each")
	const hour = 3_600_000
	score.addIf(platform == ECSManagedInstances && e.DurationMilliseconds > hour, -10,
		"hosts are replaced every two to three weeks, and a job of %s h must end or be repeated",
		number(math.Round(e.DurationMilliseconds/hour*10)/10))
	score.addIf(platform == Lambda && e.DurationMilliseconds > 300_000, -10,
		"a request lasts more than a third of the 15 minutes after which it is ended")
	return score
}

var startsEngineering = map[Platform]Reason{
	ECSFargate:          {88, "a task definition and a service are all there is to run"},
	ECSFargateSpot:      {78, "as Fargate, and the code must take an interruption well"},
	ECSManagedInstances: {82, "a capacity provider describes the hosts, AWS runs them"},
	ECSEC2:              {65, "an Auto Scaling group, its AMI and its capacity provider are to be kept"},
	EKSFargate:          {62, "no nodes; but a cluster with add-ons, profiles, versions and no daemon sets"},
	EKSEC2:              {55, "a cluster with add-ons, nodes and versions is to be kept"},
	Lambda:              {82, "nothing runs between requests; the code must become a function"},
}

// skillPoints are what the team's skill adds to the engineering of EKS.
var skillPoints = [4]Reason{
	{-35, "nobody in the team knows Kubernetes: months of learning, and nights"},
	{-20, "the team has read about Kubernetes and would run it for the first time"},
	{0, "the team runs Kubernetes already"},
	{12, "the team lives in Kubernetes"},
}

func (e estimator) scoreEngineering(platform Platform) Score {
	score := Score{}
	start := startsEngineering[platform]
	score.add(start.Points, "%s", start.Why)
	if platform.kubernetes() {
		skill := skillPoints[e.KubernetesSkill]
		score.add(skill.Points, "%s", skill.Why)
		score.addIf(e.Hybrid, 25, "the same manifests run outside AWS too")
	} else {
		score.addIf(e.Hybrid, -25, "nothing of it runs outside AWS, where the same must run too")
	}
	score.addIf(e.GPUs > 0 && (platform == ECSEC2 || platform == EKSEC2), -8,
		"drivers come with the AMI, which is the team's to update")
	score.addIf(e.must(HostControl) && platform.hosts(), -5, "an image of one's own is to be built and patched")
	score.addIf(e.HoursPerDay < 24 && platform.kubernetes(), -5, "the control plane runs, and costs, all day")
	return score
}
