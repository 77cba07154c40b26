package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"davit/infra/config"
	"davit/infra/eks"
	"davit/shared/names"
)

// onKubernetes are the configurations with a cluster.
func onKubernetes(t *testing.T, test func(t *testing.T, configuration string, have template)) {
	t.Helper()
	found := 0
	for configuration, stacks := range synthesised {
		have, ok := stacks[eksStack]
		if !ok {
			continue
		}
		found++
		t.Run(configuration, func(t *testing.T) { test(t, configuration, have) })
	}
	if found < 4 {
		t.Errorf("only %d configurations have a cluster", found)
	}
}

func TestTheClusterIsPlainCloudFormation(t *testing.T) {
	onKubernetes(t, func(t *testing.T, _ string, have template) {
		for name, one := range have.Resources {
			if one.Type == "AWS::Lambda::Function" || one.Type == "AWS::CloudFormation::Stack" ||
				one.Type == "AWS::SSM::Parameter" || strings.HasPrefix(one.Type, "Custom::") {
				t.Errorf("%s is a %s", name, one.Type)
			}
		}
	})
}

func TestTheControlPlaneIsEncryptedLoggedAndProtected(t *testing.T) {
	onKubernetes(t, func(t *testing.T, configuration string, have template) {
		_, cluster := have.only(t, "AWS::EKS::Cluster")
		key, _ := have.only(t, "AWS::KMS::Key")
		encryption := at(cluster.Properties, "EncryptionConfig", 0)
		if !refersTo(at(encryption, "Provider", "KeyArn"), key) || at(encryption, "Resources", 0) != "secrets" {
			t.Errorf("secrets are encrypted by %s", asText(encryption))
		}
		var logged []string
		for _, one := range list(at(cluster.Properties, "Logging", "ClusterLogging", "EnabledTypes")) {
			kind, _ := at(one, "Type").(string)
			logged = append(logged, kind)
		}
		slices.Sort(logged)
		want := []string{"api", "audit", "authenticator", "controllerManager", "scheduler"}
		if difference := cmp.Diff(want, logged); difference != "" {
			t.Errorf("logged: -want +have:\n%s", difference)
		}
		_, logs := have.only(t, "AWS::Logs::LogGroup")
		name, _ := cluster.Properties["Name"].(string)
		if logs.Properties["LogGroupName"] != "/aws/eks/"+name+"/cluster" || logs.Properties["RetentionInDays"] == nil {
			t.Errorf("its log is %s", asText(logs.Properties))
		}
		protected := configured[configuration].Removal == config.Retain
		if cluster.Properties["DeletionProtection"] != protected {
			t.Errorf("protected from deletion: %v, want %v", cluster.Properties["DeletionProtection"], protected)
		}
		if at(cluster.Properties, "UpgradePolicy", "SupportType") != "STANDARD" {
			t.Errorf("it stays on its version at a price: %v", cluster.Properties["UpgradePolicy"])
		}
	})
}

func TestOnlyWhoIsNamedIsLetIntoTheCluster(t *testing.T) {
	onKubernetes(t, func(t *testing.T, configuration string, have template) {
		_, cluster := have.only(t, "AWS::EKS::Cluster")
		access := cluster.Properties["AccessConfig"]
		if at(access, "AuthenticationMode") != "API" || at(access, "BootstrapClusterCreatorAdminPermissions") != false {
			t.Errorf("who deploys is let in: %s", asText(access))
		}
		functions := 0
		for name, entry := range have.of("AWS::EKS::AccessEntry") {
			principal, isName := entry.Properties["PrincipalArn"].(string)
			if isName {
				if principal != "arn:aws:iam::111122223333:role/platform" {
					t.Errorf("%s lets %s in", name, principal)
				}
				continue
			}
			functions++
			if policies := entry.Properties["AccessPolicies"]; policies != nil {
				t.Errorf("%s has policies of EKS: %s", name, asText(policies))
			}
			if difference := cmp.Diff([]string{eks.Group(names.RolloutFunction)}, texts(entry.Properties["KubernetesGroups"])); difference != "" {
				t.Errorf("%s: -want +have:\n%s", name, difference)
			}
			if !strings.Contains(asText(entry.Properties["PrincipalArn"]), "RolloutRole") {
				t.Errorf("%s lets %s in", name, asText(entry.Properties["PrincipalArn"]))
			}
		}
		want := 0
		if *configured[configuration].EKS.Rollouts {
			want = 1
		}
		if functions != want {
			t.Errorf("%d functions are let in, want %d", functions, want)
		}
	})
}

