// Package rollout decides, for one workload at a time, whether an image rolls out, and sees it through to a true
// outcome. Decide is pure; Reconciler observes, decides, acts and records.
package rollout

import (
	"errors"
	"fmt"
	"time"

	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/settings"
	"davit/shared/workload"
)

// Decide says what to do about one workload now. It depends on nothing but its arguments: the record is what davit
// remembers, seen is what AWS says at this moment, and the cause only tells which image a human would ask about.
func Decide(now time.Time, configured settings.Settings, record ledger.Record, seen Seen, cause Cause) Decision {
	decision := decide(now, configured, record, seen, cause)
	decision.Watch = watch(now, configured, record, seen.Workload, decision)
	return decision
}

func decide(now time.Time, configured settings.Settings, record ledger.Record, seen Seen, cause Cause) Decision {
	if record.Rollout != nil {
		return decideOutcome(now, configured, record, seen)
	}
	observation := seen.Workload
	switch request := record.Request; {
	case !observation.Exists && request != nil:
		return Decision{Action: Refuse, Code: Gone, Image: &request.Image,
			Reason: fmt.Sprintf("%s asked for %s, and there is no such workload any more", request.Who, describe(request.Image.Tag, request.Image.Digest))}
	case !observation.Exists:
		return Decision{Action: Nothing, Code: Gone, Reason: "there is no such workload, or it is being deleted"}
	case observation.Settings.Policy == "":
		return Decision{Action: Nothing, Code: NotOptedIn, Reason: "the workload carries no davit/policy tag"}
	case observation.Blocked != "":
		return Decision{Action: Refuse, Code: Controller, Reason: observation.Blocked}
	}
	target, err := FindTarget(observation)
	if err != nil {
		return Decision{Action: Refuse, Code: Ambiguous, Reason: err.Error()}
	}
	if seen.RepositoryMissing {
		return Decision{Action: Refuse, Code: NoRepository,
			Reason: fmt.Sprintf("there is no repository %s in account %s, region %s",
				target.Repository.Name, target.Repository.Registry, target.Repository.Region)}
	}
	if seen.Unlisted != "" {
		return Decision{Action: Refuse, Code: Unverified, Reason: seen.Unlisted}
	}
	policy, err := imagepolicy.Parse(observation.Settings.Policy, configured.Policies)
	if err != nil {
		return Decision{Action: Refuse, Code: BadPolicy, Reason: err.Error()}
	}
	view := rank(policy, record, seen, target)
	decision := decideImage(now, configured, record, view, cause)
	decision.Verdicts = view.verdicts()
	return decision
}

// decideImage chooses between rolling an image out and leaving the workload as it is.
func decideImage(now time.Time, configured settings.Settings, record ledger.Record, view view, cause Cause) Decision {
	if record.Recovering() && record.Request == nil {
		return Decision{Action: Wait, Code: InProgress, Again: leaseLook,
			Reason: "an incident of the workload is being remedied at this moment (" + record.Recovery.Act.Do + ")"}
	}
	if record.Request != nil {
		return decideRequest(now, configured, record, view)
	}
	if follows(cause, view.target) && !view.visible(cause.Digest) {
		return Decision{Action: Wait, Code: NotVisible, Again: time.Second,
			Reason: fmt.Sprintf("the registry does not list %s yet", describe(cause.Tag, cause.Digest))}
	}
	best, found := view.best()
	switch {
	case !found:
		return view.refuseCause(cause, Decision{Action: Nothing, Code: NoCandidate, Reason: view.whyNone()})
	case view.runs(best):
		return view.upToDate(record, cause, best)
	}
	if foreign, busy := waitsFor(now, configured, view.observation); busy {
		return Decision{Action: Wait, Code: InProgress, Reason: whyWaits(foreign), Image: imageOf(best)}
	}
	if gate, closed := closedGate(now, configured, record, view.observation); closed {
		gate.Image = imageOf(best)
		gate.Reason = describe(best.Tag, best.Digest) + " would roll out, but " + gate.Reason
		return gate
	}
	return view.roll(best, NewerImage, view.whyRoll(best))
}

