package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/disruption"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/statefulset"
)

const (
	// workers is for each controller.
	workers = 4
	// discovery is how often the garbage collector looks for new kinds of objects.
	discovery = 30 * time.Second
	resync    = 12 * time.Hour
)

// runControllers starts Kubernetes's own controllers of workloads, and returns when they run: deployments, replica sets,
// stateful sets and daemon sets, disruption budgets, and what removes the objects of deleted owners and namespaces. Nothing else runs: no
// service gets endpoints, no autoscaler scales, no job starts.
func runControllers(ctx context.Context, configuration *rest.Config) error {
	client, err := kubernetes.NewForConfig(configuration)
	if err != nil {
		return err
	}
	objects, err := metadata.NewForConfig(configuration)
	if err != nil {
		return err
	}
	shared := informers.NewSharedInformerFactory(client, resync)
	runs, err := workloadControllers(ctx, client, shared)
	if err != nil {
		return fmt.Errorf("make the controllers: %w", err)
	}
	budgets, err := newBudgets(ctx, configuration, client, shared)
	if err != nil {
		return fmt.Errorf("make the controller of disruption budgets: %w", err)
	}
	started := make(chan struct{})
	collector, err := newCollector(ctx, client, objects, shared, started)
	if err != nil {
		return fmt.Errorf("make the garbage collector: %w", err)
	}
	// The roles admin, edit and view are the sum of others.
	roles := clusterroleaggregation.NewClusterRoleAggregation(shared.Rbac().V1().ClusterRoles(), client.RbacV1())
	namespaces := namespace.NewNamespaceController(ctx, client, objects, client.Discovery().ServerPreferredNamespacedResources,
		shared.Core().V1().Namespaces(), resync, v1.FinalizerKubernetes)

	shared.Start(ctx.Done())
	close(started)
	for _, run := range append(runs, namespaces.Run, roles.Run) {
		go run(ctx, workers)
	}
	go budgets.Run(ctx)
	go collector.Run(ctx, workers, discovery)
	go collector.Sync(ctx, client.Discovery(), discovery)
	shared.WaitForCacheSync(ctx.Done())
	return context.Cause(ctx)
}

func workloadControllers(ctx context.Context, client kubernetes.Interface, shared informers.SharedInformerFactory,
) ([]func(context.Context, int), error) {
	apps, core := shared.Apps().V1(), shared.Core().V1()
	deployments, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), core.Pods(), client)
	if err != nil {
		return nil, err
	}
	daemons, err := daemon.NewDaemonSetsController(ctx, apps.DaemonSets(), apps.ControllerRevisions(), core.Pods(),
		core.Nodes(), client, flowcontrol.NewBackOff(time.Second, 15*time.Minute))
	if err != nil {
		return nil, err
	}
	replicas := replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), core.Pods(), client, replicaset.BurstReplicas)
	sets := statefulset.NewStatefulSetController(ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(),
		apps.ControllerRevisions(), client)
	return []func(context.Context, int){deployments.Run, daemons.Run, replicas.Run, sets.Run}, nil
}

// newBudgets makes what says how many pods of a disruption budget may be evicted.
func newBudgets(ctx context.Context, configuration *rest.Config, client kubernetes.Interface, shared informers.SharedInformerFactory,
) (*disruption.DisruptionController, error) {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	scales, err := scale.NewForConfig(configuration, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client.Discovery()))
	if err != nil {
		return nil, err
	}
	apps, core := shared.Apps().V1(), shared.Core().V1()
	return disruption.NewDisruptionController(ctx, core.Pods(), shared.Policy().V1().PodDisruptionBudgets(), core.ReplicationControllers(),
		apps.ReplicaSets(), apps.Deployments(), apps.StatefulSets(), client, mapper, scales, client.Discovery()), nil
}

func newCollector(ctx context.Context, client kubernetes.Interface, objects metadata.Interface,
	shared informers.SharedInformerFactory, started <-chan struct{}) (*garbagecollector.GarbageCollector, error) {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	ignored := map[schema.GroupResource]struct{}{{Resource: "events"}: {}, {Group: "events.k8s.io", Resource: "events"}: {}}
	return garbagecollector.NewGarbageCollector(ctx, client, objects, mapper, ignored,
		informerfactory.NewInformerFactory(shared, metadatainformer.NewSharedInformerFactory(objects, resync)), started)
}
