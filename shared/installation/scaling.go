package installation

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	events "davit/events/cloudwatch"
	"davit/shared/alarm"
	"davit/shared/names"
	"davit/shared/scaling"
	"davit/shared/workload"
	"davit/shared/workload/autoscaling"
	eksdriver "davit/shared/workload/eks"
)

// Scaling is what scales workloads, of one installation.
type Scaling struct {
	*Installation
	Counts *autoscaling.Driver
	Groups autoscaling.Groups
	// Scaler has no Reporter and no LookAgain: who acts sets them.
	Scaler *scaling.Reconciler
}

// OpenScaling makes the parts. It calls nothing. It stands apart from Open, since its clients are the scale function's
// alone.
func OpenScaling(configuration aws.Config, table, settingsParameter string, log *slog.Logger) *Scaling {
	made := &Scaling{Installation: Open(configuration, table, settingsParameter, log)}
	made.Counts = autoscaling.New(autoscaling.Clients{ECS: ecs.NewFromConfig(configuration),
		Targets: applicationautoscaling.NewFromConfig(configuration), Groups: groups.NewFromConfig(configuration),
		CloudWatch: cloudwatch.NewFromConfig(configuration), Tagging: resourcegroupstaggingapi.NewFromConfig(configuration)}, names.TagScaling)
	made.Groups = autoscaling.NewGroups(made.Counts)
	made.Scaler = &scaling.Reconciler{Drivers: map[workload.Kind]scaling.Driver{workload.ECS: made.Counts, workload.ASG: made.Groups,
		workload.EKS: eksdriver.NewCounts(made.Pods, made.Counts)}, Ledger: made.Ledger,
		Settings: made.Reconciler.Settings, Now: time.Now, Log: log}
	return made
}

// Fleet is a scaling.Intake's Fleet: all that opted in, kind by kind.
func (s *Scaling) Fleet(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return inTurn(ctx, s.annotated(names.TagScaling), s.Counts.Fleet, s.Groups.Fleet)
}

// WorkloadOf is a scaling.Intake's Workload: by the alarm's tag, else by its dimensions.
func (s *Scaling) WorkloadOf(ctx context.Context, change *events.AlarmStateChange) (workload.Reference, error) {
	subject, err := s.Alarms.Resolve(ctx, change)
	if errors.Is(err, alarm.ErrNoWorkload) {
		return workload.Reference{}, &scaling.Unresolved{Reason: err.Error()}
	}
	return subject.Workload, err
}
