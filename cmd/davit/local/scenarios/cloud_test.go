// Package scenarios holds what happens to services that exist already once davit comes to their account: one local
// cloud with the automation, and with remedies, scaling and the watch of nodes beside it, and a test for each of the
// situations that such services meet. The package automationalone has the automation with nothing beside it.
//
// The services are made as their owners make them, by the AWS API; their images are pushed and run as real containers.
package scenarios

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"go.yaml.in/yaml/v4"

	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/endpoint"
	"davit/cmd/davit/local/engine"
	"davit/cmd/davit/local/push"
	"davit/cmd/davit/local/webimage"
	"davit/shared/ledger"
	"davit/shared/names"
)

const (
	// cluster is where the services are that were there first.
	cluster = "existing"
	// executionRole, taskRole and logGroup are what their task definitions name. The roles are among those that the
	// configuration of the automation alone allows to pass.
	executionRole = "ecsTaskExecutionRole"
	taskRole      = "web"
	logGroup      = "/services/existing"

	// wholeLimit bounds everything, so that the cloud is ended by its own code before go test ends the process.
	wholeLimit = 8 * time.Minute
	// waitLimit bounds one wait. A rollout takes a few seconds on an idle machine.
	waitLimit = 90 * time.Second
	lookEvery = 200 * time.Millisecond
)

// account is an account with services, and with the stacks of davit that need no platform.
type account struct {
	site    cloud.Site
	program webimage.Program
	pusher  push.Pusher
	engine  *engine.Engine

	alarms *cloudwatch.Client
	groups *autoscaling.Client
	ecs    *ecs.Client
	ecr    *ecr.Client
	iam    *iam.Client
	logs   *cloudwatchlogs.Client
	sqs    *sqs.Client
	sns    *sns.Client
	ssm    *ssm.Client
	events *eventbridge.Client
	ledger *ledger.Ledger
}

var (
	// running ends with an interrupt, and when all of it takes too long.
	running context.Context
	// used is the local cloud, once a test asked for it.
	used *cloud.Site
	// theAccount is the one account of all tests. The first test makes it.
	theAccount = sync.OnceValues(makeAccount)
)

func TestMain(m *testing.M) {
	// The services wait for one another's cloud more than for a processor. A -parallel of the command line still counts.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	limited, cancel := context.WithTimeout(context.Background(), wholeLimit)
	defer cancel()
	interruptible, stop := signal.NotifyContext(limited, os.Interrupt, syscall.SIGTERM)
	defer stop()
	running = interruptible
	code := m.Run()
	if used == nil {
		return code
	}
	if err := endCloud(code != 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// endCloud ends the cloud, and keeps the logs of one on which a test failed.
func endCloud(failed bool) error {
	if err := used.Down(context.WithoutCancel(running), console.New(os.Stdout)); err != nil {
		return err
	}
	if failed {
		fmt.Fprintln(os.Stderr, "the logs of the local cloud:", used.Directory)
		return nil
	}
	return os.RemoveAll(used.Directory)
}

// newSite is a site of this checkout on a free port, with a directory and a configuration of its own.
func newSite() (cloud.Site, error) {
	port, err := freePort()
	if err != nil {
		return cloud.Site{}, err
	}
	site, err := cloud.NewSite(port, "ap-northeast-2")
	if err != nil {
		return cloud.Site{}, err
	}
	if site.Directory, err = os.MkdirTemp("", "davit-scenarios-"); err != nil {
		return cloud.Site{}, err
	}
	site.Configuration, err = filepath.Rel(site.Root, filepath.Join(site.Directory, "automation.yaml"))
	return site, err
}

func makeAccount() (*account, error) {
	site, err := newSite()
	if err != nil {
		return nil, err
	}
	used = &site
	if err := errors.Join(checkBuilt(site.Root), writeConfiguration(site)); err != nil {
		return nil, err
	}
	if err := site.Up(running, console.New(os.Stdout)); err != nil {
		return nil, err
	}
	made, err := openAccount(site)
	if err != nil {
		return nil, err
	}
	return made, made.settle()
}

// checkBuilt names what make build leaves and is not there.
func checkBuilt(root string) error {
	for _, path := range []string{"bin/davit", "bin/infra", "bin/functions/" + runtime.GOARCH + "/rollout/bootstrap"} {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			return fmt.Errorf("%s is not there: run make build: %w", path, err)
		}
	}
	return nil
}

// writeConfiguration takes the configuration for those who have services already, changes in it what its reader has to
// change (the account, and for this machine the architecture of the functions), and adds quick remedies, scaling and the
// watch of nodes.
func writeConfiguration(site cloud.Site) error {
	text, err := os.ReadFile(filepath.Join(site.Root, "infra", "configurations", "automation.yaml"))
	if err != nil {
		return err
	}
	var configuration map[string]any
	if err := yaml.Load(text, &configuration); err != nil {
		return err
	}
	automation, ok := configuration["automation"].(map[string]any)
	if !ok {
		return errors.New("infra/configurations/automation.yaml has no automation")
	}
	configuration["account"] = endpoint.Account
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	automation["architecture"] = architecture
	automation["settings"] = map[string]any{"recovery": quickRecovery()}
	configuration["recovery"] = map[string]any{}
	configuration["scaling"] = map[string]any{}
	configuration["chainwatch"] = watchConfiguration(architecture)
	changed, err := yaml.Dump(configuration)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(site.Root, site.Configuration), changed, 0o600)
}

