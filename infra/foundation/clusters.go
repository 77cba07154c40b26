package foundation

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"davit/infra/config"
	"davit/shared/settings"
)

// ReachClusters are statements for reaching the clusters of the automation's settings. What a function may do in one, the
// cluster says.
func ReachClusters(configuration *config.Configuration) []awsiam.PolicyStatement {
	clusters := configuration.Automation.Settings.Clusters
	if len(clusters) == 0 {
		return nil
	}
	described := make([]string, 0, len(clusters))
	for _, name := range clusters {
		described = append(described, ARN(configuration, "eks", "cluster/"+name))
	}
	statements := []awsiam.PolicyStatement{AllowWhere("Clusters", described, nil, "eks:DescribeCluster")}
	if slices.Contains(clusters, settings.AllClusters) {
		statements = append(statements, AllowWhere("FindClusters", []string{"*"}, nil, "eks:ListClusters"))
	}
	return statements
}