// decideRequest carries out what a human asked for. An overriding request passes holds, freezes and deployments in
// progress.
func decideRequest(now time.Time, configured settings.Settings, record ledger.Record, view view) Decision {
	request := record.Request
	wanted := imagepolicy.Candidate{Digest: request.Image.Digest, Tag: request.Image.Tag, PushedAt: request.Image.PushedAt}
	if view.runs(wanted) && !replaced(view.observation) {
		return Decision{Action: Settle, Code: AlreadyRunning, Image: &request.Image,
			Reason:     fmt.Sprintf("%s runs already", describe(wanted.Tag, wanted.Digest)),
			PassedOver: view.passedOver(*request)}
	}
	if gate, closed := stopped(configured); closed {
		gate.Image = &request.Image
		return gate
	}
	if !request.Override {
		if newer, found := view.newer(*request); found {
			return Decision{Action: Settle, Code: Superseded, Image: &request.Image,
				Reason: fmt.Sprintf("%s asked for %s, and %s was pushed since", request.Who, describe(wanted.Tag, wanted.Digest),
					describe(newer.Tag, newer.Digest))}
		}
		if foreign, busy := waitsFor(now, configured, view.observation); busy {
			return Decision{Action: Wait, Code: InProgress, Reason: whyWaits(foreign), Image: &request.Image}
		}
		if gate, closed := closedGate(now, configured, record, view.observation); closed {
			gate.Image = &request.Image
			gate.Reason = fmt.Sprintf("%s asked for %s, but %s", request.Who, describe(wanted.Tag, wanted.Digest), gate.Reason)
			return gate
		}
	}
	decision := view.roll(wanted, Requested, fmt.Sprintf("%s asked for %s: %s", request.Who, describe(wanted.Tag, wanted.Digest), request.Why))
	decision.PassedOver = view.passedOver(*request)
	return decision
}

// replaced tells whether a deployment is being brought up that takes the place of what runs once its traffic has moved.
func replaced(observation workload.Observation) bool {
	progressing, found := observation.Progressing()
	return found && !progressing.Primary
}

// closedGate tells whether a hold or a freeze window forbids to start anything.
func closedGate(now time.Time, configured settings.Settings, record ledger.Record, observation workload.Observation) (Decision, bool) {
	if gate, closed := stopped(configured); closed {
		return gate, true
	}
	if hold := observation.Settings.Hold; hold != "" {
		return Decision{Action: Refuse, Code: Held, Reason: "the davit/hold tag says: " + hold}, true
	}
	if hold := record.Hold; hold != nil && (hold.Until.IsZero() || now.Before(hold.Until)) {
		return Decision{Action: Refuse, Code: Held, Reason: "it is held " + describeHold(*hold)}, true
	}
	if window, frozen := configured.Frozen(observation.Workload.String(), now); frozen {
		return Decision{Action: Refuse, Code: Frozen,
			Reason: fmt.Sprintf("the freeze %q lasts until %s", window.Name, window.Ends.UTC().Format(time.RFC3339))}, true
	}
	return Decision{}, false
}

// stopped tells whether davit is stopped everywhere. Nobody passes that but by `davit start`.
func stopped(configured settings.Settings) (Decision, bool) {
	if configured.Stop == nil {
		return Decision{}, false
	}
	return Decision{Action: Refuse, Code: Stopped, Reason: configured.Stop.String()}, true
}

// waitsFor is the deployment under way that a rollout would interrupt. One that has gone without an outcome for longer than
// the limit is not waited for, unless its traffic is shifting: its image may be the very one that a newer push repairs.
func waitsFor(now time.Time, configured settings.Settings, observation workload.Observation) (workload.Deployment, bool) {
	deployment, found := observation.Progressing()
	late := now.Sub(deployment.CreatedAt) > outcomeTimeout(configured)
	return deployment, found && (!late || shifting(deployment, observation))
}

func whyWaits(foreign workload.Deployment) string {
	return fmt.Sprintf("deployment %s, which davit did not start, is in progress", foreign.ID)
}

