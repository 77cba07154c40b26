package recovery

import (
	"testing"

	"davit/shared/ledger"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
)

func TestAnIntentSaysWhatTakesItsStepBackAndHowAHumanDoes(t *testing.T) {
	owner := &scaling.Owner{Name: "its owner", Min: 2, Max: 10}
	scaler, bySomebody := *owner, *owner
	scaler.Name, bySomebody.Name = "the HorizontalPodAutoscaler shopping", "somebody"
	moved := ledger.Undo{Do: "scale-out", Owner: "its owner", FromBounds: ledger.Extent{Min: 2, Max: 10}, ToBounds: ledger.Extent{Min: 10, Max: 10}}
	movedOf := func(name string) ledger.Undo {
		undo := moved
		undo.Owner = name
		return undo
	}
	for _, test := range []struct {
		reference, command string
		do                 settings.Do
		owner              *scaling.Owner
		undo               ledger.Undo
	}{
		{"ecs:production/web", "aws ecs update-service --cluster production --service web --desired-count 8", settings.ScaleOut, nil,
			ledger.Undo{Do: "scale-out", From: 8, To: 10}},
		{"ecs:production/web", "aws application-autoscaling register-scalable-target --service-namespace ecs --resource-id service/production/web " +
			"--scalable-dimension ecs:service:DesiredCount --min-capacity 2 --max-capacity 10", settings.ScaleOut, owner, moved},
		{"eks:production/shop/web", "kubectl scale --namespace shop deployment/web --replicas 8", settings.ScaleOut, nil,
			ledger.Undo{Do: "scale-out", From: 8, To: 10}},
		{"eks:production/shop/statefulset/store", "kubectl patch horizontalpodautoscaler shopping --namespace shop --type merge " +
			`--patch '{"spec":{"minReplicas":2,"maxReplicas":10}}'`, settings.ScaleOut, &scaler, movedOf(scaler.Name)},
		{"eks:production/shop/statefulset/store", "", settings.ScaleOut, &bySomebody, movedOf(bySomebody.Name)},
		{"asg:workers", "aws autoscaling set-desired-capacity --auto-scaling-group-name workers --desired-capacity 8", settings.ScaleOut, nil,
			ledger.Undo{Do: "scale-out", From: 8, To: 9}},
		{"asg:workers", "aws autoscaling update-auto-scaling-group --auto-scaling-group-name workers --min-size 2", settings.ScaleOut, owner,
			ledger.Undo{Do: "scale-out", Owner: "its owner", FromBounds: ledger.Extent{Min: 2, Max: 10}, ToBounds: ledger.Extent{Min: 9, Max: 10}}},
		{"ec2:i-0123456789abcdef0", "kubectl uncordon worker-1", settings.Drain, nil, ledger.Undo{Do: "drain", Target: "i-0123456789abcdef0"}},
		{"ec2:i-0123456789abcdef0", "kubectl uncordon worker-1", settings.ReplaceHosts, nil, ledger.Undo{Do: "drain", Target: "i-0123456789abcdef0"}},
	} {
		t.Run(string(test.do)+" "+test.command, func(t *testing.T) {
			reference, err := workload.ParseReference(test.reference)
			if err != nil {
				t.Fatal(err)
			}
			seen := Observation{Owner: test.owner, Host: "i-0123456789abcdef0", Admits: true, Evacuates: true, Refill: "kubectl uncordon worker-1"}
			seen.Workload, seen.Desired = reference, 8
			undo := seen.Intent(test.do).Undo
			if undo == nil || *undo != test.undo {
				t.Fatalf("it is taken back by %+v", undo)
			}
			if got := seen.byHand(*undo); got != test.command {
				t.Errorf("a human runs %s", got)
			}
		})
	}
	for _, do := range []settings.Do{settings.Restart, settings.RaiseMemory, settings.ReplaceHosts} {
		if undo := (Observation{}).Intent(do).Undo; undo != nil {
			t.Errorf("%s is taken back by %+v", do, undo)
		}
	}
}

func TestAHostThatAStepDoesNotCloseIsNotOpenedAfterIt(t *testing.T) {
	const host, group = "ec2:i-0123456789abcdef0", "asg:workers"
	for _, test := range []struct {
		name string
		do   settings.Do
		of   string
		seen Observation
		want bool
	}{
		{"a drain of a host that admits work", settings.Drain, host, Observation{Admits: true}, true},
		{"a drain of one of which nothing is known", settings.Drain, host, Observation{}, true},
		{"a drain of one that somebody else closed", settings.Drain, host, Observation{Closed: true}, false},
		{"a drain of a group's host", settings.Drain, group, Observation{Admits: true}, true},
		{"a drain of a group's host that somebody else closed", settings.Drain, group, Observation{Closed: true}, false},
		{"a replacement that drains first", settings.ReplaceHosts, host, Observation{Admits: true, Evacuates: true}, true},
		{"a replacement that drains what somebody else closed", settings.ReplaceHosts, host, Observation{Evacuates: true, Closed: true}, false},
		{"a replacement that drains nothing", settings.ReplaceHosts, host, Observation{Admits: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			reference, err := workload.ParseReference(test.of)
			if err != nil {
				t.Fatal(err)
			}
			test.seen.Workload, test.seen.Host = reference, "i-0123456789abcdef0"
			if undo := test.seen.Intent(test.do).Undo; (undo != nil) != test.want {
				t.Errorf("it is taken back by %+v", undo)
			}
		})
	}
}

func TestAHumanIsToldWhatTheBoundsWere(t *testing.T) {
	undo := ledger.Undo{Do: "scale-out", Owner: "its owner", FromBounds: ledger.Extent{Min: 2, Max: 10}, ToBounds: ledger.Extent{Min: 3, Max: 10}}
	if got := (Observation{}).leftBehind(Decision{}, undo, "no").Reason; got != "scale-out could not be taken back: no; the bounds of its owner were 2 to 10 before it" {
		t.Error(got)
	}
}

func TestOneStepFurtherIsOneTaskAtLeast(t *testing.T) {
	for desired, want := range map[int]int{0: 1, 1: 2, 3: 4, 4: 5, 8: 10, 9: 11} {
		if got := outwards(workload.ECS, desired); got != want {
			t.Errorf("%d become %d, want %d", desired, got, want)
		}
	}
}
