// Package command is the command line of davit: a file for each verb. Its verbs look at an installation, or ask
// something of it; what is done to workloads is done by the function, from what a verb left in the ledger.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes of the command line.
const (
	// ExitDone: what was asked for was done, or shown.
	ExitDone = 0
	// ExitFailed: it failed or was refused.
	ExitFailed = 1
	// ExitUsage: the command line itself is wrong; nothing was tried.
	ExitUsage = 2
)

// usageError is an error of the command line itself.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usage(format string, arguments ...any) error {
	return usageError{fmt.Errorf(format, arguments...)}
}

// Execute runs the command line with the arguments, the program's name not among them, and answers the exit code.
// Interrupt and SIGTERM end the work once; a second one ends the process. The groups stand beside the verbs.
func Execute(arguments []string, groups ...*cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRoot(awsEnvironment(), groups...)
	return execute(ctx, root, arguments, os.Stderr)
}

func execute(ctx context.Context, root *cobra.Command, arguments []string, errorOutput io.Writer) int {
	root.SetArgs(arguments)
	root.InitDefaultCompletionCmd() // else it comes after classify
	classify(root)
	ran, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitDone
	}
	_, _ = fmt.Fprintf(errorOutput, "davit: %s\n", err)
	var wrong usageError
	if errors.As(err, &wrong) {
		_, _ = fmt.Fprintf(errorOutput, "See \"%s --help\".\n", ran.CommandPath())
		return ExitUsage
	}
	return ExitFailed
}

// The groups in which help lists the verbs.
const (
	groupLook = "look"
	groupAct  = "act"
)

func newRoot(world environment, groups ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "davit",
		Short: "Roll pushed images out to workloads on ECS and EKS, and say why",
		Long: `Roll pushed images out to workloads on ECS and EKS, and say why.

A workload is written ecs:CLUSTER/SERVICE or eks:CLUSTER/NAMESPACE/DEPLOYMENT, and what other controllers of Kubernetes run
eks:CLUSTER/NAMESPACE/statefulset/NAME or eks:CLUSTER/NAMESPACE/daemonset/NAME. The account and region come from the usual AWS environment: AWS_PROFILE,
AWS_REGION, AWS_ENDPOINT_URL and so on. Where AWS_ENDPOINT_URL is on this machine, as for the local cloud, region and
credentials may be left out.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage.`,
		Example: `  davit status
  davit explain ecs:davit/web
  davit explain eks:davit/shop/web
  davit rollback ecs:davit/web --why "checkout is slow"
  AWS_ENDPOINT_URL=http://localhost:4566 davit history ecs:davit/web`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddGroup(&cobra.Group{ID: groupLook, Title: "Look (these change nothing):"},
		&cobra.Group{ID: groupAct, Title: "Act:"})
	root.AddCommand(statusCommand(world), historyCommand(world), explainCommand(world), incidentsCommand(world), replayCommand(world),
		stopCommand(world), startCommand(world), holdCommand(world), resumeCommand(world), forgiveCommand(world), rollbackCommand(world), rolloutCommand(world))
	root.AddCommand(groups...)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

// classify makes every wrong argument below the command a usage error, an unknown subcommand too.
func classify(command *cobra.Command) {
	if command.HasSubCommands() && !command.Runnable() {
		command.Args = knownSubcommand
		command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
	}
	if check := command.Args; check != nil {
		command.Args = func(command *cobra.Command, arguments []string) error {
			if err := check(command, arguments); err != nil {
				return wrongArguments(command, arguments, err)
			}
			return nil
		}
	}
	for _, child := range command.Commands() {
		classify(child)
	}
}

// wrongArguments says which arguments are wanted, where cobra's own words only count them or call one an unknown command.
func wrongArguments(command *cobra.Command, arguments []string, err error) error {
	have := strings.Trim(fmt.Sprintf("%q", arguments), "[]")
	if command.Flags().Lookup("why") != nil {
		have += ": a text with spaces takes quotes"
	}
	if strings.HasPrefix(err.Error(), "unknown command ") {
		return usage("%s takes no arguments, have %s", command.CommandPath(), have)
	}
	_, wanted, takes := strings.Cut(command.Use, " ")
	if !takes || !strings.HasPrefix(err.Error(), "accepts ") {
		return usageError{err}
	}
	example, _, _ := strings.Cut(strings.TrimSpace(command.Example), "\n")
	if len(arguments) == 0 {
		return usage("%s is missing, as in %q", strings.Fields(wanted)[0], example)
	}
	wanted, _, _ = strings.Cut(wanted, " --")
	wanted, _, _ = strings.Cut(wanted, " [--")
	return usage("want %s, as in %q; have %s", wanted, example, have)
}

func knownSubcommand(command *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	text := fmt.Sprintf("%q is no command of %s", arguments[0], command.CommandPath())
	command.SuggestionsMinimumDistance = 2
	if similar := command.SuggestionsFor(arguments[0]); len(similar) > 0 {
		text += "; did you mean " + strings.Join(similar, " or ") + "?"
	}
	return errors.New(text)
}
