package eks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"davit/shared/workload"
	"davit/shared/workload/eks/cluster"
)

// pod is the part of a Pod that matters here.
type pod struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		InitContainers []container `json:"initContainers"`
		Containers     []container `json:"containers"`
	} `json:"spec"`
	Status struct {
		StartTime             time.Time         `json:"startTime"`
		Conditions            []condition       `json:"conditions"`
		InitContainerStatuses []containerStatus `json:"initContainerStatuses"`
		ContainerStatuses     []containerStatus `json:"containerStatuses"`
	} `json:"status"`
}

type containerStatus struct {
	Name         string         `json:"name"`
	RestartCount int            `json:"restartCount"`
	State        containerState `json:"state"`
	LastState    containerState `json:"lastState"`
}

type containerState struct {
	Waiting *struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"waiting"`
	Terminated *struct {
		ExitCode int    `json:"exitCode"`
		Reason   string `json:"reason"`
		Message  string `json:"message"`
	} `json:"terminated"`
}

// notStarted are the reasons for which a container waits that never ran, by which its restarts are not counted
// (kubernetes.io/docs/concepts/containers/images, "ImagePullBackOff", and pkg/kubelet/images and kuberuntime).
var notStarted = []string{
	"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable",
	"SignatureValidationFailed", "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError",
}

// pods lists the workload's pods.
func (d *Driver) pods(ctx context.Context, reference workload.Reference, of *object) ([]pod, error) {
	request := cluster.Request{Path: "/api/v1/namespaces/" + reference.Namespace() + "/pods", Query: of.Spec.Selector.query()}
	var all []pod
	for page, err := range cluster.Pages[pod](ctx, d.clusters, reference.Cluster(), request) {
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return all, nil
}

// judge completes what is known of a deployment by the pods that run its images: how often they failed, whether they wait
// for capacity, and when the last of them was placed.
func judge(of *workload.Deployment, seen *object, pods []pod, now time.Time) {
	var unplaced []string
	failing := []pod{}
	for _, one := range pods {
		if one.Metadata.DeletionTimestamp != nil || !one.runs(seen.template) {
			continue
		}
		placed := one.condition("PodScheduled")
		if placed.Status == "False" && placed.Reason == "Unschedulable" {
			unplaced = append(unplaced, placed.Message)
		}
		if placed.Status == "True" && placed.LastTransitionTime.After(of.PlacedAt) {
			of.PlacedAt = placed.LastTransitionTime
		}
		if failed := one.failures(now); failed > 0 {
			of.FailedTasks += failed
			failing = append(failing, one)
		}
	}
	if len(failing) > 0 {
		of.Reason = lines(failing)[0]
		return
	}
	switch refused := seen.condition("ReplicaFailure"); {
	case seen.Spec.Paused:
		of.Waits = "it is paused"
	case len(unplaced) > 0:
		of.Waits = fmt.Sprintf("%d pods cannot be placed: %s", len(unplaced), oneLine(unplaced[0]))
	case refused.Status == "True":
		of.Waits = "its pods cannot be created: " + oneLine(refused.Message)
	}
	if of.Waits != "" {
		of.State = workload.InProgress // a deadline that passed for want of capacity is no failure of the image
	}
}

// runs tells whether the pod runs the template's images. Others may have been put beside them.
func (p pod) runs(wanted template) bool {
	return covers(p.Spec.Containers, wanted.Spec.Containers) && covers(p.Spec.InitContainers, wanted.Spec.InitContainers)
}

func covers(have, wanted []container) bool {
	return !slices.ContainsFunc(wanted, func(one container) bool { return !slices.Contains(have, one) })
}

func (p pod) condition(kind string) condition {
	for _, one := range p.Status.Conditions {
		if one.Type == kind {
			return one
		}
	}
	return condition{}
}

// failures is how often containers of the pod failed to start or to go on. An init container that ended well has done
// what it should.
func (p pod) failures(now time.Time) int {
	failed := 0
	for _, one := range p.Status.InitContainerStatuses {
		failed += one.failures(now.Sub(p.Status.StartTime), true)
	}
	for _, one := range p.Status.ContainerStatuses {
		failed += one.failures(now.Sub(p.Status.StartTime), false)
	}
	return failed
}

// failures counts restarts, and the failure after the last one; of a container that never ran, what the kubelet must have
// tried in the pod's age.
func (s containerStatus) failures(age time.Duration, mayEnd bool) int {
	if waiting := s.State.Waiting; waiting != nil && slices.Contains(notStarted, waiting.Reason) {
		return tries(age)
	}
	failed := s.RestartCount
	if ended := s.State.Terminated; ended != nil && (ended.ExitCode != 0 || !mayEnd) {
		failed++
	}
	return failed
}

// tries is how often the kubelet has tried to start a container within a time: at once, and then after 10 seconds, doubled
// each time up to five minutes (kubernetes.io/docs/concepts/containers/images, "ImagePullBackOff").
func tries(within time.Duration) int {
	count := 1
	for pause, next := 10*time.Second, 10*time.Second; next <= within && count < 1000; count++ {
		pause = min(2*pause, 5*time.Minute)
		next += pause
	}
	return count
}

// lines tells how pods fail, the most frequent way first; those that fail alike share a line.
func lines(pods []pod) []string {
	alike := map[string][]string{}
	for _, one := range pods {
		if text := one.trouble(); text != "" {
			alike[text] = append(alike[text], one.Metadata.Name)
		}
	}
	texts := make([]string, 0, len(alike))
	for text, of := range alike {
		slices.Sort(of)
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(alike[b]), len(alike[a])), cmp.Compare(a, b))
	})
	told := make([]string, 0, min(len(texts), maximumEvidence))
	for _, text := range texts[:min(len(texts), maximumEvidence)] {
		who := "pod " + alike[text][0]
		if others := len(alike[text]); others > 1 {
			who = fmt.Sprintf("%d pods (%s and others)", others, alike[text][0])
		}
		told = append(told, oneLine(who+": "+text))
	}
	return told
}

// trouble says what is wrong with a pod; nothing where all is well.
func (p pod) trouble() string {
	var parts []string
	for _, one := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if text := one.trouble(); text != "" {
			parts = append(parts, "container "+one.Name+" "+text)
		}
	}
	if placed := p.condition("PodScheduled"); placed.Status == "False" {
		parts = append(parts, "cannot be placed: "+placed.Message)
	}
	return strings.Join(parts, "; ")
}

func (s containerStatus) trouble() string {
	var parts []string
	if waiting := s.State.Waiting; waiting != nil && waiting.Reason != "ContainerCreating" && waiting.Reason != "PodInitializing" {
		parts = append(parts, waiting.Reason)
		if slices.Contains(notStarted, waiting.Reason) && waiting.Message != "" {
			parts = append(parts, waiting.Message)
		}
	}
	for _, ended := range []containerState{s.State, s.LastState} {
		if ended.Terminated != nil && (ended.Terminated.ExitCode != 0 || s.RestartCount > 0) {
			text := fmt.Sprintf("exit code %d (%s)", ended.Terminated.ExitCode, ended.Terminated.Reason)
			if ended.Terminated.Message != "" {
				text += ": " + ended.Terminated.Message
			}
			parts = append(parts, text)
			break
		}
	}
	return strings.Join(parts, ", ")
}

const (
	maximumEvidence  = 20
	maximumLineRunes = 500
)

// oneLine keeps what a stranger wrote to one readable line.
func oneLine(text string) string {
	clean := []rune(strings.Join(strings.FieldsFunc(text, func(letter rune) bool {
		return unicode.IsSpace(letter) || unicode.IsControl(letter)
	}), " "))
	if len(clean) > maximumLineRunes {
		return string(clean[:maximumLineRunes]) + "…"
	}
	return string(clean)
}

// Evidence tells of the pods of a deployment that fail: what their containers wait for, and how they ended. Where the
// workload runs another template by now, it tells of the pods that are not of that one.
func (d *Driver) Evidence(ctx context.Context, reference workload.Reference, id string) ([]string, error) {
	seen, err := d.get(ctx, reference)
	if cluster.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: evidence of %s: %w", reference, id, err)
	}
	current, err := deployment(seen.Spec.Template)
	if err != nil {
		return nil, fmt.Errorf("%s: evidence of %s: %w", reference, id, err)
	}
	all, err := d.pods(ctx, reference, seen)
	if err != nil {
		return nil, fmt.Errorf("%s: evidence of %s: %w", reference, id, err)
	}
	own := slices.DeleteFunc(all, func(one pod) bool { return one.runs(seen.template) != (id == current) })
	return lines(own), nil
}
