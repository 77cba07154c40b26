package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// deployment is stacks of a configuration that are deployed to the local cloud, in their order.
type deployment struct {
	configuration string
	stacks        []string
	// without are types that the local cloud has nothing for. Nothing else refers to resources of them.
	without []string
	// only are the types that are deployed, where the local cloud cannot hold most of the stack; nil for all.
	only []string
}

// deployments bring what local.yaml leaves out.
var deployments = []deployment{
	{configuration: existing, stacks: []string{registryStack, ecsStack}},
	{configuration: isolated, stacks: []string{networkStack, registryStack, ecsStack},
		without: []string{"AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"}},
	{configuration: chosen, stacks: []string{networkStack, automationStack, chainwatchStack}},
	{configuration: "chain-ecs-ec2", stacks: []string{networkStack, automationStack, chainStack},
		without: []string{"AWS::DLM::LifecyclePolicy", "AWS::SSM::Document"}},
	{configuration: "web-eks-ec2", stacks: []string{networkStack, automationStack, eksStack}},
	{configuration: "web-eks-fargate", stacks: []string{networkStack, automationStack, eksStack},
		without: []string{"AWS::EKS::FargateProfile"}},
	{configuration: autoCluster, stacks: []string{networkStack, automationStack, eksStack}},
	{configuration: "ml-ecs-ec2", stacks: []string{networkStack, storageStack, automationStack, mlStack},
		without: []string{"AWS::SageMaker::NotebookInstance", "AWS::SageMaker::NotebookInstanceLifecycleConfig"}},
	{configuration: "ml-eks-ec2", stacks: []string{networkStack, automationStack, eksStack, mlStack}},
	{configuration: "chain-eks-ec2", stacks: []string{networkStack, automationStack, eksStack, chainStack},
		without: []string{"AWS::DLM::LifecyclePolicy", "AWS::SSM::Document"}},
	// The VPC has no IPv6 block there, which the subnets are parts of.
	{configuration: regional, stacks: []string{networkStack}, only: []string{"AWS::EC2::VPC", "AWS::EC2::EgressOnlyInternetGateway"}},
}

// template is the stack's, without the types that are left out.
func (d deployment) template(stack string) template {
	have := synthesised[d.configuration][stack]
	have.Resources = maps.Clone(have.Resources)
	maps.DeleteFunc(have.Resources, func(_ string, one resource) bool {
		return slices.Contains(d.without, one.Type) || d.only != nil && !slices.Contains(d.only, one.Type)
	})
	return have
}

// TestStacksAreDeployedAndDeletedInTheLocalCloud deploys templates as they are synthesised, each configuration to an account
// of its own, and deletes them again.
func TestStacksAreDeployedAndDeletedInTheLocalCloud(t *testing.T) {
	for i, wanted := range deployments {
		t.Run(wanted.configuration, func(t *testing.T) {
			account := newAccount(endpoint, fmt.Sprintf("11112222%04d", i), configured[wanted.configuration].Region)
			for _, stack := range wanted.stacks {
				account.deploy(t, stack, wanted.template(stack))
			}
			for _, stack := range slices.Backward(wanted.stacks) {
				account.remove(t, stack)
			}
		})
	}
}

// account is one of the local cloud's, which knows whose a call is by the key that signs it.
type account struct {
	stacks     *cloudformation.Client
	parameters *ssm.Client
	objects    *s3.Client
	region     string
}

func newAccount(endpoint, id, region string) *account {
	options := aws.Config{Region: region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(id, "local", "")}
	return &account{region: region, stacks: cloudformation.NewFromConfig(options), parameters: ssm.NewFromConfig(options),
		objects: s3.NewFromConfig(options, func(s3Options *s3.Options) { s3Options.UsePathStyle = true })}
}