func TestNodesHaveNoCredentialsForTheirPodsAndNoWayInBySSH(t *testing.T) {
	onKubernetes(t, func(t *testing.T, _ string, have template) {
		for name, launch := range have.of("AWS::EC2::LaunchTemplate") {
			data := launch.Properties["LaunchTemplateData"]
			if at(data, "MetadataOptions", "HttpTokens") != "required" ||
				at(data, "MetadataOptions", "HttpPutResponseHopLimit") != 1.0 {
				t.Errorf("%s has the metadata options %s", name, asText(at(data, "MetadataOptions")))
			}
			if at(data, "KeyName") != nil {
				t.Errorf("%s has an SSH key", name)
			}
			for _, disk := range list(at(data, "BlockDeviceMappings")) {
				if at(disk, "Ebs", "Encrypted") != true {
					t.Errorf("%s has a disk in plain text: %s", name, asText(disk))
				}
			}
		}
		for name, group := range have.of("AWS::EKS::Nodegroup") {
			if group.Properties["RemoteAccess"] != nil || group.Properties["LaunchTemplate"] == nil {
				t.Errorf("%s: %s", name, asText(group.Properties))
			}
			for _, subnet := range list(group.Properties["Subnets"]) {
				if text := asText(subnet); strings.Contains(text, "public") {
					t.Errorf("%s is in %s", name, text)
				}
			}
		}
		for name, role := range have.of("AWS::IAM::Role") {
			for _, policy := range list(role.Properties["ManagedPolicyArns"]) {
				if text := asText(policy); strings.Contains(text, "Admin") || strings.Contains(text, "FullAccess") {
					t.Errorf("%s has %s", name, text)
				}
			}
		}
	})
}

func TestEachComputeBringsTheAddonsThatItNeeds(t *testing.T) {
	const agent = "eks-pod-identity-agent"
	for configuration, want := range map[string][]string{
		"web-eks-ec2":     {"coredns", agent, "kube-proxy", "metrics-server", "vpc-cni"},
		"web-eks-fargate": {"coredns", "metrics-server"},
		privateCluster:    {"amazon-cloudwatch-observability", "coredns", agent, "kube-proxy", "vpc-cni"},
		autoCluster:       {"metrics-server"},
	} {
		t.Run(configuration, func(t *testing.T) {
			var have []string
			for _, addon := range synthesised[configuration][eksStack].of("AWS::EKS::Addon") {
				name, _ := addon.Properties["AddonName"].(string)
				have = append(have, name)
			}
			slices.Sort(have)
			if difference := cmp.Diff(want, have); difference != "" {
				t.Errorf("-want +have:\n%s", difference)
			}
		})
	}
}

func TestNodesFollowWhatTheyNeedAndPodsFollowTheNodes(t *testing.T) {
	have := synthesised["web-eks-ec2"][eksStack]
	group, nodes := have.only(t, "AWS::EKS::Nodegroup")
	for _, name := range []string{"vpc-cni", "kube-proxy", "eks-pod-identity-agent"} {
		addon, _ := have.with(t, "AWS::EKS::Addon", "AddonName", name)
		if !slices.Contains(nodes.DependsOn, addon) {
			t.Errorf("nodes are made before %s, without which they do not become ready", name)
		}
	}
	for _, name := range []string{"coredns", "metrics-server"} {
		if _, addon := have.with(t, "AWS::EKS::Addon", "AddonName", name); !slices.Contains(addon.DependsOn, group) {
			t.Errorf("%s is made before there is a node for its pods", name)
		}
	}
	have = synthesised["web-eks-fargate"][eksStack]
	_, dns := have.with(t, "AWS::EKS::Addon", "AddonName", "coredns")
	for profile := range have.of("AWS::EKS::FargateProfile") {
		if !slices.Contains(dns.DependsOn, profile) {
			t.Errorf("coredns is made before the profile %s", profile)
		}
	}
	if dns.Properties["ConfigurationValues"] != `{"computeType":"Fargate"}` {
		t.Errorf("coredns waits for nodes: %v", dns.Properties["ConfigurationValues"])
	}
}

