package eks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"davit/shared/workload"
)

// A revision is what the containers of a pod template run, such as "web=IMAGE" or "init/migrate=IMAGE,web=IMAGE", in the
// template's order. It is all that davit changes of a template, so it is all that davit puts back: whatever else was
// changed meanwhile stays.

// initPrefix marks containers that run before the others. No container's name has a slash.
const initPrefix = "init/"

// revision writes the images of the template.
func (t template) revision() string {
	parts := make([]string, 0, len(t.Spec.InitContainers)+len(t.Spec.Containers))
	for _, one := range t.Spec.InitContainers {
		parts = append(parts, initPrefix+one.Name+"="+one.Image)
	}
	for _, one := range t.Spec.Containers {
		parts = append(parts, one.Name+"="+one.Image)
	}
	return strings.Join(parts, ",")
}

// images reads a revision.
func images(revision string) (initial, regular []container, err error) {
	for part := range strings.SplitSeq(revision, ",") {
		name, image, found := strings.Cut(part, "=")
		if !found || name == "" || image == "" {
			return nil, nil, fmt.Errorf("%q is not a revision of a pod template", revision)
		}
		if before, isInitial := strings.CutPrefix(name, initPrefix); isInitial {
			initial = append(initial, container{Name: before, Image: image})
			continue
		}
		regular = append(regular, container{Name: name, Image: image})
	}
	return initial, regular, nil
}

// containers are those of the template; the ones that run before the others come first.
func (t template) containers() []workload.Container {
	all := make([]workload.Container, 0, len(t.Spec.InitContainers)+len(t.Spec.Containers))
	for _, one := range t.Spec.InitContainers {
		all = append(all, workload.Container{Name: one.Name, Image: one.Image})
	}
	for _, one := range t.Spec.Containers {
		all = append(all, workload.Container{Name: one.Name, Image: one.Image})
	}
	return all
}

// deployment names what Kubernetes brings up for a template, by the template itself: Kubernetes names it only when its
// controller has seen it. An autoscaler's change of the count does not change the name; any change of the template does.
func deployment(raw json.RawMessage) (string, error) {
	var document any
	if err := json.Unmarshal(raw, &document); err != nil {
		return "", fmt.Errorf("read the pod template: %w", err)
	}
	canonical, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("write the pod template: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return "template-" + hex.EncodeToString(sum[:6]), nil
}