// quickRecovery are the playbooks of the built-in names with times of seconds, and limits for many services that are
// remedied side by side.
func quickRecovery() map[string]any {
	step := func(do, timeout string) map[string]any { return map[string]any{"do": do, "timeout": timeout} }
	page := map[string]any{"do": "page"}
	return map[string]any{
		"playbooks": map[string]any{
			"service-unhealthy": map[string]any{"patience": "20s", "healthyFor": "3s", "steps": []any{step("rollback", "60s"),
				step("restart", "8s"), step("scale-out", "8s"), step("replace-hosts", "8s"), page}},
			"host-impaired": map[string]any{"patience": "0s", "healthyFor": "3s", "steps": []any{step("drain", "20s"),
				step("replace-hosts", "30s"), page}},
			"spot-interruption": map[string]any{"patience": "0s", "healthyFor": "3s", "steps": []any{step("drain", "30s"), page}},
			"chain-node-behind": map[string]any{"patience": "0s", "healthyFor": "3s", "steps": []any{step("restart-client", "3s"),
				step("grow-volume", "3s"), step("restore-snapshot", "3s"), step("replace-hosts", "3s"), page}},
			"out-of-memory": map[string]any{"patience": "0s", "healthyFor": "3s", "steps": []any{step("raise-memory", "60s"), page}},
		},
		"limits": map[string]any{"fleetPercent": 100, "stormIncidents": 1000, "wait": "60s", "cooldown": "1s"},
	}
}

func openAccount(site cloud.Site) (*account, error) {
	found, err := site.Engine(running)
	if err != nil {
		return nil, err
	}
	program, err := webimage.Build(running, site.Root)
	if err != nil {
		return nil, err
	}
	configuration := site.Endpoint.Config()
	return &account{
		site: site, program: program, engine: found,
		pusher: push.Pusher{
			Registry: site.Endpoint.Registry(), Engine: found, Home: filepath.Join(site.Directory, "docker"),
		},
		alarms: cloudwatch.NewFromConfig(configuration), groups: autoscaling.NewFromConfig(configuration),
		ecs: ecs.NewFromConfig(configuration), ecr: ecr.NewFromConfig(configuration),
		iam: iam.NewFromConfig(configuration), logs: cloudwatchlogs.NewFromConfig(configuration),
		sqs: sqs.NewFromConfig(configuration), sns: sns.NewFromConfig(configuration),
		ssm: ssm.NewFromConfig(configuration), events: eventbridge.NewFromConfig(configuration),
		ledger: ledger.New(dynamodb.NewFromConfig(configuration), names.Table),
	}, nil
}

// settle makes what the services share.
func (a *account) settle() error {
	_, err := a.ecs.CreateCluster(running, &ecs.CreateClusterInput{ClusterName: aws.String(cluster)})
	if err != nil {
		return err
	}
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
		`"Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}`
	for name, path := range map[string]string{executionRole: "/", taskRole: "/services/"} {
		_, err := a.iam.CreateRole(running, &iam.CreateRoleInput{
			RoleName: aws.String(name), Path: aws.String(path), AssumeRolePolicyDocument: aws.String(trust),
		})
		if err != nil {
			return err
		}
	}
	_, err = a.logs.CreateLogGroup(running, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(logGroup)})
	return err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// testWriter writes a story to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Log(string(text[:len(text)-1]))
	return len(text), nil
}
