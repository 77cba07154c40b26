package demo

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"davit/cmd/davit/local/console"
	"davit/shared/ledger"
	"davit/shared/workload"
)

// pushes pushes an image of the web server and answers its digest.
func (s *stage) pushes(ctx context.Context, version string, make func(string) (v1.Image, error)) (digest string, err error) {
	image, err := make(version)
	if err != nil {
		return "", err
	}
	name := repository + ":" + version
	begun := time.Now()
	if err := s.pusher.Push(ctx, image, name); err != nil {
		return "", err
	}
	digest, err = s.view.digestOf(ctx, version)
	if err != nil {
		return "", err
	}
	s.Console.Line("pushed %s/%s by %s in %s: %s", s.pusher.Registry, name, s.pusher.Means(), console.Elapsed(begun),
		workload.ShortDigest(digest))
	return digest, nil
}

// rollsOut pushes a version and sees it run, by digest, in a container that answers, and kept for the next deploy.
func (s *stage) rollsOut(ctx context.Context, version string) error {
	digest, err := s.pushes(ctx, version, s.program.Working)
	if err != nil {
		return err
	}
	if err := s.awaitRunning(ctx, version, digest); err != nil {
		return err
	}
	if err := s.awaitProved(ctx, version, digest); err != nil {
		return err
	}
	if err := s.sees(ctx, version); err != nil {
		return err
	}
	return s.rollsOutOnKubernetes(ctx, version, digest)
}

// awaitRunning waits until the service runs the digest.
func (s *stage) awaitRunning(ctx context.Context, version, digest string) error {
	wait := console.Wait{
		For:   fmt.Sprintf("%s to run %s@%s", s.view.workload, version, workload.ShortDigest(digest)),
		Limit: rolloutLimit,
	}
	err := s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		seen, err := s.view.look(ctx)
		return seen.String(), seen.on(digest), err
	})
	if err != nil {
		return err
	}
	s.Console.Good("%s runs %s, pinned as %s", s.view.workload, version, digest)
	return nil
}

// awaitProved waits until the ledger counts the digest among the good ones, and the image parameter names it.
func (s *stage) awaitProved(ctx context.Context, version, digest string) error {
	wait := console.Wait{
		For:   fmt.Sprintf("the ledger to say that %s is good and the image parameter to name it", version),
		Limit: rolloutLimit,
	}
	err := s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		record, err := s.view.record(ctx)
		if err != nil {
			return "", false, err
		}
		remembered, err := s.view.remembered(ctx)
		if err != nil {
			return "", false, err
		}
		proved := record.Rollout == nil && len(record.Good) > 0 && record.Good[0].Digest == digest
		return "image parameter: " + shortImage(remembered), proved && strings.HasSuffix(remembered, "@"+digest), nil
	})
	if err != nil {
		return err
	}
	s.Console.Good("the ledger says that %s is good", version)
	return nil
}

// sees asks the running container which version it is. The task of the deployment before may still be ending.
func (s *stage) sees(ctx context.Context, version string) error {
	want := "web " + version
	var id string
	wait := console.Wait{For: fmt.Sprintf("one container that answers %q", want), Limit: containerLimit}
	err := s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		found, page, err := s.view.container(ctx)
		if errors.Is(err, errNoContainer) {
			return err.Error(), false, nil
		}
		id = found
		return fmt.Sprintf("container %.12s answers %q", id, page), page == want, err
	})
	if err != nil {
		return err
	}
	s.Console.Good("container %.12s is %s", id, version)
	return nil
}

// refusesOlder pushes a version that the running one is newer than, and sees the refusal and nothing else.
func (s *stage) refusesOlder(ctx context.Context, version, runs string) error {
	before, err := s.view.look(ctx)
	if err != nil {
		return err
	}
	if _, err := s.pushes(ctx, version, s.program.Working); err != nil {
		return err
	}
	var refusal ledger.Entry
	wait := console.Wait{For: fmt.Sprintf("%s to be refused as older than %s", version, runs), Limit: rolloutLimit}
	err = s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		entry, found, err := s.view.refusal(ctx, version)
		if err != nil || !found {
			return "no refusal of " + version + " in the history yet", false, err
		}
		refusal = entry
		return "in the history: " + entry.Reason, true, nil
	})
	if err != nil {
		return err
	}
	if !strings.Contains(refusal.Reason, "older than "+runs) {
		return fmt.Errorf("%s was refused because %q, want because it is older than %s", version, refusal.Reason, runs)
	}
	s.Console.Good("refused: %s", refusal.Reason)
	return s.unchanged(ctx, before, runs)
}

