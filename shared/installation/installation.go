// Package installation puts the parts of one davit installation together on real AWS clients, for the functions and for
// the command line alike.
package installation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"golang.org/x/sync/errgroup"

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
	eksdriver "davit/shared/workload/eks"
	"davit/shared/workload/eks/cluster"
)

// settingsAge is how long settings that were read are in force: less than the minute within which a stop must work.
const settingsAge = 45 * time.Second

// clustersAtOnce is how many clusters are listed side by side.
const clustersAtOnce = 16

// Installation is one davit in one account and region.
type Installation struct {
	Ledger *ledger.Ledger
	// Services and Pods are the drivers of ECS and of Kubernetes, and Clusters where the latter runs.
	Services *ecsdriver.Driver
	Pods     *eksdriver.Driver
	Clusters *cluster.Clusters
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
	services := ecsdriver.New(ecsdriver.Clients{ECS: ecs.NewFromConfig(configuration), SSM: parameters, ECR: images,
		IAM: iam.NewFromConfig(configuration), Logs: cloudwatchlogs.NewFromConfig(configuration),
		Secrets: secretsmanager.NewFromConfig(configuration), Tagging: resourcegroupstaggingapi.NewFromConfig(configuration)})
	clusters := cluster.New(configuration)
	pods := eksdriver.New(clusters, services)
	made := &Installation{Ledger: book, Services: services, Pods: pods, Clusters: clusters, Reconciler: &rollout.Reconciler{
		Driver: rollout.Drivers{workload.ECS: services, workload.EKS: pods}, Registry: registry.New(images, ecrpublic.NewFromConfig(configuration)),
		Ledger: book, Settings: current.get, Now: time.Now, Log: log}}
	made.Alarms = alarm.New(cloudwatch.NewFromConfig(configuration), services.BehindTargetGroup)
	made.Remedies = &recovery.Reconciler{Drivers: remedies(configuration, services, pods), Alarms: made.Alarms, Ledger: book,
		Settings: current.get, Now: time.Now, Log: log}
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

// Fleet is a rollout.Fleet: the workloads that the ledger knows, so that one that lost its tag is noticed too, then the services
// that carry the tag now, and what carries the annotation on the clusters.
func (i *Installation) Fleet(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return inTurn(ctx, i.Ledger.Workloads, i.tagged, i.annotated(names.TagPolicy))
}

// listing lists workloads. An error ends it.
type listing = func(context.Context) iter.Seq2[workload.Reference, error]

// inTurn goes through one list after the other. An error ends its list and not the others, and each may take half of the time
// that is left, so that one that never answers, such as an API without a way to it, leaves time for the others and for the caller.
func inTurn(ctx context.Context, lists ...listing) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		for _, list := range lists {
			if !each(ctx, list, yield) {
				return
			}
		}
	}
}

// each yields what the list has, and answers whether more is wanted.
func each(ctx context.Context, list listing, yield func(workload.Reference, error) bool) bool {
	if deadline, limited := ctx.Deadline(); limited {
		short, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
		ctx = short
	}
	for reference, err := range list(ctx) {
		if !yield(reference, err) {
			return false
		}
	}
	return true
}

// tagged are the services that carry the tag of rollouts.
func (i *Installation) tagged(ctx context.Context) iter.Seq2[workload.Reference, error] {
	return func(yield func(workload.Reference, error) bool) {
		for page, err := range i.Services.Tagged(ctx) {
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
	}
}

// annotated lists what is Annotated.
func (i *Installation) annotated(key string) listing {
	return func(ctx context.Context) iter.Seq2[workload.Reference, error] {
		return func(yield func(workload.Reference, error) bool) {
			found, err := i.Annotated(ctx, key)
			if err != nil {
				yield(workload.Reference{}, err)
				return
			}
			for _, reference := range found {
				if !yield(reference, nil) {
					return
				}
			}
		}
	}
}

// Annotated are the Kubernetes workloads that carry an annotation, on the clusters of the settings, which are asked side by
// side. A cluster that cannot be listed is told in the log and leaves out its own workloads alone; so are all clusters where
// EKS does not name them.
func (i *Installation) Annotated(ctx context.Context, key string) ([]workload.Reference, error) {
	configured, err := i.Reconciler.Settings(ctx)
	if err != nil {
		return nil, err
	}
	clusters, err := i.Clusters.Names(ctx, configured.Clusters)
	if err != nil {
		i.Reconciler.Log.WarnContext(ctx, "no cluster can be listed", slog.String("reason", err.Error()))
		return nil, nil
	}
	found := make([][]workload.Reference, len(clusters))
	var listings errgroup.Group
	listings.SetLimit(clustersAtOnce)
	for index, name := range clusters {
		listings.Go(func() error {
			for reference, err := range i.Pods.Annotated(ctx, name, key) {
				if err != nil {
					i.Reconciler.Log.WarnContext(ctx, "a cluster cannot be listed", slog.String("cluster", name), slog.String("reason", err.Error()))
					return nil
				}
				found[index] = append(found[index], reference)
			}
			return nil
		})
	}
	_ = listings.Wait()
	return slices.Concat(found...), nil
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
			stop = settings.ParseStop(value)
			continue
		}
		if read, err = settings.Parse([]byte(value)); err != nil {
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
