package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/cmd/davit/local/engine"
	"davit/cmd/davit/local/webimage"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/workload"
)

// view looks at the local cloud as its users do: through the AWS APIs, the ledger and the Docker engine.
type view struct {
	workload workload.Reference
	engine   *engine.Engine
	alarms   *cloudwatch.Client
	ecs      *ecs.Client
	ecr      *ecr.Client
	ssm      *ssm.Client
	ledger   *ledger.Ledger
}

func newView(configuration aws.Config, engine *engine.Engine, reference workload.Reference) view {
	return view{
		workload: reference, engine: engine,
		alarms: cloudwatch.NewFromConfig(configuration),
		ecs:    ecs.NewFromConfig(configuration), ecr: ecr.NewFromConfig(configuration),
		ssm:    ssm.NewFromConfig(configuration),
		ledger: ledger.New(dynamodb.NewFromConfig(configuration), names.Table),
	}
}

// running is what the service's primary deployment is and does.
type running struct {
	deployment string
	state      types.DeploymentRolloutState
	// image is what the task definition names.
	image string
	// desired and tasks count the primary deployment's tasks.
	desired, tasks int32
	// others are the other deployments that still have tasks, or that failed, in words.
	others []string
	// failed are the images of the deployments that failed.
	failed []string
}

func (r running) String() string {
	text := fmt.Sprintf("deployment %s: %s, %d of %d tasks run %s", shortID(r.deployment), r.state, r.tasks, r.desired,
		shortImage(r.image))
	if len(r.others) > 0 {
		text += "; " + strings.Join(r.others, "; ")
	}
	return text
}

// on tells whether the service runs the digest and nothing else, with every task it should have.
func (r running) on(digest string) bool {
	return strings.HasSuffix(r.image, "@"+digest) && r.state == types.DeploymentRolloutStateCompleted && r.tasks == r.desired
}

// look describes the service.
func (v view) look(ctx context.Context) (running, error) {
	answer, err := v.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{
		Cluster: aws.String(v.workload.Cluster()), Services: []string{v.workload.Name()},
	})
	if err != nil {
		return running{}, fmt.Errorf("look at %s: %w", v.workload, err)
	}
	if len(answer.Services) != 1 {
		return running{}, fmt.Errorf("look at %s: there is no such service", v.workload)
	}
	var seen running
	for _, deployment := range answer.Services[0].Deployments {
		image, err := v.imageOf(ctx, aws.ToString(deployment.TaskDefinition))
		if err != nil {
			return running{}, err
		}
		if aws.ToString(deployment.Status) == "PRIMARY" {
			seen.deployment, seen.state, seen.image = aws.ToString(deployment.Id), deployment.RolloutState, image
			seen.desired, seen.tasks = deployment.DesiredCount, deployment.RunningCount
			continue
		}
		if deployment.RolloutState == types.DeploymentRolloutStateFailed {
			seen.failed = append(seen.failed, image)
		}
		seen.others = append(seen.others, fmt.Sprintf("%s %s with %s: %d run, %d failed", shortID(aws.ToString(deployment.Id)),
			deployment.RolloutState, shortImage(image), deployment.RunningCount, deployment.FailedTasks))
	}
	return seen, nil
}

func (v view) imageOf(ctx context.Context, taskDefinition string) (string, error) {
	answer, err := v.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &taskDefinition})
	if err != nil {
		return "", fmt.Errorf("look at %s of %s: %w", taskDefinition, v.workload, err)
	}
	if len(answer.TaskDefinition.ContainerDefinitions) != 1 {
		return "", fmt.Errorf("%s of %s has %d containers, want 1", taskDefinition, v.workload,
			len(answer.TaskDefinition.ContainerDefinitions))
	}
	return aws.ToString(answer.TaskDefinition.ContainerDefinitions[0].Image), nil
}

