package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/rollout"
	"davit/shared/settings"
	"davit/shared/workload"
)

// sight is one workload as everybody sees it now: what davit would do, with all that the decision rests on.
type sight struct {
	rollout.Explanation
	// target is what a rollout would change; absent where the workload has none.
	target *rollout.Target
	// images are those of the repository that the workload follows.
	images []imagepolicy.Image
	// verdicts judge the images, also while a rollout is in progress.
	verdicts []rollout.Verdict
	settings settings.Settings
	// fault is why the images could not be read, where others were looked at beside this workload.
	fault error
}

// gallery remembers the images of each repository. A tolerant one answers no images where they cannot be read, and
// keeps why, so that one repository does not spoil the sight of other workloads.
type gallery struct {
	registry rollout.Registry
	tolerant bool

	mutex sync.Mutex
	lists map[workload.Repository]imageList
}

type imageList struct {
	images []imagepolicy.Image
	err    error
}

func (g *gallery) Images(ctx context.Context, repository workload.Repository) ([]imagepolicy.Image, error) {
	list, found := g.known(repository)
	if !found {
		list.images, list.err = g.registry.Images(ctx, repository)
		g.mutex.Lock()
		g.lists[repository] = list
		g.mutex.Unlock()
	}
	if g.tolerant && !errors.Is(list.err, rollout.ErrNoRepository) {
		return list.images, nil
	}
	return list.images, list.err
}

func (g *gallery) known(repository workload.Repository) (imageList, bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	list, found := g.lists[repository]
	return list, found
}

// viewer looks at workloads; it reads each repository once. It writes nothing.
type viewer struct {
	reconciler rollout.Reconciler
	gallery    *gallery
}

func (s *session) viewer(tolerant bool) *viewer {
	seen := &viewer{reconciler: *s.Reconciler,
		gallery: &gallery{registry: s.Reconciler.Registry, tolerant: tolerant, lists: map[workload.Repository]imageList{}}}
	seen.reconciler.Registry = seen.gallery
	return seen
}

// look explains the workloads.
func (v *viewer) look(ctx context.Context, references []workload.Reference, cause rollout.Cause) (
	map[workload.Reference]sight, error) {
	explained, err := v.reconciler.Explain(ctx, references, cause)
	if err != nil {
		return nil, err
	}
	configured, err := v.reconciler.Settings(ctx)
	if err != nil {
		return nil, err
	}
	sights := make(map[workload.Reference]sight, len(explained))
	for reference, explanation := range explained {
		sights[reference] = v.complete(explanation, configured, cause)
	}
	return sights, nil
}

func (v *viewer) complete(explanation rollout.Explanation, configured settings.Settings, cause rollout.Cause) sight {
	seen := sight{Explanation: explanation, verdicts: explanation.Decision.Verdicts, settings: configured}
	target, err := rollout.FindTarget(explanation.Observation)
	if err != nil || !explanation.Observation.Exists {
		return seen
	}
	seen.target = &target
	list, found := v.gallery.known(target.Repository)
	if !found {
		return seen
	}
	seen.images = list.images
	if !errors.Is(list.err, rollout.ErrNoRepository) {
		seen.fault = list.err
	}
	if explanation.Record.Rollout != nil && list.err == nil {
		idle := explanation.Record.Clone()
		idle.Rollout = nil
		judged := rollout.Decide(v.reconciler.Now(), configured, idle,
			rollout.Seen{Workload: explanation.Observation, Images: list.images}, cause)
		seen.verdicts = judged.Verdicts
	}
	return seen
}

// lookAt explains one workload, which must exist or be known.
func (s *session) lookAt(ctx context.Context, reference workload.Reference) (sight, error) {
	if !reference.Kind().RollsOut() {
		return s.lookAtHost(ctx, reference)
	}
	sights, err := s.viewer(false).look(ctx, []workload.Reference{reference}, rollout.Cause{ID: "davit", Text: "davit explain"})
	if err != nil {
		return sight{}, fmt.Errorf("%s: %w", reference, err)
	}
	seen := sights[reference]
	if !seen.Observation.Exists && seen.Record.Version == 0 {
		return sight{}, s.unknown(ctx, reference)
	}
	return seen, nil
}

// lookAtHost sees a host or a group of hosts, which must exist or be known. There is nothing to decide.
func (s *session) lookAtHost(ctx context.Context, reference workload.Reference) (sight, error) {
	records, err := s.Ledger.Read(ctx, []workload.Reference{reference})
	if err != nil {
		return sight{}, err
	}
	seen, err := s.Remedies.Drivers[reference.Kind()].Observe(ctx, reference)
	if err != nil {
		return sight{}, err
	}
	record := records[reference]
	if !seen.Exists && record.Version == 0 {
		return sight{}, fmt.Errorf("%s: there is no such host or group of hosts in %s, and the ledger does not know it; if it is "+
			"in another region, name that by --region", reference, s.where(ctx))
	}
	return sight{Explanation: rollout.Explanation{Record: record, Observation: seen.Observation}}, nil
}

// running is the image that the workload runs, as far as it can be named; nil where it runs none of its repository.
func (s sight) running() *ledger.Image {
	if s.target == nil || s.target.Digest == "" && s.target.Tag == "" {
		return nil
	}
	image := &ledger.Image{Digest: s.target.Digest, Tag: s.target.Tag}
	for _, verdict := range s.verdicts {
		if verdict.Running {
			image.Digest = verdict.Digest
			break
		}
	}
	image.Tag = s.tagOf(*image)
	if at := s.listed(image.Digest); at >= 0 {
		image.PushedAt = s.images[at].PushedAt
	}
	return image
}

// tagOf finds the tag by which people know an image.
func (s sight) tagOf(image ledger.Image) string {
	if image.Tag != "" {
		return image.Tag
	}
	for _, verdict := range s.verdicts {
		if verdict.Digest == image.Digest && verdict.Tag != "" {
			return verdict.Tag
		}
	}
	for _, good := range s.Record.Good {
		if good.Digest == image.Digest && good.Tag != "" {
			return good.Tag
		}
	}
	if at := s.listed(image.Digest); at >= 0 && len(s.images[at].Tags) > 0 {
		return slices.Min(s.images[at].Tags)
	}
	return ""
}

// newest is when the newest image of the repository was pushed; zero where none is listed.
func (s sight) newest() (pushed time.Time) {
	for _, image := range s.images {
		if image.PushedAt.After(pushed) {
			pushed = image.PushedAt
		}
	}
	return pushed
}

// listed is the place of the image among those of the repository, or -1.
func (s sight) listed(digest string) int {
	return slices.IndexFunc(s.images, func(image imagepolicy.Image) bool { return digest != "" && image.Digest == digest })
}
