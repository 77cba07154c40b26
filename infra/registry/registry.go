// Package registry is the stack davit-registry: the image repositories, what the registry does with images of others, and
// the parameters that hold the running image of each service.
//
// The parameters are here and not with the services, because a task definition reads its parameter before the stack
// that it belongs to makes anything. From then on they belong to whoever rolls out: CloudFormation writes a parameter
// again only when something of it differs from the last template, so nothing of it may ever differ. That is why they
// carry none of the installation's tags, and why changing a service's initialImage is documented as what it is.
package registry

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
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
	// Repositories are the private repositories by name.
	Repositories map[string]awsecr.Repository
	// key is the stack's own key; nil as long as no repository asked for it.
	key awskms.IKey
}

// NewRegistry makes the stack.
func NewRegistry(scope constructs.Construct, id *string, props *RegistryProps) *Registry {
	configuration := props.Configuration
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration,
		"davit: the image repositories and the running image of each service"))
	registry := &Registry{Stack: stack, Repositories: map[string]awsecr.Repository{}}
	for _, repository := range configuration.Registry.Repositories {
		registry.Repositories[repository.Name] = registry.newRepository(configuration, repository)
	}
	for _, repository := range configuration.Registry.Public {
		newPublicRepository(stack, configuration, repository)
	}
	for _, cache := range configuration.Registry.PullThroughCache {
		newPullThroughCache(stack, cache)
	}
	addReplication(stack, configuration)
	sendPublicPushes(stack, configuration)
	if configuration.ECS == nil {
		return registry
	}
	for _, service := range configuration.ECS.Services {
		newImageParameter(stack, configuration, service)
	}
	return registry
}

func (r *Registry) newRepository(configuration *config.Configuration, settings config.Repository) awsecr.Repository {
	props := &awsecr.RepositoryProps{
		RepositoryName:     jsii.String(settings.Name),
		ImageTagMutability: awsecr.TagMutability_MUTABLE,
		ImageScanOnPush:    settings.ScanOnPush,
		Encryption:         awsecr.RepositoryEncryption_AES_256(),
		LifecycleRules:     lifecycle(configuration, settings),
		RemovalPolicy:      foundation.RemovalPolicy(configuration.Removal),
		EmptyOnDelete:      jsii.Bool(configuration.Removal == config.Destroy),
	}
	switch {
	case *settings.ImmutableTags && len(settings.MovableTags) > 0:
		props.ImageTagMutability = awsecr.TagMutability_IMMUTABLE_WITH_EXCLUSION
		props.ImageTagMutabilityExclusionFilters = movable(settings.MovableTags)
	case *settings.ImmutableTags:
		props.ImageTagMutability = awsecr.TagMutability_IMMUTABLE
	}
	if settings.KMSKey != "" {
		props.Encryption, props.EncryptionKey = awsecr.RepositoryEncryption_KMS(), r.keyOf(configuration, settings)
	}
	repository := awsecr.NewRepository(r.Stack, jsii.String("Repository-"+settings.Name), props)
	if settings.KMSKey == "" {
		foundation.AcceptFindings(repository, map[string]string{
			"CKV_AWS_136": "It is encrypted by S3; a KMS key is the configuration's choice, by kmsKey.",
		})
	}
	if len(settings.PullAccounts) > 0 {
		repository.AddToResourcePolicy(pullStatement(settings.PullAccounts))
	}
	return repository
}

func movable(tags []string) *[]awsecr.ImageTagMutabilityExclusionFilter {
	var filters []awsecr.ImageTagMutabilityExclusionFilter
	for _, tag := range tags {
		filters = append(filters, awsecr.ImageTagMutabilityExclusionFilter_Wildcard(jsii.String(tag)))
	}
	return &filters
}

// keyOf is the repository's key: the given one, or the stack's own. ECR uses it by grants that it makes itself, so that
// who pulls needs no permission on it ("Encryption at rest" in the ECR user guide).
func (r *Registry) keyOf(configuration *config.Configuration, settings config.Repository) awskms.IKey {
	if settings.KMSKey != config.OwnKey {
		return awskms.Key_FromKeyArn(r.Stack, jsii.String("Key-"+settings.Name), jsii.String(settings.KMSKey))
	}
	if r.key == nil {
		r.key = awskms.NewKey(r.Stack, jsii.String("Key"), &awskms.KeyProps{
			Alias:             jsii.String("alias/davit/registry"),
			Description:       jsii.String("davit: encrypts the images of the registry."),
			EnableKeyRotation: jsii.Bool(true),
			RemovalPolicy:     foundation.RemovalPolicy(configuration.Removal),
		})
	}
	return r.key
}

func pullStatement(accounts []string) awsiam.PolicyStatement {
	var principals []awsiam.IPrincipal
	for _, account := range accounts {
		principals = append(principals, awsiam.NewAccountPrincipal(jsii.String(account)))
	}
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:        jsii.String("PullFromOtherAccounts"),
		Principals: &principals,
		Actions:    jsii.Strings("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
	})
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
