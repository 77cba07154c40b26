package advise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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
	workload := advised.Workload
	found := deployment{Platform: chosen.Platform}
	lacks := func(when bool, why string) {
		if when {
			found.Because = append(found.Because, why)
		}
	}
	estimate := chosen.Estimate
	_, written := sections[chosen.Platform]
	lacks(!written, "the configuration holds ECS services on Fargate and Kubernetes clusters, not "+string(chosen.Platform))
	lacks(workload.Stateful && chosen.Platform != advice.EKSEC2, "it has no file system for state that outlives a task")
	lacks(workload.HoursPerDay < 24,
		"it cannot stop a service outside its hours: what is deployed would run, and cost, all day")
	lacks(chosen.Platform == advice.ECSFargate && estimate.TasksPeak > maximumTasks,
		fmt.Sprintf("a service has at most %d tasks", maximumTasks))
	lacks(chosen.Platform == advice.EKSFargate && estimate.Network == advice.InterfaceEndpoints,
		"its clusters without NAT want an endpoint of eks-auth too, which was not counted; --network nat is advised on instead")
	if chosen.Platform == advice.EKSEC2 {
		lacks(estimate.Network == advice.PublicSubnets,
			"its nodes get no public address; --network nat is advised on with NAT gateways instead")
		lacks(estimate.HostsUsual != estimate.HostsPeak, fmt.Sprintf("its node groups do not follow the load, "+
			"and %d to %d nodes were advised on", estimate.HostsUsual, estimate.HostsPeak))
		lacks(estimate.HostsPeak > maximumNodes, fmt.Sprintf("a node group has at most %d nodes", maximumNodes))
		lacks(workload.GPUs > 0, "a group for GPUs needs the section ml; see infra/shapes/ml-eks-ec2.yaml")
		lacks(slices.Contains(workload.Compliance, advice.SingleTenant), "its nodes have no dedicated tenancy")
	}
	found.Possible = len(found.Because) == 0
	return found
}

// The most that config.Autoscaling and config.NodeGroup take.
const (
	maximumTasks = 5000
	maximumNodes = 450
)

// sections write what runs the workload, for each platform that the stacks deploy.
var sections = map[advice.Platform]func(*page, place, advice.Workload, *advice.Estimate){
	advice.ECSFargate: writeService,
	advice.EKSFargate: writeProfiles,
	advice.EKSEC2:     writeNodes,
}

// writeConfiguration writes the file that --write asks for. What infra cannot deploy is an error, and no file.
func (r *request) writeConfiguration(advised *advice.Advice, chosen *advice.Candidate, found *answer) error {
	switch {
	case r.write == "":
		return nil
	case chosen == nil:
		return fmt.Errorf("nothing was written to %s: no platform can run the workload", r.write)
	case !found.Deployment.Possible:
		return fmt.Errorf("nothing was written to %s: the stacks cannot deploy this as %s yet: %s", r.write,
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

// endpointChoice has tasks of ECS run in isolated subnets; those of EKS do in any case without NAT, and the choice of all
// that the cluster could need would bring endpoints that were not counted.
func endpointChoice(platform advice.Platform) config.EndpointChoice {
	if platform == advice.ECSFargate {
		return config.EndpointsNeeded
	}
	return config.EndpointsListed
}

// writeService writes the ECS service.
func writeService(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	y.line("ecs:\n  services:\n    - name: %q\n      repository: %q\n      policy: %q", workload.Name,
		p.repositoryOf(workload), p.policy)
	y.line("      initialImage: %q\n      architecture: %s", p.firstImage, estimate.Architecture)
	y.line("      cpu: %d\n      memory: %d\n      containerPort: %d", estimate.TaskCPU, estimate.TaskMemoryMiB, p.port)
	y.line("      loadBalancer: %t\n      public: %t", workload.HTTP, workload.HTTP && workload.Public)
	y.line("      # %d tasks run most of the time, %d at the peak of %v requests a second.", estimate.TasksUsual,
		estimate.TasksPeak, workload.RequestsPeak)
	y.line("      autoscaling:\n        minimum: %d\n        maximum: %d\n        cpuPercent: 60\n", least(workload,
		estimate), estimate.TasksPeak)
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

// writeNodes writes the cluster with a node group of the hosts that were advised on.
func writeNodes(y *page, p place, workload advice.Workload, estimate *advice.Estimate) {
	writeCluster(y, p, workload, estimate)
	y.line("  compute: %s\n  nodes:\n    - name: %q\n      architecture: %s\n      instanceTypes: [%s]", config.ComputeNodes,
		workload.Name, estimate.Architecture, estimate.HostType)
	y.line("      minimum: %d\n      maximum: %d\n      diskGiB: %v\n", estimate.HostsUsual, estimate.HostsPeak,
		advice.RootGB(advice.EKSEC2))
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
