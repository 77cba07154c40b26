package scenarios

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	grouptypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	alarmtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/settings"
	"davit/shared/workload"
)

func TestAnImpairedHostIsDrainedAndReplaced(t *testing.T) {
	t.Parallel()
	h := newHosts(t, "impaired", 2)
	host, other := h.members()[0], h.members()[1]
	h.isAbout(host)
	h.alarm("ALARM", "InstanceId", host)
	h.await("the host to be replaced", func(context.Context) (string, bool, error) {
		members := h.members()
		return fmt.Sprint(members), len(members) == 2 && !slices.Contains(members, host) && slices.Contains(members, other), nil
	})
	ended := h.awaitIncident("the incident to end", func(incident ledger.Incident) bool { return !incident.EndedAt.IsZero() })
	h.checkTried(ended, "drain no-help", "replace-hosts helped")
	if ended.Outcome != string(recovery.Recovered) || ended.Playbook != recovery.HostImpaired {
		t.Errorf("the incident by %s ended as %s: %s", ended.Playbook, ended.Outcome, ended.Reason)
	}
}

func TestAHostThatEC2TakesBackIsDrainedAndItsTasksMove(t *testing.T) {
	t.Parallel()
	h := newHosts(t, "interrupted", 2)
	h.run("1.0.0", 2)
	h.await("each host to run a task", func(context.Context) (string, bool, error) {
		seen := h.containerInstances("ACTIVE")
		return tasksOn(seen), !slices.ContainsFunc(seen, func(host types.ContainerInstance) bool { return host.RunningTasksCount != 1 }), nil
	})
	host := h.members()[0]
	h.isAbout(host)
	h.played("aws.ec2", "EC2 Spot Instance Interruption Warning", document{"instance-id": host, "instance-action": "terminate"})
	ended := h.awaitIncident("the incident to end", func(incident ledger.Incident) bool { return !incident.EndedAt.IsZero() })
	h.checkTried(ended, "drain helped")
	if ended.Outcome != string(recovery.Recovered) || ended.Playbook != recovery.SpotInterruption {
		t.Errorf("the incident by %s ended as %s: %s", ended.Playbook, ended.Outcome, ended.Reason)
	}
	drained := h.containerInstances("DRAINING")
	if len(drained) != 1 || aws.ToString(drained[0].Ec2InstanceId) != host || drained[0].RunningTasksCount != 0 {
		t.Errorf("draining are the hosts %s, want %s alone", tasksOn(drained), host)
	}
	h.await("the other host to run both tasks", func(context.Context) (string, bool, error) {
		left := h.containerInstances("ACTIVE")
		return tasksOn(left), len(left) == 1 && left[0].RunningTasksCount == 2, nil
	})
}

func TestAHostThatAWSRetiresIsReplacedThoughItRuns(t *testing.T) {
	t.Parallel()
	h := newHosts(t, "retired", 1)
	host := h.members()[0]
	h.isAbout(host)
	h.played("aws.health", "AWS Health Event", document{"eventArn": "arn:aws:health:ap-northeast-2::event/EC2/RETIREMENT/1", "service": "EC2",
		"eventTypeCode": "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED", "eventTypeCategory": "scheduledChange", "statusCode": "upcoming",
		"affectedEntities": []any{document{"entityValue": host}}})
	ended := h.awaitIncident("the incident to end", func(incident ledger.Incident) bool { return !incident.EndedAt.IsZero() })
	h.checkTried(ended, "drain no-help", "replace-hosts helped")
	if slices.Contains(h.members(), host) {
		t.Errorf("%s is still a member of %v", host, h.members())
	}
}

