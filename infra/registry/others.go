package registry

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
)

// newPublicRepository makes a repository of the ECR Public Gallery with what its page shows.
func newPublicRepository(stack awscdk.Stack, configuration *config.Configuration, settings config.PublicRepository) {
	// The CDK takes the catalogue data as they are: the names are CloudFormation's.
	catalog := map[string]any{
		"RepositoryDescription": settings.Description,
		"Architectures":         settings.Architectures,
		"OperatingSystems":      settings.OperatingSystems,
	}
	if settings.About != "" {
		catalog["AboutText"] = settings.About
	}
	if settings.Usage != "" {
		catalog["UsageText"] = settings.Usage
	}
	repository := awsecr.NewCfnPublicRepository(stack, jsii.String("Public-"+settings.Name), &awsecr.CfnPublicRepositoryProps{
		RepositoryName:        jsii.String(settings.Name),
		RepositoryCatalogData: catalog,
	})
	repository.ApplyRemovalPolicy(foundation.RemovalPolicy(configuration.Removal), nil)
}

// upstreams are ECR's names of the registries that it can cache, by config.PullThroughCache.Upstream.
var upstreams = map[string]string{
	"public.ecr.aws": "ecr-public", "registry.k8s.io": "k8s", "quay.io": "quay", "registry-1.docker.io": "docker-hub",
	"ghcr.io": "github-container-registry", "registry.gitlab.com": "gitlab-container-registry",
}

func newPullThroughCache(stack awscdk.Stack, settings config.PullThroughCache) {
	props := &awsecr.CfnPullThroughCacheRuleProps{
		EcrRepositoryPrefix: jsii.String(settings.Prefix),
		UpstreamRegistry:    jsii.String(upstreams[settings.Upstream]),
		UpstreamRegistryUrl: jsii.String(settings.Upstream),
	}
	if settings.Secret != "" {
		props.CredentialArn = jsii.String(settings.Secret)
	}
	awsecr.NewCfnPullThroughCacheRule(stack, jsii.String("Cache-"+settings.Prefix), props)
}

// addReplication makes the registry's one replication configuration and its one policy, where the configuration asks
// for them.
func addReplication(stack awscdk.Stack, configuration *config.Configuration) {
	var rules []any
	for _, settings := range configuration.Registry.Replication {
		rules = append(rules, replicationRule(configuration, settings))
	}
	if len(rules) > 0 {
		awsecr.NewCfnReplicationConfiguration(stack, jsii.String("Replication"), &awsecr.CfnReplicationConfigurationProps{
			ReplicationConfiguration: &awsecr.CfnReplicationConfiguration_ReplicationConfigurationProperty{Rules: rules},
		})
	}
	if len(configuration.Registry.ReplicationFrom) == 0 {
		return
	}
	var sources []awsiam.IPrincipal
	for _, account := range configuration.Registry.ReplicationFrom {
		sources = append(sources, awsiam.NewAccountPrincipal(jsii.String(account)))
	}
	awsecr.NewCfnRegistryPolicy(stack, jsii.String("RegistryPolicy"), &awsecr.CfnRegistryPolicyProps{
		PolicyText: awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:        jsii.String("ReplicationFromOtherAccounts"),
				Principals: &sources,
				Actions:    jsii.Strings("ecr:CreateRepository", "ecr:ReplicateImage"),
				Resources:  jsii.Strings(foundation.ARN(configuration, "ecr", "repository/*")),
			}),
		}}),
	})
}

func replicationRule(configuration *config.Configuration, settings config.Replication,
) *awsecr.CfnReplicationConfiguration_ReplicationRuleProperty {
	account := settings.Account
	if account == "" {
		account = configuration.Account
	}
	rule := &awsecr.CfnReplicationConfiguration_ReplicationRuleProperty{
		Destinations: []any{&awsecr.CfnReplicationConfiguration_ReplicationDestinationProperty{
			Region: jsii.String(settings.Region), RegistryId: jsii.String(account),
		}},
	}
	var filters []any
	for _, prefix := range settings.Prefixes {
		filters = append(filters, &awsecr.CfnReplicationConfiguration_RepositoryFilterProperty{
			Filter: jsii.String(prefix), FilterType: jsii.String("PREFIX_MATCH"),
		})
	}
	if len(filters) > 0 {
		rule.RepositoryFilters = filters
	}
	return rule
}
