package command

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	groups "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/workload"
)

func TestStopHoldsEverythingUntilStart(t *testing.T) {
	service := newService(t, "stopped")
	push(t, service.name, "1.0.0", "amd64")
	run(t, "start").want(t, ExitDone, "davit is not stopped.")
	run(t, "stop").want(t, ExitUsage, "--why")
	run(t, "stop", "--why", "game day").want(t, ExitDone, "starts nothing within a minute")
	run(t, "explain", service.workload).want(t, ExitDone, "[stop]", "game day", "davit is stopped by root")
	run(t, "explain", service.workload).want(t, ExitDone, "stop        closed", "game day")
	run(t, "status", service.workload).want(t, ExitDone, "would roll 1.0.0", "stopped", "Nothing starts anywhere until davit start")
	run(t, "incidents").want(t, ExitDone, "No incident.", "davit is stopped by root")
	if answer := wantJSON[stopped](t, run(t, "start", "--json")); answer.Stopped || !answer.Changed || answer.Stop.Why != "game day" {
		t.Errorf("davit start answers %+v", answer)
	}
	run(t, "explain", service.workload).want(t, ExitDone, "roll 1.0.0")
}

func TestAnIncidentIsListedAndExplained(t *testing.T) {
	service := newService(t, "ailing")
	at := time.Now().UTC().Truncate(time.Second)
	incident := ledger.Incident{ID: ledger.IncidentID(at, []byte("ailing")), Workload: parse(t, service.workload), Playbook: "service-unhealthy",
		Cause: "alarm 5xx went off", OpenedAt: at, Evidence: []string{"Threshold Crossed"},
		Tried: []ledger.Attempt{{Do: "restart", Act: "act-1", At: at, Outcome: ledger.NoHelp, Reason: "started deployment ecs-svc/1"}}}
	record := ledger.Record{Workload: incident.Workload}
	record.Recovery.Incidents = []ledger.Incident{incident}
	book := ledger.New(dynamodb.NewFromConfig(localConfiguration("ap-northeast-2")), names.Table)
	_, err := book.WriteIncidents(t.Context(), record, record.Recovery.Incidents, ledger.Entry{At: at, ID: "1", Cause: "alarm", Action: "open",
		Code: "signalled", Reason: "alarm 5xx went off", Incident: incident.ID})
	fatal(t, err)

	listed := run(t, "incidents")
	listed.want(t, ExitDone, incident.ID, service.workload, "restart", "alarm 5xx went off")
	listed.wantOnlyReads(t)
	if all := wantJSON[[]ledger.Incident](t, run(t, "incidents", "--all", "--json")); len(all) != 1 || all[0].ID != incident.ID {
		t.Errorf("davit incidents --all answers %+v", all)
	}
	explained := run(t, "explain", incident.ID)
	explained.want(t, ExitDone, "cause     alarm 5xx went off", "restart at", "did not help", "Threshold Crossed", "open [signalled]")
	explained.wantOnlyReads(t)
	run(t, "explain", "inc-none").want(t, ExitFailed, "no such incident", "davit incidents --all")
}

func TestAHostIsHeldAndResumed(t *testing.T) {
	fatal(t, install())
	group, ctx, client := fmt.Sprintf("hosts-%d", time.Now().UnixNano()), t.Context(), autoscaling.NewFromConfig(localConfiguration(""))
	_, err := client.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{AutoScalingGroupName: &group, MinSize: aws.Int32(0),
		MaxSize: aws.Int32(2), DesiredCapacity: aws.Int32(1), Tags: []groups.Tag{
			{Key: aws.String(names.TagPlaybook), Value: aws.String("default"), PropagateAtLaunch: aws.Bool(true)}}})
	fatal(t, err)
	described, err := client.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
	fatal(t, err)
	host := "ec2:" + *described.AutoScalingGroups[0].Instances[0].InstanceId
	book, at := ledger.New(dynamodb.NewFromConfig(localConfiguration("")), names.Table), time.Now().UTC().Truncate(time.Second)
	incident := ledger.Incident{ID: ledger.IncidentID(at, []byte(host)), Workload: parse(t, host), Playbook: "host-impaired", Cause: "AWS has trouble",
		OpenedAt: at, Until: ledger.UntilReplaced, Step: 1} // a host of no cluster is not drained but replaced
	record := ledger.Record{Workload: incident.Workload}
	record.Recovery.Incidents = []ledger.Incident{incident}
	_, err = book.WriteIncidents(ctx, record, record.Recovery.Incidents)
	fatal(t, err)

	for _, subject := range []string{host, "asg:" + group} {
		run(t, "resume", subject).want(t, ExitDone, subject+" is not held.")
		run(t, "hold", subject, "--why", "looking into it").want(t, ExitDone, subject+" is held by root since")
		run(t, "history", subject).want(t, ExitDone, "davit hold by root", "looking into it")
		records, err := book.Read(ctx, []workload.Reference{parse(t, subject)})
		fatal(t, err)
		if record := records[parse(t, subject)]; record.Hold == nil || len(record.Announcements) > 0 {
			t.Errorf("the record is %+v", record)
		}
	}
	run(t, "explain", incident.ID).want(t, ExitDone, "[hold]", "it is held by root: looking into it")
	for _, subject := range []string{host, "asg:" + group} {
		resumed := run(t, "resume", subject)
		resumed.want(t, ExitDone, subject+" is no longer held.")
		if slices.ContainsFunc(resumed.operations, func(operation string) bool { return strings.HasPrefix(operation, "SQS:") }) {
			t.Error("the rollout function is told of a host")
		}
	}
	run(t, "explain", incident.ID).want(t, ExitDone, "try [")
	run(t, "hold", "asg:nowhere", "--why", "x").want(t, ExitFailed, "there is no such host or group of hosts")
	run(t, "resume", "ec2:i-00000000000000000").want(t, ExitFailed, "there is no such host or group of hosts")
}

func TestWhatWouldBeRefusedIsNotPromised(t *testing.T) {
	service := newService(t, "unfit")
	push(t, service.name, "1.0.0", "arm64")
	run(t, "explain", service.workload).want(t, ExitDone, "decision  refuse 1.0.0", "[unverified]", "linux/arm64")
	run(t, "status", service.workload).want(t, ExitDone, "refused: unverified")
}
