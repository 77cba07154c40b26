package emulator_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"

	"davit/cmd/davit/emulator"
)

func TestAClusterWhoseControlPlaneEndsHasFailed(t *testing.T) {
	program := filepath.Join(t.TempDir(), "controlplane")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho no etcd for \"$@\"\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	started := startIn(t, emulator.Options{Directory: directory, ControlPlane: program})
	client := eks.NewFromConfig(cloud(t), func(options *eks.Options) { options.BaseEndpoint = aws.String(started.Endpoint()) })
	name := "davit"
	_, err := client.CreateCluster(t.Context(), &eks.CreateClusterInput{
		Name: &name, RoleArn: aws.String("arn:aws:iam::" + emulator.Account + ":role/cluster"),
		ResourcesVpcConfig: &ekstypes.VpcConfigRequest{},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster fails", func() bool {
		described, err := client.DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		if described.Cluster.Status == ekstypes.ClusterStatusActive {
			t.Fatal("it is active")
		}
		return described.Cluster.Status == ekstypes.ClusterStatusFailed
	})
	said, err := os.ReadFile(filepath.Join(directory, "kubernetes", emulator.DefaultRegion, "davit.log"))
	if err != nil || !strings.Contains(string(said), "no etcd for -directory "+directory) {
		t.Errorf("got %q %v, want what the control plane said", said, err)
	}
}
