// Package ecs observes and changes ECS services. It is the rollout driver for workloads of the kind "ecs": it reads
// what Amazon ECS says, makes task definition revisions that differ only in an image, starts deployments by ECS's own
// controllers, and tells what became of their tasks.
package ecs

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/cache"
	"davit/shared/rollout"
)

// ECS are the calls of Amazon ECS that the driver makes. The raw form of a task definition passes through the SDK's
// middleware, so only a real *ecs.Client can prepare a revision.
type ECS interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (
		*ecs.DescribeServicesOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (
		*ecs.DescribeTaskDefinitionOutput, error)
	ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (
		*ecs.ListTaskDefinitionsOutput, error)
	RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput, ...func(*ecs.Options)) (
		*ecs.RegisterTaskDefinitionOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	DescribeContainerInstances(context.Context, *ecs.DescribeContainerInstancesInput, ...func(*ecs.Options)) (*ecs.DescribeContainerInstancesOutput, error)
}

// SSM are the calls of Systems Manager's Parameter Store that the driver makes.
type SSM interface {
	GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
	DescribeParameters(context.Context, *ssm.DescribeParametersInput, ...func(*ssm.Options)) (
		*ssm.DescribeParametersOutput, error)
	PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
}

// ECR are the calls of Amazon ECR that the driver makes.
type ECR interface {
	BatchGetImage(context.Context, *ecr.BatchGetImageInput, ...func(*ecr.Options)) (*ecr.BatchGetImageOutput, error)
	GetDownloadUrlForLayer(context.Context, *ecr.GetDownloadUrlForLayerInput, ...func(*ecr.Options)) (
		*ecr.GetDownloadUrlForLayerOutput, error)
}

// IAM are the calls of IAM that the driver makes.
type IAM interface {
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
}

// Logs are the calls of CloudWatch Logs that the driver makes.
type Logs interface {
	DescribeLogGroups(context.Context, *cloudwatchlogs.DescribeLogGroupsInput, ...func(*cloudwatchlogs.Options)) (
		*cloudwatchlogs.DescribeLogGroupsOutput, error)
}

// Secrets are the calls of Secrets Manager that the driver makes.
type Secrets interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (
		*secretsmanager.DescribeSecretOutput, error)
}

// Tagging are the calls of the Resource Groups Tagging API that the driver makes.
type Tagging interface {
	GetResources(context.Context, *resourcegroupstaggingapi.GetResourcesInput,
		...func(*resourcegroupstaggingapi.Options)) (*resourcegroupstaggingapi.GetResourcesOutput, error)
}

// HTTP fetches an image's configuration from the URL that ECR signs for it. An *http.Client is one.
type HTTP interface {
	Do(*http.Request) (*http.Response, error)
}

// Clients are what the driver talks to. A method needs only the clients it calls: Observe needs ECS and SSM; Prepare,
// Start and Evidence need ECS; Remember needs SSM; Tagged needs Tagging; Verify needs ECS, SSM, ECR, IAM, Logs and
// Secrets. Retries are the clients' own.
type Clients struct {
	ECS     ECS
	SSM     SSM
	ECR     ECR
	IAM     IAM
	Logs    Logs
	Secrets Secrets
	Tagging Tagging
	// HTTP is a client with a timeout of ten seconds if nil.
	HTTP HTTP
}

const (
	// concurrency is how many calls of one method are under way at once: below ECS's bursts, above what one rollout needs.
	concurrency = 8
	// rememberedRevisions bounds the cache of task definition revisions.
	rememberedRevisions = 1000
	// rememberedProofs bounds the cache of what was found to exist, and proofLifetime its age: the workloads that one
	// push reaches are verified together and often share image, role and log group.
	rememberedProofs = 1000
	proofLifetime    = time.Minute
	downloadTimeout  = 10 * time.Second
)

// Driver is the rollout driver for ECS services of one account and region. It is safe for concurrent use.
type Driver struct {
	clients   Clients
	revisions *cache.Cache[*revision]
	images    *cache.Cache[[]platform]
	proofs    *cache.Cache[struct{}]

	targetGroups targetGroups
}

var _ rollout.Driver = (*Driver)(nil)

// New makes a driver. It makes no call.
func New(clients Clients) *Driver {
	if clients.HTTP == nil {
		clients.HTTP = &http.Client{Timeout: downloadTimeout}
	}
	return &Driver{
		clients:   clients,
		revisions: cache.New[*revision](rememberedRevisions, 0),
		images:    cache.New[[]platform](rememberedProofs, proofLifetime),
		proofs:    cache.New[struct{}](rememberedProofs, proofLifetime),
	}
}
