// Package kubelet gives the pods of a cluster a status without running anything. There is one node, beside those that
// somebody makes by the API. A pod is placed on the first that it fits on, and its containers run and are ready if the local registry has their images. A missing image, an image
// whose label says that its containers end, and a pod that asks for more than the node has get the status that the
// scheduler and the kubelet of Kubernetes write, in their words.
//
// There are no init containers, no probes beyond the delay of a readiness probe, no logs and no way into a container.
package kubelet

import (
	"context"
	"fmt"
	"log"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

const resync = 12 * time.Hour

// kubelet looks after one pod after the other: what one pod takes of the node, the next one finds taken.
type kubelet struct {
	client   kubernetes.Interface
	registry *Registry
	pods     listers.PodLister
	queue    workqueue.TypedRateLimitingInterface[cache.ObjectName]
	memories map[containerKey]memory
}

// containerKey is a container of a pod.
type containerKey struct {
	pod  types.UID
	name string
}

// Run makes the node and starts to look after pods, until the context ends.
func Run(ctx context.Context, client kubernetes.Interface, node Node, registry *Registry) error {
	if _, err := client.CoreV1().Nodes().Create(ctx, node.object(), meta.CreateOptions{}); err != nil {
		return fmt.Errorf("make the node: %w", err)
	}
	shared := informers.NewSharedInformerFactory(client, resync)
	pods := shared.Core().V1().Pods()
	k := &kubelet{
		client: client, registry: registry, pods: pods.Lister(), memories: map[containerKey]memory{},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()),
	}
	if _, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    k.enqueue,
		UpdateFunc: func(_, changed any) { k.enqueue(changed) },
		DeleteFunc: func(any) { k.enqueuePending() },
	}); err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	shared.Start(ctx.Done())
	shared.WaitForCacheSync(ctx.Done())
	go k.work(ctx)
	go func() {
		<-ctx.Done()
		k.queue.ShutDown()
	}()
	return nil
}

func (k *kubelet) enqueue(object any) {
	if pod, ok := object.(*core.Pod); ok {
		k.queue.Add(cache.MetaObjectToName(pod))
	}
}

// enqueuePending looks again at the pods that had no place: there may be one now.
func (k *kubelet) enqueuePending() {
	pods, err := k.pods.List(labels.Everything())
	if err != nil {
		return // the cache cannot fail
	}
	for _, pod := range pods {
		if pod.Spec.NodeName == "" {
			k.enqueue(pod)
		}
	}
}

func (k *kubelet) work(ctx context.Context) {
	for {
		name, done := k.queue.Get()
		if done {
			return
		}
		again, err := k.look(ctx, name)
		k.queue.Done(name)
		switch {
		case err != nil && ctx.Err() == nil:
			if !errors.IsConflict(err) {
				log.Printf("look after pod %s: %v", name, err)
			}
			k.queue.AddRateLimited(name)
		case again > 0:
			k.queue.Forget(name)
			k.queue.AddAfter(name, again)
		default:
			k.queue.Forget(name)
		}
	}
}

// look brings one pod a step on, and says when to look again without a change: 0 for never.
func (k *kubelet) look(ctx context.Context, name cache.ObjectName) (again time.Duration, err error) {
	pod, err := k.pods.Pods(name.Namespace).Get(name.Name)
	switch {
	case errors.IsNotFound(err):
		return 0, nil
	case err != nil:
		return 0, err
	case pod.DeletionTimestamp != nil:
		return 0, k.end(ctx, pod)
	case pod.Spec.NodeName == "":
		return 0, k.schedule(ctx, pod)
	}
	return k.run(ctx, pod)
}

// end deletes a pod that is to end: its containers end at once.
func (k *kubelet) end(ctx context.Context, pod *core.Pod) error {
	for i := range pod.Spec.Containers {
		delete(k.memories, containerKey{pod.UID, pod.Spec.Containers[i].Name})
	}
	options := *meta.NewDeleteOptions(0)
	options.Preconditions = meta.NewUIDPreconditions(string(pod.UID))
	err := k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	if errors.IsNotFound(err) || errors.IsConflict(err) { // it is gone, and its name may be another's
		return nil
	}
	return err
}

// schedule puts a pod onto a node, or says in its status why that cannot be.
func (k *kubelet) schedule(ctx context.Context, pod *core.Pod) error {
	// Not from the cache, which may not have seen the pod that was placed a moment ago.
	there, err := k.client.CoreV1().Pods(meta.NamespaceAll).List(ctx, meta.ListOptions{FieldSelector: "spec.nodeName!="})
	if err != nil {
		return err
	}
	nodes, err := k.client.CoreV1().Nodes().List(ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	node, why := place(nodes.Items, there.Items, pod)
	if node == "" {
		status := *pod.Status.DeepCopy()
		setCondition(&status, core.PodCondition{
			Type: core.PodScheduled, Status: core.ConditionFalse, Reason: core.PodReasonUnschedulable, Message: why,
		})
		return k.write(ctx, pod, status)
	}
	err = k.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &core.Binding{
		ObjectMeta: meta.ObjectMeta{Name: pod.Name, UID: pod.UID}, Target: core.ObjectReference{Kind: "Node", Name: node},
	}, meta.CreateOptions{})
	if errors.IsNotFound(err) || errors.IsConflict(err) { // it is gone, or was bound and the cache does not know yet
		return nil
	}
	return err
}

// run looks after the containers of a pod of the node.
func (k *kubelet) run(ctx context.Context, pod *core.Pod) (again time.Duration, err error) {
	now := time.Now()
	statuses := make([]core.ContainerStatus, len(pod.Spec.Containers))
	for i := range pod.Spec.Containers {
		status, wait := k.advance(ctx, pod, i, now)
		statuses[i] = status
		if wait > 0 && (again == 0 || wait < again) {
			again = wait
		}
	}
	return again, k.write(ctx, pod, describe(pod.Status, statuses, now))
}

// advance is the next status of a container, and when to look at it again.
func (k *kubelet) advance(ctx context.Context, pod *core.Pod, i int, now time.Time) (core.ContainerStatus, time.Duration) {
	container := &pod.Spec.Containers[i]
	key := containerKey{pod.UID, container.Name}
	status := statusOf(pod, container.Name)
	if status.State.Running != nil {
		return settle(container, status, now)
	}
	if kept := k.memories[key]; now.Before(kept.due) {
		return backOff(container, status), kept.due.Sub(now)
	}
	var tried attempt
	tried.image, tried.err = k.registry.pull(ctx, container.Image)
	status, kept := start(container, status, tried, k.memories[key], now)
	k.memories[key] = kept
	if status.State.Running != nil {
		return settle(container, status, now)
	}
	return status, kept.due.Sub(now)
}

func statusOf(pod *core.Pod, container string) core.ContainerStatus {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == container {
			return status
		}
	}
	return core.ContainerStatus{}
}

// write writes the status, if it is another one.
func (k *kubelet) write(ctx context.Context, pod *core.Pod, status core.PodStatus) error {
	if equality.Semantic.DeepEqual(pod.Status, status) {
		return nil
	}
	changed := pod.DeepCopy()
	changed.Status = status
	_, err := k.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, changed, meta.UpdateOptions{})
	if errors.IsNotFound(err) {
		return nil
	}
	return err
}
