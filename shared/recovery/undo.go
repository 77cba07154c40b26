package recovery

import (
	"fmt"
	"strings"

	"davit/shared/ledger"
	"davit/shared/scaling"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Intent is the act of a step that is taken now: what it finds, and what takes it back. That is written before the act, so that
// nothing which may have been changed is forgotten, whatever becomes of whoever changes it.
func (o Observation) Intent(do settings.Do) ledger.Act {
	primary, _ := o.Primary()
	return ledger.Act{Do: string(do), Phase: ledger.Intended, Undo: o.undo(do), Before: ledger.Before{Deployment: primary.ID,
		Revision: o.Revision, Memory: o.Memory, Host: o.Host, Volume: o.Volume.ID, VolumeGiB: o.Volume.GiB}}
}

// undo is what takes a step back that is taken now; nil for one that nothing takes back.
func (o Observation) undo(do settings.Do) *ledger.Undo {
	switch {
	// A host that is closed was closed by somebody else, or by a step whose undo the incident has already. One that its
	// replacement drains first may stay.
	case do == settings.Drain && !o.Closed, do == settings.ReplaceHosts && o.Evacuates && !o.Closed:
		return &ledger.Undo{Do: string(settings.Drain), Target: o.Host}
	case do == settings.ScaleOut:
		wanted := outwards(o.Workload.Kind(), o.Desired)
		if owner := o.Owner; owner != nil {
			return &ledger.Undo{Do: string(do), Owner: owner.Name, FromBounds: owner.Bounds(), ToBounds: scaling.Owner{Min: owner.Min, Max: owner.Max}.Keeping(wanted)}
		}
		return &ledger.Undo{Do: string(do), From: o.Desired, To: wanted}
	}
	return nil
}

// outwards is the count after a step outwards: of a group of hosts one more, of all else a quarter more, one at least.
func outwards(kind workload.Kind, desired int) int {
	if kind == workload.ASG {
		return desired + 1
	}
	return desired + max(1, desired/4)
}

// asBefore tells whether all is as it was before the step: it was taken back by somebody else, or was never done. Where that is
// not known, the step is taken back.
func (o Observation) asBefore(undo ledger.Undo) bool {
	switch {
	case undo.Target != "":
		return o.Host == undo.Target && o.Admits
	case undo.Owner != "":
		return o.Owner != nil && o.Owner.Bounds().Equal(undo.FromBounds)
	}
	return o.Owner == nil && o.Desired == undo.From
}

// refused is the conclusion of an act that the platform refuses. An undo that is refused is not tried again: it would be for ever.
func (o Observation) refused(decision Decision, act ledger.Act, why string) Decision {
	decision.Code, decision.Outcome, decision.Reason, decision.Undo = ActRefused, ledger.Refused, why, nil
	if act.Undoes != nil {
		return o.leftBehind(decision, *act.Undoes, why)
	}
	return decision
}

// leftBehind is a conclusion that leaves what a step changed as it is, for good: a human is told what takes it back.
func (o Observation) leftBehind(decision Decision, undo ledger.Undo, why string) Decision {
	decision.Code, decision.Reason = LeftBehind, undo.Do+" could not be taken back: "+why
	if undo.Owner != "" {
		decision.Reason += fmt.Sprintf("; the bounds of %s were %s before it", undo.Owner, span(undo.FromBounds))
	}
	decision.Command = o.byHand(undo)
	return decision
}

// byHand is the command by which a human takes a step back; empty where none can be told.
func (o Observation) byHand(undo ledger.Undo) string {
	reference, least, most := o.Workload, undo.FromBounds.Min, undo.FromBounds.Max
	switch kind := reference.Kind(); {
	case undo.Target != "" && undo.Target != o.Host:
		return ""
	case undo.Target != "":
		return o.Refill
	case kind == workload.ECS && undo.Owner != "":
		return fmt.Sprintf("aws application-autoscaling register-scalable-target --service-namespace ecs --resource-id service/%s/%s "+
			"--scalable-dimension ecs:service:DesiredCount --min-capacity %d --max-capacity %d", reference.Cluster(), reference.Name(), least, most)
	case kind == workload.ECS:
		return fmt.Sprintf("aws ecs update-service --cluster %s --service %s --desired-count %d", reference.Cluster(), reference.Name(), undo.From)
	case kind == workload.ASG && undo.Owner != "":
		return fmt.Sprintf("aws autoscaling update-auto-scaling-group --auto-scaling-group-name %s --min-size %d", reference.Name(), least)
	case kind == workload.ASG:
		return fmt.Sprintf("aws autoscaling set-desired-capacity --auto-scaling-group-name %s --desired-capacity %d", reference.Name(), undo.From)
	case kind == workload.EKS && undo.Owner != "":
		name, known := strings.CutPrefix(undo.Owner, scaling.Autoscaler)
		if !known {
			return ""
		}
		return fmt.Sprintf(`kubectl patch horizontalpodautoscaler %s --namespace %s --type merge --patch '{"spec":{"minReplicas":%d,"maxReplicas":%d}}'`,
			name, reference.Namespace(), least, most)
	case kind == workload.EKS:
		return fmt.Sprintf("kubectl scale --namespace %s %s/%s --replicas %d", reference.Namespace(), reference.Controller(), reference.Name(), undo.From)
	}
	return ""
}
