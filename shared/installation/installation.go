// Package installation puts the parts of one davit installation together on real AWS clients, for the functions and for
// the command line alike.
package installation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	events "davit/events/cloudwatch"
	"davit/shared/alarm"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/registry"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
	ecsdriver "davit/shared/workload/ecs"
)

// settingsAge is how long settings that were read are in force: less than the minute within which a stop must work.
const settingsAge = 45 * time.Second

// Installation is one davit in one account and region.
type Installation struct {
	Ledger *ledger.Ledger
	Driver *ecsdriver.Driver
	// Reconciler has no Reporter: who acts sets one.
	Reconciler *rollout.Reconciler
	// Remedies has no Rollouts, Reporter and LookAgain: who acts sets them.
	Remedies *recovery.Reconciler
	Alarms   *alarm.Alarms
}

// Open makes the parts. It calls nothing.
func Open(configuration aws.Config, table, settingsParameter string, log *slog.Logger) *Installation {
	parameters, images := ssm.NewFromConfig(configuration), ecr.NewFromConfig(configuration)
	current := &currentSettings{client: parameters, parameter: settingsParameter}
	book := ledger.New(dynamodb.NewFromConfig(configuration), table, ledger.WithHistoryDays(current.historyDays))
	driver := ecsdriver.New(ecsdriver.Clients{ECS: ecs.NewFromConfig(configuration), SSM: parameters, ECR: images,
		IAM: iam.NewFromConfig(configuration), Logs: cloudwatchlogs.NewFromConfig(configuration),
		Secrets: secretsmanager.NewFromConfig(configuration), Tagging: resourcegroupstaggingapi.NewFromConfig(configuration)})
	made := &Installation{Ledger: book, Driver: driver, Reconciler: &rollout.Reconciler{Driver: driver, Registry: registry.New(images),
		Ledger: book, Settings: current.get, Now: time.Now, Log: log}}
	made.Alarms = alarm.New(cloudwatch.NewFromConfig(configuration), driver.BehindTargetGroup)
	made.Remedies = &recovery.Reconciler{Drivers: map[workload.Kind]recovery.Driver{workload.ECS: ecsdriver.NewRemedies(driver)},
		Alarms: made.Alarms, Ledger: book, Settings: current.get, Now: time.Now, Log: log}
	return made
}

// Resolve is a recovery.Resolver. An alarm that scales its workload and names no playbook is left to scaling: two acts on
// one alarm would fight.
func (i *Installation) Resolve(ctx context.Context, change *events.AlarmStateChange) (workload.Reference, string, error) {
	subject, err := i.Alarms.Resolve(ctx, change)
	if errors.Is(err, alarm.ErrNoWorkload) {
		return workload.Reference{}, "", &recovery.Unresolved{Reason: err.Error()}
	}
	if err == nil && subject.Scales && subject.Playbook == "" {
		return workload.Reference{}, "", &recovery.Unresolved{Reason: fmt.Sprintf("alarm %s scales its workload, by its tag %s; to have it remedied too, tag it %s",
			change.AlarmName, names.TagScaling, names.TagPlaybook)}
	}
	return subject.Workload, subject.Playbook, err
}

// CountRemedied counts the workloads that opted in to remedies.
func (i *Installation) CountRemedied(ctx context.Context) (int, error) {
	count := 0
	for page, err := range i.Driver.TaggedWith(ctx, names.TagPlaybook) {
		if err != nil {
			return 0, err
		}
		count += len(page.References)
	}
	return count, nil
}

// Fleet is a rollout.Fleet: the services that carry the tag now, then the workloads that the ledger knows, so that one
// that lost its tag is noticed too.
func (i *Installation) Fleet(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		for page, err := range i.Driver.Tagged(ctx) {
			if err != nil {
				yield(workload.Reference{}, err)
				return
			}
			for _, reference := range page.References {
				if !yield(reference, nil) {
					return
				}
			}
			for _, odd := range page.Unreadable {
				i.Reconciler.Log.WarnContext(ctx, "a tagged service cannot be named", slog.String("reason", odd.Error()))
			}
		}
		for reference, err := range i.Ledger.Workloads(ctx) {
			if err == nil && reference.Kind() == workload.EC2 {
				continue // nothing rolls out on a host
			}
			if !yield(reference, err) {
				return
			}
		}
	}
}

// currentSettings are those of the parameter, read again when they are a minute old. Without the parameter the defaults
// hold; settings that cannot be read stop everything, since a freeze may be among them.
type currentSettings struct {
	client    *ssm.Client
	parameter string
	mutex     sync.Mutex
	cached    settings.Settings
	readAt    time.Time
}

func (c *currentSettings) get(ctx context.Context) (settings.Settings, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.readAt.IsZero() && time.Since(c.readAt) < settingsAge {
		return c.cached, nil
	}
	read, err := c.read(ctx)
	if err != nil {
		return settings.Settings{}, fmt.Errorf("the settings in %s: %w", c.parameter, err)
	}
	c.cached, c.readAt = read, time.Now()
	return read, nil
}

// read reads the settings and the global stop in one call.
func (c *currentSettings) read(ctx context.Context) (settings.Settings, error) {
	output, err := c.client.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{c.parameter, names.StopParameter}})
	if err != nil {
		return settings.Settings{}, err
	}
	read := settings.Settings{Version: settings.Version}.WithDefaults()
	var stop *settings.Stop
	for _, parameter := range output.Parameters {
		value := aws.ToString(parameter.Value)
		if aws.ToString(parameter.Name) == names.StopParameter {
			stop, err = settings.ParseStop(value)
		} else {
			read, err = settings.Parse([]byte(value))
		}
		if err != nil {
			return settings.Settings{}, err
		}
	}
	read.Stop = stop
	return read, nil
}

// historyDays is what the settings say that were read last.
func (c *currentSettings) historyDays() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.cached.HistoryDays
}
