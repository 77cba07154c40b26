// Package hosts remedies container hosts, and the Auto Scaling groups that they belong to: it drains, replaces and adds
// hosts, and looks after the client and the data volume of a blockchain node. It is the recovery driver for workloads of
// the kinds "ec2" and "asg".
package hosts

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/rollout"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
	sizes "davit/shared/workload/autoscaling"
	"davit/shared/workload/eks"
)

// Clients are what the driver talks to. Retries are the clients' own.
type Clients struct {
	EC2    *EC2
	Groups *autoscaling.Client
	// Sizes knows who owns the sizes of groups, and sets them.
	Sizes sizes.Groups
	ECS   *ecs.Client
	SSM   *ssm.Client
	// Nodes are hosts as clusters of EKS know them.
	Nodes *eks.Nodes
	// Tagging counts; a driver that is never asked to needs none.
	Tagging *resourcegroupstaggingapi.Client
}

// Driver does to hosts and their groups what their playbooks say. It is safe for concurrent use.
type Driver struct {
	clients Clients
	// registered remembers the container instance of each host, which stays the same for as long as the host lives.
	registered sync.Map
}

var _ recovery.Driver = (*Driver)(nil)

// New makes a driver. It makes no call.
func New(clients Clients) *Driver { return &Driver{clients: clients} }

// Count counts the hosts that opted in.
func (d *Driver) Count(ctx context.Context) (int, error) {
	count := 0
	pages := resourcegroupstaggingapi.NewGetResourcesPaginator(d.clients.Tagging, &resourcegroupstaggingapi.GetResourcesInput{
		ResourceTypeFilters: []string{"ec2:instance"}, TagFilters: []types.TagFilter{{Key: aws.String(names.TagPlaybook)}},
		ResourcesPerPage: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("tag:GetResources: %w", err)
		}
		count += len(page.ResourceTagMappingList)
	}
	return count, nil
}

// place is a host, its group, and what it is for.
type place struct {
	group     group
	hasGroup  bool
	host      instance
	hasHost   bool
	ails      string
	container containerInstance
	worker    worker
	node      node
}

// Observe says what AWS knows of the host or of the group.
func (d *Driver) Observe(ctx context.Context, reference workload.Reference) (recovery.Observation, error) {
	seen := recovery.Observation{Observation: workload.Observation{Workload: reference}}
	found, exists, err := d.look(ctx, reference)
	if err != nil {
		return recovery.Observation{}, fmt.Errorf("observe %s: %w", reference, err)
	}
	if !exists {
		return seen, nil
	}
	seen.Exists, seen.Region, seen.Account = true, d.clients.EC2.region, found.host.account
	seen.Settings = settingsOf(found.host.Tags, found.group.tags)
	seen.Desired, seen.Running, seen.Host = found.group.desired, found.group.inService, found.host.ID
	if reference.Kind() == workload.ASG {
		if seen.Owner, err = d.clients.Sizes.Owner(ctx, found.group.described); err != nil {
			return recovery.Observation{}, fmt.Errorf("observe %s: %w", reference, err)
		}
		seen.Settings = settingsOf(found.group.tags, nil)
		seen.Healthy, seen.Why = found.group.whole()
	} else {
		seen.Drained = found.container.drained() || found.worker.drained()
		seen.Evicts, seen.Disconnected = found.worker.evicts(), found.container.disconnected()
		seen.Replaced, seen.Healthy, seen.Why = found.health()
		seen.Leaves, seen.Evacuates = found.leaves(), found.worker.OptedIn || found.worker.silent
	}
	seen.Admits, seen.Refill = found.container.admits() || found.worker.admits(), found.refill()
	seen.Closed = found.container.status == draining || found.worker.Cordoned
	seen.Volume, err = found.node.volume()
	seen.Cannot = found.cannot(reference.Kind(), err)
	return seen, nil
}

