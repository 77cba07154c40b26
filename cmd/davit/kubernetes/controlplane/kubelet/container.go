package kubelet

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels of an image that say how its containers end, at once and each time. Containers of other images run until their
// pod is deleted.
const (
	// LabelExit is the exit code, 0 to 255.
	LabelExit = "davit.test.exit"
	// LabelOOM, "true", lets the kernel kill them for want of memory.
	LabelOOM = "davit.test.oom"
)

// Reasons of container states, as the kubelet of Kubernetes writes them.
const (
	reasonErrImagePull     = "ErrImagePull"
	reasonImagePullBackOff = "ImagePullBackOff"
	reasonInvalidImageName = "InvalidImageName"
	reasonCrashLoopBackOff = "CrashLoopBackOff"
	reasonOOMKilled        = "OOMKilled"
	reasonError            = "Error"
	reasonCompleted        = "Completed"
)

// The waits before a container is tried again are a tenth of those of Kubernetes, which begin with ten seconds and end
// with five minutes.
const (
	firstBackOff = time.Second
	lastBackOff  = 30 * time.Second
)

// attempt is what came of pulling an image: nil of both before the first attempt.
type attempt struct {
	image pulled
	err   error
}

// memory is what the kubelet keeps of a container beside its status.
type memory struct {
	// failures counts pulls and runs that failed, one after the other.
	failures int
	// due is when the next attempt may be made.
	due time.Time
}

// start is the next status of a container that does not run, after an attempt to pull its image and to run it.
func start(container *core.Container, status core.ContainerStatus, tried attempt, kept memory, now time.Time,
) (core.ContainerStatus, memory) {
	status.Name, status.Image = container.Name, container.Image
	status.Ready = false
	status.Started = new(bool)
	if tried.err != nil {
		status.State = core.ContainerState{Waiting: pullFailure(container.Image, tried.err)}
		return status, kept.failed(now)
	}
	status.ImageID = tried.image.id
	status.ContainerID = fmt.Sprintf("containerd://%064x", now.UnixNano())
	if end := end(tried.image.labels, status.ContainerID, now); end != nil {
		status.LastTerminationState = core.ContainerState{Terminated: end}
		status.RestartCount++
		kept = kept.failed(now)
		status.State = core.ContainerState{Waiting: &core.ContainerStateWaiting{
			Reason:  reasonCrashLoopBackOff,
			Message: fmt.Sprintf("back-off %s restarting failed container=%s", kept.due.Sub(now), container.Name),
		}}
		return status, kept
	}
	status.State = core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: meta.NewTime(now)}}
	*status.Started = true
	return status, memory{}
}

// backOff is the status of a container whose image could not be pulled, while it waits for the next attempt.
func backOff(container *core.Container, status core.ContainerStatus) core.ContainerStatus {
	waiting := status.State.Waiting
	if waiting == nil || waiting.Reason != reasonErrImagePull {
		return status
	}
	status.State = core.ContainerState{Waiting: &core.ContainerStateWaiting{
		Reason:  reasonImagePullBackOff,
		Message: fmt.Sprintf("Back-off pulling image %q: %s: %s", container.Image, waiting.Reason, waiting.Message),
	}}
	return status
}

// settle is the status of a container that runs: it is ready once the delay of its readiness probe has gone by, which is
// all that is taken from the probe. wait is how long that takes from now on, 0 if it is ready.
func settle(container *core.Container, status core.ContainerStatus, now time.Time) (next core.ContainerStatus, wait time.Duration) {
	delay := time.Duration(0)
	if container.ReadinessProbe != nil {
		delay = time.Duration(container.ReadinessProbe.InitialDelaySeconds) * time.Second
	}
	wait = max(0, status.State.Running.StartedAt.Add(delay).Sub(now))
	status.Ready = wait == 0
	return status, wait
}

// end is how a container of an image with these labels ends, nil if it runs on.
func end(labels map[string]string, container string, now time.Time) *core.ContainerStateTerminated {
	ended := &core.ContainerStateTerminated{StartedAt: meta.NewTime(now), FinishedAt: meta.NewTime(now), ContainerID: container}
	if labels[LabelOOM] == "true" {
		ended.Reason, ended.ExitCode = reasonOOMKilled, 137
		return ended
	}
	code, err := strconv.ParseUint(labels[LabelExit], 10, 8)
	if err != nil {
		return nil
	}
	ended.Reason, ended.ExitCode = reasonError, int32(code) // #nosec G115 -- at most 255
	if code == 0 {
		ended.Reason = reasonCompleted
	}
	return ended
}

// pullFailure says why an image could not be pulled, in the words of the kubelet and containerd.
func pullFailure(image string, err error) *core.ContainerStateWaiting {
	if errors.Is(err, errReference) {
		return &core.ContainerStateWaiting{
			Reason:  reasonInvalidImageName,
			Message: fmt.Sprintf("Failed to apply default image tag %q: couldn't parse image name %q: %v", image, image, errReference),
		}
	}
	message := fmt.Sprintf("rpc error: code = Unknown desc = failed to pull and unpack image %q: failed to resolve reference %q: %v",
		image, image, err)
	if errors.Is(err, errNotFound) {
		message = fmt.Sprintf("rpc error: code = NotFound desc = failed to pull and unpack image %q: failed to resolve reference %q: %s: not found",
			image, image, image)
	}
	return &core.ContainerStateWaiting{Reason: reasonErrImagePull, Message: message}
}

// failed is the memory after one more failure.
func (m memory) failed(now time.Time) memory {
	wait := firstBackOff << min(m.failures, 10)
	return memory{failures: m.failures + 1, due: now.Add(min(wait, lastBackOff))}
}
