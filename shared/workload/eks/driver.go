// Package eks observes and changes what controllers of Kubernetes run on EKS clusters: Deployments, StatefulSets and
// DaemonSets. It is the rollout driver for workloads of the kind "eks": it reads what the API server says, changes the
// image of chosen containers and nothing else, leaves the rest to Kubernetes' own controllers, and tells what became of
// the pods.
package eks

import (
	"context"
	"time"

	"davit/shared/rollout"
	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

const (
	// concurrency is how many requests of one look are under way at once: far below what an API server's priority levels
	// queue for one user.
	concurrency = 8
	// fieldManager is under which name Kubernetes keeps what davit has changed
	// (kubernetes.io/docs/reference/using-api/server-side-apply, "Field management").
	fieldManager = "davit"
)

// Images reads what platforms an image has.
type Images interface {
	// ReadAhead reads what VerifyImage will ask.
	ReadAhead(ctx context.Context, repository workload.Repository, digest string)
	// VerifyImage is a *rollout.Refused where the image is not there, or is not for the operating system and the
	// architecture, in the words of the OCI image specification. An empty architecture is any.
	VerifyImage(ctx context.Context, change rollout.Change, os, architecture string) error
}

// Driver is the rollout driver for Kubernetes workloads. It is safe for concurrent use.
type Driver struct {
	clusters *cluster.Clusters
	images   Images
	now      func() time.Time
}

var _ rollout.Driver = (*Driver)(nil)

// New makes a driver. It makes no call.
func New(clusters *cluster.Clusters, images Images) *Driver {
	return &Driver{clusters: clusters, images: images, now: time.Now}
}

// ReadAhead reads what Verify will ask of a pushed image.
func (d *Driver) ReadAhead(ctx context.Context, repository workload.Repository, digest string) {
	d.images.ReadAhead(ctx, repository, digest)
}

// Remember keeps nothing: no stack reads the running image of a Kubernetes workload, whose manifest names it. Whoever
// applies an old manifest puts the old image back, and the next look rolls the better one out again.
func (d *Driver) Remember(context.Context, workload.Reference, string) error { return nil }

// Recall answers nothing, since nothing is kept.
func (d *Driver) Recall(context.Context, []workload.Reference) (map[workload.Reference]string, error) {
	return nil, nil
}
