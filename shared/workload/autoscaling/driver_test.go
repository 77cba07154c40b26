package autoscaling_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	targettypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	grouptypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	alarmtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/ledger/ledgertest"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
	"davit/shared/workload/autoscaling"
)

// shop is a cluster on the peer with one service of two tasks.
type shop struct {
	t         *testing.T
	ctx       context.Context
	clients   autoscaling.Clients
	driver    *autoscaling.Driver
	reference workload.Reference
}

func newShop(t *testing.T, cluster string, launch types.LaunchType, strategy ...types.CapacityProviderStrategyItem) *shop {
	t.Helper()
	config := configuration(peer)
	clients := autoscaling.Clients{ECS: ecs.NewFromConfig(config), Targets: applicationautoscaling.NewFromConfig(config),
		Groups: groups.NewFromConfig(config), CloudWatch: cloudwatch.NewFromConfig(configuration(cloud)), Tagging: resourcegroupstaggingapi.NewFromConfig(config)}
	reference, err := workload.ECSService(cluster, "web")
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, ctx: within(t), clients: clients, driver: autoscaling.New(clients, names.TagScaling), reference: reference}
	_, err = clients.ECS.CreateCluster(s.ctx, &ecs.CreateClusterInput{ClusterName: &cluster,
		DefaultCapacityProviderStrategy: strategy})
	s.must(err)
	_, err = clients.ECS.RegisterTaskDefinition(s.ctx, &ecs.RegisterTaskDefinitionInput{Family: &cluster, Cpu: aws.String("256"), Memory: aws.String("512"),
		NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate, types.CompatibilityEc2},
		RuntimePlatform:      &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureArm64},
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("web:1")}}})
	s.must(err)
	_, err = clients.ECS.CreateService(s.ctx, &ecs.CreateServiceInput{Cluster: &cluster, ServiceName: aws.String("web"), TaskDefinition: &cluster,
		DesiredCount: aws.Int32(2), LaunchType: launch,
		Tags: []types.Tag{{Key: aws.String(names.TagScaling), Value: aws.String("min=1 max=10 hosts=6")}}})
	s.must(err)
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) observe(subject scaling.Subject) scaling.Observation {
	s.t.Helper()
	subject.Workload = s.reference
	seen, err := s.driver.Observe(s.ctx, []scaling.Subject{subject})
	s.must(err)
	return seen[s.reference]
}

func (s *shop) register(least, most int32) {
	s.t.Helper()
	_, err := s.clients.Targets.RegisterScalableTarget(s.ctx, &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: targettypes.ServiceNamespaceEcs, ResourceId: aws.String("service/" + s.reference.Cluster() + "/web"),
		ScalableDimension: targettypes.ScalableDimensionECSServiceDesiredCount, MinCapacity: &least, MaxCapacity: &most})
	s.must(err)
}

// alarm makes a tagged alarm and puts it into the state.
func (s *shop) alarm(name string, state alarmtypes.StateValue) ledger.ScalingAlarm {
	s.t.Helper()
	_, err := s.clients.CloudWatch.PutMetricAlarm(s.ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: &name, Namespace: aws.String("shop"),
		MetricName: aws.String("load"), Statistic: alarmtypes.StatisticAverage, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1),
		Threshold: aws.Float64(70), ComparisonOperator: alarmtypes.ComparisonOperatorGreaterThanThreshold,
		Tags: []alarmtypes.Tag{{Key: aws.String(names.TagScaling), Value: aws.String("out")}}})
	s.must(err)
	_, err = s.clients.CloudWatch.SetAlarmState(s.ctx, &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("test")})
	s.must(err)
	described, err := s.clients.CloudWatch.DescribeAlarms(s.ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
	s.must(err)
	return ledger.ScalingAlarm{Name: name, ARN: aws.ToString(described.MetricAlarms[0].AlarmArn)}
}

func TestTheCountIsMovedWhereNobodyOwnsIt(t *testing.T) {
	s := newShop(t, "alone", types.LaunchTypeFargate)
	seen := s.observe(scaling.Subject{})
	if !seen.Exists || seen.Desired != 2 || seen.Owner != nil || seen.Policy == "" || seen.Region != "us-east-1" {
		t.Fatalf("it is seen as %+v", seen)
	}
	if seen.Task != (scaling.Task{Fargate: true, Architecture: "arm64", CPU: 256, Memory: 512}) {
		t.Errorf("its task is seen as %+v", seen.Task)
	}
	three := 3
	for range 2 {
		s.must(s.driver.Set(s.ctx, seen, ledger.LeverCount, "", ledger.Extent{Count: &three}))
	}
	if seen := s.observe(scaling.Subject{}); seen.Desired != 3 {
		t.Errorf("there are %d", seen.Desired)
	}
}

