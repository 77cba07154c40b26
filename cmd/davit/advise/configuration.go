package advise

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"davit/infra/config"
	"davit/shared/advice"
)

// place is what a configuration says beyond the workload.
type place struct {
	owner, environment, account    string
	repository, policy, firstImage string
	port                           int
	zones, admins                  []string
	// startAt is the time of day from which a service runs that does not run all day, and timeZone where it is that time.
	startAt, timeZone string
	start             time.Time
}

func (p *place) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&p.owner, "owner", "", "with --write: the team that answers for the resources (required)")
	flags.StringVar(&p.account, "account", "", "with --write: the AWS account, 12 digits (required)")
	flags.StringVar(&p.environment, "environment", "development", "with --write: the name of the environment")
	flags.StringSliceVar(&p.zones, "availability-zones", nil,
		"with --write: the zones that may be used (default the region's first ones, where they are known)")
	flags.StringVar(&p.repository, "repository", "", "with --write: the ECR repository (default the workload's name)")
	flags.StringVar(&p.policy, "policy", "semver:1.x", "with --write: the image policy")
	flags.StringVar(&p.firstImage, "initial-image", "public.ecr.aws/nginx/nginx-unprivileged:stable",
		"with --write: the image that runs until the first push")
	flags.StringSliceVar(&p.admins, "admins", nil,
		"with --write: the ARNs of the roles that administer a Kubernetes cluster (required with EKS)")
	flags.StringVar(&p.startAt, "start-at", "08:00",
		"with --write: the time of day at which an ECS service starts that does not run all day")
	flags.StringVar(&p.timeZone, "time-zone", "UTC", "with --write: the time zone of --start-at, such as Europe/Berlin")
	flags.IntVar(&p.port, "port", 8080, "with --write: the TCP port that the container listens on")
}

// deployment says whether infra can deploy a platform today.
type deployment struct {
	// Platform is the platform that was looked at; empty where none can run the workload.
	Platform advice.Platform `json:"platform,omitempty"`
	Possible bool            `json:"possible"`
	// Because are the reasons why not.
	Because []string `json:"because,omitempty"`
}

// deployable holds the candidate against what infra/config can say.
func deployable(advised *advice.Advice, chosen *advice.Candidate) deployment {
	if chosen == nil {
		return deployment{}
	}
	workload, estimate, platform := advised.Workload, chosen.Estimate, chosen.Platform
	found := deployment{Platform: platform}
	lacks := func(when bool, format string, arguments ...any) {
		if when {
			found.Because = append(found.Because, fmt.Sprintf(format, arguments...))
		}
	}
	if platform == advice.Lambda {
		lacks(true, "they run containers, and a function is code that is called: write it for Lambda yourself%s", otherThanLambda(advised))
		return found
	}
	lacks(workload.Stateful && platform != advice.EKSEC2, "they have no file system for state that outlives a task")
	onHosts := estimate.HostType != ""
	lacks(onHosts && slices.Contains(workload.Compliance, advice.SingleTenant), "their hosts have no dedicated tenancy")
	lacks(onHosts && slices.Contains(workload.Compliance, advice.HostControl),
		"their hosts have the image that AWS keeps, and none of yours with agents of its own")
	switch platform {
	case advice.EKSEC2:
		lacks(workload.HoursPerDay < 24, "nodes of a cluster run, and cost, all day, as its own pods need them")
		lacks(nodesFor(estimate) > maximumNodes, "a node group has at most %d nodes", maximumNodes)
		isolated := estimate.Network == advice.InterfaceEndpoints
		lacks(isolated && estimate.HostsUsual < nodesFor(estimate), "%d to %d nodes need the Cluster Autoscaler, "+
			"whose image is not reached without a way out; --network nat is advised on with one", estimate.HostsUsual,
			nodesFor(estimate))
		lacks(isolated && workload.GPUs > 0, "nodes with GPUs pull large images from registries; --network nat is advised on with a way out")
	case advice.EKSFargate:
	default:
		lacks(estimate.TasksPeak > maximumTasks, "a service has at most %d tasks", maximumTasks)
		lacks(platform == advice.ECSEC2 && hostsFor(estimate) > maximumHosts, "a cluster has at most %d hosts", maximumHosts)
	}
	found.Possible = len(found.Because) == 0
	return found
}

// otherThanLambda names the best platform that runs containers, where there is one.
func otherThanLambda(advised *advice.Advice) string {
	for _, candidate := range advised.Candidates {
		if candidate.Rank > 0 && candidate.Platform != advice.Lambda {
			return fmt.Sprintf(", or give --for %s, the next best", candidate.Platform)
		}
	}
	return ""
}

