package advise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	zones                          []string
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
	lacks(chosen.Platform != advice.ECSFargate,
		"the configuration holds ECS services on Fargate only, not "+string(chosen.Platform))
	lacks(workload.Stateful, "it has no file system for state that outlives a task")
	lacks(workload.HoursPerDay < 24,
		"it cannot stop a service outside its hours: what is deployed would run, and cost, all day")
	lacks(chosen.Estimate.Network == advice.InterfaceEndpoints,
		"it has no subnets whose only way out are interface endpoints; --network nat is advised on with NAT gateways instead")
	lacks(chosen.Estimate.TasksPeak > maximumTasks, fmt.Sprintf("a service has at most %d tasks", maximumTasks))
	found.Possible = len(found.Because) == 0
	return found
}

// maximumTasks is the most that config.Autoscaling takes.
const maximumTasks = 5000

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
	repository := p.repository
	if repository == "" {
		repository = strings.ToLower(workload.Name)
	}
	nat := map[advice.Network]config.NAT{advice.PublicSubnets: config.NATNone,
		advice.NATGateways: config.NATOne}[estimate.Network]
	if nat == config.NATOne && workload.Availability == advice.HighAvailability {
		nat = config.NATPerZone
	}
	quoted := make([]string, len(zones))
	for i, zone := range zones {
		quoted[i] = strconv.Quote(zone)
	}
	y := &page{}
	y.line("# Written by davit advise: %s as %s, about $%s a month at list prices. Not in that: flow logs, images in ECR,", workload.Name,
		chosen.Platform, estimate.Total)
	y.line("# and the automation. Every field that is left out has the default that infra/config documents.")
	y.line("owner: %q\nenvironment: %q\naccount: %q\nregion: %q", p.owner, p.environment, p.account, workload.Region)
	y.line("availabilityZones: [%s]\n", strings.Join(quoted, ", "))
	y.line("network:\n  zones: %d\n  nat: %s\n", zonesOf(workload), nat)
	y.line("registry:\n  repositories:\n    - name: %q\n", repository)
	y.line("ecs:\n  services:\n    - name: %q\n      repository: %q\n      policy: %q", workload.Name, repository,
		p.policy)
	y.line("      initialImage: %q\n      architecture: %s", p.firstImage, estimate.Architecture)
	y.line("      cpu: %d\n      memory: %d\n      containerPort: %d", estimate.TaskCPU, estimate.TaskMemoryMiB, p.port)
	y.line("      loadBalancer: %t\n      public: %t", workload.HTTP, workload.HTTP && workload.Public)
	y.line("      # %d tasks run most of the time, %d at the peak of %v requests a second.", estimate.TasksUsual,
		estimate.TasksPeak, workload.RequestsPeak)
	y.line("      autoscaling:\n        minimum: %d\n        maximum: %d\n        cpuPercent: 60\n", least(workload,
		estimate), estimate.TasksPeak)
	y.line("automation: {}")
	return y.String()
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