func TestTheNetworkPluginHasItsPermissionsByPodIdentityAndNotByTheNodes(t *testing.T) {
	have := synthesised["web-eks-ec2"][eksStack]
	_, addon := have.with(t, "AWS::EKS::Addon", "AddonName", "vpc-cni")
	role, _ := at(addon.Properties, "PodIdentityAssociations", 0, "RoleArn", "Fn::GetAtt", 0).(string)
	if !strings.Contains(asText(have.Resources[role].Properties["ManagedPolicyArns"]), "AmazonEKS_CNI_Policy") {
		t.Errorf("it has the role %q", role)
	}
	trust := list(at(have.Resources[role].Properties, "AssumeRolePolicyDocument", "Statement"))
	for _, statement := range trust {
		if at(statement, "Principal", "Service") != "pods.eks.amazonaws.com" ||
			!strings.Contains(asText(at(statement, "Condition")), "Cluster") {
			t.Errorf("others may have it: %s", asText(statement))
		}
	}
	_, nodes := have.only(t, "AWS::EKS::Nodegroup")
	role, _ = at(nodes.Properties, "NodeRole", "Fn::GetAtt", 0).(string)
	if text := asText(have.Resources[role].Properties["ManagedPolicyArns"]); strings.Contains(text, "CNI") {
		t.Errorf("every pod of a node has it: %s", text)
	}
}

func TestAPrivateClusterIsReachedFromItsVPCAloneAndFindsAWSByItsEndpoints(t *testing.T) {
	_, cluster := synthesised[privateCluster][eksStack].only(t, "AWS::EKS::Cluster")
	reached := cluster.Properties["ResourcesVpcConfig"]
	if at(reached, "EndpointPublicAccess") != false || at(reached, "EndpointPrivateAccess") != true {
		t.Errorf("it is reached by %s", asText(reached))
	}
	for _, subnet := range list(at(reached, "SubnetIds")) {
		if !strings.Contains(asText(subnet), "isolated") {
			t.Errorf("it is in %s", asText(subnet))
		}
	}
}

func TestAutoModeChoosesItsNodesItself(t *testing.T) {
	have := synthesised[autoCluster][eksStack]
	_, cluster := have.only(t, "AWS::EKS::Cluster")
	for _, part := range [][]any{
		{"ComputeConfig", "Enabled"}, {"StorageConfig", "BlockStorage", "Enabled"},
		{"KubernetesNetworkConfig", "ElasticLoadBalancing", "Enabled"},
	} {
		if at(cluster.Properties, part...) != true {
			t.Errorf("%v is off", part)
		}
	}
	if groups := have.of("AWS::EKS::Nodegroup"); len(groups) > 0 {
		t.Errorf("there are node groups: %s", asText(groups))
	}
}

// TestTheFunctionsMayDoLittleInTheCluster holds the manifest against the stack, and against what is in it.
func TestTheFunctionsMayDoLittleInTheCluster(t *testing.T) {
	manifest, err := os.ReadFile(filepath.Join(checkout, "shared/workload/eks/access.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bound, kinds := map[string]bool{}, map[string]bool{}
	mayChange := []string{"patch deployments", "patch statefulsets", "patch daemonsets", "patch deployments/scale", "patch statefulsets/scale",
		"patch horizontalpodautoscalers"}
	draining := []string{"patch nodes", "create pods/eviction"}
	for _, part := range strings.Split(string(manifest), "\n---\n") {
		var document map[string]any
		if err := yaml.Load([]byte(part), &document); err != nil {
			t.Fatal(err)
		}
		kind, _ := document["kind"].(string)
		kinds[kind] = true
		drains := at(document, "metadata", "name") == "davit:drain"
		if subjects := list(document["subjects"]); drains && kind == "ClusterRoleBinding" &&
			(len(subjects) != 1 || at(subjects[0], "name") != eks.Group(names.RecoverFunction)) {
			t.Errorf("nodes are drained by %s", asText(subjects))
		}
		for _, subject := range list(document["subjects"]) {
			if name, isName := at(subject, "name").(string); isName && at(subject, "kind") == "Group" {
				bound[name] = true
			}
		}
		for _, rule := range list(document["rules"]) {
			resources, verbs := texts(at(rule, "resources")), texts(at(rule, "verbs"))
			for _, verb := range verbs {
				changes := !slices.Contains([]string{"get", "list", "watch"}, verb)
				for _, resource := range resources {
					change := verb + " " + resource
					if changes && !slices.Contains(mayChange, change) && !(drains && slices.Contains(draining, change)) {
						t.Errorf("it allows to %s", change)
					}
				}
			}
			if slices.Contains(resources, "*") || slices.Contains(resources, "secrets") {
				t.Errorf("it is about %v", resources)
			}
		}
	}
	for _, function := range []string{names.RolloutFunction, names.RecoverFunction, names.ScaleFunction} {
		if group := eks.Group(function); !bound[group] {
			t.Errorf("it is not for the group %s", group)
		}
	}
	if !kinds["ValidatingAdmissionPolicy"] || !kinds["ValidatingAdmissionPolicyBinding"] {
		t.Error("nothing keeps it to workloads that opted in")
	}
}