func TestAChainNodeThatIsBehindClimbsItsLadderToAHuman(t *testing.T) {
	t.Parallel()
	h := newHosts(t, "behind", 1, names.TagChainNode, names.TagVolumeLimit, "130")
	group, err := workload.AutoScalingGroup(h.name)
	h.must(err)
	h.workload = group
	host := h.members()[0]
	volume := h.query("CreateVolume", "AvailabilityZone", "ap-northeast-2a", "Size", "100", "VolumeType", "gp3", "TagSpecification.1.ResourceType",
		"volume", "TagSpecification.1.Tag.1.Key", names.TagChainNode, "TagSpecification.1.Tag.1.Value", h.name).Made
	h.query("CreateSnapshot", "VolumeId", volume, "TagSpecification.1.ResourceType", "snapshot", "TagSpecification.1.Tag.1.Key", names.TagChainNode,
		"TagSpecification.1.Tag.1.Value", h.name)
	h.alarm("ALARM", "Node", h.name)
	paged := h.awaitIncident("a human to be paged", func(incident ledger.Incident) bool { return !incident.PagedAt.IsZero() })
	h.checkTried(paged, "restart-client no-help", "grow-volume no-help", "restore-snapshot no-help", "replace-hosts no-help")

	commands, err := h.ssm.ListCommands(h.ctx, &ssm.ListCommandsInput{InstanceId: &host})
	h.must(err)
	if len(commands.Commands) != 2 {
		t.Errorf("the host was sent %d commands, want one restart and one growth", len(commands.Commands))
	}
	if grown := h.query("DescribeVolumes", "VolumeId.1", volume).Listed; len(grown) != 1 || grown[0].GiB != 130 {
		t.Errorf("the volume is %+v", grown)
	}
	named := h.query("DescribeVolumes", "Filter.1.Name", "tag:"+names.TagChainNode, "Filter.1.Value.1", h.name).Listed
	if len(named) != 1 || named[0].ID == volume || named[0].Snapshot == "" {
		t.Errorf("the node's name is on %+v, want on one volume that was made of the snapshot", named)
	}
	if slices.Contains(h.members(), host) {
		t.Errorf("%s is still a member of %v", host, h.members())
	}
	h.alarm("OK", "Node", h.name)
	ended := h.awaitIncident("the incident to end", func(incident ledger.Incident) bool { return !incident.EndedAt.IsZero() })
	if ended.Outcome != string(recovery.Recovered) {
		t.Errorf("it ended as %q: %s", ended.Outcome, ended.Reason)
	}
}

func TestAServiceWhoseTasksFailOnItsHostHasTheHostReplacedToo(t *testing.T) {
	t.Parallel()
	h := newHosts(t, "failing", 1)
	host := h.members()[0]
	reference, err := workload.ECSService(h.cluster, h.name)
	h.must(err)
	h.workload = reference
	h.run("1.0.0", 1, tagged(names.TagPlaybook, settings.ReservedPlaybook))
	for range 2 {
		h.killOn(h.awaitTask())
	}
	h.alarm("ALARM", "ServiceName", h.name)
	paged := h.awaitIncident("a human to be paged", func(incident ledger.Incident) bool { return !incident.PagedAt.IsZero() })
	h.checkTried(paged, "rollback left-out", "restart no-help", "scale-out no-help", "replace-hosts no-help")
	if members := h.members(); len(members) != 1 || members[0] == host {
		t.Errorf("the hosts are %v, want another one than %s", members, host)
	}
}

// machines are the hosts of a group, and of a cluster of their own, which somebody made and opted in.
type machines struct {
	*service
	cluster string
}

