// Command controlplane is a Kubernetes cluster in one process, for the local cloud and for tests: etcd, kube-apiserver
// and the controllers of workloads as they are released, and a kubelet of davit's own, in which pods get a status and no
// container runs.
//
// It is what EKS runs: tokens are verified by the AWS IAM Authenticator and mapped to users and groups by the access
// entries that the local cloud's EKS keeps. Everything listens on the loopback address, and all files are below one
// directory. The file "kubeconfig" there, with which one is the administrator, appears when the cluster is ready. The
// process ends at SIGTERM, and when the other end of a pipe at its standard input is closed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"davit/cmd/davit/kubernetes/controlplane/access"
	"davit/cmd/davit/kubernetes/controlplane/kubelet"
)

// readyDeadline is for the API server, which is ready within seconds on an idle machine.
const readyDeadline = 90 * time.Second

// options are the flags.
type options struct {
	directory   string
	cluster     string
	region      string
	cloud       *url.URL
	port        int
	cpu, memory resource.Quantity
}

// Garbage is collected more rarely than at Go's own pace, which takes a fifth of what a short-lived cluster computes, until
// the heap comes near the limit.
const (
	heapGrowth = 300 // percent
	heapLimit  = 768 << 20
)

func main() {
	debug.SetGCPercent(heapGrowth)
	debug.SetMemoryLimit(heapLimit)
	settings, err := parse(os.Args[1:])
	if err == nil {
		err = settings.run()
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

func parse(arguments []string) (options, error) {
	var settings options
	flags := flag.NewFlagSet("controlplane", flag.ContinueOnError)
	flags.StringVar(&settings.directory, "directory", "", "where all files are kept; what is in it is removed")
	flags.StringVar(&settings.cluster, "cluster", "davit", "the name of the cluster in EKS")
	flags.StringVar(&settings.region, "region", "ap-northeast-2", "the region of the cluster")
	cloud := flags.String("cloud", "http://127.0.0.1:4566", "the local cloud, with the images, STS and EKS's access entries")
	flags.IntVar(&settings.port, "port", 0, "the port on 127.0.0.1; 0 takes a free one")
	cpu := flags.String("cpu", "4", "the CPUs of the only node")
	memory := flags.String("memory", "8Gi", "the memory of the only node")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	var problems [4]error
	settings.cloud, problems[0] = url.Parse(*cloud)
	settings.cpu, problems[1] = resource.ParseQuantity(*cpu)
	settings.memory, problems[2] = resource.ParseQuantity(*memory)
	settings.directory, problems[3] = filepath.Abs(settings.directory)
	if err := errors.Join(problems[:]...); err != nil {
		return options{}, fmt.Errorf("flags: %w", err)
	}
	if flags.NArg() > 0 || flags.Lookup("directory").Value.String() == "" {
		return options{}, errors.New("flags: want -directory, and no arguments")
	}
	return settings, nil
}

// run is the life of the cluster: it returns when a part of it fails, or without an error when it was told to end.
func (o options) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	endWithCaller(stop)
	// The sockets of etcd are named relative to it, as a socket's path is at most 107 bytes long.
	if err := enterEmpty(o.directory); err != nil {
		return err
	}
	files, err := writeCredentials()
	if err != nil {
		return err
	}
	if err := os.WriteFile("pid", []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port)))
	if err != nil {
		return err
	}
	if err := o.serveAccess(files); err != nil {
		return err
	}
	stopStore, err := startStore(ctx)
	if err != nil {
		return err
	}
	defer stopStore()

	served := serveAPI(ctx, listener, files)
	failed := make(chan error, 1)
	go func() { failed <- o.operate(ctx, files.client(listener.Addr()), files) }()
	for {
		select {
		case err := <-served:
			return err
		case err := <-failed:
			if err != nil {
				stop()
				return errors.Join(err, <-served)
			}
		}
	}
}

// serveAccess answers who the bearer of a token is, to the API server alone.
func (o options) serveAccess(files credentials) error {
	access.LeadSTS(o.cloud)
	reviewer := access.NewReviewer(o.cluster, o.region, o.cloud)
	return files.serveReviews(reviewer)
}

// operate runs what makes the API a cluster, and says that it is ready.
func (o options) operate(ctx context.Context, configuration *rest.Config, files credentials) error {
	client, err := kubernetes.NewForConfig(configuration)
	if err != nil {
		return err
	}
	if err := awaitAPI(ctx, client); err != nil {
		return err
	}
	if err := access.BindPolicies(ctx, client); err != nil {
		return err
	}
	node := kubelet.Node{Region: o.region, CPU: o.cpu, Memory: o.memory}
	if err := kubelet.Run(ctx, client, node, kubelet.NewRegistry(o.cloud)); err != nil {
		return err
	}
	if err := runControllers(ctx, configuration); err != nil {
		return err
	}
	return files.writeKubeconfig(configuration.Host)
}

// endWithCaller calls end when the process that holds the other end of the standard input has ended.
func endWithCaller(end func()) {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // however it ends, nobody is there any more
		end()
	}()
}

// enterEmpty makes an empty directory the working directory.
func enterEmpty(directory string) error {
	if err := os.RemoveAll(directory); err != nil {
		return err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	return os.Chdir(directory)
}
