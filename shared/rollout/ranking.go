package rollout

import (
	"fmt"
	"slices"

	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// view is a repository as one workload sees it: its policy's ranking, what runs, and what is set aside.
type view struct {
	record      ledger.Record
	observation workload.Observation
	images      []imagepolicy.Image
	target      Target
	ranking     imagepolicy.Ranking
	// running is the digest that runs; for a workload that runs a tag, the digest that the tag names now.
	running string
	// pinned is true where the workload names its image by digest.
	pinned bool
}

func rank(policy imagepolicy.Policy, record ledger.Record, seen Seen, target Target) view {
	result := view{record: record, observation: seen.Workload, images: seen.Images, target: target,
		running: target.Digest, pinned: target.Digest != ""}
	if !result.pinned && target.Tag != "" {
		result.running = digestOf(seen.Images, target.Tag)
	}
	images := seen.Images
	if !policy.Follows() {
		images = withRunning(images, record, result.running)
	}
	result.ranking = policy.Rank(images)
	return result
}

// withRunning adds what runs to the images under the tag by which it was chosen, if the registry no longer lists it so.
// A tag that was moved or an image that was deleted must not make an older one look best.
func withRunning(images []imagepolicy.Image, record ledger.Record, running string) []imagepolicy.Image {
	index := slices.IndexFunc(record.Good, func(image ledger.Image) bool { return image.Digest == running })
	if index < 0 || record.Good[index].Tag == "" {
		return images
	}
	known := record.Good[index]
	at := placeOf(images, running)
	if at < 0 {
		return append(slices.Clone(images),
			imagepolicy.Image{Digest: known.Digest, Tags: []string{known.Tag}, PushedAt: known.PushedAt})
	}
	if slices.Contains(images[at].Tags, known.Tag) {
		return images
	}
	images = slices.Clone(images)
	images[at].Tags = append(slices.Clone(images[at].Tags), known.Tag)
	return images
}

// best is the best candidate that may run: not set aside, unless it runs already.
func (v view) best() (imagepolicy.Candidate, bool) {
	for _, candidate := range v.ranking.Candidates {
		if _, aside := v.record.IsSetAside(*imageOf(candidate)); !aside || candidate.Digest == v.running {
			return candidate, true
		}
	}
	return imagepolicy.Candidate{}, false
}

// runs tells whether all chosen containers run the candidate, by digest.
func (v view) runs(candidate imagepolicy.Candidate) bool {
	return v.pinned && v.running == candidate.Digest
}

func (v view) visible(digest string) bool {
	return placeOf(v.images, digest) >= 0
}

// position is the candidate's place, best first, or -1.
func (v view) position(digest string) int {
	return slices.IndexFunc(v.ranking.Candidates, func(candidate imagepolicy.Candidate) bool { return candidate.Digest == digest })
}

func (v view) roll(candidate imagepolicy.Candidate, code Code, reason string) Decision {
	return Decision{Action: Roll, Code: code, Reason: reason, Image: imageOf(candidate), Containers: v.target.Containers,
		Base: v.target.Base, Repository: v.target.Repository}
}

func (v view) whyRoll(best imagepolicy.Candidate) string {
	name := describe(best.Tag, best.Digest)
	switch at := v.position(v.running); {
	case v.running == best.Digest:
		return fmt.Sprintf("%s runs by tag and is pinned to its digest", name)
	case at >= 0:
		running := v.ranking.Candidates[at]
		return fmt.Sprintf("%s is the best by %s, and %s runs", name, v.observation.Settings.Policy, describe(running.Tag, running.Digest))
	case v.running != "":
		return fmt.Sprintf("%s is the best by %s, and what runs (%s) does not qualify", name, v.observation.Settings.Policy,
			workload.ShortDigest(v.running))
	}
	return fmt.Sprintf("%s is the best by %s, and no image of %s runs by digest yet", name, v.observation.Settings.Policy, v.target.Repository.Name)
}

func (v view) whyNone() string {
	if len(v.ranking.Candidates) > 0 {
		return fmt.Sprintf("all %d images that qualify are set aside", len(v.ranking.Candidates))
	}
	return fmt.Sprintf("none of the %d images of %s qualifies by %s", len(v.images), v.target.Repository.Name, v.observation.Settings.Policy)
}

// upToDate answers for a workload that runs the best image: nothing to do, but for telling why the image of the cause,
// or a better one that is set aside, does not run.
func (v view) upToDate(record ledger.Record, cause Cause, best imagepolicy.Candidate) Decision {
	decision := Decision{Action: Nothing, Code: UpToDate, Image: imageOf(best),
		Reason: fmt.Sprintf("%s runs and is the best by %s", describe(best.Tag, best.Digest), v.observation.Settings.Policy)}
	kept := v.observation.Remembered
	switch rolled := len(record.Good) > 0 && record.Good[0].Digest == best.Digest; {
	case rolled && kept != nil && *kept != v.pinnedImage(best.Digest):
		decision.Action, decision.Code = Remember, NotRemembered
		decision.Reason = "the image parameter does not name " + describe(best.Tag, best.Digest) + ", which runs"
		return decision
	case rolled && record.Good[0].Unproved && allRun(v.observation):
		primary, _ := v.observation.Primary()
		decision.Action, decision.Code = Remember, NotRemembered
		decision.Reason = fmt.Sprintf("%d of %d tasks run, which proves %s", primary.Running, primary.Desired, describe(best.Tag, best.Digest))
		return decision
	}
	return v.refuseCause(cause, decision)
}

// allRun tells whether there are tasks, and all of them run.
func allRun(observation workload.Observation) bool {
	primary, _ := observation.Primary()
	return primary.State == workload.Completed && primary.Desired > 0 && primary.Running >= primary.Desired
}

// refuseCause says why the image that was pushed does not run, where there is something to say; otherwise the decision
// stands.
func (v view) refuseCause(cause Cause, decision Decision) Decision {
	if !follows(cause, v.target) {
		return v.refuseBetter(decision)
	}
	if cause.Digest == v.running {
		return decision
	}
	image := &ledger.Image{Digest: cause.Digest, Tag: cause.Tag}
	if aside, found := v.record.IsSetAside(v.pushed(cause)); found {
		return Decision{Action: Refuse, Code: BadDigest, Image: image, Reason: describeSetAside(aside)}
	}
	if at := v.position(cause.Digest); at >= 0 {
		candidate, running := v.ranking.Candidates[at], v.ranking.Candidates[0]
		if place := v.position(v.running); place >= 0 {
			running = v.ranking.Candidates[place]
		}
		return Decision{Action: Refuse, Code: Older, Image: imageOf(candidate),
			Reason: fmt.Sprintf("%s is older than %s, which runs", candidate.Tag, running.Tag)}
	}
	for _, left := range v.ranking.LeftOut {
		if left.Digest == cause.Digest && (left.Tag == cause.Tag || cause.Tag == "") && cause.Tag != "" {
			return Decision{Action: Refuse, Code: OutOfPolicy, Image: image,
				Reason: fmt.Sprintf("%s does not qualify by %s: %s", describe(cause.Tag, cause.Digest), v.observation.Settings.Policy, left.Reason)}
		}
	}
	return decision
}

// refuseBetter tells that an image ranks above what runs and is set aside.
func (v view) refuseBetter(decision Decision) Decision {
	if len(v.ranking.Candidates) == 0 || v.ranking.Candidates[0].Digest == v.running {
		return decision
	}
	top := v.ranking.Candidates[0]
	aside, found := v.record.IsSetAside(*imageOf(top))
	if !found {
		return decision
	}
	return Decision{Action: Refuse, Code: BadDigest, Image: imageOf(top), Reason: describeSetAside(aside)}
}

// passedOver are the candidates that a request leaves behind: all that rank above the one asked for, and what runs. They
// are not tried again, so that the request stands until something newer is pushed.
func (v view) passedOver(request ledger.Request) []ledger.Image {
	passed := []ledger.Image{}
	for _, candidate := range v.ranking.Candidates {
		if candidate.Digest == request.Image.Digest {
			break
		}
		passed = append(passed, *imageOf(candidate))
	}
	return passed
}

// newer is the best candidate if it was pushed after the request was made: then the request has had its time.
func (v view) newer(request ledger.Request) (imagepolicy.Candidate, bool) {
	best, found := v.best()
	return best, found && best.Digest != request.Image.Digest && best.PushedAt.After(request.Since())
}

// pushed is the image of the cause, with its push time if the registry lists it.
func (v view) pushed(cause Cause) ledger.Image {
	image := ledger.Image{Digest: cause.Digest, Tag: cause.Tag}
	if at := placeOf(v.images, cause.Digest); at >= 0 {
		image.PushedAt = v.images[at].PushedAt
	}
	return image
}

func (v view) pinnedImage(digest string) string { return v.target.Base + "@" + digest }

func (v view) verdicts() []Verdict {
	verdicts := make([]Verdict, 0, len(v.ranking.Candidates)+len(v.ranking.LeftOut))
	for place, candidate := range v.ranking.Candidates {
		verdict := Verdict{Digest: candidate.Digest, Tag: candidate.Tag, Running: candidate.Digest == v.running, Qualifies: true,
			Reason: fmt.Sprintf("number %d by %s", place+1, v.observation.Settings.Policy)}
		if aside, found := v.record.IsSetAside(*imageOf(candidate)); found {
			verdict.Qualifies, verdict.Reason = false, describeSetAside(aside)
		}
		verdicts = append(verdicts, verdict)
	}
	for _, left := range v.ranking.LeftOut {
		verdicts = append(verdicts, Verdict{Digest: left.Digest, Tag: left.Tag, Running: left.Digest == v.running, Reason: left.Reason})
	}
	return verdicts
}

// follows tells whether the cause is a push to the repository that the workload follows.
func follows(cause Cause, target Target) bool {
	return cause.Digest != "" && cause.Repository == target.Repository
}

// placeOf is the place of the image with the digest, or -1.
func placeOf(images []imagepolicy.Image, digest string) int {
	return slices.IndexFunc(images, func(image imagepolicy.Image) bool { return image.Digest == digest })
}

func digestOf(images []imagepolicy.Image, tag string) string {
	for _, image := range images {
		if slices.Contains(image.Tags, tag) {
			return image.Digest
		}
	}
	return ""
}

func imageOf(candidate imagepolicy.Candidate) *ledger.Image {
	return &ledger.Image{Digest: candidate.Digest, Tag: candidate.Tag, PushedAt: candidate.PushedAt}
}
