package hosts_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/cmd/davit/emulator/emulatortest"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/settings"
	"davit/shared/workload"
	sizes "davit/shared/workload/autoscaling"
	"davit/shared/workload/hosts"
)

var endpoint string

func TestMain(m *testing.M) {
	os.Exit(emulatortest.Run(m, func(url string) { endpoint = url }, emulatortest.WithoutEngine))
}

// site is an account with a cluster whose tasks run on the hosts of a group.
type site struct {
	t      *testing.T
	name   string
	driver *hosts.Driver
	ec2    *hosts.EC2
	groups *autoscaling.Client
	ecs    *ecs.Client
	ssm    *ssm.Client
}

func newSite(t *testing.T, count int, tags map[string]string) *site {
	t.Helper()
	configuration := aws.Config{Region: "ap-northeast-2", BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	s := &site{t: t, name: fmt.Sprintf("hosts-%d", time.Now().UnixNano()), ec2: hosts.NewEC2(configuration),
		groups: autoscaling.NewFromConfig(configuration), ecs: ecs.NewFromConfig(configuration), ssm: ssm.NewFromConfig(configuration)}
	s.driver = hosts.New(hosts.Clients{EC2: s.ec2, Groups: s.groups, ECS: s.ecs, SSM: s.ssm,
		Sizes: sizes.NewGroups(sizes.New(sizes.Clients{Groups: s.groups}, names.TagPlaybook))})
	input := &autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: &s.name, MinSize: aws.Int32(0), MaxSize: aws.Int32(3),
		DesiredCapacity: aws.Int32(int32(count))} // #nosec G115 -- a few
	for key, value := range tags {
		input.Tags = append(input.Tags, groups.Tag{Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true)})
	}
	_, err := s.groups.CreateAutoScalingGroup(t.Context(), input)
	s.must(err)
	_, err = s.ecs.CreateCapacityProvider(t.Context(), &ecs.CreateCapacityProviderInput{Name: &s.name,
		AutoScalingGroupProvider: &types.AutoScalingGroupProvider{AutoScalingGroupArn: &s.name}})
	s.must(err)
	_, err = s.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &s.name, CapacityProviders: []string{s.name}})
	s.must(err)
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) members() []string {
	s.t.Helper()
	described, err := s.groups.DescribeAutoScalingGroups(s.t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{s.name}})
	s.must(err)
	var members []string
	for _, member := range described.AutoScalingGroups[0].Instances {
		members = append(members, aws.ToString(member.InstanceId))
	}
	return members
}

func (s *site) host(id string) workload.Reference {
	s.t.Helper()
	reference, err := workload.EC2Instance(id)
	s.must(err)
	return reference
}

func (s *site) group() workload.Reference {
	s.t.Helper()
	reference, err := workload.AutoScalingGroup(s.name)
	s.must(err)
	return reference
}

func (s *site) observe(reference workload.Reference) recovery.Observation {
	s.t.Helper()
	seen, err := s.driver.Observe(s.t.Context(), reference)
	s.must(err)
	return seen
}

// act does a step as the reconciler asks for it, on what was seen.
func (s *site) act(seen recovery.Observation, do settings.Do) (recovery.Done, ledger.Act) {
	s.t.Helper()
	if why := seen.Cannot[do]; why != "" {
		s.t.Fatalf("%s cannot %s: %s", seen.Workload, do, why)
	}
	act := seen.Intent(do)
	act.ID, act.IntendedAt = fmt.Sprintf("act-%d", time.Now().UnixNano()), time.Now()
	done, err := s.driver.Act(s.t.Context(), seen, act, false)
	s.must(err)
	return done, act
}

// serve runs a service with so many tasks on the hosts.
func (s *site) serve(tasks int) {
	s.t.Helper()
	registered, err := s.ecs.RegisterTaskDefinition(s.t.Context(), &ecs.RegisterTaskDefinitionInput{Family: &s.name,
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web"), Memory: aws.Int32(64)}}})
	s.must(err)
	_, err = s.ecs.CreateService(s.t.Context(), &ecs.CreateServiceInput{Cluster: &s.name, ServiceName: aws.String("web"),
		TaskDefinition: registered.TaskDefinition.TaskDefinitionArn, DesiredCount: aws.Int32(int32(tasks)), // #nosec G115 -- a few
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: &s.name, Weight: 1}}})
	s.must(err)
}