// The most that config.Autoscaling, config.Hosts and config.NodeGroup take.
const (
	maximumTasks = 5000
	maximumHosts = 1000
	maximumNodes = 450
)

// sections write what runs the workload, for each platform that the stacks deploy.
var sections = map[advice.Platform]func(*page, place, advice.Workload, *advice.Estimate){
	advice.ECSFargate:          writeOnFargate,
	advice.ECSFargateSpot:      writeOnSpot,
	advice.ECSEC2:              writeOnHosts,
	advice.ECSManagedInstances: writeOnManagedInstances,
	advice.EKSFargate:          writeProfiles,
	advice.EKSEC2:              writeNodes,
}

// writeConfiguration writes the file that --write asks for. What infra cannot deploy is an error, and no file.
func (r *request) writeConfiguration(advised *advice.Advice, chosen *advice.Candidate, found *answer) error {
	switch {
	case r.write == "":
		return nil
	case chosen == nil:
		return fmt.Errorf("nothing was written to %s: no platform can run the workload", r.write)
	case !found.Deployment.Possible:
		return fmt.Errorf("nothing was written to %s: the stacks cannot deploy this as %s: %s", r.write,
			chosen.Platform,
			strings.Join(found.Deployment.Because, "; "))
	}
	document, err := r.place.document(advised.Workload, chosen)
	if err != nil {
		return fmt.Errorf("nothing was written to %s: %w", r.write, err)
	}
	if err := writeNew(r.write, document); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	found.Written = r.write
	return nil
}

// document is the configuration, held against its own validation.
func (p place) document(workload advice.Workload, chosen *advice.Candidate) ([]byte, error) {
	if p.owner == "" || p.account == "" {
		return nil, errors.New("--write needs --owner and --account")
	}
	zones, err := p.availabilityZones(workload)
	if err != nil {
		return nil, err
	}
	if p.start, err = time.Parse("15:04", p.startAt); err != nil {
		return nil, fmt.Errorf("--start-at: want a time of day such as 08:00, have %q", p.startAt)
	}
	document := []byte(p.text(workload, chosen, zones))
	if _, err := config.Parse(document); err != nil {
		return nil, fmt.Errorf("the configuration would not be valid: %w", err)
	}
	return document, nil
}

// knownZones are the first zones of regions whose zones go by the letters a, b and c.
var knownZones = map[string]bool{"us-east-1": true, "eu-central-1": true, "ap-northeast-2": true}

func (p place) availabilityZones(workload advice.Workload) ([]string, error) {
	if len(p.zones) > 0 {
		return p.zones, nil
	}
	if !knownZones[workload.Region] {
		return nil, fmt.Errorf("--availability-zones: required, since those of %s are not known here", workload.Region)
	}
	var zones []string
	for _, letter := range "abc"[:zonesOf(workload)] {
		zones = append(zones, workload.Region+string(letter))
	}
	return zones, nil
}

func zonesOf(workload advice.Workload) int {
	if workload.Availability == advice.HighAvailability {
		return 3
	}
	return 2
}

func (p place) text(workload advice.Workload, chosen *advice.Candidate, zones []string) string {
	estimate := chosen.Estimate
	quoted := make([]string, len(zones))
	for i, zone := range zones {
		quoted[i] = strconv.Quote(zone)
	}
	y := &page{}
	y.line("# Written by davit advise: %s as %s, about $%s a month at list prices. Not in that:", workload.Name,
		chosen.Platform, estimate.Total)
	y.line("# flow logs, a cluster's logs, images in ECR and the automation. Every field that is left out has the default")
	y.line("# that infra/config documents.")
	y.line("owner: %q\nenvironment: %q\naccount: %q\nregion: %q", p.owner, p.environment, p.account, workload.Region)
	y.line("availabilityZones: [%s]\n", strings.Join(quoted, ", "))
	y.line("network:\n  zones: %d\n  nat: %s", zonesOf(workload), natOf(workload, estimate))
	if estimate.Network == advice.InterfaceEndpoints {
		y.line("  endpoints: %s\n  interfaceEndpoints: [%s]", endpointChoice(chosen.Platform),
			strings.Join(advice.EndpointsOf(chosen.Platform), ", "))
	}
	y.line("\nregistry:\n  repositories:\n    - name: %q\n", p.repositoryOf(workload))
	sections[chosen.Platform](y, p, workload, estimate)
	y.line("automation: {}")
	return y.String()
}

func (p place) repositoryOf(workload advice.Workload) string {
	if p.repository != "" {
		return p.repository
	}
	return strings.ToLower(workload.Name)
}