// decideOutcome judges a rollout that the record says is under way, by what the platform says of its deployment.
func decideOutcome(now time.Time, configured settings.Settings, record ledger.Record, seen Seen) Decision {
	current := record.Rollout
	if !seen.Workload.Exists {
		return about(current, Decision{Action: Supersede, Code: Gone, Reason: "the workload was deleted during the rollout"})
	}
	if request := record.Request; request != nil && request.Override && request.Image.Digest != current.Image.Digest && current.Phase == ledger.Started && underWay(current, seen.Workload) {
		return about(current, Decision{Action: Supersede, Code: Requested,
			Reason: fmt.Sprintf("%s asked for %s instead: %s", request.Who, describe(request.Image.Tag, request.Image.Digest), request.Why)})
	}
	switch current.Phase {
	case ledger.Intended:
		return about(current, decideIntended(now, configured, record, seen))
	case ledger.PuttingBack:
		return about(current, decidePuttingBack(now, current, seen.Workload))
	}
	return about(current, decideStarted(now, configured, current, seen.Workload))
}

// underWay tells whether the rollout's own deployment is being brought up.
func underWay(current *ledger.Rollout, observation workload.Observation) bool {
	progressing, found := observation.Progressing()
	return found && progressing.ID == current.Deployment
}

// leaseLook is how soon to look again at a rollout whose actor is at work: an act takes less than a second, and the
// event that waits may be its outcome.
const leaseLook = 5 * time.Second

// decideIntended handles a rollout whose intent was written and whose deployment is not recorded: its actor is still
// at work, or died on the way.
func decideIntended(now time.Time, configured settings.Settings, record ledger.Record, seen Seen) Decision {
	current, observation := record.Rollout, seen.Workload
	primary, found := observation.Primary()
	switch {
	case now.Before(current.Lease):
		return Decision{Action: Wait, Code: InProgress, Again: min(leaseLook, current.Lease.Sub(now)),
			Reason: "another invocation is starting this rollout"}
	case found && runsImage(observation, current) && observation.Revision != current.From:
		return Decision{Action: Adopt, Code: Interrupted, Deployment: primary.ID, Revision: primary.Revision,
			Reason: "the deployment was started, and its record was not written"}
	case observation.Revision != current.From:
		return Decision{Action: Abandon, Code: Superseded,
			Reason: "somebody else changed the workload before the rollout began: it runs " + revisionName(observation.Revision)}
	case observation.Settings.Policy == "":
		return Decision{Action: Abandon, Code: NotOptedIn, Reason: "the workload no longer carries a davit/policy tag"}
	case observation.Blocked != "":
		return Decision{Action: Abandon, Code: Controller, Reason: observation.Blocked}
	}
	target, err := FindTarget(observation)
	if err != nil {
		return Decision{Action: Abandon, Code: Ambiguous, Reason: err.Error()}
	}
	decision := Decision{Action: Continue, Code: Interrupted, Base: target.Base, Repository: target.Repository,
		Containers: current.Containers, Reason: "the rollout was intended and its actor is gone"}
	if gate, closed := closedGate(now, configured, record, observation); closed && (!current.Overrides() || gate.Code == Stopped) {
		decision.Action, decision.Code, decision.Reason = Withdraw, gate.Code, gate.Reason
		return decision
	}
	if deployment, busy := waitsFor(now, configured, observation); busy && !current.Overrides() {
		return Decision{Action: Wait, Code: InProgress, // its actor may have started it, or somebody else meanwhile
			Reason: fmt.Sprintf("the rollout was intended, its actor is gone, and deployment %s is in progress", deployment.ID)}
	}
	return decision
}

