package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"davit/cmd/davit/emulator"
	"davit/cmd/davit/kubernetes"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/engine"
	"davit/cmd/davit/local/webimage"
)

// PlaceholderImage is what the services of the local installation run until the first rollout. It is put into the
// engine beforehand, and is not in any registry.
const PlaceholderImage = "davit/placeholder:local"

// steadyLimit is how long the services get to run their first image.
const steadyLimit = 60 * time.Second

// ErrUp says that the local cloud was up already.
var ErrUp = errors.New("the local cloud is up already")

// Up starts the local cloud and answers when the stacks are deployed and their services run. One that is up already
// gives an error that wraps ErrUp, unless it lacks the Kubernetes that is asked for. A start that fails clears away what it
// started; its logs stay.
func (s Site) Up(ctx context.Context, console *console.Console) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.checkBuilt(); err != nil {
		return err
	}
	if err := s.clearHalfStarted(ctx, console); err != nil {
		return err
	}
	if err := s.start(ctx, console); err != nil {
		return errors.Join(err, s.end(context.WithoutCancel(ctx)))
	}
	return nil
}

// clearHalfStarted answers ErrUp of a local cloud that is up, and ends one whose start did not finish.
func (s Site) clearHalfStarted(ctx context.Context, console *console.Console) error {
	state, err := s.readState()
	if err != nil {
		return err
	}
	if state.Endpoint != "" && s.Running() {
		if _, err := engine.Connect(ctx, state.DockerHost); err == nil {
			return state.refusal(s.Kubernetes)
		}
	}
	if state == stateOfNone {
		return nil
	}
	return console.Step("Clearing away a local cloud that did not finish its start or died", func() error {
		return s.end(ctx)
	})
}

// step is a part of the start.
type step struct {
	title string
	work  func() error
}

func (s Site) start(ctx context.Context, console *console.Console) error {
	begun := time.Now()
	progress := func(text string) { console.Line("%s", text) }
	var found *engine.Engine
	if err := os.Remove(s.Application().Log); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("begin a new log of the deployment: %w", err)
	}
	started := state{StartedAt: begun.UTC().Truncate(time.Second), Region: s.Endpoint.Region, Kubernetes: s.Kubernetes}
	steps := []step{
		{"Emulator: installed", func() error { return emulator.Install(ctx, s.tools(), progress) }},
		{"Docker engine", func() (err error) {
			found, err = s.findEngine(ctx, &started, progress)
			return err
		}},
		{fmt.Sprintf("Emulator: started on port %d", s.Endpoint.Port), func() error {
			return s.startEmulator(ctx, found)
		}},
		{"Placeholder image: built and loaded", func() error { return s.loadPlaceholder(ctx, found) }},
		{"cdk bootstrap", func() error { return s.Application().Bootstrap(ctx, console) }},
		{"cdk deploy, and a look whether everything is there", func() error {
			return s.Application().Deploy(ctx, console)
		}},
		{"Services: running", func() error { return s.awaitSteady(ctx, console) }},
	}
	if s.Kubernetes {
		steps = append(steps, step{"Cluster: davit's functions may roll out on it", func() error { return s.admitFunctions(ctx, progress) }})
	}
	steps = append(steps, step{"First sweep: the rollout function knows the services", func() error { return s.firstSweep(ctx, console) }})
	for _, step := range steps {
		if err := console.Step(step.title, step.work); err != nil {
			return err
		}
	}
	started.Endpoint = s.Endpoint.URL()
	return s.writeState(started)
}

// findEngine finds or starts the engine, and writes it down for Down.
func (s Site) findEngine(ctx context.Context, started *state, progress func(string)) (*engine.Engine, error) {
	// Written first: an interrupt may come between the engine's start and its record.
	if err := s.writeState(*started); err != nil {
		return nil, err
	}
	found, private, err := engine.Ensure(ctx, engine.ThisMachine(), s.engine().Directory, progress)
	if err != nil {
		return nil, err
	}
	version, err := found.Version(ctx)
	if err != nil {
		return nil, err
	}
	progress(fmt.Sprintf("Docker %s at %s", version, found.Host()))
	started.DockerHost, started.PrivateEngine = found.Host(), private
	return found, s.writeState(*started)
}

// firstSweep does not leave it to the schedule when davit meets the services: the stacks are deployed in any order, and a
// push finds only a workload that is known.
func (s Site) firstSweep(ctx context.Context, console *console.Console) error {
	if _, err := s.Sweep(ctx); err != nil {
		return err
	}
	return s.AwaitQuiet(ctx, console)
}

func (s Site) startEmulator(ctx context.Context, on *engine.Engine) error {
	options := emulator.Options{
		Directory: s.emulator(), Installation: s.tools(),
		Port: s.Endpoint.Port, Region: s.Endpoint.Region, DockerHost: on.Host(), EnforcePermissions: true,
	}
	if s.Kubernetes {
		program, err := kubernetes.ControlPlane(s.Root)
		if err != nil {
			return err
		}
		options.ControlPlane = program
	}
	_, err := emulator.Start(ctx, options)
	return err
}

func (s Site) loadPlaceholder(ctx context.Context, into *engine.Engine) error {
	program, err := webimage.Build(ctx, s.Root)
	if err != nil {
		return err
	}
	image, err := program.Working("placeholder")
	if err != nil {
		return err
	}
	archive, err := webimage.Archive(image, PlaceholderImage)
	if err != nil {
		return err
	}
	return into.Load(ctx, archive)
}