func natOf(workload advice.Workload, estimate *advice.Estimate) config.NAT {
	switch {
	case estimate.Network != advice.NATGateways:
		return config.NATNone
	case workload.Availability == advice.HighAvailability:
		return config.NATPerZone
	}
	return config.NATOne
}

// endpointChoice has tasks and hosts of ECS run in isolated subnets; pods do in any case without NAT, and the choice of all that
// the cluster could need would bring endpoints that were not counted.
func endpointChoice(platform advice.Platform) config.EndpointChoice {
	if platform == advice.EKSFargate || platform == advice.EKSEC2 {
		return config.EndpointsListed
	}
	return config.EndpointsNeeded
}

func writeOnFargate(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	y.line("ecs:\n  services:")
	writeService(y, p, workload, estimate, config.CapacityFargate)
}

// writeOnSpot has no task on demand, as each was advised on at the price of Spot.
func writeOnSpot(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	y.line("ecs:\n  services:")
	writeService(y, p, workload, estimate, config.CapacityFargateSpot)
}

// writeOnHosts writes the hosts, whose number ECS moves by what the tasks need. A deployment starts as many new tasks beside the
// old ones: for these, and no longer, there is room above what the peak needs.
func writeOnHosts(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	y.line("ecs:\n  # %d hosts run most of the time, %d at the peak; up to maximum they are more only while a deployment runs.",
		estimate.HostsUsual, estimate.HostsPeak)
	y.line("  hosts:\n    architecture: %s\n    instanceType: %s\n    minimum: %d\n    maximum: %d\n    rootGiB: %d\n  services:",
		estimate.Architecture, estimate.HostType, standingHosts(workload, estimate), hostsFor(estimate),
		workload.RootGB(advice.ECSEC2))
	writeService(y, p, workload, estimate, config.CapacityEC2)
}

// standingHosts is the number below which hosts do not go; none stays where the service itself stops for a part of the day.
func standingHosts(workload advice.Workload, estimate *advice.Estimate) int {
	if workload.HoursPerDay < 24 {
		return 0
	}
	return estimate.HostsUsual
}

// hostsFor is how many hosts hold the tasks of the peak twice.
func hostsFor(estimate *advice.Estimate) int {
	return max(estimate.HostsPeak, (2*estimate.TasksPeak+estimate.TasksPerHost-1)/estimate.TasksPerHost)
}

// nodesFor is how many nodes hold the pods of the peak and the quarter more that a Deployment starts beside them (maxSurge, in the
// documentation of Kubernetes).
func nodesFor(estimate *advice.Estimate) int {
	pods := estimate.TasksPeak + (estimate.TasksPeak+3)/4
	return max(estimate.HostsPeak, (pods+estimate.TasksPerHost-1)/estimate.TasksPerHost)
}

// writeOnManagedInstances names the type that was advised on, of which ECS starts as many as the tasks need.
func writeOnManagedInstances(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	y.line("ecs:\n  # %d instances run most of the time, %d at the peak: ECS starts and ends them.", estimate.HostsUsual, estimate.HostsPeak)
	y.line("  managedInstances:\n    instanceTypes: [%s]\n    minimumVCPUs: %d\n    maximumVCPUs: %d", estimate.HostType,
		estimate.HostVCPUs, estimate.HostVCPUs)
	y.line("    minimumMemoryMiB: %d\n    maximumMemoryMiB: %d\n    storageGiB: %d\n  services:", estimate.HostMemoryMiB,
		estimate.HostMemoryMiB, workload.RootGB(advice.ECSManagedInstances))
	writeService(y, p, workload, estimate, config.CapacityManagedInstances)
}

// writeService writes the ECS service.
func writeService(y *page, p place, workload advice.Workload, estimate *advice.Estimate, on config.Capacity) {
	y.line("    - name: %q\n      repository: %q\n      policy: %q", workload.Name, p.repositoryOf(workload), p.policy)
	y.line("      initialImage: %q\n      architecture: %s\n      capacity: %s", p.firstImage, estimate.Architecture, on)
	if on == config.CapacityFargateSpot {
		y.line("      onDemandTasks: 0")
	}
	y.line("      cpu: %d\n      memory: %d\n      containerPort: %d", estimate.TaskCPU, estimate.TaskMemoryMiB, p.port)
	if workload.GPUs > 0 {
		y.line("      gpus: %d", workload.GPUs)
	}
	y.line("      loadBalancer: %t\n      public: %t", workload.HTTP, workload.HTTP && workload.Public)
	y.line("      # %d tasks run most of the time, %d at the peak of %v requests a second.", estimate.TasksUsual,
		estimate.TasksPeak, workload.RequestsPeak)
	y.line("      autoscaling:\n        minimum: %d\n        maximum: %d\n        cpuPercent: 60", least(workload, estimate),
		estimate.TasksPeak)
	p.writeHours(y, workload, estimate)
	y.line("")
}

