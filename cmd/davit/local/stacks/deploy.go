package stacks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/endpoint"
)

// interruptPatience is how long the CDK command line gets to end after an interrupt.
const interruptPatience = 5 * time.Second

// Application is the CDK application of a checkout, and where it is deployed to.
type Application struct {
	// Root is the module's root, with cdk.json and node_modules.
	Root string
	// Configuration is the installation's description, relative to Root.
	Configuration string
	// Assembly is the directory that the templates are synthesised to.
	Assembly string
	// Home is the home directory of the CDK command line, where it keeps its caches.
	Home string
	// Log is the file that gets everything that the CDK command line writes.
	Log string
	// Endpoint is the local cloud.
	Endpoint endpoint.Endpoint
}

// Bootstrap prepares account and region for the CDK, as `cdk bootstrap` does.
func (a Application) Bootstrap(ctx context.Context, console *console.Console) error {
	environment := fmt.Sprintf("aws://%s/%s", endpoint.Account, a.Endpoint.Region)
	// Outside the application's directory, which the CDK would synthesise first, for nothing.
	return a.cdk(ctx, console, a.Home, "bootstrap", environment)
}

// Deploy synthesises and deploys every stack, and then checks that what the templates asked for exists. A failed
// deployment's error holds CloudFormation's own reasons.
func (a Application) Deploy(ctx context.Context, console *console.Console) error {
	err := a.cdk(ctx, console, a.Root, "deploy", "--all", "--require-approval", "never", "--progress", "events",
		"--context", "configuration="+a.Configuration, "--output", a.Assembly)
	if err != nil {
		return errors.Join(err, a.failures(context.WithoutCancel(ctx)))
	}
	return a.Check(ctx)
}

// Diff fails if a deploy would change anything of what is deployed. It compares templates, since the local cloud makes no
// change sets that know more.
func (a Application) Diff(ctx context.Context, console *console.Console) error {
	return a.cdk(ctx, console, a.Root, "diff", "--fail", "--method", "template",
		"--context", "configuration="+a.Configuration, "--output", a.Assembly)
}

// Check compares what the templates asked for with what exists.
func (a Application) Check(ctx context.Context) error {
	stacks, err := ReadAssembly(a.Assembly)
	if err != nil {
		return err
	}
	return NewChecker(a.Endpoint.Config()).Check(ctx, stacks)
}

// cdk runs one command of the CDK command line in the directory, in a clean environment.
func (a Application) cdk(ctx context.Context, console *console.Console, directory string, arguments ...string) error {
	// #nosec G304 -- the log is in the local cloud's directory.
	log, err := os.OpenFile(a.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("cdk %s: %w", arguments[0], err)
	}
	defer func() { _ = log.Close() }()
	if err := os.MkdirAll(a.Home, 0o700); err != nil {
		return fmt.Errorf("cdk %s: %w", arguments[0], err)
	}
	arguments = append(arguments, "--ci", "--no-color", "--no-notices", "--no-version-reporting")
	// #nosec G204 -- the program is the checkout's own CDK, the arguments are those above.
	command := exec.CommandContext(ctx, filepath.Join(a.Root, "node_modules", ".bin", "cdk"), arguments...)
	command.Dir = directory
	command.Env = append(a.Endpoint.Environment(a.Home),
		"CDK_S3_FORCE_PATH_STYLE=1", "CDK_DISABLE_CLI_TELEMETRY=true", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION=1",
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20", // a list of major versions
		// CDK's own validation takes most of a synthesis, and make lint runs it.
		"CDK_VALIDATION=false")
	command.Env = append(command.Env, sharedCaches()...)
	// The CDK gets a group of its own, so that a Ctrl-C reaches it once, through us.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGINT) }
	command.WaitDelay = interruptPatience
	condensed := newCondenser(console)
	output := io.MultiWriter(log, condensed)
	command.Stdout, command.Stderr = output, output
	_, _ = fmt.Fprintf(log, "\n$ cdk %v\n", arguments)
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("cdk %s: %w", arguments[0], context.Cause(ctx))
		}
		return fmt.Errorf("cdk %s: %w: %s (everything it said is in %s)", arguments[0], err, condensed.lastWords(), a.Log)
	}
	return nil
}

// sharedCaches are the variables by which the application finds the CDK unpacked in the user's cache, under the lock that is beside
// it: to unpack it once more for each checkout takes longer than a deployment. Without a cache of the user's they are none.
func sharedCaches() []string {
	caches, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	unpacked := filepath.Join(caches, "aws", "jsii", "package-cache") // where jsii has it by itself
	if err := os.MkdirAll(unpacked, 0o750); err != nil {
		return nil
	}
	return []string{"XDG_CACHE_HOME=" + caches, "JSII_RUNTIME_PACKAGE_CACHE_ROOT=" + unpacked}
}
