package command

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"davit/shared/ledger"
	"davit/shared/names"
)

func TestStopHoldsEverythingUntilStart(t *testing.T) {
	service := newService(t, "stopped")
	push(t, service.name, "1.0.0", "amd64")
	run(t, "start").want(t, ExitDone, "davit is not stopped.")
	run(t, "stop").want(t, ExitUsage, "--why")
	run(t, "stop", "--why", "game day").want(t, ExitDone, "starts nothing within a minute")
	run(t, "explain", service.workload).want(t, ExitDone, "[stop]", "game day", "davit is stopped by root")
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
