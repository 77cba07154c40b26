package eks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseksv2"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// addAccess lets in who the configuration names, and nobody else. Administrators have EKS's policy for the whole
// cluster. Functions have no policy of EKS: the least of those that could roll out may also read and write everything
// else in a namespace. Each is of a Kubernetes group of its own, to which `davit eks rbac` gives the few verbs that it needs.
func addAccess(made *EKS, props *EKSProps) {
	settings := props.Configuration.EKS
	for i, role := range settings.Admins {
		awseksv2.NewCfnAccessEntry(made.Stack, jsii.String(fmt.Sprintf("Admin-%d", i)), &awseksv2.CfnAccessEntryProps{
			ClusterName:  made.Cluster.ClusterName(),
			PrincipalArn: jsii.String(role),
			Type:         jsii.String("STANDARD"),
			AccessPolicies: []*awseksv2.CfnAccessEntry_AccessPolicyProperty{{
				PolicyArn: jsii.String("arn:" + *awscdk.Aws_PARTITION() +
					":eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"),
				AccessScope: &awseksv2.CfnAccessEntry_AccessScopeProperty{Type: jsii.String("cluster")},
			}},
		})
	}
	if !*settings.Rollouts {
		return
	}
	for _, function := range slices.Sorted(maps.Keys(props.Functions)) {
		awseksv2.NewCfnAccessEntry(made.Stack, jsii.String("Function-"+function), &awseksv2.CfnAccessEntryProps{
			ClusterName:      made.Cluster.ClusterName(),
			PrincipalArn:     props.Functions[function].RoleArn(),
			Type:             jsii.String("STANDARD"),
			KubernetesGroups: jsii.Strings(Group(function)),
		})
	}
	awscdk.NewCfnOutput(made.Stack, jsii.String("Access"), &awscdk.CfnOutputProps{
		Description: jsii.String("Lets davit roll out on workloads that opt in; apply it once, as an administrator."),
		Value:       jsii.String("davit eks rbac | kubectl apply -f -"),
	})
}

// addPodIdentities gives service accounts their roles.
func addPodIdentities(made *EKS, configuration *config.Configuration) {
	for i, identity := range configuration.EKS.PodIdentities {
		awseksv2.NewCfnPodIdentityAssociation(made.Stack, jsii.String(fmt.Sprintf("PodIdentity-%d", i)),
			&awseksv2.CfnPodIdentityAssociationProps{
				ClusterName:    made.Cluster.ClusterName(),
				Namespace:      jsii.String(identity.Namespace),
				ServiceAccount: jsii.String(identity.ServiceAccount),
				RoleArn:        jsii.String(identity.Role),
			})
	}
}