// decideStarted judges a rollout by the deployment that it started, and by no other sign: a service that is stable
// again after its circuit breaker turned is stable on the old image.
func decideStarted(now time.Time, configured settings.Settings, current *ledger.Rollout, observation workload.Observation) Decision {
	primary, _ := observation.Primary()
	deployment, found := observation.Deployment(current.Deployment)
	switch {
	case found && deployment.State == workload.Failed && !deployment.Primary:
		return Decision{Action: Fail, Code: RolledBack, Reason: reasonOr(deployment.Reason, "ECS rolled the deployment back")}
	case found && deployment.State == workload.Failed:
		return putBack(Decision{Code: RolledBack, Reason: reasonOr(deployment.Reason, "the deployment failed")}, observation)
	case found && deployment.Primary && deployment.State == workload.Completed && deployment.Desired == 0:
		return Decision{Action: Succeed, Code: Unproved, Reason: "deployment " + deployment.ID + " completed, and proves nothing of the image: no task ran"}
	case found && deployment.Primary && deployment.State == workload.Completed:
		return Decision{Action: Succeed, Code: Completed, Reason: "deployment " + deployment.ID + " completed"}
	case found && deployment.Primary:
		return decideUnderWay(now, configured, current, deployment, observation)
	case primary.ID == "":
		return Decision{Action: Wait, Code: InProgress, Reason: "the service lists no primary deployment"}
	case found && deployment.State == workload.InProgress && deployment.CreatedAt.After(primary.CreatedAt):
		return decideUnderWay(now, configured, current, deployment, observation)
	case runsImage(observation, current) && primary.Revision != current.From:
		return Decision{Action: Adopt, Code: Elsewhere, Deployment: primary.ID, Revision: primary.Revision,
			Reason: "deployment " + primary.ID + " brings the same image up now"}
	case primary.Revision == current.From && observation.Quiet:
		return Decision{Action: Supersede, Code: Superseded, Deployment: primary.ID,
			Reason: fmt.Sprintf("somebody put it back on %s", revisionName(current.From))}
	case primary.Revision == current.From && !found && settling(now, current, primary):
		return Decision{Action: Wait, Code: InProgress, Again: leaseLook,
			Reason: fmt.Sprintf("the service does not list deployment %s yet", current.Deployment)}
	case primary.Revision == current.From:
		return Decision{Action: Fail, Code: RolledBack,
			Reason: fmt.Sprintf("the service is back on %s", revisionName(current.From))}
	}
	return Decision{Action: Supersede, Code: Superseded, Deployment: primary.ID,
		Reason: fmt.Sprintf("deployment %s of %s, which davit did not start, replaced it", primary.ID, revisionName(primary.Revision))}
}

// settling tells whether what ECS lists may be older than the start of the rollout: ECS is eventually consistent, and
// a deployment that puts the service back is made after the one that it ends
// (docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html).
func settling(now time.Time, current *ledger.Rollout, primary workload.Deployment) bool {
	return now.Sub(current.StartedAt) < time.Minute && primary.CreatedAt.Before(current.StartedAt)
}

// decideUnderWay judges a deployment that has no outcome yet.
func decideUnderWay(now time.Time, configured settings.Settings, current *ledger.Rollout, deployment workload.Deployment,
	observation workload.Observation) Decision {
	late := now.Sub(begun(current, deployment)) > outcomeTimeout(configured)
	putsBack := observation.RollsBack || deployment.Waits != ""
	switch threshold := failureThreshold(deployment.Desired); {
	case !putsBack && deployment.FailedTasks >= threshold:
		return putBack(Decision{Code: TasksFailing, Reason: fmt.Sprintf("%d of its tasks failed, %d fail a deployment, and %s",
			deployment.FailedTasks, threshold, whyNotPutBack(deployment, observation))}, observation)
	case late && !putsBack && !shifting(deployment, observation):
		return putBack(Decision{Code: TimedOut, Reason: fmt.Sprintf("no outcome within %s, and %s",
			outcomeTimeout(configured), whyNotPutBack(deployment, observation))}, observation)
	case late && !current.Overdue:
		return Decision{Action: ReportOverdue, Code: TimedOut,
			Reason: fmt.Sprintf("deployment %s has no outcome within %s: %s", deployment.ID, outcomeTimeout(configured),
				reasonOr(deployment.Waits, reasonOr(deployment.Reason, "ECS gives no reason")))}
	}
	reason := fmt.Sprintf("deployment %s is in progress, %d of %d tasks run", deployment.ID, deployment.Running, deployment.Desired)
	if deployment.Waits != "" {
		reason += ": " + deployment.Waits
	}
	return Decision{Action: Wait, Code: InProgress, Reason: reason}
}

// shifting tells whether all tasks of the deployment run while its traffic goes to them step by step: that takes as long as
// the service's owner chose.
func shifting(deployment workload.Deployment, observation workload.Observation) bool {
	return observation.ShiftsTraffic && deployment.Running >= deployment.Desired
}

