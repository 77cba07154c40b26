// Package eks is the stack davit-eks: a Kubernetes cluster on node groups, on Fargate or on Auto Mode.
//
// Everything in it is CloudFormation's own. Nothing is applied to the cluster from here, since the CDK does that by
// functions of its own with the run of the cluster; what davit needs inside is what `davit eks rbac`
// writes, for an administrator of the cluster to read and apply.
package eks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseksv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
)

// Group is the Kubernetes group that a function belongs to, such as davit:rollout that of davit-rollout. `davit eks rbac`
// writes the permissions of each.
func Group(function string) string { return strings.Replace(function, "-", ":", 1) }

// EKSProps are the properties of the stack.
type EKSProps struct {
	// Configuration is the installation, with Configuration.EKS and Configuration.Network.
	Configuration *config.Configuration
	// Network is where the cluster is.
	Network *network.Network
	// Functions are the roles of the functions that act on the cluster, by the name of the function. They are let in
	// only where EKS.Rollouts says so.
	Functions map[string]awsiam.IRole
}

// EKS is the stack.
type EKS struct {
	Stack   awscdk.Stack
	Cluster awseksv2.Cluster
	// NodeRole is the role of the nodes, nil without any.
	NodeRole awsiam.IRole
	// Subnets are where pods run: private ones, or isolated ones without NAT.
	Subnets *awsec2.SubnetSelection
	// joined are what nodes need in order to become ready; node groups follow them.
	joined []constructs.IDependable
}

// NewEKS makes the stack.
func NewEKS(scope constructs.Construct, id *string, props *EKSProps) *EKS {
	configuration := props.Configuration
	stack := awscdk.NewStack(scope, id, foundation.StackProps(configuration, "davit: a Kubernetes cluster"))
	made := &EKS{Stack: stack, Subnets: network.Subnets(configuration.Network.PodTier())}
	vpc := props.Network.VPC(stack)
	made.Cluster = newCluster(made, props, vpc)
	addAccess(made, props)
	addNodeAddons(made, configuration)
	addCompute(made, configuration)
	addClusterAddons(made, configuration)
	addPodIdentities(made, configuration)
	addAutoscaler(made, configuration)
	awscdk.NewCfnOutput(stack, jsii.String("Kubeconfig"), &awscdk.CfnOutputProps{
		Description: jsii.String("Gives kubectl access, to an administrator of the cluster."),
		Value: jsii.String("aws eks update-kubeconfig --name " + configuration.EKS.Cluster + " --region " +
			configuration.Region),
	})
	return made
}

func newCluster(made *EKS, props *EKSProps, vpc awsec2.IVpc) awseksv2.Cluster {
	configuration, settings := props.Configuration, props.Configuration.EKS
	// EKS would make the group by itself, and it would keep its events for ever.
	logs := foundation.NewLogGroup(made.Stack, jsii.String("ControlPlaneLog"), configuration,
		"/aws/eks/"+settings.Cluster+"/cluster", settings.LogDays)
	clusterProps := &awseksv2.ClusterProps{
		ClusterName:                             jsii.String(settings.Cluster),
		Version:                                 awseksv2.KubernetesVersion_Of(jsii.String(settings.Version)),
		Vpc:                                     vpc,
		VpcSubnets:                              &[]*awsec2.SubnetSelection{made.Subnets},
		EndpointAccess:                          endpoint(settings),
		SecurityGroup:                           newSecurityGroup(made, props.Configuration, vpc),
		Role:                                    newClusterRole(made, configuration),
		SecretsEncryptionKey:                    newSecretsKey(made, configuration),
		BootstrapClusterCreatorAdminPermissions: jsii.Bool(false),
		BootstrapSelfManagedAddons:              jsii.Bool(false),
		OutputConfigCommand:                     jsii.Bool(false),
		RemovalPolicy:                           foundation.RemovalPolicy(configuration.Removal),
		ClusterLogging: &[]awseksv2.ClusterLoggingTypes{
			awseksv2.ClusterLoggingTypes_API, awseksv2.ClusterLoggingTypes_AUDIT,
			awseksv2.ClusterLoggingTypes_AUTHENTICATOR, awseksv2.ClusterLoggingTypes_CONTROLLER_MANAGER,
			awseksv2.ClusterLoggingTypes_SCHEDULER,
		},
	}
	if settings.Compute == config.ComputeAuto {
		clusterProps.DefaultCapacityType = awseksv2.DefaultCapacityType_AUTOMODE
		clusterProps.Compute = &awseksv2.ComputeConfig{
			NodePools: jsii.Strings("general-purpose", "system"),
			NodeRole:  newNodeRole(made),
		}
	} else {
		clusterProps.DefaultCapacityType = awseksv2.DefaultCapacityType_NODEGROUP
		clusterProps.DefaultCapacity = jsii.Number(0)
	}
	cluster := awseksv2.NewCluster(made.Stack, jsii.String("Cluster"), clusterProps)
	awscdk.Annotations_Of(cluster).AcknowledgeWarning(
		jsii.String("@aws-cdk/aws-eks:isolatedSubnetsForKubectlPrivateSubnets"),
		jsii.String("The configuration is refused without the endpoints that isolated subnets need."))
	// A parameter that waits for kubectl, by which nothing is applied here.
	cluster.Node().TryRemoveChild(jsii.String("KubectlReadyBarrier"))
	resource := cluster.Node().DefaultChild().(awseksv2.CfnCluster)
	resource.AddResourceDependency(logs.Node().DefaultChild().(awscdk.CfnResource),
		jsii.String("EKS finds the group made, with its retention"))
	resource.SetDeletionProtection(jsii.Bool(configuration.Removal == config.Retain))
	resource.SetUpgradePolicy(&awseksv2.CfnCluster_UpgradePolicyProperty{SupportType: supportType(settings)})
	return cluster
}

