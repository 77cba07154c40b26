package autoscaling_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	grouptypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/scaling"
	"davit/shared/workload"
	"davit/shared/workload/autoscaling"
)

// fleet is an Auto Scaling group on the peer, with the value of its davit/scaling tag.
type fleet struct {
	t         *testing.T
	ctx       context.Context
	client    *groups.Client
	driver    autoscaling.Groups
	reference workload.Reference
}

func newFleet(t *testing.T, name, policy string) *fleet {
	t.Helper()
	config := configuration(peer)
	client := groups.NewFromConfig(config)
	reference, err := workload.AutoScalingGroup(name)
	f := &fleet{t: t, ctx: within(t), client: client, reference: reference,
		driver: autoscaling.NewGroups(autoscaling.New(autoscaling.Clients{Groups: client, CloudWatch: cloudwatch.NewFromConfig(configuration(cloud))}, names.TagScaling))}
	f.must(err)
	_, err = client.CreateLaunchConfiguration(f.ctx, &groups.CreateLaunchConfigurationInput{LaunchConfigurationName: &name,
		ImageId: aws.String("ami-12c6146b"), InstanceType: aws.String("m6i.large")})
	f.must(err)
	_, err = client.CreateAutoScalingGroup(f.ctx, &groups.CreateAutoScalingGroupInput{AutoScalingGroupName: &name, LaunchConfigurationName: &name,
		MinSize: aws.Int32(1), MaxSize: aws.Int32(4), DesiredCapacity: aws.Int32(2), AvailabilityZones: []string{"us-east-1a"},
		Tags: []grouptypes.Tag{{Key: aws.String(names.TagScaling), Value: &policy, ResourceId: &name,
			ResourceType: aws.String("auto-scaling-group"), PropagateAtLaunch: aws.Bool(false)}}})
	f.must(err)
	return f
}

func (f *fleet) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) observe() scaling.Observation {
	f.t.Helper()
	seen, err := f.driver.Observe(f.ctx, []scaling.Subject{{Workload: f.reference}})
	f.must(err)
	return seen[f.reference]
}

func TestTheDesiredCapacityOfAGroupIsMovedWhereNobodyOwnsIt(t *testing.T) {
	f := newFleet(t, "workers", "min=1 max=4")
	seen := f.observe()
	if !seen.Exists || seen.Desired != 2 || seen.Running != 2 || seen.Owner != nil || seen.Policy != "min=1 max=4" || seen.Task.Instance != "m6i.large" {
		t.Fatalf("it is seen as %+v", seen)
	}
	three := 3
	for range 2 {
		f.must(f.driver.Set(f.ctx, seen, ledger.LeverCount, "", ledger.Extent{Count: &three}))
	}
	if seen := f.observe(); seen.Desired != 3 {
		t.Errorf("there are %d", seen.Desired)
	}
}

func TestTheBoundsOfAGroupAreMovedWhereAPolicySetsItsSize(t *testing.T) {
	f := newFleet(t, "owned-workers", "min=1 max=4")
	_, err := f.client.PutScalingPolicy(f.ctx, &groups.PutScalingPolicyInput{AutoScalingGroupName: aws.String(f.reference.Name()),
		PolicyName: aws.String("cpu"), PolicyType: aws.String("TargetTrackingScaling"),
		TargetTrackingConfiguration: &grouptypes.TargetTrackingConfiguration{TargetValue: aws.Float64(60),
			PredefinedMetricSpecification: &grouptypes.PredefinedMetricSpecification{PredefinedMetricType: grouptypes.MetricTypeASGAverageCPUUtilization}}})
	f.must(err)
	seen := f.observe()
	if seen.Owner == nil || *seen.Owner != (scaling.Owner{Name: "the scaling policy cpu", Min: 1, Max: 4}) {
		t.Fatalf("the owner is seen as %+v", seen.Owner)
	}
	for range 2 {
		f.must(f.driver.Set(f.ctx, seen, ledger.LeverBounds, "", ledger.Extent{Min: 3, Max: 6}))
	}
	if owner := f.observe().Owner; owner.Min != 3 || owner.Max != 6 {
		t.Errorf("the bounds are %+v", owner)
	}
}

func TestTheFleetHasGroupsWithAPolicyAndNoOthers(t *testing.T) {
	own, other := newFleet(t, "with-policy", "policy:workers"), newFleet(t, "with-leave", "yes")
	found := map[workload.Reference]bool{}
	for reference, err := range own.driver.Fleet(own.ctx) {
		own.must(err)
		found[reference] = true
	}
	if !found[own.reference] || found[other.reference] {
		t.Errorf("the fleet is %v", found)
	}
}

func TestAGroupThatIsGoneDoesNotExist(t *testing.T) {
	f := newFleet(t, "going", "min=1 max=4")
	var err error
	f.reference, err = workload.AutoScalingGroup("gone")
	f.must(err)
	if seen := f.observe(); seen.Exists {
		t.Errorf("it is seen as %+v", seen)
	}
}
