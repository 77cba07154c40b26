package eks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseksv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
)

// Where the Cluster Autoscaler runs, which starts nodes for pods that find none and ends empty ones, down to none.
const (
	autoscalerNamespace = "kube-system"
	autoscalerAccount   = "cluster-autoscaler"
)

// addAutoscaler gives the Cluster Autoscaler what it may do in AWS, where a node group has room to grow: change the size of this
// cluster's groups alone, those of other stacks among them. An administrator installs it, as the stack's output says.
func addAutoscaler(made *EKS, configuration *config.Configuration) {
	if !configuration.GrowingNodes() {
		return
	}
	cluster := configuration.EKS.Cluster
	pods := awsiam.NewServicePrincipal(jsii.String("pods.eks.amazonaws.com"), nil)
	role := awsiam.NewRole(made.Stack, jsii.String("AutoscalerRole"), &awsiam.RoleProps{
		Description: jsii.String("Lets the Cluster Autoscaler size the node groups of the cluster " + cluster + "."),
		AssumedBy:   awsiam.NewSessionTagsPrincipal(pods),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"autoscaler": foundation.Policy(
			foundation.AllowWhere("Size", []string{foundation.ARN(configuration, "autoscaling", "autoScalingGroup:*")}, map[string]any{
				"StringEquals": map[string]string{"aws:ResourceTag/eks:cluster-name": cluster},
			}, "autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"),
			foundation.AllowWhere("Groups", []string{foundation.ARN(configuration, "eks", "nodegroup/"+cluster+"/*")}, nil, "eks:DescribeNodegroup"),
			foundation.AllowWhere("See", []string{"*"}, nil, "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
				"autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags",
				"ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions",
				"ec2:GetInstanceTypesFromInstanceRequirements"),
		)},
	})
	awseksv2.NewCfnPodIdentityAssociation(made.Stack, jsii.String("Autoscaler"), &awseksv2.CfnPodIdentityAssociationProps{
		ClusterName:    made.Cluster.ClusterName(),
		Namespace:      jsii.String(autoscalerNamespace),
		ServiceAccount: jsii.String(autoscalerAccount),
		RoleArn:        role.RoleArn(),
	})
	awscdk.NewCfnOutput(made.Stack, jsii.String("ClusterAutoscaler"), &awscdk.CfnOutputProps{
		Description: jsii.String("Starts nodes for pods and ends empty ones, by an administrator of the cluster."),
		Value: jsii.String("helm upgrade --install cluster-autoscaler cluster-autoscaler --repo " +
			"https://kubernetes.github.io/autoscaler --namespace " + autoscalerNamespace + " --set autoDiscovery.clusterName=" +
			cluster + ",awsRegion=" + configuration.Region + ",rbac.serviceAccount.name=" + autoscalerAccount),
	})
}
