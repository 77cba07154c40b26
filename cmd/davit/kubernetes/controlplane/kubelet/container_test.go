package kubelet

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	moment = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	web    = &core.Container{Name: "web", Image: "registry/web:1"}
)

func TestStart(t *testing.T) {
	labelled := func(labels map[string]string) attempt {
		return attempt{image: pulled{id: "registry/web@sha256:1", labels: labels}}
	}
	for name, test := range map[string]struct {
		tried   attempt
		waiting string
		message string
		last    string
		code    int32
	}{
		"an image without labels runs":              {tried: labelled(nil)},
		"a label that is no exit code says nothing": {tried: labelled(map[string]string{LabelExit: "256"})},
		"a missing image is not found": {
			tried: attempt{err: errNotFound}, waiting: "ErrImagePull", message: "registry/web:1: not found",
		},
		"a registry that does not answer is no missing image": {
			tried: attempt{err: errors.New("connection refused")}, waiting: "ErrImagePull", message: "connection refused",
		},
		"a name that is none is invalid": {
			tried: attempt{err: fmt.Errorf("%w: x", errReference)}, waiting: "InvalidImageName", message: "invalid reference format",
		},
		"an image that fails is tried again later": {
			tried: labelled(map[string]string{LabelExit: "3"}), waiting: "CrashLoopBackOff", last: "Error", code: 3,
			message: "back-off 1s restarting failed container=web",
		},
		"an image that ends well is tried again, too": {
			tried: labelled(map[string]string{LabelExit: "0"}), waiting: "CrashLoopBackOff", last: "Completed",
		},
		"an image that wants too much memory is killed": {
			tried: labelled(map[string]string{LabelOOM: "true"}), waiting: "CrashLoopBackOff", last: "OOMKilled", code: 137,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, kept := start(web, core.ContainerStatus{}, test.tried, memory{}, moment)
			if test.waiting == "" {
				if status.State.Running == nil || kept != (memory{}) {
					t.Fatalf("got %+v %+v, want it to run", status, kept)
				}
				return
			}
			if waiting := status.State.Waiting; waiting == nil || waiting.Reason != test.waiting ||
				!strings.Contains(waiting.Message, test.message) {
				t.Errorf("got %+v, want %s %q", status.State, test.waiting, test.message)
			}
			if kept.failures != 1 || kept.due != moment.Add(firstBackOff) {
				t.Errorf("got %+v, want one failure and another attempt after %s", kept, firstBackOff)
			}
			last := status.LastTerminationState.Terminated
			if test.last == "" {
				if last != nil || status.RestartCount != 0 {
					t.Errorf("got %+v after %d restarts, want none", last, status.RestartCount)
				}
				return
			}
			if last == nil || last.Reason != test.last || last.ExitCode != test.code || status.RestartCount != 1 {
				t.Errorf("got %+v after %d restarts, want %s %d after one", last, status.RestartCount, test.last, test.code)
			}
		})
	}
}

func TestWaitsGrowToTheirBound(t *testing.T) {
	kept, waits := memory{}, []time.Duration{}
	for range 7 {
		kept = kept.failed(moment)
		waits = append(waits, kept.due.Sub(moment)/time.Second)
	}
	if got := fmt.Sprint(waits); got != "[1ns 2ns 4ns 8ns 16ns 30ns 30ns]" {
		t.Error(got)
	}
}

func TestBackOffTellsOfThePullThatFailed(t *testing.T) {
	status, _ := start(web, core.ContainerStatus{}, attempt{err: errNotFound}, memory{}, moment)
	status = backOff(web, status)
	waiting := status.State.Waiting
	if waiting.Reason != "ImagePullBackOff" ||
		!strings.HasPrefix(waiting.Message, `Back-off pulling image "registry/web:1": ErrImagePull: rpc error: code = NotFound`) {
		t.Errorf("got %+v", waiting)
	}
	if again := backOff(web, status); again.State.Waiting != waiting {
		t.Errorf("got %+v, want it to stay", again)
	}
}

func TestSettleWaitsForTheDelayOfTheProbe(t *testing.T) {
	probed := web.DeepCopy()
	probed.ReadinessProbe = &core.Probe{InitialDelaySeconds: 5}
	running := core.ContainerStatus{State: core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: meta.NewTime(moment)}}}
	if status, wait := settle(probed, running, moment.Add(2*time.Second)); status.Ready || wait != 3*time.Second {
		t.Errorf("after 2 s: ready %t, another %s; want 3 s", status.Ready, wait)
	}
	if status, wait := settle(probed, running, moment.Add(5*time.Second)); !status.Ready || wait != 0 {
		t.Errorf("after 5 s: ready %t, another %s", status.Ready, wait)
	}
	if status, wait := settle(web, running, moment); !status.Ready || wait != 0 {
		t.Errorf("without a probe: ready %t, another %s", status.Ready, wait)
	}
}
