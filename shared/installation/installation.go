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
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"davit/shared/ledger"
	"davit/shared/registry"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
	ecsdriver "davit/shared/workload/ecs"
)

// settingsAge is how long settings that were read are in force.
const settingsAge = time.Minute

// Installation is one davit in one account and region.
type Installation struct {
	Ledger *ledger.Ledger
	Driver *ecsdriver.Driver
	// Reconciler has no Reporter: who acts sets one.
	Reconciler *rollout.Reconciler
}

// Open makes the parts. It calls nothing.
func Open(configuration aws.Config, table, settingsParameter string, log *slog.Logger) *Installation {
	parameters, images := ssm.NewFromConfig(configuration), ecr.NewFromConfig(configuration)
	current := &currentSettings{client: parameters, parameter: settingsParameter}
	book := ledger.New(dynamodb.NewFromConfig(configuration), table, ledger.WithHistoryDays(current.historyDays))
	driver := ecsdriver.New(ecsdriver.Clients{ECS: ecs.NewFromConfig(configuration), SSM: parameters, ECR: images,
		IAM: iam.NewFromConfig(configuration), Logs: cloudwatchlogs.NewFromConfig(configuration),
		Secrets: secretsmanager.NewFromConfig(configuration), Tagging: resourcegroupstaggingapi.NewFromConfig(configuration)})
	return &Installation{Ledger: book, Driver: driver, Reconciler: &rollout.Reconciler{Driver: driver, Registry: registry.New(images),
		Ledger: book, Settings: current.get, Now: time.Now, Log: log}}
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

func (c *currentSettings) read(ctx context.Context) (settings.Settings, error) {
	output, err := c.client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(c.parameter)})
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		return settings.Settings{Version: settings.Version}.WithDefaults(), nil
	}
	if err != nil {
		return settings.Settings{}, err
	}
	return settings.Parse([]byte(aws.ToString(output.Parameter.Value)))
}

// historyDays is what the settings say that were read last.
func (c *currentSettings) historyDays() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.cached.HistoryDays
}
