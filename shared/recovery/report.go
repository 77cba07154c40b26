package recovery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"davit/events/davit"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// kind is what is told of an incident.
type kind string

// The kinds, as the detail types of davit's events.
const (
	opened kind = davit.DetailTypeIncidentOpened
	acted  kind = davit.DetailTypeIncidentAct
	paged  kind = davit.DetailTypeIncidentPaged
	over   kind = davit.DetailTypeIncidentEnded
	// denied: a step is held up by a guard, was left out, or was refused.
	denied kind = davit.DetailTypeIncidentRefused
)

// announcement is what is told of the incident: the whole story so far.
func announcement(kind kind, current look, incident ledger.Incident, decision Decision) ledger.Announcement[davit.Incident] {
	detail := davit.Incident{Version: davit.Version, Incident: incident.ID, Workload: incident.Workload.String(), Playbook: incident.Playbook,
		Action: string(decision.Action), Code: string(decision.Code), Reason: decision.Reason, Cause: incident.Cause,
		OpenedAt: incident.OpenedAt.UTC().Format(time.RFC3339), Evidence: incident.Evidence, Command: "davit explain " + incident.ID,
		Links: links(incident, current.seen.Region), Paged: incident.Paged()}
	for _, attempt := range incident.Tried {
		detail.Tried = append(detail.Tried, Describe(attempt))
	}
	switch {
	case decision.Command != "":
		detail.Command = decision.Command
	case kind != over && decision.Code == Stopped:
		detail.Command = "davit start"
	case kind == denied && decision.Code == Held:
		detail.Command = "davit resume " + detail.Workload
	}
	return ledger.Announcement[davit.Incident]{DetailType: string(kind), Detail: detail}
}

// Describe is an attempt in a line.
func Describe(attempt ledger.Attempt) string {
	line := attempt.Do + " at " + attempt.At.UTC().Format(time.TimeOnly)
	if attempt.Undoes && attempt.Outcome != ledger.Undone {
		line = "undoing " + line
	}
	switch attempt.Outcome {
	case ledger.LeftOut:
		line = attempt.Do + " was left out"
	case ledger.Helped:
		line += " helped"
	case ledger.NoHelp:
		line += " did not help"
	case ledger.Refused:
		line += " was refused"
	case ledger.Unknown:
		line += " may not be finished"
	case ledger.Undone:
		line += " was undone"
	case "":
		line += " is under way"
	}
	if attempt.Reason != "" {
		line += ": " + attempt.Reason
	}
	return line
}

// links lead to the workload and its alarms in the AWS console.
func links(incident ledger.Incident, region string) []string {
	if region == "" {
		return nil
	}
	console := "https://" + region + ".console.aws.amazon.com/"
	var links []string
	switch reference := incident.Workload; reference.Kind() {
	case workload.ECS:
		links = append(links, fmt.Sprintf("%secs/v2/clusters/%s/services/%s/health?region=%s", console, reference.Cluster(), reference.Name(), region))
	case workload.EC2:
		links = append(links, fmt.Sprintf("%sec2/home?region=%s#InstanceDetails:instanceId=%s", console, region, reference.Name()))
	case workload.ASG:
		links = append(links, fmt.Sprintf("%sec2/home?region=%s#AutoScalingGroupDetails:id=%s", console, region, reference.Name()))
	}
	for _, alarm := range incident.Alarms {
		links = append(links, fmt.Sprintf("%scloudwatch/home?region=%s#alarmsV2:alarm/%s", console, region, alarm))
	}
	return links
}

// stormAnnouncement tells of a storm: which workloads it is about, as far as that is still known once it is over.
func stormAnnouncement(fleet ledger.Fleet, now time.Time) ledger.Announcement[davit.Incident] {
	storm := fleet.Storm
	var names, evidence []string
	for _, opening := range fleet.Openings {
		if name := opening.Workload.String(); !slices.Contains(names, name) && !opening.At.After(storm.Until) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		evidence = []string{strings.Join(names[:min(len(names), 20)], ", ")}
	}
	until := storm.Until.UTC().Format(time.RFC3339)
	reason := fmt.Sprintf("%d workloads have incidents at once, so davit stands back until %s", len(names), until)
	if !now.Before(storm.Until) {
		reason = "many workloads had incidents at once, so davit stood back until " + until + ", and could not tell it before"
	}
	return ledger.Announcement[davit.Incident]{DetailType: davit.DetailTypeStorm, Detail: davit.Incident{Version: davit.Version, Incident: storm.ID,
		Action: string(PageHuman), Code: string(Storm), OpenedAt: storm.Since.UTC().Format(time.RFC3339), Reason: reason,
		Cause: "many incidents at once", Evidence: evidence, Command: "davit incidents", Paged: true}}
}
