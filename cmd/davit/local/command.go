// Package local is the command line of the local cloud: the whole system on one machine, without an AWS account.
package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/local/bench"
	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/demo"
)

// place holds the flags that say which local cloud is meant.
type place struct {
	port   int
	region string
	asJSON bool
	eks    bool
}

// Command is `davit local` with its subcommands.
func Command() *cobra.Command {
	var where place
	command := &cobra.Command{
		Use:   "local",
		Short: "Run the whole system on this machine",
		Long: `Run the whole system on this machine, without an AWS account: an emulator of AWS with the real stacks
deployed to it by the real CDK, the real functions, a registry for docker push, and ECS services that run
as containers on a Docker engine. State, logs and pids live in the folder .local of the checkout.`,
		Example: `  davit local up
  aws --endpoint-url http://localhost:4566 ecs describe-services --cluster davit --services web
  docker push localhost:4566/web:1.0.0
  davit local down`,
	}
	flags := command.PersistentFlags()
	flags.IntVar(&where.port, "port", emulator.DefaultPort, "TCP port on the loopback address")
	flags.StringVar(&where.region, "region", emulator.DefaultRegion, "AWS region of the local cloud")
	flags.BoolVar(&where.eks, "eks", false, "with a Kubernetes cluster beside that of ECS")
	flags.BoolVar(&where.asJSON, "json", false, "write the result as JSON; progress goes to standard error")
	command.AddCommand(upCommand(&where), downCommand(&where), statusCommand(&where), demoCommand(&where),
		benchCommand(&where), prepareCommand(&where))
	return command
}

func upCommand(where *place) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Start the local cloud and deploy the stacks to it",
		Long: `Start the local cloud and deploy the stacks to it. It returns when everything is deployed and runs.
It uses the Docker engine that DOCKER_HOST or the usual socket reaches; where there is none, root on
Debian or Ubuntu gets a private one, which "davit local down" ends.`,
		Example: "  davit local up\n  davit local up --eks\n  davit local up --port 4600 --json",
		Args:    where.arguments,
		RunE: where.run(func(ctx context.Context, site cloud.Site, out output) error {
			err := site.Up(ctx, out.progress)
			if errors.Is(err, cloud.ErrUp) {
				out.progress.Line("%s", err)
			} else if err != nil {
				return err
			}
			seen, err := site.Status(ctx)
			if err != nil {
				return err
			}
			return out.result(seen, func(to io.Writer) { printStatus(to, seen) })
		}),
	}
}

func downCommand(where *place) *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		Short:   "End the local cloud",
		Long:    "End the local cloud: no process and no container is left. Logs and installed tools stay.",
		Example: "  davit local down",
		Args:    where.arguments,
		RunE: where.run(func(ctx context.Context, site cloud.Site, out output) error {
			return site.Down(ctx, out.progress)
		}),
	}
}

func statusCommand(where *place) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show whether the local cloud is up, and what runs on it",
		Long:    "Show whether the local cloud is up, and what runs on it. It changes nothing.",
		Example: "  davit local status\n  davit local status --json",
		Args:    where.arguments,
		RunE: where.run(func(ctx context.Context, site cloud.Site, out output) error {
			seen, err := site.Status(ctx)
			if err != nil {
				return err
			}
			return out.result(seen, func(to io.Writer) { printStatus(to, seen) })
		}),
	}
}

func demoCommand(where *place) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the whole job on the local cloud",
		Long: `Show the whole job on the local cloud: pushes that roll out, a late push that is refused, a broken image that
ECS puts back and that is not tried again, a deploy that leaves the running image alone, and records that
are anchored, of which one is verified without any network. It starts the local cloud and ends it again,
unless it was up before. The exit code is 0 only if every step held.`,
		Example: "  davit local demo",
		Args:    where.arguments,
		RunE: where.run(func(ctx context.Context, site cloud.Site, out output) error {
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find the davit program: %w", err)
			}
			return demo.Demo{Site: site, Console: out.progress, Davit: program}.Run(ctx)
		}),
	}
}

