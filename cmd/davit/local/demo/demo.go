// Package demo shows the job on a local cloud, live: images are pushed and rolled out, an old one is refused, a broken
// one is put back and not tried again, and a deploy changes none of it; alarms scale and roll back; at the end records are
// anchored and one of them verified. Every sentence that it prints is about something it saw.
package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/push"
	"davit/cmd/davit/local/webimage"
	"davit/shared/workload"
)

// The names of the demo, as in the local installation.
const (
	cluster    = "davit"
	service    = "web"
	repository = "web"
)

const (
	// rolloutLimit is how long one rollout may take, from the push to the outcome.
	rolloutLimit = 90 * time.Second
	// containerLimit is how long the one container of a finished rollout may take to be alone and to answer.
	containerLimit = 30 * time.Second
)

// ErrUsed says that the local cloud has images already, so that the demo would not show what it says.
var ErrUsed = errors.New("the repository web has images already: run make local-down first")

// Demo is one run of the demo.
type Demo struct {
	// Site is the local cloud; it is started and ended by the demo, unless it was up before.
	Site cloud.Site
	// Console gets the story.
	Console *console.Console
	// Davit is the path of the davit program, which shows the history at the end.
	Davit string
}

// act is one scene: what it shows, and the showing.
type act struct {
	title string
	show  func(ctx context.Context) error
}

// Run shows everything. Its error names the act that did not hold.
func (d Demo) Run(ctx context.Context) (err error) {
	begun := time.Now()
	switch started := d.Site.Up(ctx, d.Console); {
	case errors.Is(started, cloud.ErrUp):
		if d.Site, err = d.Site.AsStarted(); err != nil {
			return err
		}
		d.Console.Line("%s; it stays up afterwards", started)
	case started != nil:
		return started
	default:
		defer func() {
			// The end must come after a Ctrl-C, too.
			err = errors.Join(err, d.Site.Down(context.WithoutCancel(ctx), d.Console))
		}()
	}
	stage, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	if err := stage.play(ctx); err != nil {
		return err
	}
	d.Console.Title("Everything held, in %s.", console.Elapsed(begun))
	return nil
}

// stage is what the acts work with.
type stage struct {
	Demo
	view view
	// deployment is what rolls out beside the service, on a site with Kubernetes.
	deployment workload.Reference
	pusher     push.Pusher
	program    webimage.Program
}

func (d Demo) prepare(ctx context.Context) (*stage, error) {
	engine, err := d.Site.Engine(ctx)
	if err != nil {
		return nil, err
	}
	reference, err := workload.ECSService(cluster, service)
	if err != nil {
		return nil, err
	}
	onKubernetes, err := workload.EKSDeployment(cluster, namespace, deployment)
	if err != nil {
		return nil, err
	}
	view := newView(d.Site.Endpoint.Config(), engine, reference)
	if used, err := view.hasImages(ctx); err != nil {
		return nil, err
	} else if used {
		return nil, ErrUsed
	}
	program, err := webimage.Build(ctx, d.Site.Root)
	if err != nil {
		return nil, err
	}
	return &stage{Demo: d, view: view, deployment: onKubernetes, program: program, pusher: push.Pusher{
		Registry: d.Site.Endpoint.Registry(), Engine: engine, Home: filepath.Join(d.Site.Home(), "docker"),
	}}, nil
}

func (s *stage) play(ctx context.Context) error {
	acts := []act{
		{"web:1.0.0 is pushed: it rolls out", func(ctx context.Context) error { return s.rollsOut(ctx, "1.0.0") }},
		{"web:1.1.0 is pushed: it rolls out", func(ctx context.Context) error { return s.rollsOut(ctx, "1.1.0") }},
		{"web:1.0.5 is pushed late: it is refused", func(ctx context.Context) error {
			return s.refusesOlder(ctx, "1.0.5", "1.1.0")
		}},
		{"web:1.2.0 is pushed, and its process exits: ECS puts 1.1.0 back", func(ctx context.Context) error {
			return s.putsBack(ctx, "1.2.0", "1.1.0")
		}},
		{"The sweep runs: 1.2.0 is not tried again", func(ctx context.Context) error { return s.sweeps(ctx, "1.2.0", "1.1.0") }},
		{"cdk deploy, again: the running image is untouched", func(ctx context.Context) error { return s.deploysAgain(ctx, "1.1.0") }},
		{"An alarm says that the load is high: davit scales out, and in again when it has gone", s.scales},
		{"web:1.3.0 rolls out, and an alarm goes off: davit goes back to 1.1.0", func(ctx context.Context) error {
			return s.recovers(ctx, "1.3.0", "1.1.0")
		}},
		{"The history of " + s.view.workload.String(), func(ctx context.Context) error { return s.showsHistory(ctx, s.view.workload) }},
		{"Records are anchored, and one is verified", s.anchors},
	}
	if s.Site.Kubernetes {
		acts = append([]act{{"A Deployment on EKS opts in", s.optsIn}}, acts...)
		acts = append(acts, act{"The history of " + s.deployment.String(), func(ctx context.Context) error {
			return s.showsHistory(ctx, s.deployment)
		}})
	}
	for number, act := range acts {
		s.Console.Title("%d. %s", number+1, act.title)
		if err := act.show(ctx); err != nil {
			return fmt.Errorf("step %d did not hold (%s): %w", number+1, act.title, err)
		}
	}
	return nil
}
