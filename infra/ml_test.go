package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// neuron has AWS's own accelerators, beside GPUs.
const neuron = "neuron"

func TestInstancesWithGPUsStartForTasksAndEndWithThem(t *testing.T) {
	have := synthesised["ml-ecs-ec2"][mlStack]
	groupName, group := have.only(t, "AWS::AutoScaling::AutoScalingGroup")
	if group.Properties["MinSize"] != "0" || group.Properties["MaxSize"] != "4" || group.Properties["DesiredCapacity"] != nil {
		t.Errorf("there are %v to %v", group.Properties["MinSize"], group.Properties["MaxSize"])
	}
	var types []string
	for _, override := range list(at(group.Properties, "MixedInstancesPolicy", "LaunchTemplate", "Overrides")) {
		name, _ := at(override, "InstanceType").(string)
		types = append(types, name)
	}
	if difference := cmp.Diff([]string{"g6.xlarge", "g5.xlarge"}, types); difference != "" {
		t.Errorf("-want +have:\n%s", difference)
	}
	providerName, provider := have.only(t, "AWS::ECS::CapacityProvider")
	scaling := at(provider.Properties, "AutoScalingGroupProvider")
	if !refersTo(at(scaling, "AutoScalingGroupArn"), groupName) || at(scaling, "ManagedScaling", "Status") != "ENABLED" ||
		at(scaling, "ManagedDraining") != "ENABLED" {
		t.Errorf("they are scaled by %s", asText(scaling))
	}
	_, associated := have.only(t, "AWS::ECS::ClusterCapacityProviderAssociations")
	if !refersTo(at(associated.Properties, "CapacityProviders", 0), providerName) {
		t.Errorf("the cluster has %s", asText(associated.Properties))
	}
}

// TestTheClusterOfGPUsIsDeletedWithoutWaiting: what is named by reference is deleted after what names it.
func TestTheClusterOfGPUsIsDeletedWithoutWaiting(t *testing.T) {
	have := synthesised["ml-ecs-ec2"][mlStack]
	cluster, _ := have.only(t, "AWS::ECS::Cluster")
	template, launch := have.only(t, "AWS::EC2::LaunchTemplate")
	if !strings.Contains(asText(at(launch.Properties, "LaunchTemplateData", "UserData")), `{"Ref":"`+cluster+`"}`) {
		t.Error("the cluster may be deleted before its instances, and then is not")
	}
	_, group := have.only(t, "AWS::AutoScaling::AutoScalingGroup")
	if !strings.Contains(asText(group.Properties), template) {
		t.Error("the instances are not of the template")
	}
	_, provider := have.only(t, "AWS::ECS::CapacityProvider")
	if at(provider.Properties, "AutoScalingGroupProvider", "ManagedTerminationProtection") != "DISABLED" ||
		group.Properties["NewInstancesProtectedFromScaleIn"] == true {
		t.Error("the instances are protected from ending, and the group waits for them")
	}
}

func TestInstancesWithGPUsHaveNoWayInBySSHAndTheirContainersNotTheirCredentials(t *testing.T) {
	for _, configuration := range []string{"ml-ecs-ec2", "ml-eks-ec2", neuron} {
		for name, launch := range synthesised[configuration][mlStack].of("AWS::EC2::LaunchTemplate") {
			options := at(launch.Properties, "LaunchTemplateData", "MetadataOptions")
			if at(options, "HttpTokens") != "required" || at(options, "HttpPutResponseHopLimit") != 1.0 ||
				at(launch.Properties, "LaunchTemplateData", "KeyName") != nil {
				t.Errorf("%s: %s has %s", configuration, name, asText(options))
			}
		}
	}
}

