package events

import (
	"encoding/json"

	"davit/events/autoscaling"
	"davit/events/cloudwatch"
	"davit/events/davit"
	"davit/events/ec2"
	"davit/events/ecr"
	"davit/events/ecs"
	"davit/events/envelope"
	"davit/events/health"
	"davit/events/s3"
	"davit/events/schedule"
	"davit/events/tag"
)

// kind is what tells one kind of event from another.
type kind struct{ source, detailType string }

// registry has every kind of event that davit knows.
var registry = map[kind]func(envelope.Envelope) (any, error){
	{ecr.Source, ecr.DetailTypeImageAction}:                  detail[ecr.ImageAction],
	{ecr.Source, ecr.DetailTypeReplicationAction}:            detail[ecr.ImageAction],
	{ecr.Source, ecr.DetailTypePullThroughAction}:            detail[ecr.PullThroughAction],
	{ecr.SourcePublic, ecr.DetailTypePublicCall}:             detail[ecr.PublicCall],
	{ecs.Source, ecs.DetailTypeDeploymentStateChange}:        detail[ecs.DeploymentStateChange],
	{ecs.Source, ecs.DetailTypeServiceAction}:                detail[ecs.ServiceAction],
	{ecs.Source, ecs.DetailTypeTaskStateChange}:              detail[ecs.TaskStateChange],
	{ecs.Source, ecs.DetailTypeContainerInstanceStateChange}: detail[ecs.ContainerInstanceStateChange],
	{ec2.Source, ec2.DetailTypeSpotInterruption}:             detail[ec2.SpotInterruption],
	{ec2.Source, ec2.DetailTypeRebalance}:                    detail[ec2.Rebalance],
	{autoscaling.Source, autoscaling.DetailTypeLaunch}:       detail[autoscaling.LifecycleAction],
	{autoscaling.Source, autoscaling.DetailTypeTerminate}:    detail[autoscaling.LifecycleAction],
	{health.Source, health.DetailType}:                       detail[health.Event],
	{cloudwatch.Source, cloudwatch.DetailTypeAlarm}:          detail[cloudwatch.AlarmStateChange],
	{tag.Source, tag.DetailType}:                             detail[tag.Change],
	{schedule.Source, schedule.DetailType}:                   detail[schedule.Tick],
	{schedule.SourceScheduler, schedule.DetailType}:          detail[schedule.Tick],
	{davit.Source, davit.DetailTypeReconcile}:                detail[davit.Reconcile],
	{davit.Source, davit.DetailTypeIncidentOpened}:           detail[davit.Incident],
	{davit.Source, davit.DetailTypeIncidentAct}:              detail[davit.Incident],
	{davit.Source, davit.DetailTypeIncidentPaged}:            detail[davit.Incident],
	{davit.Source, davit.DetailTypeIncidentEnded}:            detail[davit.Incident],
	{davit.Source, davit.DetailTypeIncidentRefused}:          detail[davit.Incident],
	{davit.Source, davit.DetailTypeStorm}:                    detail[davit.Incident],
	{davit.Source, davit.DetailTypeScalingDone}:              detail[davit.Scaling],
	{davit.Source, davit.DetailTypeScalingRefused}:           detail[davit.Scaling],
	{davit.Source, davit.DetailTypeScalingAbandoned}:         detail[davit.Scaling],
	{davit.Source, davit.DetailTypeRolloutStarted}:           detail[davit.Rollout],
	{davit.Source, davit.DetailTypeRolloutSucceeded}:         detail[davit.Rollout],
	{davit.Source, davit.DetailTypeRolloutFailed}:            detail[davit.Rollout],
	{davit.Source, davit.DetailTypeRolloutSuperseded}:        detail[davit.Rollout],
	{davit.Source, davit.DetailTypeRolloutRefused}:           detail[davit.Rollout],
	{davit.Source, davit.DetailTypeRolloutOverdue}:           detail[davit.Rollout],
	{davit.Source, davit.DetailTypeRolloutPuttingBack}:       detail[davit.Rollout],
	{davit.Source, davit.DetailTypeRolloutRequested}:         detail[davit.Rollout],
	{davit.Source, davit.DetailTypeWorkloadHeld}:             detail[davit.Rollout],
	{davit.Source, davit.DetailTypeWorkloadResumed}:          detail[davit.Rollout],
	{davit.Source, davit.DetailTypeImagesForgiven}:           detail[davit.Rollout],
	{s3.Source, s3.DetailTypeRestoreCompleted}:               detail[s3.RestoreCompleted],
	{s3.Source, s3.DetailTypeObjectCreated}:                  detail[s3.ObjectCreated],
	{davit.Source, davit.DetailTypeHashJobCompleted}:         detail[davit.HashJob],
}

// completer is a pointer to a detail. Complete takes over what the event around the detail says of it, and checks that
// nothing required is missing.
type completer[T any] interface {
	*T
	Complete(around envelope.Envelope) error
}

// detail reads the detail of an event as a T.
func detail[T any, P completer[T]](event envelope.Envelope) (any, error) {
	if len(event.Detail) == 0 || string(event.Detail) == "null" {
		return nil, envelope.Missing("detail")
	}
	read := P(new(T))
	if err := json.Unmarshal(event.Detail, read); err != nil {
		return nil, envelope.Describe("detail", err)
	}
	if err := read.Complete(event); err != nil {
		return nil, err
	}
	return read, nil
}