// newHosts makes so many hosts. What follows are keys and values of further tags; a key without a value has the name.
func newHosts(t *testing.T, name string, count int32, tags ...string) *machines {
	t.Helper()
	h := &machines{service: newService(t, name), cluster: name + "-hosts"}
	input := &autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: &h.name, MinSize: aws.Int32(0), MaxSize: aws.Int32(4), DesiredCapacity: &count}
	for tags = append([]string{names.TagPlaybook, settings.ReservedPlaybook}, tags...); len(tags) > 0; tags = tags[1:] {
		key, value := tags[0], h.name
		if len(tags) > 1 && !strings.HasPrefix(tags[1], "davit/") {
			value, tags = tags[1], tags[1:]
		}
		input.Tags = append(input.Tags, grouptypes.Tag{Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true)})
	}
	_, err := h.groups.CreateAutoScalingGroup(h.ctx, input)
	h.must(err)
	_, err = h.ecs.CreateCapacityProvider(h.ctx, &ecs.CreateCapacityProviderInput{Name: &h.name,
		AutoScalingGroupProvider: &types.AutoScalingGroupProvider{AutoScalingGroupArn: &h.name}})
	h.must(err)
	_, err = h.ecs.CreateCluster(h.ctx, &ecs.CreateClusterInput{ClusterName: &h.cluster, CapacityProviders: []string{h.name}})
	h.must(err)
	return h
}

func (h *machines) members() []string {
	h.t.Helper()
	described, err := h.groups.DescribeAutoScalingGroups(h.ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{h.name}})
	h.must(err)
	var members []string
	for _, member := range described.AutoScalingGroups[0].Instances {
		members = append(members, aws.ToString(member.InstanceId))
	}
	return members
}

// isAbout has the incidents of the test be those of the host.
func (h *machines) isAbout(host string) {
	h.t.Helper()
	reference, err := workload.EC2Instance(host)
	h.must(err)
	h.workload = reference
}

// run runs a version of the service's image on the hosts.
func (h *machines) run(version string, tasks int32, tags ...types.Tag) {
	h.t.Helper()
	registered, err := h.ecs.RegisterTaskDefinition(h.ctx, &ecs.RegisterTaskDefinitionInput{Family: &h.name, NetworkMode: types.NetworkModeAwsvpc,
		Cpu: aws.String("256"), Memory: aws.String("512"), RequiresCompatibilities: []types.Compatibility{types.CompatibilityEc2},
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String(h.image(version)), Essential: aws.Bool(true)}}})
	h.must(err)
	_, err = h.ecs.CreateService(h.ctx, &ecs.CreateServiceInput{Cluster: &h.cluster, ServiceName: &h.name, DesiredCount: &tasks,
		TaskDefinition: registered.TaskDefinition.TaskDefinitionArn, Tags: tags,
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: &h.name, Weight: 1}}})
	h.must(err)
}

// tasksOn says how many tasks run on each host.
func tasksOn(hosts []types.ContainerInstance) string {
	var each []string
	for _, host := range hosts {
		each = append(each, fmt.Sprintf("%s: %d tasks", aws.ToString(host.Ec2InstanceId), host.RunningTasksCount))
	}
	return strings.Join(each, ", ")
}

// awaitTask waits for a task that runs, and answers its container.
func (h *machines) awaitTask() (container string) {
	h.t.Helper()
	h.await("a task to run", func(context.Context) (string, bool, error) {
		listed, err := h.ecs.ListTasks(h.ctx, &ecs.ListTasksInput{Cluster: &h.cluster, ServiceName: &h.name})
		if err != nil || len(listed.TaskArns) == 0 {
			return "no task", false, err
		}
		described, err := h.ecs.DescribeTasks(h.ctx, &ecs.DescribeTasksInput{Cluster: &h.cluster, Tasks: listed.TaskArns})
		if err != nil {
			return "", false, err
		}
		for _, task := range described.Tasks {
			if aws.ToString(task.LastStatus) == "RUNNING" && len(task.Containers) == 1 {
				container = aws.ToString(task.Containers[0].RuntimeId)
			}
		}
		return fmt.Sprintf("%d tasks, none of which runs", len(described.Tasks)), container != "", nil
	})
	return container
}