func TestOnlyPodsThatAskForADeviceReachItsNodes(t *testing.T) {
	for _, test := range []struct{ configuration, group, image, taint, capacity string }{
		{"ml-eks-ec2", "inference", "BOTTLEROCKET_x86_64_NVIDIA", "nvidia.com/gpu", "ON_DEMAND"},
		{neuron, "gpu", "BOTTLEROCKET_x86_64_NVIDIA", "nvidia.com/gpu", "ON_DEMAND"},
		{neuron, "inferentia", "AL2023_x86_64_NEURON", "aws.amazon.com/neuron", "SPOT"},
	} {
		_, nodes := synthesised[test.configuration][mlStack].with(t, "AWS::EKS::Nodegroup", "NodegroupName", test.group)
		image, _ := nodes.Properties["AmiType"].(string)
		if !strings.EqualFold(image, test.image) || nodes.Properties["CapacityType"] != test.capacity {
			t.Errorf("%s: %s runs %s on %v", test.configuration, test.group, image, nodes.Properties["CapacityType"])
		}
		taint := at(nodes.Properties, "Taints", 0)
		if at(taint, "Key") != test.taint || at(taint, "Effect") != "NO_SCHEDULE" {
			t.Errorf("%s: %s has the taint %s", test.configuration, test.group, asText(taint))
		}
		if at(nodes.Properties, "ScalingConfig", "MinSize") != 0.0 || at(nodes.Properties, "ScalingConfig", "DesiredSize") != 0.0 {
			t.Errorf("%s: %s is paid for while nothing runs: %s", test.configuration, test.group, asText(nodes.Properties["ScalingConfig"]))
		}
	}
}

func TestTheClusterAutoscalerSizesTheGroupsOfItsClusterAlone(t *testing.T) {
	for configuration, cluster := range map[string]string{"ml-eks-ec2": "davit", neuron: "models", "web-eks-ec2": "davit"} {
		have, found := synthesised[configuration][eksStack], 0
		for _, s := range have.statements() {
			if !s.allows("autoscaling:SetDesiredCapacity") {
				continue
			}
			found++
			if at(s.fields, "Condition", "StringEquals", "aws:ResourceTag/eks:cluster-name") != cluster {
				t.Errorf("%s: it may with %s", configuration, asText(s.fields["Condition"]))
			}
		}
		if found != 1 {
			t.Errorf("%s: %d statements allow it", configuration, found)
		}
		_, identity := have.with(t, "AWS::EKS::PodIdentityAssociation", "ServiceAccount", "cluster-autoscaler")
		if identity.Properties["Namespace"] != "kube-system" {
			t.Errorf("%s: it is of %s", configuration, asText(identity.Properties))
		}
	}
	for _, configuration := range []string{"web-eks-fargate", autoCluster} {
		if text := synthesised[configuration][eksStack].text; strings.Contains(text, "cluster-autoscaler") {
			t.Errorf("%s has no nodes of its own, and an autoscaler", configuration)
		}
	}
}

func TestNotebooksAreClosedEncryptedAndStopThemselves(t *testing.T) {
	have := synthesised["ml-ecs-ec2"][mlStack]
	_, notebook := have.only(t, "AWS::SageMaker::NotebookInstance")
	key, _ := have.only(t, "AWS::KMS::Key")
	if notebook.Properties["DirectInternetAccess"] != "Disabled" || notebook.Properties["RootAccess"] != "Disabled" ||
		!refersTo(notebook.Properties["KmsKeyId"], key) || notebook.Properties["SubnetId"] == nil ||
		at(notebook.Properties, "InstanceMetadataServiceConfiguration", "MinimumInstanceMetadataServiceVersion") != "2" {
		t.Errorf("it is %s", asText(notebook.Properties))
	}
	group, _ := at(notebook.Properties, "SecurityGroupIds", 0, "Fn::GetAtt", 0).(string)
	if rules := have.Resources[group].Properties["SecurityGroupIngress"]; rules != nil || group == "" {
		t.Errorf("%s lets in %s", group, asText(rules))
	}
	name, stop := have.only(t, "AWS::SageMaker::NotebookInstanceLifecycleConfig")
	if !refersTo(notebook.Properties["LifecycleConfigName"], name) {
		t.Errorf("it has the lifecycle configuration %s", asText(notebook.Properties["LifecycleConfigName"]))
	}
	script, _ := at(stop.Properties, "OnStart", 0, "Content", "Fn::Base64").(string)
	if !strings.Contains(script, "davit-idle.py --minutes 60") {
		t.Errorf("it starts with:\n%s", script)
	}
	if size := base64.StdEncoding.EncodedLen(len(script)); size > 16384 {
		t.Errorf("the script has %d characters, more than the 16384 that SageMaker takes", size)
	}
	for _, s := range have.statements() {
		if s.allows("sagemaker:StopNotebookInstance") && !strings.Contains(asText(s.fields["Resource"]), "notebook-instance/research") {
			t.Errorf("it may stop %s", asText(s.fields["Resource"]))
		}
		if s.allows("s3:PutObject") && !strings.Contains(asText(s.fields["Resource"]), "models") {
			t.Errorf("it may write %s", asText(s.fields["Resource"]))
		}
	}
}

