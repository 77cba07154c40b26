package autoscaling_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
	"davit/shared/workload/autoscaling"
	"davit/shared/workload/ecs"
	"davit/shared/workload/hosts"
)

// outwards takes the step outwards as the reconciler asks for it, and then again as whoever finishes an act that was
// interrupted; with an undo, it takes that back.
func outwards(t *testing.T, driver recovery.Driver, reference workload.Reference, undo *ledger.Undo) (recovery.Done, ledger.Act) {
	t.Helper()
	ctx := within(t)
	seen, err := driver.Observe(ctx, reference)
	if err != nil {
		t.Fatal(err)
	}
	if why := seen.Cannot[settings.ScaleOut]; why != "" && undo == nil {
		t.Fatalf("it cannot scale out: %s", why)
	}
	act := seen.Intent(settings.ScaleOut)
	act.ID, act.IntendedAt, act.Undoes = "act-1", time.Now(), undo
	var done recovery.Done
	for _, resume := range []bool{false, true} {
		if done, err = driver.Act(ctx, seen, act, resume); err != nil {
			t.Fatal(err)
		}
	}
	return done, act
}

func TestARemedyMovesTheBoundsOfApplicationAutoScalingAndBack(t *testing.T) {
	s := newShop(t, "remedied", types.LaunchTypeFargate)
	remedies := ecs.NewRemedies(ecs.New(ecs.Clients{ECS: s.clients.ECS}), nil, autoscaling.New(s.clients, names.TagPlaybook))

	// Nobody owns the count yet.
	done, act := outwards(t, remedies, s.reference, nil)
	if seen := s.observe(scaling.Subject{}); seen.Desired != 3 || act.Undo == nil || *act.Undo != (ledger.Undo{Do: "scale-out", From: 2, To: 3}) {
		t.Fatalf("there are %d after %+v, and the undo is %+v", seen.Desired, done, act.Undo)
	}
	if outwards(t, remedies, s.reference, act.Undo); s.observe(scaling.Subject{}).Desired != 2 {
		t.Errorf("taken back there are %d", s.observe(scaling.Subject{}).Desired)
	}

	s.register(1, 2)
	done, act = outwards(t, remedies, s.reference, nil)
	want := ledger.Undo{Do: "scale-out", Owner: "Application Auto Scaling", FromBounds: ledger.Extent{Min: 1, Max: 2}, ToBounds: ledger.Extent{Min: 3, Max: 3}}
	seen := s.observe(scaling.Subject{})
	if seen.Owner.Min != 3 || seen.Owner.Max != 3 || seen.Desired != 2 {
		t.Errorf("the bounds are %+v, and the count, which is not davit's, is %d", seen.Owner, seen.Desired)
	}
	if act.Undo == nil || *act.Undo != want || !strings.Contains(done.Text, "bounds of Application Auto Scaling, which owns the desired count, from 1 to 2 to 3 to 3") {
		t.Errorf("it did %q, with the undo %+v", done.Text, act.Undo)
	}
	outwards(t, remedies, s.reference, act.Undo)
	if owner := s.observe(scaling.Subject{}).Owner; owner.Min != 1 || owner.Max != 2 {
		t.Errorf("taken back the bounds are %+v", owner)
	}
}

func TestARemedyMovesTheBoundsOfAGroupThatAPolicySizes(t *testing.T) {
	f := newFleet(t, "remedied", "min=1 max=4")
	driver := hosts.New(hosts.Clients{EC2: hosts.NewEC2(configuration(peer)), Groups: f.client, Sizes: autoscaling.NewGroups(autoscaling.New(autoscaling.Clients{Groups: f.client}, names.TagPlaybook))})
	_, err := f.client.PutScalingPolicy(f.ctx, &groups.PutScalingPolicyInput{AutoScalingGroupName: aws.String("remedied"), PolicyName: aws.String("busy"),
		AdjustmentType: aws.String("ChangeInCapacity"), ScalingAdjustment: aws.Int32(1)})
	f.must(err)
	done, act := outwards(t, driver, f.reference, nil)
	if owner := f.observe().Owner; owner == nil || owner.Min != 3 || owner.Max != 4 || !strings.Contains(done.Text, "the scaling policy busy") {
		t.Errorf("the bounds are %+v after %q", owner, done.Text)
	}
	outwards(t, driver, f.reference, act.Undo)
	if owner := f.observe().Owner; owner.Min != 1 || owner.Max != 4 {
		t.Errorf("taken back the bounds are %+v", owner)
	}
}
