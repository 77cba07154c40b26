package hosts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"davit/shared/recovery"
	"davit/shared/rollout"
	"davit/shared/workload/eks"
	"davit/shared/workload/eks/cluster"
)

// worker is a host as its cluster of EKS knows it; the zero value is a host of none.
type worker struct {
	eks.Node
	// cluster is the one that the instance's tags name.
	cluster string
	// cannot is why it cannot be drained.
	cannot string
	// silent is true where the cluster may answer another time.
	silent bool
}

// evicts tells whether pods are yet to leave a cordoned node.
func (w worker) evicts() bool { return w.Cordoned && w.Pods > 0 }

// admits tells whether pods may be placed on it.
func (w worker) admits() bool { return w.Name != "" && !w.Cordoned }

// drained tells whether nothing that a drain moves runs on it any more, and nothing may.
func (w worker) drained() bool { return w.Cordoned && w.Pods == 0 }

const (
	// clusterTag is on the instances of EKS's managed node groups, by EKS itself
	// (docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html).
	clusterTag = "eks:cluster-name"
	// ownedTag, with the name of the cluster after it, is on those of all others, so that they can join
	// (docs.aws.amazon.com/eks/latest/userguide/worker.html).
	ownedTag = "kubernetes.io/cluster/"
)

// clusterOf is the EKS cluster of an instance by its tags; empty where it has none.
func clusterOf(of tags) string {
	if name := of.value(clusterTag); name != "" {
		return name
	}
	if at := slices.IndexFunc(of, func(each tag) bool { return strings.HasPrefix(each.Key, ownedTag) }); at >= 0 {
		return strings.TrimPrefix(of[at].Key, ownedTag)
	}
	return ""
}

// worker asks the host's cluster for its node. A cluster that does not let davit in, or does not answer, keeps nobody from
// replacing the host: it cannot be drained, and that is told.
func (d *Driver) worker(ctx context.Context, host instance) worker {
	found := worker{cluster: clusterOf(host.Tags)}
	if found.cluster == "" {
		return found
	}
	var err error
	switch found.Node, err = d.clients.Nodes.OfHost(ctx, found.cluster, host.ID); {
	case err != nil:
		_, refused := rollout.Refusal(refusedBy(err))
		found.cannot, found.silent = err.Error(), !refused
	case !found.OptedIn:
		found.cannot = "node " + found.Name + ": " + eks.ErrNodeNotOptedIn.Error()
	}
	return found
}

// drainNode cordons the node and asks its pods to leave.
func (d *Driver) drainNode(ctx context.Context, name, host string) (recovery.Done, error) {
	drained, err := d.clients.Nodes.Drain(ctx, name, host)
	if err != nil {
		return recovery.Done{}, refusedBy(err)
	}
	return recovery.Done{Text: told(drained)}, nil
}

func told(drained eks.Drained) string {
	text := fmt.Sprintf("cordoned the node %s, and asked %d pods to leave it", drained.Node.Name, drained.Asked)
	if drained.Stay > 0 {
		text += fmt.Sprintf(", of which %d may not yet: %s", drained.Stay, strings.TrimRight(drained.Why, "."))
	}
	return text
}

// takeBackNode lets pods onto the node again, if it was davit that cordoned it.
func (d *Driver) takeBackNode(ctx context.Context, name, host string) (recovery.Done, error) {
	found, err := d.clients.Nodes.TakeBack(ctx, name, host)
	switch {
	case errors.Is(err, eks.ErrNoNode):
		return recovery.Done{Text: host + " is no node of the cluster " + name + " any more"}, nil
	case err != nil:
		return recovery.Done{}, refusedBy(err)
	case found.Cordoned && !found.ByDavit:
		return recovery.Done{Text: "left the node " + found.Name + " cordoned, as somebody else did that"}, nil
	}
	return recovery.Done{Text: "let pods onto the node " + found.Name + " again"}, nil
}

// evacuate drains the node before its host ends, as far as it can be: a host that must go does not wait for it. It tells whether
// this may have cordoned the node, and what it did, in words that follow others; nothing for a host of no cluster.
func (d *Driver) evacuate(ctx context.Context, host instance) (cordoned bool, said string) {
	name := clusterOf(host.Tags)
	if name == "" {
		return false, ""
	}
	drained, err := d.clients.Nodes.Drain(ctx, name, host.ID)
	cordoned = drained.Node.Name != "" && !drained.Node.Cordoned
	if err != nil {
		return cordoned, "; its pods were not asked to leave before: " + err.Error()
	}
	return cordoned, "; before, it " + told(drained)
}

// refusedBy turns what a cluster will say again however often it is asked into a refusal.
func refusedBy(err error) error {
	if errors.Is(err, eks.ErrNoNode) || errors.Is(err, eks.ErrNodeNotOptedIn) || cluster.IsNotFound(err) || cluster.IsForbidden(err) || cluster.IsInvalid(err) {
		return rollout.Refusef("Kubernetes does not accept it: %v", err)
	}
	return err
}