func TestTheBoundsAreMovedWhereApplicationAutoScalingOwnsTheCount(t *testing.T) {
	s := newShop(t, "owned", types.LaunchTypeFargate)
	s.register(1, 4)
	seen := s.observe(scaling.Subject{})
	if seen.Owner == nil || seen.Owner.Min != 1 || seen.Owner.Max != 4 {
		t.Fatalf("the owner is seen as %+v", seen.Owner)
	}
	for range 2 {
		s.must(s.driver.Set(s.ctx, seen, ledger.LeverBounds, "", ledger.Extent{Min: 3, Max: 6}))
	}
	if seen := s.observe(scaling.Subject{}); seen.Owner.Min != 3 || seen.Owner.Max != 6 {
		t.Errorf("the bounds are %+v", seen.Owner)
	}
	s.must(s.driver.Set(s.ctx, seen, ledger.LeverBounds, "", ledger.Extent{}))
	if seen := s.observe(scaling.Subject{}); seen.Owner.Min != 0 || seen.Owner.Max != 0 {
		t.Errorf("at zero the bounds are %+v", seen.Owner)
	}
}

func TestAnAlarmMovesTheBoundsAndItsEndGivesThemBack(t *testing.T) {
	s := newShop(t, "whole", types.LaunchTypeFargate)
	s.register(1, 2)
	now := time.Now()
	reconciler := &scaling.Reconciler{Drivers: map[workload.Kind]scaling.Driver{workload.ECS: deployed{s.driver}}, Ledger: &ledgertest.Memory{}, Reporter: silent{},
		Settings:  func(context.Context) (settings.Settings, error) { return settings.Settings{}, nil },
		LookAgain: func(context.Context, workload.Reference, scaling.Cause, time.Duration) error { return nil },
		Now:       func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	look := func(cause scaling.Cause) scaling.Decision {
		t.Helper()
		decision, err := reconciler.Reconcile(s.ctx, s.reference, cause)
		s.must(err)
		return decision
	}
	cause := scaling.Cause{Text: "alarm", Alarm: s.alarm("busy", alarmtypes.StateValueAlarm)}
	if decision := look(cause); decision.Lever != ledger.LeverBounds || decision.Code != scaling.AlarmOn {
		t.Errorf("it decided %+v", decision)
	}
	if owner := s.observe(scaling.Subject{}).Owner; owner.Min != 3 || owner.Max != 3 {
		t.Errorf("the bounds are %+v, want 3 to 3", owner)
	}
	s.alarm("busy", alarmtypes.StateValueOk)
	now = now.Add(time.Hour)
	if decision := look(scaling.Cause{Text: "sweep"}); decision.Code != scaling.Calm {
		t.Errorf("it decided %+v", decision)
	}
	if owner := s.observe(scaling.Subject{}).Owner; owner.Min != 1 || owner.Max != 2 {
		t.Errorf("the bounds are %+v, want 1 to 2 again", owner)
	}
}

// deployed takes the deployments of the peer, which never end, for ended.
type deployed struct{ scaling.Driver }

func (d deployed) Observe(ctx context.Context, subjects []scaling.Subject) (map[workload.Reference]scaling.Observation, error) {
	observations, err := d.Driver.Observe(ctx, subjects)
	for reference, seen := range observations {
		seen.Deploying = ""
		observations[reference] = seen
	}
	return observations, err
}

type silent struct{}

func (silent) Report(context.Context, ...ledger.Announcement[davit.Scaling]) error { return nil }

func TestTheHostsBehindACapacityProviderAreMoved(t *testing.T) {
	config := configuration(peer)
	clients := groups.NewFromConfig(config)
	ctx := within(t)
	_, err := clients.CreateLaunchConfiguration(ctx, &groups.CreateLaunchConfigurationInput{LaunchConfigurationName: aws.String("hosts"),
		ImageId: aws.String("ami-12c6146b"), InstanceType: aws.String("m6i.large")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = clients.CreateAutoScalingGroup(ctx, &groups.CreateAutoScalingGroupInput{AutoScalingGroupName: aws.String("hosts"),
		LaunchConfigurationName: aws.String("hosts"), MinSize: aws.Int32(1), MaxSize: aws.Int32(2), DesiredCapacity: aws.Int32(2),
		AvailabilityZones: []string{"us-east-1a"}, Tags: []grouptypes.Tag{{Key: aws.String(names.TagScaling), Value: aws.String("yes"),
			ResourceId: aws.String("hosts"), ResourceType: aws.String("auto-scaling-group"), PropagateAtLaunch: aws.Bool(false)}}})
	if err != nil {
		t.Fatal(err)
	}
	described, err := clients.DescribeAutoScalingGroups(ctx, &groups.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"hosts"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ecs.NewFromConfig(config).CreateCapacityProvider(ctx, &ecs.CreateCapacityProviderInput{Name: aws.String("hosts"),
		AutoScalingGroupProvider: &types.AutoScalingGroupProvider{AutoScalingGroupArn: described.AutoScalingGroups[0].AutoScalingGroupARN,
			ManagedScaling: &types.ManagedScaling{Status: types.ManagedScalingStatusDisabled}}})
	if err != nil {
		t.Fatal(err)
	}
	s := newShop(t, "hosted", "", types.CapacityProviderStrategyItem{CapacityProvider: aws.String("hosts"), Weight: 1})
	hosts := s.observe(scaling.Subject{Hosts: true}).Hosts
	if hosts == nil || *hosts != (scaling.Hosts{Group: "hosts", OptedIn: true, Min: 1, Max: 2, Count: 2, Type: "m6i.large"}) {
		t.Fatalf("the hosts are seen as %+v", hosts)
	}
	four := 4
	s.must(s.driver.Set(s.ctx, s.observe(scaling.Subject{}), ledger.LeverHosts, "hosts", ledger.Extent{Max: 4, Count: &four}))
	if hosts := s.observe(scaling.Subject{Hosts: true}).Hosts; hosts.Max != 4 || hosts.Count != 4 {
		t.Errorf("the hosts are %+v", hosts)
	}

	// Another service on the same hosts found two of them, too, and is short of one.
	three := 3
	s.must(s.driver.Set(s.ctx, s.observe(scaling.Subject{}), ledger.LeverHosts, "hosts", ledger.Extent{Max: 3, Count: &three}))
	if hosts := s.observe(scaling.Subject{Hosts: true}).Hosts; hosts.Max != 4 || hosts.Count != 4 {
		t.Errorf("after another service's move the hosts are %+v", hosts)
	}
	s.must(s.driver.Set(s.ctx, s.observe(scaling.Subject{}), ledger.LeverHosts, "hosts", ledger.Extent{Max: 6}))
	if hosts := s.observe(scaling.Subject{Hosts: true}).Hosts; hosts.Max != 6 || hosts.Count != 4 {
		t.Errorf("with a higher limit the hosts are %+v", hosts)
	}
	var refused *rollout.Refused
	if err := s.driver.Set(s.ctx, s.observe(scaling.Subject{}), ledger.LeverHosts, "gone", ledger.Extent{Max: 6}); !errors.As(err, &refused) {
		t.Errorf("a group that is gone is answered with %v", err)
	}
}

func TestAlarmsAreReadWithTheirStateAndTheirMetric(t *testing.T) {
	s := newShop(t, "watched", types.LaunchTypeFargate)
	known := s.alarm("watching", alarmtypes.StateValueAlarm)
	_, err := s.clients.CloudWatch.PutMetricData(s.ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("shop"), MetricData: []alarmtypes.MetricDatum{
		{MetricName: aws.String("load"), Value: aws.Float64(91), Timestamp: aws.Time(time.Now().Add(-5 * time.Minute))}}})
	s.must(err)
	gone := ledger.ScalingAlarm{Name: "gone", ARN: known.ARN[:len(known.ARN)-len("watching")] + "gone"}
	alarms := s.observe(scaling.Subject{Alarms: []ledger.ScalingAlarm{known, gone}}).Alarms
	if len(alarms) != 1 {
		t.Fatalf("there are %+v", alarms)
	}
	seen := alarms[0]
	if seen.Name != "watching" || seen.Direction != scaling.Out || seen.State != "ALARM" || seen.Threshold != 70 || !seen.Above || time.Since(seen.Since) > time.Hour {
		t.Errorf("it is seen as %+v", seen)
	}
	if len(seen.Readings) != 1 || seen.Readings[0].Value != 91 {
		t.Errorf("its readings are %+v", seen.Readings)
	}
}

func TestWhatAWSRefusesIsARefusal(t *testing.T) {
	s := newShop(t, "refusing", types.LaunchTypeFargate)
	missing, err := workload.ECSService("refusing", "missing")
	s.must(err)
	one := 1
	err = s.driver.Set(s.ctx, scaling.Observation{Workload: missing}, ledger.LeverCount, "", ledger.Extent{Count: &one})
	var refused *rollout.Refused
	if !errors.As(err, &refused) {
		t.Errorf("it is %v", err)
	}
	seen, err := s.driver.Observe(s.ctx, []scaling.Subject{{Workload: missing}})
	if err != nil || seen[missing].Exists {
		t.Errorf("it is seen as %+v, %v", seen[missing], err)
	}
}
