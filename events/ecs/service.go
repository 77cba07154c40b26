// Package ecs has the events of Amazon ECS. AWS sends them at least once and in no certain order
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwe_events.html).
package ecs

import (
	"errors"
	"strings"
)

// What tells the events apart.
const (
	Source                          = "aws.ecs"
	DetailTypeDeploymentStateChange = "ECS Deployment State Change"
	DetailTypeServiceAction         = "ECS Service Action"
	DetailTypeTaskStateChange       = "ECS Task State Change"
	// DetailTypeContainerInstanceStateChange is of services on EC2 only.
	DetailTypeContainerInstanceStateChange = "ECS Container Instance State Change"
)

var errNoService = errors.New("resources: has no ARN of an ECS service")

// serviceARN finds the ARN of the service among an event's resources. An ARN in the older form, which does not name
// the cluster, gets it from the cluster's ARN where that is known.
func serviceARN(resources []string, clusterARN string) (string, error) {
	for _, arn := range resources {
		head, path, found := strings.Cut(arn, ":service/")
		if !found || path == "" {
			continue
		}
		if !strings.Contains(path, "/") && clusterARN != "" {
			return serviceOf(clusterARN, path), nil
		}
		return head + ":service/" + path, nil
	}
	return "", errNoService
}

// serviceOf is the ARN of a service of a cluster; empty where the cluster's ARN is none.
func serviceOf(clusterARN, name string) string {
	head, cluster, found := strings.Cut(clusterARN, ":cluster/")
	if !found || cluster == "" {
		return ""
	}
	return head + ":service/" + cluster + "/" + name
}