// writeHours has the service run for its hours of the day alone.
func (p place) writeHours(y *page, workload advice.Workload, estimate *advice.Estimate) {
	if workload.HoursPerDay == 24 {
		return
	}
	cron := func(at time.Time) string { return fmt.Sprintf("%d %d * * ? *", at.Minute(), at.Hour()) }
	end := p.start.Add(time.Duration(math.Round(workload.HoursPerDay*60)) * time.Minute)
	y.line("        # It runs %v hours a day, and nothing of it costs at other times but the network and the load balancer.", workload.HoursPerDay)
	y.line("        schedule:")
	y.line("          - {cron: %q, timeZone: %q, minimum: %d, maximum: %d}", cron(p.start), p.timeZone, least(workload, estimate),
		estimate.TasksPeak)
	y.line("          - {cron: %q, timeZone: %q, minimum: 0, maximum: 0}", cron(end), p.timeZone)
}

// writeCluster writes what clusters have alike, and what their workload is to ask for.
func writeCluster(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	admins := make([]string, len(p.admins))
	for i, admin := range p.admins {
		admins[i] = strconv.Quote(admin)
	}
	y.line("# The Deployment, its autoscaler and its load balancer are manifests of yours: %d replicas most of the time, %d at the",
		estimate.TasksUsual, estimate.TasksPeak)
	y.line("# peak of %v requests a second, of %d/1024 vCPU and %d MiB each, for %s; annotate it with davit/policy: %s.",
		workload.RequestsPeak, workload.TaskCPU, workload.TaskMemoryMiB, estimate.Architecture, p.policy)
	y.line("eks:\n  admins: [%s]", strings.Join(admins, ", "))
}

// writeProfiles writes the cluster whose pods run on Fargate.
func writeProfiles(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	writeCluster(y, p, workload, estimate)
	y.line("  compute: %s\n  fargate:", config.ComputeFargate)
	y.line("    - name: %q\n      namespaces: [%q]", workload.Name, namespaceOf(workload))
	y.line("    - name: system\n      namespaces: [kube-system]\n")
}

// namespaceOf is the workload's name as a namespace may be called.
func namespaceOf(workload advice.Workload) string {
	return strings.ReplaceAll(strings.ToLower(workload.Name), "_", "-")
}

// writeNodes writes the cluster with a node group of the hosts that were advised on. Those with GPUs are of the section ml, beside
// a group for the cluster's own pods.
func writeNodes(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	writeCluster(y, p, workload, estimate)
	y.line("  compute: %s\n  # %d nodes run most of the time, %d at the peak; the Cluster Autoscaler moves them where minimum and maximum differ.",
		config.ComputeNodes, estimate.HostsUsual, estimate.HostsPeak)
	if count, name := workload.AddonNodes(advice.EKSEC2); count > 0 {
		y.line("  nodes:\n    - name: cluster\n      architecture: %s\n      instanceTypes: [%s]\n      minimum: %d\n      maximum: %d\n      diskGiB: 20\n",
			config.ARM64, name, count, count)
		y.line("# Its pods ask for nvidia.com/gpu: %d each, and tolerate the taint of that name.", workload.GPUs)
		y.line("ml:\n  platform: %s\n  accelerators:\n    - name: %q\n      instanceTypes: [%s]", config.PlatformEKS,
			namespaceOf(workload), estimate.HostType)
	} else {
		y.line("  nodes:\n    - name: %q\n      architecture: %s\n      instanceTypes: [%s]", workload.Name, estimate.Architecture,
			estimate.HostType)
	}
	y.line("      minimum: %d\n      maximum: %d\n      diskGiB: %d\n", estimate.HostsUsual, nodesFor(estimate),
		workload.RootGB(advice.EKSEC2))
}

// least is the number of tasks below which autoscaling does not go. What must stand ready for spikes stays.
func least(workload advice.Workload, estimate *advice.Estimate) int {
	if workload.Burstiness == advice.Spiky {
		return estimate.TasksUsual
	}
	if workload.Availability == advice.HighAvailability {
		return max(workload.MinimumTasks, zonesOf(workload))
	}
	return workload.MinimumTasks
}

// writeNew writes a file that must not be there yet, so that nothing of the caller's is lost.
func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