// killOn kills a container as `docker kill` does, and waits until its task is seen to have stopped.
func (h *machines) killOn(container string) {
	h.t.Helper()
	h.must(h.engine.Kill(h.ctx, container, "SIGKILL"))
	h.await("another task to run", func(context.Context) (string, bool, error) {
		return container, h.awaitTask() != container, nil
	})
}

func (h *machines) containerInstances(status types.ContainerInstanceStatus) []types.ContainerInstance {
	h.t.Helper()
	listed, err := h.ecs.ListContainerInstances(h.ctx, &ecs.ListContainerInstancesInput{Cluster: &h.cluster, Status: status})
	h.must(err)
	if len(listed.ContainerInstanceArns) == 0 {
		return nil
	}
	described, err := h.ecs.DescribeContainerInstances(h.ctx, &ecs.DescribeContainerInstancesInput{Cluster: &h.cluster,
		ContainerInstances: listed.ContainerInstanceArns})
	h.must(err)
	return described.ContainerInstances
}

// alarm makes an alarm with the dimension, tagged for the workload where that says nothing, and sets its state as
// `aws cloudwatch set-alarm-state` does.
func (h *machines) alarm(state alarmtypes.StateValue, dimension, value string) {
	h.t.Helper()
	name := h.name + "-" + strings.ToLower(dimension)
	input := &cloudwatch.PutMetricAlarmInput{AlarmName: &name, Namespace: aws.String("AWS/EC2"), MetricName: aws.String("StatusCheckFailed"),
		Statistic: alarmtypes.StatisticMaximum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0),
		TreatMissingData: aws.String("ignore"), ComparisonOperator: alarmtypes.ComparisonOperatorGreaterThanThreshold,
		Dimensions: []alarmtypes.Dimension{{Name: &dimension, Value: &value}}}
	switch dimension {
	case "ServiceName":
		input.Dimensions = append(input.Dimensions, alarmtypes.Dimension{Name: aws.String("ClusterName"), Value: &h.cluster})
	case names.DimensionNode:
		input.Tags = []alarmtypes.Tag{{Key: aws.String(names.TagWorkload), Value: aws.String(h.workload.String())},
			{Key: aws.String(names.TagPlaybook), Value: aws.String(names.PlaybookChainNodeBehind)}}
	}
	_, err := h.alarms.PutMetricAlarm(h.ctx, input)
	h.must(err)
	_, err = h.alarms.SetAlarmState(h.ctx, &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("the test says so")})
	h.must(err)
}

// played publishes an event as AWS would.
func (h *machines) played(source, detailType string, detail document) {
	h.t.Helper()
	encoded, err := json.Marshal(detail)
	h.must(err)
	put, err := h.events.PutEvents(h.ctx, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{{
		Source: aws.String("local." + source), DetailType: &detailType, Detail: aws.String(string(encoded))}}})
	h.must(err)
	if put.FailedEntryCount > 0 {
		h.t.Fatalf("the event was not taken: %+v", put.Entries)
	}
}

// volumes is what EC2 answers about volumes.
type volumes struct {
	// Made is the ID of one that was made.
	Made   string `xml:"volumeId"`
	Listed []struct {
		ID       string `xml:"volumeId"`
		GiB      int    `xml:"size"`
		Snapshot string `xml:"snapshotId"`
	} `xml:"volumeSet>item"`
}

// query calls EC2, for which there is no SDK here: pairs are the call's parameters.
func (h *machines) query(action string, pairs ...string) volumes {
	h.t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for index := 1; index < len(pairs); index += 2 {
		form.Set(pairs[index-1], pairs[index])
	}
	request, err := http.NewRequestWithContext(h.ctx, http.MethodPost, h.site.Endpoint.URL(), strings.NewReader(form.Encode()))
	h.must(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+h.site.Endpoint.Region+
		"/ec2/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	h.must(err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	h.must(err)
	if response.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %s: %s", action, response.Status, text)
	}
	var answer volumes
	h.must(xml.Unmarshal(text, &answer))
	return answer
}
