package eks

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// memory is a container's memory limit, and what it requests of it, in MiB; a request of 0 is none.
type memory struct {
	container string
	MiB       int
	requested int
}

// limits are the containers that have a memory limit.
func limits(of *object) []memory {
	var template struct {
		Spec struct {
			Containers []struct {
				Name      string `json:"name"`
				Resources struct {
					Limits   map[string]string `json:"limits"`
					Requests map[string]string `json:"requests"`
				} `json:"resources"`
			} `json:"containers"`
		} `json:"spec"`
	}
	if json.Unmarshal(of.Spec.Template, &template) != nil {
		return nil
	}
	var found []memory
	for _, one := range template.Spec.Containers {
		if limit, err := inMebibytes(one.Resources.Limits["memory"]); err == nil && limit > 0 {
			requested, _ := inMebibytes(one.Resources.Requests["memory"])
			found = append(found, memory{container: one.Name, MiB: limit, requested: requested})
		}
	}
	return found
}

// memoryOf is the first of the limits that is meant; the zero value where none is.
func memoryOf(of *object, meant func(memory) bool) memory {
	for _, one := range limits(of) {
		if meant(one) {
			return one
		}
	}
	return memory{}
}

// hungry is the container that needs more memory: one that was killed for want of it, else the only one with a limit; or
// why none can be told.
func hungry(of *object, pods []pod) (memory, string) {
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			if !status.killedForMemory() {
				continue
			}
			if found := memoryOf(of, func(one memory) bool { return one.container == status.Name }); found.container != "" {
				return found, ""
			}
			return memory{}, fmt.Sprintf("container %s was killed for want of memory and has no limit of its own, so its node is too small", status.Name)
		}
	}
	switch all := limits(of); len(all) {
	case 0:
		return memory{}, "none of its containers has a memory limit"
	case 1:
		return all[0], ""
	default:
		return memory{}, fmt.Sprintf("%d of its containers have a memory limit, and none was killed for want of memory lately", len(all))
	}
}

// killedForMemory tells whether the container ended so, the last time that it did
// (kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource).
func (s containerStatus) killedForMemory() bool {
	for _, state := range []containerState{s.State, s.LastState} {
		if state.Terminated != nil {
			return state.Terminated.Reason == "OOMKilled"
		}
	}
	return false
}

// nextMemory is the next step up: a quarter more, in whole steps of 64 MiB.
func nextMemory(current int) int { return (current + (current+3)/4 + 63) / 64 * 64 }

// suffixes are those of quantities of memory (kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity).
var suffixes = []struct {
	text  string
	bytes float64
}{
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40}, {"Pi", 1 << 50}, {"Ei", 1 << 60},
	{"m", 1e-3}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}, {"E", 1e18}, {"", 1},
}

// inMebibytes reads a quantity, rounded down; nothing is 0.
func inMebibytes(quantity string) (int, error) {
	if quantity == "" {
		return 0, nil
	}
	for _, suffix := range suffixes {
		number, found := strings.CutSuffix(quantity, suffix.text)
		if !found {
			continue
		}
		value, err := strconv.ParseFloat(number, 64)
		if err != nil || value < 0 || math.IsInf(value, 0) || math.IsNaN(value) {
			continue
		}
		return int(min(value*suffix.bytes/(1<<20), math.MaxInt32)), nil
	}
	return 0, fmt.Errorf("%q is no quantity of memory", quantity)
}
