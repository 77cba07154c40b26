package ecs

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/rollout"
	"davit/shared/workload"
)

// Start updates the service to the revision, and nothing else of it, and answers the ID of the deployment.
func (d *Driver) Start(ctx context.Context, observation workload.Observation, start rollout.Start) (string, error) {
	return d.run(ctx, observation.Workload, start.Revision)
}

// run makes the service run the revision.
//
// UpdateService starts a deployment only where the service changes, unless it is forced
// (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html, forceNewDeployment). So where the primary
// deployment runs the revision already, the same call changes nothing and answers that one. What ECS says is invalid, or
// a service that is gone, is a *rollout.Refused.
func (d *Driver) run(ctx context.Context, reference workload.Reference, revision string) (string, error) {
	output, err := d.clients.ECS.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster:        aws.String(reference.Cluster()),
		Service:        aws.String(reference.Name()),
		TaskDefinition: &revision,
	})
	if err != nil {
		return "", fmt.Errorf("%s: start %s: %w", reference, revision, startFailed(reference, revision, err))
	}
	deployment := deploymentOf(output.Service, revision)
	if deployment == "" {
		return "", fmt.Errorf("%s: start %s: ecs:UpdateService answered without a deployment of it", reference, revision)
	}
	return deployment, nil
}

func startFailed(reference workload.Reference, revision string, err error) error {
	if hasCode(err, goneCodes) {
		return rollout.Refusef("the service is gone: %s", message(err))
	}
	if hasCode(err, invalidCodes) {
		return rollout.Refusef("ECS does not accept %s: %s", revision, message(err))
	}
	return failed("ecs:UpdateService", "arn:aws:ecs:*:*:service/"+reference.Cluster()+"/"+reference.Name(), err)
}

// deploymentOf is the primary deployment where that runs the revision. ECS's blue/green strategies may keep the old one
// primary for a while; there it is the newest deployment of the revision.
func deploymentOf(service *types.Service, revision string) string {
	if service == nil {
		return ""
	}
	var newest types.Deployment
	for _, deployment := range service.Deployments {
		if aws.ToString(deployment.TaskDefinition) != revision {
			continue
		}
		if aws.ToString(deployment.Status) == statusPrimary {
			return aws.ToString(deployment.Id)
		}
		if newest.Id == nil || aws.ToTime(deployment.CreatedAt).After(aws.ToTime(newest.CreatedAt)) {
			newest = deployment
		}
	}
	return aws.ToString(newest.Id)
}
