package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"davit/infra/config"
)

// managedChain has a node that AWS runs, beside one to move to.
const managedChain = "managed-chain"

// fullNodes are the configurations with a full node.
var fullNodes = []string{"chain-ecs-ec2", "chain-eks-ec2", managedChain}

func TestTheFullNodeHasRoomAndItsDataOutlivesIt(t *testing.T) {
	for _, configuration := range fullNodes {
		have, settings := synthesised[configuration][chainStack], configured[configuration].Chain.Full
		name, volume := have.only(t, "AWS::EC2::Volume")
		want := map[string]any{
			"VolumeType": "gp3", "Encrypted": true, "Size": float64(settings.VolumeGiB), "Iops": float64(settings.VolumeIOPS),
			"Throughput": float64(settings.VolumeThroughput), "AvailabilityZone": settings.Zone,
		}
		for property, value := range want {
			if difference := cmp.Diff(value, volume.Properties[property]); difference != "" {
				t.Errorf("%s: %s: -want +have:\n%s", configuration, property, difference)
			}
		}
		if settings.VolumeGiB < 2048 {
			t.Errorf("%s: %d GiB do not hold the chain", configuration, settings.VolumeGiB)
		}
		if volume.DeletionPolicy != "Retain" || volume.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s: %s goes with its stack", configuration, name)
		}
	}
}

func TestTheFullNodeIsReplacedByItselfInTheZoneOfItsVolume(t *testing.T) {
	for configuration, subnet := range map[string]string{
		"chain-ecs-ec2": "privateSubnet1", "chain-eks-ec2": "privateSubnet1", managedChain: "privateSubnet2",
	} {
		_, group := synthesised[configuration][chainStack].only(t, "AWS::AutoScaling::AutoScalingGroup")
		if group.Properties["MinSize"] != "1" || group.Properties["MaxSize"] != "1" {
			t.Errorf("%s: there are %v to %v", configuration, group.Properties["MinSize"], group.Properties["MaxSize"])
		}
		subnets := list(group.Properties["VPCZoneIdentifier"])
		if len(subnets) != 1 || !strings.Contains(asText(subnets[0]), subnet) {
			t.Errorf("%s: it is in %s, its volume in the zone of %s", configuration, asText(subnets), subnet)
		}
	}
}

func TestTheFullNodeIsReachedByItsClientsAloneAndSSMInsteadOfSSH(t *testing.T) {
	for _, configuration := range fullNodes {
		have := synthesised[configuration][chainStack]
		_, template := have.only(t, "AWS::EC2::LaunchTemplate")
		data := template.Properties["LaunchTemplateData"]
		if at(data, "MetadataOptions", "HttpTokens") != "required" || at(data, "KeyName") != nil {
			t.Errorf("%s: %s", configuration, asText(data))
		}
		role := have.Resources[resourceWith(have, "AWS::IAM::Role", "FullNodeRole")]
		if !strings.Contains(asText(role.Properties["ManagedPolicyArns"]), "AmazonSSMManagedInstanceCore") {
			t.Errorf("%s: there is no way in by SSM", configuration)
		}
		ports := map[any]int{}
		for name, rule := range have.of("AWS::EC2::SecurityGroupIngress") {
			if rule.Properties["SourceSecurityGroupId"] == nil {
				t.Errorf("%s: %s lets in more than a security group: %s", configuration, name, asText(rule.Properties))
			}
			ports[rule.Properties["FromPort"]]++
		}
		callers := 1
		if _, cluster := synthesised[configuration][eksStack]; cluster {
			callers = 2
		}
		if difference := cmp.Diff(map[any]int{8545.0: callers, 5052.0: callers}, ports); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
		for name, group := range have.of("AWS::EC2::SecurityGroup") {
			if inline := group.Properties["SecurityGroupIngress"]; inline != nil {
				t.Errorf("%s: %s lets in %s", configuration, name, asText(inline))
			}
		}
	}
}

// resourceWith is the logical name of the resource of the type whose name starts so.
func resourceWith(have template, kind, prefix string) string {
	for name := range have.of(kind) {
		if strings.HasPrefix(name, prefix) {
			return name
		}
	}
	return ""
}

