// Package bench measures on a local cloud how long it takes from a push until ECS has a deployment of it, beside the
// least that is possible on the same path: the time until an empty function is called.
package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"davit/cmd/davit/local/cloud"
	"davit/cmd/davit/local/console"
	"davit/cmd/davit/local/webimage"
)

// warmUps is how many pushes of each kind come before the first that counts: both functions have started by then.
const warmUps = 5

// Bench is one run of the benchmark.
type Bench struct {
	// Site is the local cloud; it is started and ended, unless it was up before.
	Site cloud.Site
	// Console gets the progress.
	Console *console.Console
	// Pushes is how many pushes of each kind count, at least 1.
	Pushes int
}

// Run measures. The pushes of both kinds take turns, so that whatever the machine does otherwise slows both.
func (b Bench) Run(ctx context.Context) (result Result, err error) {
	if b.Pushes < 1 {
		return Result{}, fmt.Errorf("measure %d pushes: want at least 1", b.Pushes)
	}
	switch started := b.Site.Up(ctx, b.Console); {
	case errors.Is(started, cloud.ErrUp):
		if b.Site, err = b.Site.AsStarted(); err != nil {
			return Result{}, err
		}
		b.Console.Line("%s; it stays up afterwards", started)
	case started != nil:
		return Result{}, started
	default:
		defer func() { err = errors.Join(err, b.Site.Down(context.WithoutCancel(ctx), b.Console)) }()
	}
	program, err := webimage.Build(ctx, b.Site.Root)
	if err != nil {
		return Result{}, err
	}
	floor, err := installFloor(ctx, b.Site)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, floor.remove(context.WithoutCancel(ctx))) }()
	var measured samples
	err = b.Console.Step(fmt.Sprintf("Measuring %d pushes of each kind", b.Pushes), func() (err error) {
		measured, err = b.measure(ctx, program, floor)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	return measured.result(), nil
}

func (b Bench) measure(ctx context.Context, program webimage.Program, floor *floor) (samples, error) {
	rollout := newRollout(b.Site)
	var measured samples
	var cpu cpuMeter
	// Every version is newer than any that the repository can hold.
	minor := time.Now().Unix()
	for turn := range warmUps + b.Pushes {
		tag := fmt.Sprintf("1.%d.%d", minor, turn)
		image, err := program.Working(tag)
		if err != nil {
			return samples{}, err
		}
		least, err := floor.measure(ctx, image, tag)
		if err != nil {
			return samples{}, err
		}
		if turn == warmUps {
			cpu.start()
		}
		ours, err := rollout.measure(ctx, image, tag)
		if err != nil {
			return samples{}, err
		}
		if turn < warmUps {
			continue
		}
		cpu.look()
		measured.floor, measured.ours = append(measured.floor, least), append(measured.ours, ours)
		b.Console.Line("push %d: empty function called after %s, deployment made after %s", turn-warmUps+1,
			milliseconds(least), milliseconds(ours))
	}
	measured.cpu = cpu.total()
	return measured, nil
}
