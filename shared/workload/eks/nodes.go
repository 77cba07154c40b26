package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"davit/shared/names"
	"davit/shared/workload/eks/cluster"
)

// Nodes are hosts as the clusters know them: they are cordoned, drained of their pods, and taken back. It is safe for
// concurrent use.
type Nodes struct {
	clusters *cluster.Clusters
	// named remembers the name of each host's node, which stays the same for as long as the host lives.
	named sync.Map
}

// NewNodes makes them from the driver of rollouts, with its clusters. It makes no call.
func NewNodes(driver *Driver) *Nodes { return &Nodes{clusters: driver.clusters} }

// Node is a host as its cluster knows it.
type Node struct {
	Cluster string
	Name    string
	// OptedIn tells whether the node carries the label davit/playbook.
	OptedIn bool
	// Ready tells whether the kubelet says that it can run pods, and Reason what it or the control plane says otherwise.
	Ready  bool
	Reason string
	// Cordoned is true of a node on which nothing is placed any more, and ByDavit where it was davit that said so.
	Cordoned bool
	ByDavit  bool
	// Pods run on it, or are about to end, which a drain moves: not those of DaemonSets, not mirror pods, and not what has
	// ended.
	Pods int
}

// drainLimit bounds the asking of one drain: well below the least time that a function has, with what comes before and after.
const drainLimit = 20 * time.Second

// Drained is what a drain did.
type Drained struct {
	// Node is the node as it was before.
	Node Node
	// Asked counts the pods that were asked to leave, and Stay those that may not yet, for the reason Why.
	Asked, Stay int
	Why         string
}

type node struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		ProviderID    string `json:"providerID"`
		Unschedulable bool   `json:"unschedulable"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}

// is tells whether the node runs on the instance: AWS's provider ID is aws:///ZONE/INSTANCE
// (github.com/kubernetes/cloud-provider-aws, pkg/providers/v1/instances.go).
func (n node) is(instance string) bool {
	return strings.HasPrefix(n.Spec.ProviderID, "aws://") && strings.HasSuffix(n.Spec.ProviderID, "/"+instance)
}

const nodesPath = "/api/v1/nodes"

// OfHost finds the node of an instance in a cluster, with the pods on it: two requests, and before a node is known a
// listing. Where the cluster has none its error wraps ErrNoNode.
func (n *Nodes) OfHost(ctx context.Context, name, instance string) (Node, error) {
	found, err := n.find(ctx, name, instance)
	if err != nil {
		return Node{}, err
	}
	on, err := n.pods(ctx, name, found.Metadata.Name)
	if err != nil {
		return Node{}, err
	}
	seen := Node{Cluster: name, Name: found.Metadata.Name, Cordoned: found.Spec.Unschedulable, Pods: len(on)}
	_, seen.OptedIn = found.Metadata.Labels[names.TagPlaybook]
	seen.ByDavit = seen.Cordoned && slices.ContainsFunc(found.Metadata.ManagedFields, func(managed managedFields) bool {
		return managed.Manager == fieldManager && holds(managed.Fields, "f:spec", "f:unschedulable")
	})
	for _, one := range found.Status.Conditions {
		if one.Type == "Ready" {
			seen.Ready, seen.Reason = one.Status == "True", oneLine(one.Message)
		}
	}
	return seen, nil
}

var (
	// ErrNoNode says that no node of the cluster runs on the instance.
	ErrNoNode = errors.New("no node of the cluster runs on it")
	// ErrNodeNotOptedIn says that the node is to be left alone.
	ErrNodeNotOptedIn = errors.New("it did not opt in to davit: label it " + names.TagPlaybook)
)

func (n *Nodes) find(ctx context.Context, name, instance string) (node, error) {
	if known, remembered := n.named.Load(instance); remembered {
		var found node
		err := n.clusters.Do(ctx, name, cluster.Request{Path: nodesPath + "/" + known.(string)}, &found)
		if err == nil && found.is(instance) {
			return found, nil
		}
		if err != nil && !cluster.IsNotFound(err) {
			return node{}, fmt.Errorf("read node %s: %w", known, err)
		}
		n.named.Delete(instance)
	}
	for page, err := range cluster.Pages[node](ctx, n.clusters, name, cluster.Request{Path: nodesPath}) {
		if err != nil {
			return node{}, fmt.Errorf("list the nodes: %w", err)
		}
		for _, one := range page {
			if one.is(instance) {
				n.named.Store(instance, one.Metadata.Name)
				return one, nil
			}
		}
	}
	return node{}, fmt.Errorf("cluster %s: %w", name, ErrNoNode)
}

// placed is a pod on a node, as a drain looks at it.
type placed struct {
	Metadata struct {
		Name              string            `json:"name"`
		Namespace         string            `json:"namespace"`
		UID               string            `json:"uid"`
		Annotations       map[string]string `json:"annotations"`
		DeletionTimestamp *string           `json:"deletionTimestamp"`
		OwnerReferences   []struct {
			Kind       string `json:"kind"`
			Controller bool   `json:"controller"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

// annotationMirror is on what stands for a static pod, which its kubelet runs whatever the API server says
// (kubernetes.io/docs/reference/labels-annotations-taints, "kubernetes.io/config.mirror").
const annotationMirror = "kubernetes.io/config.mirror"