func TestTheFullNodeMayTakeItsOwnVolumeAndItsOwnNameAlone(t *testing.T) {
	have := synthesised["chain-ecs-ec2"][chainStack]
	volume, _ := have.only(t, "AWS::EC2::Volume")
	zone, _ := have.only(t, "AWS::Route53::HostedZone")
	for _, s := range have.statements() {
		switch {
		case s.allows("ec2:AttachVolume"):
			resource := asText(s.fields["Resource"])
			tagged := at(s.fields, "Condition", "StringEquals", "aws:ResourceTag/davit/chain-node") == "full"
			if !strings.Contains(resource, volume) && (!tagged || !strings.Contains(resource, ":instance/*")) {
				t.Errorf("it may attach %s", asText(s.fields))
			}
		case s.allows("route53:ChangeResourceRecordSets"):
			if !strings.Contains(asText(s.fields["Resource"]), zone) ||
				!strings.Contains(asText(s.fields["Condition"]), `"ethereum.chain.davit.internal"`) {
				t.Errorf("it may change %s", asText(s.fields))
			}
		}
	}
}

func TestTheVolumeIsCopiedByScheduleAndOnlyItsCopiesAreDeleted(t *testing.T) {
	for _, configuration := range fullNodes {
		have, settings := synthesised[configuration][chainStack], configured[configuration].Chain.Full
		_, volume := have.only(t, "AWS::EC2::Volume")
		_, policy := have.only(t, "AWS::DLM::LifecyclePolicy")
		details := policy.Properties["PolicyDetails"]
		key, _ := at(details, "TargetTags", 0, "Key").(string)
		if value := at(details, "TargetTags", 0, "Value"); key == "" || volume.tags()[key] != value {
			t.Errorf("%s: it copies what is tagged %s: %v, the volume has %v", configuration, key, value, volume.tags())
		}
		schedule := at(details, "Schedules", 0)
		if at(schedule, "CreateRule", "Interval") != float64(settings.SnapshotHours) ||
			at(schedule, "RetainRule", "Count") != float64(settings.SnapshotsKept) || policy.Properties["State"] != "ENABLED" {
			t.Errorf("%s: %s", configuration, asText(policy.Properties))
		}
		for _, s := range have.statements() {
			if s.allows("ec2:DeleteSnapshot") && at(s.fields, "Condition", "StringEquals", "aws:ResourceTag/"+key) != "full" {
				t.Errorf("%s: it deletes others' copies: %s", configuration, asText(s.fields))
			}
		}
		if at(schedule, "CopyTags") != true {
			t.Errorf("%s: a copy has no tag by which it may be deleted", configuration)
		}
	}
}

func TestWhoSignsDoesNotAdministerTheKeyAndTheOtherWayRound(t *testing.T) {
	for _, configuration := range []string{"chain-ecs-ec2", "chain-ecs-fargate", "chain-eks-ec2", "chain-eks-fargate", managedChain} {
		_, key := synthesised[configuration][chainStack].only(t, "AWS::KMS::Key")
		if key.Properties["KeySpec"] != "ECC_SECG_P256K1" || key.Properties["KeyUsage"] != "SIGN_VERIFY" {
			t.Errorf("%s: it is a %v for %v", configuration, key.Properties["KeySpec"], key.Properties["KeyUsage"])
		}
		who := map[string][]string{}
		for _, statement := range list(at(key.Properties, "KeyPolicy", "Statement")) {
			for _, principal := range list(at(statement, "Principal", "AWS")) {
				name := asText(principal)
				name = strings.Trim(name[strings.LastIndex(name, ":")+1:], `"]}`)
				who[name] = append(who[name], texts(at(statement, "Action"))...)
			}
		}
		want := []string{"root"}
		if configuration != managedChain {
			want = []string{"role/platform", "role/treasury", "root"}
		}
		var have []string
		for name, actions := range who {
			have = append(have, name)
			signs, changes := slices.Contains(actions, "kms:Sign"), slices.Contains(actions, "kms:PutKeyPolicy")
			if signs == changes || signs != (name == "role/treasury") || slices.Contains(actions, "kms:*") {
				t.Errorf("%s: %s may sign: %v, and change the key: %v", configuration, name, signs, changes)
			}
		}
		slices.Sort(have)
		if difference := cmp.Diff(want, have); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
	}
}