// deploy makes the stack and looks for each of its resources.
func (a *account) deploy(t *testing.T, stack string, have template) {
	t.Helper()
	a.uploadFunctions(t, have)
	resources := map[string]any{}
	whole := map[string]any{}
	if err := json.Unmarshal([]byte(have.text), &whole); err != nil {
		t.Fatal(err)
	}
	for name := range have.Resources {
		resources[name] = at(whole, "Resources", name)
	}
	whole["Resources"] = resources
	body, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &stack, TemplateBody: aws.String(string(body)),
		Parameters: a.publicParameters(t, have), Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}})
	if err != nil {
		t.Fatal(err)
	}
	a.settle(t, stack, types.StackStatusCreateComplete)
	made, err := a.stacks.DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &stack})
	if err != nil {
		t.Fatal(err)
	}
	missing := maps.Clone(have.Resources)
	for _, one := range made.StackResources {
		if one.ResourceStatus == types.ResourceStatusCreateComplete && aws.ToString(one.PhysicalResourceId) != "" {
			delete(missing, *one.LogicalResourceId)
		}
	}
	for name, one := range missing {
		t.Errorf("%s: there is no %s (%s)", stack, name, one.Type)
	}
}

func (a *account) remove(t *testing.T, stack string) {
	t.Helper()
	if _, err := a.stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: &stack}); err != nil {
		t.Fatal(err)
	}
	a.settle(t, stack, types.StackStatusDeleteComplete)
}

// publicParameters writes what the stack reads of parameters that are AWS's own or the bootstrap's. Nobody can write a public
// parameter: the newest machine image is read from another one.
func (a *account) publicParameters(t *testing.T, have template) []types.Parameter {
	t.Helper()
	var overridden []types.Parameter
	for name, parameter := range have.Parameters {
		path, _ := parameter["Default"].(string)
		value := "30"
		if image, public := strings.CutPrefix(path, "/aws/"); public {
			path, value = "/public/"+image, "ami-0123456789abcdef0"
			overridden = append(overridden, types.Parameter{ParameterKey: aws.String(name), ParameterValue: aws.String(path)})
		} else if name != "BootstrapVersion" {
			continue
		}
		_, err := a.parameters.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &path, Type: ssmtypes.ParameterTypeString,
			Value: &value, Overwrite: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
	}
	return overridden
}

// uploadFunctions puts a program where "cdk deploy" puts those of the stack's functions.
func (a *account) uploadFunctions(t *testing.T, have template) {
	t.Helper()
	var program bytes.Buffer
	archive := zip.NewWriter(&program)
	if _, err := archive.Create("bootstrap"); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	for _, function := range have.of("AWS::Lambda::Function") {
		bucket, _ := at(function.Properties, "Code", "S3Bucket").(string)
		key, _ := at(function.Properties, "Code", "S3Key").(string)
		_, err := a.objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
			LocationConstraint: s3types.BucketLocationConstraint(a.region)}})
		if err != nil && !strings.Contains(err.Error(), "AlreadyOwned") {
			t.Fatal(err)
		}
		if _, err := a.objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(program.Bytes())}); err != nil {
			t.Fatal(err)
		}
		// Its name is the same for all that the configurations deploy in this region, and only one account may have it.
		t.Cleanup(func() {
			ctx := context.WithoutCancel(t.Context())
			_, _ = a.objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
			_, _ = a.objects.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
		})
	}
}

// settle waits until the stack is as wanted, and fails with CloudFormation's reasons where it is not.
func (a *account) settle(t *testing.T, stack string, wanted types.StackStatus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		found, err := a.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
		switch {
		case err != nil && wanted == types.StackStatusDeleteComplete && strings.Contains(err.Error(), "does not exist"):
			return
		case err != nil:
			t.Fatal(err)
		case found.Stacks[0].StackStatus == wanted:
			return
		case !strings.HasSuffix(string(found.Stacks[0].StackStatus), "_IN_PROGRESS"):
			events, _ := a.stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &stack})
			for _, event := range events.StackEvents {
				if event.ResourceStatusReason != nil {
					t.Log(*event.LogicalResourceId, *event.ResourceStatusReason)
				}
			}
			t.Fatalf("%s is %s, want %s", stack, found.Stacks[0].StackStatus, wanted)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is not %s in a minute", stack, wanted)
		case <-ticker.C:
		}
	}
}
