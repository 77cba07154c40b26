package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"

	"davit/shared/workload"
)

// namedDriver observes every workload under its own name, or fails.
type namedDriver struct {
	Driver
	name string
	err  error
}

func (d namedDriver) Observe(_ context.Context, references []workload.Reference) (map[workload.Reference]workload.Observation, error) {
	if d.err != nil {
		return nil, d.err
	}
	seen := map[workload.Reference]workload.Observation{}
	for _, reference := range references {
		seen[reference] = workload.Observation{Workload: reference, Revision: d.name}
	}
	return seen, nil
}

func (d namedDriver) Start(context.Context, workload.Observation, Start) (string, error) {
	return d.name, d.err
}

func TestEachWorkloadGoesToTheDriverOfItsKind(t *testing.T) {
	var references []workload.Reference
	for _, text := range []string{"ecs:a/web", "eks:b/shop/web", "ecs:a/api", "ec2:i-0123456789abcdef0"} {
		reference, err := workload.ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}
		references = append(references, reference)
	}
	drivers := Drivers{workload.ECS: namedDriver{name: "ecs"}, workload.EKS: namedDriver{name: "eks"}}
	seen, err := drivers.Observe(t.Context(), references)
	if err == nil || !strings.Contains(err.Error(), `nothing rolls out on a workload of the kind "ec2"`) {
		t.Errorf("a host leads to %v", err)
	}
	for reference, want := range map[workload.Reference]string{references[0]: "ecs", references[1]: "eks", references[2]: "ecs"} {
		if seen[reference].Revision != want {
			t.Errorf("%s was observed by %q", reference, seen[reference].Revision)
		}
		if by, err := drivers.Start(t.Context(), seen[reference], Start{}); by != want || err != nil {
			t.Errorf("%s was started by %q, %v", reference, by, err)
		}
	}
	broken := errors.New("broken")
	drivers[workload.EKS] = namedDriver{err: broken}
	if seen, err := drivers.Observe(t.Context(), references[:3]); !errors.Is(err, broken) || len(seen) != 2 {
		t.Errorf("a broken driver leaves %d workloads and %v", len(seen), err)
	}
}
