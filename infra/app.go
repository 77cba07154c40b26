package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/automation"
	"davit/infra/chain"
	"davit/infra/chainwatch"
	"davit/infra/config"
	"davit/infra/ecs"
	"davit/infra/eks"
	"davit/infra/foundation"
	"davit/infra/hashjobs"
	"davit/infra/ml"
	"davit/infra/network"
	"davit/infra/recovery"
	"davit/infra/registry"
	"davit/infra/scaling"
	"davit/infra/storage"
	"davit/shared/names"
)

// Names of the stacks.
const (
	networkStack    = "davit-network"
	registryStack   = "davit-registry"
	storageStack    = "davit-storage"
	ecsStack        = "davit-ecs"
	eksStack        = "davit-eks"
	mlStack         = "davit-ml"
	chainStack      = "davit-chain"
	automationStack = "davit-automation"
	recoveryStack   = "davit-recovery"
	scalingStack    = "davit-scaling"
	chainwatchStack = "davit-chainwatch"
	hashJobsStack   = "davit-hashjobs"
)

// addStacks adds the stacks that the configuration has to the app. functions is the folder with the built functions.
func addStacks(app awscdk.App, configuration *config.Configuration, functions string) {
	giveZones(app, configuration)
	foundation.Tag(app, configuration)
	var vpc *network.Network
	var images *registry.Registry
	var buckets map[string]awss3.Bucket
	if configuration.Network != nil {
		vpc = network.NewNetwork(app, jsii.String(networkStack), &network.NetworkProps{Configuration: configuration})
	}
	if configuration.Registry != nil {
		images = registry.NewRegistry(app, jsii.String(registryStack),
			&registry.RegistryProps{Configuration: configuration})
	}
	if configuration.Storage != nil {
		buckets = storage.NewStorage(app, jsii.String(storageStack), &storage.StorageProps{
			Configuration: configuration,
			Functions:     functions,
		}).Buckets
	}
	var services *ecs.ECS
	if configuration.ECS != nil {
		services = ecs.NewECS(app, jsii.String(ecsStack), &ecs.ECSProps{
			Configuration: configuration,
			Network:       vpc,
			Registry:      images.Stack,
		})
	}
	var automated *automation.Automation
	if configuration.Automation != nil {
		automated = automation.NewAutomation(app, jsii.String(automationStack), &automation.AutomationProps{
			Configuration: configuration,
			Functions:     functions,
		})
	}
	if services != nil && automated != nil {
		services.Stack.AddStackDependency(automated.Stack,
			jsii.String("what hears of the first deployment of a service follows it"))
	}
	acting := actingRoles(automated)
	if configuration.Recovery != nil {
		made := recovery.NewRecovery(app, jsii.String(recoveryStack), &recovery.RecoveryProps{
			Configuration: configuration,
			Functions:     functions,
		})
		made.Stack.AddStackDependency(automated.Stack, jsii.String("it works with the ledger, the bus and the topic"))
		acting[names.RecoverFunction] = made.Function.Role()
	}
	if configuration.Scaling != nil {
		made := scaling.NewScaling(app, jsii.String(scalingStack), &scaling.ScalingProps{
			Configuration: configuration,
			Functions:     functions,
		})
		made.Stack.AddStackDependency(automated.Stack, jsii.String("it works with the ledger, the bus and the topic"))
		acting[names.ScaleFunction] = made.Function.Role()
	}
	var cluster *eks.EKS
	if configuration.EKS != nil {
		cluster = eks.NewEKS(app, jsii.String(eksStack), &eks.EKSProps{
			Configuration: configuration,
			Network:       vpc,
			Functions:     acting,
		})
	}
	if configuration.Chainwatch != nil {
		chainwatch.NewChainwatch(app, jsii.String(chainwatchStack), &chainwatch.ChainwatchProps{
			Configuration: configuration,
			Functions:     functions,
		})
	}
	var jobs *hashjobs.HashJobs
	if configuration.HashJobs != nil {
		jobs = hashjobs.NewHashJobs(app, jsii.String(hashJobsStack), &hashjobs.HashJobsProps{
			Configuration: configuration,
			Functions:     functions,
		})
		if automated != nil {
			jobs.Stack.AddStackDependency(automated.Stack, jsii.String("its events are on the bus of the automation"))
		}
	}
	if configuration.ML != nil {
		ml.NewML(app, jsii.String(mlStack), mlProps(configuration, vpc, cluster, buckets, automated))
	}
	if configuration.Chain != nil {
		chain.NewChain(app, jsii.String(chainStack), chainProps(configuration, vpc, cluster, automated, jobs))
	}
}

// mlProps are the properties of the stack of accelerators and notebooks, with what it gets of the others.
func mlProps(configuration *config.Configuration, vpc *network.Network, cluster *eks.EKS,
	buckets map[string]awss3.Bucket, automated *automation.Automation,
) *ml.MLProps {
	props := &ml.MLProps{Configuration: configuration, Network: vpc, Cluster: cluster, Buckets: buckets}
	if automated != nil {
		props.Topic = automated.Topic
	}
	return props
}

// chainProps are the properties of the chain's stack, with what it gets of the others.
func chainProps(configuration *config.Configuration, vpc *network.Network, cluster *eks.EKS,
	automated *automation.Automation, jobs *hashjobs.HashJobs,
) *chain.ChainProps {
	props := &chain.ChainProps{Configuration: configuration, Network: vpc}
	if jobs != nil {
		props.Signers = map[string]awsiam.IRole{names.HashJobFunction: jobs.Function.Role()}
	}
	if cluster != nil {
		props.Cluster = cluster.Cluster.ClusterSecurityGroup()
	}
	if automated != nil {
		props.Topic = automated.Topic
	}
	return props
}

// actingRoles are the roles of the functions that act on Kubernetes workloads, by the name of the function.
func actingRoles(automated *automation.Automation) map[string]awsiam.IRole {
	if automated == nil {
		return map[string]awsiam.IRole{}
	}
	return map[string]awsiam.IRole{names.RolloutFunction: automated.Function.Role()}
}

// giveZones answers beforehand what the CDK would look up in the account: the zones of the region.
func giveZones(app awscdk.App, configuration *config.Configuration) {
	if len(configuration.AvailabilityZones) == 0 {
		return
	}
	key := "availability-zones:account=" + configuration.Account + ":region=" + configuration.Region
	app.Node().SetContext(jsii.String(key), configuration.AvailabilityZones)
}