// look finds the host and its group; for a group the host that a step would be about.
func (d *Driver) look(ctx context.Context, reference workload.Reference) (found place, exists bool, err error) {
	id := reference.Name()
	if reference.Kind() == workload.ASG {
		if found.group, found.hasGroup, err = d.group(ctx, reference.Name()); err != nil || !found.hasGroup {
			return found, false, err
		}
		if id = found.group.suspect(); id == "" {
			return found, true, nil
		}
	}
	if found.host, found.hasHost, err = d.clients.EC2.instance(ctx, id); err != nil {
		return found, false, err
	}
	if !found.hasGroup {
		if found.group, found.hasGroup, err = d.groupOf(ctx, found.host); err != nil {
			return found, false, err
		}
	}
	if !found.hasHost || found.host.gone() {
		// A host that ended is of interest for as long as its group has not got another one.
		return found, found.hasGroup, nil
	}
	if found.ails, err = d.clients.EC2.ailing(ctx, id); err != nil {
		return found, false, err
	}
	if found.worker = d.worker(ctx, found.host); found.worker.cluster == "" {
		if found.container, err = d.containerInstance(ctx, id); err != nil {
			return found, false, err
		}
	}
	found.node, err = d.node(ctx, found.group)
	return found, true, err
}

// leaves tells whether the group ends the host, which runs until it has.
func (p place) leaves() bool {
	return p.hasGroup && p.hasHost && !p.host.gone() && !p.group.keeps(p.host.ID)
}

// health judges a host: one that is gone by its group, one that leaves by its group too once that is whole, one that lives by
// its own checks, and by the agent's connection or what its kubelet says.
func (p place) health() (replaced, healthy bool, why string) {
	whole, short := p.group.whole()
	switch {
	case p.host.gone():
		return whole, whole, short
	case p.leaves() && whole:
		return true, true, ""
	case p.host.State != "running":
		return false, false, "the instance is " + p.host.State
	case p.ails != "":
		return false, false, p.ails
	case p.container.ARN != "" && !p.container.connected:
		return false, false, "the ECS agent is not connected"
	case p.container.status == draining && p.container.tasks > 0:
		return false, false, fmt.Sprintf("%d tasks are yet to leave it", p.container.tasks)
	case p.worker.Name != "" && !p.worker.Ready:
		return false, false, "its node is not ready: " + p.worker.Reason
	case p.worker.evicts():
		return false, false, fmt.Sprintf("%d pods are yet to leave it", p.worker.Pods)
	}
	return false, true, ""
}

// refill is the command by which a human lets things start on a host again.
func (p place) refill() string {
	switch {
	case p.worker.Cordoned:
		return "kubectl uncordon " + p.worker.Name
	case p.container.status == draining:
		return fmt.Sprintf("aws ecs update-container-instances-state --cluster %s --container-instances %s --status ACTIVE", p.container.cluster, p.container.ARN)
	}
	return ""
}

// cannot has the reasons for which a step cannot be taken; noVolume is why there is no step for the data volume.
func (p place) cannot(kind workload.Kind, noVolume error) map[settings.Do]string {
	what := map[workload.Kind]string{workload.EC2: "it is a host", workload.ASG: "it is a group of hosts"}[kind]
	cannot := map[settings.Do]string{settings.Rollback: what + ", on which nothing rolls out", settings.Restart: what + ", which has no tasks of its own",
		settings.RaiseMemory: what + ", whose memory is its type's"}
	no := func(reason string, steps ...settings.Do) {
		for _, step := range steps {
			if _, said := cannot[step]; !said {
				cannot[step] = reason
			}
		}
	}
	switch {
	case !p.hasGroup:
		no("it belongs to no Auto Scaling group", settings.ScaleOut, settings.ReplaceHosts)
	case kind == workload.EC2:
		no(what+"; its group scales", settings.ScaleOut)
	case p.group.desired >= p.group.most:
		no(fmt.Sprintf("it has %d hosts, which are the most that it may have", p.group.desired), settings.ScaleOut)
	}
	if !p.hasHost || p.host.gone() {
		no(p.noHost(kind), settings.ReplaceHosts, settings.Drain, settings.RestartClient, settings.GrowVolume, settings.RestoreSnapshot)
	}
	if why := p.worker.cannot; why != "" {
		no(why, settings.Drain)
	}
	if p.container.ARN == "" && p.worker.cluster == "" {
		no("it is no container instance of an ECS cluster, and no node of an EKS cluster", settings.Drain)
	}
	if p.node.name == "" {
		no("it is no chain node", settings.RestartClient, settings.GrowVolume, settings.RestoreSnapshot)
	}
	if noVolume != nil {
		no(noVolume.Error(), settings.GrowVolume)
	}
	if p.node.snapshot.ID == "" {
		no("there is no snapshot of its data volume", settings.RestoreSnapshot)
	}
	return cannot
}

