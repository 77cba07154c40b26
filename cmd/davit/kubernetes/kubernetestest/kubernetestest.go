// Package kubernetestest gives tests a local cloud whose clusters of EKS are real: kube-apiserver, etcd and the
// controllers of Deployments, with nodes on which nothing runs (see the command controlplane for what pods do there).
//
// A package starts one cloud for all of its tests, which takes some ten seconds:
//
//	var cloud *kubernetestest.Cloud
//
//	func TestMain(m *testing.M) {
//		os.Exit(kubernetestest.Run(m, func(started *kubernetestest.Cloud) { cloud = started }))
//	}
//
// Its first cluster is cloud.Cluster; NewCluster makes another one for a test. Tests share a cluster by having a namespace
// each, from Namespace.
package kubernetestest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/emulator/emulatortest"
	"davit/cmd/davit/kubernetes"
)

// ClusterName is the name of the cluster that Run makes.
const ClusterName = "davit"

// startLimit is for a cluster to become active, on a machine with other work.
const startLimit = 3 * time.Minute

// Cloud is a local cloud for tests, with IAM enforced: whoever comes with credentials that it did not give away is root.
type Cloud struct {
	// Endpoint is the URL of all AWS services and of the registry.
	Endpoint string
	// Cluster is the cluster that all tests of the package may use.
	Cluster *Cluster

	root, directory string
	kubectls        kubectls
}

// Cluster is an active cluster of the cloud's EKS.
type Cluster struct {
	Name string
	// ARN, Endpoint and Authority are what DescribeCluster says; Authority is in PEM.
	ARN       string
	Endpoint  string
	Authority []byte
	// Kubeconfig is the path of a kubeconfig with which one is the administrator, member of system:masters.
	Kubeconfig string

	cloud *Cloud
}

// Run starts a cloud with a cluster, runs the tests, and ends both. It is for TestMain and answers the exit code. No
// containers of ECS run. The changes are made to the emulator's options before the start.
func Run(m *testing.M, ready func(*Cloud), changes ...func(*emulator.Options)) int {
	installation, err := emulatortest.Installation()
	if err != nil {
		return fail(err)
	}
	cloud := &Cloud{root: filepath.Dir(installation)}
	program, err := kubernetes.ControlPlane(cloud.root)
	if err != nil {
		return fail(err)
	}
	changes = append([]func(*emulator.Options){emulatortest.WithoutEngine, func(options *emulator.Options) {
		options.ControlPlane, options.EnforcePermissions = program, true
		cloud.directory = options.Directory
	}}, changes...)
	return emulatortest.Run(m, func(endpoint string) {
		cloud.Endpoint = endpoint
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		if cloud.Cluster, err = cloud.create(ctx, ClusterName); err != nil {
			os.Exit(fail(err)) // the emulator, which is attached to this process, ends with it
		}
		ready(cloud)
	}, changes...)
}

// AWS is the configuration of clients of the cloud, as the root user.
func (c *Cloud) AWS(ctx context.Context) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx, config.WithRegion(emulator.DefaultRegion), config.WithBaseEndpoint(c.Endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
}

// NewCluster makes a cluster for one test, which takes some five seconds and 400 MB. It is deleted when the test ends.
func (c *Cloud) NewCluster(tb testing.TB, name string) *Cluster {
	tb.Helper()
	cluster, err := c.create(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := c.eks(tb).DeleteCluster(context.Background(), &eks.DeleteClusterInput{Name: &name}); err != nil {
			tb.Error(err)
		}
	})
	return cluster
}

func (c *Cloud) create(ctx context.Context, name string) (*Cluster, error) {
	configuration, err := c.AWS(ctx)
	if err != nil {
		return nil, err
	}
	role, err := clusterRole(ctx, configuration, name)
	if err != nil {
		return nil, fmt.Errorf("role of cluster %s: %w", name, err)
	}
	client := eks.NewFromConfig(configuration)
	_, err = client.CreateCluster(ctx, &eks.CreateClusterInput{
		Name: &name, RoleArn: &role,
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{},
	})
	if err != nil {
		return nil, fmt.Errorf("create cluster %s: %w", name, err)
	}
	waiter := eks.NewClusterActiveWaiter(client, func(options *eks.ClusterActiveWaiterOptions) {
		options.MinDelay, options.MaxDelay = 100*time.Millisecond, 500*time.Millisecond
	})
	directory := kubernetes.Directory(c.directory, emulator.DefaultRegion, name)
	described, err := waiter.WaitForOutput(ctx, &eks.DescribeClusterInput{Name: &name}, startLimit)
	if err != nil {
		return nil, fmt.Errorf("wait for cluster %s: %w\n%s", name, err, end(directory+".log"))
	}
	authority, err := base64.StdEncoding.DecodeString(*described.Cluster.CertificateAuthority.Data)
	if err != nil {
		return nil, fmt.Errorf("authority of cluster %s: %w", name, err)
	}
	return &Cluster{
		Name: name, ARN: *described.Cluster.Arn, Endpoint: *described.Cluster.Endpoint, Authority: authority,
		Kubeconfig: kubernetes.Kubeconfig(directory), cloud: c,
	}, nil
}

func (c *Cloud) eks(tb testing.TB) *eks.Client {
	tb.Helper()
	configuration, err := c.AWS(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return eks.NewFromConfig(configuration)
}

// Admit gives the principal, the ARN of a role or user of IAM, an access entry with the Kubernetes groups. The entry goes
// when the test ends.
func (c *Cluster) Admit(tb testing.TB, principal string, groups ...string) {
	tb.Helper()
	client := c.cloud.eks(tb)
	_, err := client.CreateAccessEntry(tb.Context(), &eks.CreateAccessEntryInput{
		ClusterName: &c.Name, PrincipalArn: &principal, KubernetesGroups: groups,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_, err := client.DeleteAccessEntry(context.Background(), &eks.DeleteAccessEntryInput{
			ClusterName: &c.Name, PrincipalArn: &principal,
		})
		if err != nil {
			tb.Error(err)
		}
	})
}

// Namespace makes a namespace of the test's own, which is deleted when the test ends.
func (c *Cluster) Namespace(tb testing.TB) string {
	tb.Helper()
	name := "test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	c.Kubectl(tb, "create", "namespace", name)
	tb.Cleanup(func() { c.Kubectl(tb, "delete", "namespace", name, "--wait=false") })
	return name
}

// Kill ends the cluster's control plane at once. EKS goes on to say that the cluster is active.
func (c *Cluster) Kill(tb testing.TB) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(c.Kubeconfig), "pid")) // #nosec G304 -- a file of the cluster's own
	if err != nil {
		tb.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		tb.Fatal(errors.Join(err, fmt.Errorf("process %q", text)))
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		tb.Fatal(err)
	}
}

// end is the last lines of a log, for an error.
func end(path string) string {
	text, err := os.ReadFile(path) // #nosec G304 -- a log of the cloud's own
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
