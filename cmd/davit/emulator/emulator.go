// Package emulator installs, starts and stops the local cloud's emulator: MiniStack in a virtual environment of its own,
// with a plugin (folder plugin) that adds the events and resource types that AWS has and MiniStack lacks.
//
// Everything that it writes is under one directory: the virtual environment, the plugin, the log, the state. The
// process listens on the loopback interface alone. Linux only, as /proc tells which process is whose.
package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// Account is the account of every request to the emulator that names none.
	Account = "000000000000"
	// DefaultRegion is the region where Options names none.
	DefaultRegion = "ap-northeast-2"
	// DefaultPort is where AWS tools expect a local cloud, and where davit starts its own.
	DefaultPort = 4566

	healthDeadline = 60 * time.Second
	stopGrace      = 15 * time.Second
	pollInterval   = 20 * time.Millisecond
	logTail        = 4 << 10
)

// ErrRunning says that an emulator of the same directory is up already.
var ErrRunning = errors.New("the emulator is running already")

// Options says how to start an emulator.
type Options struct {
	// Directory holds the state of this emulator: plugin, log, pid, temporary files. One emulator a directory.
	Directory string
	// Installation is the directory given to Install; Directory if empty.
	Installation string
	// Port is the port on 127.0.0.1, 1 to 65535; 0 takes a free one.
	Port int
	// Region is the region of requests that name none; DefaultRegion if empty.
	Region string
	// DockerHost is the Docker engine that runs the containers of ECS, in the form of the environment variable
	// DOCKER_HOST. Without one, ECS runs no containers and every deployment completes at once.
	DockerHost string
	// ControlPlane is the program that is the control plane of a cluster of EKS; see package kubernetes. Without one, there is
	// nothing behind a cluster but its record.
	ControlPlane string
	// Attached ends the emulator when this process ends, however it ends. Without it the emulator outlives the caller.
	Attached bool
	// EnforcePermissions lets IAM decide on each call as it does on AWS: functions are judged by their execution roles,
	// assumed roles and users by their policies, deliveries of EventBridge and SNS by the policy of the queue. Credentials
	// that the emulator did not make, whatever they are, act as the root user of Account.
	EnforcePermissions bool
}

// Emulator is a started emulator.
type Emulator struct {
	endpoint string
	// leash is open as long as an attached emulator may live.
	leash io.Closer
}

// Endpoint is the URL of all services, and of the container registry, without a trailing slash. It names the address,
// not "localhost", so that S3 clients put the bucket into the path.
func (e *Emulator) Endpoint() string { return e.endpoint }

// Start starts an emulator that Install has installed and returns when it answers. The process is the leader of a
// session of its own. It sees nothing of the caller's environment but PATH.
//
// It fails with ErrRunning if the directory's emulator is up, with the port's holder if the port is taken, and with the
// last lines of the log if the process dies.
func Start(ctx context.Context, options Options) (*Emulator, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("start the emulator: it needs Linux, this is %s", runtime.GOOS)
	}
	options, err := options.complete()
	if err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	if endpoint, running := Running(options.Directory); running {
		return nil, fmt.Errorf("start the emulator in %s: %w at %s", options.Directory, ErrRunning, endpoint)
	}
	if err := checkPort(options.Port); err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	launched, err := options.launch()
	if err != nil {
		return nil, fmt.Errorf("start the emulator in %s: %w", options.Directory, err)
	}
	if err := options.await(ctx, launched.exited); err != nil {
		launched.kill()
		return nil, fmt.Errorf("start the emulator in %s: %w%s", options.Directory, err, tail(options.log()))
	}
	return &Emulator{endpoint: options.endpoint(), leash: launched.leash}, nil
}

// complete checks the options and fills in what is absent.
func (o Options) complete() (Options, error) {
	directory, err := filepath.Abs(o.Directory)
	if err != nil || o.Directory == "" {
		return o, fmt.Errorf("directory %q: %w", o.Directory, errors.Join(err, os.ErrInvalid))
	}
	o.Directory = directory
	if o.Installation == "" {
		o.Installation = directory
	}
	if o.Installation, err = filepath.Abs(o.Installation); err != nil {
		return o, fmt.Errorf("installation %q: %w", o.Installation, err)
	}
	if o.Region == "" {
		o.Region = DefaultRegion
	}
	if o.Port < 0 || o.Port > 65535 {
		return o, fmt.Errorf("port %d is not between 0 and 65535", o.Port)
	}
	if o.Port == 0 {
		o.Port, err = freePort()
	}
	return o, err
}

