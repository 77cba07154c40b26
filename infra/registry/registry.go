// Package registry is the stack davit-registry: the private image repositories, and the parameters that hold the
// running image of each service.
//
// The parameters are here and not with the services, because a task definition reads its parameter before the stack
// that it belongs to makes anything. From then on they belong to whoever rolls out: CloudFormation writes a parameter
// again only when something of it differs from the last template, so nothing of it may ever differ. That is why they
// carry none of the installation's tags, and why changing a service's initialImage is documented as what it is.
package registry

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/shared/names"
)

// RegistryProps are the properties of the stack.
type RegistryProps struct {
	// Configuration is the installation, with Configuration.Registry. The services of Configuration.ECS, if any, get
	// their parameters.
	Configuration *config.Configuration
}

// Registry is the stack.
type Registry struct {
	Stack awscdk.Stack
	// Repositories are the repositories by name.
	Repositories map[string]awsecr.Repository
}

// NewRegistry makes the stack.
func NewRegistry(scope constructs.Construct, id *string, props *RegistryProps) *Registry {
	configuration := props.Configuration
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration,
		"davit: the image repositories and the running image of each service"))
	registry := &Registry{Stack: stack, Repositories: map[string]awsecr.Repository{}}
	for _, repository := range configuration.Registry.Repositories {
		registry.Repositories[repository.Name] = newRepository(stack, configuration, repository)
	}
	if configuration.ECS == nil {
		return registry
	}
	for _, service := range configuration.ECS.Services {
		newImageParameter(stack, configuration, service)
	}
	return registry
}

func newRepository(stack awscdk.Stack, configuration *config.Configuration, settings config.Repository,
) awsecr.Repository {
	mutability := awsecr.TagMutability_IMMUTABLE
	if !*settings.ImmutableTags {
		mutability = awsecr.TagMutability_MUTABLE
	}
	repository := awsecr.NewRepository(stack, jsii.String("Repository-"+settings.Name), &awsecr.RepositoryProps{
		RepositoryName:     jsii.String(settings.Name),
		ImageTagMutability: mutability,
		ImageScanOnPush:    settings.ScanOnPush,
		Encryption:         awsecr.RepositoryEncryption_AES_256(),
		RemovalPolicy:      foundation.RemovalPolicy(configuration.Removal),
		EmptyOnDelete:      jsii.Bool(configuration.Removal == config.Destroy),
	})
	addLifecycle(repository, settings)
	return repository
}

// addLifecycle makes the rules that a repository is configured with. An image of a manifest list is safe from the rule
// on untagged images for as long as its list is there ("Lifecycle policies" in the ECR user guide).
func addLifecycle(repository awsecr.Repository, settings config.Repository) {
	if days := *settings.ExpireUntaggedDays; days > 0 {
		repository.AddLifecycleRule(&awsecr.LifecycleRule{
			RulePriority: jsii.Number(1),
			Description:  jsii.String(fmt.Sprintf("Images without a tag go after %d days.", days)),
			TagStatus:    awsecr.TagStatus_UNTAGGED,
			MaxImageAge:  awscdk.Duration_Days(jsii.Number(days)),
		})
	}
	if settings.KeepTagged > 0 {
		repository.AddLifecycleRule(&awsecr.LifecycleRule{
			RulePriority:   jsii.Number(2),
			Description:    jsii.String(fmt.Sprintf("The newest %d tagged images stay.", settings.KeepTagged)),
			TagStatus:      awsecr.TagStatus_TAGGED,
			TagPatternList: jsii.Strings("*"),
			MaxImageCount:  jsii.Number(settings.KeepTagged),
		})
	}
}

// newImageParameter makes the parameter that the service's task definition reads. It goes with the stack, whatever the
// installation retains: it is of no use without the service, and a parameter left behind would fail the next deploy.
func newImageParameter(stack awscdk.Stack, configuration *config.Configuration, service config.Service) {
	name := names.ImageParameter(configuration.ECS.Cluster, service.Name)
	parameter := awsssm.NewStringParameter(stack, jsii.String("Image-"+service.Name), &awsssm.StringParameterProps{
		ParameterName: jsii.String(name),
		StringValue:   jsii.String(service.InitialImage),
		Description:   jsii.String("The image that runs; written by each completed rollout."),
		Tier:          awsssm.ParameterTier_STANDARD,
	})
	parameter.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	foundation.Untag(parameter, configuration)
}