func supportType(settings *config.EKS) *string {
	if settings.ExtendedSupport {
		return jsii.String("EXTENDED")
	}
	return jsii.String("STANDARD")
}

func endpoint(settings *config.EKS) awseksv2.EndpointAccess {
	if settings.Endpoint == config.EndpointPrivate {
		return awseksv2.EndpointAccess_PRIVATE()
	}
	return awseksv2.EndpointAccess_PUBLIC_AND_PRIVATE().OnlyFrom(*jsii.Strings(settings.PublicCIDRs...)...)
}

// newSecurityGroup makes the group of the control plane's side of the VPC, by which kubectl reaches it from there. What
// nodes and control plane need between them is in the group that EKS makes.
func newSecurityGroup(made *EKS, configuration *config.Configuration, vpc awsec2.IVpc,
) awsec2.ISecurityGroup {
	group := awsec2.NewSecurityGroup(made.Stack, jsii.String("ControlPlaneSecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc:              vpc,
		Description:      jsii.String("The API server of the cluster " + configuration.EKS.Cluster),
		AllowAllOutbound: jsii.Bool(false),
	})
	group.AddIngressRule(awsec2.Peer_Ipv4(jsii.String(configuration.Network.Range())), awsec2.Port_Tcp(jsii.Number(443)),
		jsii.String("kubectl from the VPC"), nil)
	return group
}

// newClusterRole makes the role that EKS itself has. Its policy is AWS's, as EKS asks for what it does anew with each
// version.
func newClusterRole(made *EKS, configuration *config.Configuration) awsiam.Role {
	return awsiam.NewRole(made.Stack, jsii.String("ClusterRole"), &awsiam.RoleProps{
		Description: jsii.String("What EKS may do for the cluster " + configuration.EKS.Cluster + "."),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("eks.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account}},
		}),
		ManagedPolicies: managed("AmazonEKSClusterPolicy"),
	})
}

// newSecretsKey makes the key under which the API server keeps Kubernetes secrets, on top of what EKS does.
func newSecretsKey(made *EKS, configuration *config.Configuration) awskms.Key {
	return awskms.NewKey(made.Stack, jsii.String("SecretsKey"), &awskms.KeyProps{
		Description:       jsii.String("Kubernetes secrets of the cluster " + configuration.EKS.Cluster),
		Alias:             jsii.String("alias/davit/eks/" + configuration.EKS.Cluster),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     foundation.RemovalPolicy(configuration.Removal),
	})
}

// managed are policies of AWS by name.
func managed(policies ...string) *[]awsiam.IManagedPolicy {
	found := make([]awsiam.IManagedPolicy, 0, len(policies))
	for _, name := range policies {
		found = append(found, awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String(name)))
	}
	return &found
}