func benchCommand(where *place) *cobra.Command {
	const usual = 20
	pushes := usual
	command := &cobra.Command{
		Use:   "bench",
		Short: "Measure how long a push takes to become a deployment",
		Long: `Measure how long a push takes until DescribeServices tells of a deployment of it, beside the floor: the time until
an empty function is called on the same path (registry, rule, queue, mapping), in the same run. It starts the local cloud
and ends it again, unless it was up before.`,
		Example: "  davit local bench\n  davit local bench --pushes 50 --json",
		Args:    where.arguments,
		RunE: where.run(func(ctx context.Context, site cloud.Site, out output) error {
			found, err := bench.Bench{Site: site, Console: out.progress, Pushes: pushes}.Run(ctx)
			if err != nil {
				return err
			}
			return out.result(found, found.Print)
		}),
	}
	command.Flags().IntVar(&pushes, "pushes", usual, "how many pushes of each kind to measure")
	return command
}

func prepareCommand(where *place) *cobra.Command {
	return &cobra.Command{
		Use:   "prepare",
		Short: "Install what a local cloud needs, and start nothing",
		Long: `Install what a local cloud needs, and start nothing: the emulator into .local/venv and, where no Docker engine
answers and this is root on Debian or Ubuntu, docker.io.`,
		Example: "  davit local prepare",
		Args:    where.arguments,
		RunE: where.run(func(ctx context.Context, site cloud.Site, out output) error {
			return site.Prepare(ctx, out.progress)
		}),
	}
}

func printStatus(to io.Writer, seen cloud.Status) {
	if !seen.Up {
		_, _ = fmt.Fprintln(to, "The local cloud is not up.")
		return
	}
	_, _ = fmt.Fprintf(to, "The local cloud is up at %s, region %s, any credentials.\n", seen.Endpoint, seen.Region)
	kind := "shared"
	if seen.PrivateEngine {
		kind = "private"
	}
	if !seen.EngineAnswers {
		kind += ", does not answer"
	}
	_, _ = fmt.Fprintf(to, "Docker engine: %s (%s)\n", seen.DockerHost, kind)
	for _, stack := range seen.Stacks {
		_, _ = fmt.Fprintf(to, "Stack %s: %s\n", stack.Name, stack.Status)
	}
	for _, service := range seen.Services {
		_, _ = fmt.Fprintf(to, "Service %s\n", service)
	}
}

// output is where a command writes: progress for people, and one result.
type output struct {
	progress *console.Console
	to       io.Writer
	asJSON   bool
}

// result writes the value as JSON, or what text writes.
func (o output) result(value any, text func(io.Writer)) error {
	if !o.asJSON {
		text(o.to)
		return nil
	}
	encoder := json.NewEncoder(o.to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// arguments takes none, and checks the port, which is known by then.
func (p *place) arguments(command *cobra.Command, given []string) error {
	if p.port < 1 || p.port > 65535 {
		return fmt.Errorf("--port %d is not 1 to 65535", p.port)
	}
	return cobra.NoArgs(command, given)
}

// run makes a command's body of work on the site. Ctrl-C and SIGTERM end the work's context, once; a second one ends
// the process, as usual.
func (p *place) run(work func(context.Context, cloud.Site, output) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, _ []string) error {
		command.SilenceUsage = true
		site, err := cloud.NewSite(p.port, p.region)
		if err != nil {
			return err
		}
		if p.eks {
			site = site.WithKubernetes()
		}
		parent := command.Context()
		if parent == nil {
			parent = context.Background()
		}
		ctx, stop := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop)
		out := output{to: command.OutOrStdout(), asJSON: p.asJSON}
		out.progress = console.New(out.to)
		if p.asJSON {
			out.progress = console.New(command.ErrOrStderr())
		}
		return work(ctx, site, out)
	}
}
