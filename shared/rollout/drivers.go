package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"davit/shared/workload"
)

// Drivers are the drivers of an installation, each for the workloads of its kind. Together they are one.
type Drivers map[workload.Kind]Driver

var _ Driver = Drivers(nil)

// Observe asks the drivers side by side; what one of them cannot see does not spoil the rest.
func (d Drivers) Observe(ctx context.Context, references []workload.Reference) (map[workload.Reference]workload.Observation, error) {
	return each(d, references, func(driver Driver, own []workload.Reference) (map[workload.Reference]workload.Observation, error) {
		return driver.Observe(ctx, own)
	})
}

// Recall asks the drivers side by side.
func (d Drivers) Recall(ctx context.Context, references []workload.Reference) (map[workload.Reference]string, error) {
	return each(d, references, func(driver Driver, own []workload.Reference) (map[workload.Reference]string, error) {
		return driver.Recall(ctx, own)
	})
}

// each gives every driver the references of its kind, and joins the answers.
func each[V any](d Drivers, references []workload.Reference, ask func(Driver, []workload.Reference) (map[workload.Reference]V, error),
) (map[workload.Reference]V, error) {
	var (
		byKind   = map[workload.Kind][]workload.Reference{}
		answer   = make(map[workload.Reference]V, len(references))
		failures []error
		mutex    sync.Mutex
		calls    sync.WaitGroup
	)
	for _, reference := range references {
		byKind[reference.Kind()] = append(byKind[reference.Kind()], reference)
	}
	for _, own := range byKind {
		calls.Go(func() {
			var part map[workload.Reference]V
			driver, err := d.of(own[0])
			if err == nil {
				part, err = ask(driver, own)
			}
			mutex.Lock()
			defer mutex.Unlock()
			maps.Copy(answer, part)
			failures = append(failures, err)
		})
	}
	calls.Wait()
	return answer, errors.Join(failures...)
}

// ReadAhead has each driver read what it will ask.
func (d Drivers) ReadAhead(ctx context.Context, repository workload.Repository, digest string) {
	var calls sync.WaitGroup
	for _, driver := range d {
		calls.Go(func() { driver.ReadAhead(ctx, repository, digest) })
	}
	calls.Wait()
}

// Verify asks the workload's driver.
func (d Drivers) Verify(ctx context.Context, observation workload.Observation, change Change) error {
	driver, err := d.of(observation.Workload)
	if err != nil {
		return err
	}
	return driver.Verify(ctx, observation, change)
}

// Prepare has the workload's driver prepare.
func (d Drivers) Prepare(ctx context.Context, observation workload.Observation, change Change, resume bool) (Prepared, error) {
	driver, err := d.of(observation.Workload)
	if err != nil {
		return Prepared{}, err
	}
	return driver.Prepare(ctx, observation, change, resume)
}

// Start has the workload's driver start.
func (d Drivers) Start(ctx context.Context, observation workload.Observation, start Start) (string, error) {
	driver, err := d.of(observation.Workload)
	if err != nil {
		return "", err
	}
	return driver.Start(ctx, observation, start)
}

// Evidence asks the workload's driver.
func (d Drivers) Evidence(ctx context.Context, reference workload.Reference, deployment string) ([]string, error) {
	driver, err := d.of(reference)
	if err != nil {
		return nil, err
	}
	return driver.Evidence(ctx, reference, deployment)
}

// Remember has the workload's driver remember.
func (d Drivers) Remember(ctx context.Context, reference workload.Reference, image string) error {
	driver, err := d.of(reference)
	if err != nil {
		return err
	}
	return driver.Remember(ctx, reference, image)
}

func (d Drivers) of(reference workload.Reference) (Driver, error) {
	driver, found := d[reference.Kind()]
	if !found {
		return nil, fmt.Errorf("%s: nothing rolls out on a workload of the kind %q", reference, reference.Kind())
	}
	return driver, nil
}
