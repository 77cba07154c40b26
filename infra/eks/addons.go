package eks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awseksv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// addon is an add-on of EKS, at the version that EKS takes as the default for the cluster's.
type addon struct {
	name string
	// configuration is JSON, after the add-on's own schema.
	configuration string
	// serviceAccount gets the role by Pod Identity, if there is one.
	serviceAccount string
	role           awsiam.IRole
}

// addNodeAddons installs what each node needs before it is ready. Fargate and Auto Mode bring it themselves.
func addNodeAddons(made *EKS, configuration *config.Configuration) {
	if configuration.EKS.Compute != config.ComputeNodes {
		return
	}
	for _, wanted := range []addon{
		{name: "vpc-cni", serviceAccount: "aws-node", role: newPodRole(made, "NetworkRole",
			"Lets the network plugin give addresses to pods.", "AmazonEKS_CNI_Policy")},
		{name: "kube-proxy"},
		{name: "eks-pod-identity-agent"},
	} {
		made.joined = append(made.joined, addAddon(made, wanted))
	}
}

// addClusterAddons installs what runs as pods; it follows what they run on, since an add-on whose pods find no place
// fails its stack.
func addClusterAddons(made *EKS, configuration *config.Configuration) {
	settings := configuration.EKS
	var wanted []addon
	switch settings.Compute {
	case config.ComputeNodes:
		wanted = append(wanted, addon{name: "coredns"})
	case config.ComputeFargate:
		wanted = append(wanted, addon{name: "coredns", configuration: `{"computeType":"Fargate"}`})
	}
	if *settings.MetricsServer {
		wanted = append(wanted, addon{name: "metrics-server"})
	}
	if *settings.ContainerInsights {
		wanted = append(wanted, addon{name: "amazon-cloudwatch-observability", serviceAccount: "cloudwatch-agent",
			role: newPodRole(made, "AgentRole", "Lets the CloudWatch agent publish metrics and logs.",
				"CloudWatchAgentServerPolicy")})
	}
	for _, one := range wanted {
		resource := addAddon(made, one)
		for i := range settings.Nodes {
			resource.Node().AddDependency(made.Stack.Node().FindChild(jsii.String("Nodes-" + settings.Nodes[i].Name)))
		}
		if settings.Compute == config.ComputeFargate {
			resource.Node().AddDependency(made.joined...)
		}
	}
}

func addAddon(made *EKS, wanted addon) awseksv2.CfnAddon {
	props := &awseksv2.CfnAddonProps{
		ClusterName: made.Cluster.ClusterName(),
		AddonName:   jsii.String(wanted.name),
		// What somebody changed in the cluster by hand stays.
		ResolveConflicts: jsii.String("PRESERVE"),
	}
	if wanted.configuration != "" {
		props.ConfigurationValues = jsii.String(wanted.configuration)
	}
	if wanted.serviceAccount != "" {
		props.PodIdentityAssociations = []*awseksv2.CfnAddon_PodIdentityAssociationProperty{{
			ServiceAccount: jsii.String(wanted.serviceAccount), RoleArn: wanted.role.RoleArn(),
		}}
	}
	return awseksv2.NewCfnAddon(made.Stack, jsii.String("Addon-"+wanted.name), props)
}

// newPodRole makes a role for the pods of a service account of this cluster, by EKS Pod Identity.
func newPodRole(made *EKS, id, description string, policies ...string) awsiam.Role {
	role := awsiam.NewRole(made.Stack, jsii.String(id), &awsiam.RoleProps{
		Description: jsii.String(description),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("pods.eks.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": made.Cluster.ClusterArn()}},
		}),
		ManagedPolicies: managed(policies...),
	})
	role.AssumeRolePolicy().AddStatements(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("pods.eks.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sts:TagSession"),
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": made.Cluster.ClusterArn()}},
	}))
	return role
}