// child is the started process. exited is closed when it has ended.
type child struct {
	pid    int
	exited <-chan struct{}
	leash  io.Closer
}

// launch writes the plugin and starts the process.
func (o Options) launch() (child, error) {
	for _, directory := range []string{o.Directory, o.path("home"), o.path("temporary")} {
		if err := os.MkdirAll(directory, 0o750); err != nil {
			return child{}, err
		}
	}
	if err := writePlugin(o.path("plugin")); err != nil {
		return child{}, err
	}
	log, err := os.OpenFile(o.log(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return child{}, err
	}
	defer log.Close()

	command := exec.Command(python(o.Installation), o.path("plugin")) // #nosec G204 -- both paths are our own
	command.Dir = o.Directory
	command.Env = o.environment()
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var leash io.Closer
	if o.Attached { // the plugin ends the process when the other end of its standard input is closed
		if leash, err = command.StdinPipe(); err != nil {
			return child{}, err
		}
	}
	if err := command.Start(); err != nil {
		return child{}, fmt.Errorf("is it installed? %w", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = command.Wait() // how it ended stands in the log
	}()
	launched := child{pid: command.Process.Pid, exited: exited, leash: leash}
	if err := o.record(launched.pid); err != nil {
		launched.kill()
		return child{}, err
	}
	return launched, nil
}

// kill ends a child that is not wanted any more, with its group.
func (c child) kill() {
	_ = syscall.Kill(-c.pid, syscall.SIGKILL) // it may have ended by itself
	<-c.exited
}

// environment is all that the emulator sees, and with it the functions, which inherit it.
func (o Options) environment() []string {
	dockerHost := o.DockerHost
	if dockerHost == "" {
		dockerHost = "unix://" + o.path("no-engine.sock") // else the usual socket would be taken
	}
	return []string{
		"DAVIT_CONTROL_PLANE=" + o.ControlPlane,
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + o.path("home"),
		"TMPDIR=" + o.path("temporary"),
		"STATE_DIR=" + o.path("state"),
		"S3_DATA_DIR=" + o.path("objects"),
		"LANG=C.UTF-8",
		"PYTHONUNBUFFERED=1",
		"PYTHONDONTWRITEBYTECODE=1",
		"BIND_HOST=127.0.0.1",
		"GATEWAY_PORT=" + strconv.Itoa(o.Port),
		"MINISTACK_REGION=" + o.Region,
		"MINISTACK_HOSTNAME=" + o.instanceHost(),
		"AUTH=" + strconv.FormatBool(o.EnforcePermissions),
		"IOT_MTLS_ENABLED=0",
		"SFTP_ENABLED=0",
		"DOCKER_HOST=" + dockerHost,
		"AWS_ENDPOINT_URL=" + o.endpoint(),
		"AWS_REGION=" + o.Region,
		"AWS_DEFAULT_REGION=" + o.Region,
		"AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test",
	}
}

// await returns when the emulator answers, with an error when it ends or does not answer in time.
func (o Options) await(ctx context.Context, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, healthDeadline)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if healthy(ctx, o.endpoint()) {
			return nil
		}
		select {
		case <-exited:
			return errors.New("the process ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s: %w", o.endpoint(), ctx.Err())
		case <-ticker.C:
		}
	}
}

func (o Options) path(name string) string { return filepath.Join(o.Directory, name) }

func (o Options) log() string { return o.path("emulator.log") }

func (o Options) endpoint() string { return "http://127.0.0.1:" + strconv.Itoa(o.Port) }

func healthy(ctx context.Context, endpoint string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/_ministack/health", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return err == nil && response.StatusCode == http.StatusOK
}

// tail is the end of the log, for an error message.
func tail(path string) string {
	file, err := os.Open(path) // #nosec G304 -- our own log
	if err != nil {
		return ""
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, size-logTail), io.SeekStart)
	}
	end, err := io.ReadAll(io.LimitReader(file, logTail))
	if err != nil || len(bytes.TrimSpace(end)) == 0 {
		return ""
	}
	return fmt.Sprintf("\nthe end of %s:\n%s", path, strings.TrimSpace(string(end)))
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// checkPort fails if the port cannot be listened on, and says whose it is where that can be known.
func checkPort(port int) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
	if err == nil {
		return listener.Close()
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d: %w", port, err)
	}
	if holder := portHolder(port); holder != "" {
		return fmt.Errorf("port %d is taken by %s: %w", port, holder, err)
	}
	return fmt.Errorf("port %d is taken: %w", port, err)
}