// container asks the container of the service's one running task for its page, from within, and answers the container's
// ID and the page.
func (v view) container(ctx context.Context) (id, page string, err error) {
	listed, err := v.ecs.ListTasks(ctx, &ecs.ListTasksInput{
		Cluster: aws.String(v.workload.Cluster()), ServiceName: aws.String(v.workload.Name()),
		DesiredStatus: types.DesiredStatusRunning,
	})
	if err != nil {
		return "", "", fmt.Errorf("list the tasks of %s: %w", v.workload, err)
	}
	if len(listed.TaskArns) != 1 {
		return "", "", fmt.Errorf("%s has %d running tasks: %w", v.workload, len(listed.TaskArns), errNoContainer)
	}
	described, err := v.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{
		Cluster: aws.String(v.workload.Cluster()), Tasks: listed.TaskArns,
	})
	if err != nil {
		return "", "", fmt.Errorf("look at the task of %s: %w", v.workload, err)
	}
	if len(described.Tasks) != 1 || len(described.Tasks[0].Containers) != 1 {
		return "", "", fmt.Errorf("the task of %s has no container: %w", v.workload, errNoContainer)
	}
	id = aws.ToString(described.Tasks[0].Containers[0].RuntimeId)
	if id == "" {
		return "", "", fmt.Errorf("the container of %s has no ID: %w", v.workload, errNoContainer)
	}
	exit, page, err := v.engine.Execute(ctx, id, webimage.Check...)
	if err != nil {
		return "", "", err
	}
	if exit != 0 {
		return "", "", fmt.Errorf("container %.12s does not answer: %s: %w", id, strings.TrimSpace(page), errNoContainer)
	}
	return id, strings.TrimSpace(page), nil
}

// digestOf is what the registry has under the tag.
func (v view) digestOf(ctx context.Context, tag string) (string, error) {
	answer, err := v.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{
		RepositoryName: aws.String(repository), ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: &tag}},
	})
	if err != nil {
		return "", fmt.Errorf("look up %s:%s in the registry: %w", repository, tag, err)
	}
	if len(answer.ImageDetails) != 1 {
		return "", fmt.Errorf("look up %s:%s in the registry: it is not there", repository, tag)
	}
	return aws.ToString(answer.ImageDetails[0].ImageDigest), nil
}

func (v view) hasImages(ctx context.Context) (bool, error) {
	answer, err := v.ecr.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String(repository)})
	if err != nil {
		return false, fmt.Errorf("list the images of %s: %w", repository, err)
	}
	return len(answer.ImageDetails) > 0, nil
}

// remembered is the image parameter's value, from which a deploy of the stack takes the image.
func (v view) remembered(ctx context.Context) (string, error) {
	name := names.ImageParameter(v.workload.Cluster(), v.workload.Name())
	answer, err := v.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return "", fmt.Errorf("read the parameter %s: %w", name, err)
	}
	return aws.ToString(answer.Parameter.Value), nil
}

// record is what the ledger knows of the workload.
func (v view) record(ctx context.Context) (ledger.Record, error) {
	records, err := v.ledger.Read(ctx, []workload.Reference{v.workload})
	if err != nil {
		return ledger.Record{}, err
	}
	return records[v.workload], nil
}

// refusal is the newest entry of the history that refuses the tag, if there is one.
func (v view) refusal(ctx context.Context, tag string) (ledger.Entry, bool, error) {
	const enough = 50
	entries, err := v.ledger.History(ctx, v.workload, enough, "")
	if err != nil {
		return ledger.Entry{}, false, err
	}
	for _, entry := range entries {
		if entry.Action == "refuse" && entry.Image != nil && entry.Image.Tag == tag {
			return entry, true, nil
		}
	}
	return ledger.Entry{}, false, nil
}

// revisions counts the task definition's revisions that were registered so far.
func (v view) revisions(ctx context.Context) (int, error) {
	pages := ecs.NewListTaskDefinitionsPaginator(v.ecs, &ecs.ListTaskDefinitionsInput{
		FamilyPrefix: aws.String(v.workload.Cluster() + "-" + v.workload.Name()),
	})
	count := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("list the revisions of %s: %w", v.workload, err)
		}
		count += len(page.TaskDefinitionArns)
	}
	return count, nil
}

// errNoContainer says that there is not the one container that answers, at the moment.
var errNoContainer = errors.New("no single container that answers")

// shortID is the end of a deployment's ID, which is what tells it from others.
func shortID(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// shortImage leaves the registry's host out and shortens the digest.
func shortImage(image string) string {
	name := image[strings.LastIndexByte(image, '/')+1:]
	if base, digest, found := strings.Cut(name, "@"); found {
		return base + "@" + workload.ShortDigest(digest)
	}
	return image
}
