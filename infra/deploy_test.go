package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"davit/cmd/davit/emulator/emulatortest"
)

// A cluster with hosts is deployed to the local cloud as it is synthesised, and deleted again.
func TestAClusterWithHostsIsDeployedAndDeletedInTheLocalCloud(t *testing.T) {
	endpoint := emulatortest.ForTest(t, emulatortest.WithoutEngine)
	options := aws.Config{Region: "ap-northeast-2", BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")}
	have := synthesised[existing][ecsStack]
	parameters := ssm.NewFromConfig(options)
	var overridden []types.Parameter
	for name, parameter := range have.Parameters {
		path, _ := parameter["Default"].(string)
		if image, public := strings.CutPrefix(path, "/aws/"); public {
			// Nobody can write a public parameter: the newest image is read from another one.
			path = "/public/" + image
			overridden = append(overridden, types.Parameter{ParameterKey: aws.String(name), ParameterValue: aws.String(path)})
		}
		_, err := parameters.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &path, Type: ssmtypes.ParameterTypeString,
			Value: aws.String(map[bool]string{true: "30", false: "ami-0123456789abcdef0"}[name == "BootstrapVersion"])})
		if err != nil {
			t.Fatal(err)
		}
	}
	stacks := cloudformation.NewFromConfig(options)
	_, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String(ecsStack),
		TemplateBody: aws.String(have.text), Parameters: overridden, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}})
	if err != nil {
		t.Fatal(err)
	}
	settle(t, stacks, types.StackStatusCreateComplete)
	if _, err := stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String(ecsStack)}); err != nil {
		t.Fatal(err)
	}
	settle(t, stacks, types.StackStatusDeleteComplete)
}

// settle waits until the stack is as wanted, and fails with CloudFormation's reasons where it is not.
func settle(t *testing.T, stacks *cloudformation.Client, wanted types.StackStatus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		found, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(ecsStack)})
		switch {
		case err != nil && wanted == types.StackStatusDeleteComplete && strings.Contains(err.Error(), "does not exist"):
			return
		case err != nil:
			t.Fatal(err)
		case found.Stacks[0].StackStatus == wanted:
			return
		case !strings.HasSuffix(string(found.Stacks[0].StackStatus), "_IN_PROGRESS"):
			events, _ := stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: aws.String(ecsStack)})
			for _, event := range events.StackEvents {
				if event.ResourceStatusReason != nil {
					t.Log(*event.LogicalResourceId, *event.ResourceStatusReason)
				}
			}
			t.Fatalf("the stack is %s, want %s", found.Stacks[0].StackStatus, wanted)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the stack is not %s in a minute", wanted)
		case <-ticker.C:
		}
	}
}
