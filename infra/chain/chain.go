// Package chain is the stack davit-chain: an Ethereum full node on EC2, a light node, and a key that signs.
package chain

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsmanagedblockchain"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
)

// Ports of a full node, in the VPC.
const (
	// ExecutionPort is of Geth's JSON-RPC.
	ExecutionPort = 8545
	// ConsensusPort is of Lighthouse's Beacon API.
	ConsensusPort = 5052
)

// ChainProps are the properties of the stack.
type ChainProps struct {
	// Configuration is the installation, with Configuration.Chain.
	Configuration *config.Configuration
	// Network is where the nodes are; nil without any.
	Network *network.Network
	// Signers are the roles of the functions that sign, by the name of the function, beside those of the configuration.
	Signers map[string]awsiam.IRole
	// Cluster is the group that the pods of the installation's Kubernetes cluster have, nil without one. They reach the
	// full node.
	Cluster awsec2.ISecurityGroup
	// Topic is told of alarms, if there is one.
	Topic awssns.ITopic
}

// Chain is the stack.
type Chain struct {
	Stack awscdk.Stack
	// Full is the full node, nil without one.
	Full *FullNode
	// Key is the signing key, nil without one. Its alias is SigningAlias.
	Key awskms.Key
}

// SigningAlias is the alias of the signing key. A function's role is allowed to sign by it, with the condition
// kms:ResourceAliases, so that its stack need not know the key.
const SigningAlias = "alias/davit/chain/signing"

// NewChain makes the stack.
func NewChain(scope constructs.Construct, id *string, props *ChainProps) *Chain {
	configuration := props.Configuration
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration, "davit: Ethereum nodes and a signing key"))
	made := &Chain{Stack: stack}
	settings := configuration.Chain
	var vpc awsec2.IVpc
	if settings.Full != nil || settings.Light != nil {
		vpc = props.Network.VPC(stack)
	}
	if settings.Full != nil {
		made.Full = newFullNode(stack, vpc, props)
	}
	if settings.Light != nil {
		addLightNode(made, vpc, configuration)
	}
	if settings.Signing != nil {
		made.Key = newSigningKey(stack, props)
	}
	if settings.ManagedBlockchain != nil {
		addManagedNode(stack, settings.ManagedBlockchain)
	}
	return made
}

// addManagedNode makes a node of Amazon Managed Blockchain, which the configuration allows to who knows when it ends.
func addManagedNode(stack awscdk.Stack, settings *config.ManagedBlockchain) {
	node := awsmanagedblockchain.NewCfnNode(stack, jsii.String("ManagedNode"), &awsmanagedblockchain.CfnNodeProps{
		NetworkId: jsii.String("n-ethereum-mainnet"),
		NodeConfiguration: &awsmanagedblockchain.CfnNode_NodeConfigurationProperty{
			AvailabilityZone: jsii.String(settings.Zone),
			InstanceType:     jsii.String(settings.InstanceType),
		},
	})
	node.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY, nil)
	awscdk.NewCfnOutput(stack, jsii.String("EndOfService"), &awscdk.CfnOutputProps{
		Description: jsii.String("The day on which Amazon Managed Blockchain ends, and this node with it."),
		Value:       jsii.String(config.EndOfManagedBlockchain),
	})
}
