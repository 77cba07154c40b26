package chain

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
	"davit/infra/foundation"
	"davit/infra/network"
)

const (
	// LightNodeCluster is the ECS cluster of the light node.
	LightNodeCluster = "davit-chain"
	// LightNodeParameter is the SSM parameter with the light node's Kubernetes manifest.
	LightNodeParameter = "/davit/chain/light-node"
)

// addLightNode makes the light node on its platform.
func addLightNode(made *Chain, vpc awsec2.IVpc, configuration *config.Configuration) {
	if configuration.Chain.Light.Platform == config.PlatformEKS {
		addManifest(made.Stack, configuration)
		return
	}
	addLightService(made, vpc, configuration)
}

// lightCommand is what the light client is started with.
func lightCommand(configuration *config.Configuration) []string {
	settings := configuration.Chain.Light
	beacon := settings.BeaconURL
	if beacon == "" {
		beacon = fmt.Sprintf("http://%s:%d", FullNodeName, ConsensusPort)
	}
	return []string{"lightclient", "--network", string(configuration.Chain.Network), "--beaconApiUrl", beacon,
		"--checkpointRoot", settings.Checkpoint}
}

// addLightService makes the light node as a service on Fargate.
func addLightService(made *Chain, vpc awsec2.IVpc, configuration *config.Configuration) {
	stack, settings := made.Stack, configuration.Chain.Light
	logs := foundation.NewLogGroup(stack, jsii.String("LightNodeLog"), configuration,
		"/davit/chain/light", settings.LogDays)
	architecture := awsecs.CpuArchitecture_ARM64()
	if settings.Architecture == config.X8664 {
		architecture = awsecs.CpuArchitecture_X86_64()
	}
	definition := awsecs.NewFargateTaskDefinition(stack, jsii.String("LightNodeTask"), &awsecs.FargateTaskDefinitionProps{
		Family:         jsii.String("davit-chain-light"),
		Cpu:            jsii.Number(settings.CPU),
		MemoryLimitMiB: jsii.Number(settings.Memory),
		RuntimePlatform: &awsecs.RuntimePlatform{
			CpuArchitecture: architecture, OperatingSystemFamily: awsecs.OperatingSystemFamily_LINUX(),
		},
		ExecutionRole: newTaskRole(configuration, stack, "LightNodeExecutionRole", "Lets ECS write the light node's log.",
			foundation.AllowWhere("Log", []string{*logs.LogGroupArn()}, nil, "logs:CreateLogStream", "logs:PutLogEvents")),
		TaskRole: newTaskRole(configuration, stack, "LightNodeTaskRole", "What the light node may do in AWS: nothing."),
	})
	container := definition.AddContainer(jsii.String("light"), &awsecs.ContainerDefinitionOptions{
		ContainerName:          jsii.String("light"),
		Image:                  awsecs.ContainerImage_FromRegistry(jsii.String(settings.Image), nil),
		Command:                jsii.Strings(lightCommand(configuration)...),
		ReadonlyRootFilesystem: jsii.Bool(true),
		Environment:            &map[string]*string{"HOME": jsii.String("/tmp")},
		Logging: awsecs.LogDriver_AwsLogs(&awsecs.AwsLogDriverProps{
			LogGroup: logs, StreamPrefix: jsii.String("light"), Mode: awsecs.AwsLogDriverMode_NON_BLOCKING,
		}),
	})
	definition.AddVolume(&awsecs.Volume{Name: jsii.String("scratch")})
	container.AddMountPoints(&awsecs.MountPoint{
		ContainerPath: jsii.String("/tmp"), SourceVolume: jsii.String("scratch"), ReadOnly: jsii.Bool(false),
	})
	awsecs.NewFargateService(stack, jsii.String("LightNode"), &awsecs.FargateServiceProps{
		ServiceName: jsii.String("light"),
		Cluster: awsecs.NewCluster(stack, jsii.String("Cluster"), &awsecs.ClusterProps{
			ClusterName:         jsii.String(LightNodeCluster),
			Vpc:                 vpc,
			ContainerInsightsV2: awsecs.ContainerInsights_ENABLED,
		}),
		TaskDefinition:    definition,
		DesiredCount:      jsii.Number(1),
		SecurityGroups:    &[]awsec2.ISecurityGroup{lightSecurityGroup(made, vpc)},
		VpcSubnets:        network.Subnets(config.Private),
		AssignPublicIp:    jsii.Bool(false),
		CircuitBreaker:    &awsecs.DeploymentCircuitBreaker{Enable: jsii.Bool(true), Rollback: jsii.Bool(true)},
		MinHealthyPercent: jsii.Number(100),
		MaxHealthyPercent: jsii.Number(200),
		PropagateTags:     awsecs.PropagatedTagSource_SERVICE,
	})
}