func (p place) noHost(kind workload.Kind) string {
	switch {
	case kind == workload.EC2:
		return "the host is gone"
	case p.group.desired == 0:
		return "it has no hosts"
	}
	return "none of its hosts is the one that fails"
}

// Act does the step, or takes one back. Every call sets what it is to be and adds to nothing, or is looked for first.
func (d *Driver) Act(ctx context.Context, seen recovery.Observation, act ledger.Act, resume bool) (recovery.Done, error) {
	done, err := d.act(ctx, seen, act, resume)
	if err = denied(err); err != nil {
		return recovery.Done{}, fmt.Errorf("%s: %s: %w", seen.Workload, act.Do, err)
	}
	return done, nil
}

// denied turns what IAM denies into a refusal.
func denied(err error) error {
	if hasCode(err, "AccessDenied", "AccessDeniedException", "UnauthorizedOperation") {
		return rollout.Refusef("IAM forbids it: %s; davit may change only what carries the tag %s", message(err), names.TagPlaybook)
	}
	return err
}

func (d *Driver) act(ctx context.Context, seen recovery.Observation, act ledger.Act, resume bool) (recovery.Done, error) {
	switch do := settings.Do(act.Do); {
	case act.Undoes != nil && do == settings.Drain:
		return d.refill(ctx, act.Undoes.Target)
	case do == settings.Drain:
		return d.empty(ctx, act.Before.Host)
	case do == settings.ReplaceHosts:
		return d.replace(ctx, act.Before.Host, containerInstance{})
	case do == settings.ScaleOut:
		step := recovery.Outwards{Unit: "desired capacity", Set: func(lever ledger.Lever, to ledger.Extent) error {
			return d.clients.Sizes.Set(ctx, scaling.Observation{Workload: seen.Workload}, lever, "", to)
		}}
		return step.Take(seen, act)
	case do == settings.RestartClient:
		return d.restartClient(ctx, act, resume)
	case do == settings.GrowVolume:
		return d.growVolume(ctx, act, seen.Volume, resume)
	case do == settings.RestoreSnapshot:
		return d.restoreSnapshot(ctx, act, resume)
	}
	return recovery.Done{}, rollout.Refusef("davit cannot %s a host", act.Do)
}

// empty drains the host of what its cluster runs on it.
func (d *Driver) empty(ctx context.Context, host string) (recovery.Done, error) {
	found, _, err := d.clients.EC2.instance(ctx, host)
	switch name := clusterOf(found.Tags); {
	case err != nil:
		return recovery.Done{}, err
	case name != "":
		return d.drainNode(ctx, name, host)
	}
	return d.drain(ctx, host)
}

// refill lets the host's cluster run things on it again, unless it is gone.
func (d *Driver) refill(ctx context.Context, host string) (recovery.Done, error) {
	found, exists, err := d.clients.EC2.instance(ctx, host)
	switch name := clusterOf(found.Tags); {
	case err != nil:
		return recovery.Done{}, err
	case !exists || found.gone():
		return recovery.Done{Text: host + " is gone, and takes nothing any more"}, nil
	case name != "":
		return d.takeBackNode(ctx, name, host)
	}
	return d.takeBack(ctx, host)
}

// newestFirst sorts by time, the latest first.
func newestFirst[T any](list []T, at func(T) time.Time) []T {
	slices.SortStableFunc(list, func(a, b T) int { return at(b).Compare(at(a)) })
	return list
}