func TestTheLightNodeFollowsFromItsCheckpoint(t *testing.T) {
	for configuration, beacon := range map[string]string{
		"chain-ecs-ec2":     "http://ethereum.chain.davit.internal:5052",
		"chain-ecs-fargate": "https://beacon.example.com",
	} {
		have, settings := synthesised[configuration][chainStack], configured[configuration].Chain.Light
		_, definition := have.only(t, "AWS::ECS::TaskDefinition")
		container := at(definition.Properties, "ContainerDefinitions", 0)
		want := []string{"lightclient", "--network", "mainnet", "--beaconApiUrl", beacon, "--checkpointRoot", settings.Checkpoint}
		if difference := cmp.Diff(want, texts(at(container, "Command"))); difference != "" {
			t.Errorf("%s: -want +have:\n%s", configuration, difference)
		}
		if image, _ := at(container, "Image").(string); !strings.Contains(image, "@sha256:") {
			t.Errorf("%s: its image is %s", configuration, image)
		}
		_, service := have.only(t, "AWS::ECS::Service")
		groups := asText(at(service.Properties, "NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups"))
		if own := strings.HasPrefix(beacon, "http://"); strings.Contains(groups, "FullNodeClients") != own {
			t.Errorf("%s: it is in %s", configuration, groups)
		}
	}
}

func TestTheLightNodesManifestIsKeptForTheCluster(t *testing.T) {
	for configuration, beacon := range map[string]string{
		"chain-eks-ec2":     "http://ethereum.chain.davit.internal:5052",
		"chain-eks-fargate": "https://beacon.example.com",
	} {
		_, parameter := synthesised[configuration][chainStack].only(t, "AWS::SSM::Parameter")
		text, _ := parameter.Properties["Value"].(string)
		_, second, found := strings.Cut(text, "\n---\n")
		var deployment map[string]any
		if err := yaml.Load([]byte(second), &deployment); err != nil || !found {
			t.Fatalf("%s: %v in:\n%s", configuration, err, text)
		}
		container := at(deployment, "spec", "template", "spec", "containers", 0)
		if !slices.Contains(texts(at(container, "args")), beacon) {
			t.Errorf("%s: it asks %v", configuration, at(container, "args"))
		}
		if len(text) > 4096 {
			t.Errorf("%s: %d characters are more than a parameter holds", configuration, len(text))
		}
	}
}

func TestAManagedNodeIsMadeForWhoKnowsWhenItEnds(t *testing.T) {
	have := synthesised[managedChain][chainStack]
	_, node := have.only(t, "AWS::ManagedBlockchain::Node")
	if node.Properties["NetworkId"] != "n-ethereum-mainnet" {
		t.Errorf("it is a node of %v", node.Properties["NetworkId"])
	}
	if at(have.Outputs, "EndOfService", "Value") != config.EndOfManagedBlockchain {
		t.Errorf("its outputs are %s", asText(have.Outputs))
	}
}

// commands stand in for those of the instance: they write down how they were called, and answer what the script asks.
const commands = `#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
case "$(basename "$0") $*" in
  "aws ec2 describe-volumes "*) echo vol-0123 ;;
  "curl "*api/token) echo token ;;
  "curl "*instance-id) echo i-0123456789abcdef0 ;;
  "curl "*local-ipv4) echo 10.0.1.23 ;;
  "blkid "*) test -e "$FORMATTED" ;;
  "mkfs.xfs "*) touch "$FORMATTED" ;;
  "mountpoint "*) exit 1 ;;
esac
`