// lightSecurityGroup is the one of the full node's clients, or without a full node one that nothing knows.
func lightSecurityGroup(made *Chain, vpc awsec2.IVpc) awsec2.ISecurityGroup {
	if made.Full != nil {
		return made.Full.Clients
	}
	return awsec2.NewSecurityGroup(made.Stack, jsii.String("LightNodeSecurityGroup"), &awsec2.SecurityGroupProps{
		Vpc: vpc, Description: jsii.String("The light node"), AllowAllOutbound: jsii.Bool(true),
	})
}

// newTaskRole makes a role of a task of this account.
func newTaskRole(configuration *config.Configuration, stack awscdk.Stack, id, description string,
	statements ...awsiam.PolicyStatement,
) awsiam.IRole {
	props := &awsiam.RoleProps{
		Path:        jsii.String(foundation.RolePath),
		Description: jsii.String(description),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{
				"StringEquals": map[string]string{"aws:SourceAccount": configuration.Account},
				"ArnLike":      map[string]string{"aws:SourceArn": foundation.ARN(configuration, "ecs", "*")},
			},
		}),
	}
	if len(statements) > 0 {
		props.InlinePolicies = &map[string]awsiam.PolicyDocument{"task": foundation.Policy(statements...)}
	}
	return awsiam.NewRole(stack, jsii.String(id), props).WithoutPolicyUpdates(nil)
}

// addManifest keeps the light node's manifest where an administrator of the cluster finds it.
func addManifest(stack awscdk.Stack, configuration *config.Configuration) {
	parameter := awsssm.NewStringParameter(stack, jsii.String("LightNodeManifest"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(LightNodeParameter),
		Description:   jsii.String("The Kubernetes manifest of the light node."),
		StringValue:   jsii.String(manifest(configuration)),
		Tier:          awsssm.ParameterTier_STANDARD,
	})
	parameter.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY)
	awscdk.NewCfnOutput(stack, jsii.String("LightNodeCommand"), &awscdk.CfnOutputProps{
		Description: jsii.String("Starts the light node, by an administrator of the cluster."),
		Value: jsii.String("aws ssm get-parameter --name " + LightNodeParameter + " --region " + configuration.Region +
			" --query Parameter.Value --output text | kubectl apply -f -"),
	})
}

// manifest is a namespace "chain" and a Deployment "light" in it.
func manifest(configuration *config.Configuration) string {
	settings := configuration.Chain.Light
	architecture := map[config.Architecture]string{config.ARM64: "arm64", config.X8664: "amd64"}[settings.Architecture]
	return fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata:
  name: chain
  labels: {pod-security.kubernetes.io/enforce: restricted}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: light, namespace: chain}
spec:
  selector: {matchLabels: {app: light}}
  template:
    metadata: {labels: {app: light}}
    spec:
      automountServiceAccountToken: false
      nodeSelector: {kubernetes.io/arch: %s}
      securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: light
          image: %s
          args: ["%s"]
          env: [{name: HOME, value: /tmp}]
          resources: {requests: {cpu: %dm, memory: %dMi}, limits: {memory: %dMi}}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: scratch, mountPath: /tmp}]
      volumes: [{name: scratch, emptyDir: {}}]
`, architecture, settings.Image, strings.Join(lightCommand(configuration), `", "`), settings.CPU*1000/1024, settings.Memory,
		settings.Memory)
}