// await waits until the host or group is seen as expected.
func (s *site) await(reference workload.Reference, what string, holds func(recovery.Observation) bool) recovery.Observation {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	for {
		seen := s.observe(reference)
		if holds(seen) {
			return seen
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("waited in vain for %s: %+v", what, seen)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestADrainedHostHasItsTasksMovedAndTakenBackItServesAgain(t *testing.T) {
	s := newSite(t, 2, map[string]string{names.TagPlaybook: settings.ReservedPlaybook})
	s.serve(4)
	members := s.members()
	if len(members) != 2 {
		t.Fatalf("the group has %v", members)
	}
	before := s.observe(s.host(members[0]))
	if !before.Exists || !before.OptedIn() || !before.Healthy || before.Drained || !before.Admits || before.Host != members[0] || before.Region != "ap-northeast-2" {
		t.Fatalf("the host is seen as %+v", before)
	}
	done, act := s.act(before, settings.Drain)
	if !strings.Contains(done.Text, "2 tasks ran") || act.Undo == nil || act.Undo.Target != members[0] {
		t.Errorf("draining says %+v, and the undo is %+v", done, act.Undo)
	}
	drained := s.await(s.host(members[0]), "the tasks to leave the host", func(seen recovery.Observation) bool { return seen.Drained })
	if !drained.Healthy || drained.Replaced || drained.Admits || !strings.Contains(drained.Refill, "--status ACTIVE") {
		t.Errorf("the drained host is seen as %+v", drained)
	}
	act.Undoes = act.Undo
	if _, err := s.driver.Act(t.Context(), drained, act, false); err != nil {
		t.Fatal(err)
	}
	if back := s.observe(s.host(members[0])); back.Drained || !back.Admits {
		t.Errorf("the host that was taken back is seen as %+v", back)
	}
}

func TestAHostIsReplacedOnceHoweverOftenItIsAskedFor(t *testing.T) {
	s := newSite(t, 2, map[string]string{names.TagPlaybook: settings.ReservedPlaybook})
	before := s.members()
	seen := s.observe(s.host(before[0]))
	_, act := s.act(seen, settings.ReplaceHosts)
	after := s.members()
	if len(after) != 2 || slices.Contains(after, before[0]) || !slices.Contains(after, before[1]) {
		t.Fatalf("%v became %v", before, after)
	}
	if _, err := s.driver.Act(t.Context(), seen, act, true); err != nil {
		t.Fatal(err)
	}
	if again := s.members(); !slices.Equal(again, after) {
		t.Errorf("finishing the act made %v of %v", again, after)
	}
	if gone := s.observe(s.host(before[0])); !gone.Exists || !gone.Replaced || !gone.Healthy || gone.Cannot[settings.ReplaceHosts] == "" {
		t.Errorf("the host that is gone is seen as %+v", gone)
	}
}

func TestAHostThatNobodyKnowsDoesNotExist(t *testing.T) {
	s := newSite(t, 0, nil)
	if seen := s.observe(s.host("i-0123456789abcdef0")); seen.Exists {
		t.Errorf("it is seen as %+v", seen)
	}
}

func TestAGroupScalesOutWithinItsMaximumAndBack(t *testing.T) {
	s := newSite(t, 2, map[string]string{names.TagPlaybook: settings.ReservedPlaybook})
	seen := s.observe(s.group())
	if !seen.Healthy || seen.Desired != 2 || seen.Host != "" || seen.Cannot[settings.ReplaceHosts] == "" || seen.Cannot[settings.Restart] == "" {
		t.Fatalf("the group is seen as %+v", seen)
	}
	_, act := s.act(seen, settings.ScaleOut)
	full := s.observe(s.group())
	if full.Desired != 3 || !full.Healthy || full.Cannot[settings.ScaleOut] == "" {
		t.Errorf("after the step the group is seen as %+v", full)
	}
	act.Undoes = act.Undo
	if _, err := s.driver.Act(t.Context(), full, act, false); err != nil {
		t.Fatal(err)
	}
	if back := s.observe(s.group()); back.Desired != 2 {
		t.Errorf("after the undo the group is seen as %+v", back)
	}
}

func TestAChainNodeIsRestartedGrownAndRestored(t *testing.T) {
	name := fmt.Sprintf("full-%d", time.Now().UnixNano())
	s := newSite(t, 1, map[string]string{names.TagPlaybook: settings.ReservedPlaybook, names.TagChainNode: name, names.TagVolumeLimit: "130"})
	bare := s.observe(s.group())
	for _, do := range []settings.Do{settings.GrowVolume, settings.RestoreSnapshot} {
		if bare.Cannot[do] == "" {
			t.Errorf("a node without a volume could %s", do)
		}
	}
	volume := s.made("CreateVolume", map[string]string{"AvailabilityZone": "ap-northeast-2a", "Size": "100", "VolumeType": "gp3",
		"TagSpecification.1.ResourceType": "volume", "TagSpecification.1.Tag.1.Key": names.TagChainNode, "TagSpecification.1.Tag.1.Value": name}).Volume
	snapshot := s.made("CreateSnapshot", map[string]string{"VolumeId": volume}).Snapshot

	seen := s.observe(s.group())
	if want := (recovery.Volume{ID: volume, GiB: 100, NextGiB: 130, Snapshot: snapshot}); seen.Volume != want {
		t.Fatalf("the volume is seen as %+v, want %+v", seen.Volume, want)
	}
	host := seen.Host
	_, act := s.act(seen, settings.RestartClient)
	if _, err := s.driver.Act(t.Context(), seen, act, true); err != nil {
		t.Fatal(err)
	}
	_, act = s.act(seen, settings.GrowVolume)
	grown := s.observe(s.group())
	if grown.Volume.GiB != 130 || !strings.Contains(grown.Cannot[settings.GrowVolume], "its owner allows 130") {
		t.Errorf("after growing the group is seen as %+v", grown)
	}
	if _, err := s.driver.Act(t.Context(), grown, act, true); err != nil {
		t.Fatal(err)
	}
	if sent := s.commands(host); !slices.Equal(sent, []string{names.GrowFileSystemDocument, names.RestartClientDocument}) {
		t.Errorf("the host was sent %v, want one restart and one growth", sent)
	}

	done, act := s.act(grown, settings.RestoreSnapshot)
	restored := s.observe(s.group())
	if restored.Volume.ID == volume || restored.Volume.GiB != 130 || restored.Host == host || !strings.Contains(done.Text, snapshot) {
		t.Errorf("after restoring the group is seen as %+v: %s", restored, done.Text)
	}
	if _, err := s.driver.Act(t.Context(), grown, act, true); err != nil {
		t.Fatal(err)
	}
	if again := s.observe(s.group()); again.Volume.ID != restored.Volume.ID || again.Host != restored.Host {
		t.Errorf("finishing the act made %+v of %+v", again, restored)
	}
}

// made makes something of EC2 by its query API.
func (s *site) made(action string, parameters map[string]string) (made struct {
	Volume   string `xml:"volumeId"`
	Snapshot string `xml:"snapshotId"`
}) {
	s.t.Helper()
	s.must(hosts.Call(s.ec2, s.t.Context(), action, parameters, &made))
	return made
}

func (s *site) commands(host string) []string {
	s.t.Helper()
	listed, err := s.ssm.ListCommands(s.t.Context(), &ssm.ListCommandsInput{InstanceId: &host})
	s.must(err)
	var documents []string
	for _, command := range listed.Commands {
		documents = append(documents, aws.ToString(command.DocumentName))
	}
	slices.Sort(documents)
	return documents
}