// begun is from when on a deployment's time counts: its start, or when the last of its tasks found a place.
func begun(current *ledger.Rollout, deployment workload.Deployment) time.Time {
	if deployment.PlacedAt.After(current.StartedAt) {
		return deployment.PlacedAt
	}
	return current.StartedAt
}

// whyNotPutBack says why davit itself must put a deployment back.
func whyNotPutBack(deployment workload.Deployment, observation workload.Observation) string {
	if observation.Quiet {
		return "Kubernetes puts nothing back by itself: " + reasonOr(deployment.Reason, "it gives no reason")
	}
	return "the service has no circuit breaker with rollback"
}

const (
	// firstWatch and longestWatch bound the time between two looks at a deployment of a quiet platform.
	firstWatch   = 2 * time.Second
	longestWatch = time.Minute
)

// watch is when to look again at a deployment of which no event will tell: at first soon, then after a quarter of the time
// that it has taken so far. A deployment that is late is left to the sweep, so that looks do not add up.
func watch(now time.Time, configured settings.Settings, record ledger.Record, observation workload.Observation, decision Decision) time.Duration {
	if !observation.Quiet {
		return 0
	}
	if decision.Action == Roll || decision.Action == Continue {
		return firstWatch
	}
	if decision.Action != Wait || decision.Code != InProgress || decision.Again > 0 {
		return 0
	}
	primary, _ := observation.Primary()
	since := primary.CreatedAt
	if record.Rollout != nil {
		since = begun(record.Rollout, primary)
	}
	elapsed := now.Sub(since)
	if elapsed > outcomeTimeout(configured) {
		return 0
	}
	return min(max(elapsed/4, firstWatch), longestWatch)
}

// decidePuttingBack finishes what decideStarted began: the workload must leave the failed revision, also one to which no traffic
// has moved yet.
func decidePuttingBack(now time.Time, current *ledger.Rollout, observation workload.Observation) Decision {
	switch {
	case !runsImage(observation, current) && !underWay(current, observation):
		return Decision{Action: Fail, Code: RolledBack, Reason: current.Failure}
	case now.Before(current.Lease):
		return Decision{Action: Wait, Code: InProgress, Again: min(leaseLook, current.Lease.Sub(now)), Reason: "another invocation is putting it back"}
	}
	return Decision{Action: PutBack, Code: Interrupted, Reason: current.Failure}
}

// putBack asks for the revision that ran before, if davit may still change the workload.
func putBack(decision Decision, observation workload.Observation) Decision {
	decision.Action = PutBack
	if observation.Settings.Policy == "" {
		decision.Action = Fail
		decision.Reason += "; it stays where it is, since it no longer carries a davit/policy tag"
	}
	return decision
}

// failureThreshold is how many failed tasks fail a deployment of the desired count: ECS's own rule for its circuit
// breaker, half of the desired count but at least 3 and at most 200
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html).
func failureThreshold(desired int) int {
	return min(200, max(3, (desired+1)/2))
}

// runsImage tells whether the workload's current revision runs the image of the rollout in all of its containers.
func runsImage(observation workload.Observation, current *ledger.Rollout) bool {
	if observation.Revision == current.Revision && current.Revision != "" {
		return true
	}
	running := 0
	for _, container := range observation.Containers {
		for _, name := range current.Containers {
			if container.Name != name {
				continue
			}
			image, err := workload.SplitImage(container.Image)
			if err != nil || image.Digest != current.Image.Digest {
				return false
			}
			running++
		}
	}
	return running > 0 && running == len(current.Containers)
}

func about(current *ledger.Rollout, decision Decision) Decision {
	decision.Image = &current.Image
	return decision
}

func outcomeTimeout(configured settings.Settings) time.Duration {
	if limit := time.Duration(configured.OutcomeTimeout); limit > 0 {
		return limit
	}
	return 30 * time.Minute
}

// Refusal is the reason of an error that is an answer: a *Refused or a *Denied.
func Refusal(err error) (string, bool) {
	var refused *Refused
	if errors.As(err, &refused) {
		return refused.Reason, true
	}
	var denied *Denied
	if errors.As(err, &denied) {
		return denied.statement(), true
	}
	return "", false
}
