package autoscaling

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	targettypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"

	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/scaling"
)

// Set moves a lever to an extent, and hosts to one at least. All three calls take absolute values, so a call that is repeated
// changes nothing.
func (d *Driver) Set(ctx context.Context, observation scaling.Observation, lever ledger.Lever, target string, to ledger.Extent) error {
	var err error
	switch {
	case lever == ledger.LeverCount && to.Count != nil:
		err = d.setCount(ctx, observation, *to.Count)
	case lever == ledger.LeverBounds:
		err = d.setBounds(ctx, observation, to)
	case lever == ledger.LeverHosts:
		err = d.setHosts(ctx, target, to)
	default:
		return fmt.Errorf("scale %s: there is no lever %q", observation.Workload, lever)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("scale %s: %w", observation.Workload, d.answered(lever, target, err))
}

func (d *Driver) setCount(ctx context.Context, observation scaling.Observation, count int) error {
	_, err := d.clients.ECS.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String(observation.Workload.Cluster()),
		Service: aws.String(observation.Workload.Name()), DesiredCount: aws.Int32(int32(count))}) // #nosec G115 -- at most 10,000
	return err
}

// setBounds registers the target that is registered already: what is not named stays, and the count is brought into the
// range (docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html).
func (d *Driver) setBounds(ctx context.Context, observation scaling.Observation, to ledger.Extent) error {
	_, err := d.clients.Targets.RegisterScalableTarget(ctx, &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: targettypes.ServiceNamespaceEcs, ResourceId: aws.String(resourceID(observation.Workload)),
		ScalableDimension: targettypes.ScalableDimensionECSServiceDesiredCount,
		MinCapacity:       aws.Int32(int32(to.Min)), MaxCapacity: aws.Int32(int32(to.Max))}) // #nosec G115 -- at most 10,000
	return err
}

// setHosts adds hosts and takes none away. Services that share a group may be short at once, and each asks for what it found
// and its own, so that the group may be larger by now.
func (d *Driver) setHosts(ctx context.Context, group string, to ledger.Extent) error {
	now, err := d.group(ctx, group, false)
	if err != nil {
		return err
	}
	if now == nil {
		return rollout.Refusef("the Auto Scaling group %s is gone", group)
	}
	input := &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &group, MaxSize: aws.Int32(int32(max(to.Max, now.Max)))} // #nosec G115 -- at most 10,000
	if to.Count != nil {
		input.DesiredCapacity = aws.Int32(int32(max(*to.Count, now.Count))) // #nosec G115 -- at most 10,000
	}
	_, err = d.clients.Groups.UpdateAutoScalingGroup(ctx, input)
	return err
}

// answered turns what AWS will say again however often it is asked into a refusal.
func (d *Driver) answered(lever ledger.Lever, target string, err error) error {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.ErrorCode() {
	case "AccessDeniedException", "AccessDenied", "UnauthorizedOperation":
		return rollout.Refusef("IAM forbids it: %s; davit may only change what carries the tag %s%s", answer.ErrorMessage(), d.optIn, whereToTag(lever, target))
	case "ValidationException", "ValidationError", "InvalidParameterException", "ClientException", "ServiceNotFoundException",
		"ServiceNotActiveException", "ClusterNotFoundException", "ObjectNotFoundException":
		return rollout.Refusef("AWS does not accept it: %s", answer.ErrorMessage())
	}
	return err
}

func whereToTag(lever ledger.Lever, target string) string {
	switch lever {
	case ledger.LeverBounds:
		return ": tag the scalable target with aws application-autoscaling tag-resource, and the service"
	case ledger.LeverHosts:
		return ": tag the Auto Scaling group " + target
	}
	return ": tag the service"
}
