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
	// lookEvery is the time between two looks: rare enough to leave the emulator's one interpreter to what is measured.
	lookEvery = 50 * time.Millisecond
	// precision is that of the times which DescribeServices tells; they are cut, not rounded.
	precision = time.Millisecond
	// undisturbed is the time from a push to the first look at the service.
	undisturbed = 250 * time.Millisecond
)

// rollout measures pushes to the service.
type rollout struct {
	site  cloud.Site
	ecs   *ecs.Client
	quiet *console.Console
	// images remembers what each task definition runs.
	images map[string]string
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

// measure pushes the image and answers the time until ECS had a deployment of its digest: the one that DescribeServices
// shows, by its createdAt. Reading that time, like the floor's own note of its call, keeps the looks out of the
// measurement, whose calls would take the emulator from what is measured. It returns when the rollout has its outcome.
func (r *rollout) measure(ctx context.Context, image v1.Image, tag string) (time.Duration, error) {
	digest, begun, err := pushTimed(ctx, r.site.Endpoint.Registry(), repository, tag, image)
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(undisturbed):
	}
	var created time.Time
	wait := console.Wait{For: "a deployment of " + digest, Limit: visibleLimit, Every: lookEvery}
	err = r.quiet.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		deployment, err := r.deployment(ctx, digest)
		if deployment != nil {
			created = aws.ToTime(deployment.CreatedAt)
		}
		return "", deployment != nil, err
	})
	if err != nil {
		return 0, err
	}
	wait = console.Wait{For: "the deployment of " + digest + " to complete", Limit: endLimit}
	err = r.quiet.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		deployment, err := r.deployment(ctx, digest)
		if err != nil || deployment == nil {
			return "no deployment", false, err
		}
		return string(deployment.RolloutState), deployment.RolloutState == types.DeploymentRolloutStateCompleted, nil
	})
	if err != nil {
		return 0, err
	}
	return created.Add(precision).Sub(begun), r.site.AwaitQuiet(ctx, r.quiet)
}

// deployment finds the service's deployment of the digest.
func (r *rollout) deployment(ctx context.Context, digest string) (*types.Deployment, error) {
	answer, err := r.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: aws.String(cluster), Services: []string{service},
	})
	if err != nil {
		return nil, fmt.Errorf("look at %s/%s: %w", cluster, service, err)
	}
	for _, found := range answer.Services {
		for _, deployment := range found.Deployments {
			image, err := r.imageOf(ctx, aws.ToString(deployment.TaskDefinition))
			if err != nil {
				return nil, err
			}
			if strings.HasSuffix(image, "@"+digest) {
				return &deployment, nil
			}
		}
	}
	return nil, nil
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