// unchanged sees that the service is still on the deployment that it was on.
func (s *stage) unchanged(ctx context.Context, before running, version string) error {
	after, err := s.view.look(ctx)
	if err != nil {
		return err
	}
	if after.deployment != before.deployment || after.image != before.image {
		return fmt.Errorf("%s changed: before %s, after %s", s.view.workload, before, after)
	}
	return s.sees(ctx, version)
}

// putsBack pushes a version that does not start, and sees ECS put the one before back and the ledger remember why.
func (s *stage) putsBack(ctx context.Context, broken, runs string) error {
	good, err := s.view.digestOf(ctx, runs)
	if err != nil {
		return err
	}
	bad, err := s.pushes(ctx, broken, s.program.Broken)
	if err != nil {
		return err
	}
	wait := console.Wait{For: fmt.Sprintf("the deployment of %s to fail and %s to be back", broken, runs), Limit: rolloutLimit}
	err = s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		seen, err := s.view.look(ctx)
		failed := slices.ContainsFunc(seen.failed, func(image string) bool { return strings.HasSuffix(image, "@"+bad) })
		return seen.String(), failed && seen.on(good), err
	})
	if err != nil {
		return err
	}
	s.Console.Good("ECS's circuit breaker put %s back", runs)
	if err := s.awaitSetAside(ctx, broken, bad); err != nil {
		return err
	}
	if err := s.sees(ctx, runs); err != nil {
		return err
	}
	return s.putsBackOnKubernetes(ctx, broken, bad, runs, good)
}

// awaitSetAside waits until the ledger has set the digest aside.
func (s *stage) awaitSetAside(ctx context.Context, version, digest string) error {
	wait := console.Wait{For: fmt.Sprintf("the ledger to set %s aside", version), Limit: rolloutLimit}
	var reason string
	err := s.Console.Await(ctx, wait, func(ctx context.Context) (string, bool, error) {
		record, err := s.view.record(ctx)
		if err != nil {
			return "", false, err
		}
		for _, aside := range record.SetAside {
			if aside.Digest == digest && record.Rollout == nil {
				reason = aside.Reason
				return "the ledger: " + version + " is set aside", true, nil
			}
		}
		return "the ledger: the rollout has no outcome yet", false, nil
	})
	if err != nil {
		return err
	}
	s.Console.Good("%s (%s) is set aside: %s", version, workload.ShortDigest(digest), reason)
	return nil
}

// deploysAgain deploys the stacks once more, and sees the same image run.
func (s *stage) deploysAgain(ctx context.Context, version string) error {
	digest, err := s.view.digestOf(ctx, version)
	if err != nil {
		return err
	}
	if err := s.Site.Application().Deploy(ctx, s.Console); err != nil {
		return err
	}
	if err := s.Site.Application().Diff(ctx, s.Console); err != nil {
		return fmt.Errorf("after a deploy there is something to deploy: %w", err)
	}
	if err := s.awaitRunning(ctx, version, digest); err != nil {
		return err
	}
	if err := s.Site.AwaitQuiet(ctx, s.Console); err != nil {
		return err
	}
	seen, err := s.view.look(ctx)
	if err != nil {
		return err
	}
	if !seen.on(digest) {
		return fmt.Errorf("after the deploy %s is on %s, want %s", s.view.workload, seen, workload.ShortDigest(digest))
	}
	if err := s.awaitProved(ctx, version, digest); err != nil {
		return err
	}
	return s.sees(ctx, version)
}

// showsHistory runs `davit history`, as a user would.
func (s *stage) showsHistory(ctx context.Context, of workload.Reference) error {
	// #nosec G204 -- the program is davit itself.
	command := exec.CommandContext(ctx, s.Davit, "history", of.String())
	command.Env = s.Site.Endpoint.Environment(s.Site.Home())
	lines := s.Console.Writer()
	command.Stdout, command.Stderr = lines, lines
	s.Console.Line("$ davit history %s", of)
	if err := command.Run(); err != nil {
		return fmt.Errorf("davit history %s: %w", of, err)
	}
	return nil
}
