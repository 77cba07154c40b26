package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
)

// The service that the pushes are for, as in the local installation.
const (
	cluster    = "davit"
	service    = "web"
	repository = "web"
)

const (
	// visibleLimit is how long a push may take to become a deployment.
	visibleLimit = 30 * time.Second
	// endLimit is how long a rollout may take until its outcome.
	endLimit = 90 * time.Second
	// lookEvery is the time between two looks at the service. Looking costs the emulator time of its own, which counts
	// against us.
	lookEvery = 4 * time.Millisecond
)

// rollout measures pushes to the service.
type rollout struct {
	site  cloud.Site
	ecs   *ecs.Client
	quiet *console.Console
	// images remembers what each task definition runs.
	images map[string]string
	// patience is how long to wait before the first look: a little less than what the last push took.
	patience time.Duration
}

func newRollout(site cloud.Site) *rollout {
	return &rollout{
		site: site, ecs: ecs.NewFromConfig(site.Endpoint.Config()), quiet: console.New(nowhere{}),
		images: map[string]string{},
	}
}

// nowhere swallows what is written to it.
type nowhere struct{}

func (nowhere) Write(text []byte) (int, error) { return len(text), nil }

// measure pushes the image and answers the time until DescribeServices tells of a deployment of its digest. It returns
// when the rollout has its outcome. It does not look before soonest is over, since nothing can be seen before a function
// was called, nor long before the last push was seen: each look takes the emulator's one processor from what is measured.
// To look too late only makes the answer longer, and the next look earlier.
func (r *rollout) measure(ctx context.Context, image v1.Image, tag string, soonest time.Duration) (time.Duration, error) {
	digest, begun, err := pushTimed(ctx, r.site.Endpoint.Registry(), repository, tag, image)
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(time.Until(begun.Add(max(soonest, r.patience)))):
	}
	var visible time.Time
	looks := 0
	wait := console.Wait{For: "a deployment of " + digest, Limit: visibleLimit, Every: lookEvery}
	err = r.quiet.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		deployment, at, err := r.deployment(ctx, digest)
		visible = at
		looks++
		return "", deployment != nil, err
	})
	if err != nil {
		return 0, err
	}
	took := visible.Sub(begun)
	if r.patience = took * 9 / 10; looks == 1 {
		r.patience = took * 3 / 4
	}
	wait = console.Wait{For: "the deployment of " + digest + " to complete", Limit: endLimit}
	err = r.quiet.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		deployment, _, err := r.deployment(ctx, digest)
		if err != nil || deployment == nil {
			return "no deployment", false, err
		}
		return string(deployment.RolloutState), deployment.RolloutState == types.DeploymentRolloutStateCompleted, nil
	})
	if err != nil {
		return 0, err
	}
	return took, r.site.AwaitQuiet(ctx, r.quiet)
}

// deployment finds the service's deployment of the digest, and answers when the service was seen.
func (r *rollout) deployment(ctx context.Context, digest string) (*types.Deployment, time.Time, error) {
	answer, err := r.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: aws.String(cluster), Services: []string{service},
	})
	seen := time.Now()
	if err != nil {
		return nil, seen, fmt.Errorf("look at %s/%s: %w", cluster, service, err)
	}
	for _, found := range answer.Services {
		for _, deployment := range found.Deployments {
			image, err := r.imageOf(ctx, aws.ToString(deployment.TaskDefinition))
			if err != nil {
				return nil, seen, err
			}
			if strings.HasSuffix(image, "@"+digest) {
				return &deployment, seen, nil
			}
		}
	}
	return nil, seen, nil
}

func (r *rollout) imageOf(ctx context.Context, taskDefinition string) (string, error) {
	if image, known := r.images[taskDefinition]; known {
		return image, nil
	}
	answer, err := r.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &taskDefinition})
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", taskDefinition, err)
	}
	for _, container := range answer.TaskDefinition.ContainerDefinitions {
		r.images[taskDefinition] = aws.ToString(container.Image)
	}
	return r.images[taskDefinition], nil
}
