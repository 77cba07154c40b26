package foundation

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"davit/infra/config"
	"davit/shared/settings"
)

// ReachClusters are statements for reaching the clusters of the automation's settings, from the VPC that its functions run in.
// What a function may do in a cluster, the cluster says.
func ReachClusters(configuration *config.Configuration) []awsiam.PolicyStatement {
	var statements []awsiam.PolicyStatement
	if configuration.Automation.VPC != nil {
		statements = append(statements, NetworkInterfaces())
	}
	clusters := configuration.Automation.Settings.Clusters
	if len(clusters) == 0 {
		return statements
	}
	described := make([]string, 0, len(clusters))
	for _, name := range clusters {
		described = append(described, ARN(configuration, "eks", "cluster/"+name))
	}
	statements = append(statements, AllowWhere("Clusters", described, nil, "eks:DescribeCluster"))
	if slices.Contains(clusters, settings.AllClusters) {
		statements = append(statements, AllowWhere("FindClusters", []string{"*"}, nil, "eks:ListClusters"))
	}
	return statements
}

// AcceptReach accepts what checkov finds in a role with ReachClusters.
func AcceptReach(role awsiam.Role, configuration *config.Configuration) {
	if configuration.Automation.VPC != nil {
		AcceptNetworkInterfaces(role)
	}
}