// TestANotebookIsStoppedWhenNothingHappensInIt runs the program beside a server that answers like the notebook's.
func TestANotebookIsStoppedWhenNothingHappensInIt(t *testing.T) {
	now := time.Now().UTC()
	kernel := func(state string, ago time.Duration) string {
		return fmt.Sprintf(`{"execution_state":%q,"last_activity":%q}`, state, now.Add(-ago).Format("2006-01-02T15:04:05.000000Z"))
	}
	for name, test := range map[string]struct {
		kernels, terminals []string
		up                 time.Duration
		stopped            bool
	}{
		"started just now, nothing opened":           {nil, nil, time.Minute, false},
		"nothing opened for two hours":               {nil, nil, 2 * time.Hour, true},
		"a kernel idle for two hours":                {[]string{kernel("idle", 2*time.Hour)}, nil, 3 * time.Hour, true},
		"a kernel used five minutes ago":             {[]string{kernel("idle", 2*time.Hour), kernel("idle", 5*time.Minute)}, nil, 3 * time.Hour, false},
		"a cell that has run for two hours":          {[]string{kernel("busy", 2*time.Hour)}, nil, 3 * time.Hour, false},
		"a terminal used five minutes ago":           {nil, []string{kernel("", 5*time.Minute)}, 3 * time.Hour, false},
		"a terminal and a kernel idle for two hours": {[]string{kernel("idle", 2*time.Hour)}, []string{kernel("", 2*time.Hour)}, 3 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := map[string][]string{"/api/kernels": test.kernels, "/api/terminals": test.terminals}[r.URL.Path]
				fmt.Fprintf(w, "[%s]", strings.Join(answer, ","))
			}))
			defer server.Close()
			folder := t.TempDir()
			write := func(name, text string, mode os.FileMode) string {
				path := filepath.Join(folder, name)
				if err := os.WriteFile(path, []byte(text), mode); err != nil {
					t.Fatal(err)
				}
				return path
			}
			aws := write("aws", "#!/bin/sh\necho \"$*\" > "+filepath.Join(folder, "called")+"\n", 0o700)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			program := exec.CommandContext(ctx, "python3", "ml/idle.py", "--minutes", "60", "--server", server.URL, "--aws", aws,
				"--uptime", write("uptime", fmt.Sprintf("%.2f 1.0\n", test.up.Seconds()), 0o600),
				"--metadata", write("metadata", `{"ResourceArn":"arn:aws:sagemaker:us-east-1:1:notebook-instance/research"}`, 0o600))
			if output, err := program.CombinedOutput(); err != nil {
				t.Fatalf("%v:\n%s", err, output)
			}
			called, err := os.ReadFile(filepath.Join(folder, "called"))
			if stopped := err == nil; stopped != test.stopped {
				t.Errorf("stopped: %v, want %v", stopped, test.stopped)
			}
			want := "sagemaker stop-notebook-instance --region us-east-1 --notebook-instance-name research\n"
			if test.stopped && string(called) != want {
				t.Errorf("it called %q", called)
			}
		})
	}
}

// agentOf is the configuration of the CloudWatch agent in a user data, as it is written there; nil if there is none.
func agentOf(t *testing.T, userData string) map[string]any {
	t.Helper()
	_, rest, found := strings.Cut(userData, "<<'CONFIGURATION'\n")
	if !found {
		_, rest, found = strings.Cut(userData, "<<CONFIGURATION\n")
	}
	if !found {
		return nil
	}
	document, _, _ := strings.Cut(rest, "\nCONFIGURATION")
	var configuration map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(document, `\$`, "$")), &configuration); err != nil {
		t.Fatalf("%v in:\n%s", err, document)
	}
	return configuration
}