// TestTheNodeSetsItselfUp runs the script that the instances run, with commands that only write down how they were called.
func TestTheNodeSetsItselfUp(t *testing.T) {
	folder := t.TempDir()
	data, units, calls := filepath.Join(folder, "data"), filepath.Join(folder, "units"), filepath.Join(folder, "calls")
	stubs := filepath.Join(folder, "bin")
	for _, path := range []string{units, stubs} {
		if err := os.Mkdir(path, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"curl", "dnf", "aws", "blkid", "mkfs.xfs", "mountpoint", "mount", "chown", "systemctl",
		"amazon-cloudwatch-agent-ctl"} {
		if err := os.WriteFile(filepath.Join(stubs, name), []byte(commands), 0o700); err != nil { // #nosec G306 -- it is run
			t.Fatal(err)
		}
	}
	device := filepath.Join(folder, "device")
	for _, path := range []string{device, filepath.Join(folder, "fstab")} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		script := exec.CommandContext(ctx, "bash", "chain/node.sh")
		script.Env = append(os.Environ(), "PATH="+stubs+":"+os.Getenv("PATH"), "CALLS="+calls, "DATA="+data, "UNITS="+units,
			"AGENT="+folder, "DEVICE="+device, "FSTAB="+filepath.Join(folder, "fstab"), "FORMATTED="+filepath.Join(folder, "formatted"),
			"REGION=ap-northeast-2", "NODE_TAG=davit/chain-node", "NODE=full", "ZONE=Z1", "NAME=ethereum.chain.davit.internal", "LOG_GROUP=/davit/chain/full",
			"NETWORK=mainnet", "EXECUTION_IMAGE=geth@sha256:1", "CONSENSUS_IMAGE=lighthouse@sha256:2",
			"CHECKPOINT_URL=https://beaconstate.info", "METRIC_NAMESPACE=davit/chain")
		if output, err := script.CombinedOutput(); err != nil {
			t.Fatalf("%v:\n%s", err, output)
		}
	}
	run()
	secret := readFile(t, filepath.Join(data, "jwt.hex"))
	if !regexp.MustCompile(`^[0-9a-f]{64}\n$`).MatchString(secret) {
		t.Errorf("the secret is %q", secret)
	}
	if information, err := os.Stat(filepath.Join(data, "jwt.hex")); err != nil || information.Mode().Perm() != 0o400 {
		t.Errorf("the secret is readable by more than its owner: %v, %v", information.Mode(), err)
	}
	first := readFile(t, calls)
	for _, want := range []string{
		"aws ec2 describe-volumes --region ap-northeast-2 --filters Name=tag:davit/chain-node,Values=full ",
		"aws ec2 attach-volume --region ap-northeast-2 --volume-id vol-0123 --instance-id i-0123456789abcdef0 ",
		"mkfs.xfs -q " + device, "chown 10001:10001 ", data + "/jwt.hex\n", "systemctl enable --now docker execution consensus",
		`"Name":"ethereum.chain.davit.internal","Type":"A","TTL":60,"ResourceRecords":[{"Value":"10.0.1.23"}]`,
	} {
		if !strings.Contains(first, want) {
			t.Errorf("it did not call %q:\n%s", want, first)
		}
	}
	for unit, want := range map[string][]string{
		"execution": {"geth@sha256:1 --mainnet", "--user 10001:10001", "--authrpc.addr 127.0.0.1", "/jwt.hex:/jwt.hex:ro"},
		"consensus": {"lighthouse@sha256:2 lighthouse beacon_node --network mainnet", "--checkpoint-sync-url https://beaconstate.info"},
	} {
		text := readFile(t, filepath.Join(units, unit+".service"))
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %q:\n%s", unit, part, text)
			}
		}
	}
	var agent map[string]any
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(folder, "davit.json"))), &agent); err != nil {
		t.Error(err)
	}

	// The next instance finds the volume in use.
	if err := os.Truncate(calls, 0); err != nil {
		t.Fatal(err)
	}
	run()
	if again := readFile(t, filepath.Join(data, "jwt.hex")); again != secret {
		t.Error("the second instance has another secret")
	}
	if second := readFile(t, calls); strings.Contains(second, "mkfs") {
		t.Errorf("the second instance formats the volume:\n%s", second)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path) // #nosec G304 -- the test's own
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
