package eks

import (
	"context"
	"fmt"
	"iter"

	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

// controllers are the kinds that can opt in.
var controllers = []workload.Controller{workload.ControllerDeployment, workload.ControllerStatefulSet, workload.ControllerDaemonSet}

// Annotated lists the workloads of a cluster that carry the annotation. Kubernetes selects by labels alone, so each kind is
// listed, 500 a request, without all but its metadata. An error ends the listing.
func (d *Driver) Annotated(ctx context.Context, name, key string) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		for _, controller := range controllers {
			request := cluster.Request{Path: "/apis/apps/v1/" + resources[controller], Accept: cluster.MetadataList}
			for page, err := range cluster.Pages[struct{ Metadata metadata }](ctx, d.clusters, name, request) {
				if err != nil {
					yield(workload.Reference{}, fmt.Errorf("list the %s with %s: %w", resources[controller], key, err))
					return
				}
				for _, item := range page {
					if item.Metadata.Annotations[key] == "" {
						continue
					}
					reference, err := workload.EKSWorkload(name, item.Metadata.Namespace, controller, item.Metadata.Name)
					if !yield(reference, err) {
						return
					}
				}
			}
		}
	}
}