// moves tells whether a drain is about the pod, as `kubectl drain` has it
// (kubernetes.io/docs/tasks/administer-cluster/safely-drain-node): a DaemonSet puts its pods onto a cordoned node, too.
func (p placed) moves() bool {
	for _, owner := range p.Metadata.OwnerReferences {
		if owner.Controller && owner.Kind == "DaemonSet" {
			return false
		}
	}
	_, mirror := p.Metadata.Annotations[annotationMirror]
	return !mirror && p.Status.Phase != "Succeeded" && p.Status.Phase != "Failed"
}

// pods are those on the node which a drain moves.
func (n *Nodes) pods(ctx context.Context, name, on string) ([]placed, error) {
	request := cluster.Request{Path: "/api/v1/pods", Query: url.Values{"fieldSelector": {"spec.nodeName=" + on}}}
	var all []placed
	for page, err := range cluster.Pages[placed](ctx, n.clusters, name, request) {
		if err != nil {
			return nil, fmt.Errorf("list the pods on node %s: %w", on, err)
		}
		all = append(all, page...)
	}
	return slices.DeleteFunc(all, func(one placed) bool { return !one.moves() }), nil
}

// Drain cordons the node of the host, and asks once for the eviction of each pod that a drain moves; it waits for none. A
// pod that its disruption budget keeps stays, and is asked again by the next call. The error of a node without the label wraps
// ErrNodeNotOptedIn; beside one by which the node may be cordoned all the same, there is the node as it was before.
func (n *Nodes) Drain(ctx context.Context, name, instance string) (Drained, error) {
	before, err := n.OfHost(ctx, name, instance)
	if err != nil {
		return Drained{}, err
	}
	if !before.OptedIn {
		return Drained{}, fmt.Errorf("node %s: %w", before.Name, ErrNodeNotOptedIn)
	}
	if !before.Cordoned {
		if err := n.schedule(ctx, before, false); err != nil {
			return Drained{Node: before}, fmt.Errorf("cordon node %s: %w", before.Name, err)
		}
	}
	// Those that came before it was cordoned, too; those that end already need no asking.
	on, err := n.pods(ctx, name, before.Name)
	if err != nil {
		return Drained{Node: before}, err
	}
	on = slices.DeleteFunc(on, func(one placed) bool { return one.Metadata.DeletionTimestamp != nil })
	limited, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	kept := make([]string, len(on))
	requests, each := errgroup.WithContext(limited)
	requests.SetLimit(concurrency)
	for index, one := range on {
		requests.Go(func() (err error) {
			kept[index], err = n.evict(each, name, one)
			if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
				kept[index], err = "there was no time to ask it", nil
			}
			return err
		})
	}
	if err := requests.Wait(); err != nil {
		return Drained{Node: before}, fmt.Errorf("drain node %s: %w", before.Name, err)
	}
	done := Drained{Node: before, Asked: len(on)}
	for _, why := range kept {
		if why != "" {
			done.Stay, done.Why = done.Stay+1, why
		}
	}
	return done, nil
}

// evict asks for the end of a pod. The answer is why it stays: its disruption budget allows no disruption now, which is 429, or
// it has more budgets than one, which is 500 (kubernetes.io/docs/concepts/scheduling-eviction/api-eviction, "How
// API-initiated eviction works"). The pod of that name may be another one meanwhile, which is left alone.
func (n *Nodes) evict(ctx context.Context, name string, one placed) (stays string, err error) {
	body, err := json.Marshal(map[string]any{"apiVersion": "policy/v1", "kind": "Eviction",
		"metadata":      map[string]string{"name": one.Metadata.Name, "namespace": one.Metadata.Namespace},
		"deleteOptions": map[string]any{"preconditions": map[string]string{"uid": one.Metadata.UID}}})
	if err != nil {
		return "", err
	}
	err = n.clusters.Do(ctx, name, cluster.Request{Method: http.MethodPost, Content: cluster.JSON, Body: body,
		Path: "/api/v1/namespaces/" + one.Metadata.Namespace + "/pods/" + one.Metadata.Name + "/eviction"}, nil)
	var answer *cluster.Answer
	switch {
	case cluster.IsNotFound(err), cluster.IsConflict(err):
		return "", nil
	case errors.As(err, &answer) && (answer.Code == http.StatusTooManyRequests || answer.Code == http.StatusInternalServerError):
		return oneLine(answer.Message), nil
	case err != nil:
		return "", fmt.Errorf("evict pod %s/%s: %w", one.Metadata.Namespace, one.Metadata.Name, err)
	}
	return "", nil
}

// TakeBack lets pods be placed on the host's node again, unless it was somebody else who cordoned it.
func (n *Nodes) TakeBack(ctx context.Context, name, instance string) (Node, error) {
	found, err := n.OfHost(ctx, name, instance)
	if err != nil || !found.ByDavit {
		return found, err
	}
	if err := n.schedule(ctx, found, true); err != nil {
		return found, fmt.Errorf("uncordon node %s: %w", found.Name, err)
	}
	return found, nil
}

// schedule lets pods be placed on the node, or not; nothing else of it is changed.
func (n *Nodes) schedule(ctx context.Context, on Node, may bool) error {
	body, err := json.Marshal(map[string]any{"spec": map[string]bool{"unschedulable": !may}})
	if err != nil {
		return err
	}
	return n.clusters.Do(ctx, on.Cluster, cluster.Request{Method: http.MethodPatch, Path: nodesPath + "/" + on.Name,
		Query: url.Values{"fieldManager": {fieldManager}}, Body: body, Content: mergePatch}, nil)
}
